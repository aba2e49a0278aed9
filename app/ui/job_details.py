"""All that is kept of one job: what it was, what it made, and what each of its nodes did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QColor, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTreeView,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.executor import title_of
from app.jobs import JobFacts, JobQueue, JobState, KeptJob
from app.picture_facts import Fact, prompts_of
from app.pictures import Pictures
from app.theme import Theme
from app.ui import style
from app.ui.facts_panel import FactsPanel
from app.ui.job_words import duration
from app.ui.rows import Index
from app.ui.thumbnails import Thumbnails
from app.ui.tiles import PATH, PICTURE, TileRows, TileView, tile_side
from app.ui.timeline_dock import in_seconds
from core.inspection import in_bytes
from core.nodes.registry import Registry

_STATES: Final = {
    JobState.PENDING: "Waits",
    JobState.RUNNING: "Runs",
    JobState.DONE: "Done",
    JobState.PARTIAL: "Done in part",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
_ROLES: Final = {
    JobState.DONE: "good",
    JobState.PARTIAL: "danger",
    JobState.FAILED: "danger",
}
_COLUMNS: Final = ("Node", "Time", "What it did")
_RAN: Final = "ran"
_FAILED: Final = "failed"
_IN_A_ROW: Final = 4


class JobDetails(QDialog):
    """Shows a job, and follows it while it waits and runs.

    Attributes:
        job_id: Which job it is.
        nodes: What its nodes did, as a table.
        outputs: What it made, as tiles.

    Signals:
        picked: The pictures of the job, and the place of the one that is to be looked at.
        open_requested: The whole job, whose workflow is to be opened as a document.
    """

    picked = Signal(object, int)
    open_requested = Signal(object)

    def __init__(
        self,
        job: JobFacts,
        queue: JobQueue,
        pictures: Pictures,
        registry: Registry,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{job.name} - Details")
        self.job_id = job.id
        self._queue = queue
        self._registry = registry
        self._kept: KeptJob | None = None
        self._facts: tuple[Fact, ...] = ()
        self.heading, self.state = QLabel(job.name), QLabel()
        self.facts = FactsPanel("About this job")
        self.outputs = TileView("What it made", theme)
        self.nodes = QTreeView()
        self._output_rows = _OutputRows(pictures, self.outputs)
        self._node_rows = _NodeRows(theme, self.nodes)
        self.open_button, self.copy_button = self._arrange()
        self._connect(pictures)
        self._show(job)
        self._read()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.outputs.set_theme(theme)
        self._node_rows.theme = theme
        self.nodes.viewport().update()

    def text(self) -> str:
        """All that is shown, to be copied."""
        parts = [self.heading.text(), f"State: {self.state.text()}"]
        parts += [f"{fact.label}: {fact.text}" for fact in self._facts]
        parts += [f"Made: {path}" for path in self._output_rows.paths]
        return "\n".join([*parts, *self._node_rows.lines()])

    # What is shown.

    def _read(self) -> None:
        self._queue.read_all(self.job_id, self._on_read)

    def _on_read(self, kept: KeptJob) -> None:
        if isValid(self):  # it may have been closed meanwhile
            self._kept = kept
            self._show(kept.job)

    def _follow(self, job: JobFacts) -> None:
        if job.id == self.job_id:
            self._read()

    def _show(self, job: JobFacts) -> None:
        """Shows as much as is known."""
        kept = self._kept
        self.state.setText(_STATES[job.state])
        style.set_role(self.state, _ROLES.get(job.state, "dim"))
        self._facts = tuple(_facts_of(job, kept))
        self.facts.show_facts(self._facts)
        self._output_rows.show_pictures(job.pictures, kept.thumbnails if kept else {})
        self.outputs.setVisible(bool(job.pictures))
        self.outputs.setFixedHeight(self.outputs.rows_height(1 if len(job.pictures) <= _IN_A_ROW else 2))
        self.open_button.setEnabled(kept is not None)
        if kept is not None:
            self._node_rows.show_nodes(_nodes_of(kept, self._registry))

    # Making of.

    def _arrange(self) -> tuple[QWidget, QWidget]:
        """Lays the parts out; the buttons that open its workflow and copy."""
        style.set_role(self.heading, "heading")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setWordWrap(True)
        self.outputs.setModel(self._output_rows)
        nodes, header = self.nodes, self.nodes.header()
        nodes.setObjectName("bare")
        nodes.setAccessibleName("What its nodes did")
        nodes.setModel(self._node_rows)
        nodes.setRootIsDecorated(False)
        nodes.setUniformRowHeights(True)
        nodes.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        nodes.setMinimumHeight(nodes.fontMetrics().height() * 7)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        nodes.setSortingEnabled(True)
        em = self.fontMetrics().height()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(1, em * 6)
        header.resizeSection(2, em * 9)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        opens = buttons.addButton("Open Its Workflow", QDialogButtonBox.ButtonRole.ActionRole)
        copies = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        for button in (opens, copies):
            button.setAutoDefault(False)
        opens.clicked.connect(self._open)
        copies.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.heading)
        column.addWidget(self.state)
        column.addWidget(self.facts, 3)
        column.addWidget(self.outputs)
        column.addWidget(self.nodes, 2)
        column.addWidget(buttons)
        self.resize(em * 34, em * 42)
        return opens, copies

    def _connect(self, pictures: Pictures) -> None:
        copy = QAction("Copy", self.nodes)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy_nodes)
        self.nodes.addAction(copy)
        self.nodes.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.outputs.activated.connect(self._pick)
        pictures.ready.connect(self._on_picture)
        self._queue.job_started.connect(self._follow)
        self._queue.job_ended.connect(self._follow)

    def _on_picture(self, _path: object) -> None:
        self.outputs.viewport().update()

    def _pick(self, index: QModelIndex) -> None:
        self.picked.emit(self._output_rows.paths, index.row())

    def _open(self) -> None:
        if self._kept is not None:
            self.open_requested.emit(self._kept.job)

    def _copy_nodes(self) -> None:
        """Copies the nodes that are selected, or else all."""
        rows = sorted(index.row() for index in self.nodes.selectionModel().selectedRows())
        QGuiApplication.clipboard().setText("\n".join(self._node_rows.lines(rows or None)))


class _NodeFacts(NamedTuple):
    """What a node of a job did. `seconds` is None if it did not run."""

    node_id: str
    title: str
    seconds: float | None
    did: str


class _NodeRows(QAbstractTableModel):
    """The nodes of a job: those that ran, in order, then those from the cache, then the others."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        self._nodes: Sequence[_NodeFacts] = ()
        self._shown: list[_NodeFacts] = []
        self._sorting = -1, Qt.SortOrder.AscendingOrder

    def show_nodes(self, nodes: Sequence[_NodeFacts]) -> None:
        """Shows these."""
        self._nodes = nodes
        self.sort(*self._sorting)

    def lines(self, rows: Sequence[int] | None = None) -> list[str]:
        """Rows as text; all of them if none are named."""
        nodes = self._shown if rows is None else [self._shown[row] for row in rows]
        return ["\t".join((node.node_id, *_words_of(node))) for node in nodes]

    def rowCount(self, parent: Index | None = None) -> int:
        """How many nodes there are."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index | None = None) -> int:
        """How many facts are shown of each."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """What a column shows."""
        is_name = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if is_name else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A fact of a node."""
        node = self._shown[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _words_of(node)[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return f"{node.title}, node {node.node_id}"
            case Qt.ItemDataRole.ForegroundRole if node.did == _FAILED:
                return QColor(self.theme.danger)
            case Qt.ItemDataRole.ForegroundRole if node.did != _RAN:
                return QColor(self.theme.text_dim)
            case Qt.ItemDataRole.TextAlignmentRole if index.column() == 1:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sorts by a column; -1 gives back the order in which they were done with."""
        keys = (_by_title, _by_seconds, _by_deed)
        self._sorting = column, order
        self.beginResetModel()
        self._shown = list(self._nodes)
        if column >= 0:
            self._shown.sort(key=keys[column], reverse=order is Qt.SortOrder.DescendingOrder)
        self.endResetModel()


class _OutputRows(TileRows):
    """The files that a job has made."""

    def __init__(self, pictures: Pictures, view: QWidget) -> None:
        super().__init__(view)
        self._pictures = pictures
        self._view = view
        self._kept: Mapping[Path, bytes] = {}
        self._decoded = Thumbnails()
        self.paths: tuple[Path, ...] = ()

    def show_pictures(self, paths: tuple[Path, ...], kept: Mapping[Path, bytes]) -> None:
        """Shows these; of some, small pictures are kept."""
        self.beginResetModel()
        self.paths, self._kept = paths, kept
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        """How many files there are."""
        return 0 if parent is not None and parent.isValid() else len(self.paths)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What a tile shows."""
        path = self.paths[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return path.name
            case Qt.ItemDataRole.ToolTipRole:
                return str(path)
            case value if value == PATH:
                return path
            case value if value == PICTURE:
                return self._picture(path)
            case _:
                return None

    def _picture(self, path: Path) -> object:
        if jpeg := self._kept.get(path):
            return self._decoded.of(str(path), jpeg)
        size = tile_side(self._view.fontMetrics()) * self._view.devicePixelRatioF()
        return self._pictures.thumbnail(path, round(size))


def _facts_of(job: JobFacts, kept: KeptJob | None) -> Iterator[Fact]:
    """What is told of a job but for its name, state and nodes."""
    yield from _said("Message", job.message)
    yield Fact("Queued", _moment(job.created))
    yield from _said("Began", _moment(job.started) if job.started else "")
    yield from _said("Ended", _moment(job.ended) if job.ended else "")
    yield from _said("Took", "" if job.seconds is None else duration(job.seconds))
    yield from _said("Seed" if len(job.seeds) == 1 else "Seeds", ", ".join(map(str, job.seeds)))
    yield from _said("Model" if len(job.models) == 1 else "Models", "\n".join(job.models))
    if kept is not None:
        yield from dict.fromkeys(prompts_of(kept.job.graph))
        yield from _said("Memory", _memory(kept.run.memory))
        if kept.run.executed or kept.run.cached:
            counts = f"{len(kept.run.executed)} ran, {len(kept.run.cached)} from the cache"
            yield Fact("Nodes", counts)


def _said(label: str, text: str) -> Iterator[Fact]:
    """The fact, unless there is nothing to say."""
    if text:
        yield Fact(label, text)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _memory(peaks: Mapping[str, int]) -> str:
    """What was taken at most."""
    words = {"host": "on the host, of the whole program", "device": "on the device"}
    parts = [f"{in_bytes(peaks[place])} {where}" for place, where in words.items() if peaks.get(place)]
    return f"At most {'; '.join(parts)}" if parts else ""


def _nodes_of(kept: KeptJob, registry: Registry) -> list[_NodeFacts]:
    """What every node did: those of the graph, and those that others had run in their place."""
    job, run = kept.job, kept.run
    title = partial(title_of, job.graph, registry=registry)
    nodes = [_NodeFacts(node, title(node), run.seconds.get(node), _RAN) for node in run.executed]
    nodes += [_NodeFacts(node, title(node), None, "from the cache") for node in run.cached]
    done = {*run.executed, *run.cached}
    for node in job.graph.nodes:
        if node not in done:
            did = _FAILED if node == job.failed_node else "did not run" if job.state.is_ended else ""
            nodes.append(_NodeFacts(node, title(node), None, did))
    return nodes


def _words_of(node: _NodeFacts) -> tuple[str, str, str]:
    """What is shown in each column."""
    return node.title, "" if node.seconds is None else in_seconds(node.seconds), node.did


def _by_title(node: _NodeFacts) -> str:
    return node.title.casefold()


def _by_seconds(node: _NodeFacts) -> float:
    return -1.0 if node.seconds is None else node.seconds


def _by_deed(node: _NodeFacts) -> str:
    return node.did
