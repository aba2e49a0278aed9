"""Loops in runs: counted, with a condition, nested, with effects, failing, cancelled."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import quick

from core.engine.context import CancelToken, RunOptions
from core.events import NodeExpanded, NodeFailed, NodeFinished
from core.nodes.loops import MOST_ROUNDS


def shown(report, name="out"):
    return report.outputs[name]["value"]


def sums(count, **more):
    """Adds the number of the round and 1 to 100, `count` times."""
    return quick(
        start=("RepeatStart", {"count": count, "value1": 100}),
        add=("SimpleMath+", {"value": "a + b + 1", "a": ["start", 2], "b": ["start", 1]}),
        end=("RepeatEnd", {"flow": ["start", 0], "value1": ["add", 0], "collect": ["add", 0]}),
        out=("TOut", {"value": ["end", 0]}),
        **more,
    )


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_a_counted_loop(run_graph, count):
    report, _ = run_graph(sums(count))
    assert report.status == "success", report.errors
    assert shown(report) == [str(100 + sum(range(1, count + 1)))]


def test_the_count_may_be_computed(run_graph):
    report, _ = run_graph(sums(["two", 0], two=("TAdd", {"a": 1, "b": 1})))
    assert shown(report) == ["103"]


def test_rounds_are_collected(run_graph):
    more = {
        "many": ("TextJoin", {"texts": ["end", 6], "delimiter": " "}),
        "line": ("TOut", {"value": ["many", 0]}),
    }
    assert shown(run_graph(sums(3, **more))[0], "line") == ["'101 103 106'"]
    assert shown(run_graph(sums(1, **more))[0], "line") == ["'101'"]
    assert shown(run_graph(sums(0, **more))[0], "line") == ["''"]


def test_a_thousand_rounds_in_one_expansion(run_graph):
    report, events = run_graph(sums(1000))
    assert shown(report) == [str(100 + 500 * 1001)]
    assert [event.node_id for event in events if isinstance(event, NodeExpanded)] == ["end"]
    assert max(len(name) for name in report.executed) < 20


def test_copies_are_shown_under_the_nodes_they_repeat(run_graph):
    _, events = run_graph(sums(3))
    finished = [event.display_id for event in events if isinstance(event, NodeFinished)]
    assert (finished.count("add"), finished.count("start"), finished.count("end")) == (3, 3, 1)


def test_several_values_are_carried_and_others_go_through(run_graph):
    graph = quick(
        start=("RepeatStart", {"count": 10, "value1": 0, "value2": 1, "value3": "kept"}),
        next=("SimpleMath+", {"value": "a + b", "a": ["start", 2], "b": ["start", 3]}),
        end=("RepeatEnd", {"flow": ["start", 0], "value1": ["start", 3], "value2": ["next", 0]}),
        fibonacci=("TOut", {"value": ["end", 0]}),
        kept=("TOut", {"value": ["end", 2]}),
        nothing=("TOut", {"value": ["end", 3]}),
    )
    report, _ = run_graph(graph)
    assert [shown(report, name) for name in ("fibonacci", "kept", "nothing")] == [
        ["55"],
        ["'kept'"],
        ["None"],
    ]


def test_what_does_not_depend_on_the_start_runs_once(run_graph, calls):
    graph = quick(
        outside=("TConst", {"value": 3}),
        start=("RepeatStart", {"count": 4, "value1": 0}),
        add=("TAdd", {"a": ["start", 2], "b": ["outside", 0]}),
        end=("RepeatEnd", {"flow": ["start", 0], "value1": ["add", 0]}),
        out=("TOut", {"value": ["end", 0]}),
    )
    assert shown(run_graph(graph)[0]) == ["12"]
    assert [name for name, _ in calls].count("TConst") == 1
    assert [name for name, _ in calls].count("TAdd") == 4


def test_output_nodes_inside_run_once_per_round(run_graph, calls):
    inside = {
        "double": ("TAdd", {"a": ["start", 1], "b": ["start", 1]}),
        "seen": ("TOut", {"value": ["double", 0]}),
        "unfinished": ("TAdd", {"a": ["start", 1], "b": ["gone", 0]}),
        "after": ("TOut", {"value": ["both", 0]}),
        "both": ("TAdd", {"a": ["add", 0], "b": ["end", 0]}),
    }
    graph = sums(3, **inside)
    report, _ = run_graph(graph)
    assert report.status == "success", (report.errors, report.left_out)
    values = [arguments["value"] for name, arguments in calls if name == "TOut"]
    assert sorted(values) == [0, 2, 4, 106, 207]

    calls.clear()
    run_graph(sums(0, **inside))
    assert [arguments["value"] for name, arguments in calls if name == "TOut"] == [100]

    calls.clear()
    run_graph(sums(2, **inside), targets=["out"])
    assert [arguments["value"] for name, arguments in calls if name == "TOut"] == [103]


def nested(outer, inner):
    return quick(
        o=("RepeatStart", {"count": outer, "value1": 0}),
        i=("RepeatStart", {"count": inner, "value1": ["o", 2]}),
        add=("SimpleMath+", {"value": "a + 10 * b + c", "a": ["i", 2], "b": ["o", 1], "c": ["i", 1]}),
        seen=("TOut", {"value": ["add", 0]}),
        ie=("RepeatEnd", {"flow": ["i", 0], "value1": ["add", 0]}),
        oe=("RepeatEnd", {"flow": ["o", 0], "value1": ["ie", 0]}),
        out=("TOut", {"value": ["oe", 0]}),
    )


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (3, 4), (4, 1), (2, 0), (0, 2), (20, 20)])
def test_nested_loops(run_graph, calls, outer, inner):
    report, _ = run_graph(nested(outer, inner))
    assert report.status == "success", report.errors
    total = sum(10 * o + i for o in range(outer) for i in range(inner))
    assert shown(report) == [str(total)]
    assert [name for name, _ in calls].count("TOut") == outer * inner + 1


def doubling(start="WhileStart", end="WhileEnd", first=1, **limits):
    """Doubles 1 until it is above 1000."""
    word = "value" if start == "WhileStart" else "initial_value"
    flow, out = ("flow_control" if start == "WhileLoopOpen" else "flow"), (2 if start == "WhileStart" else 1)
    return quick(
        start=(start, {"condition": True, f"{word}{first}": 1}),
        double=("SimpleMath+", {"value": "a * 2", "a": ["start", out]}),
        small=("NumberCompare", {"a": ["double", 0], "comparison": "<", "b": 1000, "tolerance": 0}),
        end=(end, {flow: ["start", 0], "condition": ["small", 0], f"{word}{first}": ["double", 0], **limits}),
        out=("TOut", {"value": ["end", 0]}),
    )


LIMITS = {"at_most": 1000, "at_the_limit": "fail"}


@pytest.mark.parametrize(
    "graph",
    [
        doubling(**LIMITS),
        doubling("WhileLoopOpen", "WhileLoopClose", 0),
        doubling("easy whileLoopStart", "easy whileLoopEnd", 0),
    ],
    ids=["own", "demo", "easy"],
)
def test_a_loop_with_a_condition(run_graph, graph):
    report, events = run_graph(graph)
    assert report.status == "success", report.errors
    assert shown(report) == ["1024"]
    finished = [event.display_id for event in events if isinstance(event, NodeFinished)]
    assert (finished.count("double"), finished.count("end")) == (10, 10)


def test_a_condition_that_never_held(run_graph, calls):
    graph = quick(
        start=("WhileStart", {"condition": False, "value1": 7}),
        add=("TAdd", {"a": ["start", 2], "b": 1}),
        small=("NumberCompare", {"a": ["add", 0], "comparison": "<", "b": 9, "tolerance": 0}),
        end=("WhileEnd", {"flow": ["start", 0], "condition": ["small", 0], "value1": ["add", 0], **LIMITS}),
        out=("TOut", {"value": ["end", 0]}),
    )
    assert shown(run_graph(graph)[0]) == ["7"]
    assert [name for name, _ in calls] == ["TOut"]


def test_an_endless_loop_ends_with_a_message_or_stops(run_graph):
    report, _ = run_graph(doubling(at_most=5, at_the_limit="fail"))
    (error,) = report.errors
    assert "has gone 5 rounds and its condition still holds" in str(error)
    assert error.display_id == "end"
    report, _ = run_graph(doubling(at_most=5, at_the_limit="stop"))
    assert shown(report) == ["32"]


def test_long_loops_with_a_condition(run_graph):
    graph = quick(
        start=("WhileStart", {"condition": True, "value1": 0}),
        add=("SimpleMath+", {"value": "a + 1", "a": ["start", 2]}),
        small=("NumberCompare", {"a": ["add", 0], "comparison": "<", "b": 400, "tolerance": 0}),
        end=("WhileEnd", {"flow": ["start", 0], "condition": ["small", 0], "value1": ["add", 0], **LIMITS}),
        out=("TOut", {"value": ["end", 0]}),
    )
    report, _ = run_graph(graph)
    assert shown(report) == ["400"]
    assert max(len(name) for name in report.executed) < 20


def test_a_condition_inside_a_counted_loop(run_graph, calls):
    graph = quick(
        o=("RepeatStart", {"count": 3, "value1": 0}),
        i=("WhileStart", {"condition": True, "value1": ["o", 2]}),
        add=("TAdd", {"a": ["i", 2], "b": 1}),
        seen=("TOut", {"value": ["add", 0]}),
        more=("SimpleMath+", {"value": "a % 4", "a": ["add", 0]}),
        going=("ConvertToBoolean", {"value": ["more", 0]}),
        ie=("WhileEnd", {"flow": ["i", 0], "condition": ["going", 0], "value1": ["add", 0], **LIMITS}),
        oe=("RepeatEnd", {"flow": ["o", 0], "value1": ["ie", 0]}),
        out=("TOut", {"value": ["oe", 0]}),
    )
    report, _ = run_graph(graph)
    assert report.status == "success", report.errors
    assert shown(report) == ["12"]
    values = [arguments["value"] for name, arguments in calls if name == "TOut"]
    assert sorted(values) == [*range(1, 13), 12]


def test_lists_go_through_loops_whole(run_graph, calls):
    graph = quick(
        items=("ListRange", {"start": 0, "stop": 3, "step": 1}),
        start=("RepeatStart", {"count": 2, "value1": ["items", 0]}),
        add=("TAdd", {"a": ["start", 2], "b": 10}),
        end=("RepeatEnd", {"flow": ["start", 0], "value1": ["add", 0]}),
        sum=("TSumList", {"items": ["end", 0], "scale": 1}),
        out=("TOut", {"value": ["sum", 0]}),
    )
    assert shown(run_graph(graph)[0]) == ["63"]
    assert [name for name, _ in calls].count("TAdd") == 6


@pytest.mark.parametrize(
    ("start", "count", "end", "flow"),
    [
        ("ForLoopOpen", "remaining", "ForLoopClose", "flow_control"),
        ("easy forLoopStart", "total", "easy forLoopEnd", "flow"),
    ],
)
def test_loops_of_other_packs(run_graph, start, count, end, flow):
    graph = quick(
        start=(start, {count: 4, "initial_value1": 100, "initial_value2": "x"}),
        add=("SimpleMath+", {"value": "a * 2 + b", "a": ["start", 2], "b": ["start", 1]}),
        end=(end, {flow: ["start", 0], "initial_value1": ["add", 0], "initial_value2": ["start", 3]}),
        out=("TOut", {"value": ["end", 0]}),
        other=("TOut", {"value": ["end", 1]}),
    )
    report, _ = run_graph(graph)
    assert report.status == "success", report.errors
    numbers = [4, 3, 2, 1] if start == "ForLoopOpen" else [0, 1, 2, 3]
    expected = 100
    for number in numbers:
        expected = expected * 2 + number
    assert (shown(report), shown(report, "other")) == ([str(expected)], ["'x'"])


def test_an_error_inside_stops_the_loop_and_nothing_else(run_graph):
    graph = quick(
        start=("RepeatStart", {"count": 5, "value1": 0}),
        divide=("SimpleMath+", {"value": "6 // (2 - b)", "b": ["start", 1]}),
        end=("RepeatEnd", {"flow": ["start", 0], "value1": ["divide", 0]}),
        out=("TOut", {"value": ["end", 0]}),
        other=("TOut", {"value": 1}),
    )
    report, events = run_graph(graph)
    assert report.status == "partial"
    assert "divides by zero" in str(report.errors[0])
    assert [event.display_id for event in events if isinstance(event, NodeFailed)] == ["divide"]
    assert set(report.outputs) == {"other"}


def test_a_loop_can_be_cancelled(runner):
    token = CancelToken()
    rounds = []

    def listen(event):
        if isinstance(event, NodeFinished) and event.display_id == "double":
            rounds.append(event)
            if len(rounds) == 4:
                token.cancel()

    report = runner.run(doubling(**LIMITS), RunOptions(token=token), listen)
    assert report.status == "cancelled"
    assert len(rounds) == 4


def test_unchanged_loops_are_cached_and_changed_ones_run_again(run_graph, calls):
    first, _ = run_graph(nested(2, 3))
    count = len(calls)
    again, _ = run_graph(nested(2, 3))
    assert len(calls) == count
    assert shown(again) == shown(first)
    more, _ = run_graph(nested(3, 3))
    assert shown(more) == [str(sum(10 * o + i for o in range(3) for i in range(3)))]


def test_too_many_rounds_are_said(run_graph):
    report, _ = run_graph(sums(["many", 0], many=("SimpleMath+", {"value": "10 ** 9"})))
    assert "a loop may go 10,000 rounds, not 1,000,000,000" in str(report.errors[0])
    assert MOST_ROUNDS == 10_000


def test_a_flow_of_another_loop_is_said(run_graph):
    graph = quick(
        a=("RepeatStart", {"count": 2, "value1": 0}),
        b=("RepeatStart", {"count": 2, "value1": 0}),
        end=("RepeatEnd", {"flow": ["a", 0], "value1": ["b", 2]}),
        out=("TOut", {"value": ["end", 0]}),
    )
    report, _ = run_graph(graph)
    assert report.status == "success"
    assert shown(report) == ["0"]


def gate(good_enough, tries):
    """The quality gate of the templates, with the remainder of the seed as its score."""
    return quick(
        start=("WhileStart", {"condition": True, "value1": 3}),
        score=("SimpleMath+", {"value": "a % 10 / 10", "a": ["start", 2]}),
        best=(
            "KeepBest",
            {"value": ["start", 2], "score": ["score", 1], "best": ["start", 3], "best_score": ["start", 4]},
        ),
        poor=("NumberCompare", {"a": ["score", 1], "comparison": "<", "b": good_enough, "tolerance": 0}),
        next=("IntMaths", {"a": ["start", 2], "b": 4, "operation": "add"}),
        end=(
            "WhileEnd",
            {
                "flow": ["start", 0],
                "condition": ["poor", 0],
                "value1": ["next", 0],
                "value2": ["best", 0],
                "value3": ["best", 1],
                "at_most": tries,
                "at_the_limit": "stop",
            },
        ),
        good=("NumberCompare", {"a": ["end", 2], "comparison": ">=", "b": good_enough, "tolerance": 0}),
        gate=("PassIf", {"value": ["end", 1], "condition": ["good", 0], "reason": "none was good"}),
        out=("TOut", {"value": ["gate", 0]}),
        best_score=("TOut", {"value": ["end", 2]}),
    )


@pytest.mark.parametrize(
    ("good_enough", "tries", "seed"), [(0.2, 9, 3), (0.6, 9, 7), (0.8, 9, 19), (0.8, 5, 19)]
)
def test_seeds_are_tried_until_the_score_is_good(run_graph, good_enough, tries, seed):
    report, _ = run_graph(gate(good_enough, tries))
    assert shown(report) == [str(seed)]


def test_nothing_passes_where_no_seed_was_good(run_graph):
    report, _ = run_graph(gate(0.8, 4))
    assert dict(report.blocked) == {"out": "none was good"}
    assert shown(report, "best_score") == ["0.7"]
