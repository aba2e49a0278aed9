"""Nodes that have others run in their place."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import Numbers, quick, toy_registry

from core.engine.context import RunContext, RunOptions
from core.engine.run import Runner
from core.events import NodeCached, NodeExpanded, NodeFailed, NodeFinished, NodeProgress, NodeStarted
from core.folders import Folders
from core.graph import PromptNode
from core.nodes.api import Blocked, Expansion, Lazy, Link, LiveGraph, NodeId, Shown, Subgraph, node
from core.nodes.types import AnyValue


@node("Countdown", category="toy")
def countdown(*, n: int, total: int = 0) -> int | Expansion[int]:
    """Adds up n, n - 1, ..., 1 by expanding into itself."""
    if n == 0:
        return total
    subgraph = Subgraph()
    return Expansion(subgraph.add("Countdown", n=n - 1, total=total + n).out(), subgraph)


@node("Body", category="toy", output=True)
def body(*, graph: LiveGraph, node_id: NodeId, value: AnyValue) -> Shown[None]:
    """Shows what the graph around it says of it."""
    feeds = [link.node_id for _, link in graph.node(node_id).links()]
    return Shown(None, value=[value], feeds=feeds, under=[graph.display_id(node_id)])


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@pytest.fixture
def make_runner(folders):
    def make(*nodes):
        return Runner(toy_registry(lambda _, /, **a: None, countdown, body, *nodes), RunContext(folders))

    return make


def run(runner, graph, **options):
    events = []
    report = runner.run(graph, RunOptions(**options), events.append)
    return report, events


def expanding(name, subgraph_of):
    """A node type whose body is a function from the value `a` to an expansion."""

    @node(name, category="toy")
    def expand(*, a: int) -> int | Expansion[int]:
        return subgraph_of(a)

    return expand


def test_expanding_into_itself_a_thousand_times(make_runner):
    graph = quick(c=("Countdown", {"n": 1000, "total": 0}), o=("TOut", {"value": ["c", 0]}))
    report, events = run(make_runner(), graph)
    assert report.status == "success"
    assert report.outputs == {"o": {"value": ["500500"]}}
    assert len([e for e in events if isinstance(e, NodeExpanded)]) == 1000
    ends = [e.node_id for e in events if isinstance(e, NodeFinished)]
    assert ends[-2:] == ["c", "o"]
    assert {e.display_id for e in events if isinstance(e, NodeFinished)} == {"c", "o"}


def test_a_node_without_end_is_stopped(make_runner, monkeypatch):
    monkeypatch.setattr("core.engine.live._MOST_NODES", 50)

    def again(a):
        subgraph = Subgraph()
        return Expansion(subgraph.add("Endless", a=a + 1).out(), subgraph)

    graph = quick(e=("Endless", {"a": 0}), o=("TOut", {"value": ["e", 0]}))
    report, _ = run(make_runner(expanding("Endless", again)), graph)
    assert report.status == "error"
    assert "grow beyond 50 nodes; does it expand into itself?" in str(report.errors[0])


def test_each_item_of_a_list_expands_for_itself(make_runner):
    graph = quick(
        l=("TMakeList", {"start": 5, "count": 3}),
        x=("TExpandBuilder", {"a": ["l", 0], "n": 1}),
        s=("TSumList", {"items": ["x", 0], "scale": 1}),
        o=("TOut", {"value": ["s", 0]}),
    )
    report, events = run(make_runner(), graph)
    assert report.outputs == {"o": {"value": [str(6 + 7 + 8)]}}
    (expanded,) = [e for e in events if isinstance(e, NodeExpanded)]
    assert expanded.children == ("x.0.0.1", "x.1.0.1", "x.2.0.1")


def test_a_list_comes_out_of_an_expansion(make_runner):
    @node("ManyThings", category="toy")
    def many(*, count: int) -> Expansion[Numbers]:
        subgraph = Subgraph()
        made = subgraph.add("TMakeList", start=1, count=count)
        return Expansion((made.out(0), made.out(1)), subgraph)

    graph = quick(
        m=("ManyThings", {"count": 4}),
        s=("TSumList", {"items": ["m", 0], "scale": ["m", 1]}),
        o=("TOut", {"value": ["s", 0]}),
    )
    assert run(make_runner(many), graph)[0].outputs == {"o": {"value": [str(4 * (1 + 2 + 3 + 4))]}}


def test_links_into_the_running_graph(make_runner):
    """What an ephemeral node is linked to is computed for it if nothing else has asked for it."""
    graph = quick(
        c=("TConst", {"value": 4}),
        x=("TExpandLink", {"a": ["c", 0], "n": 3}),
        o=("TOut", {"value": ["x", 0]}),
    )
    report, events = run(make_runner(), graph)
    assert report.outputs == {"o": {"value": ["7"]}}
    assert [e.node_id for e in events if isinstance(e, NodeStarted)] == ["x", "c", "x.0.0.1", "o"]


def test_lazy_inputs_of_ephemeral_nodes(make_runner):
    def choose(a):
        subgraph = Subgraph()
        fails = subgraph.add("TFail", value=1, fail=True)
        given = subgraph.add("TConst", value=a)
        switch = subgraph.add("TLazySwitch", pick=0, a=given.out(), b=fails.out())
        return Expansion(switch.out(), subgraph)

    graph = quick(c=("Choose", {"a": 9}), o=("TOut", {"value": ["c", 0]}))
    report, _ = run(make_runner(expanding("Choose", choose)), graph)
    assert (report.status, report.outputs) == ("success", {"o": {"value": ["9"]}})


def test_a_failure_inside_ends_the_branch_only(make_runner):
    def fail(a):
        subgraph = Subgraph()
        return Expansion(subgraph.add("TFail", value=a, fail=True).out(), subgraph)

    graph = quick(
        x=("Failing", {"a": 1}),
        lost=("TOut", {"value": ["x", 0]}),
        made=("TOut", {"value": 2}),
    )
    report, events = run(make_runner(expanding("Failing", fail)), graph)
    assert (report.status, report.outputs) == ("partial", {"made": {"value": ["2"]}})
    (failed,) = [e for e in events if isinstance(e, NodeFailed)]
    assert (failed.node_id, failed.display_id) == ("x.0.0.1", "x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.add("NoSuchThing").out(), "there is no node type 'NoSuchThing'"),
        (lambda s: s.add("TAdd", a=Link("nowhere", 0)).out(), "'nowhere', which does not exist"),
        (lambda s: s.add("TAdd", a="word").out(), "which 'word' is not"),
        (lambda s: s.add("TAdd", a=Link("x", 0), b=1).out(), "wait for itself"),
        (lambda s: s.add("TAdd", a=Link("o", 0), b=1).out(), "output 0"),
        (lambda s: s.add("TAdd", a=Link("later", 0), b=1).out(), "wait for itself"),
        (lambda s: s.add("TConst", value=1).out(3), "output 3 of node 'x.0.0.1', which does not exist"),
        (lambda s: Link("nowhere", 0), "output 0 of node 'nowhere', which does not exist"),
        (lambda s: s.add("TSumList", scale=1).out(), "the input 'items' is missing"),
    ],
)
def test_expansions_that_cannot_run(make_runner, make, message):
    def expand(a):
        subgraph = Subgraph()
        return Expansion(make(subgraph), subgraph)

    graph = quick(
        x=("Wrong", {"a": 1}),
        later=("TAdd", {"a": ["x", 0], "b": 1}),
        o=("TOut", {"value": ["later", 0]}),
        fine=("TOut", {"value": 2}),
    )
    report, _ = run(make_runner(expanding("Wrong", expand)), graph)
    assert (report.status, report.outputs) == ("partial", {"fine": {"value": ["2"]}})
    (error,) = report.errors
    assert error.node_id == "x"
    assert message in str(error)


def test_absolute_ids_that_exist_are_refused(make_runner):
    def clash(a):
        subgraph = Subgraph(absolute=True)
        return Expansion(subgraph.put(PromptNode("TConst"), node_id="o").out(), subgraph)

    graph = quick(x=("Clash", {"a": 1}), o=("TOut", {"value": ["x", 0]}))
    report, _ = run(make_runner(expanding("Clash", clash)), graph)
    assert "it adds a node 'o', which is there already" in str(report.errors[0])


def test_blocked_inside_blocks_what_follows(make_runner):
    def block(a):
        subgraph = Subgraph()
        return Expansion(subgraph.add("TBlocker", value=a, block=True, message="not today").out(), subgraph)

    graph = quick(x=("Blocking", {"a": 1}), o=("TOut", {"value": ["x", 0]}))
    report, _ = run(make_runner(expanding("Blocking", block)), graph)
    assert (report.status, report.outputs) == ("success", {})
    assert report.blocked == {"o": "not today"}
    assert isinstance(report.value("x", 0), Blocked)


def test_the_graph_that_nodes_see(make_runner):
    def show(a):
        subgraph = Subgraph()
        subgraph.add("Body", value=subgraph.add("TConst", value=a).out())
        return Expansion(a, subgraph)

    graph = quick(x=("Showing", {"a": 1}), o=("Body", {"value": ["x", 0]}))
    report, _ = run(make_runner(expanding("Showing", show)), graph)
    assert report.outputs == {
        "x.0.0.2": {"value": [1], "feeds": ["x.0.0.1"], "under": ["x"]},
        "o": {"value": [1], "feeds": ["x"], "under": ["o"]},
    }


def test_progress_is_shown_under_the_node_that_expanded(make_runner):
    def sleep(a):
        subgraph = Subgraph()
        first = subgraph.add("TSleep", value=a, steps=1)
        second = subgraph.put(PromptNode("TSleep", {"value": first.out(), "steps": 1}), display_id="o")
        return Expansion(second.out(), subgraph)

    graph = quick(x=("Sleeping", {"a": 1}), o=("TOut", {"value": ["x", 0]}))
    _, events = run(make_runner(expanding("Sleeping", sleep)), graph)
    places = [(e.node_id, e.display_id) for e in events if isinstance(e, NodeProgress)]
    assert places == [("x.0.0.1", "x"), ("x.0.0.2", "o")]


def test_a_node_that_reads_the_graph_runs_again_when_its_neighbours_change(make_runner):
    """What hangs on the same source may be part of what it copies, a saved picture in a loop for example."""

    def around(text):
        return quick(
            c=("TConst", {"value": 1}),
            b=("Body", {"value": ["c", 0]}),
            n=("TFail", {"value": ["c", 0], "fail": text}),
            far=("TText", {"text": str(text)}),
            o=("TOut", {"value": ["far", 0]}),
        )

    runner = make_runner()
    assert "b" in run(runner, around(True))[0].executed
    assert "b" in run(runner, around(False))[0].executed
    assert "b" in run(runner, around(False))[0].cached


def test_results_of_ephemeral_nodes_go_with_the_node_they_stand_for(make_runner):
    runner = make_runner()
    with_three = quick(x=("TExpandBuilder", {"a": 1, "n": 3}), o=("TOut", {"value": ["x", 0]}))
    with_four = quick(x=("TExpandBuilder", {"a": 1, "n": 4}), o=("TOut", {"value": ["x", 0]}))
    run(runner, with_three)
    assert run(runner, with_four)[0].executed == ("x.0.0.4", "x", "o")
    run(runner, quick(o=("TOut", {"value": 1})))
    assert run(runner, with_four)[0].executed == ("x.0.0.1", "x.0.0.2", "x.0.0.3", "x.0.0.4", "x", "o")


def test_equal_ephemeral_nodes_run_once(make_runner):
    graph = quick(
        x=("TExpandBuilder", {"a": 1, "n": 2}),
        y=("TExpandBuilder", {"a": 1, "n": 3}),
        o=("TOut", {"value": ["x", 0]}),
        p=("TOut", {"value": ["y", 0]}),
    )
    report, events = run(make_runner(), graph)
    assert sorted(report.outputs.items()) == [("o", {"value": ["3"]}), ("p", {"value": ["4"]})]
    assert len([e for e in events if isinstance(e, NodeStarted) and "." in e.node_id]) == 3
    assert len([e for e in events if isinstance(e, NodeCached)]) == 2


def test_a_lazy_input_may_expand(make_runner):
    @node("Maybe", category="toy")
    def maybe(*, wanted: bool, value: Lazy[int] | None = None) -> int:
        return value if wanted else 0

    @maybe.needs
    def _(wanted: bool) -> list[str]:
        return ["value"] if wanted else []

    graph = quick(
        x=("TExpandBuilder", {"a": 1, "n": 2}),
        m=("Maybe", {"wanted": True, "value": ["x", 0]}),
        o=("TOut", {"value": ["m", 0]}),
    )
    assert run(make_runner(maybe), graph)[0].outputs == {"o": {"value": ["3"]}}
