"""The queue and its history on disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from helpers.stores import RUN, graph, job
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DarkroomError
from core.graph import Link, PromptGraph, PromptNode
from core.store.database import Database, memory_database, open_database
from core.store.graph_facts import ModelUsed, models_of, seeds_of, words_of
from core.store.jobs import JobStore
from core.store.owner import is_alive, this_process
from core.store.records import Job, JobState, Pause, Query, RunFacts

GONE = "999999999-1.00"
"""A process that is no more."""


@pytest.fixture
def database() -> Iterator[Database]:
    database = memory_database()
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


def names(store: JobStore) -> list[str]:
    return [job.name for job in store.pending()]


def ended(
    store: JobStore, name: str, state: JobState = JobState.DONE, text: str = "a red door", **more: object
) -> str:
    """The id of a job that has run."""
    added = store.add(job(name, text, **more), front=True)
    taken = store.take_next()
    assert taken is not None
    assert taken.id == added.id
    store.end(taken.id, state)
    return taken.id


def found(store: JobStore, query: Query) -> list[str]:
    page = store.history(query)
    assert page.total == len(page.jobs)
    return [job.name for job in page.jobs]


def test_a_job_comes_back_as_it_was_queued(store: JobStore) -> None:
    form = {"nodes": [{"id": 1, "widgets": ["ä", None, 1.5]}]}
    queued = Job("key", "name", graph(seed=1 << 63), form, targets=("2", "3"))
    facts = store.add(queued)
    assert facts.state is JobState.PENDING
    assert facts.seeds == (1 << 63,)
    assert facts.models == ("sd/base.safetensors",)
    read = store.read(queued.id)
    assert (read.graph, read.workflow, read.created) == (queued.graph, queued.workflow, queued.created)
    assert (read.document_key, read.name, read.id) == ("key", "name", queued.id)
    assert read.targets == store.read(store.duplicate(queued.id).id).targets == ("2", "3")
    assert store.pending()[0] == facts


@pytest.mark.parametrize(
    "odd",
    [
        PromptGraph(),
        PromptGraph({"a b": PromptNode("X", {"list": [["1", 0]], "pair": ["x", 1], "link": Link("a b", 0)})}),
        PromptGraph({"1": PromptNode("X", {"nan": float("inf"), "half": "\ud800", "deep": {"a": [1, {}]}})}),
    ],
)
def test_odd_graphs_come_back_too(store: JobStore, odd: PromptGraph) -> None:
    queued = Job("key", "half \udc80 name", odd, {})
    store.add(queued)
    taken = store.take_next()
    assert taken is not None
    assert taken.graph == odd
    assert taken.name == "half ? name"


def test_jobs_are_taken_in_order_unless_put_first(store: JobStore) -> None:
    for name in "abc":
        store.add(job(name))
    store.add(job("first"), front=True)
    assert names(store) == ["first", "a", "b", "c"]
    taken = store.take_next()
    assert taken is not None
    assert (taken.name, taken.state) == ("first", JobState.RUNNING)
    assert taken.started is not None
    assert names(store) == ["a", "b", "c"]


def test_jobs_that_wait_are_moved_duplicated_and_removed(store: JobStore) -> None:
    ids = {name: store.add(job(name)).id for name in "abcd"}
    store.move(ids["d"], 1)
    assert names(store) == ["a", "d", "b", "c"]
    store.move(ids["a"], 99)
    assert names(store) == ["d", "b", "c", "a"]
    store.move(ids["c"], 0)
    assert names(store) == ["c", "d", "b", "a"]
    copy = store.duplicate(ids["c"])
    assert copy.id != ids["c"]
    assert names(store) == ["c", "d", "b", "a", "c"]
    assert store.read(copy.id).graph == store.read(ids["c"]).graph
    store.remove([ids["c"], ids["b"], "nobody"])
    assert names(store) == ["d", "a", "c"]
    store.clear_pending()
    assert names(store) == []
    for late in (lambda: store.move(ids["a"], 0), lambda: store.duplicate(ids["a"]), lambda: store.read("x")):
        with pytest.raises(DarkroomError, match="this job"):
            late()


def test_the_run_of_a_job_is_kept(store: JobStore) -> None:
    store.add(job("a"))
    taken = store.take_next()
    assert taken is not None
    store.note_outputs(taken.id, [Path("/out/1.png")])
    pictures = (Path("/out/1.png"), Path("/out/2.png"))
    facts = store.end(
        taken.id, JobState.PARTIAL, "KSampler: no", 2.5, failed_node="3", pictures=pictures, run=RUN
    )
    assert facts.ended is not None
    assert facts.started == taken.started
    assert (facts.state, facts.message, facts.seconds) == (JobState.PARTIAL, "KSampler: no", 2.5)
    assert (facts.failed_node, facts.pictures) == ("3", pictures)
    assert store.history().jobs == (facts,)
    assert store.run_of(taken.id) == RUN
    store.set_thumbnails(taken.id, {pictures[1]: b"jpeg"})
    assert store.thumbnails(taken.id) == {pictures[1]: b"jpeg"}
    assert store.history().jobs[0].thumbnail == b"jpeg"
    store.set_thumbnails(taken.id, {pictures[0]: b"first"})
    assert store.history().jobs[0].thumbnail == b"first"
    with pytest.raises(DarkroomError, match="a has ended before"):
        store.end(taken.id, JobState.DONE)
    assert store.history().jobs[0].state is JobState.PARTIAL


def test_a_job_that_never_ran_says_so(store: JobStore) -> None:
    waiting = store.add(job("a"))
    facts = store.end(waiting.id, JobState.CANCELLED)
    assert (facts.state, facts.started, facts.seconds) == (JobState.CANCELLED, None, None)
    assert store.run_of(waiting.id) == RunFacts()
    assert store.take_next() is None


def test_no_more_jobs_wait_than_may(store: JobStore) -> None:
    first = store.add(job("a"), most=2)
    store.add(job("b"), most=2)
    for full in (lambda: store.add(job("c"), most=2), lambda: store.duplicate(first.id, most=2)):
        with pytest.raises(DarkroomError, match="no more than 2 may wait"):
            full()
    store.take_next()
    store.add(job("c"), most=2)
    assert names(store) == ["b", "c"]
    again = Job("document", "a", PromptGraph(), {}, id=first.id)
    with pytest.raises(DarkroomError, match="queued already"):
        store.add(again)


def test_a_paused_queue_gives_no_job(store: JobStore) -> None:
    store.add(job("a"))
    store.set_paused(True)
    assert store.pause() is Pause.ASKED
    assert store.take_next() is None
    store.set_paused(False)
    assert store.take_next() is not None


def test_what_a_killed_process_leaves_comes_back_and_the_queue_is_paused(database: Database) -> None:
    killed = JobStore(database, GONE)
    for name in "abc":
        killed.add(job(name))
    killed.take_next()
    store = JobStore(database)
    store_jobs = [store.add(job("own"))]
    recovered = store.recover()
    assert recovered.interrupted == ("a",)
    assert recovered.pause is Pause.CRASHED
    pending = store.pending()
    assert [job.name for job in pending][:1] == ["a"]
    assert {job.name for job in pending} == {"a", "b", "c", "own"}
    assert "interrupted" in pending[0].message
    assert pending[0].started is None
    assert store.history().total == 0, "what never ran to its end has not ended"
    assert store.take_next() is None
    store.set_paused(False)
    taken = store.take_next()
    assert taken is not None
    assert (taken.name, taken.message) == ("a", "")
    assert store_jobs[0].message == ""


def test_what_was_let_go_of_goes_on(database: Database) -> None:
    before = JobStore(database, GONE)
    for name in "ab":
        before.add(job(name))
    before.release()
    store = JobStore(database)
    recovered = store.recover()
    assert (recovered.interrupted, recovered.pause) == ((), Pause.NONE)
    assert names(store) == ["a", "b"]


def test_leaving_while_a_job_runs_pauses_the_queue(database: Database) -> None:
    before = JobStore(database, GONE)
    for name in "ab":
        before.add(job(name))
    before.take_next()
    before.release()
    store = JobStore(database)
    assert store.recover().pause is Pause.LEFT
    assert names(store) == ["a", "b"]


def test_the_jobs_of_a_process_that_lives_are_its_own(database: Database) -> None:
    parent = psutil.Process(os.getppid())
    one = JobStore(database, f"{parent.pid}-{parent.create_time():.2f}")
    other = JobStore(database, "1-0.00")  # nothing began at that time
    one.add(job("a"))
    other.add(job("b"))
    taken = other.take_next()
    assert taken is not None
    assert taken.name == "b"
    other.add(job("c"))
    other.clear_pending()
    late = JobStore(database)
    assert late.recover().interrupted == ("b",), "the other one is gone, the first one is not"
    assert names(late) == ["b"]
    assert names(one) == ["a"]


def test_a_process_that_lives_is_told_from_one_that_had_its_number() -> None:
    parent = psutil.Process(os.getppid())
    for shift, lives in ((0, True), (-9, True), (99, False)):  # the system's clock may have been set
        assert is_alive(f"{parent.pid}-{parent.create_time() + shift:.2f}") is lives
    mine = psutil.Process()
    assert not is_alive(f"{mine.pid}-{mine.create_time() - 1:.2f}"), "containers give a number again"


@pytest.mark.parametrize("name", ["", "nonsense", "1-0.00", GONE, f"{this_process()}1"])
def test_no_other_process_is_taken_for_one_of_ours(name: str) -> None:
    assert not is_alive(name)


def test_no_job_is_taken_twice(tmp_path: Path) -> None:
    """Each taker has a connection of its own, as processes have."""
    path = tmp_path / "darkroom.db"
    databases = [open_database(path) for _ in range(3)]
    stores = [JobStore(database) for database in databases]
    ids = {stores[0].add(job(str(number))).id for number in range(30)}

    def take_all(store: JobStore) -> list[str]:
        taken: list[str] = []
        while (one := store.take_next()) is not None:
            taken.append(one.id)
        return taken

    with ThreadPoolExecutor(len(stores)) as pool:
        taken = [job_id for some in pool.map(take_all, stores) for job_id in some]
    assert len(taken) == 30
    assert set(taken) == ids
    for database in databases:
        database.close()


def test_a_damaged_graph_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "darkroom.db"
    database = open_database(path)
    store = JobStore(database)
    store.add(job("broken"))
    store.add(job("sound"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE job_graphs SET prompt = x'00' WHERE job = 1")
    taken = store.take_next()
    assert taken is not None
    assert taken.name == "sound"
    (failed,) = store.history().jobs
    assert (failed.name, failed.state) == ("broken", JobState.FAILED)
    assert "damaged" in failed.message
    database.close()


def test_the_history_comes_in_pages(store: JobStore) -> None:
    for number in range(7):
        ended(store, str(number))
    first = store.history(count=3)
    assert (first.total, [job.name for job in first.jobs]) == (7, ["6", "5", "4"])
    ended(store, "new")
    second = store.history(after=first.jobs[-1].id, count=3)
    assert [job.name for job in second.jobs] == ["3", "2", "1"], "what came meanwhile moves nothing"
    last = store.history(after=second.jobs[-1].id, count=3)
    assert [job.name for job in last.jobs] == ["0"]


def test_jobs_are_found_by_text_model_date_and_state(store: JobStore) -> None:
    noon = datetime(2026, 1, 2, 12)
    ended(store, "doors", text="A Red Door, 100% oak_wood", created=noon)
    ended(store, "cat", JobState.FAILED, "one cat", seed=4711, created=noon + timedelta(days=1))
    ended(store, "hill", text='grüner Hügel "am See"', model="xl\\other.safetensors")
    for text, wanted in {
        "red door": ["doors"],
        "DOOR red": ["doors"],
        "re": ["doors"],
        "0% oak_w": ["doors"],
        "%": ["doors"],
        "_": ["doors"],
        "4711": ["cat"],
        "HÜGEL": ["hill"],
        '"am': ["hill"],
        "cat other": [],
        "ksampler": [],
        "other.safe": ["hill"],
        "": ["hill", "cat", "doors"],
        "  ": ["hill", "cat", "doors"],
    }.items():
        assert found(store, Query(text)) == wanted, text
    assert found(store, Query(model="BASE")) == ["cat", "doors"]
    assert found(store, Query(model="x_")) == []
    assert found(store, Query(since=noon + timedelta(hours=1))) == ["hill", "cat"]
    assert found(store, Query(until=noon + timedelta(hours=1))) == ["doors"]
    assert found(store, Query(states=(JobState.FAILED, JobState.CANCELLED))) == ["cat"]
    assert found(store, Query("red", model="other")) == []
    store.clear_history(Query("cat"))
    assert found(store, Query()) == ["hill", "doors"]
    assert found(store, Query("4711")) == []


def test_the_models_of_what_has_ended_are_named_once(store: JobStore) -> None:
    for model in ("b.safetensors", "A.safetensors", "b.safetensors"):
        ended(store, "job", model=model)
    store.add(job("waits", model="c.safetensors"))
    assert store.models() == ("A.safetensors", "b.safetensors")
    store.clear_history()
    assert store.models() == ()


def test_without_an_index_the_same_is_found(database: Database, store: JobStore) -> None:
    with database.writing() as session:
        for statement in (
            "DROP TRIGGER job_words_added",
            "DROP TRIGGER job_words_removed",
            "DROP TABLE job_words_index",
        ):
            session.connection().exec_driver_sql(statement)
    ended(store, "doors", text="A Red Door, 100% oak_wood")
    assert found(store, Query("0% OAK door")) == ["doors"]
    assert found(store, Query("0x oak")) == []


def test_what_waits_is_not_history(store: JobStore) -> None:
    store.add(job("waits"))
    store.add(job("runs"), front=True)
    store.take_next()
    assert found(store, Query("red")) == []
    store.clear_history()
    assert names(store) == ["waits"]


def test_old_and_many_jobs_are_let_go_and_their_files_stay(store: JobStore, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.touch()
    waiting = store.add(job("waits"))
    for number in range(5):
        ended(store, str(number))
    assert store.retain() == 0
    assert store.retain(count=9, days=9) == 0
    assert store.retain(count=3) == 2
    assert found(store, Query()) == ["4", "3", "2"]
    assert store.retain(days=-1) == 3, "all of them ended before tomorrow"
    assert store.history().total == 0
    assert [job.id for job in store.pending()] == [waiting.id]
    assert picture.exists()


def test_what_a_graph_is_about() -> None:
    odd = PromptGraph(
        {
            "1": PromptNode(
                "A", {"lora_name_2": "x.PT", "noise_seed": 5, "seed": Link("2", 0), "clip_name1": "c.bin"}
            ),
            "2": PromptNode("B", {"seed": True, "model": "y.gguf", "again": "x.PT", "text": "Straße"}),
        }
    )
    assert seeds_of(odd) == (5,)
    assert models_of(odd) == (
        ModelUsed("loras", "x.PT"),
        ModelUsed("text_encoders", "c.bin"),
        ModelUsed("model", "y.gguf"),
        ModelUsed("again", "x.PT"),
    )
    assert words_of(odd, "Name").split("\n") == ["name", "x.pt", "c.bin", "y.gguf", "strasse", "5"]


KINDS = ["add", "front", "take", "end", "move", "remove", "copy", "clear"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9)), max_size=25)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_it_does_what_lists_do(steps: list[tuple[str, int]]) -> None:
    """Against a queue of two lists, whatever is done in whatever order."""
    database = memory_database()
    store, pending, running, history = JobStore(database), [], [], []
    for number, (step, index) in enumerate(steps):
        at = index % len(pending) if pending else -1
        if step in ("add", "front"):
            added = store.add(job(str(number)), front=step == "front")
            pending.insert(0 if step == "front" else len(pending), added.id)
        elif step == "take":
            taken = store.take_next()
            assert (taken.id if taken else None) == (pending[0] if pending else None)
            running += pending[:1]
            del pending[:1]
        elif step == "end" and running:
            history.insert(0, running.pop())
            store.end(history[0], JobState.DONE)
        elif step == "clear" and index == 0:
            store.clear_pending()
            pending.clear()
        elif at >= 0:
            if step == "move":
                store.move(pending[at], index)
                pending.insert(index, pending.pop(at))
            elif step == "remove":
                store.remove([pending.pop(at)])
            elif step == "copy":
                pending.append(store.duplicate(pending[at]).id)
    assert [job.id for job in store.pending()] == pending
    assert [job.id for job in store.history(count=99).jobs] == history
    database.close()
