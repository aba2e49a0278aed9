"""Finished jobs are found by text, outcome, model and day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from helpers.stores import job
from PySide6.QtCore import QDate, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCalendarWidget, QTableView
from pytestqt.qtbot import QtBot

from app import icons
from app.jobs import JobQueue, JobState, Query
from app.keeper import KeeperThread
from app.theme import DARK, LIGHT
from app.ui.date_field import DateField, span_of
from app.ui.history_search import HistorySearch, MoreFields

LEFT: Final = Qt.MouseButton.LeftButton
MIDNIGHT: Final = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
POPS_UP = pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard")


@pytest.fixture
def queue(qapp: object) -> JobQueue:
    del qapp
    return JobQueue()


@pytest.fixture
def search(queue: JobQueue, qtbot: QtBot) -> HistorySearch:
    search = HistorySearch(queue, DARK)
    qtbot.addWidget(search)
    search.resize(280, search.sizeHint().height())
    with qtbot.waitExposed(search):
        search.show()
    return search


def end(
    queue: JobQueue, name: str, state: JobState = JobState.DONE, days_ago: float = 0, **more: str
) -> None:
    created = datetime.now() - timedelta(days=days_ago)
    added = job(name, created=created, **more)
    queue.add(added, front=True)
    queue.settle()
    queue.start_next()
    queue.settle()
    queue.end(added.id, state)
    queue.settle()


def found(queue: JobQueue) -> list[str]:
    return [job.name for job in queue.ended]


def open_more(search: HistorySearch) -> MoreFields:
    QTest.mouseClick(search.filter, LEFT)
    assert search.more is not None
    return search.more


def press(widget: object, *keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(widget, key)


def test_what_is_typed_is_looked_for_once(search: HistorySearch, queue: JobQueue, qtbot: QtBot) -> None:
    end(queue, "hill", text="a green hill")
    end(queue, "door", text="a red door")
    changes: list[object] = []
    queue.changed.connect(changes.append)
    QTest.keyClicks(search.line, "DOOR red")
    assert found(queue) == ["door", "hill"]
    qtbot.waitUntil(lambda: found(queue) == ["door"])
    assert len(changes) == 1
    assert search.is_active
    search.line.clear()
    press(search.line, Qt.Key.Key_Return)
    assert found(queue) == ["door", "hill"]
    assert not search.is_active


def test_it_is_narrow_and_more_is_folded_away(search: HistorySearch) -> None:
    assert search.more is None, "what nobody sees costs nothing"
    fields = open_more(search)
    fields.days.setCurrentIndex(fields.days.count() - 1)
    fields._show_days()
    assert fields.since.isVisible()
    assert search.minimumSizeHint().width() <= 280
    open_more(search)
    assert not fields.model.isVisible()


def test_by_outcome(search: HistorySearch, queue: JobQueue) -> None:
    for name, state in (("a", JobState.DONE), ("b", JobState.FAILED), ("c", JobState.PARTIAL)):
        end(queue, name, state)
    end(queue, "d", JobState.CANCELLED)
    fields = open_more(search)
    press(fields.states, Qt.Key.Key_Down)
    assert found(queue) == ["a"]
    press(fields.states, Qt.Key.Key_Down)
    assert found(queue) == ["c", "b"]
    press(fields.states, Qt.Key.Key_End)
    assert found(queue) == ["d"]


@POPS_UP
def test_by_model(search: HistorySearch, queue: JobQueue, qtbot: QtBot) -> None:
    end(queue, "one", model="sd/Base_1.safetensors")
    end(queue, "two", model="other.ckpt")
    fields = open_more(search)
    offered = [fields.model.itemText(row) for row in range(fields.model.count())]
    assert offered == ["other.ckpt", "sd/Base_1.safetensors"]
    QTest.keyClicks(fields.model, "base_")
    qtbot.waitUntil(lambda: found(queue) == ["one"])
    end(queue, "three", model="third.gguf")
    assert fields.model.count() == 3, "it has learnt of it meanwhile"
    assert fields.model.line.text() == "base_"
    assert found(queue) == ["one"]
    if popup := QApplication.activePopupWidget():
        popup.close()
    fields.model.line.clear()
    press(fields.model, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: found(queue) == ["two"])
    assert fields.model.line.text() == "other.ckpt"


def test_by_day(search: HistorySearch, queue: JobQueue) -> None:
    for name, days_ago in (("old", 40), ("last week", 6), ("now", 0)):
        end(queue, name, days_ago=days_ago)
    fields = open_more(search)
    for names in (["now"], ["now", "last week"], ["now", "last week"], ["now", "last week", "old"]):
        press(fields.days, Qt.Key.Key_Down)
        assert found(queue) == names
    assert fields.since.isVisible()
    day = MIDNIGHT - timedelta(days=6)
    QTest.keyClicks(fields.since, f"{day:%Y-%m-%d}")
    press(fields.since, Qt.Key.Key_Return)
    assert found(queue) == ["now", "last week"]
    QTest.keyClicks(fields.until, f"{day:%Y-%m-%d}")
    press(fields.until, Qt.Key.Key_Return)
    assert found(queue) == ["last week"]
    assert queue.query == Query(since=day, until=day + timedelta(days=1))
    fields.since.clear()
    press(fields.since, Qt.Key.Key_Return)
    assert found(queue) == ["last week", "old"]


def test_what_is_no_day_is_told_and_not_looked_for(search: HistorySearch, queue: JobQueue) -> None:
    end(queue, "a")
    fields = open_more(search)
    press(fields.days, Qt.Key.Key_End)
    QTest.keyClicks(fields.since, "monday")
    press(fields.since, Qt.Key.Key_Return)
    assert fields.problem.isVisible()
    assert '"monday" is no day' in fields.problem.text()
    assert found(queue) == ["a"]
    fields.since.setText("2026-11-21")
    fields.until.setText("2026-10")
    press(fields.until, Qt.Key.Key_Return)
    assert fields.problem.text() == "The first day comes after the last one."
    fields.until.setText("2026-11")
    press(fields.until, Qt.Key.Key_Return)
    assert not fields.problem.isVisible()
    assert queue.query == Query(since=datetime(2026, 11, 21), until=datetime(2026, 12, 1))


@POPS_UP
def test_a_day_is_chosen_from_the_calendar(search: HistorySearch, queue: JobQueue, qtbot: QtBot) -> None:
    fields = open_more(search)
    press(fields.days, Qt.Key.Key_End)
    fields.since.setText("2026-03")
    fields.since.open_calendar()
    calendar = fields.since.calendar
    assert isinstance(calendar, QCalendarWidget)
    qtbot.waitUntil(calendar.isVisible)
    assert calendar.selectedDate() == QDate(2026, 3, 1)
    table = calendar.findChild(QTableView)
    assert table is not None
    press(table, Qt.Key.Key_Right, Qt.Key.Key_Return)
    assert fields.since.text() == "2026-03-02"
    assert not calendar.isVisible()
    assert queue.query == Query(since=datetime(2026, 3, 2))


def test_all_are_shown_again(search: HistorySearch, queue: JobQueue) -> None:
    end(queue, "a")
    fields = open_more(search)
    search.line.setText("x")
    fields.model.line.setText("y")
    fields.days.setCurrentIndex(fields.days.count() - 1)
    fields.since.setText("2026")
    press(fields.states, Qt.Key.Key_Down)
    assert found(queue) == []
    QTest.mouseClick(fields.all, LEFT)
    assert found(queue) == ["a"]
    assert queue.query == Query()
    assert not fields.since.isVisible()
    assert (search.line.text(), fields.model.line.text(), fields.since.text()) == ("", "", "")


def test_the_button_shows_that_jobs_may_be_left_out(search: HistorySearch) -> None:
    def colour() -> str:
        image = search.filter.icon().pixmap(64, 64).toImage()
        return max(
            (image.pixelColor(x, y) for x in range(64) for y in range(64)), key=lambda c: c.alpha()
        ).name()

    assert colour() == DARK.text
    fields = open_more(search)
    press(fields.states, Qt.Key.Key_Down)
    assert colour() == DARK.accent
    search.set_theme(LIGHT)
    assert colour() == LIGHT.accent
    QTest.mouseClick(fields.all, LEFT)
    assert colour() == LIGHT.text


@pytest.mark.parametrize(
    ("text", "first", "behind"),
    [
        ("2026-02-28", datetime(2026, 2, 28), datetime(2026, 3, 1)),
        ("2026-2-3", datetime(2026, 2, 3), datetime(2026, 2, 4)),
        ("2026-12", datetime(2026, 12, 1), datetime(2027, 1, 1)),
        ("2026-11", datetime(2026, 11, 1), datetime(2026, 12, 1)),
        ("2026", datetime(2026, 1, 1), datetime(2027, 1, 1)),
        ("9998-12-31", datetime(9998, 12, 31), datetime(9999, 1, 1)),
    ],
)
def test_days_months_and_years(text: str, first: datetime, behind: datetime) -> None:
    assert span_of(text) == (first, behind)


@pytest.mark.parametrize("text", ["", "-", "2026-02-30", "2026-13", "1-1-1", "9999", "26", "2026-1-1-1", "x"])
def test_what_is_no_day(text: str) -> None:
    assert span_of(text) is None


def test_a_field_for_a_day_follows_the_theme(qtbot: QtBot) -> None:
    field = DateField("From", "First day", DARK)
    qtbot.addWidget(field)
    field.set_theme(LIGHT)
    assert field.actions()[0].icon().cacheKey() == icons.icon("calendar", LIGHT, LIGHT.text_dim).cacheKey()


@pytest.fixture
def kept(qapp: object, tmp_path: Path) -> Iterator[JobQueue]:
    """A queue whose history a thread reads."""
    del qapp
    keeper = KeeperThread(tmp_path / "darkroom.db")
    queue = JobQueue(keeper)
    queue.settle()
    yield queue
    keeper.close()


def test_models_come_from_the_thread_of_the_keeper(kept: JobQueue, qtbot: QtBot) -> None:
    end(kept, "a", model="m.safetensors")
    search = HistorySearch(kept, DARK)
    qtbot.addWidget(search)
    search.show()
    fields = open_more(search)
    qtbot.waitUntil(lambda: fields.model.count() == 1)
    assert fields.model.line.text() == ""
