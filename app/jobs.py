"""What has been queued: the jobs that wait, the one that runs, and those that have ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from core.graph import PromptGraph

_KEPT: Final = 200
"""Ended jobs that are remembered."""


class JobState(Enum):
    """Where a job stands. PARTIAL: some of its outputs were made, others failed."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A graph as it was when it was queued; later edits of its document never alter it.

    Attributes:
        document_key: The open document it came from, which may be closed by now.
        name: What the document was called.
        workflow: The document in editor format, to be stored with the pictures.
        progress: Share of the whole run that is done, 0..1; None before it is known.
        node: Title of the node that is at work.
        message: What is to be said about its state: what failed, or what it waits for.
        seconds: How long it ran.
        pictures: What it has made so far.
        failed_node: The node of the document at which it failed first; empty if none is known.
    """

    document_key: str
    name: str
    graph: PromptGraph
    workflow: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=datetime.now)
    started: datetime | None = None
    state: JobState = JobState.PENDING
    progress: float | None = None
    node: str = ""
    message: str = ""
    seconds: float | None = None
    pictures: tuple[Path, ...] = ()
    failed_node: str = ""


class JobQueue(QObject):
    """All jobs of this session. Lives on the GUI thread; the executor takes from it what is next.

    Signals:
        changed: The job that is another one now; None when jobs came, went or changed places.
        job_ended: A job that has just ended.
        cancel_asked: Id of the running job, which is to stop.
    """

    changed = Signal(object)
    job_ended = Signal(object)
    cancel_asked = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: Job | None = None
        self._pending: list[Job] = []
        self._ended: list[Job] = []

    @property
    def running(self) -> Job | None:
        """The job that runs."""
        return self._running

    @property
    def pending(self) -> tuple[Job, ...]:
        """The jobs that wait, the next one first."""
        return tuple(self._pending)

    @property
    def ended(self) -> tuple[Job, ...]:
        """The jobs that have ended, the newest first."""
        return tuple(self._ended)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The running job, then those that wait, then those that have ended."""
        return tuple(self._all())

    def find(self, job_id: str) -> Job | None:
        """The job of that id; None if it is not in the list."""
        return next((job for job in self._all() if job.id == job_id), None)

    def add(self, job: Job, front: bool = False) -> None:
        """Puts a job behind all that wait, or before them."""
        self._pending.insert(0 if front else len(self._pending), job)
        self.changed.emit(None)

    def cancel(self, job_id: str) -> None:
        """Stops a job if it runs; if it waits, it ends without having run."""
        if self._running is not None and self._running.id == job_id:
            self.update(job_id, message="Stopping after this step")
            self.cancel_asked.emit(job_id)
        elif job := self._take(self._pending, job_id):
            self._keep(replace(job, state=JobState.CANCELLED))

    def cancel_current(self) -> None:
        """Stops the job that runs, if one does."""
        if self._running is not None:
            self.cancel(self._running.id)

    def clear_pending(self) -> None:
        """Takes all that wait off the list."""
        self._pending.clear()
        self.changed.emit(None)

    def clear_ended(self) -> None:
        """Takes all that have ended off the list; their pictures stay."""
        self._ended.clear()
        self.changed.emit(None)

    def move(self, job_id: str, index: int) -> None:
        """Gives a job that waits that place among those that wait."""
        if job := self._take(self._pending, job_id):
            self._pending.insert(max(0, index), job)
            self.changed.emit(None)

    def remove(self, job_id: str) -> None:
        """Takes a job that waits or has ended off the list; one that runs is to be cancelled first."""
        if self._take(self._pending, job_id) or self._take(self._ended, job_id):
            self.changed.emit(None)

    def start_next(self) -> Job | None:
        """The job that runs from now on; None if one runs already, or none waits."""
        if self._running is not None or not self._pending:
            return None
        self._running = replace(self._pending.pop(0), state=JobState.RUNNING, started=datetime.now())
        self.changed.emit(None)
        return self._running

    def update(self, job_id: str, **fields: Any) -> None:
        """Changes some fields of the running job; what is said of another one comes too late."""
        if self._running is not None and self._running.id == job_id:
            self._running = replace(self._running, **fields)
            self.changed.emit(self._running)

    def end(self, job_id: str, state: JobState, message: str = "", seconds: float | None = None) -> None:
        """Moves the running job to those that have ended."""
        job = self._running
        if job is None or job.id != job_id:
            return
        self._running = None
        self._keep(replace(job, state=state, message=message, seconds=seconds, node=""))

    def _keep(self, job: Job) -> None:
        self._ended.insert(0, job)
        del self._ended[_KEPT:]
        self.job_ended.emit(job)
        self.changed.emit(None)

    def _all(self) -> Iterator[Job]:
        if self._running is not None:
            yield self._running
        yield from self._pending
        yield from self._ended

    @staticmethod
    def _take(jobs: list[Job], job_id: str) -> Job | None:
        for index, job in enumerate(jobs):
            if job.id == job_id:
                return jobs.pop(index)
        return None
