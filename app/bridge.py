"""What happens on the executor, told to the window: as typed signals, in nodes of documents, in the queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from app.documents import OpenDocument
from app.executor import ExecutorThread, JobBegan, JobEnded, title_of
from app.jobs import Job, JobFacts, JobQueue, JobState
from app.run_status import NodeState, PastRun, RunStatus
from core.errors import Problem
from core.events import (
    NodeBlocked,
    NodeCached,
    NodeEvent,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeStarted,
    Picture,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunQueued,
    RunStarted,
    Ui,
)
from core.folders import Folders
from core.graph import PromptGraph
from core.media.outputs import path_of
from core.nodes.registry import Registry

if TYPE_CHECKING:
    from core.media.outputs import SavedFile

_REFRESH_MS: Final = 66
"""How often previews and progress are shown at most: about 15 times a second."""

_SAMPLING: Final = 20.0
"""How much more of a run's time a sampling node takes than another one, as far as progress is concerned."""

DocumentOf: TypeAlias = Callable[[str], OpenDocument | None]


class Bridge(QObject):
    """Follows the jobs that run.

    Of progress and previews only the latest counts, and it is shown about 15 times a second. Everything else
    is shown at once and never lost, after what came before it.

    Args:
        document_of: The open document of a key; None once it is closed.

    Signals, where a node is that of the graph which an ephemeral one is shown under:
        run_started: Job id.
        node_started: Job id, node id.
        node_progress: Job id, node id, steps done, steps in all.
        node_preview: Job id, node id, picture of unfinished work as QImage.
        node_finished: Job id, node id, what it shows (None for most).
        node_cached: Job id, node id.
        node_failed: Job id, node id, NodeError.
        node_blocked: Job id, node id, the reason if one was given.
        run_ended: Job id, the job as it ended.
        pictures_made: Paths of pictures that have just been written. If there were files of these names
            before, they were others.
    """

    run_started = Signal(str)
    node_started = Signal(str, str)
    node_progress = Signal(str, str, int, int)
    node_preview = Signal(str, str, object)
    node_finished = Signal(str, str, object)
    node_cached = Signal(str, str)
    node_failed = Signal(str, str, object)
    node_blocked = Signal(str, str, str)
    run_ended = Signal(str, object)
    pictures_made = Signal(object)

    def __init__(
        self,
        executor: ExecutorThread,
        queue: JobQueue,
        registry: Registry,
        folders: Folders,
        document_of: DocumentOf,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._queue = queue
        self._registry = registry
        self._folders = folders
        self._document_of = document_of
        self._run: _Run | None = None
        self._job: Job | None = None
        self._progress: dict[str, NodeProgress] = {}
        self._previews: dict[str, NodePreview] = {}
        self._refresh = QTimer(self, interval=_REFRESH_MS, singleShot=True)
        self._refresh.timeout.connect(self._show_latest)
        executor.happened.connect(self.take)
        queue.job_ended.connect(self._on_job_ended)

    def title(self, job_id: str, node_id: str) -> str:
        """What a node of the job that ran last is called."""
        job = self._job
        return title_of(job.graph, node_id, self._registry) if job and job.id == job_id else node_id

    def take(self, event: RunEvent) -> None:
        """Shows an event, at once or with the next refresh."""
        match event:
            case NodeProgress():
                self._progress[event.node_id] = event
            case NodePreview():
                self._previews[event.node_id] = event
            case _:
                self._flush()
                self._tell(event)
        if not self._refresh.isActive():
            self._refresh.start()

    def _tell(self, event: RunEvent) -> None:
        run = self._run
        match event:
            case JobBegan():
                self._begin(event)
            case JobEnded():
                self._end(event)
            case RunQueued() | RunFinished() | RunFailed() | RunCancelled():
                pass  # JobBegan and JobEnded say it all
            case RunStarted():
                self._mark_problems(event.left_out)
                if run is not None:
                    run.skip(event.cached)
                self.run_started.emit(event.run_id)
            case _ if run is None:
                pass  # the job was not queued here
            case NodeStarted():
                run.node, run.under = event.node_id, event.display_id
                self._update(event, state=NodeState.RUNNING, progress=None)
                self.node_started.emit(event.run_id, event.display_id)
            case NodeExpanded():
                run.weights |= dict.fromkeys(event.children, 1.0)
                run.left[self._place(event.display_id)].update(event.children)
            case NodeFinished():
                run.order += 1
                self._settle(run, event, NodeState.DONE, event.shown, seconds=event.seconds, order=run.order)
                self.node_finished.emit(event.run_id, event.display_id, event.shown)
            case NodeCached():
                self._settle(run, event, NodeState.CACHED, event.shown)
                self.node_cached.emit(event.run_id, event.display_id)
            case NodeFailed():
                self._settle(run, event, NodeState.FAILED, None, message=str(event.error), error=event.error)
                self._note_failed(self._place(event.display_id))
                self.node_failed.emit(event.run_id, event.display_id, event.error)
            case NodeBlocked():
                self._settle(run, event, NodeState.BLOCKED, None, message=event.reason)
                self.node_blocked.emit(event.run_id, event.display_id, event.reason)
            case _:
                raise TypeError(f"nobody knows how to show {event!r}")

    def _begin(self, event: JobBegan) -> None:
        job = self._queue.running
        if job is None or job.id != event.run_id:
            return
        self._job = job
        weights = {node_id: self._weight(job.graph, node_id) for node_id in event.nodes}
        self._run = run = _Run(job, weights)
        for node_id in event.nodes:
            run.left[self._place(node_id)].add(node_id)
        status = self._status()
        if status is None:
            return
        fresh = {"progress": None, "order": None, "seconds": None, "message": "", "error": None}
        for node_id in [*status.all()]:
            if node_id not in run.left:
                status.update(node_id, state=NodeState.IDLE, **fresh)
        for node_id in run.left:
            status.update(node_id, state=NodeState.QUEUED, **fresh)

    def _weight(self, graph: PromptGraph, node_id: str) -> float:
        node = graph.nodes.get(node_id)
        spec = self._registry.interface(node.class_type) if node else None
        samples = spec is not None and spec.category == "sampling"
        return _SAMPLING if samples else 1.0

    def _settle(self, run: _Run, event: NodeEvent, state: NodeState, shown: Ui | None, **fields: Any) -> None:
        """Notes that nothing more comes of a node in this run, and what it shows."""
        run.done.add(event.node_id)
        run.share = 0.0
        if event.node_id == run.node:
            run.node = ""
        place = self._place(event.display_id)
        run.left[place].discard(event.node_id)
        if run.left[place] and state is not NodeState.FAILED:
            state = NodeState.RUNNING  # other nodes inside it have still to run
        pictures = tuple(_pictures(shown, self._folders))
        if pictures and state is not NodeState.CACHED:
            self.pictures_made.emit(pictures)
        run.pictures += [path for path in pictures if path not in run.pictures]
        if shown is not None:
            fields |= {"pictures": pictures, "texts": tuple(_texts(shown))}
        if pictures or (state is NodeState.DONE and event.node_id not in run.previewed):
            fields["preview"] = None
        self._update(event, state=state, progress=None, **fields)

    def _end(self, event: JobEnded) -> None:
        self._mark_problems(event.problems)
        status = self._status()
        for node_id, node in [*status.all().items()] if status else ():
            if status and node.state in (NodeState.QUEUED, NodeState.RUNNING):
                is_whole = event.state is JobState.DONE and node.state is NodeState.RUNNING
                status.update(node_id, state=NodeState.DONE if is_whole else NodeState.IDLE, progress=None)
        if status and self._run and event.profile:
            status.end(PastRun(self._run.job.name, self._run.job.graph, event.profile))
        self._tell_queue()
        self._run = None
        self._refresh.stop()
        self._queue.end(event.run_id, event.state, event.message, event.seconds, event.run)

    def _on_job_ended(self, job: JobFacts) -> None:
        """Tells of the end of a run once it is kept; jobs that never ran have none."""
        if self._job is not None and job.id == self._job.id:
            self.run_ended.emit(job.id, job)

    def _mark_problems(self, problems: Iterable[Problem]) -> None:
        """Shows at each node why it cannot run."""
        messages: defaultdict[str, list[str]] = defaultdict(list)
        for problem in problems:
            if problem.node_id is not None:
                messages[self._place(problem.node_id)].append(problem.message)
        status = self._status()
        for place, found in messages.items():
            self._note_failed(place)
            if status:
                status.update(place, state=NodeState.FAILED, message="\n".join(found))

    def _note_failed(self, place: str) -> None:
        """Remembers which node failed; of several the first, as others may have failed because of it."""
        job = self._queue.running
        if job is not None and not job.failed_node:
            self._queue.update(job.id, failed_node=place)

    def _show_latest(self) -> None:
        self._flush()
        self._tell_queue()

    def _flush(self) -> None:
        """Shows the latest progress and previews."""
        progress, self._progress = self._progress, {}
        previews, self._previews = self._previews, {}
        for event in progress.values():
            share = min(event.value / event.maximum, 1.0) if event.maximum > 0 else 0.0
            if self._run:
                self._run.share = share
            self._update(event, progress=share)
            self.node_progress.emit(event.run_id, event.display_id, event.value, event.maximum)
        for event in previews.values():
            image = to_qimage(event.image)
            if self._run:
                self._run.previewed.add(event.node_id)
            self._update(event, preview=image)
            self.node_preview.emit(event.run_id, event.display_id, image)

    def _tell_queue(self) -> None:
        run = self._run
        if run is not None:
            title = title_of(run.job.graph, run.under, self._registry) if run.node else ""
            self._queue.update(run.job.id, progress=run.progress, node=title, pictures=tuple(run.pictures))

    def _update(self, event: NodeEvent, **fields: Any) -> None:
        if status := self._status():
            status.update(self._place(event.display_id), **fields)

    def _status(self) -> RunStatus | None:
        """Of the document that the running job came from, if that is still open."""
        opened = self._document_of(self._run.job.document_key) if self._run else None
        return opened.run if opened else None

    def _place(self, node_id: str) -> str:
        """The node of the document that a node is shown under: inside a subgraph, the one standing for it."""
        opened = self._document_of(self._run.job.document_key) if self._run else None
        return node_id if opened and node_id in opened.document.nodes else node_id.partition(":")[0]


@dataclass(slots=True)
class _Run:
    """What is known of the job that runs.

    Attributes:
        weights: How much of the run each node is that takes part in it and has no result yet.
        left: Node of the document -> nodes shown under it that have not run yet.
        node: The node that runs, which may be an ephemeral one;  under: the one it is shown under.
        share: How far the running node is.
        order: Number of nodes that ran.
    """

    job: Job
    weights: dict[str, float]
    left: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    done: set[str] = field(default_factory=set[str])
    previewed: set[str] = field(default_factory=set[str])
    pictures: list[Path] = field(default_factory=list[Path])
    node: str = ""
    under: str = ""
    share: float = 0.0
    order: int = 0

    def skip(self, cached: Iterable[str]) -> None:
        """Leaves out the nodes that take no time."""
        for node_id in cached:
            self.weights.pop(node_id, None)

    @property
    def progress(self) -> float:
        """Share of the whole run that is done."""
        done = sum(self.weights.get(node_id, 0.0) for node_id in self.done)
        running = self.share * self.weights.get(self.node, 0.0)
        return min((done + running) / max(sum(self.weights.values()), 1.0), 1.0)


def to_qimage(picture: Picture) -> QImage:
    """The picture as Qt holds it, with pixels of its own."""
    height, width, _ = picture.shape
    return QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _pictures(shown: Ui | None, folders: Folders) -> Iterator[Path]:
    for item in shown.get("images", ()) if shown else ():
        if isinstance(item, dict) and "filename" in item:
            yield path_of(cast("SavedFile", item), folders)


def _texts(shown: Ui) -> Iterator[str]:
    return (item for items in shown.values() for item in items if isinstance(item, str))
