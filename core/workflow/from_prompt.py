"""A document for a prompt graph, so that a file in API format opens on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from core.graph import Link, PromptGraph, PromptNode
from core.nodes.registry import Registry
from core.nodes.spec import InputSpec, NodeSpec
from core.workflow.comfy_json import ReadDocument
from core.workflow.document import GraphDocument
from core.workflow.layout import arrange
from core.workflow.records import (
    DocumentLink,
    Header,
    InputSocket,
    Node,
    OutputSocket,
    Remark,
    Widgets,
    number_of,
)
from core.workflow.widgets import starting_values

_WIDTH: Final = 300.0
_ROW: Final = 24.0
_TEXT: Final = 100.0
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
    inputs = _inputs(node, spec)
    widgets = _widgets(node_id, node, spec, remarks)
    outputs = [OutputSocket(o.name, o.type) for o in spec.outputs] if spec else []
    outputs += [OutputSocket("", "*") for _ in range(len(outputs), last_slot + 1)]
    rows = max(len(inputs), len(outputs)) + len(widgets)
    texts = sum(1 for value in node.inputs.values() if isinstance(value, str) and len(value) > 40)
    title = node.title if node.title and (spec is None or node.title != spec.title) else None
    return Node(
        id=node_id,
        type=node.class_type,
        size=(_WIDTH, _ROW * (rows + 1) + _TEXT * texts),
        title=title,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        widgets=widgets,
        properties={"Node name for S&R": node.class_type},
    )


def _inputs(node: PromptNode, spec: NodeSpec | None) -> list[InputSocket]:
    """A socket for every input without a widget, and for every other one that is linked."""
    linked = dict(node.links())
    sockets = [
        _socket(entry)
        for entry in (spec.inputs if spec else ())
        if not entry.has_widget or entry.name in linked
    ]
    known = {socket.name for socket in sockets}
    for name in linked:
        if name not in known:
            kind = spec.variadic.type if spec and spec.variadic else "*"
            sockets.append(InputSocket(name, kind))
    return sockets


def _socket(entry: InputSpec) -> InputSocket:
    return InputSocket(entry.name, entry.type, widget=entry.name if entry.has_widget else None)


def _widgets(node_id: str, node: PromptNode, spec: NodeSpec | None, remarks: list[Remark]) -> Widgets:
    values = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    if spec is None:
        return values
    for name in values:
        entry = spec.input(name)
        if entry is None or not entry.has_widget:
            place = f"node {node_id} ({node.class_type})"
            remarks.append(Remark(place, f"it has no place for the value of {name!r}; it is left out"))
    return starting_values(spec, values)


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
