"""The queue panel: the job that runs, those that wait, those that have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetrics,
    QGuiApplication,
    QKeySequence,
    QPainter,
    QPixmap,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.jobs import Job, JobFacts, JobQueue, JobState, Pause
from app.pictures import Pictures
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.history_search import HistorySearch
from app.ui.job_words import detail_of, duration, facts_of, when
from app.ui.rows import Index, replace_rows
from app.ui.thumbnails import Thumbnails, draw_inside

_JOB: Final = int(Qt.ItemDataRole.UserRole)
_REMOVE: Final = ("Del", "Backspace")
_DETAILS: Final = ("Alt+Return", "Alt+Enter")
_MIME: Final = "application/x-darkroom-job"
_TICK_MS: Final = 200
_PENDING_SHOWN: Final = 5
_GAP: Final = 8
_PAUSED: Final = {
    Pause.ASKED: "Paused. Jobs wait until you resume.",
    Pause.CRASHED: "Paused, as Darkroom ended unexpectedly. What it had to do waits here.",
    Pause.LEFT: "Paused, as Darkroom was closed while a job ran. That job runs again from its beginning.",
}
_ICONS: Final = {
    JobState.PENDING: ("ring", "text_dim"),
    JobState.RUNNING: ("run", "accent"),
    JobState.DONE: ("check", "good"),
    JobState.PARTIAL: ("warning", "warning"),
    JobState.FAILED: ("error", "danger"),
    JobState.CANCELLED: ("cancel", "text_dim"),
}


class QueueDock(QDockWidget):
    """Shows the queue, and lets the user reorder, cancel and look back.

    Signals:
        picked: The pictures of an ended job, to be looked at.
        open_requested: A whole job, whose workflow is to be opened as a document.
        node_wanted: A job whose failed node is to be shown.
        details_wanted: A job of which all is to be shown that is kept.
    """

    picked = Signal(object)
    open_requested = Signal(object)
    node_wanted = Signal(object)
    details_wanted = Signal(object)

    def __init__(
        self, queue: JobQueue, pictures: Pictures, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__("Queue", parent)
        self.setObjectName("queue")
        self._queue = queue
        self._theme = theme
        self.running = _RunningJob(queue, theme)
        self.waiting_for = QLabel()
        self.waiting_for.setWordWrap(True)
        self.waiting_for.hide()
        style.set_role(self.waiting_for, "dim")
        self.paused = _Paused(queue)
        self.pending_head = _Head("Up next", "Take all of them off the list", queue.clear_pending, theme)
        self.pause = self.pending_head.add_switch("Pause", "Start no job after the present one")
        self.pause.clicked.connect(queue.set_paused)
        self.ended_head = _Head("Finished", "Clear this list; the pictures stay", self._ask_to_clear, theme)
        self.search = HistorySearch(queue, theme)
        self.box: QMessageBox | None = None
        self.pending = _JobView(_PendingJobs(queue), pictures, theme)
        self.ended = _JobView(_EndedJobs(queue), pictures, theme, thumbnails=True)
        self._empty = EmptyState(
            "queue", "Nothing queued", "Run queues the graph as it is now; you can go on editing.", theme
        )
        self.nothing = _NothingFound(self.search, theme)
        self._spare = QWidget()  # takes the room where no job has ended
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._lists())
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.waiting_for.setContentsMargins(10, 6, 10, 6)
        column.addWidget(self.waiting_for)
        column.addWidget(self._pages, 1)
        self.setWidget(inner)
        self._set_up_views()
        queue.changed.connect(self._on_changed)
        self._on_changed(None)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        for part in (self.running, self.pending_head, self.ended_head, self.search, self.pending, self.ended):
            part.set_theme(theme)
        for empty in (self._empty, self.nothing):
            empty.set_theme(theme)

    def executor_state(self, text: str) -> None:
        """Says why nothing runs yet; nothing is said if empty."""
        self.waiting_for.setText(text)
        self.waiting_for.setVisible(bool(text))

    def open_job(self, job: JobFacts) -> None:
        """Has the graph of a job opened as a document."""
        self._queue.read(job, self.open_requested.emit)

    def _lists(self) -> QWidget:
        lists = QWidget()
        column = QVBoxLayout(lists)
        column.setContentsMargins(6, 6, 6, 0)
        column.setSpacing(2)
        for widget in (self.running, self.paused, self.pending_head, self.pending, self.ended_head):
            column.addWidget(widget)
        column.addWidget(self.search)
        column.addWidget(self.ended, 1)
        column.addWidget(self.nothing, 1)
        column.addWidget(self._spare, 1)
        return lists

    def _set_up_views(self) -> None:
        pending, ended = self.pending, self.ended
        pending.setObjectName("bare")
        ended.setObjectName("bare")
        pending.setAccessibleName("Jobs that wait")
        ended.setAccessibleName("Jobs that have ended")
        pending.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        pending.setDefaultDropAction(Qt.DropAction.MoveAction)
        for view in (pending, ended):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            for keys, act in ((_REMOVE, self._remove_selected), (_DETAILS, self._detail_selected)):
                action = QAction(view)
                action.setShortcuts([QKeySequence(key) for key in keys])
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
                action.triggered.connect(partial(act, view))
                view.addAction(action)
            view.customContextMenuRequested.connect(partial(self._show_menu, view))
        pending.activated.connect(self._detail)
        ended.clicked.connect(self._pick)
        ended.activated.connect(self._pick)
        ended.doubleClicked.connect(self._open)

    def _on_changed(self, changed: Job | None) -> None:
        self.running.show_job(self._queue.running)
        if changed is not None:
            return
        pending, ended = self._queue.pending, self._queue.ended
        is_searching = self.search.is_active
        self.pause.setChecked(self._queue.pause is not Pause.NONE)
        self.pending_head.show_count(len(pending))
        self.ended_head.show_count(self._queue.ended_count, is_searching)
        self.search.setVisible(bool(ended) or is_searching)
        self.pending.setVisible(bool(pending))
        self.ended.setVisible(bool(ended))
        self.nothing.setVisible(is_searching and not ended)
        self._spare.setVisible(not (is_searching or ended))
        rows = min(len(pending), _PENDING_SHOWN)
        self.pending.setFixedHeight(rows * self.pending.row_height() + 2 * self.pending.frameWidth())
        has_any = self._queue.jobs or is_searching or self._queue.pause is not Pause.NONE
        self._pages.setCurrentIndex(1 if has_any else 0)

    def _pick(self, index: QModelIndex) -> None:
        job = index.data(_JOB)
        if isinstance(job, JobFacts) and job.pictures:
            self.picked.emit(job.pictures)

    def _open(self, index: QModelIndex) -> None:
        self.open_job(index.data(_JOB))

    def _ask_to_clear(self) -> None:
        """Asks, as this history cannot be had again."""
        count = self._queue.ended_count
        which = "found here" if self.search.is_active else "of the history"
        text = f"Remove {'this job' if count == 1 else f'all {count:,} jobs'} {which}?"
        buttons = QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel
        self.box = box = QMessageBox(QMessageBox.Icon.Question, "Darkroom", text, buttons, self)
        box.setInformativeText("The pictures stay where they are. How they were made is forgotten here.")
        box.button(QMessageBox.StandardButton.Discard).setText("Remove")
        box.button(QMessageBox.StandardButton.Discard).clicked.connect(self._queue.clear_ended)
        box.finished.connect(box.deleteLater)
        box.open()

    def _remove_selected(self, view: _JobView, _checked: bool = False) -> None:
        row = view.currentIndex().row()
        self._queue.remove([job.id for job in view.selected()])
        model = view.model()
        view.setCurrentIndex(model.index(min(row, model.rowCount() - 1), 0))

    def _detail(self, index: QModelIndex) -> None:
        self.details_wanted.emit(index.data(_JOB))

    def _detail_selected(self, view: _JobView, _checked: bool = False) -> None:
        for job in view.selected():
            self.details_wanted.emit(job)

    def _show_menu(self, view: _JobView, place: QPoint) -> None:
        job = view.indexAt(place).data(_JOB)
        if isinstance(job, JobFacts):
            menu = self.menu_of(job)
            menu.exec(view.viewport().mapToGlobal(place))
            menu.deleteLater()

    def menu_of(self, job: JobFacts) -> QMenu:
        """What can be done with a job that waits or has ended."""
        menu = QMenu(self)
        if job.state is JobState.PENDING:
            place = [pending.id for pending in self._queue.pending].index(job.id)
            last = len(self._queue.pending) - 1
            for text, to, possible in (
                ("Run Next", 0, place > 0),
                ("Move Up", place - 1, place > 0),
                ("Move Down", place + 1, place < last),
            ):
                action = menu.addAction(text)
                action.setEnabled(possible)
                action.triggered.connect(lambda _checked=False, to=to: self._queue.move(job.id, to))
        else:
            show = menu.addAction("Show Pictures", lambda: self.picked.emit(job.pictures))
            show.setEnabled(bool(job.pictures))
        if job.failed_node:
            menu.addAction("Show Failed Node", lambda: self.node_wanted.emit(job))
        again = "Duplicate" if job.state is JobState.PENDING else "Run Again"
        menu.addAction(again, lambda: self._queue.duplicate(job.id))
        menu.addAction("Open Its Workflow", lambda: self.open_job(job))
        details = menu.addAction("Details...", lambda: self.details_wanted.emit(job))
        details.setShortcut(QKeySequence(_DETAILS[0]))
        details.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # that of the list is at work
        if job.message:
            menu.addAction("Copy Message", lambda: QGuiApplication.clipboard().setText(job.message))
        menu.addSeparator()
        menu.addAction("Remove from the List", lambda: self._queue.remove([job.id]))
        return menu


class _RunningJob(QFrame):
    """The job that runs: how far it is, with what, and for how long."""

    def __init__(self, queue: JobQueue, theme: Theme) -> None:
        super().__init__()
        self._job: Job | None = None
        self.name, self.elapsed, self.detail = QLabel(), QLabel(), QLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.detail.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the job")
        self.cancel = QToolButton()
        self.cancel.setAccessibleName("Cancel this job")
        self.cancel.setToolTip("Cancel this job (it stops after the present step)")
        self.cancel.setAutoRaise(True)
        self.cancel.clicked.connect(queue.cancel_current)
        style.set_role(self.name, "heading")
        style.set_role(self.detail, "dim")
        style.set_role(self.elapsed, "dim")
        style.set_role(self.bar, "slim")
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.elapsed)
        head.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 6)
        column.setSpacing(5)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.detail)
        self._clock = QTimer(self, interval=_TICK_MS)
        self._clock.timeout.connect(self._show_elapsed)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.cancel.setIcon(icons.icon("cancel", theme))

    def show_job(self, job: Job | None) -> None:
        """Shows how a job stands; nothing if none runs."""
        self._job = job
        self.setVisible(job is not None)
        if job is None:
            self._clock.stop()
            return
        if not self._clock.isActive():
            self._clock.start()
        self.name.setText(_elided(job.name, self.name))
        self.name.setToolTip(job.name)
        self.bar.setRange(0, 0 if job.progress is None else 1000)
        self.bar.setValue(round((job.progress or 0) * 1000))
        share = "" if job.progress is None else f"{job.progress * 100:.0f} %"
        said = " · ".join(part for part in (share, job.message or job.node) if part)
        self.detail.setText(_elided(said or "Starting", self.detail))
        self.cancel.setEnabled(not job.message)
        self._show_elapsed()

    def _show_elapsed(self) -> None:
        if self._job is not None and self._job.started is not None:
            self.elapsed.setText(duration((datetime.now() - self._job.started).total_seconds()))


class _Head(QWidget):
    """The title of a list, with how many are in it, and a button that empties it."""

    def __init__(self, text: str, tip: str, clear: Callable[[], None], theme: Theme) -> None:
        super().__init__()
        self._text = text
        self.label = QLabel(text)
        style.set_role(self.label, "heading")
        self.clear = QToolButton()
        self.clear.setText("Clear")
        self.clear.setToolTip(tip)
        self.clear.setAccessibleName(f"{text}: clear")
        self.clear.setAutoRaise(True)
        self.clear.clicked.connect(clear)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 6, 0, 0)
        self._row.addWidget(self.label, 1)
        self._row.addWidget(self.clear)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.clear.setIcon(icons.icon("clear", theme, theme.text_dim))

    def add_switch(self, text: str, tip: str) -> QToolButton:
        """One more button, which stays down."""
        switch = QToolButton()
        switch.setText(text)
        switch.setToolTip(tip)
        switch.setAccessibleName(f"{self._text}: {text.lower()}")
        switch.setCheckable(True)
        switch.setAutoRaise(True)
        self._row.insertWidget(1, switch)
        return switch

    def show_count(self, count: int, stays: bool = False) -> None:
        """Says how many there are; hides without any, unless it is to stay."""
        self.label.setText(f"{self._text} · {count:,}")
        self.clear.setEnabled(count > 0)
        self.setVisible(count > 0 or stays)


class _Paused(QFrame):
    """Says that no job is started, and why; with a button that changes it."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__()
        self._queue = queue
        self.text = QLabel()
        self.text.setWordWrap(True)
        style.set_role(self.text, "warning")
        self.resume = QToolButton()
        self.resume.setText("Resume")
        self.resume.setToolTip("Start the next job")
        self.resume.clicked.connect(lambda: queue.set_paused(False))
        style.set_role(self.resume, "primary")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 6, 6)
        row.addWidget(self.text, 1)
        row.addWidget(self.resume)
        queue.changed.connect(self._follow)
        self._follow()

    def _follow(self, _job: object = None) -> None:
        pause = self._queue.pause
        self.text.setText(_PAUSED.get(pause, ""))
        self.setVisible(pause is not Pause.NONE)


class _NothingFound(EmptyState):
    """Says that no finished job is as the search asks; with a button that ends it."""

    def __init__(self, search: HistorySearch, theme: Theme) -> None:
        super().__init__("search", "Nothing found", "No finished job is like that.", theme)
        self.all = QPushButton("Show All")
        self.all.clicked.connect(search.reset)
        last_stretch = self.body.count() - 1
        self.body.insertWidget(last_stretch, self.all, 0, Qt.AlignmentFlag.AlignHCenter)


class _Jobs(QAbstractListModel):
    """Some of the queue's jobs as rows. Rows that stay keep their place in the view."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__(queue)
        self._queue = queue
        self._jobs: list[JobFacts] = list(self._present())
        queue.changed.connect(self._on_changed)

    def _present(self) -> Sequence[JobFacts]:
        raise NotImplementedError

    def rowCount(self, parent: Index | None = None) -> int:
        """How many jobs there are."""
        return 0 if parent is not None and parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A job: its name, what is said of it, or the job itself."""
        if not index.isValid() or index.row() >= len(self._jobs):
            return None
        job = self._jobs[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return job.name
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join([job.name, *facts_of(job)])
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{job.name}, {job.state.value}, {detail_of(job)}"
            case value if value == _JOB:
                return job
            case _:
                return None

    def _on_changed(self, changed: Job | None) -> None:
        if changed is None:
            replace_rows(self, self._jobs, self._present(), lambda job: job.id)


class _EndedJobs(_Jobs):
    """The jobs that have ended, the newest first; more of them when somebody scrolls to the last."""

    def _present(self) -> Sequence[JobFacts]:
        return self._queue.ended

    def canFetchMore(self, parent: Index) -> bool:
        """Whether there are jobs that are not in the list yet."""
        return not parent.isValid() and len(self._jobs) < self._queue.ended_count

    def fetchMore(self, parent: Index) -> None:
        """Asks for some more."""
        del parent
        self._queue.fetch_more()


class _PendingJobs(_Jobs):
    """The jobs that wait; they can be dragged to another place."""

    def _present(self) -> Sequence[JobFacts]:
        return self._queue.pending

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Jobs can be dragged, and dropped between others."""
        flags = super().flags(index)
        return flags | (Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else Qt.ItemFlag.ItemIsDropEnabled)

    def supportedDropActions(self) -> Qt.DropAction:
        """Only moving has a sense."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """What is dragged: the id of a job."""
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The id of the job that is dragged."""
        data = QMimeData()
        data.setData(_MIME, self._jobs[indexes[0].row()].id.encode())
        return data

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Any
    ) -> bool:
        """Moves the job. Says no to the view, which would remove the row otherwise."""
        del action, column
        job_id = bytes(data.data(_MIME).data()).decode()
        place = next((place for place, job in enumerate(self._jobs) if job.id == job_id), None)
        if place is not None:
            to = row if row >= 0 else (parent.row() if parent.isValid() else len(self._jobs))
            self._queue.move(job_id, to - 1 if to > place else to)
        return False


class _JobView(QListView):
    """A list of jobs."""

    def __init__(self, model: _Jobs, pictures: Pictures, theme: Theme, *, thumbnails: bool = False) -> None:
        super().__init__()
        self._delegate = _JobPainter(pictures, theme, thumbnails=thumbnails)
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if thumbnails:
            pictures.ready.connect(self._on_ready)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._delegate.theme = theme
        self.viewport().update()

    def _on_ready(self, _path: object) -> None:
        self.viewport().update()

    def row_height(self) -> int:
        """Of each row."""
        return self._delegate.height(self.fontMetrics())

    def selected(self) -> list[JobFacts]:
        """The jobs that are selected."""
        return [index.data(_JOB) for index in self.selectedIndexes()]


class _JobPainter(QStyledItemDelegate):
    """Draws a job: its state, its name, what is said of it, and its first picture."""

    def __init__(self, pictures: Pictures, theme: Theme, *, thumbnails: bool) -> None:
        super().__init__()
        self._pictures = pictures
        self._thumbnails = thumbnails
        self._kept = Thumbnails()
        self.theme = theme

    def height(self, metrics: QFontMetrics) -> int:
        """Of a row: one line of text for jobs that wait, two for those that have ended."""
        return 2 * metrics.lineSpacing() + 16 if self._thumbnails else metrics.lineSpacing() + 12

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As wide as the list."""
        del index
        facts: Any = option
        return QSize(100, self.height(facts.fontMetrics))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draws the row."""
        facts: Any = option
        job: JobFacts = index.data(_JOB)
        rect: QRect = facts.rect
        facts.widget.style().drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, facts.widget
        )
        painter.save()
        inner = rect.adjusted(_GAP, 4, -_GAP, -4)
        if self._thumbnails:
            side = inner.height()
            self._draw_picture(painter, QRect(inner.left(), inner.top(), side, side), job)
            inner.setLeft(inner.left() + side + _GAP)
        self._draw_texts(painter, inner, job, facts.fontMetrics)
        painter.restore()

    def _draw_texts(self, painter: QPainter, inner: QRect, job: JobFacts, metrics: QFontMetrics) -> None:
        line = metrics.lineSpacing()
        top = inner.center().y() - (line if self._thumbnails else line // 2) + 1
        name, colour = _ICONS[job.state]
        box = QRect(inner.left(), top, metrics.height(), metrics.height())
        icons.icon(name, self.theme, str(getattr(self.theme, colour))).paint(painter, box)
        inner.setLeft(box.right() + 7)
        queued = when(job.created)
        edge = metrics.horizontalAdvance(queued)
        left, dim = Qt.AlignmentFlag.AlignLeft, QColor(self.theme.text_dim)
        place = QRect(inner.left(), top, inner.width() - edge - _GAP, line)
        painter.setPen(QColor(self.theme.text))
        painter.drawText(
            place, left, metrics.elidedText(job.name, Qt.TextElideMode.ElideMiddle, place.width())
        )
        painter.setPen(dim)
        painter.drawText(QRect(inner.right() - edge, top, edge + 1, line), left, queued)
        if not self._thumbnails:
            return
        has_failed = job.state in (JobState.FAILED, JobState.PARTIAL)
        painter.setPen(QColor(self.theme.danger) if has_failed else dim)
        said = metrics.elidedText(
            detail_of(job).replace("\n", " "), Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(QRect(inner.left(), top + line, inner.width(), line), left, said)

    def _draw_picture(self, painter: QPainter, box: QRect, job: JobFacts) -> None:
        painter.fillRect(box, QColor(self.theme.canvas))
        pixmap = self._pixmap(job, round(box.width() * painter.device().devicePixelRatioF()))
        if pixmap is None:
            return
        draw_inside(painter, box, pixmap)

    def _pixmap(self, job: JobFacts, size: int) -> QPixmap | None:
        """The first picture of a job: the small one that is kept, or else from its file."""
        if job.thumbnail is None:
            return self._pictures.thumbnail(job.pictures[0], size) if job.pictures else None
        return self._kept.of(job.id, job.thumbnail)


def _elided(text: str, label: QLabel) -> str:
    width = max(label.width(), 80)
    return label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width)
