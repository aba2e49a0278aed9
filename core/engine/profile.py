"""What every node of a run cost, and why it ran at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from core.engine.signature import Signature
from core.engine.validate import BoundNode
from core.engine.values import show
from core.events import Usage

State: TypeAlias = Literal["executed", "cached", "failed", "blocked"]

WORTH_MEASURING: Final = 0.001
"""Seconds a node has to work for its memory to be looked at, which takes a fiftieth of that."""


class Meter(Protocol):
    """Measures one node at a time."""

    def start(self) -> None:
        """A node is about to work."""
        ...

    def stop(self) -> Usage:
        """What there is now that it has worked."""
        ...


class NodeRecord(NamedTuple):
    """One node in one run.

    Attributes:
        state: What became of it. A cached node took no time.
        start: When work on it began, in seconds after the run began.
        seconds: How long its function worked; what it had others run in its place is not in it.
        reason: Why its result was not taken from the cache.
        before: Memory when it began; None where nobody measured.
        after: Memory when it was done.
    """

    node_id: str
    display_id: str
    class_type: str
    state: State
    start: float
    seconds: float = 0.0
    reason: str = ""
    before: Usage | None = None
    after: Usage | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The nodes of a run in the order in which they were done with.

    Attributes:
        began: When the run began, in seconds since 1970.
        seconds: How long it took.
    """

    run_id: str
    began: float
    seconds: float
    nodes: Sequence[NodeRecord]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "run_id": self.run_id,
            "began": self.began,
            "seconds": self.seconds,
            "nodes": [_as_json(node) for node in self.nodes],
        }

    def to_trace(self) -> dict[str, Any]:
        """A trace as Perfetto and Chrome open it.

        Source: the Trace Event Format, "JSON Object Format"; times in microseconds.
        """
        process = {"pid": 1, "tid": 1}
        events: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", **process, "args": {"name": "Darkroom"}},
            {"name": "thread_name", "ph": "M", **process, "args": {"name": f"run {self.run_id}"}},
        ]
        for node in self.nodes:
            if node.state in ("executed", "failed"):
                facts = {"node": node.node_id, "state": node.state, "reason": node.reason}
                times = {"ts": node.start * 1e6, "dur": node.seconds * 1e6}
                events.append(
                    {"name": node.class_type, "cat": "node", "ph": "X", **times, **process, "args": facts}
                )
                events += _counters(node)
        return {"traceEvents": events, "displayTimeUnit": "ms"}


def _as_json(node: NodeRecord) -> dict[str, Any]:
    usages = {"before": node.before, "after": node.after}
    return node._asdict() | {name: usage and usage._asdict() for name, usage in usages.items()}


def _counters(node: NodeRecord) -> Iterator[dict[str, Any]]:
    for usage, time in ((node.before, node.start), (node.after, node.start + node.seconds)):
        if usage is not None:
            taken = {"host": usage.host, "device": usage.device}
            yield {"name": "memory", "ph": "C", "ts": time * 1e6, "pid": 1, "args": taken}


class Past(NamedTuple):
    """What the run before was like, to say what has changed since."""

    nodes: Mapping[str, BoundNode]
    signatures: Mapping[str, Signature]


def reason_to_run(node: BoundNode, signatures: Mapping[str, Signature], is_volatile: bool, past: Past) -> str:
    """Why the result of a node is not taken from the run before."""
    node_id = node.node_id
    before = past.nodes.get(node_id)
    if before is None:
        return "it is new"
    if before.spec.class_type != node.spec.class_type:
        return f"it was {before.spec.class_type}"
    if past.signatures[node_id] == signatures[node_id]:
        return "its result was not kept"
    changed = [name for name in node.constants if _value(node, name) != _value(before, name)]
    gone = [name for name in before.constants if name not in node.constants and name not in node.links]
    fed = [
        name
        for name, link in node.links.items()
        if _source(before, name, past) != (link.slot, signatures[link.node_id])
    ]
    if words := [f"{show(name)} changed" for name in [*changed, *gone]]:
        return ", ".join(words)
    if fed:
        return "what feeds " + ", ".join(show(name) for name in fed) + " changed"
    if is_volatile:
        return "it runs every time"
    return "a file or something else that it reads changed"


def _value(node: BoundNode, name: str) -> object:
    # Compared as text: 1, 1.0 and True are three values.
    return repr(node.constants[name]) if name in node.constants else node.links.get(name)


def _source(node: BoundNode, name: str, past: Past) -> tuple[int, Signature | None] | None:
    link = node.links.get(name)
    return None if link is None else (link.slot, past.signatures.get(link.node_id))
