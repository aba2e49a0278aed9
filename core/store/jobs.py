"""The queue and its history on disk. What a method has done when it returns outlives any end of the program.

A job belongs to the process that queued it: no other one takes it while that one lives. What a process
leaves, the next one that opens the queue takes over.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, func, literal_column, select, text, update
from sqlalchemy.orm import Session, selectinload

from core.errors import DarkroomError
from core.graph import PromptGraph
from core.store.database import Database
from core.store.graph_facts import models_of, seeds_of, words_of
from core.store.owner import is_alive, this_process
from core.store.records import (
    ENDED,
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
from core.store.tables import JobGraph, JobModel, JobOutput, JobRow, JobWords, QueueFlag
from core.workflow.json_text import parse_json
from core.workflow.prompt_json import read_prompt, write_prompt

_PAUSE: Final = "pause"
_ENDED: Final = tuple(state.value for state in ENDED)
_TRIGRAM: Final = 3
_SHOWN: Final = (selectinload(JobRow.models), selectinload(JobRow.outputs))


class JobStore:
    """Every job from the moment it is queued until it is removed from the history.

    Args:
        owner: The process whose jobs these are; None for this one.
    """

    def __init__(self, database: Database, owner: str | None = None) -> None:
        self._database = database
        self._owner = owner or this_process()

    # What waits

    def recover(self) -> Recovered:
        """Takes over what processes that are gone have left.

        What ran when its process ended waits again, before all others. If it ended without letting go of its
        jobs, as when it was killed, the queue is paused from now on.
        """
        with self._database.writing() as session:
            left = (JobState.PENDING.value, JobState.RUNNING.value)
            owners = session.scalars(select(JobRow.owner).where(JobRow.state.in_(left)).distinct()).all()
            gone = [owner for owner in owners if owner != self._owner and not (owner and is_alive(owner))]
            if any(gone):  # one without a name has let go of its jobs
                _set_pause(session, Pause.CRASHED)
            ran = session.scalars(_owned(gone, JobState.RUNNING)).all()
            for row in reversed(ran):
                _put_back(session, row)
            _hand_over(session, gone, self._owner)
            return Recovered(tuple(row.name for row in ran), _pause(session))

    def release(self) -> None:
        """Lets go of all jobs, at the end of the program.

        One that still ran waits again, before all others; the queue is paused then.
        """
        with self._database.writing() as session:
            for row in session.scalars(_owned([self._owner], JobState.RUNNING)).all():
                _put_back(session, row)
                _set_pause(session, Pause.LEFT)
            _hand_over(session, [self._owner], "")

    def pending(self) -> tuple[JobFacts, ...]:
        """The jobs that wait, the next one first."""
        with self._database.reading() as session:
            rows = session.scalars(_owned([self._owner], JobState.PENDING).options(*_SHOWN))
            return tuple(_facts(row) for row in rows)

    def add(self, job: Job, *, front: bool = False, most: int | None = None) -> JobFacts:
        """Puts a job behind all that wait, or before them.

        Args:
            most: How many jobs may wait; None for any number.

        Raises:
            DarkroomError: So many wait already, or the job was queued before.
        """
        graph = job.graph
        blobs = JobGraph(
            prompt=_deflated(write_prompt(graph)),
            workflow=_deflated(job.workflow),
            targets=[_clean(target) for target in job.targets],
        )
        models = enumerate(models_of(graph))
        row = JobRow(
            id=job.id,
            owner=self._owner,
            state=JobState.PENDING.value,
            document_key=job.document_key,
            name=_clean(job.name),
            created=job.created.timestamp(),
            message="",
            failed_node="",
            seeds=list(seeds_of(graph)),
            graph=blobs,
            words=JobWords(words=_clean(words_of(graph, job.name))),
            models=[JobModel(position=i, kind=m.kind, name=_clean(m.name)) for i, m in models],
            outputs=[],
        )
        with self._database.writing() as session:
            self._refuse(session, job, most)
            row.place = self._free_place(session, front)
            session.add(row)
            session.flush()
            return _facts(row)

    def take_next(self) -> Job | None:
        """The next job, which runs from now on; None if none waits or the queue is paused.

        Each job is taken once, however many ask at the same time.
        """
        with self._database.writing() as session:
            if _pause(session) is not Pause.NONE:
                return None
            while (row := session.scalar(_owned([self._owner], JobState.PENDING).limit(1))) is not None:
                row.started, row.message = datetime.now().timestamp(), ""
                row.state = JobState.RUNNING.value
                try:
                    return _whole(row)
                except DarkroomError as error:  # it is not to hold up the others
                    _end(session, row, JobState.FAILED, str(error))
            return None

    def note_outputs(self, job_id: str, pictures: Sequence[Path]) -> None:
        """Remembers what a job has made so far."""
        with self._database.writing() as session:
            _set_outputs(_row(session, job_id), pictures)

    def end(
        self,
        job_id: str,
        state: JobState,
        message: str = "",
        seconds: float | None = None,
        *,
        failed_node: str = "",
        pictures: Sequence[Path] = (),
        run: RunFacts | None = None,
    ) -> JobFacts:
        """Moves a job that runs or waits to the history.

        Raises:
            DarkroomError: There is no such job, or it has ended before.
        """
        with self._database.writing() as session:
            row = _row(session, job_id)
            if row.state in _ENDED:
                raise DarkroomError(f"{row.name} has ended before")
            row.seconds, row.failed_node = seconds, failed_node
            row.run = asdict(run) if run else None
            _set_outputs(row, pictures)
            _end(session, row, state, message)
            session.flush()
            return _facts(row)

    def cancel(self, job_id: str) -> JobFacts | None:
        """Moves a job that waits to the history, without having run; None if it does not wait any more."""
        with self._database.writing() as session:
            row = _row(session, job_id)
            if row.state != JobState.PENDING.value:
                return None
            _end(session, row, JobState.CANCELLED, "")
            return _facts(row)

    def move(self, job_id: str, index: int) -> None:
        """Gives a job that waits that place among those that wait; 0 is the next to run."""
        with self._database.writing() as session:
            rows = list(session.scalars(_owned([self._owner], JobState.PENDING)))
            moved = next((row for row in rows if row.id == job_id), None)
            if moved is None:
                raise DarkroomError("this job does not wait any more, so it cannot be moved")
            rows.remove(moved)
            rows.insert(max(0, index), moved)
            for place, row in enumerate(rows):
                row.place = place

    def duplicate(self, job_id: str, *, most: int | None = None) -> JobFacts:
        """A new job behind all that wait, with the graph of another one, whatever became of that.

        Raises:
            DarkroomError: There is no such job, or too many wait already.
        """
        job = self.read(job_id)
        again = Job(job.document_key, job.name, job.graph, job.workflow, targets=job.targets)
        return self.add(again, most=most)

    def remove(self, job_ids: Sequence[str]) -> None:
        """Takes jobs that wait or have ended off the list; files that they have made stay."""
        gone = (JobRow.id.in_(job_ids), JobRow.state != JobState.RUNNING.value)
        with self._database.writing() as session:
            session.execute(delete(JobRow).where(*gone))

    def clear_pending(self) -> None:
        """Takes all that wait off the list."""
        with self._database.writing() as session:
            session.execute(
                delete(JobRow).where(JobRow.owner == self._owner, JobRow.state == JobState.PENDING.value)
            )

    def pause(self) -> Pause:
        """Whether jobs are taken, and why not."""
        with self._database.reading() as session:
            return _pause(session)

    def set_paused(self, paused: bool) -> None:
        """Lets no job be taken from now on, or lets them again. What runs goes on."""
        with self._database.writing() as session:
            _set_pause(session, Pause.ASKED if paused else Pause.NONE)

    # What has ended

    def history(self, query: Query = EVERYTHING, *, after: str = "", count: int = 50) -> Page:
        """Jobs that have ended, the newest first.

        Args:
            after: Id of the job that the page begins behind; empty for the newest.
            count: The most that are wanted.
        """
        wanted = [JobRow.state.in_(_ENDED), *_conditions(query)]
        with self._database.reading() as session:
            if query.text:
                wanted += _found_by_text(session, query.text)
            total = session.scalar(select(func.count()).select_from(JobRow).where(*wanted)) or 0
            if after:
                wanted.append(JobRow.place < select(JobRow.place).where(JobRow.id == after).scalar_subquery())
            rows = session.scalars(
                select(JobRow).where(*wanted).order_by(JobRow.place.desc()).limit(count).options(*_SHOWN)
            ).all()
            thumbnails = _thumbnails(session, [row.number for row in rows])
            return Page(tuple(_facts(row, thumbnails.get(row.number)) for row in rows), total)

    def models(self) -> tuple[str, ...]:
        """The names of the model files of jobs that have ended, sorted without regard to case."""
        with self._database.reading() as session:
            named = select(JobModel.name).join(JobRow, JobRow.number == JobModel.job)
            found = session.scalars(named.where(JobRow.state.in_(_ENDED)).distinct())
            return tuple(sorted(found, key=lambda name: (name.casefold(), name)))

    def read(self, job_id: str) -> Job:
        """A job with its graph and its document.

        Raises:
            DarkroomError: There is no such job, or what is kept of it is damaged.
        """
        with self._database.reading() as session:
            return _whole(_row(session, job_id))

    def run_of(self, job_id: str) -> RunFacts:
        """What the run of a job did; nothing where it has not run.

        Raises:
            DarkroomError: There is no such job.
        """
        with self._database.reading() as session:
            kept = _row(session, job_id).run or {}
            return RunFacts(
                tuple(kept.get("executed", ())),
                tuple(kept.get("cached", ())),
                kept.get("seconds", {}),
                kept.get("memory", {}),
            )

    def thumbnails(self, job_id: str) -> dict[Path, bytes]:
        """The small JPEGs of what a job has made."""
        with self._database.reading() as session:
            found = session.execute(
                select(JobOutput.path, JobOutput.thumbnail)
                .join(JobRow, JobRow.number == JobOutput.job)
                .where(JobRow.id == job_id, JobOutput.thumbnail.is_not(None))
            )
            return {Path(path): thumbnail for path, thumbnail in found if thumbnail is not None}

    def set_thumbnails(self, job_id: str, thumbnails: Mapping[Path, bytes]) -> None:
        """Keeps small JPEGs of what a job has made."""
        with self._database.writing() as session:
            for output in _row(session, job_id).outputs:
                output.thumbnail = thumbnails.get(Path(output.path), output.thumbnail)

    def clear_history(self, query: Query = EVERYTHING) -> None:
        """Removes jobs that have ended from the history; files that they have made stay."""
        wanted = [JobRow.state.in_(_ENDED), *_conditions(query)]
        with self._database.writing() as session:
            if query.text:
                wanted += _found_by_text(session, query.text)
            session.execute(delete(JobRow).where(*wanted).execution_options(synchronize_session=False))

    def retain(self, count: int = 0, days: float = 0) -> int:
        """How many jobs were removed from the history as it was too long or they too old; their files stay.

        Args:
            count: How many to keep, the newest; 0 for all.
            days: For how long to keep them; 0 for ever.
        """
        ended = JobRow.state.in_(_ENDED)
        with self._database.writing() as session:
            removed = 0
            if count:
                first_gone = (
                    select(JobRow.place).where(ended).order_by(JobRow.place.desc()).offset(count).limit(1)
                )
                removed += _removed(session, ended, JobRow.place <= first_gone.scalar_subquery())
            if days:
                oldest = datetime.now().timestamp() - days * 86400
                removed += _removed(session, ended, JobRow.ended < oldest)
            return removed

    def _refuse(self, session: Session, job: Job, most: int | None) -> None:
        if session.scalar(select(exists().where(JobRow.id == job.id))):
            raise DarkroomError(f"{job.name} is queued already")
        waiting = select(func.count()).where(
            JobRow.owner == self._owner, JobRow.state == JobState.PENDING.value
        )
        if most is not None and (session.scalar(waiting) or 0) >= most:
            raise DarkroomError(
                f"{job.name} was not queued: no more than {most} may wait. "
                "Let some of them run, remove some, or raise the limit in the settings"
            )

    def _free_place(self, session: Session, front: bool) -> int:
        end = func.min(JobRow.place) - 1 if front else func.max(JobRow.place) + 1
        pending = JobRow.state == JobState.PENDING.value
        return session.scalar(select(end).where(JobRow.owner == self._owner, pending)) or 0


def _owned(owners: Sequence[str], state: JobState) -> Any:
    """The jobs of some processes in a state, in the order in which they run."""
    wanted = select(JobRow).where(JobRow.owner.in_(owners), JobRow.state == state.value)
    return wanted.order_by(JobRow.place, JobRow.number)


def _hand_over(session: Session, owners: Sequence[str], to: str) -> None:
    """Gives the jobs that wait to another process."""
    waiting = (JobRow.owner.in_(owners), JobRow.state == JobState.PENDING.value)
    session.execute(update(JobRow).where(*waiting).values(owner=to))


def _put_back(session: Session, row: JobRow) -> None:
    """Lets a job that ran wait again, before all others."""
    first = session.scalar(select(func.min(JobRow.place)).where(JobRow.state == JobState.PENDING.value))
    row.state, row.place, row.started = JobState.PENDING.value, (first or 0) - 1, None
    row.message = "It was interrupted, and runs again from its beginning"
    session.flush()


def _end(session: Session, row: JobRow, state: JobState, message: str) -> None:
    newest = session.scalar(select(func.max(JobRow.place)).where(JobRow.state.in_(_ENDED)))
    row.place = (newest or 0) + 1
    row.state, row.message, row.owner = state.value, _clean(message), ""
    row.ended = datetime.now().timestamp()
    session.flush()


def _set_outputs(row: JobRow, pictures: Sequence[Path]) -> None:
    paths = [_clean(str(path)) for path in pictures]
    if [output.path for output in row.outputs] != paths:
        row.outputs = [JobOutput(position=i, path=path) for i, path in enumerate(paths)]


def _row(session: Session, job_id: str) -> JobRow:
    row = session.scalar(select(JobRow).where(JobRow.id == job_id))
    if row is None:
        raise DarkroomError("this job is no longer in the list")
    return row


def _pause(session: Session) -> Pause:
    flag = session.get(QueueFlag, _PAUSE)
    return Pause.NONE if flag is None else Pause(flag.value)


def _set_pause(session: Session, pause: Pause) -> None:
    session.merge(QueueFlag(key=_PAUSE, value=pause.value))
    session.flush()


def _removed(session: Session, *conditions: ColumnElement[bool]) -> int:
    numbers = session.scalars(
        delete(JobRow)
        .where(*conditions)
        .returning(JobRow.number)
        .execution_options(synchronize_session=False)
    )
    return len(numbers.all())


def _facts(row: JobRow, thumbnail: bytes | None = None) -> JobFacts:
    return JobFacts(**_shown(row), thumbnail=thumbnail)


def _whole(row: JobRow) -> Job:
    try:
        form = _inflated(row.graph.prompt)
        graph = read_prompt(form, "its graph") if form else PromptGraph()
        workflow = _inflated(row.graph.workflow)
    except (zlib.error, DarkroomError) as error:
        raise DarkroomError(f"what is kept of {row.name} is damaged: {error}") from error
    return Job(**_shown(row), graph=graph, workflow=workflow, targets=tuple(row.graph.targets))


def _shown(row: JobRow) -> dict[str, Any]:
    return {
        "document_key": row.document_key,
        "name": row.name,
        "id": row.id,
        "created": datetime.fromtimestamp(row.created),
        "started": _moment(row.started),
        "ended": _moment(row.ended),
        "state": JobState(row.state),
        "message": row.message,
        "seconds": row.seconds,
        "pictures": tuple(Path(output.path) for output in row.outputs),
        "failed_node": row.failed_node,
        "seeds": tuple(row.seeds),
        "models": tuple(model.name for model in row.models),
    }


def _moment(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp)


def _thumbnails(session: Session, numbers: Sequence[int]) -> dict[int, bytes]:
    """The first small picture of each job."""
    found = session.execute(
        select(JobOutput.job, JobOutput.thumbnail)
        .where(JobOutput.job.in_(numbers), JobOutput.thumbnail.is_not(None))
        .order_by(JobOutput.job, JobOutput.position.desc())
    )
    return {job: thumbnail for job, thumbnail in found if thumbnail is not None}


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    """What a query asks for, but for its text."""
    wanted: list[ColumnElement[bool]] = []
    if query.model:
        named = JobModel.name.ilike(f"%{_escaped(query.model)}%", escape="\\")
        wanted.append(exists().where(JobModel.job == JobRow.number, named))
    if query.since:
        wanted.append(JobRow.created >= query.since.timestamp())
    if query.until:
        wanted.append(JobRow.created < query.until.timestamp())
    if query.states:
        wanted.append(JobRow.state.in_([state.value for state in query.states]))
    return wanted


def _found_by_text(session: Session, words: str) -> list[ColumnElement[bool]]:
    """That every word occurs. The index knows strings of three letters and more; others are read through."""
    has_index = session.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'job_words_index'"))
    return [
        JobRow.number.in_(_matching(word, bool(has_index) and len(word) >= _TRIGRAM))
        for word in re.split(r"\s+", words.casefold().strip())
    ]


def _matching(word: str, uses_index: bool) -> Any:
    if not uses_index:
        return select(JobWords.job).where(JobWords.words.like(f"%{_escaped(word)}%", escape="\\"))
    phrase = '"' + word.replace('"', '""') + '"'
    index = text("job_words_index")
    return (
        select(literal_column("rowid"))
        .select_from(index)
        .where(literal_column("job_words_index").op("MATCH")(phrase))
    )


def _escaped(part: str) -> str:
    """What LIKE is to take literally."""
    return re.sub(r"([\\%_])", r"\\\1", part)


def _clean(words: str) -> str:
    """Without half characters, which JSON and names of files can have, and the database cannot."""
    return words.encode("utf-8", "replace").decode()


def _deflated(value: object) -> bytes:
    return zlib.compress(_json(value).encode())


def _json(value: object, levels: int = 2) -> str:
    """JSON made entry by entry: a big graph at once would let no other thread work meanwhile."""
    if levels and isinstance(value, dict):
        entries = (f"{json.dumps(str(key))}:{_json(item, levels - 1)}" for key, item in value.items())
        return f"{{{','.join(entries)}}}"
    if levels and isinstance(value, list):
        return f"[{','.join(_json(item, levels - 1) for item in value)}]"
    return json.dumps(value)


def _inflated(blob: bytes) -> Any:
    return parse_json(zlib.decompress(blob), "its graph")
