from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.jobs import Gate, Works, running
from helpers.toy_nodes import quick, toy_registry
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app import executor as executor_module
from app.executor import JobEnded, _needed
from app.jobs import Job, JobState, RunFacts
from core.events import NodeFailed, NodeFinished, NodeProgress, NodeStarted, RunCancelled
from core.folders import Folders
from core.media.outputs import save_files
from core.nodes.api import Context, Shown, node
from core.nodes.registry import builtin
from core.workflow.metadata import read_graphs
from core.workflow.prompt_json import read_prompt

LONG = 120_000
FLOOD = 50_000


@node("TFlood", category="toy", output=True)
def flood(*, ctx: Context, count: int) -> Shown[None]:
    for index in range(count):
        ctx.progress(index + 1, count)
    return Shown(None, text=["done"])


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def works(qapp: object, folders: Folders, gate: Gate) -> Iterator[Works]:
    del qapp
    with running(toy_registry(lambda _, /, **arguments: None, gate.node, flood), folders) as works:
        yield works


def test_jobs_run_in_the_order_of_the_queue(works: Works, gate: Gate, qtbot: QtBot) -> None:
    first, second, third = (works.add(Gate.graph(value, steps=1)) for value in (1, 2, 3))
    qtbot.waitUntil(gate.waiting.is_set, timeout=LONG)
    assert works.queue.running is not None
    assert works.queue.running.id == first.id
    works.queue.move(third.id, 0)
    gate.let_go_on(3)
    qtbot.waitUntil(works.ended(first, second, third), timeout=LONG)
    assert [job.id for job in works.queue.ended] == [second.id, third.id, first.id]
    assert {job.state for job in works.queue.ended} == {JobState.DONE}
    assert all(job.seconds is not None for job in works.queue.ended)
    assert works.kinds(second)[0] == "JobBegan"
    assert works.kinds(second)[-1] == "JobEnded"


def test_nothing_is_taken_before_torch_is_there(works: Works, gate: Gate, qtbot: QtBot) -> None:
    job = works.add(Gate.graph(steps=1))
    assert works.queue.running is None
    works.queue.cancel(job.id)
    qtbot.waitUntil(works.is_ready, timeout=LONG)
    assert works.devices == ["cpu"]
    assert works.queue.ended[0].state is JobState.CANCELLED
    assert gate.reached == 0


def test_cancel_acts_within_one_step(works: Works, gate: Gate, qtbot: QtBot) -> None:
    job = works.add(Gate.graph(steps=5))
    after = works.add(quick(c=("TConst", {"value": 1}), o=("TOut", {"value": ["c", 0]})))
    qtbot.waitUntil(gate.waiting.is_set, timeout=LONG)
    gate.let_go_on(2)
    qtbot.waitUntil(lambda: any(isinstance(e, NodeProgress) and e.value == 2 for e in works.events))
    works.queue.cancel_current()
    count = len(works.events)
    qtbot.waitUntil(works.ended(job, after), timeout=LONG)
    assert gate.reached == 2
    later = [event for event in works.events[count:] if event.run_id == job.id]
    assert [type(event) for event in later] == [RunCancelled, JobEnded]
    states = {ended.id: ended.state for ended in works.queue.ended}
    assert states == {job.id: JobState.CANCELLED, after.id: JobState.DONE}


def test_closing_in_the_middle_of_a_run_ends_the_thread(works: Works, gate: Gate, qtbot: QtBot) -> None:
    works.add(Gate.graph(steps=5))
    works.add(Gate.graph(value=1, steps=5))
    qtbot.waitUntil(gate.waiting.is_set, timeout=LONG)
    works.executor.stop()
    assert works.executor.isFinished()
    qtbot.waitUntil(lambda: works.queue.running is None)
    assert gate.reached == 0
    assert len(works.queue.pending) == 1, "what waits is left as it is"


def test_stopping_one_that_was_never_started(qapp: object, folders: Folders) -> None:
    del qapp
    with running(toy_registry(), folders, start=False) as works:
        works.executor.stop()
        assert not works.executor.isRunning()


def test_a_job_may_run_for_some_nodes_only(works: Works, qtbot: QtBot) -> None:
    graph = quick(
        c=("TConst", {"value": 1}),
        a=("TAdd", {"a": ["c", 0], "b": 2}),
        o=("TOut", {"value": ["a", 0]}),
        f=("TFail", {"value": 1, "fail": True}),
        p=("TOut", {"value": ["f", 0]}),
    )
    job = works.add(graph, targets=("a",))
    qtbot.waitUntil(works.ended(job), timeout=LONG)
    assert works.queue.ended[0].state is JobState.DONE
    finished = {event.node_id for event in works.events if isinstance(event, NodeFinished)}
    assert finished == {"c", "a"}


def test_a_failing_node_is_named_and_the_next_job_runs(works: Works, qtbot: QtBot) -> None:
    failing = works.add(quick(f=("TFail", {"value": 0, "fail": True}), o=("TOut", {"value": ["f", 0]})))
    partial = works.add(
        quick(
            f=("TFail", {"value": 0, "fail": True}),
            o=("TOut", {"value": ["f", 0]}),
            c=("TConst", {"value": 1}),
            p=("TOut", {"value": ["c", 0]}),
        )
    )
    qtbot.waitUntil(works.ended(failing, partial), timeout=LONG)
    second, first = works.queue.ended
    assert (first.state, second.state) == (JobState.FAILED, JobState.PARTIAL)
    assert first.message == second.message == "TFail: this node fails on purpose"
    assert sum(isinstance(event, NodeFailed) for event in works.events) == 2


def test_what_a_run_did_is_kept_with_its_job(works: Works, qtbot: QtBot) -> None:
    graph = quick(c=("TConst", {"value": 1}), o=("TOut", {"value": ["c", 0]}))
    first, second = works.add(graph), works.add(graph)
    qtbot.waitUntil(works.ended(first, second), timeout=LONG)
    facts: list[RunFacts] = []
    for job in (first, second):
        works.queue._keeper.ask(lambda stores, job=job: stores.jobs.run_of(job.id), facts.append)
    assert [(set(run.executed), set(run.cached)) for run in facts] == [
        ({"c", "o"}, set()),
        (set(), {"c", "o"}),
    ]
    assert facts[0].seconds.keys() == {"c", "o"}
    assert facts[0].memory["host"] > 1 << 20


def test_a_graph_that_cannot_run_fails_with_every_problem(works: Works, qtbot: QtBot) -> None:
    job = works.add(
        quick(v=("TValidate", {"value": 99, "name": "no"}), o=("TOut", {"value": ["v", 0]}), p=("TOut", {}))
    )
    qtbot.waitUntil(works.ended(job), timeout=LONG)
    ended = works.events[-1]
    assert isinstance(ended, JobEnded)
    assert ended.state is JobState.FAILED
    assert {problem.node_id for problem in ended.problems} == {"v", "p"}
    assert ended.message == "TValidate: name must be ok (and 1 more)"


def test_a_folder_that_cannot_be_written_fails_the_job_and_is_named(
    qapp: object, qtbot: QtBot, folders: Folders
) -> None:
    del qapp

    @node("TSave", category="toy", output=True)
    def save(*, number: int) -> Shown[None]:
        saved = save_files(folders.output, "output", "x", ".txt", [lambda file: file.write(b"x")])
        return Shown(None, images=saved)

    folders.output.rmdir()
    with running(toy_registry(lambda _, /, **arguments: None, save), folders) as works:
        made = works.add(quick(s=("TSave", {"number": 1})))
        qtbot.waitUntil(works.ended(made), timeout=LONG)
        folders.output.joinpath("x_00001_.txt").unlink()
        folders.output.rmdir()
        folders.output.touch()
        failed = works.add(quick(s=("TSave", {"number": 2})))
        qtbot.waitUntil(works.ended(failed), timeout=LONG)
    assert works.queue.ended[1].pictures == (folders.output / "x_00001_.txt",)
    job = works.queue.ended[0]
    assert job.state is JobState.FAILED
    assert str(folders.output) in job.message


def test_a_mistake_of_our_own_costs_the_job_only(
    works: Works, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> frozenset[str]:
        raise ZeroDivisionError("oops")

    graph = quick(c=("TConst", {"value": 1}), o=("TOut", {"value": ["c", 0]}))
    qtbot.waitUntil(works.is_ready, timeout=LONG)
    monkeypatch.setattr(works.executor, "_log_dir", tmp_path / "log")
    monkeypatch.setattr(executor_module, "_needed", broken)
    job = works.add(graph)
    qtbot.waitUntil(works.ended(job))
    monkeypatch.undo()
    after = works.add(graph)
    qtbot.waitUntil(works.ended(after))
    second, first = works.queue.ended
    (report,) = (tmp_path / "log").iterdir()
    assert first.state is JobState.FAILED
    assert "ZeroDivisionError: oops" in first.message
    assert str(report) in first.message
    assert second.state is JobState.DONE


def test_without_its_device_every_job_fails_and_says_so(qapp: object, qtbot: QtBot, folders: Folders) -> None:
    del qapp
    with running(toy_registry(), folders, device="cuda:99", start=False) as works:
        job = works.add(quick(c=("TConst", {"value": 1}), o=("TOut", {"value": ["c", 0]})))
        with qtbot.waitSignal(works.executor.failed, timeout=LONG) as failed:
            works.executor.start()
        qtbot.waitUntil(works.ended(job))
        (reason,) = failed.args
        assert "cuda" in reason
        assert works.queue.ended[0].state is JobState.FAILED
        assert works.queue.ended[0].message == reason


@pytest.mark.parametrize("broken", ["raise OSError('libgomp.so.1 is missing')", "raise SystemError", "1 / 0"])
def test_a_broken_library_fails_jobs_and_not_the_program(
    qapp: object, qtbot: QtBot, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    del qapp
    (tmp_path / "broken_library.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(executor_module, "_IMPORTS", ("broken_library",))
    with running(toy_registry(), folders, start=False) as works:
        job = works.add(quick(o=("TOut", {"value": 1})))
        with qtbot.waitSignal(works.executor.failed, timeout=LONG) as failed:
            works.executor.start()
        qtbot.waitUntil(works.ended(job))
        assert works.queue.ended[0].state is JobState.FAILED
        assert works.queue.ended[0].message == failed.args[0]
        assert broken.split("'")[1] in failed.args[0] if "'" in broken else failed.args[0]


def test_a_flood_of_events_comes_whole_and_the_window_goes_on(works: Works, qtbot: QtBot) -> None:
    qtbot.waitUntil(works.is_ready, timeout=LONG)
    seen_by_timer: list[int] = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: seen_by_timer.append(len(works.events)))
    timer.start()
    job = works.add(quick(f=("TFlood", {"count": FLOOD})))
    qtbot.waitUntil(works.ended(job), timeout=LONG)
    values = [event.value for event in works.events if isinstance(event, NodeProgress)]
    assert values == list(range(1, FLOOD + 1))
    kinds = works.kinds(job)
    assert kinds[:3] == ["JobBegan", "RunStarted", "NodeStarted"]
    assert kinds[-3:] == ["NodeFinished", "RunFinished", "JobEnded"]
    assert sum(0 < seen < FLOOD for seen in seen_by_timer) >= 2, "timers fire between the slices"


def test_only_what_outputs_need_counts() -> None:
    graph = quick(
        a=("TConst", {"value": 1}),
        b=("TAdd", {"a": ["a", 0], "b": ["gone", 0]}),
        o=("TOut", {"value": ["b", 0]}),
        x=("TConst", {"value": 1}),
    )
    job = Job("none", "Job", graph, {})
    assert _needed(job, toy_registry()) == {"a", "b", "o"}
    assert _needed(replace(job, targets=("b", "gone")), toy_registry()) == {"a", "b"}


STEPS = 20
MANY_STEPS = 10_000
"""So many that it is still running when it is cancelled."""


def sampling_graph(seed: int, steps: int = STEPS) -> dict[str, Any]:
    sampler = {
        "model": ["1", 0],
        "positive": ["2", 0],
        "negative": ["2", 0],
        "latent_image": ["3", 0],
        "seed": seed,
        "steps": steps,
        "cfg": 2.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
    }
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "e2e_sd15_a.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a house", "clip": ["1", 1]}},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "4": {"class_type": "KSampler", "inputs": sampler},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "made"}},
    }


@pytest.mark.slow
def test_a_real_picture_is_made_cancelled_and_made_again(
    qtbot: QtBot, model_root: Path, tmp_path: Path
) -> None:
    folders = Folders([model_root], input=tmp_path, output=tmp_path / "out", temp=tmp_path / "temp")
    with running(builtin(), folders) as works:
        works.executor.preview_seconds = 0
        job = works.add(read_prompt(sampling_graph(1)))
        qtbot.waitUntil(works.ended(job), timeout=LONG)
        done = works.queue.ended[0]
        assert done.state is JobState.DONE, done.message
        assert done.pictures == (tmp_path / "out/made_00001_.png",)
        assert done.pictures[0].is_file()
        assert works.kinds(job).count("NodePreview") == STEPS

        del works.events[:]
        job = works.add(read_prompt(sampling_graph(2, steps=MANY_STEPS)))

        def sampler_steps() -> list[int]:
            return [e.value for e in works.events if isinstance(e, NodeProgress) and e.node_id == "4"]

        qtbot.waitUntil(lambda: len(sampler_steps()) > 1, timeout=LONG)
        works.queue.cancel_current()
        at_cancel = len(sampler_steps())
        qtbot.waitUntil(works.ended(job), timeout=LONG)
        assert works.queue.ended[0].state is JobState.CANCELLED
        assert works.queue.ended[0].pictures == ()
        assert len(sampler_steps()) < MANY_STEPS, at_cancel
        started = [event.node_id for event in works.events if isinstance(event, NodeStarted)]
        assert started == ["4"], "what was known came from the cache"


@pytest.mark.slow
def test_a_picture_stores_what_was_queued(qtbot: QtBot, model_root: Path, tmp_path: Path) -> None:
    folders = Folders([model_root], input=tmp_path, output=tmp_path / "out", temp=tmp_path / "temp")
    with running(builtin(), folders) as works:
        works.executor.preview_seconds = None
        workflow = {"nodes": [], "links": [], "version": 0.4}
        works.queue.add(Job("none", "Job", read_prompt(sampling_graph(3)), workflow))
        qtbot.waitUntil(lambda: len(works.queue.ended) == 1, timeout=LONG)
        done = works.queue.ended[0]
        assert done.state is JobState.DONE, done.message
        stored = read_graphs(done.pictures[0])
        assert stored.workflow == workflow
        assert stored.prompt is not None
        assert stored.prompt["4"]["inputs"]["seed"] == 3
        assert "NodePreview" not in {type(event).__name__ for event in works.events}
