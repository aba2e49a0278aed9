"""What has been queued: the jobs that wait, the one that runs, and those that have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from PySide6.QtCore import QObject, Signal

from app.keeper import Keeper
from core.store.records import (
    EVERYTHING,
    Job,
    JobFacts,
    JobState,
    Page,
    Pause,
    Query,
    Recovered,
    RunFacts,
)

if TYPE_CHECKING:
    from app.keeper import Stores

__all__ = [
    "Job", "JobFacts", "JobQueue", "JobState", "KeptJob", "Limits", "Pause", "Query", "Recovered", "RunFacts",
]  # fmt: skip

_PAGE: Final = 50
_LOADED: Final = 200
"""Ended jobs that stay loaded while others end; more are when somebody scrolls to them."""
_THUMBNAILS: Final = 16
"""Of one job."""
Facts = TypeVar("Facts", bound=JobFacts)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    Attributes:
        waiting: The most jobs that may wait.
        kept: The most jobs that have ended; 0 for all.
        days: How long jobs that have ended are kept; 0 for ever.
    """

    waiting: int = 1000
    kept: int = 5000
    days: int = 0


class KeptJob(NamedTuple):
    """All that is kept of a job.

    Attributes:
        thumbnails: Small JPEGs of what it has made.
    """

    job: Job
    run: RunFacts
    thumbnails: Mapping[Path, bytes]


class JobQueue(QObject):
    """All jobs. Lives on the GUI thread; the executor takes from it what is next.

    What is asked of it is done, and told, as soon as it is kept: nothing is shown that a crash could undo.
    Only how far the running job is, is not kept.

    Args:
        keeper: Where the jobs are kept; None if they need not outlive the program.

    Attributes:
        limits: What holds from the next change on.

    Signals:
        changed: The job that is another one now; None when jobs came, went or changed places.
        job_queued: A job that waits from now on.
        job_started: The job that runs from now on, whole.
        job_ended: A job that has just ended.
        cancel_asked: Id of the running job, which is to stop.
        refused: Why something that was asked for was not done, in a sentence.
        recovered: How the queue was found, as `Recovered`: `open` has done what it can.
    """

    changed = Signal(object)
    job_queued = Signal(object)
    job_started = Signal(object)
    job_ended = Signal(object)
    cancel_asked = Signal(str)
    refused = Signal(str)
    recovered = Signal(object)

    def __init__(self, keeper: Keeper | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.limits = Limits()
        self._keeper = keeper or Keeper(self)
        self._running: Job | None = None
        self._pending: list[JobFacts] = []
        self._ended: list[JobFacts] = []
        self._ended_count = 0
        self._query = EVERYTHING
        self._pause = Pause.NONE
        self._is_taking = False
        self._is_fetching = False

    @property
    def running(self) -> Job | None:
        """The job that runs."""
        return self._running

    @property
    def pending(self) -> tuple[JobFacts, ...]:
        """The jobs that wait, the next one first."""
        return tuple(self._pending)

    @property
    def ended(self) -> tuple[JobFacts, ...]:
        """The jobs that have ended and are loaded, the newest first; `fetch_more` loads more."""
        return tuple(self._ended)

    @property
    def ended_count(self) -> int:
        """How many jobs have ended that `query` finds, loaded or not."""
        return self._ended_count

    @property
    def query(self) -> Query:
        """Which jobs that have ended are wanted."""
        return self._query

    @property
    def pause(self) -> Pause:
        """Whether jobs are started, and why not."""
        return self._pause

    @property
    def jobs(self) -> tuple[JobFacts, ...]:
        """The running job, then those that wait, then those that have ended."""
        return tuple(self._all())

    @property
    def refusal(self) -> str:
        """Why no job can be added; empty if one can."""
        most = self.limits.waiting
        if len(self._pending) < most:
            return ""
        return (
            f"The queue is full: no more than {most} may wait. Let some run, remove some, or raise the "
            "limit in the settings."
        )

    def settle(self) -> None:
        """Waits until all that was asked for is kept."""
        self._keeper.settle()

    def find(self, job_id: str) -> JobFacts | None:
        """The job of that id; None if it is not in the list."""
        return next((job for job in self._all() if job.id == job_id), None)

    def open(self) -> None:
        """Brings back what earlier programs have left; `recovered` tells how it was found."""
        self._keeper.ask(partial(_opened, self.limits), self._on_opened, self._on_not_opened)

    def read(self, job: JobFacts, then: Callable[[Job], object]) -> None:
        """Hands on a job with its graph and its document."""
        self._ask(lambda stores: stores.jobs.read(job.id), then)

    def read_all(self, job_id: str, then: Callable[[KeptJob], object]) -> None:
        """Hands on all that is kept of a job."""
        self._ask(partial(_kept, job_id), then)

    def find_models(self, then: Callable[[tuple[str, ...]], object]) -> None:
        """Hands on the names of the models that jobs that have ended were run with."""
        self._ask(lambda stores: stores.jobs.models(), then)

    def add(self, job: Job, front: bool = False) -> None:
        """Puts a job behind all that wait, or before them. Once it is kept, `job_queued` tells."""
        most = self.limits.waiting
        self._ask(lambda stores: stores.jobs.add(job, front=front, most=most), partial(self._on_added, front))

    def duplicate(self, job_id: str) -> None:
        """Queues the graph of a job once more, whatever became of that."""
        most = self.limits.waiting
        self._ask(lambda stores: stores.jobs.duplicate(job_id, most=most), partial(self._on_added, False))

    def cancel(self, job_id: str) -> None:
        """Stops a job if it runs; if it waits, it ends without having run."""
        if self._running is not None and self._running.id == job_id:
            self.update(job_id, message="Stopping after this step")
            self.cancel_asked.emit(job_id)
        elif any(job.id == job_id for job in self._pending):
            self._ask(lambda stores: stores.jobs.cancel(job_id), partial(self._on_cancelled, job_id))

    def cancel_current(self) -> None:
        """Stops the job that runs, if one does."""
        if self._running is not None:
            self.cancel(self._running.id)

    def clear_pending(self) -> None:
        """Takes all that wait off the list."""
        self._ask(lambda stores: stores.jobs.clear_pending(), lambda _: self._reload_pending())

    def clear_ended(self) -> None:
        """Removes from the history what `query` finds; the pictures stay."""
        query = self._query
        self._ask(lambda stores: stores.jobs.clear_history(query), lambda _: self._reload_ended())

    def move(self, job_id: str, index: int) -> None:
        """Gives a job that waits that place among those that wait."""
        self._ask(lambda stores: stores.jobs.move(job_id, index), lambda _: self._on_moved(job_id, index))

    def remove(self, job_ids: Sequence[str]) -> None:
        """Takes jobs that wait or have ended off the list; one that runs is to be cancelled first."""
        ids = tuple(job_ids)
        self._ask(lambda stores: stores.jobs.remove(ids), lambda _: self._on_removed(ids))

    def set_paused(self, paused: bool) -> None:
        """Starts no job from now on, or does again. The one that runs goes on to its end."""
        pause = Pause.ASKED if paused else Pause.NONE
        self._ask(lambda stores: stores.jobs.set_paused(paused), lambda _: self._set_pause(pause))

    def search(self, query: Query) -> None:
        """Shows only those jobs that have ended which the query finds."""
        if query != self._query:
            self._query = query
            self._reload_ended()

    def fetch_more(self) -> None:
        """Loads some more of the jobs that have ended, if there are more."""
        if self._is_fetching or not self._ended or len(self._ended) >= self._ended_count:
            return
        self._is_fetching = True
        query, last = self._query, self._ended[-1].id
        self._keeper.ask(
            lambda stores: stores.jobs.history(query, after=last, count=_PAGE),
            partial(self._on_more, query, last),
            self._on_no_more,
        )

    def start_next(self) -> None:
        """Starts the next job, if none runs, one waits and the queue is not paused; `job_started` tells."""
        if self._running or self._is_taking or not self._pending or self._pause is not Pause.NONE:
            return
        self._is_taking = True
        self._keeper.ask(lambda stores: stores.jobs.take_next(), self._on_taken, self._on_not_taken)

    def update(self, job_id: str, **fields: Any) -> None:
        """Changes some fields of the running job; what is said of another one comes too late."""
        job = self._running
        if job is None or job.id != job_id:
            return
        self._running = replace(job, **fields)
        if (pictures := self._running.pictures) != job.pictures:
            self._ask(lambda stores: stores.jobs.note_outputs(job_id, pictures))
        self.changed.emit(self._running)

    def end(
        self,
        job_id: str,
        state: JobState,
        message: str = "",
        seconds: float | None = None,
        run: RunFacts | None = None,
    ) -> None:
        """Moves the running job to those that have ended."""
        job = self._running
        if job is None or job.id != job_id:
            return
        self._keeper.ask(
            lambda stores: stores.jobs.end(
                job_id,
                state,
                message,
                seconds,
                failed_node=job.failed_node,
                pictures=job.pictures,
                run=run,
            ),
            self._on_ended,
            partial(self._on_end_not_kept, replace(job, state=state, message=message, seconds=seconds)),
        )

    # Once it is kept.

    def _ask(self, work: Callable[[Stores], Any], then: Callable[[Any], object] | None = None) -> None:
        self._keeper.ask(work, then, self.refused.emit)

    def _on_opened(self, found: tuple[Recovered, tuple[JobFacts, ...], Page]) -> None:
        how, self._pending[:], page = found
        self._pause = how.pause
        self._show_page(page)
        self.recovered.emit(how)

    def _on_not_opened(self, reason: str) -> None:
        self.refused.emit(reason)
        self.recovered.emit(Recovered((), Pause.NONE))

    def _on_added(self, front: bool, job: JobFacts) -> None:
        self._pending.insert(0 if front else len(self._pending), job)
        self.changed.emit(None)
        self.job_queued.emit(job)

    def _on_moved(self, job_id: str, index: int) -> None:
        if job := _taken(self._pending, job_id):
            self._pending.insert(max(0, index), job)
            self.changed.emit(None)

    def _on_removed(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            if not _taken(self._pending, job_id) and _taken(self._ended, job_id):
                self._ended_count -= 1
        self.changed.emit(None)

    def _on_cancelled(self, job_id: str, ended: JobFacts | None) -> None:
        if ended is None:  # it has been started meanwhile
            self.cancel(job_id)
            return
        _taken(self._pending, job_id)
        self._keep(ended)

    def _on_taken(self, job: Job | None) -> None:
        self._is_taking = False
        if job is None or not _taken(self._pending, job.id):  # some could not be read, and have ended
            self._reload_pending()
            self._reload_ended()
        if job is None:
            return
        self._running = job
        self.changed.emit(None)
        self.job_started.emit(job)

    def _on_not_taken(self, reason: str) -> None:
        """Without a pause it would be asked for again and again."""
        self._is_taking = False
        self._pause = Pause.ASKED
        self.refused.emit(f"The queue is paused, as the next job cannot be started: {reason}")
        self.changed.emit(None)

    def _on_ended(self, job: JobFacts) -> None:
        self._running = None
        self._keep(job)
        limits = self.limits
        self._ask(partial(_finished, job, limits), partial(self._on_finished, job.id))

    def _on_end_not_kept(self, job: Job, reason: str) -> None:
        self.refused.emit(f"{job.name} has ended, but that could not be kept: {reason}")
        self._running = None
        self._keep(replace(job, ended=datetime.now(), node=""))

    def _on_finished(self, job_id: str, came: tuple[bytes | None, int]) -> None:
        thumbnail, removed = came
        if removed:
            self._reload_ended()
        for index, job in enumerate(self._ended):
            if job.id == job_id:
                self._ended[index] = replace(job, thumbnail=thumbnail)
                return

    def _keep(self, job: JobFacts) -> None:
        """Shows a job among those that have ended."""
        if self._query == EVERYTHING:
            self._ended.insert(0, job)
            self._ended_count += 1
            if len(self._ended) > _LOADED:
                self._ended.pop()
        else:
            self._reload_ended()
        self.job_ended.emit(job)
        self.changed.emit(None)

    def _set_pause(self, pause: Pause) -> None:
        self._pause = pause
        self.changed.emit(None)

    def _reload_pending(self) -> None:
        self._ask(lambda stores: (stores.jobs.pending(), stores.jobs.pause()), self._on_pending)

    def _on_pending(self, found: tuple[tuple[JobFacts, ...], Pause]) -> None:
        self._pending[:], self._pause = found
        self.changed.emit(None)

    def _reload_ended(self) -> None:
        query, count = self._query, max(_PAGE, len(self._ended))
        self._ask(lambda stores: stores.jobs.history(query, count=count), partial(self._on_reloaded, query))

    def _on_reloaded(self, query: Query, page: Page) -> None:
        if query == self._query:  # else another one was asked for meanwhile
            self._show_page(page)

    def _on_more(self, query: Query, last: str, page: Page) -> None:
        self._is_fetching = False
        if query == self._query and self._ended and self._ended[-1].id == last:
            self._ended += page.jobs
            self._ended_count = page.total
            self.changed.emit(None)

    def _on_no_more(self, reason: str) -> None:
        self._is_fetching = False
        self.refused.emit(reason)

    def _show_page(self, page: Page) -> None:
        self._ended[:], self._ended_count = page.jobs, page.total
        self.changed.emit(None)

    def _all(self) -> Iterator[JobFacts]:
        if self._running is not None:
            yield self._running
        yield from self._pending
        yield from self._ended


def _taken(jobs: list[Facts], job_id: str) -> Facts | None:
    """The job of that id, which is not in the list any more."""
    for index, job in enumerate(jobs):
        if job.id == job_id:
            return jobs.pop(index)
    return None


# Beside the GUI thread.


def _opened(limits: Limits, stores: Stores) -> tuple[Recovered, tuple[JobFacts, ...], Page]:
    recovered = stores.jobs.recover()
    stores.jobs.retain(limits.kept, limits.days)
    return recovered, stores.jobs.pending(), stores.jobs.history(count=_PAGE)


def _kept(job_id: str, stores: Stores) -> KeptJob:
    jobs = stores.jobs
    return KeptJob(jobs.read(job_id), jobs.run_of(job_id), jobs.thumbnails(job_id))


def _finished(job: JobFacts, limits: Limits, stores: Stores) -> tuple[bytes | None, int]:
    """Keeps small pictures of what a job has made: the first one, and how many old jobs have been let go."""
    from core.store.pictures import thumbnail_of

    made = {path: thumbnail for path in job.pictures[:_THUMBNAILS] if (thumbnail := thumbnail_of(path))}
    if made:
        stores.jobs.set_thumbnails(job.id, made)
    removed = stores.jobs.retain(limits.kept, limits.days)
    return next(iter(made.values()), None), removed
