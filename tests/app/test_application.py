"""The program as a process: how it starts, what it survives, how it ends."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt, QThreadPool, QTimer, QtMsgType, qWarning
from PySide6.QtGui import QStyleHints
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from app import application
from app.log import LogStore
from app.look import Look
from app.session import Session
from app.settings import SettingsFile
from app.theme import DARK, LIGHT
from app.ui.result_viewer import ResultViewer
from core.workflow.operations import AddNode
from core.workflow.records import Node
from resources import READY_GRAPH

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


class Acts(logging.Handler):
    """What a started program does once its window is up; what it finds goes to stdout as JSON lines."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.act = getattr(self, act)

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "The window is up":
            tell(up=True, torch="torch" in sys.modules)
            self.then(self.act, lambda: bool(self.session.documents))

    @property
    def window(self) -> Any:
        (window,) = [w for w in QApplication.topLevelWidgets() if type(w).__name__ == "MainWindow"]
        return window

    @property
    def session(self) -> Session:
        return self.window._services.session

    def then(self, act: Callable[[], object], ready: Callable[[], bool]) -> None:
        """Acts as soon as something is so."""
        timer = QTimer(self.window, interval=10)

        def look() -> None:
            if ready():
                timer.stop()
                act()

        timer.timeout.connect(look)
        timer.start()

    def close_window(self) -> None:
        tell(documents=[(opened.name, opened.is_dirty) for opened in self.session.documents])
        self.window.close()

    def close_behind_a_picture(self) -> None:
        viewer = self.window.dock(ResultViewer)
        viewer.view.zoomed.connect(lambda _: self._fill_screen(viewer))
        viewer.show_pictures([ROOT / "tests/golden/workflows/inputs/n_a.png"])

    def _fill_screen(self, viewer: ResultViewer) -> None:
        viewer.view.zoomed.disconnect()
        viewer.full_screen()
        tell(full=any(w.isFullScreen() for w in QApplication.topLevelWidgets()))
        QTimer.singleShot(0, self.window.close)

    def close_and_discard(self) -> None:
        for opened in self.session.documents:
            self.session.discard_changes(opened)
        self.window._may_close = True
        self.close_window()

    def edit(self) -> None:
        """Leaves unsaved changes and waits to be ended from outside."""
        self.session.documents[0].do(AddNode(Node("777", "Note")), "Add Note")
        tell(edited=True)

    def fail(self) -> None:
        """A mistake in a slot: the program tells of it and goes on."""
        QTimer.singleShot(0, lambda: [].pop())
        QTimer.singleShot(0, lambda: {}["again"])
        self.then(self._read_box, lambda: bool(self.window.findChildren(QMessageBox)))

    def _read_box(self) -> None:
        boxes = self.window.findChildren(QMessageBox)
        tell(texts=[box.text() for box in boxes])
        boxes[0].accept()
        self.then(self.close_window, lambda: not self.window.findChildren(QMessageBox))

    def wait_for_files(self) -> None:
        tell(waiting=True)
        self.then(self.close_window, lambda: len(self.session.documents) > 1)

    def wait_for_executor(self) -> None:
        self.window._services.executor.ready.connect(lambda device: tell(device=device))
        self.window._services.executor.ready.connect(self.close_window)

    def break_off(self) -> None:
        raise AssertionError("the window must not come up")


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def start(folder: Path, act: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Starts the program with warnings as errors."""
    command = [sys.executable, "-X", "dev", "-W", "error", __file__, act]
    command += [
        "--profile",
        folder / "profile",
        "--models",
        folder,
        "--output",
        folder / "output",
        *arguments,
    ]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    words = [str(word) for word in command]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], list[str]]:
    """Exit status, what was told, and what stood on stderr beside what the platform without a screen says."""
    with process:
        try:
            out, err = process.communicate(timeout=200)
        finally:
            process.kill()  # nothing of one that hangs is left to the tests after this one
    told = {key: value for line in out.splitlines() for key, value in json.loads(line).items()}
    return (
        process.returncode,
        told,
        [line for line in err.splitlines() if "plugin does not support" not in line],
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) and word not in line:
        pass
    assert line, process.stderr and process.stderr.read()


def test_the_window_comes_first_torch_later_and_all_ends_cleanly(tmp_path: Path) -> None:
    status, told, said = finish(start(tmp_path, "wait_for_executor", "--device", "cpu"))
    assert (status, said) == (0, [])
    assert told == {"up": True, "torch": False, "device": "cpu", "documents": [["Untitled", False]]}
    assert not list((tmp_path / "profile/recovery").iterdir())


def test_closed_while_torch_is_loading_it_ends_cleanly(tmp_path: Path) -> None:
    status, told, said = finish(start(tmp_path, "close_window"))
    assert (status, said) == (0, [])
    assert told["documents"] == [["Untitled", False]]


def test_a_mistake_in_a_slot_is_told_once_and_the_program_goes_on(tmp_path: Path) -> None:
    status, told, said = finish(start(tmp_path, "fail"))
    assert status == 0
    (text,) = told["texts"]
    assert "mistake in Darkroom" in text
    assert "IndexError" in text
    reports = list((tmp_path / "profile/log").iterdir())
    assert any(str(report) in text for report in reports)
    assert any("KeyError" in report.read_text("utf-8") for report in reports)
    assert sum("Traceback" in line for line in said) == 2


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_unsaved_changes_come_back(tmp_path: Path, kind: signal.Signals) -> None:
    process = start(tmp_path, "edit")
    wait_for(process, "edited")
    process.send_signal(kind)
    assert finish(process)[::2] == (0, [])
    assert "panels" in (tmp_path / "profile/layout.ini").read_text("utf-8")
    status, told, said = finish(start(tmp_path, "close_and_discard"))
    assert (status, said) == (0, [])
    assert told["documents"] == [["Untitled", True]]


def test_a_second_start_hands_its_files_to_the_first(tmp_path: Path) -> None:
    shutil.copy(READY_GRAPH, tmp_path / "given.json")
    first = start(tmp_path, "wait_for_files")
    wait_for(first, "waiting")
    assert finish(start(tmp_path, "break_off", tmp_path / "given.json")) == (0, {}, [])
    status, told, said = finish(first)
    assert (status, said) == (0, [])
    assert told["documents"] == [["Untitled", False], ["given.json", False]]


def test_files_named_on_the_command_line_are_opened(tmp_path: Path) -> None:
    shutil.copy(READY_GRAPH, tmp_path / "given.json")
    status, told, _ = finish(start(tmp_path, "close_window", tmp_path / "given.json"))
    assert (status, told["documents"]) == (0, [["given.json", False]])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, told, said = finish(start(tmp_path, "break_off", "--models", tmp_path / "nowhere"))
    assert (status, told) == (2, {})
    assert len(said) == 1
    assert "nowhere" in said[0]


def test_a_window_that_cannot_be_made_leaves_nothing_running(tmp_path: Path) -> None:
    status, _, said = finish(start(tmp_path, "broken_window"))
    assert status == 1
    assert "mistake in Darkroom" in said[0]


def test_closing_ends_it_also_while_a_picture_fills_the_screen(tmp_path: Path) -> None:
    status, told, said = finish(start(tmp_path, "close_behind_a_picture"))
    assert (status, said) == (0, [])
    assert told["full"]


# Parts that need no process of their own.


def test_what_qt_and_python_say_is_in_the_log(qapp: QApplication) -> None:
    del qapp
    log = LogStore()
    with application._logged_to(log):
        qWarning("what Qt says")
        logging.getLogger("library").error("what a library %s", "says")
    logging.getLogger("library").error("too late")
    records = [(record.level, record.text) for record in log.since(0)]
    assert records == [(logging.WARNING, "what Qt says"), (logging.ERROR, "what a library says")]
    assert set(application._LEVELS) == set(QtMsgType)


def test_mistakes_on_threads_of_qt_are_logged_and_open_no_box(qapp: QApplication) -> None:
    del qapp
    told: list[BaseException] = []
    log, pool = LogStore(), QThreadPool()
    with application._logged_to(log), application._crashes_told(told.append):
        pool.start(lambda: [].pop())
        pool.waitForDone()
    assert told == []
    assert any("IndexError" in record.text for record in log.since(0))


def test_the_first_paint_is_told_once(qtbot: Any) -> None:
    widget, seen = QWidget(), []
    qtbot.addWidget(widget)
    first = application._FirstPaint(widget)
    first.seen.connect(lambda: seen.append(True))
    assert first.eventFilter(widget, QEvent(QEvent.Type.Move)) is False
    with qtbot.waitSignal(first.seen):
        widget.show()
    widget.repaint()
    QApplication.processEvents()
    assert seen == [True]


def test_the_look_follows_settings_and_desktop(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, heard = SettingsFile(tmp_path / "settings.json"), []
    hints, font, palette, sheet = qapp.styleHints(), qapp.font(), qapp.palette(), qapp.styleSheet()
    look = Look(qapp, settings)
    look.changed.connect(lambda: heard.append(look.theme))
    try:
        # The platform without a screen has no scheme that could be changed.
        monkeypatch.setattr(QStyleHints, "colorScheme", lambda _: Qt.ColorScheme.Light)
        hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
        assert (look.theme, heard) == (LIGHT, [LIGHT])
        settings.change(theme="dark")
        assert (look.theme, heard) == (DARK, [LIGHT, DARK])
        assert qapp.palette().window().color().name() == DARK.window
        settings.change(theme="system", text_scale=2.0)
        assert heard == [LIGHT, DARK, LIGHT]
        assert qapp.font().pointSizeF() == pytest.approx(2 * font.pointSizeF(), rel=0.1)
    finally:
        look.close()
        qapp.setFont(font)
        qapp.setPalette(palette)
        qapp.setStyleSheet(sheet)
    settings.change(theme="dark")
    assert heard == [LIGHT, DARK, LIGHT], "it follows nothing any more"


def _broken_window() -> None:
    """Lets the making of the window fail after everything else was made."""
    from app.ui import main_window

    def fail(*_: object) -> None:
        raise RuntimeError("no window today")

    main_window.MainWindow.__init__ = fail  # type: ignore[method-assign]


def _program(act: str, arguments: list[str]) -> int:
    from app.cli import main

    if act == "broken_window":
        _broken_window()
    else:
        logging.getLogger("app.application").addHandler(Acts(act))
    return main(arguments)


if __name__ == "__main__":
    sys.exit(_program(sys.argv[1], sys.argv[2:]))
