"""A document for a prompt graph, so that a file in API format opens on the canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from core.graph import Link, PromptGraph, PromptNode
from core.nodes.registry import Registry
from core.nodes.spec import NodeSpec
from core.workflow.comfy_json import ReadDocument
from core.workflow.document import GraphDocument
from core.workflow.layout import arrange
from core.workflow.new_nodes import fitting_size, named, new_node
from core.workflow.records import (
    DocumentLink,
    Header,
    InputSocket,
    Node,
    OutputSocket,
    Remark,
    number_of,
)

_MOST_OUTPUTS: Final = 1000


def document_from_prompt(graph: PromptGraph, registry: Registry) -> ReadDocument:
    """A document that compiles to the graph, its nodes arranged in columns."""
    remarks: list[Remark] = []
    last_slots = _last_slots(graph)
    nodes = {
        node_id: _node(
            node_id, node, registry.interface(node.class_type), last_slots.get(node_id, -1), remarks
        )
        for node_id, node in graph.nodes.items()
    }
    links = _connect(graph, nodes, remarks)
    taken = {node_id: [link.node_id for _, link in node.links()] for node_id, node in graph.nodes.items()}
    places = arrange({node.id: node.size for node in nodes.values()}, taken)
    placed = [replace(node, pos=places[node.id]) for node in nodes.values()]
    last = max(map(number_of, nodes), default=0)
    header = Header(last_node_id=last, last_link_id=len(links))
    return ReadDocument(GraphDocument(placed, links, header=header), tuple(remarks))


def _node(
    node_id: str, node: PromptNode, spec: NodeSpec | None, last_slot: int, remarks: list[Remark]
) -> Node:
    values = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    linked = [name for name, _ in node.links()]
    if spec is None:
        made = Node(node_id, node.class_type, widgets=values, properties=named(node.class_type))
    else:
        made = new_node(node_id, spec, values=values, linked=linked)
        remarks += _homeless(node_id, spec, values)
    known = {socket.name for socket in made.inputs}
    kind = spec.variadic.type if spec and spec.variadic else "*"
    inputs = (InputSocket(name, kind) for name in linked if name not in known)
    outputs = (OutputSocket("", "*") for _ in range(len(made.outputs), last_slot + 1))
    made = replace(
        made,
        title=node.title if node.title and (spec is None or node.title != spec.title) else None,
        inputs=(*made.inputs, *inputs),
        outputs=(*made.outputs, *outputs),
    )
    return replace(made, size=fitting_size(made, spec))


def _homeless(node_id: str, spec: NodeSpec, values: Mapping[str, object]) -> Iterator[Remark]:
    """A remark for every value that belongs to no input with a widget."""
    for name in values:
        entry = spec.input(name)
        if entry is None or not entry.has_widget:
            place = f"node {node_id} ({spec.class_type})"
            yield Remark(place, f"it has no place for the value of {name!r}; it is left out")


def _connect(graph: PromptGraph, nodes: dict[str, Node], remarks: list[Remark]) -> list[DocumentLink]:
    """The links of the graph; `nodes` get them noted in their sockets."""
    links: list[DocumentLink] = []
    outgoing: dict[str, dict[int, list[int]]] = {}
    for node_id, node in graph.nodes.items():
        slots = {socket.name: slot for slot, socket in enumerate(nodes[node_id].inputs)}
        fed: dict[int, int] = {}
        for name, link in node.links():
            origin = nodes.get(link.node_id)
            if origin is None or not 0 <= link.slot < len(origin.outputs):
                place = f"node {node_id} ({node.class_type})"
                remarks.append(
                    Remark(place, f"input {name!r} is linked to {list(link)}, which does not exist")
                )
                continue
            number, kind = len(links) + 1, origin.outputs[link.slot].type
            links.append(DocumentLink(number, origin.id, link.slot, node_id, slots[name], kind))
            outgoing.setdefault(origin.id, {}).setdefault(link.slot, []).append(number)
            fed[slots[name]] = number
        sockets = (replace(s, link=fed.get(slot)) for slot, s in enumerate(nodes[node_id].inputs))
        nodes[node_id] = replace(nodes[node_id], inputs=tuple(sockets))
    for node_id, by_slot in outgoing.items():
        outputs = (replace(o, links=tuple(by_slot.get(i, ()))) for i, o in enumerate(nodes[node_id].outputs))
        nodes[node_id] = replace(nodes[node_id], outputs=tuple(outputs))
    return links


def _last_slots(graph: PromptGraph) -> Mapping[str, int]:
    """Node id -> highest output that is used, as far as such numbers can be meant."""
    last: dict[str, int] = {}
    for node in graph.nodes.values():
        for _, link in node.links():
            last[link.node_id] = max(last.get(link.node_id, -1), min(link.slot, _MOST_OUTPUTS - 1))
    return last
