"""What is noted of every node of a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers.toy_nodes import quick, toy_registry

from core.engine.cache import NoCache
from core.engine.context import RunContext, RunOptions
from core.engine.profile import WORTH_MEASURING
from core.engine.run import Runner
from core.events import Usage
from core.folders import Folders
from core.nodes.api import FileChoice, node


class CountingMeter:
    """Finds more memory taken each time."""

    def __init__(self):
        self.starts = 0
        self.taken = 1000

    def start(self):
        self.starts += 1

    def stop(self):
        self.taken += 1
        return Usage(self.taken, 5, 7, 0.25)


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@pytest.fixture
def runner(folders):
    return Runner(toy_registry(), RunContext(folders))


def graph(**edits):
    nodes = {
        "c": ("TConst", {"value": 1}),
        "a": ("TAdd", {"a": ["c", 0], "b": 2}),
        "v": ("TAlways", {"value": 4}),
        "b": ("TBlocker", {"value": 1, "block": True, "message": ""}),
        "f": ("TFail", {"value": ["a", 0], "fail": True}),
        "o": ("TOut", {"value": ["a", 0]}),
        "p": ("TOut", {"value": ["v", 0]}),
        "q": ("TOut", {"value": ["b", 0]}),
        "r": ("TOut", {"value": ["f", 0]}),
    }
    return quick(**nodes | edits)


def reasons(report):
    return {node.node_id: node.reason for node in report.profile.nodes if node.state == "executed"}


def test_what_became_of_each_node(runner):
    runner.run(graph())
    report = runner.run(graph())
    states = {node.node_id: node.state for node in report.profile.nodes}
    assert states == {
        "c": "cached",
        "a": "cached",
        "b": "cached",
        "o": "cached",
        "v": "executed",
        "p": "executed",
        "q": "blocked",
        "f": "failed",
    }
    assert report.seconds.keys() == {"v", "p"}


def test_times_lie_within_the_run(runner):
    profile = runner.run(graph()).profile
    worked = [node for node in profile.nodes if node.state == "executed"]
    assert all(0 <= node.start <= node.start + node.seconds <= profile.seconds for node in worked)
    assert [node.start for node in worked] == sorted(node.start for node in worked)


def test_why_nodes_ran(runner):
    assert set(reasons(runner.run(graph())).values()) == {"it is new"}
    assert reasons(runner.run(graph())) == {"v": "it runs every time", "p": "what feeds 'value' changed"}
    changed = runner.run(graph(c=("TConst", {"value": 3}), a=("TAdd", {"a": ["c", 0], "b": 9})))
    assert reasons(changed)["c"] == "'value' changed"
    assert reasons(changed)["a"] == "'b' changed"
    assert reasons(changed)["o"] == "what feeds 'value' changed"
    relinked = runner.run(graph(c=("TConst", {"value": 3}), a=("TAdd", {"a": ["v", 0], "b": 9})))
    assert reasons(relinked)["a"] == "what feeds 'a' changed"
    unlinked = runner.run(graph(c=("TConst", {"value": 3}), a=("TAdd", {"a": 7, "b": 9})))
    assert reasons(unlinked)["a"] == "'a' changed"
    retyped = runner.run(
        graph(c=("TText", {"text": "word"}), a=("TAdd", {"a": 7, "b": 9})), RunOptions(targets=["c"])
    )
    assert reasons(retyped) == {"c": "it was TConst"}


def test_an_input_left_out_has_changed(runner):
    runner.run(quick(g=("TOptional", {"a": 1}), o=("TOut", {"value": ["g", 0]})))
    report = runner.run(quick(g=("TOptional", {}), o=("TOut", {"value": ["g", 0]})))
    assert reasons(report)["g"] == "'a' changed"


def test_results_that_were_not_kept(folders):
    runner = Runner(toy_registry(), RunContext(folders), NoCache())
    small = quick(c=("TConst", {"value": 1}), o=("TOut", {"value": ["c", 0]}))
    runner.run(small)
    assert set(reasons(runner.run(small)).values()) == {"its result was not kept"}


def test_a_file_that_was_replaced(folders, tmp_path):
    @node("Reader", category="toy", output=True)
    def read(*, folders: Folders, file: str) -> None:
        """Reads."""

    declared = replace(read.spec.inputs[0], widget=FileChoice("input"), type="COMBO")
    spec = replace(read.spec, inputs=(declared,))
    read.spec = spec
    runner = Runner(toy_registry(lambda _, /, **a: None, read), RunContext(folders))
    for text in ("one", "another"):
        (tmp_path / "file.txt").write_text(text)
        report = runner.run(quick(r=("Reader", {"file": "file.txt"})))
    assert reasons(report) == {"r": "a file or something else that it reads changed"}


def test_memory_is_measured_where_it_is_worth_it(folders):
    meter = CountingMeter()

    @node("Works", category="toy", output=True)
    def works(*, value: int) -> int:
        from time import perf_counter

        until = perf_counter() + 2 * WORTH_MEASURING
        while perf_counter() < until:
            pass
        return value

    runner = Runner(toy_registry(lambda _, /, **a: None, works), RunContext(folders, meter=meter))
    chain = quick(
        w=("Works", {"value": 1}), c=("TConst", {"value": ["w", 0]}), x=("Works", {"value": ["c", 0]})
    )
    report = runner.run(chain)
    by_id = {node.node_id: node for node in report.profile.nodes}
    assert by_id["w"].before is None
    assert by_id["w"].after == Usage(1001, 5, 7, 0.25)
    assert by_id["c"].after == by_id["w"].after
    assert (by_id["x"].before, by_id["x"].after.host) == (by_id["w"].after, 1002)
    assert meter.starts == 3


def test_as_json_and_as_a_trace(runner, folders):
    metered = Runner(toy_registry(), RunContext(folders, meter=CountingMeter()))
    profile = metered.run(graph()).profile
    form = json.loads(json.dumps(profile.to_json()))
    assert form["run_id"] == profile.run_id
    assert [node["node_id"] for node in form["nodes"]] == [node.node_id for node in profile.nodes]
    assert form["nodes"][0]["after"]["host"] == 1001
    trace = json.loads(json.dumps(profile.to_trace()))
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {(event["name"], event["args"]["node"]) for event in spans} >= {("TAdd", "a"), ("TFail", "f")}
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans)
    assert any(event["ph"] == "C" and event["args"]["host"] > 1000 for event in trace["traceEvents"])


def test_ephemeral_nodes_are_listed_with_the_node_they_stand_for(runner):
    report = runner.run(quick(x=("TExpandBuilder", {"a": 1, "n": 2}), o=("TOut", {"value": ["x", 0]})))
    places = [(node.node_id, node.display_id) for node in report.profile.nodes]
    assert places == [("x.0.0.1", "x"), ("x.0.0.2", "x"), ("x", "x"), ("o", "o")]
