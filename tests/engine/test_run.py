"""Runs: what survives a failure, what is cached, what is told, what is let go."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import traceback
import weakref
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from helpers.toy_nodes import Several, quick, toy_registry

from core.engine.cache import ClassicCache
from core.engine.context import CancelToken, RunContext, RunOptions
from core.engine.run import Runner
from core.errors import Cancelled, GraphError, NodeError, OutOfMemory
from core.events import (
    NodeBlocked,
    NodeCached,
    NodeFailed,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeStarted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
)
from core.folders import Folders
from core.nodes.api import Blocked, Context, Lazy, Prompt, Shown, node
from core.nodes.types import AnyValue


class Thing:
    """A value whose end can be seen."""


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@pytest.fixture
def make_runner(folders):
    def make(*nodes, record=lambda _, /, **a: None, **context):
        return Runner(toy_registry(record, *nodes), RunContext(folders, **context))

    return make


def run(runner, graph, **options):
    events = []
    report = runner.run(graph, RunOptions(**options), events.append)
    return report, events


def names_of(events):
    return [type(event).__name__ for event in events]


TWO_BRANCHES = quick(
    f=("TFail", {"value": 1, "fail": True}),
    x=("TAdd", {"a": ["f", 0], "b": 1}),
    lost=("TOut", {"value": ["x", 0]}),
    c=("TConst", {"value": 5}),
    y=("TAdd", {"a": ["c", 0], "b": 1}),
    z=("TAdd", {"a": ["y", 0], "b": 1}),
    made=("TOut", {"value": ["z", 0]}),
)


def test_independent_branches_survive(make_runner):
    report, events = run(make_runner(), TWO_BRANCHES)
    assert report.status == "partial"
    assert report.outputs == {"made": {"value": ["7"]}}
    (error,) = report.errors
    assert (error.node_id, error.class_type, error.kind) == ("f", "TFail", "ValueError")
    assert str(error) == "this node fails on purpose"
    assert error.inputs == {"value": "1", "fail": "True"}
    assert isinstance(error.__cause__, ValueError)
    assert [e.error for e in events if isinstance(e, NodeFailed)] == [error]
    assert isinstance(events[-1], RunFinished)
    assert not {"x", "lost"} & set(report.executed)


def test_stop_at_first_error(make_runner):
    report, events = run(make_runner(), TWO_BRANCHES, stop_at_first_error=True)
    assert report.status == "error"
    assert isinstance(events[-1], RunFailed)
    assert events[-1].error is report.errors[0]
    assert report.outputs == {}


def test_run_without_any_output_failed(make_runner):
    graph = quick(f=("TFail", {"value": 1, "fail": True}), o=("TOut", {"value": ["f", 0]}))
    report, events = run(make_runner(), graph)
    assert report.status == "error"
    assert names_of(events) == ["RunStarted", "NodeStarted", "NodeFailed", "RunFailed"]


def test_failed_nodes_are_tried_again(make_runner):
    runner = make_runner()
    run(runner, TWO_BRANCHES)
    report, _ = run(runner, TWO_BRANCHES)
    assert report.errors[0].node_id == "f"
    assert report.executed == ()
    assert set(report.cached) == {"c", "y", "z", "made"}


def test_graph_without_runnable_output_raises_before_any_event(make_runner):
    events = []
    with pytest.raises(GraphError, match="does not exist"):
        make_runner().run(quick(o=("TOut", {"value": ["gone", 0]})), None, events.append)
    assert events == []


def test_left_out_outputs_make_a_run_partial(make_runner):
    graph = quick(a=("TOut", {"value": 1}), b=("TOut", {"value": ["gone", 0]}))
    report, events = run(make_runner(), graph)
    assert report.status == "partial"
    assert [p.node_id for p in report.left_out] == ["b"]
    assert events[0].left_out == report.left_out


def test_events_in_order(make_runner):
    graph = quick(a=("TConst", {"value": 1}), o=("TOut", {"value": ["a", 0]}))
    runner = make_runner()
    report, events = run(runner, graph, run_id="r1")
    assert names_of(events) == [
        "RunStarted",
        "NodeStarted",
        "NodeFinished",
        "NodeStarted",
        "NodeFinished",
        "RunFinished",
    ]
    assert {e.run_id for e in events} == {"r1"}
    assert all(e.display_id == e.node_id for e in events[1:-1])
    assert events[4].shown == {"value": ["1"]}
    assert report.seconds.keys() == {"a", "o"}
    with pytest.raises(FrozenInstanceError):
        events[0].cached = ()
    _, events = run(runner, graph)
    assert names_of(events) == ["RunStarted", "NodeCached", "NodeCached", "RunFinished"]
    assert events[0].cached == ("a", "o")
    assert events[2].shown == {"value": ["1"]}


def test_cached_outputs_that_are_not_wanted_stay_quiet(make_runner):
    graph = quick(a=("TOut", {"value": 1}), b=("TOut", {"value": 2}))
    runner = make_runner()
    run(runner, graph)
    report, events = run(runner, graph, targets=["b"])
    assert report.outputs == {"b": {"value": ["2"]}}
    assert [e.node_id for e in events if isinstance(e, NodeCached)] == ["b"]
    assert run(runner, graph)[0].executed == (), "a run for one output forgets nothing of the others"


def test_same_run_every_time(make_runner):
    nodes = {f"c{i}": ("TConst", {"value": i}) for i in range(30)}
    nodes |= {f"a{i}": ("TAdd", {"a": [f"c{i}", 0], "b": [f"c{29 - i}", 0]}) for i in range(30)}
    nodes |= {f"o{i}": ("TOut", {"value": [f"a{i}", 0]}) for i in range(30)}
    orders = {run(make_runner(), quick(**nodes))[0].executed for _ in range(5)}
    assert len(orders) == 1


def test_outputs_come_as_soon_as_they_can(make_runner):
    nodes = {f"a{i}": ("TAdd", {"a": [f"a{i - 1}", 0] if i else 0, "b": 1}) for i in range(10)}
    nodes |= {f"o{i}": ("TOut", {"value": [f"a{i}", 0]}) for i in range(10)}
    order = run(make_runner(), quick(**nodes))[0].executed
    assert order == tuple(name for i in range(10) for name in (f"a{i}", f"o{i}"))


@pytest.mark.parametrize("same", ["3", 3.0, 3.7, 3])
def test_equal_values_share_a_signature(make_runner, same):
    runner = make_runner()
    run(runner, quick(a=("TAdd", {"a": 3, "b": 1}), o=("TOut", {"value": ["a", 0]})))
    report, _ = run(runner, quick(o=("TOut", {"value": ["n", 0]}), n=("TAdd", {"b": 1, "a": same})))
    assert report.executed == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"n": ("TAdd", {"a": 1, "b": 3})},
        {"n": ("TAdd", {"a": 3, "b": 1, "extra": 5})},
        {"n": ("TAdd", {"a": 3, "b": ["c", 0]}), "c": ("TConst", {"value": 1})},
    ],
)
def test_other_values_do_not(make_runner, changed):
    runner = make_runner()
    run(runner, quick(n=("TAdd", {"a": 3, "b": 1}), o=("TOut", {"value": ["n", 0]})))
    report, _ = run(runner, quick(**changed, o=("TOut", {"value": ["n", 0]})))
    assert "n" in report.executed


@pytest.mark.parametrize(
    ("first", "second"), [(1, True), (1, 1.0), (1, "1"), ([1], ["1"]), ({"a": 1}, {"a": 2})]
)
def test_values_of_free_inputs_keep_their_type(make_runner, first, second):
    runner = make_runner()
    run(runner, quick(o=("TOut", {"value": first})))
    assert run(runner, quick(o=("TOut", {"value": second})))[0].executed == ("o",)
    assert run(runner, quick(o=("TOut", {"value": second})))[0].executed == ()


def test_order_of_keys_in_a_value_does_not_matter(make_runner):
    runner = make_runner()
    run(runner, quick(o=("TOut", {"value": {"a": [1, {"x": 1, "y": 2}], "b": 2}})))
    report, _ = run(runner, quick(o=("TOut", {"value": {"b": 2, "a": [1, {"y": 2, "x": 1}]}})))
    assert report.executed == ()


def test_rewiring_to_an_equal_node_stays_cached(make_runner):
    def graph(source):
        return quick(
            a=("TConst", {"value": 1}), b=("TConst", {"value": 1}), o=("TOut", {"value": [source, 0]})
        )

    runner = make_runner()
    run(runner, graph("a"))
    assert run(runner, graph("b"))[0].executed == ()


def test_nodes_with_their_own_results(make_runner):
    runner = make_runner()
    graph = quick(
        a=("TNotIdempotent", {"value": 1}),
        b=("TNotIdempotent", {"value": 1}),
        o=("TOut", {"value": ["a", 0]}),
        p=("TOut", {"value": ["b", 0]}),
    )
    assert set(run(runner, graph)[0].executed) == {"a", "b", "o", "p"}
    assert run(runner, graph)[0].executed == ()
    moved = quick(c=("TNotIdempotent", {"value": 1}), o=("TOut", {"value": ["c", 0]}))
    assert set(run(runner, moved)[0].executed) == {"c", "o"}


def test_failing_fingerprint_runs_the_node_each_time(make_runner):
    runner = make_runner()
    graph = quick(a=("TChangedRaises", {"value": 1}), o=("TOut", {"value": ["a", 0]}))
    for _ in range(2):
        assert set(run(runner, graph)[0].executed) == {"a", "o"}


def test_fingerprint_gets_none_for_links(make_runner):
    calls = []
    runner = make_runner(record=lambda name, /, **arguments: calls.append((name, arguments)))
    run(
        runner,
        quick(
            c=("TConst", {"value": 1}), a=("TAlways", {"value": ["c", 0]}), o=("TOut", {"value": ["a", 0]})
        ),
    )
    assert ("TAlways.IS_CHANGED", {"value": None}) in calls


def test_blocked_with_a_reason(make_runner):
    graph = quick(
        b=("TBlocker", {"value": 1, "block": True, "message": "no face found"}),
        x=("TAdd", {"a": ["b", 0], "b": 1}),
        o=("TOut", {"value": ["x", 0]}),
        p=("TOut", {"value": 1}),
    )
    runner = make_runner()
    for _ in range(2):
        report, events = run(runner, graph)
        assert report.status == "success"
        assert report.blocked == {"x": "no face found", "o": ""}
        told = {e.node_id: e.reason for e in events if isinstance(e, NodeBlocked)}
        assert told == report.blocked
        assert isinstance(events[-1], RunFinished)
        assert "o" not in report.outputs


def test_blocked_and_failed_leaves_nothing(make_runner):
    graph = quick(
        b=("TBlocker", {"value": 1, "block": True, "message": ""}),
        o=("TOut", {"value": ["b", 0]}),
        f=("TFail", {"value": 1, "fail": True}),
        p=("TOut", {"value": ["f", 0]}),
    )
    assert run(make_runner(), graph)[0].status == "error"


def test_one_blocked_item_of_a_list(make_runner):
    @node("OddOnly", category="toy")
    def odd_only(*, value: int) -> int | Blocked:
        return value if value % 2 else Blocked()

    graph = quick(
        l=("TMakeList", {"start": 1, "count": 4}),
        k=("OddOnly", {"value": ["l", 0]}),
        a=("TAdd", {"a": ["k", 0], "b": 10}),
        o=("TOut", {"value": ["a", 0]}),
    )
    report, _ = run(make_runner(odd_only), graph)
    assert report.outputs["o"] == {"value": ["11", "13"]}
    whole = quick(
        l=("TMakeList", {"start": 1, "count": 4}),
        k=("OddOnly", {"value": ["l", 0]}),
        s=("TSumList", {"items": ["k", 0], "scale": 1}),
        o=("TOut", {"value": ["s", 0]}),
    )
    assert set(run(make_runner(odd_only), whole)[0].blocked) == {"s", "o"}


def test_empty_list_means_no_call(make_runner):
    graph = quick(
        l=("TMakeList", {"start": 1, "count": 0}),
        a=("TAdd", {"a": ["l", 0], "b": 10}),
        o=("TOut", {"value": ["a", 0]}),
        s=("TSumList", {"items": ["l", 0], "scale": 1}),
        p=("TOut", {"value": ["s", 0]}),
    )
    report, _ = run(make_runner(), graph)
    assert report.status == "success"
    assert report.outputs == {"p": {"value": ["0"]}}


def test_lists_of_lists(make_runner):
    graph = quick(
        l=("TMakeList", {"start": 1, "count": 2}),
        m=("TMakeList", {"start": ["l", 0], "count": 2}),
        x=("TMapList", {"items": ["m", 0], "add": ["l", 0]}),
        o=("TOut", {"value": ["x", 0]}),
    )
    report, _ = run(make_runner(), graph)
    assert report.value("m", 0) == [1, 2, 2, 3]
    assert report.value("m", 1) == [2, 2]
    assert report.outputs["o"]["value"] == ["2", "3", "3", "4", "3", "4", "4", "5"]


def test_takes_lists_gives_first_items_elsewhere(make_runner):
    @node("Mixed", category="toy")
    def mixed(*, items: list[int], factor: int) -> int:
        return sum(items) * factor

    graph = quick(
        l=("TMakeList", {"start": 2, "count": 3}),
        m=("Mixed", {"items": ["l", 0], "factor": ["l", 0]}),
        o=("TOut", {"value": ["m", 0]}),
    )
    assert run(make_runner(mixed), graph)[0].outputs["o"] == {"value": ["18"]}


@pytest.mark.parametrize("first", [5, 20])
def test_lazy_inputs_one_after_the_other(make_runner, first):
    graph = quick(
        a=("TConst", {"value": first}),
        b=("TConst", {"value": 100}),
        m=("TLazyMix", {"a": ["a", 0], "b": ["b", 0]}),
        o=("TOut", {"value": ["m", 0]}),
    )
    report, events = run(make_runner(), graph)
    looks = [e.node_id for e in events if isinstance(e, NodeStarted)].count("m")
    assert report.outputs["o"] == {"value": [str(first if first == 5 else first + 100)]}
    assert looks == (2 if first == 5 else 3)
    assert ("b" in report.executed) == (first == 20)


def test_lazy_inputs_per_item_of_a_list(make_runner):
    graph = quick(
        p=("TMakeList", {"start": 0, "count": 2}),
        a=("TConst", {"value": 1}),
        b=("TConst", {"value": 2}),
        s=("TLazySwitch", {"pick": ["p", 0], "a": ["a", 0], "b": ["b", 0]}),
        o=("TOut", {"value": ["s", 0]}),
    )
    assert run(make_runner(), graph)[0].outputs["o"] == {"value": ["1", "2"]}


def test_asking_for_a_failed_lazy_input_ends_the_branch(make_runner):
    graph = quick(
        f=("TFail", {"value": 1, "fail": True}),
        s=("TLazySwitch", {"pick": 0, "a": ["f", 0]}),
        o=("TOut", {"value": ["s", 0]}),
        p=("TOut", {"value": 1}),
    )
    report, _ = run(make_runner(), graph)
    assert (report.status, set(report.outputs)) == ("partial", {"p"})


def test_asking_for_an_unknown_input_is_an_error(make_runner):
    @node("Asks", category="toy")
    def asks(*, a: Lazy[int] | None = None) -> int:
        return 1

    @asks.needs
    def _(a):
        return ["nothing"]

    graph = quick(s=("Asks", {}), o=("TOut", {"value": ["s", 0]}))
    (error,) = run(make_runner(asks), graph)[0].errors
    assert "'nothing'" in str(error)


def test_async_nodes(make_runner):
    graph = quick(
        l=("TMakeList", {"start": 1, "count": 3}),
        a=("TAsync", {"value": ["l", 0], "seconds": 0.001}),
        o=("TOut", {"value": ["a", 0]}),
    )
    assert run(make_runner(), graph)[0].outputs["o"] == {"value": ["1", "2", "3"]}


def test_async_nodes_fail_like_others(make_runner):
    @node("AsyncFail", category="toy", output=True)
    async def async_fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("gone")

    (error,) = run(make_runner(async_fail), quick(a=("AsyncFail", {})))[0].errors
    assert error.kind == "KeyError"


def test_async_nodes_are_cancelled(make_runner):
    token = CancelToken()
    graph = quick(a=("TAsync", {"value": 1, "seconds": 60.0}), o=("TOut", {"value": ["a", 0]}))
    timer = threading.Timer(0.05, token.cancel)
    timer.start()
    report, events = run(make_runner(), graph, token=token)
    timer.join()
    assert report.status == "cancelled"
    assert isinstance(events[-1], RunCancelled)


def test_cancelled_before_it_began(make_runner):
    token = CancelToken()
    token.cancel()
    report, events = run(make_runner(), TWO_BRANCHES, token=token)
    assert (report.status, names_of(events)) == ("cancelled", ["RunStarted", "RunCancelled"])


def test_cancelled_at_every_point(make_runner):
    graph = quick(
        l=("TMakeList", {"start": 1, "count": 3}),
        s=("TSleep", {"value": ["l", 0], "steps": 3}),
        w=("TLazySwitch", {"pick": 0, "a": ["s", 0]}),
        o=("TOut", {"value": ["w", 0]}),
    )
    complete = run(make_runner(), graph)[1]
    for point in range(len(complete) - 2):
        token, runner, events = CancelToken(), make_runner(), []

        def listen(event, token=token, events=events, point=point):
            events.append(event)
            if len(events) == point + 1:
                token.cancel()

        report = runner.run(graph, RunOptions(token=token), listen)
        assert report.status == "cancelled", point
        assert isinstance(events[-1], RunCancelled)
        assert sum(isinstance(e, RunCancelled | RunFinished | RunFailed) for e in events) == 1
        done = [e.node_id for e in events if isinstance(e, NodeFinished)]
        assert list(report.executed) == done
        again, _ = run(runner, graph)
        assert again.status == "success"
        assert set(again.cached) == set(done), "what was finished before stays known"


def test_cancelled_is_not_swallowed_by_careless_nodes(make_runner):
    @node("Careless", category="toy", output=True)
    def careless(*, ctx: Context) -> None:
        try:
            ctx.check_cancelled()
        except Exception:
            pytest.fail("swallowed")

    token = CancelToken()
    events = []

    def listen(event):
        events.append(event)
        if isinstance(event, NodeStarted):
            token.cancel()

    report = make_runner(careless).run(quick(a=("Careless", {})), RunOptions(token=token), listen)
    assert report.status == "cancelled"
    assert not issubclass(Cancelled, Exception)


def test_progress_and_previews(make_runner):
    drawn = []

    @node("Steps", category="toy", output=True)
    def steps(*, ctx: Context) -> None:
        for index in range(4):
            ctx.step(index, 4, lambda index=index: drawn.append(index) or np.zeros((2, 2, 3), np.uint8))

    graph = quick(a=("Steps", {}))
    _, events = run(make_runner(steps), graph)
    assert [(e.value, e.maximum) for e in events if isinstance(e, NodeProgress)] == [
        (i, 4) for i in (1, 2, 3, 4)
    ]
    assert drawn == []
    _, events = run(make_runner(steps), graph, preview_seconds=0)
    assert drawn == [0, 1, 2, 3]
    assert sum(isinstance(e, NodePreview) for e in events) == 4
    drawn.clear()
    run(make_runner(steps), graph, preview_seconds=60)
    assert drawn == [0]


def test_services(make_runner):
    @node("Asks", category="toy", output=True)
    def asks(*, ctx: Context) -> Shown[None]:
        return Shown(None, found=[ctx.service(Thing)])

    thing = Thing()
    graph = quick(a=("Asks", {}))
    assert run(make_runner(asks, services={Thing: thing}), graph)[0].outputs["a"]["found"] == [thing]
    (error,) = run(make_runner(asks), graph)[0].errors
    assert str(error) == "this run was started without a Thing"


def test_stored_prompt_has_converted_values_titles_and_fingerprints(make_runner, tmp_path):
    prompts = []

    @node("Keep", category="toy", output=True)
    def keep(*, prompt: Prompt, value: AnyValue) -> None:
        prompts.append(prompt)

    (tmp_path / "f.txt").write_text("content")
    graph = quick(
        a=("TFileStamp", {"file": "f.txt"}),
        b=("TAlways", {"value": "7"}),
        k=("Keep", {"value": ["a", 0]}),
        o=("TOut", {"value": ["b", 0]}),
        p=("TOut", {"value": [1, 2, 3]}),
    )
    run(make_runner(keep), graph)
    assert prompts[0] == {
        "a": {"class_type": "TFileStamp", "inputs": {"file": "f.txt"}, "is_changed": ["content"]},
        "b": {"class_type": "TAlways", "inputs": {"value": 7}},
        "k": {"class_type": "Keep", "inputs": {"value": ["a", 0]}},
        "o": {"class_type": "TOut", "inputs": {"value": ["b", 0]}},
        "p": {"class_type": "TOut", "inputs": {"value": {"__value__": [1, 2, 3]}}},
    }


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ((1,), "1 outputs instead of 3"),
        ((1, 2, 3, 4), "4 outputs instead of 3"),
        (7, "int instead of a tuple"),
    ],
)
def test_wrong_number_of_outputs(make_runner, returned, words):
    @node("Wrong", category="toy")
    def wrong() -> Several:
        return returned

    (error,) = run(make_runner(wrong), quick(w=("Wrong", {}), o=("TOut", {"value": ["w", 0]})))[0].errors
    assert words in str(error)


def test_wrong_kind_of_output(make_runner):
    @node("NoList", category="toy")
    def no_list() -> list[int]:
        return 5

    @node("NoOutput", category="toy", output=True)
    def no_output() -> None:
        return 5

    graph = quick(n=("NoList", {}), o=("TOut", {"value": ["n", 0]}), p=("NoOutput", {}))
    report, _ = run(make_runner(no_list, no_output), graph)
    messages = {e.node_id: str(e) for e in report.errors}
    assert "has to be a list" in messages["n"]
    assert "has no outputs" in messages["p"]


def test_values_of_outputs(make_runner):
    graph = quick(
        m=("TMultiOut", {"value": 5}), o=("TOut", {"value": ["m", 0]}), unused=("TConst", {"value": 1})
    )
    report, _ = run(make_runner(), graph)
    assert [report.value("m", slot) for slot in range(3)] == [5, "5", 2.5]
    for node_id, slot in (("m", 3), ("m", -1), ("unused", 0), ("nobody", 0)):
        with pytest.raises(LookupError, match=node_id):
            report.value(node_id, slot)


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    "cause",
    [MemoryError(), OutOfMemoryError("2 GiB"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_out_of_memory_is_tried_once_more(make_runner, cause):
    tries, freed = [], []

    @node("Big", category="toy", output=True)
    def big() -> None:
        tries.append(1)
        raise cause

    report, _ = run(make_runner(big, free_memory=lambda: not freed.append(1)), quick(b=("Big", {})))
    (error,) = report.errors
    assert isinstance(error, OutOfMemory)
    assert (len(tries), len(freed)) == (2, 1)
    report, _ = run(make_runner(big, free_memory=lambda: False), quick(b=("Big", {})))
    assert len(tries) == 3
    assert isinstance(report.errors[0], OutOfMemory)
    run(make_runner(big), quick(b=("Big", {})))
    assert len(tries) == 4


def test_out_of_memory_can_be_overcome(make_runner):
    room = []

    @node("Big", category="toy", output=True)
    def big() -> Shown[None]:
        if not room:
            raise MemoryError
        return Shown(None, done=[1])

    report, _ = run(make_runner(big, free_memory=lambda: not room.append(1)), quick(b=("Big", {})))
    assert (report.status, report.errors) == ("success", ())


def test_inputs_of_errors_are_summarised(make_runner):
    @node("Make", category="toy")
    def make() -> AnyValue:
        return {"samples": np.zeros((1, 4, 8, 8), np.float32), "text": "x" * 1000}

    @node("Break", category="toy", output=True)
    def break_it(*, latent: AnyValue, array: AnyValue, thing: AnyValue) -> None:
        raise RuntimeError

    @node("Array", category="toy")
    def array() -> AnyValue:
        return np.zeros((2, 3))

    @node("Make2", category="toy")
    def make_thing() -> AnyValue:
        return Thing()

    graph = quick(
        m=("Make", {}),
        a=("Array", {}),
        t=("Make2", {}),
        b=("Break", {"latent": ["m", 0], "array": ["a", 0], "thing": ["t", 0]}),
    )
    (error,) = run(make_runner(make, break_it, array, make_thing), graph)[0].errors
    assert error.inputs["latent"].startswith("{samples: ndarray [1, 4, 8, 8] float32, text: 'xxx")
    assert len(error.inputs["latent"]) <= 200
    assert error.inputs["array"] == "ndarray [2, 3] float64"
    assert error.inputs["thing"] == "Thing"
    assert str(error) == "RuntimeError"


def test_failed_nodes_let_go_of_what_they_held(make_runner):
    held = []

    @node("Hold", category="toy", output=True)
    def hold() -> None:
        thing = Thing()
        held.append(weakref.ref(thing))
        raise ValueError("with a thing in hand")

    report, _ = run(make_runner(hold), quick(h=("Hold", {})))
    assert held[0]() is None
    assert "hold" in "".join(traceback.format_exception(report.errors[0])), "the traceback is still there"


def test_results_are_dropped_before_a_new_prompt_runs(make_runner):
    things, alive = [], []

    @node("MakeThing", category="toy")
    def make_thing(*, number: int) -> AnyValue:
        alive.append([ref() is not None for ref in things])
        thing = Thing()
        things.append(weakref.ref(thing))
        return thing

    @node("Take", category="toy", output=True)
    def take(*, thing: AnyValue) -> None: ...

    runner = make_runner(make_thing, take)
    gc.disable()  # what is dropped must go without the collector
    try:
        for number in range(3):
            run(runner, quick(m=("MakeThing", {"number": number}), t=("Take", {"thing": ["m", 0]})))
    finally:
        gc.enable()
    assert alive == [[], [False], [False, False]]
    assert things[-1]() is not None


def test_another_cache_policy(folders):
    class Nothing(ClassicCache):
        def put(self, signature, result, made):
            pass

    runner = Runner(toy_registry(), RunContext(folders), Nothing())
    for _ in range(2):
        assert run(runner, quick(a=("TConst", {"value": 1}), o=("TOut", {"value": ["a", 0]})))[
            0
        ].executed == (
            "a",
            "o",
        )


def test_interrupts_pass_through(make_runner):
    @node("Interrupt", category="toy", output=True)
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(make_runner(interrupt), quick(i=("Interrupt", {})))


def test_same_runner_goes_on_after_anything(make_runner):
    runner = make_runner()
    with pytest.raises(GraphError):
        run(runner, quick(o=("TOut", {})))
    run(runner, TWO_BRANCHES)
    assert run(runner, quick(o=("TOut", {"value": 1})))[0].status == "success"


def test_errors_are_darkroom_errors(make_runner):
    assert all(isinstance(e, NodeError) for e in run(make_runner(), TWO_BRANCHES)[0].errors)
    assert isinstance(run(make_runner(), TWO_BRANCHES)[1][0], RunStarted)


def test_engine_imports_no_torch():
    code = "import core.engine.run, sys; assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
