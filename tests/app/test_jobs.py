from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from helpers.workflows import node, with_instance, workflow
from PIL import Image
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app.documents import OpenDocument
from app.jobs import Job, JobFacts, JobQueue, JobState, Limits, Pause, Query, Recovered, RunFacts
from app.keeper import KeeperThread
from app.queueing import queue_document
from core.errors import DarkroomError
from core.graph import PromptGraph
from core.store.jobs import JobStore
from core.workflow.comfy_json import read_document, write_document
from core.workflow.operations import SetWidget

SEED = 20261120


def job(name: str) -> Job:
    return Job("document", name, PromptGraph(), {})


def names(jobs: tuple[JobFacts, ...]) -> list[str]:
    return [job.name for job in jobs]


@pytest.fixture
def queue(qapp: object) -> JobQueue:
    del qapp
    return JobQueue()


def test_jobs_run_in_order_unless_put_first(queue: JobQueue) -> None:
    for name in "abc":
        queue.add(job(name))
    queue.add(job("first"), front=True)
    assert names(queue.pending) == ["first", "a", "b", "c"]
    queue.start_next()
    started = queue.running
    assert started is not None
    assert started.name == "first"
    assert started.state is JobState.RUNNING
    assert started.started is not None
    queue.start_next()
    assert queue.running is started, "one at a time"
    assert names(queue.jobs) == ["first", "a", "b", "c"]


def test_jobs_that_wait_can_be_moved_and_removed(queue: JobQueue) -> None:
    jobs = [job(name) for name in "abcd"]
    for one in jobs:
        queue.add(one)
    queue.move(jobs[3].id, 1)
    assert names(queue.pending) == ["a", "d", "b", "c"]
    queue.move(jobs[0].id, 99)
    assert names(queue.pending) == ["d", "b", "c", "a"]
    queue.remove([jobs[2].id])
    assert names(queue.pending) == ["d", "b", "a"]
    queue.clear_pending()
    assert queue.jobs == ()


def test_a_job_that_waited_is_cancelled_without_having_run(queue: JobQueue) -> None:
    ended: list[Job] = []
    queue.job_ended.connect(ended.append)
    one, other = job("one"), job("other")
    queue.add(one)
    queue.add(other)
    queue.cancel(one.id)
    assert [(j.name, j.state, j.started) for j in ended] == [("one", JobState.CANCELLED, None)]
    assert names(queue.pending) == ["other"]


def test_cancelling_the_running_job_asks_the_executor(queue: JobQueue) -> None:
    asked: list[str] = []
    queue.cancel_asked.connect(asked.append)
    queue.cancel_current()
    assert asked == []
    queue.add(job("a"))
    queue.start_next()
    running = queue.running
    assert running is not None
    queue.remove([running.id])
    queue.cancel_current()
    assert asked == [running.id]
    assert queue.running is not None, "it runs until the executor says that it stopped"
    assert "Stopping" in queue.running.message


def test_what_a_job_reports_is_kept_and_late_reports_are_dropped(queue: JobQueue) -> None:
    changed: list[Job | None] = []
    queue.add(job("a"))
    queue.start_next()
    running = queue.running
    assert running is not None
    queue.changed.connect(changed.append)
    queue.update(running.id, progress=0.5, pictures=(Path("x.png"),))
    assert queue.running is not None
    assert queue.running.progress == 0.5
    assert changed == [queue.running]
    queue.end(running.id, JobState.FAILED, "no memory", 2.5)
    (ended,) = queue.ended
    assert (ended.state, ended.message, ended.seconds) == (JobState.FAILED, "no memory", 2.5)
    assert ended.pictures == (Path("x.png"),)
    queue.update(running.id, progress=0.9)
    queue.end(running.id, JobState.DONE)
    assert queue.ended == (ended,)
    assert ended.state.is_ended


def run(queue: JobQueue, name: str) -> None:
    queue.add(job(name))
    queue.start_next()
    assert queue.running is not None
    queue.end(queue.running.id, JobState.DONE)


def test_the_history_is_loaded_as_far_as_it_is_wanted(queue: JobQueue) -> None:
    for number in range(205):
        run(queue, str(number))
    assert names(queue.ended[:2]) == ["204", "203"]
    assert (len(queue.ended), queue.ended_count) == (200, 205)
    queue.fetch_more()
    assert names(queue.ended) == [str(number) for number in reversed(range(205))]
    queue.fetch_more()
    run(queue, "new")
    assert (len(queue.ended), queue.ended_count) == (205, 206), "the list is no longer than somebody made it"
    queue.remove([queue.ended[0].id])
    assert names(queue.ended[:1]) == ["204"]
    assert queue.ended_count == 205
    queue.clear_ended()
    assert queue.jobs == ()
    assert queue.ended_count == 0


def test_more_of_the_history_than_is_wanted_goes(queue: JobQueue) -> None:
    queue.limits = Limits(kept=3)
    for name in "abcde":
        run(queue, name)
    assert names(queue.ended) == ["e", "d", "c"]


def test_what_is_searched_stays_searched(queue: JobQueue) -> None:
    for name in ("door", "hill"):
        run(queue, name)
    queue.search(Query("door"))
    assert names(queue.ended) == ["door"]
    run(queue, "another door")
    run(queue, "another hill")
    assert names(queue.ended) == ["another door", "door"]
    queue.clear_ended()
    assert queue.ended_count == 0
    queue.search(Query())
    assert names(queue.ended) == ["another hill", "hill"]


def test_a_paused_queue_starts_nothing_and_goes_on_when_resumed(queue: JobQueue) -> None:
    for name in "ab":
        queue.add(job(name))
    queue.start_next()
    queue.set_paused(True)
    assert queue.pause is Pause.ASKED
    assert queue.running is not None, "what runs goes on"
    queue.end(queue.running.id, JobState.DONE)
    queue.start_next()
    assert queue.running is None
    queue.set_paused(False)
    queue.start_next()
    assert queue.running is not None


def test_a_job_is_run_again(queue: JobQueue) -> None:
    run(queue, "a")
    queue.duplicate(queue.ended[0].id)
    assert names(queue.pending) == ["a"]
    assert queue.pending[0].id != queue.ended[0].id


def test_no_more_jobs_wait_than_may(queue: JobQueue, open_document: Callable[..., OpenDocument]) -> None:
    queue.limits = Limits(waiting=1)
    told: list[str] = []
    queue.refused.connect(told.append)
    queue.add(job("a"))
    queue.add(job("b"))
    assert names(queue.pending) == ["a"]
    assert "b was not queued: no more than 1 may wait" in told[0]
    opened = open_document()
    before = write_document(opened.document)
    opened.refused.connect(told.append)
    assert queue_document(opened, queue, Random(1)) is None
    assert "The queue is full" in told[1]
    assert write_document(opened.document) == before, "the seed is not used up"


def test_a_job_that_is_gone_cannot_be_moved(queue: JobQueue) -> None:
    told: list[str] = []
    queue.refused.connect(told.append)
    queue.move("nobody", 0)
    assert told == ["this job does not wait any more, so it cannot be moved"]


class Program:
    """A queue that is kept in a file, as a program has it."""

    def __init__(self, path: Path, kept: int = 0) -> None:
        self.keeper = KeeperThread(path)
        self.queue = JobQueue(self.keeper)
        self.queue.limits = Limits(kept=kept)
        self.told: list[str] = []
        self.found: list[Recovered] = []
        self.keeper.complained.connect(self.told.append)
        self.queue.refused.connect(self.told.append)
        self.queue.recovered.connect(self.found.append)
        self.queue.open()

    def start_next(self) -> Job:
        self.queue.start_next()
        self.keeper.settle()
        assert self.queue.running is not None
        return self.queue.running


@pytest.fixture
def started(qapp: object, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts a program; the one before it has ended."""
    del qapp
    programs: list[Program] = []

    def start(path: Path = tmp_path / "darkroom.db", kept: int = 0) -> Program:
        for program in programs:
            program.keeper.close()
        programs[:] = [Program(path, kept)]
        return programs[0]

    yield start
    for program in programs:
        program.keeper.close()


def test_a_job_counts_once_it_is_kept(started: Callable[..., Program], qtbot: QtBot) -> None:
    program = started()
    queued: list[JobFacts] = []
    program.queue.job_queued.connect(queued.append)
    program.queue.add(job("a"))
    assert program.queue.pending == ()
    program.keeper.start()
    qtbot.waitUntil(lambda: len(queued) == 1)
    assert program.queue.pending == (queued[0],)


def test_queue_and_history_are_there_after_a_restart(
    started: Callable[..., Program], open_document: Callable[..., OpenDocument], tmp_path: Path
) -> None:
    program, opened = started(), open_document()
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "#ff0000").save(picture)
    whole = queue_document(opened, program.queue, Random(1))
    assert whole is not None
    program.queue.add(job("b"))
    program.keeper.settle()
    first = program.start_next()
    program.queue.update(first.id, pictures=(picture,), progress=0.5)
    run_facts = RunFacts(("1",), ("2",), {"1": 0.5}, {"host": 1})
    program.queue.end(first.id, JobState.DONE, "", 2.5, run_facts)
    program.keeper.settle()
    program = started()
    program.keeper.settle()
    assert (names(program.queue.pending), program.queue.pause) == (["b"], Pause.NONE)
    assert program.found == [Recovered((), Pause.NONE)]
    (ended,) = program.queue.ended
    assert (ended.name, ended.seconds, ended.pictures, ended.seeds) == ("Test", 2.5, (picture,), (SEED,))
    assert ended.thumbnail is not None
    assert ended.thumbnail.startswith(b"\xff\xd8")
    read: list[Job] = []
    program.queue.read(ended, read.append)
    program.keeper.settle()
    assert (read[0].graph, read[0].workflow) == (whole.graph, whole.workflow)
    facts: list[RunFacts] = []
    program.keeper.ask(lambda stores: stores.jobs.run_of(ended.id), facts.append)
    program.keeper.settle()
    assert facts == [run_facts]


def test_leaving_while_a_job_runs_brings_it_back_paused(started: Callable[..., Program]) -> None:
    program = started()
    for name in "ab":
        program.queue.add(job(name))
    program.keeper.settle()
    program.start_next()
    program = started()
    program.keeper.settle()
    assert names(program.queue.pending) == ["a", "b"]
    assert program.found == [Recovered((), Pause.LEFT)]
    program.queue.start_next()
    program.keeper.settle()
    assert program.queue.running is None


def test_a_job_cancelled_while_it_is_being_started_is_stopped(started: Callable[..., Program]) -> None:
    program = started()
    asked: list[str] = []
    program.queue.cancel_asked.connect(asked.append)
    program.queue.add(job("a"))
    program.keeper.settle()
    (waiting,) = program.queue.pending
    program.queue.start_next()
    program.queue.cancel(waiting.id)
    program.keeper.settle()
    assert asked == [waiting.id]
    assert program.queue.running is not None


def test_without_its_file_the_queue_works(started: Callable[..., Program], tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    program = started(tmp_path / "folder.db")
    program.queue.add(job("a"))
    program.keeper.settle()
    assert names(program.queue.pending) == ["a"]
    assert len(program.told) == 1
    assert "not kept this time" in program.told[0]
    assert "folder.db" in program.told[0]


def test_without_a_library_of_the_queue_everything_is_refused_with_the_reason(
    started: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "core.store.jobs", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy.orm", None)
    program = started()
    program.queue.add(job("a"))
    program.keeper.settle()
    assert program.queue.pending == ()
    assert program.found == [Recovered((), Pause.NONE)], "the window waits for it"
    assert all("a library that the queue needs cannot be loaded" in told for told in program.told)
    assert len(program.told) == 2


def test_a_busy_disk_does_not_hold_up_the_window(
    started: Callable[..., Program], qtbot: QtBot, tmp_path: Path
) -> None:
    program = started()
    program.keeper.settle()
    ticks: list[int] = []
    timer = QTimer(interval=1)
    timer.timeout.connect(lambda: ticks.append(len(program.queue.pending)))
    timer.start()
    with closing(sqlite3.connect(tmp_path / "darkroom.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        program.queue.add(job("a"))
        qtbot.waitUntil(lambda: len(ticks) > 20)
        assert program.queue.pending == (), "it is not kept yet"
        other.rollback()
    qtbot.waitUntil(lambda: names(program.queue.pending) == ["a"])


def test_old_history_is_let_go_at_the_start(started: Callable[..., Program]) -> None:
    program = started()
    for name in "abc":
        program.queue.add(job(name))
        program.keeper.settle()
        program.queue.end(program.start_next().id, JobState.DONE)
        program.keeper.settle()
    program = started(kept=2)
    program.keeper.settle()
    assert names(program.queue.ended) == ["c", "b"]
    assert program.queue.ended_count == 2


def test_a_damaged_file_is_told(started: Callable[..., Program], tmp_path: Path) -> None:
    (tmp_path / "darkroom.db").write_bytes(b"no database" * 999)
    program = started()
    program.keeper.settle()
    assert "is damaged" in program.told[0]


def test_a_mistake_of_ours_costs_one_thing_only(started: Callable[..., Program], tmp_path: Path) -> None:
    program = started()
    program.keeper._log_dir = tmp_path / "log"
    program.keeper.ask(lambda stores: stores.jobs.nonsense)  # type: ignore[attr-defined]
    program.queue.add(job("a"))
    program.keeper.settle()
    assert "mistake in Darkroom" in program.told[0]
    assert names(program.queue.pending) == ["a"]


def sampler_seed(opened: OpenDocument) -> int:
    widgets = opened.document.nodes["5"].widgets
    assert isinstance(widgets, tuple)
    return widgets[0]


def test_the_seed_on_screen_runs_and_then_changes(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document()
    before = write_document(opened.document)
    assert sampler_seed(opened) == SEED
    queued = queue_document(opened, queue, Random(1))
    assert queued is not None
    assert [job.id for job in queue.pending] == [queued.id]
    assert queued.graph.nodes["5"].inputs["seed"] == SEED
    assert queued.workflow == before
    assert queued.document_key == opened.key
    assert sampler_seed(opened) != SEED
    assert opened.history.undo_labels == ["Next seed"]
    opened.undo()
    assert write_document(opened.document) == before


def test_a_fixed_seed_leaves_the_document_alone(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document()
    opened.do(SetWidget("5", 1, "fixed"), "Fix")
    queue_document(opened, queue, Random(1))
    assert opened.history.undo_labels == ["Fix"]


def test_editing_does_not_alter_what_is_queued(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document()
    queued = queue_document(opened, queue, Random(1))
    assert queued is not None
    text = queued.graph.nodes["2"].inputs["text"]
    opened.do(SetWidget("2", 0, "another"), "Edit")
    assert queued.graph.nodes["2"].inputs["text"] == text
    assert next(n for n in queued.workflow["nodes"] if n["id"] == 2)["widgets_values"] == [text]


def test_choices_in_texts_are_made_for_the_job_only(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document()
    opened.do(SetWidget("2", 0, "a {red|green} door"), "Edit")
    queued = queue_document(opened, queue, Random(1))
    assert queued is not None
    assert queued.graph.nodes["2"].inputs["text"] in ("a red door", "a green door")
    assert opened.document.nodes["2"].widgets == ("a {red|green} door",)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([], "no nodes"),
        ([node(1, "EmptyLatentImage", widgets=[64, 64, 1])], "no node makes an output"),
        ([node(1, "NobodyKnows")], "NobodyKnows cannot run here"),
    ],
)
def test_nothing_to_run_is_told(
    queue: JobQueue, open_document: Callable[..., OpenDocument], nodes: list[object], said: str
) -> None:
    opened = open_document(read_document(workflow(nodes)).document)
    refused: list[str] = []
    opened.refused.connect(refused.append)
    assert queue_document(opened, queue, Random(1)) is None
    assert queue.jobs == ()
    assert len(refused) == 1
    assert said in refused[0]


def test_a_part_of_a_graph_is_queued(queue: JobQueue, open_document: Callable[..., OpenDocument]) -> None:
    opened = open_document()
    queued = queue_document(opened, queue, Random(1), nodes=["2", "4"])
    assert queued is not None
    assert queued.targets == ("2", "4")
    assert "7" in queued.graph.nodes, "the picture holds the whole graph"


def test_nodes_inside_a_subgraph_are_meant_with_it(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document(read_document(with_instance()).document)
    queued = queue_document(opened, queue, Random(1), nodes=["12"])
    assert queued is not None
    assert queued.targets == ("12:1", "12:2")


def test_what_is_muted_is_nothing_to_run_to(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    form = [node(1, "EmptyLatentImage", widgets=[64, 64, 1], mode=2), node(2, "PrimitiveInt", widgets=[1])]
    opened = open_document(read_document(workflow(form)).document)
    refused: list[str] = []
    opened.refused.connect(refused.append)
    assert queue_document(opened, queue, Random(1), nodes=["1"]) is None
    assert refused == ["There is nothing to run: what is selected is muted, bypassed, or a note."]
    assert queue_document(opened, queue, Random(1), nodes=["2"]) is not None


def test_what_was_not_taken_as_it_stands_is_told(
    queue: JobQueue, open_document: Callable[..., OpenDocument]
) -> None:
    nodes = [node(1, "PreviewImage", inputs=[("images", "IMAGE")]), node(2, "EmptyLatentImage", widgets=[64])]
    opened = open_document(read_document(workflow(nodes)).document)
    refused: list[str] = []
    opened.refused.connect(refused.append)
    assert queue_document(opened, queue, Random(1)) is not None
    assert len(refused) == 1
    assert "node 2 (EmptyLatentImage)" in refused[0]


def test_whatever_happens_while_it_is_opened_it_is_told_that_it_is_done(
    started: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: JobStore) -> Recovered:
        raise DarkroomError("no")

    monkeypatch.setattr(JobStore, "recover", broken)
    program = started()
    program.keeper.settle()
    assert program.told == ["no"]
    assert program.found == [Recovered((), Pause.NONE)], "the executor waits for it"
