"""Overhead of the engine on trivial nodes. Run with `python -m benchmarks.engine`."""

from __future__ import annotations

import argparse
import gc
import pickle
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.engine.context import RunContext
from core.engine.run import Runner
from core.engine.validate import validate
from core.events import RunEvent
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.api import Shown, node
from core.nodes.registry import Registry, builtin
from core.nodes.types import AnyValue
from core.workflow.compile import compile_document
from tests.helpers.big_graph import big_graph


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


SHAPES: dict[str, Callable[[int], PromptGraph]] = {
    "chains of 10": lambda count: chains(count, 10),
    "chains of 100": lambda count: chains(count, 100),
    "one chain": lambda count: chains(count, count),
    "a fan": fan,
}
SIZES = (100, 1000, 10_000)


@dataclass
class Measured:
    """Medians of some rounds.

    Attributes:
        validated: Microseconds per node, as those that follow.
        changed: One node of the graph was edited.
        bytes_per_node: Of all events, pickled.
        pause: The longest search for garbage inside a run, in milliseconds.
    """

    validated: float
    executed: float
    cached: float
    changed: float
    bytes_per_node: float
    pause: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--with-torch", action="store_true", help="with the objects of torch in memory")
    arguments = parser.parse_args()
    if arguments.with_torch:
        import torch  # noqa: F401
    print(f"{'us per node':24}{'validated':>10}{'executed':>10}{'cached':>8}{'one changed':>12}", end="")
    print(f"{'event bytes':>12}{'gc pause, ms':>13}")
    for name, make in SHAPES.items():
        rows = {count: measure(make(count), arguments.repeats) for count in SIZES}
        for count, row in rows.items():
            show_row(f"{count:,} in {name}" if name != "one chain" else f"one chain of {count:,}", row)
        small, large = rows[1000], rows[10_000]
        ratios = [large.executed / small.executed, large.cached / small.cached]
        ratios.append(large.bytes_per_node / small.bytes_per_node)
        print("  10,000 : 1,000".ljust(24) + " executed {:.2f}, cached {:.2f}, bytes {:.2f}".format(*ratios))
    show_row("one chain of 20,000", measure(chains(20_000, 20_000), arguments.repeats))
    show_documents(arguments.repeats)


def show_row(name: str, row: Measured) -> None:
    print(f"{name:24}{row.validated:10.1f}{row.executed:10.1f}{row.cached:8.1f}{row.changed:12.1f}", end="")
    print(f"{row.bytes_per_node:12.0f}{row.pause:13.1f}")


def measure(graph: PromptGraph, repeats: int) -> Measured:
    """Runs of one graph: new, unchanged, with one change."""
    registry = Registry([const.spec, add.spec, show.spec])
    folders = Folders()
    rows: dict[str, list[float]] = {"validated": [], "executed": [], "cached": [], "changed": []}
    pauses = Pauses()
    for _ in range(repeats):
        runner = Runner(registry, RunContext(folders))
        rows["validated"].append(timed(lambda: validate(graph, registry, folders)))
        with pauses:
            for name, work in {"executed": graph, "cached": graph, "changed": change_one(graph)}.items():
                rows[name].append(timed(partial(runner.run, work)))
    count = len(graph.nodes)
    medians = {name: statistics.median(times) / count * 1e6 for name, times in rows.items()}
    return Measured(
        **medians, bytes_per_node=event_bytes(graph, registry) / count, pause=pauses.longest * 1e3
    )


def event_bytes(graph: PromptGraph, registry: Registry) -> int:
    total = 0

    def listen(event: RunEvent) -> None:
        nonlocal total
        total += len(pickle.dumps(event))

    Runner(registry, RunContext(Folders())).run(graph, on_event=listen)
    return total


class Pauses:
    """How long searches for garbage take inside the block."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        gc.collect()
        gc.callbacks.append(self._note)

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        del info
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        else:
            self.longest = max(self.longest, now - self._began)


def show_documents(repeats: int) -> None:
    """What queueing a document of 1,000 nodes takes on the GUI thread, and then checking it on the other."""
    document, graph, registry, folders = big_graph(1000), samplers(1000), builtin(), Folders()
    compiling = median_ms(lambda: compile_document(document, registry), repeats)
    checking = median_ms(lambda: validate(graph, registry, folders), repeats)
    print(f"1,000 samplers: compiled in {compiling:.1f} ms, validated in {checking:.1f} ms")


def samplers(count: int) -> PromptGraph:
    """A valid graph of samplers behind each other."""
    nodes = {
        "model": PromptNode("CheckpointLoaderSimple", {"ckpt_name": "darkroom_starter.safetensors"}),
        "text": PromptNode("CLIPTextEncode", {"text": "a house", "clip": Link("model", 1)}),
        "0": PromptNode("EmptyLatentImage", {"width": 256, "height": 256, "batch_size": 1}),
    }
    facts = {"steps": 20, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": Link("model", 0), "positive": Link("text", 0), "negative": Link("text", 0)}
    for number in range(1, count - 4):
        latent = Link(str(number - 1), 0)
        inputs = {"seed": number, "latent_image": latent, **facts, **links}
        nodes[str(number)] = PromptNode("KSampler", inputs)
    decoded = {"samples": Link(str(count - 5), 0), "vae": Link("model", 2)}
    nodes["decode"] = PromptNode("VAEDecode", decoded)
    nodes["save"] = PromptNode("SaveImage", {"images": Link("decode", 0), "filename_prefix": "x"})
    return PromptGraph(nodes)


def median_ms(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(timed(work) for _ in range(repeats)) * 1e3


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
