"""A line for a day, typed or chosen from a calendar, which may be empty."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from PySide6.QtCore import QDate, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QTextCharFormat
from PySide6.QtWidgets import QCalendarWidget, QLineEdit, QMenu, QWidgetAction

from app import icons
from app.theme import Theme

_YEARS: Final = range(1980, 9999)
"""Those that every system can compute with."""


class DateField(QLineEdit):
    """A day, month or year as ISO 8601 writes them: `2026-11-21`, `2026-11`, `2026`; or nothing.

    Signals:
        chosen: A day was taken from the calendar.
    """

    chosen = Signal()

    def __init__(self, placeholder: str, name: str, theme: Theme) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}: 2026-11-21, 2026-11 or 2026")
        self.calendar: QCalendarWidget | None = None
        self._menu = QMenu(self)
        self._open = QAction("Calendar", self)
        self._open.triggered.connect(self.open_calendar)
        self.addAction(self._open, QLineEdit.ActionPosition.TrailingPosition)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._open.setIcon(icons.icon("calendar", theme, theme.text_dim))

    def span(self) -> tuple[datetime, datetime] | None:
        """The first moment of what is written, and the first one after it; None if it is no day."""
        return span_of(self.text().strip())

    def open_calendar(self) -> None:
        """Lets a day be chosen."""
        calendar = self.calendar or self._make_calendar()
        span = self.span()
        day = span[0] if span else datetime.now()
        calendar.setSelectedDate(QDate(day.year, day.month, day.day))
        self._menu.popup(self.mapToGlobal(QPoint(0, self.height())))
        calendar.setFocus()

    def _make_calendar(self) -> QCalendarWidget:
        self.calendar = calendar = QCalendarWidget()
        calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        for day in (Qt.DayOfWeek.Saturday, Qt.DayOfWeek.Sunday):
            calendar.setWeekdayTextFormat(day, QTextCharFormat())  # Qt's is red
        calendar.setMinimumDate(QDate(_YEARS[0], 1, 1))
        calendar.setMaximumDate(QDate(_YEARS[-1], 12, 31))
        calendar.clicked.connect(self._choose)
        calendar.activated.connect(self._choose)
        holder = QWidgetAction(self._menu)
        holder.setDefaultWidget(calendar)
        self._menu.addAction(holder)
        return calendar

    def _choose(self, day: QDate) -> None:
        self._menu.close()
        self.setText(day.toString("yyyy-MM-dd"))
        self.chosen.emit()


def span_of(text: str) -> tuple[datetime, datetime] | None:
    """The first moment of a day, month or year, and the first one after it; None if it is none of them."""
    try:
        numbers = [int(part) for part in text.split("-")]
        if numbers[0] not in _YEARS:
            return None
        match numbers:
            case [year]:
                return datetime(year, 1, 1), datetime(year + 1, 1, 1)
            case [year, month]:
                return datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1)
            case [year, month, day]:
                first = datetime(year, month, day)
                return first, first + timedelta(days=1)
            case _:
                return None
    except ValueError:
        return None
