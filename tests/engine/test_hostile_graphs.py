"""Graphs that were made to break an engine: they are answered, quickly and without recursion."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import quick, toy_registry

from core.engine.context import RunContext
from core.engine.run import Runner
from core.engine.validate import validate
from core.errors import GraphError
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode

DEEP = 20_000


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@pytest.fixture
def runner(folders):
    return Runner(toy_registry(), RunContext(folders))


def chain(length, first):
    nodes = {"0": PromptNode("TAdd", {"a": first, "b": 1})}
    for index in range(1, length):
        nodes[str(index)] = PromptNode("TAdd", {"a": Link(str(index - 1), 0), "b": 1})
    nodes["out"] = PromptNode("TOut", {"value": Link(str(length - 1), 0)})
    return nodes


def test_deep_chain_runs_and_is_cached(runner):
    graph = PromptGraph(chain(DEEP, 0))
    report = runner.run(graph)
    assert report.outputs == {"out": {"value": [str(DEEP)]}}
    assert len(report.executed) == DEEP + 1
    assert len(runner.run(graph).cached) == DEEP + 1


def test_deep_chain_written_backwards(runner):
    graph = PromptGraph(dict(reversed(chain(DEEP, 0).items())))
    assert runner.run(graph).status == "success"


def test_deep_cycle(runner):
    graph = PromptGraph(chain(DEEP, Link(str(DEEP - 1), 0)))
    with pytest.raises(GraphError) as caught:
        runner.run(graph)
    (problem,) = caught.value.problems
    assert problem.kind == "cycle"
    assert len(problem.details["nodes"]) == DEEP
    assert len(problem.message) < 500


def test_nested_cycles_stay_linear(folders):
    nodes = chain(DEEP, 0)
    for index in range(DEEP // 2):
        nodes[str(index)] = PromptNode(
            "TAdd", {**nodes[str(index)].inputs, "b": Link(str(DEEP - 1 - index), 0)}
        )
    validation = validate(PromptGraph(nodes), toy_registry(), folders)
    assert [p.kind for p in validation.problems] == ["cycle"]


def test_many_unknown_types(folders):
    names = {str(i): PromptNode(f"Unknown{i}", {"x": Link(str(i + 1), 0)}) for i in range(DEEP)}
    validation = validate(PromptGraph(names), toy_registry(), folders)
    assert len(validation.problems) == DEEP + 1


def test_very_long_names(folders):
    graph = quick(a=("T" * 1_000_000, {}), b=("TOut", {"v" * 1_000_000: 1}))
    for problem in validate(graph, toy_registry(), folders).problems:
        assert len(problem.message) < 500


def test_many_links_between_few_nodes(runner):
    nodes = {"c": PromptNode("TConst", {"value": 1})}
    wide = {f"in{i}": Link("c", 0) for i in range(5000)}
    nodes["g"] = PromptNode("TGather", {"first": 0, **wide})
    nodes["o"] = PromptNode("TOut", {"value": Link("g", 0)})
    assert runner.run(PromptGraph(nodes)).outputs["o"] == {"value": ["5000"]}


@pytest.mark.parametrize("inputs", [{"value": ["o", 0]}, {"value": ["p", 0]}])
def test_outputs_that_feed_themselves(runner, inputs):
    graph = quick(o=("TOutPass", inputs), p=("TOutPass", {"value": ["o", 0]}))
    with pytest.raises(GraphError) as caught:
        runner.run(graph)
    assert "circle" in str(caught.value)
