"""Which of the finished jobs are shown: by their texts, and by state, model and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.jobs import JobQueue, JobState, Query
from app.theme import Theme
from app.ui import style
from app.ui.date_field import DateField
from app.ui.read_text import ReadText

_TYPED_MS: Final = 200
"""What is typed faster than that is looked for once."""
_STATES: Final = (
    ("Any state", ()),
    ("Done", (JobState.DONE,)),
    ("Failed", (JobState.FAILED, JobState.PARTIAL)),
    ("Cancelled", (JobState.CANCELLED,)),
)
_DAYS: Final = (("Any time", 0), ("Today", 1), ("7 days", 7), ("30 days", 30), ("Between", 0))
_BETWEEN: Final = len(_DAYS) - 1


class HistorySearch(QWidget):
    """A line for words; below it, if wanted, what else finished jobs can be found by.

    Attributes:
        line: Words that all occur.
        filter: Shows `more`; in the accent colour while something there leaves jobs out.
        more: The other fields; None until they are wanted for the first time.
    """

    def __init__(self, queue: JobQueue, theme: Theme) -> None:
        super().__init__()
        self._queue = queue
        self._theme = theme
        self.line = QLineEdit()
        self.filter = QToolButton()
        self.more: MoreFields | None = None
        self._wait = QTimer(self, interval=_TYPED_MS, singleShot=True)
        self._arrange()
        self.line.textChanged.connect(lambda: self._wait.start())
        self.line.returnPressed.connect(self._search)
        self.filter.toggled.connect(self._show_more)
        self._wait.timeout.connect(self._search)
        self.set_theme(theme)

    @property
    def is_active(self) -> bool:
        """Whether some jobs may be left out."""
        return self._queue.query != Query()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        if self.more is not None:
            self.more.set_theme(theme)
        self._show_filter()

    def reset(self) -> None:
        """Lets all jobs be shown."""
        self.line.clear()
        if self.more is not None:
            self.more.clear()
        self._search()

    def _arrange(self) -> None:
        self.line.setPlaceholderText("Find by prompt, model or seed")
        self.line.setAccessibleName("Find finished jobs")
        self.line.setClearButtonEnabled(True)
        self.filter.setToolTip("State, time and model")
        self.filter.setAccessibleName("Filter finished jobs")
        self.filter.setCheckable(True)
        top = QHBoxLayout()
        top.addWidget(self.line, 1)
        top.addWidget(self.filter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(8, 4, 4, 4)
        self._column.setSpacing(4)
        self._column.addLayout(top)

    def _show_more(self, is_wanted: bool) -> None:
        if self.more is None:
            self.more = MoreFields(self._queue, self._theme)
            self.more.typed.connect(self._wait.start)
            self.more.changed.connect(self._search)
            self.more.all.clicked.connect(self.reset)
            self._column.addWidget(self.more)
        self.more.setVisible(is_wanted)

    def _search(self) -> None:
        """Looks for what the fields say, unless they say something that has no sense."""
        self._wait.stop()
        text = self.line.text().strip()
        query = Query(text) if self.more is None else self.more.query(text)
        if query is not None:
            self._queue.search(query)
            self._show_filter()

    def _show_filter(self) -> None:
        query = self._queue.query
        leaves_out = bool(query.model or query.since or query.until or query.states)
        self.filter.setIcon(icons.icon("filter", self._theme, self._theme.accent if leaves_out else ""))


class MoreFields(QWidget):
    """What finished jobs can be found by besides words.

    Attributes:
        states, days, model: What became of them, when they were queued, and with which model.
        since, until: Shown while jobs between two days are wanted.
        all: Lets all jobs be shown again.
        problem: What is wrong with what is written.

    Signals:
        typed: A letter was written; more may follow.
        changed: Others are wanted.
    """

    typed = Signal()
    changed = Signal()

    def __init__(self, queue: JobQueue, theme: Theme) -> None:
        super().__init__()
        self._queue = queue
        self.states = _box([label for label, _ in _STATES], "What became of them")
        self.days = _box([label for label, _ in _DAYS], "When they were queued")
        self.since = DateField("From", "First day", theme)
        self.until = DateField("Until", "Last day", theme)
        self.model = _ModelBox()
        self.all = QToolButton()
        self.problem = ReadText()
        self._arrange()
        self._connect()
        self._show_days()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        for field in (self.since, self.until):
            field.set_theme(theme)

    def clear(self) -> None:
        """Leaves no job out."""
        for box in (self.states, self.days):
            box.setCurrentIndex(0)
        for line in (self.model.line, self.since, self.until):
            line.clear()
        self._show_days()

    def query(self, text: str) -> Query | None:
        """What is wanted, with some words; None where it has no sense, which is told."""
        since, until, problem = self._span()
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        _, states = _STATES[self.states.currentIndex()]
        return None if problem else Query(text, self.model.line.text().strip(), since, until, states)

    def showEvent(self, event: QShowEvent) -> None:
        """Looks which models there are."""
        super().showEvent(event)
        self._find_models()

    def _arrange(self) -> None:
        self.all.setText("Show All")
        self.all.setToolTip("Leave no finished job out")
        self.problem.hide()
        style.set_role(self.problem, "danger")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for column in (0, 1):
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.states, 0, 0)
        grid.addWidget(self.days, 0, 1)
        grid.addWidget(self.since, 1, 0)
        grid.addWidget(self.until, 1, 1)
        grid.addWidget(self.problem, 2, 0, 1, 2)
        last = QHBoxLayout()
        last.addWidget(self.model, 1)
        last.addWidget(self.all)
        grid.addLayout(last, 3, 0, 1, 2)

    def _connect(self) -> None:
        self._queue.job_ended.connect(self._find_models)
        self.model.line.textChanged.connect(self.typed)
        self.model.line.returnPressed.connect(self.changed)
        self.days.activated.connect(self._show_days)
        for box in (self.states, self.days):
            box.activated.connect(self.changed)
        for field in (self.since, self.until):
            field.chosen.connect(self.changed)
            field.editingFinished.connect(self.changed)

    def _find_models(self, _cause: object = None) -> None:
        if self.isVisible():
            self._queue.find_models(self.model.offer)

    def _show_days(self) -> None:
        for field in (self.since, self.until):
            field.setVisible(self.days.currentIndex() == _BETWEEN)

    def _span(self) -> tuple[datetime | None, datetime | None, str]:
        """From when on and until when jobs are wanted; or what is wrong with that."""
        _, days = _DAYS[self.days.currentIndex()]
        if days:
            midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - timedelta(days=days - 1), None, ""
        if self.days.currentIndex() != _BETWEEN:
            return None, None, ""
        for field in (self.since, self.until):
            if (text := field.text().strip()) and field.span() is None:
                return None, None, f'"{text}" is no day. Write 2026-11-21, or 2026-11 for a whole month.'
        first, last = self.since.span(), self.until.span()
        if first and last and first[0] >= last[1]:
            return None, None, "The first day comes after the last one."
        return first[0] if first else None, last[1] if last else None, ""


class _ModelBox(QComboBox):
    """The name of a model, or a part of it; those that occur are offered."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditable(True)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Any model")
        self.line.setClearButtonEnabled(True)
        self.setLineEdit(self.line)
        self.setAccessibleName("Model")
        self.setToolTip("The name of a model, or a part of it")
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        completer = self.completer()
        assert completer is not None  # every line of a box has one
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        _make_narrow(self)

    def offer(self, names: Sequence[str]) -> None:
        """Offers these; what is written stays."""
        if list(names) == [self.itemText(row) for row in range(self.count())]:
            return
        text, place = self.line.text(), self.line.cursorPosition()
        was_blocked = self.line.blockSignals(True)
        self.clear()
        self.addItems(list(names))
        self.setCurrentIndex(-1)
        self.line.setText(text)
        self.line.setCursorPosition(place)
        self.line.blockSignals(was_blocked)


def _box(labels: Sequence[str], name: str) -> QComboBox:
    box = QComboBox()
    box.addItems(list(labels))
    box.setAccessibleName(name)
    box.setToolTip(name)
    _make_narrow(box)
    return box


def _make_narrow(box: QComboBox) -> None:
    """As wide as there is room, whatever it offers."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
