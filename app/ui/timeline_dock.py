"""The timeline panel: when every node of the last run worked, for how long, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDockWidget,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.documents import OpenDocument
from app.executor import title_of
from app.run_status import PastRun
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.rows import Index
from core.errors import DarkroomError
from core.inspection import in_bytes
from core.media.outputs import write_whole
from core.nodes.registry import Registry

if TYPE_CHECKING:
    from core.engine.profile import NodeRecord
    from core.events import Usage

_COLUMNS: Final = ("Node", "", "Time", "Memory", "Why it ran")
_NODE, _BAR, _TIME, _MEMORY, _REASON = range(len(_COLUMNS))
_STATES: Final = {"cached": "from the cache", "failed": "failed", "blocked": "blocked"}
_LEAST_BAR: Final = 2.0
_TICK: Final = 2.0


class TimelineRows(QAbstractTableModel):
    """The nodes of a run in the order in which they were done with.

    Attributes:
        run: The run; None while there is none.
    """

    def __init__(self, registry: Registry, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        self.run: PastRun | None = None
        self._registry = registry

    def show_run(self, run: PastRun | None) -> None:
        """Shows another run."""
        self.beginResetModel()
        self.run = run
        self.endResetModel()

    def record(self, row: int) -> NodeRecord:
        """The node in a row."""
        assert self.run is not None
        return self.run.profile.nodes[row]

    def shares(self, row: int) -> tuple[float, float]:
        """When the node in a row began and ended, as shares of the run."""
        assert self.run is not None
        record, whole = self.record(row), max(self.run.profile.seconds, 1e-9)
        return min(record.start / whole, 1.0), min((record.start + record.seconds) / whole, 1.0)

    def rowCount(self, parent: Index | None = None) -> int:
        """How many nodes there are."""
        is_inside = parent is not None and parent.isValid()
        return 0 if is_inside or self.run is None else len(self.run.profile.nodes)

    def columnCount(self, parent: Index | None = None) -> int:
        """How many facts are shown of each."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """What a column shows; that of the bars, how long the run was."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        if section == _BAR and self.run is not None:
            return f"0 to {in_seconds(self.run.profile.seconds)}"
        return _COLUMNS[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A fact of a node."""
        record = self.record(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(record, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(record)
            case Qt.ItemDataRole.ForegroundRole if record.state == "failed":
                return QColor(self.theme.danger)
            case Qt.ItemDataRole.ForegroundRole if record.state != "executed" or index.column() >= _MEMORY:
                return QColor(self.theme.text_dim)
            case Qt.ItemDataRole.TextAlignmentRole if index.column() == _TIME:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None

    def colour(self, row: int) -> QColor:
        """The colour of a node's bar."""
        colours = {"executed": self.theme.good, "failed": self.theme.danger}
        return QColor(colours.get(self.record(row).state, self.theme.text_dim))

    def title(self, record: NodeRecord) -> str:
        """What a node is called; one that others had run in their place by its type."""
        assert self.run is not None
        if record.node_id in self.run.graph.nodes:
            return title_of(self.run.graph, record.node_id, self._registry)
        return self._registry.title(record.class_type)

    def _text(self, record: NodeRecord, column: int) -> str:
        match column:
            case 0:
                return self.title(record)
            case 2 if record.state in ("executed", "failed"):
                return in_seconds(record.seconds)
            case 3:
                return _memory(record)
            case 4:
                said = _STATES.get(record.state, "")
                return ": ".join(filter(None, (said, record.reason)))
            case _:
                return ""

    def _tooltip(self, record: NodeRecord) -> str:
        lines = [f"{self.title(record)} ({record.class_type}, node {record.node_id})"]
        lines.append(f"{record.state} after {in_seconds(record.start)}")
        if record.state in ("executed", "failed"):
            lines[-1] = f"{record.state} from {in_seconds(record.start)} on, for {in_seconds(record.seconds)}"
        if record.reason:
            lines.append(f"Why: {record.reason}")
        for word, usage in (("Before", record.before), ("After", record.after)):
            if usage is not None:
                lines.append(f"{word}: {_usage(usage)}")
        if record.after is not None and record.after.device_seconds is not None:
            lines.append(f"The device worked for {in_seconds(record.after.device_seconds)}")
        return "\n".join(lines)


class _Bars(QStyledItemDelegate):
    """Paints when a node worked: a bar, or a tick for one that took no time."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paints one row. Qt asks for those that can be seen only."""
        super().paint(painter, option, index)
        rows = index.model()
        assert isinstance(rows, TimelineRows)
        start, end = rows.shares(index.row())
        area: Any = option.rect
        room = QRectF(area).adjusted(6, 4, -6, -4)
        left = room.left() + start * room.width()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(rows.colour(index.row()))
        if rows.record(index.row()).state in ("executed", "failed"):
            width = max((end - start) * room.width(), _LEAST_BAR)
            left = min(left, room.right() - width)
            painter.drawRoundedRect(QRectF(left, room.top(), width, room.height()), 2, 2)
        else:
            tick = QRectF(min(left, room.right() - _TICK), room.top(), _TICK, room.height())
            painter.drawRect(tick.adjusted(0, 2, 0, -2))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As high as the other columns, and as wide as it may be."""
        return QSize(0, super().sizeHint(option, index).height())


class TimelineDock(QDockWidget):
    """Shows the last run of the document in front.

    Signals:
        node_wanted: A node was chosen; the id of the document's node that it is shown under.
        message: What happened, in a sentence.
        complained: What went wrong, in a sentence.
        dialog_opened: A dialog that has just been opened.
    """

    node_wanted = Signal(str)
    message = Signal(str)
    complained = Signal(str)
    dialog_opened = Signal(object)

    def __init__(self, registry: Registry, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Timeline", parent)
        self.setObjectName("timeline")
        self._opened: OpenDocument | None = None
        self.rows = TimelineRows(registry, theme, self)
        self.view = QTreeView()
        self.summary = QLabel()
        self.export_json = QPushButton("Export JSON...")
        self.export_trace = QPushButton("Export Trace...")
        self._empty = EmptyState(
            "timeline",
            "No run yet",
            "After a run this shows when each node worked, for how long, and why it was not taken "
            "from the cache.",
            theme,
        )
        self._pages = QStackedWidget()
        self._arrange()
        self._connect()
        self._show()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.rows.theme = theme
        self._empty.set_theme(theme)
        self.view.viewport().update()

    def show_document(self, opened: OpenDocument | None) -> None:
        """Shows the last run of a document, and those that follow."""
        if opened is self._opened:
            return
        if self._opened is not None:
            self._opened.run.ended.disconnect(self._show)
        self._opened = opened
        if opened is not None:
            opened.run.ended.connect(self._show)
        self._show()

    def _arrange(self) -> None:
        view, header = self.view, self.view.header()
        view.setObjectName("bare")
        view.setModel(self.rows)
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setItemDelegateForColumn(_BAR, _Bars(view))
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setAccessibleName("Nodes of the last run")
        em = self.fontMetrics().height()
        header.setStretchLastSection(False)
        for column, width in ((_NODE, em * 12), (_TIME, em * 5), (_MEMORY, em * 11), (_REASON, em * 14)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(_BAR, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(em * 3)
        style.set_role(self.summary, "dim")
        self.export_json.setToolTip("Everything that was measured, as plain data")
        self.export_trace.setToolTip("For Perfetto (ui.perfetto.dev) and Chrome's chrome://tracing")
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 6, 8, 6)
        bar.setSpacing(6)
        bar.addWidget(self.summary, 1)
        for button in (self.export_json, self.export_trace):
            bar.addWidget(button)
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(view, 1)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(filled)
        self.setWidget(self._pages)

    def _connect(self) -> None:
        self.view.clicked.connect(self._choose)
        self.view.activated.connect(self._choose)
        self.export_json.clicked.connect(partial(self._export, "profile", lambda run: run.profile.to_json()))
        self.export_trace.clicked.connect(partial(self._export, "trace", lambda run: run.profile.to_trace()))

    def _show(self) -> None:
        run = self._opened.run.last if self._opened else None
        self.rows.show_run(run)
        self._pages.setCurrentIndex(0 if run is None else 1)
        if run is not None:
            self.summary.setText(_summary(run))

    def _choose(self, index: Index) -> None:
        shown_under = self.rows.record(index.row()).display_id
        opened = self._opened
        if opened is not None:
            inside = shown_under in opened.document.nodes
            self.node_wanted.emit(shown_under if inside else shown_under.partition(":")[0])

    def _export(self, what: str, form: Callable[[PastRun], Mapping[str, Any]]) -> None:
        run = self.rows.run
        if run is None:
            return
        dialog = QFileDialog(self, f"Export the {what} of the last run", f"{Path(run.name).stem}_{what}.json")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("JSON (*.json)")
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(partial(self._write, form(run)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self.dialog_opened.emit(dialog)

    def _write(self, form: Mapping[str, Any], name: str) -> None:
        path = Path(name)
        try:
            write_whole(path, json.dumps(form, indent=1, ensure_ascii=False).encode())
        except DarkroomError as error:
            self.complained.emit(f"The run was not exported: {error}")
        else:
            self.message.emit(f"Exported {path}")


def in_seconds(seconds: float) -> str:
    """A time as people read it."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def _summary(run: PastRun) -> str:
    states = [node.state for node in run.profile.nodes]
    names = (("executed", "ran"), ("cached", "cached"), ("failed", "failed"), ("blocked", "blocked"))
    words = ", ".join(f"{count} {word}" for state, word in names if (count := states.count(state)))
    return f"{run.name}: {in_seconds(run.profile.seconds)}" + (f", {words}" if words else "")


def _memory(record: NodeRecord) -> str:
    """What was taken before and after: on the device if there is one, else on the host."""
    if record.before is None or record.after is None:
        return ""
    before, after = record.before, record.after
    if before.device or after.device:
        return f"{in_bytes(before.device)} → {in_bytes(after.device)}"
    return f"{in_bytes(before.host)} → {in_bytes(after.host)}"


def _usage(usage: Usage) -> str:
    words = f"{in_bytes(usage.host)} on the host"
    if usage.device or usage.device_peak:
        words += f", {in_bytes(usage.device)} on the device (at most {in_bytes(usage.device_peak)})"
    return words
