"""The prompt graph: what the engine runs. Plain data, shared by the formats, the engine and the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Link(NamedTuple):
    """Where an input gets its value from: output `slot` of node `node_id`.

    On the wire a link is a list of two items; everywhere inside Darkroom it is this class, so that a list of two
    items can also be a value.
    """

    node_id: str
    slot: int


@dataclass(frozen=True, slots=True)
class PromptNode:
    """One node of a prompt graph.

    Attributes:
        class_type: The node type.
        inputs: Input name -> `Link` or a plain value.
        title: The title the user gave it, for messages; empty if none.
    """

    class_type: str
    inputs: Mapping[str, object] = field(default_factory=dict[str, object])
    title: str = ""

    def links(self) -> Iterator[tuple[str, Link]]:
        """The inputs that are links, in order."""
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


@dataclass(frozen=True, slots=True)
class PromptGraph:
    """Nodes by id, in the order of the file. Immutable: later edits of a document never alter a queued run."""

    nodes: Mapping[str, PromptNode] = field(default_factory=dict[str, PromptNode])
