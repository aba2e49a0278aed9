from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from helpers.workflows import node, workflow

from app.documents import OpenDocument
from app.jobs import Job, JobQueue, JobState
from app.queueing import queue_document
from core.graph import PromptGraph
from core.workflow.comfy_json import read_document, write_document
from core.workflow.operations import SetWidget

SEED = 20261120


def job(name: str) -> Job:
    return Job("document", name, PromptGraph(), {})


def names(jobs: tuple[Job, ...]) -> list[str]:
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
    started = queue.start_next()
    assert started is not None
    assert started.name == "first"
    assert started.state is JobState.RUNNING
    assert started.started is not None
    assert queue.start_next() is None, "one at a time"
    assert names(queue.jobs) == ["first", "a", "b", "c"]


def test_jobs_that_wait_can_be_moved_and_removed(queue: JobQueue) -> None:
    jobs = [job(name) for name in "abcd"]
    for one in jobs:
        queue.add(one)
    queue.move(jobs[3].id, 1)
    assert names(queue.pending) == ["a", "d", "b", "c"]
    queue.move(jobs[0].id, 99)
    assert names(queue.pending) == ["d", "b", "c", "a"]
    queue.remove(jobs[2].id)
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
    running = queue.start_next()
    assert running is not None
    queue.remove(running.id)
    queue.cancel_current()
    assert asked == [running.id]
    assert queue.running is not None, "it runs until the executor says that it stopped"
    assert "Stopping" in queue.running.message


def test_what_a_job_reports_is_kept_and_late_reports_are_dropped(queue: JobQueue) -> None:
    changed: list[Job | None] = []
    queue.add(job("a"))
    running = queue.start_next()
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


def test_two_hundred_ended_jobs_are_kept(queue: JobQueue) -> None:
    for number in range(205):
        queue.add(job(str(number)))
        running = queue.start_next()
        assert running is not None
        queue.end(running.id, JobState.DONE)
    assert names(queue.ended[:2]) == ["204", "203"]
    assert len(queue.ended) == 200
    queue.remove(queue.ended[0].id)
    assert names(queue.ended[:1]) == ["203"]
    queue.clear_ended()
    assert queue.jobs == ()


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
    assert queue.pending == (queued,)
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
