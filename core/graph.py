"""The prompt graph: what the engine runs. Plain data, shared by the formats, the engine and the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

WRAPPED: Final = "__value__"
"""In API format, key of the object that a list which is a value is put in: a bare pair means a link."""


class Link(NamedTuple):
    """Where an input gets its value from: output `slot` of node `node_id`.

    On the wire a link is a list of two items; everywhere inside Darkroom it is this class, so that a list of
    two items can also be a value.
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

    def to_json(self) -> dict[str, Any]:
        """The node in API format."""
        entry: dict[str, Any] = {
            "inputs": {name: _value_to_json(value) for name, value in self.inputs.items()},
            "class_type": self.class_type,
        }
        return entry | ({"_meta": {"title": self.title}} if self.title else {})


def _value_to_json(value: object) -> object:
    if isinstance(value, Link):
        return [value.node_id, value.slot]
    return {WRAPPED: value} if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class PromptGraph:
    """Nodes by id, in the order of the file. Immutable: later edits of a document never alter a run."""

    nodes: Mapping[str, PromptNode] = field(default_factory=dict[str, PromptNode])
