"""The window: tabs, panels, layout, saving, closing, dropping, messages."""

from __future__ import annotations

import gc
import json
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.window import Parts
from PIL import Image
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox, QTabBar

from app.documents import OpenDocument
from app.executor import JobBegan, JobEnded
from app.jobs import Job, JobState, Pause
from app.profile import Profile
from app.templates import NAMES, path_of, templates
from app.theme import DARK, LIGHT
from app.ui.empty_state import EmptyCanvas
from app.ui.library_dock import LibraryDock
from app.ui.main_window import MainWindow
from app.ui.messages import Level
from app.ui.panels import TitleBar, Untitled, floating, is_in_front
from app.ui.properties_dock import NodePage, PropertiesDock
from app.ui.queue_dock import QueueDock
from core.errors import NodeError
from core.events import NodeFailed
from core.folders import Folders
from core.graph import PromptGraph
from core.store.database import open_database
from core.store.jobs import JobStore
from core.workflow.comfy_json import write_document
from core.workflow.operations import SetTitle
from resources import READY_GRAPH

Start = Callable[[], Parts]
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def start(qapp: object, tmp_path: Path, folders: Folders) -> Iterator[Start]:
    """Starts the window on one profile; the one before it ends."""
    running: list[Parts] = []

    def begin() -> Parts:
        while running:
            running.pop().end()
        running.append(Parts(tmp_path / "profile", folders))
        return running[0]

    yield begin
    while running:
        running.pop().end()


@pytest.fixture
def parts(start: Start, qtbot: Any) -> Parts:
    parts = start()
    parts.window.resize(1200, 800)
    parts.window.show()
    parts.window.activateWindow()
    qtbot.waitUntil(parts.window.isActiveWindow)
    return parts


@pytest.fixture
def window(parts: Parts) -> MainWindow:
    return parts.window


def rename(parts: Parts, title: str = "New title") -> None:
    opened = parts.session.documents[-1]
    opened.do(SetTitle(next(iter(opened.document.nodes)), title), "Rename node")


def answer(parts: Parts, text: str) -> None:
    box = parts.dialogs[-1]
    assert isinstance(box, QMessageBox)
    button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
    QTest.mouseClick(button, LEFT)


def choose(parts: Parts, path: Path) -> None:
    dialog = parts.dialogs[-1]
    assert isinstance(dialog, QFileDialog)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.setDirectory(str(path.parent))
    dialog.selectFile(path.name)
    dialog.accept()


# --- tabs


def test_without_documents_it_says_what_can_be_done(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    assert window.welcome.isVisible()
    assert window.canvas is None
    assert not window.commands["file.save"].isEnabled()
    assert window.windowTitle() == "Darkroom[*]"
    window.do("run.queue")
    window.do("edit.undo")
    window.welcome.new_wanted.emit()
    parts.session.settle()
    assert window.tabs.isVisible()
    assert window.canvas is not None
    assert window.canvas.viewer().hasFocus()


def test_an_empty_document_says_how_to_begin(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    parts.session.new()
    canvas = window.canvas
    assert canvas is not None
    (hint,) = canvas.viewer().viewport().findChildren(EmptyCanvas)
    assert hint.isVisible()
    qtbot.waitUntil(lambda: hint.size() == canvas.viewer().viewport().size())
    middle = canvas.viewer().viewport().rect().center()
    QTest.mouseDClick(canvas.viewer().viewport(), LEFT, NONE, middle)
    qtbot.waitUntil(lambda: canvas.search.popup.isVisible())
    canvas.search.close()
    canvas.add_by_user("KSampler", QPointF(0, 0))
    assert not hint.isVisible()
    window.do("edit.undo")
    assert hint.isVisible()


def test_the_file_menu_offers_the_templates(parts: Parts, window: MainWindow) -> None:
    menu = next(m for m in window.findChildren(QMenu) if m.title() == "New from Template")
    assert menu.toolTipsVisible()
    shown = [(entry.text(), entry.toolTip()) for entry in menu.actions()]
    assert shown == [(template.title, template.description) for template in templates()]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_opens_as_a_new_document_each_time(parts: Parts, window: MainWindow, name: str) -> None:
    for tab in ("Untitled", "Untitled 2"):
        window.commands[f"file.new_{name}"].trigger()
        parts.session.settle()
        opened = parts.session.documents[-1]
        assert (opened.name, opened.path, opened.is_dirty) == (tab, None, False)
        assert window.canvas is window.canvas_of(opened)
        assert write_document(opened.document) == json.loads(path_of(name).read_bytes())
    assert parts.session.recent_files() == []


def test_a_tab_tells_of_unsaved_changes(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    assert window.tabs.tabText(0) == "Untitled"
    assert not window.isWindowModified()
    rename(parts)
    assert window.tabs.tabText(0) == "● Untitled"
    assert window.isWindowModified()
    assert window.windowTitle() == "Untitled[*] - Darkroom"
    window.do("edit.undo")
    assert window.tabs.tabText(0) == "Untitled"


def test_undo_names_the_step(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    undo, redo = window.commands["edit.undo"], window.commands["edit.redo"]
    assert not undo.isEnabled()
    rename(parts)
    assert undo.text() == "Undo Rename node"
    undo.trigger()
    assert (undo.text(), redo.text()) == ("Undo", "Redo Rename node")
    assert not undo.isEnabled()


def test_tabs_are_turned_moved_and_closed(parts: Parts, window: MainWindow) -> None:
    first, second, third = (parts.session.new() for _ in range(3))
    assert window.canvas is window.canvas_of(third)
    QTest.keyClick(window, Qt.Key.Key_Tab, CTRL)
    assert window.canvas is window.canvas_of(first)
    QTest.keyClick(window, Qt.Key.Key_Backtab, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert window.canvas is window.canvas_of(third)
    window.tabs.tabBar().moveTab(2, 0)
    assert parts.session.documents == [third, first, second]
    middle = window.tabs.tabBar().tabRect(1).center()
    QTest.mouseClick(window.tabs.tabBar(), Qt.MouseButton.MiddleButton, NONE, middle)
    assert parts.session.documents == [third, second]
    QTest.keyClick(window, Qt.Key.Key_W, CTRL)
    QTest.keyClick(window, Qt.Key.Key_W, CTRL)
    assert parts.session.documents == []
    assert window.welcome.isVisible()


def test_many_tabs_can_be_told_apart(parts: Parts, window: MainWindow) -> None:
    for _ in range(12):
        opened = parts.session.new()
        name = "a_workflow_with_quite_a_long_name_of_its_own.json"
        window.tabs.show_title(window.canvas_of(opened).viewer(), name, "", False)
    bar = window.tabs.tabBar()
    em = bar.fontMetrics().height()
    assert all(10 * em <= bar.tabRect(index).width() <= 19 * em for index in range(bar.count()))
    assert bar.rect().intersects(bar.tabRect(11)), "the one in front is in view"


def test_the_plus_opens_an_empty_document(parts: Parts, window: MainWindow) -> None:
    parts.session.new()
    QTest.mouseClick(window.tabs.plus, LEFT)
    assert [opened.name for opened in parts.session.documents] == ["Untitled", "Untitled 2"]


def test_a_file_that_is_open_comes_to_the_front(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(READY_GRAPH.read_bytes())
    window.open_paths([file])
    parts.session.settle()
    parts.session.new()
    window.open_paths([file])
    assert window.canvas is window.canvas_of(parts.session.documents[0])
    assert window.tabs.tabToolTip(0) == str(file)


def test_closed_tabs_leave_nothing_behind(parts: Parts, window: MainWindow) -> None:
    def counted() -> Counter[str]:
        owners = (window, parts.session, parts.pictures, parts.bridge)
        return Counter(type(part).__name__ for owner in owners for part in owner.findChildren(QObject))

    def open_and_close() -> list[weakref.ref[object]]:
        opened = parts.ready_graph()
        canvas = window.canvas_of(opened)
        window.do("edit.find")
        canvas.select([next(iter(opened.document.nodes))])
        rename(parts)
        parts_of_it = (opened, opened.document, canvas, canvas.viewer(), canvas.mirror, canvas.editors)
        parts.session.close(opened)
        return [weakref.ref(part) for part in parts_of_it]

    def swept() -> None:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()

    open_and_close()
    swept()
    before = counted()
    left = [ref for _ in range(5) for ref in open_and_close()]
    swept()
    assert [ref() for ref in left if ref() is not None] == []
    assert counted() == before


# --- saving and closing


def test_saving_asks_for_a_file_once(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    parts.ready_graph()
    rename(parts)
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    choose(parts, tmp_path / "mine.json")
    parts.session.settle()
    assert json.loads((tmp_path / "mine.json").read_text())["nodes"]
    assert window.tabs.tabText(0) == "mine.json"
    rename(parts, "Another")
    count = len(parts.dialogs)
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    parts.session.settle()
    assert len(parts.dialogs) == count
    assert "Another" in (tmp_path / "mine.json").read_text()
    assert not window.isWindowModified()


def test_recent_files_stand_in_the_menu_and_missing_ones_are_grey(
    parts: Parts, window: MainWindow, tmp_path: Path, qtbot: Any
) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(READY_GRAPH.read_bytes())
    window.open_paths([file])
    parts.session.settle()
    menu = next(m for m in window.findChildren(QMenu) if m.title() == "Open Recent")
    assert [action.text() for action in menu.actions()] == ["graph.json"]
    parts.session.close(parts.session.documents[0])
    file.unlink()
    with qtbot.waitSignal(parts.session.recent_changed):
        parts.session.look_for_recent()
    assert not menu.actions()[0].isEnabled()


def test_export_writes_the_api_format(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    parts.ready_graph()
    window.do("file.export_prompt")
    choose(parts, tmp_path / "api.json")
    parts.session.settle()
    assert "KSampler" in {n["class_type"] for n in json.loads((tmp_path / "api.json").read_text()).values()}


def test_closing_a_changed_tab_asks(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    parts.ready_graph()
    rename(parts)
    window.do("file.close")
    answer(parts, "Cancel")
    assert len(parts.session.documents) == 1
    window.do("file.close")
    answer(parts, "Save")
    choose(parts, tmp_path / "kept.json")
    parts.session.settle()
    assert parts.session.documents == []
    assert "New title" in (tmp_path / "kept.json").read_text()


def test_closing_the_window_asks_once_about_all(parts: Parts, window: MainWindow) -> None:
    for _ in range(2):
        parts.ready_graph()
        rename(parts)
    assert not window.close()
    box = parts.dialogs[-1]
    assert isinstance(box, QMessageBox)
    assert len(parts.dialogs) == 1
    for name in ("Untitled", "Untitled 2"):
        assert name in box.informativeText()
    answer(parts, "Cancel")
    assert window.isVisible()
    window.close()
    answer(parts, "Discard")
    assert not window.isVisible()


def test_closing_saves_all_and_stops_if_the_user_wants_no_file(
    parts: Parts, window: MainWindow, tmp_path: Path
) -> None:
    opened = parts.ready_graph()
    rename(parts)
    window.close()
    answer(parts, "Save")
    dialog = parts.dialogs[-1]
    assert isinstance(dialog, QFileDialog)
    dialog.reject()
    assert window.isVisible()
    opened.mark_saved(tmp_path / "a.json")
    rename(parts, "Another")
    window.close()
    answer(parts, "Save")
    parts.session.settle()
    assert not window.isVisible()
    assert "Another" in (tmp_path / "a.json").read_text()


def test_a_file_changed_by_others_is_not_written_over_unasked(
    parts: Parts, window: MainWindow, tmp_path: Path
) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(READY_GRAPH.read_bytes())
    window.open_paths([file])
    parts.session.settle()
    rename(parts)
    file.write_bytes(READY_GRAPH.read_bytes() + b"\n")
    window.do("file.save")
    parts.session.settle()
    assert "New title" not in file.read_text()
    answer(parts, "Write Over")
    parts.session.settle()
    assert "New title" in file.read_text()


def test_a_window_closed_while_a_file_is_read_opens_it_next_time(
    start: Start, parts: Parts, window: MainWindow, tmp_path: Path
) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(READY_GRAPH.read_bytes())
    window.files.open([file])
    window.close()
    again = start()
    again.program.show([])
    again.session.settle()
    assert [opened.name for opened in again.session.documents] == ["graph.json"]


# --- panels


def test_panels_lie_where_they_belong_and_come_back(start: Start, parts: Parts, window: MainWindow) -> None:
    area = Qt.DockWidgetArea
    assert window.dockWidgetArea(window.docks["window.library"]) == area.LeftDockWidgetArea
    assert window.dockWidgetArea(window.docks["window.properties"]) == area.RightDockWidgetArea
    assert window.docks["window.log"].isHidden()
    window.docks["window.library"].hide()
    window.addDockWidget(area.BottomDockWidgetArea, window.docks["window.properties"])
    window.close()
    again = start().window
    assert again.docks["window.library"].isHidden()
    assert not again.commands["window.library"].isChecked()
    assert again.dockWidgetArea(again.docks["window.properties"]) == area.BottomDockWidgetArea
    again.do("window.reset")
    assert not again.docks["window.library"].isHidden()
    assert again.dockWidgetArea(again.docks["window.properties"]) == area.RightDockWidgetArea


@pytest.mark.parametrize("size", [(900, 600), (1400, 900)])
def test_panels_are_wide_enough_to_be_read_at_first(start: Start, qtbot: Any, size: tuple[int, int]) -> None:
    window = start().window
    window.resize(*size)
    window.show()
    em = window.fontMetrics().height()
    library, properties = window.docks["window.library"], window.docks["window.properties"]
    wanted = min(em * 16, size[0] * 27 // 100)
    qtbot.waitUntil(lambda: abs(library.width() - wanted) <= 4)
    assert abs(properties.width() - min(em * 20, size[0] * 33 // 100)) <= 4
    window.resize(size[0] + 300, size[1])
    wanted = min(em * 16, (size[0] + 300) * 27 // 100)
    qtbot.waitUntil(lambda: abs(library.width() - wanted) <= 4)
    QTest.mousePress(window, LEFT, NONE, QPoint(5, 5))
    window.resizeDocks([library], [180], Qt.Orientation.Horizontal)
    window.resize(*size)
    qtbot.waitUntil(lambda: abs(library.width() - 180) <= 4)
    library.setFloating(True)
    window.do("window.reset")
    wanted = min(em * 16, size[0] * 27 // 100)
    qtbot.waitUntil(lambda: abs(library.width() - wanted) <= 4)


def test_a_window_that_was_off_screen_comes_back_onto_it(start: Start, parts: Parts) -> None:
    parts.window.move(9000, 9000)
    parts.window.close()
    window = start().window
    window.show()
    screen = window.screen().availableGeometry()
    assert screen.contains(window.frameGeometry().center())


def test_panels_behind_tabs_have_one_title(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    preview, library = window.docks["window.preview"], window.docks["window.library"]
    qtbot.waitUntil(lambda: isinstance(preview.titleBarWidget(), Untitled))
    qtbot.waitUntil(lambda: isinstance(library.titleBarWidget(), TitleBar))
    window.docks["window.viewer"].hide()
    qtbot.waitUntil(lambda: isinstance(preview.titleBarWidget(), TitleBar))
    library.setFloating(True)
    qtbot.waitUntil(lambda: library.titleBarWidget() is None)
    library.setFloating(False)
    qtbot.waitUntil(lambda: isinstance(library.titleBarWidget(), TitleBar))


def test_each_panel_is_hidden_shown_and_raised_by_its_switch(
    parts: Parts, window: MainWindow, qtbot: Any
) -> None:
    for name, dock in window.docks.items():
        for others in window.docks.values():
            others.show()
        dock.raise_()
        qtbot.waitUntil(lambda dock=dock: is_in_front(dock))
        for other in window.tabifiedDockWidgets(dock):
            assert not is_in_front(other)
        window.do(name)
        assert dock.isHidden(), name
        window.do(name)
        qtbot.waitUntil(lambda dock=dock: is_in_front(dock))


def test_every_panel_floats_and_comes_back_by_its_menu_entry(
    parts: Parts, window: MainWindow, qtbot: Any
) -> None:
    for name, dock in window.docks.items():
        area, beside = window.dockWidgetArea(dock), set(window.tabifiedDockWidgets(dock))
        entry = window.commands[floating(name)]
        assert entry.text() == f"Float {dock.windowTitle()}"
        entry.trigger()
        assert dock.isFloating()
        assert dock.isVisible(), "also one that was hidden"
        assert entry.isChecked()
        entry.trigger()
        assert not dock.isFloating()
        assert not entry.isChecked()
        assert window.dockWidgetArea(dock) == area
        # One that was hidden has had its neighbours come back with it.
        assert beside <= set(window.tabifiedDockWidgets(dock))
        qtbot.waitUntil(lambda dock=dock: is_in_front(dock))


@pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard")
def test_the_tab_of_a_panel_has_a_menu_that_floats_it(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    queue = window.dock(QueueDock)
    bars = [bar for bar in window.findChildren(QTabBar) if "Queue" in map(bar.tabText, range(bar.count()))]
    (bar,) = bars
    qtbot.waitUntil(lambda: bar.contextMenuPolicy() == Qt.ContextMenuPolicy.CustomContextMenu)
    tab = next(index for index in range(bar.count()) if bar.tabText(index) == "Queue")
    bar.customContextMenuRequested.emit(bar.tabRect(tab).center())
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    entry = next(action for action in menu.actions() if action.text() == "Float Queue")
    entry.trigger()
    menu.close()
    assert queue.isFloating()
    window.panels.menu_of(queue).actions()[0].trigger()
    assert not queue.isFloating()


def test_keys_of_panels_show_raise_and_hide_them(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    parts.ready_graph()
    assert window.canvas is not None
    canvas, queue = window.canvas.viewer(), window.dock(QueueDock)
    canvas.setFocus()
    qtbot.waitUntil(lambda: queue.visibleRegion().isEmpty())
    QTest.keyClick(canvas, Qt.Key.Key_Q)  # it lies behind the properties
    qtbot.waitUntil(lambda: not queue.visibleRegion().isEmpty())
    assert window.commands["window.queue"].isChecked()
    QTest.keyClick(canvas, Qt.Key.Key_Q)
    assert queue.isHidden()
    assert not window.commands["window.queue"].isChecked()
    QTest.keyClick(canvas, Qt.Key.Key_Q)
    assert not queue.isHidden()


def test_letters_are_text_while_typing(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    search = window.dock(LibraryDock).search
    search.setFocus()
    QTest.keyClicks(search, "qnf")
    assert search.text() == "qnf"
    assert not window.docks["window.library"].isHidden()


def test_focus_mode_leaves_the_canvas_and_gives_all_back(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    assert window.canvas is not None
    canvas = window.canvas.viewer()
    shown = {name for name, dock in window.docks.items() if not dock.isHidden()}
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert all(dock.isHidden() for dock in window.docks.values())
    assert window.tools.isHidden()
    assert window.menuBar().isHidden()
    assert canvas.hasFocus()
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert {name for name, dock in window.docks.items() if not dock.isHidden()} == shown
    assert window.menuBar().isVisible()


def test_closing_in_focus_mode_keeps_the_layout(start: Start, parts: Parts, window: MainWindow) -> None:
    window.do("window.focus")
    window.close()
    again = start().window
    assert not again.docks["window.library"].isHidden()


def test_one_press_queues_several_jobs_with_their_own_seeds(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    opened = parts.session.documents[-1]
    window.tools.times.setValue(3)
    window.do("run.queue")
    parts.queue.settle()
    jobs = [parts.queue.running, *parts.queue.pending]
    assert len({job.seeds for job in jobs if job is not None}) == 3
    assert opened.history.undo_labels == ["Next seed"]
    opened.undo()
    assert opened.history.undo_labels == []


# --- settings and theme


def test_switches_change_settings_and_follow_them(parts: Parts, window: MainWindow) -> None:
    window.commands["view.snap"].trigger()
    assert parts.settings.settings.snap_to_grid
    parts.settings.change(snap_to_grid=False, keys={"file.new": ["Ctrl+Alt+N"]})
    assert not window.commands["view.snap"].isChecked()
    assert window.commands["file.new"].shortcut().toString() == "Ctrl+Alt+N"
    parts.settings.change(previews=False)
    assert parts.executor.preview_seconds is None
    parts.settings.change(previews=True, stop_at_first_error=True)
    assert parts.executor.preview_seconds is not None
    assert parts.executor.stop_at_first_error


def test_settings_that_cannot_be_kept_are_told(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "profile/settings.json").mkdir()
    window.do("view.snap")
    assert window.commands["view.snap"].isChecked()
    assert "not for the next start" in window.messages.bars[-1].title


def _places(image: QImage) -> Iterator[tuple[int, int]]:
    return ((x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3))


def test_theme_reaches_every_part(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    parts.settings.change(theme="light")
    assert window.theme is LIGHT
    assert window.canvas is not None
    assert window.canvas.theme is LIGHT
    light = window.canvas.minimap.grab().toImage()
    parts.settings.change(theme="dark", text_scale=1.5)
    assert window.theme is DARK
    dark = window.canvas.minimap.grab().toImage()
    bright = QColor(LIGHT.node).lightness()
    assert any(light.pixelColor(x, y).lightness() >= bright - 60 for x, y in _places(light))
    assert not any(dark.pixelColor(x, y).lightness() >= bright - 60 for x, y in _places(dark))


# --- running


def test_ctrl_enter_queues_also_while_typing(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    search = window.dock(LibraryDock).search
    search.setFocus()
    QTest.keyClick(search, Qt.Key.Key_Return, CTRL)
    parts.queue.settle()
    assert len(parts.queue.pending) == 1
    assert window.tools.run.text() == "Run (1)"
    QTest.mouseClick(window.tools.run, LEFT)
    parts.queue.settle()
    assert window.tools.run.text() == "Run (2)"
    window.do("run.clear")
    parts.queue.settle()
    assert window.tools.run.text() == "Run"


def test_what_is_being_typed_in_a_node_counts_for_the_run(parts: Parts, window: MainWindow) -> None:
    opened = parts.ready_graph()
    canvas = window.canvas
    assert canvas is not None
    sampler = next(n.id for n in opened.document.nodes.values() if n.type == "KSampler")
    rows = canvas.nodes[sampler].face.rows
    steps = next(i for i, row in enumerate(rows) if row.name == "steps")
    canvas.editors.open(sampler, steps)
    editor = window.focusWidget()
    QTest.keyClick(editor, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(editor, "7")
    QTest.keyClick(editor, Qt.Key.Key_Return, CTRL)
    parts.queue.settle()
    jobs: list[Job] = []
    parts.queue.read(parts.queue.pending[0], jobs.append)
    parts.queue.settle()
    assert jobs[0].graph.nodes[sampler].inputs["steps"] == 7


def test_an_empty_graph_says_why_nothing_runs(parts: Parts, window: MainWindow) -> None:
    parts.session.new()
    window.do("run.queue")
    assert "nothing to run" in window.messages.bars[-1].title
    QTest.mouseClick(window.messages.bars[-1].close_button, LEFT)
    assert window.messages.bars == []
    assert window.messages.isHidden()


def test_a_failed_job_is_told_with_its_cause(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    opened = parts.ready_graph()
    canvas = window.canvas
    assert canvas is not None
    node_id = next(iter(opened.document.nodes))
    job = Job(opened.key, opened.name, PromptGraph(), {})
    parts.queue.add(job)
    error = NodeError("no such model", node_id=node_id, class_type="X", inputs={}, kind="ValueError")
    error.__cause__ = ValueError("deep down")
    parts.queue.settle()
    parts.queue.start_next()
    parts.queue.settle()
    for event in (
        JobBegan(job.id, frozenset({node_id})),
        NodeFailed(job.id, node_id, node_id, error),
        JobEnded(job.id, JobState.FAILED, "no such model", 1.0),
    ):
        parts.executor.happened.emit(event)
    parts.queue.settle()
    assert "no such model" in window.messages.bars[-1].title
    canvas.select([node_id])
    page = window.dock(PropertiesDock).page
    assert isinstance(page, NodePage)
    assert "deep down" in page.run.details.toPlainText()


def fail(parts: Parts, opened: OpenDocument, node_id: str, display_id: str) -> Job:
    """A job of a document that has failed at a node, shown under another one."""
    job = Job(opened.key, opened.name, PromptGraph(), {})
    parts.queue.add(job)
    parts.queue.settle()
    parts.queue.start_next()
    parts.queue.settle()
    error = NodeError("no such model", node_id=node_id, class_type="X", inputs={}, kind="ValueError")
    for event in (
        JobBegan(job.id, frozenset({node_id})),
        NodeFailed(job.id, node_id, display_id, error),
        JobEnded(job.id, JobState.FAILED, "no such model", 1.0),
    ):
        parts.executor.happened.emit(event)
    parts.queue.settle()
    return parts.queue.ended[0]


def test_the_node_that_failed_can_be_shown(parts: Parts, window: MainWindow) -> None:
    opened = parts.ready_graph()
    canvas = window.canvas_of(opened)
    node_id = list(opened.document.nodes)[-1]
    canvas.viewer().centre_on(next(iter(opened.document.nodes)))
    job = fail(parts, opened, f"{node_id}:3", f"{node_id}:3")  # a node inside a subgraph
    parts.session.new()
    bar = window.messages.bars[-1]
    assert bar.remedy.text() == "Show Node"
    QTest.mouseClick(bar.remedy, LEFT)
    assert window.canvas is canvas
    assert canvas.selected_nodes() == [node_id]
    place = canvas.viewer().mapFromScene(canvas.nodes[node_id].sceneBoundingRect().center())
    off = place - canvas.viewer().viewport().rect().center()
    assert off.manhattanLength() < 5
    canvas.select([])
    entry = next(a for a in window.dock(QueueDock).menu_of(job).actions() if a.text() == "Show Failed Node")
    entry.trigger()
    assert canvas.selected_nodes() == [node_id]


def test_a_failed_node_that_is_gone_is_said_to_be(parts: Parts, window: MainWindow) -> None:
    opened = parts.ready_graph()
    node_id = next(iter(opened.document.nodes))
    fail(parts, opened, node_id, node_id)
    window.canvas_of(opened).select([node_id])
    window.do("edit.delete")
    QTest.mouseClick(window.messages.bars[-1].remedy, LEFT)
    assert "no longer in the graph" in window.status.currentMessage()
    parts.session.close(opened)
    QTest.mouseClick(window.messages.bars[-1].remedy, LEFT)
    assert "is closed" in window.status.currentMessage()


def test_a_long_name_in_a_message_takes_no_room_from_the_panels(parts: Parts, window: MainWindow) -> None:
    before = window.dock(LibraryDock).width()
    window.messages.tell(Level.ERROR, "a_name_without_any_break_in_it_" * 10)
    QApplication.processEvents()
    assert window.dock(LibraryDock).width() == before
    text = window.messages.bars[-1].text
    assert text.height() > text.fontMetrics().lineSpacing() * 1.5, "it goes on in a second line"


def test_the_device_is_told(parts: Parts, window: MainWindow) -> None:
    assert "Loading" in window.status.device.text()
    parts.executor.ready.emit("cpu")
    assert window.status.device.text() == "Ready on cpu"
    parts.executor.failed.emit("no torch here")
    assert "no torch here" in window.messages.bars[-1].title
    assert "Nothing can run" in window.dock(QueueDock).waiting_for.text()


# --- from elsewhere


def drop(window: MainWindow, paths: list[Path]) -> bool:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(5, 5), action, data, LEFT, NONE)
    enter.ignore()
    window.dragEnterEvent(enter)
    if enter.isAccepted():
        window.dropEvent(QDropEvent(QPointF(5, 5), action, data, LEFT, NONE))
    return enter.isAccepted()


def test_files_dropped_on_the_window_are_opened(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(READY_GRAPH.read_bytes())
    assert drop(window, [file])
    parts.session.settle()
    assert [opened.name for opened in parts.session.documents] == ["graph.json"]
    assert not drop(window, [tmp_path / "film.mkv"])


def test_a_model_dropped_is_chosen_in_its_loader_or_in_a_new_one(
    parts: Parts, window: MainWindow, folders: Folders, tmp_path: Path
) -> None:
    opened = parts.session.new()
    canvas = window.canvas
    assert canvas is not None
    model = folders.models[0] / "checkpoints/sub/paint.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    canvas.files_dropped.emit([model], QPointF(70, 80), "")
    (loader,) = opened.document.nodes.values()
    assert (loader.type, loader.pos, loader.widgets) == (
        "CheckpointLoaderSimple",
        (70, 80),
        ("sub/paint.safetensors",),
    )
    assert canvas.selected_nodes() == [loader.id]
    assert opened.history.undo_labels == ["Load paint.safetensors"]
    other = folders.models[0] / "checkpoints/other.ckpt"
    other.touch()
    canvas.files_dropped.emit([other], QPointF(0, 0), loader.id)
    assert [node.widgets for node in opened.document.nodes.values()] == [("other.ckpt",)]
    older = folders.models[0] / "clip/words.safetensors"
    older.parent.mkdir()
    older.touch()
    assert drop(window, [older])
    parts.session.settle()
    assert [node.type for node in opened.document.nodes.values()] == ["CheckpointLoaderSimple", "CLIPLoader"]
    assert [*opened.document.nodes.values()][1].widgets[0] == "words.safetensors"


def test_a_model_from_elsewhere_is_told_where_to_go(
    parts: Parts, window: MainWindow, folders: Folders, tmp_path: Path
) -> None:
    opened = parts.session.new()
    strange = tmp_path / "strange.ckpt"
    strange.touch()
    embedding = folders.models[0] / "embeddings/style.pt"
    embedding.parent.mkdir(parents=True)
    embedding.touch()
    assert drop(window, [strange, embedding])
    assert not opened.document.nodes
    assert window.messages.isVisible()
    said = [bar.text.text() for bar in window.messages.bars]
    assert any("strange.ckpt lies in no folder for models" in text for text in said)
    assert any(str(folders.models[0]) in text for text in said)
    assert any("no node that loads" in text for text in said)


def test_a_picture_dropped_on_a_loading_node_is_loaded_there(
    parts: Parts, window: MainWindow, folders: Folders, tmp_path: Path
) -> None:
    opened = parts.session.new()
    canvas = window.canvas
    assert canvas is not None
    node_id = canvas.add_by_user("LoadImage", QPointF(0, 0))
    assert node_id is not None
    picture, workflow = tmp_path / "cat.png", tmp_path / "graph.json"
    Image.new("RGB", (8, 8)).save(picture)
    workflow.write_bytes(READY_GRAPH.read_bytes())
    canvas.files_dropped.emit([workflow, picture], QPointF(0, 0), node_id)
    parts.session.settle()
    assert opened.document.node(node_id).widgets[0] == "cat.png"
    assert (folders.input / "cat.png").read_bytes() == picture.read_bytes()
    assert opened.history.undo_labels[0] == "Load cat.png"
    assert [d.name for d in parts.session.documents] == ["Untitled", "graph.json"]


def test_a_picture_for_a_tab_that_was_closed_meanwhile_goes_nowhere(
    parts: Parts, window: MainWindow, folders: Folders, tmp_path: Path
) -> None:
    parts.session.new()
    canvas = window.canvas
    assert canvas is not None
    node_id = canvas.add_by_user("LoadImage", QPointF(0, 0))
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    canvas.files_dropped.emit([tmp_path / "cat.png"], QPointF(0, 0), node_id)
    parts.session.close(canvas.opened)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    parts.session.settle()
    assert (folders.input / "cat.png").is_file()
    assert parts.session.documents == []


def test_fifty_files_dropped_at_once_leave_the_window_its_turns(
    parts: Parts, window: MainWindow, tmp_path: Path, qtbot: Any
) -> None:
    files = [tmp_path / f"{number}.json" for number in range(50)]
    for file in files:
        file.write_bytes(READY_GRAPH.read_bytes())
    assert drop(window, files)
    counts: list[int] = []
    timer = QTimer(window, interval=0)
    timer.timeout.connect(lambda: counts.append(len(parts.session.documents)))
    timer.start()
    qtbot.waitUntil(lambda: len(parts.session.documents) == 50, timeout=60_000)
    steps = [after - before for before, after in pairwise(counts)]
    assert max(steps) <= 2, steps


def test_an_unreadable_file_gives_a_message(parts: Parts, window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text("{")
    window.open_paths([file])
    parts.session.settle()
    assert "broken.json" in window.messages.bars[-1].title
    assert parts.session.documents == []


def test_a_node_from_the_library_lands_in_the_middle(parts: Parts, window: MainWindow) -> None:
    opened = parts.ready_graph()
    before = set(opened.document.nodes)
    window.dock(LibraryDock).add_wanted.emit("VAEDecode")
    (new,) = set(opened.document.nodes) - before
    canvas = window.canvas
    assert canvas is not None
    assert canvas.viewer().visible_scene().contains(*opened.document.node(new).pos)
    assert opened.history.undo_labels[0].startswith("Add")


def test_what_waits_is_there_after_a_restart(start: Start) -> None:
    parts = start()
    opened = parts.ready_graph()
    parts.window.do("run.queue")
    parts = start()
    parts.queue.settle()
    assert [job.name for job in parts.queue.pending] == [opened.name]
    assert parts.queue.pause is Pause.NONE
    assert parts.window.messages.bars == []


def test_after_a_crash_the_jobs_are_back_and_the_queue_is_paused(start: Start, tmp_path: Path) -> None:
    database = open_database(Profile(tmp_path / "profile").database_file)
    killed = JobStore(database, "999999999-1.00")
    for name in ("ran", "waited"):
        killed.add(Job("gone", name, PromptGraph(), {}))
    killed.take_next()
    database.close()
    parts = start()
    parts.queue.settle()
    assert [job.name for job in parts.queue.pending] == ["ran", "waited"]
    (bar,) = parts.window.messages.bars
    assert "ended unexpectedly; the queue is paused" in bar.title
    assert "ran was interrupted" in bar.title
    action = parts.window.commands["run.pause"]
    assert action.isChecked()
    assert "unexpectedly" in parts.window.dock(QueueDock).paused.text.text()
    bar.remedy.click()
    parts.queue.settle()
    assert parts.queue.pause is Pause.NONE
    assert not action.isChecked()
    parts.window.do("run.pause")
    parts.queue.settle()
    assert parts.queue.pause is Pause.ASKED


def test_settings_limit_the_queue(parts: Parts, window: MainWindow) -> None:
    parts.settings.change(queue_limit=1)
    parts.ready_graph()
    window.do("run.queue")
    parts.queue.settle()
    window.do("run.queue")
    parts.queue.settle()
    assert len(parts.queue.pending) == 1
    assert "The queue is full: no more than 1 may wait" in window.messages.bars[-1].title


def test_a_queued_workflow_opens_as_a_document(parts: Parts, window: MainWindow) -> None:
    opened = parts.ready_graph()
    window.do("run.queue")
    parts.queue.settle()
    (job,) = parts.queue.pending
    window.dock(QueueDock).open_job(job)
    parts.queue.settle()
    parts.session.settle()
    assert len(parts.session.documents) == 2
    assert set(parts.session.documents[1].document.nodes) == set(opened.document.nodes)


# --- dialogs and palette


def test_the_palette_finds_and_does_a_command(parts: Parts, window: MainWindow, qtbot: Any) -> None:
    parts.session.new()
    QTest.keyClick(window, Qt.Key.Key_P, CTRL | Qt.KeyboardModifier.ShiftModifier)
    line = window.focusWidget()
    QTest.keyClicks(line, "log")
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not window.docks["window.log"].isHidden())


@pytest.mark.parametrize("command_id", ["file.settings", "help.keys", "help.about", "file.open"])
def test_dialogs_open_and_close_without_blocking(parts: Parts, window: MainWindow, command_id: str) -> None:
    window.do(command_id)
    dialog = parts.dialogs[-1]
    assert dialog.isVisible()  # type: ignore[attr-defined]
    dialog.reject()  # type: ignore[attr-defined]


def test_find_opens_over_the_canvas(parts: Parts, window: MainWindow) -> None:
    parts.ready_graph()
    QTest.keyClick(window, Qt.Key.Key_F, CTRL)
    line = window.focusWidget()
    QTest.keyClicks(line, "ksampler")
    canvas = window.canvas
    assert canvas is not None
    assert [canvas.document.node(i).type for i in canvas.selected_nodes()] == ["KSampler"]


def test_many_remarks_are_folded(parts: Parts, window: MainWindow) -> None:
    parts.session.reported.emit("Some of it could not be taken", ["one", "two", "three"])
    bar = window.messages.bars[-1]
    assert not bar.details.isVisible()
    bar.more.click()
    assert bar.details.toPlainText() == "one\ntwo\nthree"
    for number in range(5):
        parts.session.reported.emit(f"message {number}", [])
    assert [bar.title for bar in window.messages.bars] == [f"message {n}" for n in (2, 3, 4)]
