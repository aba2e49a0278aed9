"""All that is kept of a job is shown, followed, and copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from helpers.stores import RUN, job
from helpers.window import Parts
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QTreeView
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.jobs import Job, JobQueue, JobState, RunFacts
from app.keeper import KeeperThread
from app.pictures import Pictures
from app.theme import DARK, LIGHT
from app.ui.job_details import JobDetails
from app.ui.queue_dock import QueueDock
from app.ui.result_viewer import ResultViewer
from app.ui.tiles import PATH, PICTURE
from core.folders import Folders
from core.nodes.registry import Registry

LEFT: Final = Qt.MouseButton.LeftButton
NONE: Final = Qt.KeyboardModifier.NoModifier
CTRL: Final = Qt.KeyboardModifier.ControlModifier
ALT: Final = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def pictures(qapp: object) -> Iterator[Pictures]:
    del qapp
    pictures = Pictures()
    yield pictures
    pictures.stop()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two pictures; the second is gone by the time it is looked at."""
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path, colour in zip(paths, ("#ff0000", "#0000ff"), strict=True):
        Image.new("RGB", (40, 40), colour).save(path)
    return paths


def end(
    queue: JobQueue,
    state: JobState = JobState.DONE,
    message: str = "",
    pictures: tuple[Path, ...] = (),
    run: RunFacts | None = RUN,
    failed_node: str = "",
) -> Job:
    added = job("Boats", text="a boat")
    queue.add(added)
    queue.settle()
    queue.start_next()
    queue.settle()
    queue.update(added.id, pictures=pictures, failed_node=failed_node)
    queue.end(added.id, state, message, 95.0, run)
    queue.settle()
    return added


class Desk:
    """A queue, and the details of one of its jobs."""

    def __init__(self, queue: JobQueue, shown: Job, pictures: Pictures, registry: Registry) -> None:
        self.queue = queue
        self.picked: list[tuple[tuple[Path, ...], int]] = []
        self.opened: list[Job] = []
        self.dialog = JobDetails(shown, queue, pictures, registry, DARK)
        self.dialog.picked.connect(lambda paths, place: self.picked.append((paths, place)))
        self.dialog.open_requested.connect(self.opened.append)
        self.dialog.show()

    def facts(self) -> dict[str, str]:
        return {fact.label: fact.text for fact in self.dialog._facts}

    def nodes(self) -> list[tuple[str, ...]]:
        rows = self.dialog._node_rows
        return [tuple(str(rows.index(row, c).data()) for c in range(3)) for row in range(rows.rowCount())]


@pytest.fixture
def desk(qtbot: QtBot, pictures: Pictures, registry: Registry, files: list[Path]) -> Desk:
    queue = JobQueue()
    shown = end(queue, pictures=tuple(files))
    files[1].unlink()
    desk = Desk(queue, shown, pictures, registry)
    qtbot.addWidget(desk.dialog)
    qtbot.waitUntil(desk.dialog.isActiveWindow)
    return desk


def click_tile(desk: Desk, row: int, *, twice: bool = False) -> None:
    view = desk.dialog.outputs
    place = view.visualRect(view.model().index(row, 0)).center()
    for act in (QTest.mouseClick, QTest.mouseDClick) if twice else (QTest.mouseClick,):
        act(view.viewport(), LEFT, NONE, place)


def click_header(view: QTreeView, column: int) -> None:
    header = view.header()
    place = QPoint(header.sectionViewportPosition(column) + header.sectionSize(column) // 2, 5)
    QTest.mouseClick(header.viewport(), LEFT, NONE, place)


def test_all_that_is_kept_is_shown(desk: Desk) -> None:
    assert desk.dialog.heading.text() == "Boats"
    assert desk.dialog.state.text() == "Done"
    facts = desk.facts()
    assert facts["Took"] == "1:35"
    assert facts["Seed"] == "7"
    assert facts["Model"] == "sd/base.safetensors"
    assert facts["Prompt"] == "a boat"
    assert facts["Memory"] == "At most 1.00 GB on the host, of the whole program"
    assert facts["Nodes"] == "2 ran, 1 from the cache"
    assert list(facts)[:3] == ["Queued", "Began", "Ended"]
    assert desk.nodes() == [
        ("Load Checkpoint", "0.50 s", "ran"),
        ("Prompt", "1.25 s", "ran"),
        ("KSampler", "", "from the cache"),
    ]


def test_pictures_are_shown_also_when_their_files_are_gone(desk: Desk, files: list[Path]) -> None:
    rows = desk.dialog.outputs.model()
    assert [rows.index(row, 0).data() for row in (0, 1)] == ["one.png", "two.png"]
    colours = [rows.index(row, 0).data(PICTURE).toImage().pixelColor(20, 20) for row in (0, 1)]
    assert colours[0].red() > 240
    assert colours[1].blue() > 240
    assert rows.index(0, 0).data(PATH) == files[0]


def test_a_picture_is_opened_by_two_clicks_or_enter(desk: Desk, files: list[Path]) -> None:
    click_tile(desk, 1)
    assert desk.picked == []
    click_tile(desk, 1, twice=True)
    assert desk.picked == [(tuple(files), 1)]
    click_tile(desk, 0)
    QTest.keyClick(desk.dialog.outputs, Qt.Key.Key_Return)
    assert desk.picked[1:] == [(tuple(files), 0)]


def test_nodes_are_sorted_by_a_click_and_as_they_ran_again(desk: Desk) -> None:
    in_order = desk.nodes()
    click_header(desk.dialog.nodes, 1)
    assert [node[1] for node in desk.nodes()] == ["", "0.50 s", "1.25 s"]
    click_header(desk.dialog.nodes, 1)
    assert [node[1] for node in desk.nodes()] == ["1.25 s", "0.50 s", ""]
    click_header(desk.dialog.nodes, 1)
    assert desk.nodes() == in_order
    click_header(desk.dialog.nodes, 0)
    assert [node[0] for node in desk.nodes()] == ["KSampler", "Load Checkpoint", "Prompt"]


def test_what_is_shown_is_copied(desk: Desk, files: list[Path]) -> None:
    QTest.mouseClick(desk.dialog.copy_button, LEFT)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[:2] == ["Boats", "State: Done"]
    assert f"Made: {files[1]}" in lines
    assert lines[-3:] == [
        "1\tLoad Checkpoint\t0.50 s\tran",
        "2\tPrompt\t1.25 s\tran",
        "3\tKSampler\t\tfrom the cache",
    ]
    nodes = desk.dialog.nodes
    nodes.setFocus()
    QTest.keyClick(nodes, Qt.Key.Key_C, CTRL)
    assert QGuiApplication.clipboard().text().splitlines() == lines[-3:]
    QTest.mouseClick(nodes.viewport(), LEFT, NONE, nodes.visualRect(nodes.model().index(0, 0)).center())
    QTest.keyClick(nodes, Qt.Key.Key_C, CTRL)
    assert QGuiApplication.clipboard().text() == "1\tLoad Checkpoint\t0.50 s\tran"


def test_its_workflow_is_opened(desk: Desk) -> None:
    QTest.mouseClick(desk.dialog.open_button, LEFT)
    assert [opened.workflow["name"] for opened in desk.opened] == ["Boats"]


def test_a_failure_is_told_with_its_node(qtbot: QtBot, pictures: Pictures, registry: Registry) -> None:
    queue = JobQueue()
    run = RunFacts(("1",), (), {"1": 0.001})
    shown = end(queue, JobState.FAILED, "Prompt: no\nsecond line", run=run, failed_node="2")
    desk = Desk(queue, shown, pictures, registry)
    qtbot.addWidget(desk.dialog)
    assert desk.dialog.state.text() == "Failed"
    assert desk.facts()["Message"] == "Prompt: no\nsecond line"
    assert [node[2] for node in desk.nodes()] == ["ran", "failed", "did not run"]
    assert not desk.dialog.outputs.isVisible()
    index = desk.dialog._node_rows.index(1, 0)
    assert index.data(Qt.ItemDataRole.ForegroundRole).name() == DARK.danger
    desk.dialog.set_theme(LIGHT)
    assert index.data(Qt.ItemDataRole.ForegroundRole).name() == LIGHT.danger


def test_a_job_is_followed_from_waiting_to_its_end(
    qtbot: QtBot, pictures: Pictures, registry: Registry, files: list[Path]
) -> None:
    queue = JobQueue()
    shown = job("Boats")
    queue.add(shown)
    desk = Desk(queue, shown, pictures, registry)
    qtbot.addWidget(desk.dialog)
    assert desk.dialog.state.text() == "Waits"
    assert {node[2] for node in desk.nodes()} == {""}
    assert "Nodes" not in desk.facts()
    queue.start_next()
    assert desk.dialog.state.text() == "Runs"
    queue.update(shown.id, pictures=tuple(files))
    queue.end(shown.id, JobState.CANCELLED, "", 2.0, RunFacts(("1",), ("2",)))
    assert desk.dialog.state.text() == "Cancelled"
    assert [node[2] for node in desk.nodes()] == ["ran", "from the cache", "did not run"]
    assert desk.dialog.outputs.isVisible()


def test_a_dialog_that_was_closed_before_the_answer_came(
    qtbot: QtBot, pictures: Pictures, registry: Registry, tmp_path: Path
) -> None:
    keeper = KeeperThread(tmp_path / "darkroom.db")
    queue = JobQueue(keeper)
    shown = end(queue)
    left = JobDetails(shown, queue, pictures, registry, DARK)
    left.deleteLater()
    qtbot.waitUntil(lambda: not isValid(left))
    kept = JobDetails(shown, queue, pictures, registry, DARK)
    qtbot.addWidget(kept)
    assert not kept.open_button.isEnabled()
    queue.settle()
    assert kept.open_button.isEnabled()
    keeper.close()


def test_a_job_that_is_gone_is_told(qtbot: QtBot, pictures: Pictures, registry: Registry) -> None:
    queue = JobQueue()
    shown = end(queue)
    queue.remove([shown.id])
    told: list[str] = []
    queue.refused.connect(told.append)
    qtbot.addWidget(Desk(queue, shown, pictures, registry).dialog)
    assert told == ["this job is no longer in the list"]


# --- from the queue


@pytest.fixture
def dock(qtbot: QtBot, pictures: Pictures) -> QueueDock:
    dock = QueueDock(JobQueue(), pictures, DARK)
    qtbot.addWidget(dock)
    dock.resize(300, 400)
    with qtbot.waitExposed(dock):
        dock.show()
    return dock


def test_the_queue_asks_for_details_by_keys_and_menu(dock: QueueDock) -> None:
    wanted: list[str] = []
    dock.details_wanted.connect(lambda job: wanted.append(job.id))
    ended = end(dock._queue)
    waiting = job("waits")
    dock._queue.add(waiting)
    for view, key, modifiers in (
        (dock.ended, Qt.Key.Key_Return, ALT),
        (dock.pending, Qt.Key.Key_Enter, ALT),
        (dock.pending, Qt.Key.Key_Return, NONE),
    ):
        view.setCurrentIndex(view.model().index(0, 0))
        view.setFocus()
        QTest.keyClick(view, key, modifiers)
    assert wanted == [ended.id, waiting.id, waiting.id]
    action = next(a for a in dock.menu_of(dock._queue.ended[0]).actions() if a.text() == "Details...")
    action.trigger()
    assert wanted[3:] == [ended.id]


def test_in_the_window(qapp: object, tmp_path: Path, folders: Folders, files: list[Path], qtbot: Any) -> None:
    del qapp
    parts = Parts(tmp_path / "profile", folders)
    window = parts.window
    window.show()
    with qtbot.waitSignal(parts.queue.recovered):  # the keeper starts once the window has been painted
        pass
    shown = end(parts.queue, pictures=tuple(files))
    window.dock(QueueDock).details_wanted.emit(parts.queue.ended[0])
    parts.queue.settle()
    dialog = parts.dialogs[-1]
    assert isinstance(dialog, JobDetails)
    assert not dialog.isModal()
    window.dock(QueueDock).details_wanted.emit(parts.queue.ended[0])
    assert len(window.findChildren(JobDetails)) == 1, "it is there already"
    place = dialog.outputs.visualRect(dialog.outputs.model().index(1, 0)).center()
    for act in (QTest.mouseClick, QTest.mouseDClick):
        act(dialog.outputs.viewport(), LEFT, NONE, place)
    assert window.dock(ResultViewer).path == files[1]
    parts.settings.change(theme="light")
    assert dialog._node_rows.theme == LIGHT
    QTest.mouseClick(dialog.open_button, LEFT)
    parts.session.settle()
    assert [opened.name for opened in parts.session.documents] == [shown.name]
    close = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close)
    QTest.mouseClick(close, LEFT)
    qtbot.waitUntil(lambda: not isValid(dialog))
    parts.end()
