"""Overhead of the engine on trivial nodes. Run with `python -m benchmarks.engine`."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from core.engine.context import RunContext
from core.engine.run import Runner
from core.engine.validate import validate
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.api import Shown, node
from core.nodes.registry import Registry
from core.nodes.types import AnyValue


@node("Const", category="benchmark")
def const(*, value: int) -> int:
    return value


@node("Add", category="benchmark")
def add(*, a: int, b: int) -> int:
    return a + b


@node("Show", category="benchmark", output=True)
def show(*, value: AnyValue) -> Shown[None]:
    return Shown(None, value=[value])


def chains(count: int, length: int, start: int = 0) -> PromptGraph:
    """`count` nodes in chains of `length`: a constant, additions, an output."""
    nodes: dict[str, PromptNode] = {}
    for chain in range(count // length):
        first = chain * length
        nodes[str(first)] = PromptNode("Const", {"value": start + chain})
        for index in range(first + 1, first + length - 1):
            nodes[str(index)] = PromptNode("Add", {"a": Link(str(index - 1), 0), "b": index})
        nodes[str(first + length - 1)] = PromptNode("Show", {"value": Link(str(first + length - 2), 0)})
    return PromptGraph(nodes)


def fan(count: int, start: int = 0) -> PromptGraph:
    """One value shown by `count - 1` outputs behind an addition each."""
    nodes = {"0": PromptNode("Const", {"value": start})}
    for index in range(1, count, 2):
        nodes[str(index)] = PromptNode("Add", {"a": Link("0", 0), "b": index})
        nodes[str(index + 1)] = PromptNode("Show", {"value": Link(str(index), 0)})
    return PromptGraph(nodes)


def change_one(graph: PromptGraph) -> PromptGraph:
    """The graph with the first addition changed."""
    name, old = next((n, node) for n, node in graph.nodes.items() if node.class_type == "Add")
    return PromptGraph({**graph.nodes, name: PromptNode("Add", {**old.inputs, "b": -1})})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--with-torch", action="store_true", help="with the objects of torch in memory")
    arguments = parser.parse_args()
    if arguments.with_torch:
        import torch  # noqa: F401
    registry = Registry([const.spec, add.spec, show.spec])
    folders = Folders()
    cases: dict[str, PromptGraph] = {
        "1,000 in chains of 10": chains(1000, 10),
        "1,000 in chains of 100": chains(1000, 100),
        "1,000 in a fan": fan(1000),
        "10,000 in chains of 100": chains(10_000, 100),
        "one chain of 20,000": chains(20_000, 20_000),
    }
    print(f"{'us per node':26}{'validated':>11}{'executed':>11}{'cached':>11}{'one changed':>13}")
    for name, graph in cases.items():
        count = len(graph.nodes)
        rows: dict[str, list[float]] = {"validated": [], "executed": [], "cached": [], "changed": []}
        for _ in range(arguments.repeats):
            runner = Runner(registry, RunContext(folders))
            rows["validated"].append(timed(lambda graph=graph: validate(graph, registry, folders)))
            rows["executed"].append(timed(lambda graph=graph, runner=runner: runner.run(graph)))
            rows["cached"].append(timed(lambda graph=graph, runner=runner: runner.run(graph)))
            changed = change_one(graph)
            rows["changed"].append(timed(lambda graph=changed, runner=runner: runner.run(graph)))
        medians = [statistics.median(times) / count * 1e6 for times in rows.values()]
        print(f"{name:26}{medians[0]:11.1f}{medians[1]:11.1f}{medians[2]:11.1f}{medians[3]:13.1f}")


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
