"""The prompt graph a document stands for: subgraphs, mute, bypass, reroutes and primitives resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from core.graph import Link, PromptGraph, PromptNode
from core.nodes.registry import Registry
from core.nodes.spec import MISSING, NodeSpec, types_match
from core.workflow.document import GraphDocument
from core.workflow.levels import INLET, Level, levels
from core.workflow.records import BYPASSED, MUTED, NOTES, PRIMITIVE, REROUTE, Node, Remark
from core.workflow.widgets import default, layout, values

_VIRTUAL: Final = NOTES | {REROUTE, PRIMITIVE}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A prompt graph, and what of the document could not be taken as it stands."""

    graph: PromptGraph
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the user gave, by a primitive or on a subgraph's node."""

    value: Any


def compile_document(document: GraphDocument, registry: Registry) -> Compiled:
    """What runs when the document is queued.

    Raises:
        WorkflowError: A subgraph is broken or contains itself.
    """
    remarks: list[Remark] = []
    nodes: dict[str, PromptNode] = {}
    for level, node in levels(document).walk():
        if node.type in _VIRTUAL or not _runs(level, node):
            continue
        spec = registry.interface(node.type)
        inputs = _inputs(level, node, spec, remarks)
        nodes[level.prefix + node.id] = PromptNode(node.type, inputs, node.title or "")
    return Compiled(PromptGraph(nodes), tuple(remarks))


def source_of(document: GraphDocument, link_id: int) -> Link | Given | None:
    """What a link of the document carries: an output of the prompt graph, a value, or nothing.

    Raises:
        WorkflowError: The link ends nowhere, or a subgraph is broken or contains itself.
    """
    link = document.links[link_id]
    return _resolve(levels(document), link_id, document.input(link.target, link.target_slot).type)


def _runs(level: Level, node: Node) -> bool:
    """Whether neither the node nor one it is inside of is muted or bypassed."""
    while node.mode not in (MUTED, BYPASSED):
        if level.outer is None:
            return True
        level, node = level.outer
    return False


def _inputs(level: Level, node: Node, spec: NodeSpec | None, remarks: list[Remark]) -> dict[str, Any]:
    given = _own_values(level, node, spec, remarks)
    linked: dict[str, Any] = {}
    for socket in node.inputs:
        source = _resolve(level, socket.link, socket.type)
        if source is not None:
            linked[socket.name] = source.value if isinstance(source, Given) else source
    known = {**given, **linked}
    order = [entry.name for entry in spec.inputs] if spec else []
    ordered = {name: known[name] for name in order if name in known}
    return {**ordered, **{name: value for name, value in known.items() if name not in ordered}}


def _own_values(level: Level, node: Node, spec: NodeSpec | None, remarks: list[Remark]) -> dict[str, Any]:
    """Widget values by input name; what the file lacks and the node needs is filled in."""
    found = layout(node, spec)
    result = {**values(node, found), **level.given.get(node.id, {})}
    place = f"node {level.prefix}{node.id} ({node.type})"
    if found.unused:
        why = (
            "it takes no such inputs" if spec else "the node type is unknown and the file does not name them"
        )
        remarks.append(Remark(place, f"{found.unused} widget values are not used: {why}"))
    linked = {socket.name for socket in node.inputs if socket.link is not None}
    for entry in spec.inputs if spec else ():
        if entry.required and entry.has_widget and entry.name not in result and entry.name not in linked:
            value = default(entry)
            if value is not MISSING:
                result[entry.name] = value
                remarks.append(Remark(place, f"the file has no value for {entry.name!r}; {value!r} is used"))
    return result


def _resolve(level: Level, number: int | None, wanted: str) -> Link | Given | None:
    """What feeds an input: an output of a node that runs, a plain value, or nothing."""
    seen: set[tuple[str, str, int]] = set()
    end = level.origin(number)
    while end is not None and (level.prefix, *end) not in seen:
        seen.add((level.prefix, *end))
        node_id, slot = end
        if node_id == INLET and level.outer is not None:
            inner, (level, owner) = level, level.outer
            end = level.origin(owner.inputs[slot].link) if 0 <= slot < len(owner.inputs) else None
            if end is None and slot in inner.inlet_values:
                return Given(inner.inlet_values[slot])
            continue
        node = level.nodes.get(node_id)
        if node is None or node.mode == MUTED or node.type in NOTES:
            return None
        if node.mode == BYPASSED:
            end = level.origin(_bypass(node, slot, wanted))
        elif node_id in level.inner:
            level = level.inner[node_id]
            end = level.outlets[slot] if 0 <= slot < len(level.outlets) else None
        elif node.type == REROUTE:
            end = level.origin(node.inputs[0].link if node.inputs else None)
        elif node.type == PRIMITIVE:
            own = node.widgets
            return Given(own[0]) if isinstance(own, tuple) and own else None
        else:
            return Link(level.prefix + node_id, slot)
    return None


def _bypass(node: Node, slot: int, wanted: str) -> int | None:
    """The link that takes the place of a bypassed node's output.

    It is that of the input at the same position if the type fits, else of the first input whose type does.
    """
    kind = node.outputs[slot].type if 0 <= slot < len(node.outputs) else wanted
    if "*" in (wanted, kind):
        slot = slot if slot < len(node.inputs) else 0
        return node.inputs[slot].link if node.inputs else None
    candidates = [*node.inputs[slot : slot + 1], *node.inputs]
    exact = (socket for socket in candidates if socket.type == wanted)
    loose = (socket for socket in candidates if types_match(socket.type, wanted))
    match = next(exact, None) or next(loose, None)
    return match.link if match else None
