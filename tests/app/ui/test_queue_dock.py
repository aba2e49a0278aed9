from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.jobs import Job, JobFacts, JobQueue, JobState, Pause
from app.pictures import Pictures
from app.theme import DARK, LIGHT
from app.ui.job_words import detail_of, duration
from app.ui.queue_dock import QueueDock
from core.graph import PromptGraph


class Desk:
    """A queue with its dock."""

    def __init__(self, qtbot: QtBot) -> None:
        self.queue = JobQueue()
        self.pictures = Pictures()
        self.dock = QueueDock(self.queue, self.pictures, DARK)
        self.picked: list[tuple[Path, ...]] = []
        self.opened: list[Job] = []
        self.dock.picked.connect(self.picked.append)
        self.dock.open_requested.connect(self.opened.append)
        qtbot.addWidget(self.dock)
        self.dock.resize(320, 500)
        with qtbot.waitExposed(self.dock):
            self.dock.show()

    def add(self, name: str) -> JobFacts:
        job = Job("document", name, PromptGraph(), {"nodes": []})
        self.queue.add(job)
        return self.queue.pending[-1]

    def end(self, name: str, state: JobState = JobState.DONE, message: str = "", *pictures: Path) -> JobFacts:
        job = self.add(name)
        self.queue.move(job.id, 0)
        self.queue.start_next()
        self.queue.update(job.id, pictures=pictures)
        self.queue.end(job.id, state, message, 3.25)
        return self.queue.ended[0]

    def pending(self) -> list[str]:
        return [job.name for job in self.queue.pending]

    def click(self, row: int, *, twice: bool = False) -> None:
        view = self.dock.ended
        place = view.visualRect(view.model().index(row, 0)).center()
        for act in (QTest.mouseClick, QTest.mouseDClick) if twice else (QTest.mouseClick,):
            act(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    desk = Desk(qtbot)
    yield desk
    desk.pictures.stop()


def texts(view: object) -> list[str]:
    model = view.model()  # type: ignore[attr-defined]
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_an_empty_queue_says_what_will_be_here(desk: Desk) -> None:
    assert desk.dock._empty.isVisible()
    assert not desk.dock.running.isVisible()
    desk.add("a")
    assert not desk.dock._empty.isVisible()
    assert desk.dock.pending.isVisible()
    desk.queue.clear_pending()
    assert desk.dock._empty.isVisible()


def test_jobs_wander_from_waiting_over_running_to_ended(desk: Desk) -> None:
    for name in "abc":
        desk.add(name)
    assert texts(desk.dock.pending) == ["a", "b", "c"]
    assert desk.dock.pending_head.label.text() == "Up next · 3"
    desk.queue.start_next()
    running = desk.queue.running
    assert running is not None
    assert texts(desk.dock.pending) == ["b", "c"]
    desk.queue.update(running.id, progress=0.25, node="KSampler")
    card = desk.dock.running
    assert card.isVisible()
    assert (card.name.text(), card.bar.value(), card.detail.text()) == ("a", 250, "25 % · KSampler")
    assert re.fullmatch(r"\d+\.\d s", card.elapsed.text())
    desk.queue.end(running.id, JobState.DONE, "", 1.0)
    assert not card.isVisible()
    assert texts(desk.dock.ended) == ["a"]
    assert texts(desk.dock.pending) == ["b", "c"]


def test_the_running_job_is_cancelled_by_its_button(desk: Desk) -> None:
    asked: list[str] = []
    desk.queue.cancel_asked.connect(asked.append)
    job = desk.add("a")
    desk.queue.start_next()
    QTest.mouseClick(desk.dock.running.cancel, Qt.MouseButton.LeftButton)
    assert asked == [job.id]
    assert "Stopping" in desk.dock.running.detail.text()
    assert not desk.dock.running.cancel.isEnabled()


def test_jobs_are_dragged_to_another_place(desk: Desk) -> None:
    for name in "abcd":
        desk.add(name)
    model = desk.dock.pending.model()
    move = Qt.DropAction.MoveAction
    data = model.mimeData([model.index(0, 0)])
    assert not model.dropMimeData(data, move, 3, 0, QModelIndex()), "the view is not to remove the row"
    assert desk.pending() == ["b", "c", "a", "d"]
    model.dropMimeData(model.mimeData([model.index(3, 0)]), move, 0, 0, QModelIndex())
    assert desk.pending() == ["d", "b", "c", "a"]
    model.dropMimeData(model.mimeData([model.index(0, 0)]), move, -1, -1, QModelIndex())
    assert desk.pending() == ["b", "c", "a", "d"]
    assert texts(desk.dock.pending) == desk.pending()


def test_the_menu_of_a_job_that_waits(desk: Desk) -> None:
    jobs = [desk.add(name) for name in "abc"]
    menu = desk.dock.menu_of(jobs[2])
    actions = {action.text(): action for action in menu.actions()}
    assert not actions["Move Down"].isEnabled()
    actions["Run Next"].trigger()
    assert desk.pending() == ["c", "a", "b"]
    actions = {action.text(): action for action in desk.dock.menu_of(jobs[0]).actions()}
    actions["Move Down"].trigger()
    assert desk.pending() == ["c", "b", "a"]
    actions["Open Its Workflow"].trigger()
    assert [job.id for job in desk.opened] == [jobs[0].id]
    assert desk.opened[0].workflow == {"nodes": []}
    actions["Remove from the List"].trigger()
    assert desk.pending() == ["c", "b"]


def test_delete_removes_what_is_selected_and_selects_the_next(desk: Desk) -> None:
    for name in "abc":
        desk.add(name)
    view = desk.dock.pending
    view.setCurrentIndex(view.model().index(1, 0))
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert desk.pending() == ["a", "c"]
    assert view.currentIndex().data() == "c"


def test_a_click_shows_the_pictures_and_two_open_the_workflow(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (10, 10)).save(path)
    desk.end("without")
    job = desk.end("with", JobState.DONE, "", path)
    desk.click(0)
    desk.click(1)
    assert desk.picked == [(path,)]
    desk.click(0, twice=True)
    assert [opened.id for opened in desk.opened] == [job.id]


def test_the_message_of_a_failed_job_can_be_copied(desk: Desk) -> None:
    job = desk.end("a", JobState.FAILED, "KSampler: no")
    assert (
        desk.dock.ended.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole).startswith("a\nKSampler: no\n")
    )
    menu = desk.dock.menu_of(job)
    next(action for action in menu.actions() if action.text() == "Copy Message").trigger()
    assert QGuiApplication.clipboard().text() == "KSampler: no"
    assert not next(action for action in menu.actions() if action.text() == "Show Pictures").isEnabled()


def test_the_lists_are_cleared(desk: Desk) -> None:
    desk.end("a")
    desk.add("b")
    QTest.mouseClick(desk.dock.ended_head.clear, Qt.MouseButton.LeftButton)
    assert len(desk.queue.ended) == 1, "it asks first"
    assert desk.dock.box is not None
    assert "this job" in desk.dock.box.text()
    QTest.mouseClick(desk.dock.box.button(QMessageBox.StandardButton.Discard), Qt.MouseButton.LeftButton)
    assert desk.queue.ended == ()
    QTest.mouseClick(desk.dock.pending_head.clear, Qt.MouseButton.LeftButton)
    assert desk.queue.jobs == ()


def test_rows_that_stay_keep_the_selection(desk: Desk) -> None:
    for number in range(5):
        desk.end(str(number))
    view = desk.dock.ended
    view.setCurrentIndex(view.model().index(2, 0))
    desk.end("new")
    desk.queue.remove([desk.queue.ended[-1].id])
    assert view.currentIndex().data() == "2"
    assert texts(view) == ["new", "4", "3", "2", "1"]


def test_thumbnails_are_painted_when_they_are_there(desk: Desk, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (100, 100), "#ff0000").save(path)
    desk.end("a", JobState.DONE, "", path)
    view = desk.dock.ended

    def colour() -> str:
        place = view.visualRect(view.model().index(0, 0))
        return view.viewport().grab().toImage().pixelColor(place.topLeft() + QPoint(20, 20)).name()

    qtbot.waitUntil(lambda: colour() == "#ff0000")
    desk.dock.set_theme(LIGHT)
    assert colour() == "#ff0000"


def test_why_nothing_runs_yet_is_said(desk: Desk) -> None:
    desk.dock.executor_state("Loading")
    assert desk.dock.waiting_for.isVisible()
    desk.dock.executor_state("")
    assert not desk.dock.waiting_for.isVisible()


def test_what_is_said_of_a_job(desk: Desk, tmp_path: Path) -> None:
    assert detail_of(desk.end("a", JobState.DONE, "", tmp_path, tmp_path / "b")) == "3.2 s · 2 pictures"
    assert detail_of(desk.end("a", JobState.CANCELLED)) == "Cancelled after 3.2 s"
    waiting = desk.add("b")
    desk.queue.cancel(waiting.id)
    assert detail_of(desk.queue.ended[0]) == "Cancelled before it ran"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (9.98, "10.0 s"), (12.3, "12 s"), (185, "3:05"), (3723, "1:02:03")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_queue_is_paused_and_resumed(desk: Desk) -> None:
    assert not desk.dock.paused.isVisible()
    desk.add("a")
    QTest.mouseClick(desk.dock.pause, Qt.MouseButton.LeftButton)
    assert desk.queue.pause is Pause.ASKED
    assert desk.dock.paused.isVisible()
    assert "until you resume" in desk.dock.paused.text.text()
    desk.queue.clear_pending()
    assert desk.dock.paused.isVisible(), "what is queued next would not run either"
    QTest.mouseClick(desk.dock.paused.resume, Qt.MouseButton.LeftButton)
    assert desk.queue.pause is Pause.NONE
    assert not desk.dock.pause.isChecked()
    assert desk.dock._empty.isVisible()


def test_jobs_are_duplicated_and_run_again(desk: Desk) -> None:
    ended, waiting = desk.end("old"), desk.add("a")
    for job, text in ((waiting, "Duplicate"), (ended, "Run Again")):
        next(action for action in desk.dock.menu_of(job).actions() if action.text() == text).trigger()
    assert desk.pending() == ["a", "a", "old"]


def test_where_nothing_is_found_all_can_be_shown_again(desk: Desk, qtbot: QtBot) -> None:
    desk.end("door")
    QTest.keyClicks(desk.dock.search.line, "DOO")
    qtbot.waitUntil(lambda: desk.dock.search.is_active)
    assert texts(desk.dock.ended) == ["door"]
    assert not desk.dock.nothing.isVisible()
    QTest.keyClicks(desk.dock.search.line, "x")
    QTest.keyClick(desk.dock.search.line, Qt.Key.Key_Return)
    assert texts(desk.dock.ended) == []
    assert desk.dock.nothing.isVisible()
    assert desk.dock.search.isVisible()
    assert desk.dock.ended_head.label.text() == "Finished · 0"
    QTest.mouseClick(desk.dock.nothing.all, Qt.MouseButton.LeftButton)
    assert texts(desk.dock.ended) == ["door"]
    assert not desk.dock.nothing.isVisible()


def test_more_of_the_history_comes_when_it_is_scrolled_to(desk: Desk, qtbot: QtBot) -> None:
    for number in range(230):
        desk.end(str(number))
    view = desk.dock.ended
    assert view.model().rowCount() == 200
    view.scrollToBottom()
    qtbot.waitUntil(lambda: view.model().rowCount() == 230)
    assert texts(view)[-1] == "0"


def test_a_picture_that_is_gone_is_still_shown_small(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (100, 100), "#00ff00").save(path)
    desk.end("a", JobState.DONE, "", path)
    path.unlink()
    assert desk.queue.ended[0].thumbnail is not None
    desk.end("b")
    view = desk.dock.ended
    place = view.visualRect(view.model().index(1, 0))
    colour = view.viewport().grab().toImage().pixelColor(place.topLeft() + QPoint(20, 20))
    assert colour.green() > 240
    assert colour.red() < 10
