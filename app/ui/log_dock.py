"""The log panel."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.log import LIMIT, LogRecord, LogStore
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.rows import Index

_LEVELS: Final = (
    ("Everything", logging.NOTSET),
    ("Information", logging.INFO),
    ("Warnings", logging.WARNING),
    ("Errors", logging.ERROR),
)
_INDENT: Final = " " * 15


class LogLines(QAbstractListModel):
    """The lines of the records that pass a filter; a record may have several."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: list[tuple[str, LogRecord]] = []
        self._longest = 0
        self.theme = theme

    def rowCount(self, parent: Index | None = None) -> int:
        """How many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A line: its text, colour and width."""
        text, record = self._lines[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return text
            case Qt.ItemDataRole.ForegroundRole:
                return QColor(self._colour(record))
            case Qt.ItemDataRole.SizeHintRole:
                return self._size()
            case Qt.ItemDataRole.ToolTipRole:
                return f"{record.source}, {record.level_name.lower()}" + (
                    "; this record was malformed" if record.malformed else ""
                )
            case _:
                return None

    def replace(self, records: Sequence[LogRecord]) -> None:
        """Shows these records only."""
        self.beginResetModel()
        self._lines = [line for record in records for line in _lines(record)]
        self._longest = max((len(text) for text, _ in self._lines), default=0)
        self.endResetModel()

    def add(self, records: Sequence[LogRecord]) -> None:
        """Shows these records below the others; the oldest lines make room."""
        new = [line for record in records for line in _lines(record)]
        if not new:
            return
        at = len(self._lines)
        self.beginInsertRows(QModelIndex(), at, at + len(new) - 1)
        self._lines += new
        self._longest = max(self._longest, *(len(text) for text, _ in new))
        self.endInsertRows()
        if (excess := len(self._lines) - LIMIT) > 0:
            self.beginRemoveRows(QModelIndex(), 0, excess - 1)
            del self._lines[:excess]
            self.endRemoveRows()

    def _size(self) -> QSize:
        """All lines are as wide as the longest one, so that the view asks only once."""
        metrics = QFontMetrics(_font())
        return QSize(metrics.horizontalAdvance("m") * (self._longest + 2), metrics.lineSpacing() + 2)

    def _colour(self, record: LogRecord) -> str:
        if record.level >= logging.ERROR:
            return self.theme.danger
        if record.level >= logging.WARNING or record.malformed:
            return self.theme.warning
        return self.theme.text if record.level >= logging.INFO else self.theme.text_dim


class LogDock(QDockWidget):
    """What the program has said, newest last, to be filtered, searched and copied."""

    def __init__(self, store: LogStore, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Log", parent)
        self.setObjectName("log")
        self._store = store
        self._theme = theme
        self._last = 0
        self.level = QComboBox()
        self.search = QLineEdit()
        self.follow = _button("Follow the newest", checkable=True)
        style.set_role(self.follow, "switch")
        self.copy = _button("Copy")
        self.clear = _button("Clear")
        self.lines = LogLines(theme, self)
        self.view = QListView()
        self._empty = EmptyState("log", "Nothing logged", "", theme)
        self._pages = QStackedWidget()
        self._build()
        store.arrived.connect(self._show_new, Qt.ConnectionType.QueuedConnection)
        self.show_all()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = self.lines.theme = theme
        self._empty.set_theme(theme)
        self._set_icons()
        self.view.setFont(_font())
        self.show_all()

    def show_all(self) -> None:
        """Fills the list anew, with what passes the filter."""
        records = self._store.since(0)
        self._last = records[-1].number if records else self._last
        self.lines.replace([record for record in records if self._passes(record)])
        self._after_change(bool(records))

    def copy_lines(self) -> None:
        """Puts the selected lines on the clipboard, or all where none is selected."""
        rows = sorted(index.row() for index in self.view.selectedIndexes()) or range(self.lines.rowCount())
        texts = [str(self.lines.index(row).data()) for row in rows]
        QGuiApplication.clipboard().setText("\n".join(texts))

    def _show_new(self) -> None:
        new = self._store.since(self._last)
        if new:
            self._last = new[-1].number
            self.lines.add([record for record in new if self._passes(record)])
            self._after_change(True)

    def _passes(self, record: LogRecord) -> bool:
        words = self.search.text().casefold().split()
        text = f"{record.source} {record.text}".casefold()
        return record.level >= self.level.currentData() and all(word in text for word in words)

    def _after_change(self, has_records: bool) -> None:
        shows = self.lines.rowCount() > 0
        filtered = has_records and not shows
        self._empty.set_text(
            "No line matches" if filtered else "Nothing logged",
            "Choose another level or search for less."
            if filtered
            else "What Darkroom has to say about its work appears here.",
        )
        self._pages.setCurrentIndex(0 if shows else 1)
        self.copy.setEnabled(shows)
        self.clear.setEnabled(has_records)
        if self.follow.isChecked():
            self.view.scrollToBottom()

    def _follow(self, on: bool) -> None:
        if on:
            self.view.scrollToBottom()

    def _forget(self) -> None:
        self._store.clear()
        self.show_all()

    def _build(self) -> None:
        for label, level in _LEVELS:
            self.level.addItem(label, level)
        self.level.setCurrentIndex(1)
        self.level.setAccessibleName("Least level to show")
        self.search.setPlaceholderText("Search the log")
        self.search.setAccessibleName("Search the log")
        self.search.setClearButtonEnabled(True)
        self.follow.setChecked(True)
        self.view.setModel(self.lines)
        self.view.setUniformItemSizes(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setFont(_font())
        self.view.setAccessibleName("Log")
        self._set_icons()
        self._connect()
        bar = QHBoxLayout()
        bar.addWidget(self.level)
        bar.addWidget(self.search, 1)
        for button in (self.follow, self.copy, self.clear):
            bar.addWidget(button)
        bar.setContentsMargins(8, 6, 8, 6)
        self._pages.addWidget(self.view)
        self._pages.addWidget(self._empty)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._pages, 1)
        self.setWidget(body)

    def _connect(self) -> None:
        self.level.currentIndexChanged.connect(self.show_all)
        self.search.textChanged.connect(self.show_all)
        self.follow.toggled.connect(self._follow)
        self.copy.clicked.connect(self.copy_lines)
        self.clear.clicked.connect(self._forget)
        keys = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.view)
        keys.setContext(Qt.ShortcutContext.WidgetShortcut)
        keys.activated.connect(self.copy_lines)

    def _set_icons(self) -> None:
        self.follow.setIcon(icons.switch_icon("follow", self._theme))
        for button, name in ((self.copy, "copy"), (self.clear, "clear")):
            button.setIcon(icons.icon(name, self._theme))


def _lines(record: LogRecord) -> list[tuple[str, LogRecord]]:
    first, *rest = record.text.splitlines() or [""]
    mark = "(malformed) " if record.malformed else ""
    start = f"{record.time:%H:%M:%S}  {_LETTERS.get(record.level, record.level_name):4} {mark}{first}"
    return [(start, record), *((_INDENT + line, record) for line in rest)]


_LETTERS: Final = {
    logging.DEBUG: "dbg",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "err",
    logging.CRITICAL: "crit",
}


def _font() -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    size = QGuiApplication.font().pointSizeF()
    if size > 0:
        font.setPointSizeF(size)
    return font


def _button(name: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setToolTip(name)
    button.setAccessibleName(name)
    button.setCheckable(checkable)
    return button
