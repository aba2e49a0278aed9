"""Runs small graphs of toy nodes and real ones."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import toys

from core.engine.context import RunContext, RunOptions
from core.engine.run import Runner
from core.folders import Folders
from core.nodes.registry import Registry, builtin


@pytest.fixture
def calls():
    """Names and arguments of the calls of toy nodes, as they come."""
    return []


@pytest.fixture
def runner(tmp_path, calls):
    """A runner that keeps results between the runs of a test."""

    def record(name, /, **arguments):
        calls.append((name, arguments))

    folders = Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)
    specs = [*(item.spec for item in toys(record).values()), *builtin()]
    return Runner(Registry(specs), RunContext(folders))


@pytest.fixture
def run_graph(runner):
    """Runs a graph: its report and its events."""

    def run(graph, **options):
        events = []
        return runner.run(graph, RunOptions(**options), events.append), events

    return run
