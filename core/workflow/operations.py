"""The edits there are: each says which records it replaces, `GraphDocument.apply` does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import WorkflowError
from core.nodes.spec import types_match
from core.workflow.document import Delta, GraphDocument, Patch, SimpleOperation
from core.workflow.records import (
    DocumentLink,
    Group,
    InputSocket,
    Node,
    OutputSocket,
    Place,
    Point,
    Reroute,
    Widgets,
)


@dataclass(frozen=True, slots=True)
class AddNode(SimpleOperation):
    """Put a node on the canvas. It brings its sockets, none of them linked."""

    node: Node

    def _patch(self, document: GraphDocument) -> Patch:
        if self.node.id in document.nodes:
            raise WorkflowError(f"the workflow already has a node {self.node.id!r}")
        if any(s.link is not None for s in self.node.inputs) or any(s.links for s in self.node.outputs):
            raise WorkflowError(f"node {self.node.id!r} is added with links; connect it after adding it")
        number = int(self.node.id) if self.node.id.isdecimal() else 0
        last = max(document.header.last_node_id, number)
        return Patch(
            nodes=Delta({self.node.id: self.node}), header=replace(document.header, last_node_id=last)
        )


@dataclass(frozen=True, slots=True)
class RemoveNodes(SimpleOperation):
    """Take nodes and all their links away."""

    ids: Sequence[str]

    def _patch(self, document: GraphDocument) -> Patch:
        gone = {document.node(node_id).id for node_id in self.ids}
        links = [link for link in document.links.values() if link.origin in gone or link.target in gone]
        patch = _without(document, links)
        return replace(patch, nodes=Delta({**patch.nodes.records, **dict.fromkeys(gone)}))


@dataclass(frozen=True, slots=True)
class MoveNodes(SimpleOperation):
    """Put nodes elsewhere: id -> position."""

    positions: Mapping[str, Point]

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.positions, lambda node: replace(node, pos=self.positions[node.id]))


@dataclass(frozen=True, slots=True)
class ResizeNode(SimpleOperation):
    """Give a node another width and height."""

    id: str
    size: Point

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], lambda node: replace(node, size=self.size))


@dataclass(frozen=True, slots=True)
class SetWidget(SimpleOperation):
    """Give a widget another value. `core.workflow.widgets` finds the place of an input's value."""

    id: str
    place: Place
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, widgets=_with_value(node, self.place, self.value))


@dataclass(frozen=True, slots=True)
class SetMode(SimpleOperation):
    """Mute (2), bypass (4) or run (0) nodes."""

    ids: Sequence[str]
    mode: int

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.ids, lambda node: replace(node, mode=self.mode))


@dataclass(frozen=True, slots=True)
class SetTitle(SimpleOperation):
    """Call a node something else; None for the title of its type."""

    id: str
    title: str | None

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], lambda node: replace(node, title=self.title))


@dataclass(frozen=True, slots=True)
class SetColour(SimpleOperation):
    """Colour nodes; None for the theme's own colour."""

    ids: Sequence[str]
    colour: str | None
    background: str | None

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(
            document, self.ids, lambda n: replace(n, colour=self.colour, background=self.background)
        )


@dataclass(frozen=True, slots=True)
class SetFlag(SimpleOperation):
    """Set `collapsed`, `pinned` and the like; None takes the flag away."""

    ids: Sequence[str]
    flag: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.ids, self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, flags=_with(node.flags, self.flag, self.value))


@dataclass(frozen=True, slots=True)
class SetProperty(SimpleOperation):
    """Set one of a node's properties; None takes it away."""

    id: str
    name: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, properties=_with(node.properties, self.name, self.value))


@dataclass(frozen=True, slots=True)
class Connect(SimpleOperation):
    """Link an output to an input. A link that ended there before goes away."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int

    def _patch(self, document: GraphDocument) -> Patch:
        output = document.output(self.origin, self.origin_slot)
        socket = document.input(self.target, self.target_slot)
        if not types_match(output.type, socket.type):
            raise WorkflowError(
                f"{output.type} from node {self.origin} does not fit input {socket.name!r} "
                f"of node {self.target}, which takes {socket.type}"
            )
        number = max(document.header.last_link_id, *document.links, 0) + 1
        link = DocumentLink(number, self.origin, self.origin_slot, self.target, self.target_slot, output.type)
        old = document.links.get(socket.link) if socket.link is not None else None
        patch = _without(document, [old] if old else [])
        nodes = dict(patch.nodes.records)
        origin = nodes.get(self.origin) or document.node(self.origin)
        nodes[origin.id] = _with_output(
            origin, self.origin_slot, lambda s: replace(s, links=(*s.links, number))
        )
        target = nodes.get(self.target) or document.node(self.target)
        nodes[target.id] = _with_input(target, self.target_slot, lambda s: replace(s, link=number))
        return replace(
            patch,
            nodes=Delta(nodes),
            links=Delta({**patch.links.records, number: link}),
            header=replace(document.header, last_link_id=number),
        )


@dataclass(frozen=True, slots=True)
class Disconnect(SimpleOperation):
    """Take links away."""

    links: Sequence[int]

    def _patch(self, document: GraphDocument) -> Patch:
        missing = [number for number in self.links if number not in document.links]
        if missing:
            raise WorkflowError(f"the workflow has no link {missing[0]}")
        return _without(document, [document.links[number] for number in self.links])


@dataclass(frozen=True, slots=True)
class AddInput(SimpleOperation):
    """Give a node one more input: for a widget that is to be fed by a link, or a node of many inputs."""

    id: str
    socket: InputSocket

    def _patch(self, document: GraphDocument) -> Patch:
        if self.socket.link is not None:
            raise WorkflowError(
                f"input {self.socket.name!r} is added with a link; connect it after adding it"
            )
        return _nodes(document, [self.id], lambda node: replace(node, inputs=(*node.inputs, self.socket)))


@dataclass(frozen=True, slots=True)
class RemoveInput(SimpleOperation):
    """Take an input and its link away; links to later inputs follow theirs."""

    id: str
    slot: int

    def _patch(self, document: GraphDocument) -> Patch:
        document.input(self.id, self.slot)
        here = [link for link in document.links.values() if link.target == self.id]
        patch = _without(document, [link for link in here if link.target_slot == self.slot])
        node = patch.nodes.records.get(self.id) or document.node(self.id)
        moved = {
            link.id: replace(link, target_slot=link.target_slot - 1)
            for link in here
            if link.target_slot > self.slot
        }
        shorter = replace(node, inputs=(*node.inputs[: self.slot], *node.inputs[self.slot + 1 :]))
        return replace(
            patch,
            nodes=Delta({**patch.nodes.records, self.id: shorter}),
            links=Delta({**patch.links.records, **moved}),
        )


@dataclass(frozen=True, slots=True)
class PutGroup(SimpleOperation):
    """Add a group, or put it in place of the one with its key."""

    group: Group

    def _patch(self, document: GraphDocument) -> Patch:
        return Patch(groups=Delta({self.group.key: self.group}))


@dataclass(frozen=True, slots=True)
class RemoveGroups(SimpleOperation):
    """Take groups away; the nodes inside stay."""

    keys: Sequence[int]

    def _patch(self, document: GraphDocument) -> Patch:
        missing = [key for key in self.keys if key not in document.groups]
        if missing:
            raise WorkflowError(f"the workflow has no group {missing[0]}")
        return Patch(groups=Delta(dict.fromkeys(self.keys)))


@dataclass(frozen=True, slots=True)
class AddReroute(SimpleOperation):
    """Draw a link through one more point, the last before its input."""

    link: int
    pos: Point

    def _patch(self, document: GraphDocument) -> Patch:
        link = document.links.get(self.link)
        if link is None:
            raise WorkflowError(f"the workflow has no link {self.link}")
        number = max(document.reroutes, default=0) + 1
        point = Reroute(number, self.pos, (link.id,), link.reroute)
        return Patch(links=Delta({link.id: replace(link, reroute=number)}), reroutes=Delta({number: point}))


@dataclass(frozen=True, slots=True)
class MoveReroutes(SimpleOperation):
    """Put reroute points elsewhere: id -> position."""

    positions: Mapping[int, Point]

    def _patch(self, document: GraphDocument) -> Patch:
        points = {number: _reroute(document, number) for number in self.positions}
        return Patch(
            reroutes=Delta({n: replace(point, pos=self.positions[n]) for n, point in points.items()})
        )


@dataclass(frozen=True, slots=True)
class RemoveReroute(SimpleOperation):
    """Take a point away; what was drawn through it goes on from the point before."""

    id: int

    def _patch(self, document: GraphDocument) -> Patch:
        parent = _reroute(document, self.id).parent
        links = {n: replace(k, reroute=parent) for n, k in document.links.items() if k.reroute == self.id}
        points: dict[int, Reroute | None] = {
            n: replace(point, parent=parent)
            for n, point in document.reroutes.items()
            if point.parent == self.id
        }
        return Patch(links=Delta(links), reroutes=Delta({**points, self.id: None}))


@dataclass(frozen=True, slots=True)
class SetExtra(SimpleOperation):
    """Set one entry of the document's `extra`; None takes it away."""

    name: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return Patch(
            header=replace(document.header, extra=_with(document.header.extra, self.name, self.value))
        )


def _nodes(document: GraphDocument, ids: Iterable[str], edit: Callable[[Node], Node]) -> Patch:
    return Patch(nodes=Delta({node_id: edit(document.node(node_id)) for node_id in ids}))


def _without(document: GraphDocument, links: Sequence[DocumentLink]) -> Patch:
    """The patch that takes links out of the table, their sockets and the points they run through."""
    nodes: dict[str, Node | None] = {}
    gone = {link.id for link in links}
    for link in links:
        origin = nodes.get(link.origin) or document.nodes.get(link.origin)
        if origin and 0 <= link.origin_slot < len(origin.outputs):
            nodes[origin.id] = _with_output(
                origin,
                link.origin_slot,
                lambda s: replace(s, links=tuple(n for n in s.links if n not in gone)),
            )
        target = nodes.get(link.target) or document.nodes.get(link.target)
        if target and 0 <= link.target_slot < len(target.inputs):
            nodes[target.id] = _with_input(
                target, link.target_slot, lambda s: replace(s, link=None if s.link in gone else s.link)
            )
    points: dict[int, Reroute | None] = {}
    for point in document.reroutes.values() if gone else ():
        if not gone.isdisjoint(point.links):
            left = tuple(number for number in point.links if number not in gone)
            points[point.id] = replace(point, links=left) if left else None
    return Patch(Delta(nodes), Delta(dict.fromkeys(gone)), reroutes=Delta(points))


def _with_output(node: Node, slot: int, edit: Callable[[OutputSocket], OutputSocket]) -> Node:
    sockets = (*node.outputs[:slot], edit(node.outputs[slot]), *node.outputs[slot + 1 :])
    return replace(node, outputs=sockets)


def _with_input(node: Node, slot: int, edit: Callable[[InputSocket], InputSocket]) -> Node:
    sockets = (*node.inputs[:slot], edit(node.inputs[slot]), *node.inputs[slot + 1 :])
    return replace(node, inputs=sockets)


def _with_value(node: Node, place: Place, value: Any) -> Widgets:
    widgets = node.widgets
    match widgets, place:
        case tuple(), int() if 0 <= place < len(widgets):
            return (*widgets[:place], value, *widgets[place + 1 :])
        case Mapping(), str():
            return {**widgets, place: value}
        case _:
            raise WorkflowError(f"node {node.id} ({node.type}) has no widget value {place!r}")


def _with(fields: Mapping[str, Any], name: str, value: Any) -> Mapping[str, Any]:
    kept = {key: old for key, old in fields.items() if key != name}
    return kept if value is None else {**fields, name: value}


def _reroute(document: GraphDocument, number: int) -> Reroute:
    point = document.reroutes.get(number)
    if point is None:
        raise WorkflowError(f"the workflow has no reroute {number}")
    return point
