"""Inputs named from outside a graph, as in `3.cfg`, and values put there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from core.errors import WorkflowError
from core.graph import PromptGraph
from core.near import near
from core.nodes.registry import Registry
from core.nodes.spec import InputSpec
from core.workflow.document import GraphDocument
from core.workflow.json_text import parse_json
from core.workflow.operations import SetWidget
from core.workflow.widgets import layout
from core.workflow.wiring import Disconnect

_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """`NODE.INPUT`: an input of a node of a prompt graph. Ids of nodes in subgraphs may contain dots."""

    node_id: str
    input: str

    @staticmethod
    def parse(text: str) -> Target:
        """Reads `NODE.INPUT`.

        Raises:
            WorkflowError: It is written in another way.
        """
        node_id, _, name = text.rpartition(".")
        if not (node_id and name):
            raise WorkflowError(f"{text!r} is not NODE.INPUT")
        return Target(node_id, name)

    def __str__(self) -> str:
        return f"{self.node_id}.{self.input}"


def declared(target: Target, graph: PromptGraph, registry: Registry) -> InputSpec | None:
    """What the node type says of an input; None if nobody knows the type.

    Raises:
        WorkflowError: There is no such node, or it takes no such input; the message offers others.
    """
    node = graph.nodes.get(target.node_id)
    if node is None:
        raise WorkflowError(f"there is no node {target.node_id!r}; there are {_first(graph.nodes)}")
    spec = registry.interface(node.class_type)
    found = spec.input(target.input) if spec else None
    if found is None and target.input not in node.inputs:
        names = [*node.inputs, *(entry.name for entry in (spec.inputs if spec else ()))]
        hint = _first(near(target.input, names) or dict.fromkeys(names))
        raise WorkflowError(f"{node.class_type} has no input {target.input!r}; did you mean {hint}?")
    return found


def read_value(text: str, wire_type: str) -> object:
    """The text as a value for an input of that type."""
    if wire_type in ("STRING", "COMBO"):
        return text
    try:
        return parse_json(text, "the value")
    except WorkflowError:
        return text


def with_values(graph: PromptGraph, values: Mapping[Target, object]) -> PromptGraph:
    """The graph with other values; links in their place are gone."""
    nodes = dict(graph.nodes)
    for target, value in values.items():
        node = nodes[target.node_id]
        nodes[target.node_id] = replace(node, inputs={**node.inputs, target.input: value})
    return PromptGraph(nodes)


def put_values(document: GraphDocument, values: Mapping[Target, object], registry: Registry) -> bool:
    """The same in the editor form, so that a picture's two graphs agree.

    Returns:
        Whether all values found their place; inputs inside subgraphs have none of their own.
    """
    for target, value in values.items():
        node = document.nodes.get(target.node_id)
        spec = registry.interface(node.type) if node else None
        place = layout(node, spec).places.get(target.input) if node else None
        if node is None or place is None:
            return False
        links = (socket.link for socket in node.inputs if socket.name == target.input)
        document.apply(Disconnect([link for link in links if link is not None and link in document.links]))
        document.apply(SetWidget(node.id, place, value))
    return True


def _first(names: Iterable[str]) -> str:
    """Names as a message lists them: not more than anyone reads."""
    listed = list(names)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
