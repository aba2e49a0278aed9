"""The edits of links: connecting, disconnecting, the sockets and the points that links run through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import WorkflowError
from core.nodes.spec import types_match
from core.workflow.document import Delta, GraphDocument, Patch, SimpleOperation
from core.workflow.records import DocumentLink, InputSocket, Node, OutputSocket, Point, Reroute


@dataclass(frozen=True, slots=True)
class Connect(SimpleOperation):
    """Link an output to an input. A link that ended there before goes away."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int

    def _patch(self, document: GraphDocument) -> Patch:
        number = max(document.header.last_link_id, *document.links, 0) + 1
        link = DocumentLink(number, self.origin, self.origin_slot, self.target, self.target_slot, "")
        patch = _plugged(document, link, [])
        return replace(patch, header=replace(document.header, last_link_id=number))


@dataclass(frozen=True, slots=True)
class MoveLink(SimpleOperation):
    """Lead a link from or to another socket, through its points. A link that ended there before goes away."""

    link: int
    origin: str
    origin_slot: int
    target: str
    target_slot: int

    def _patch(self, document: GraphDocument) -> Patch:
        old = document.links.get(self.link)
        if old is None:
            raise WorkflowError(f"the workflow has no link {self.link}")
        origin = replace(old, origin=self.origin, origin_slot=self.origin_slot)
        link = replace(origin, target=self.target, target_slot=self.target_slot)
        return _plugged(document, link, [old])


@dataclass(frozen=True, slots=True)
class Disconnect(SimpleOperation):
    """Take links away."""

    links: Sequence[int]

    def _patch(self, document: GraphDocument) -> Patch:
        missing = [number for number in self.links if number not in document.links]
        if missing:
            raise WorkflowError(f"the workflow has no link {missing[0]}")
        return without_links(document, [document.links[number] for number in self.links])


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
        node = document.node(self.id)
        return Patch(nodes=Delta({self.id: replace(node, inputs=(*node.inputs, self.socket))}))


@dataclass(frozen=True, slots=True)
class RemoveInput(SimpleOperation):
    """Take an input and its link away; links to later inputs follow theirs."""

    id: str
    slot: int

    def _patch(self, document: GraphDocument) -> Patch:
        document.input(self.id, self.slot)
        here = [link for link in document.links.values() if link.target == self.id]
        patch = without_links(document, [link for link in here if link.target_slot == self.slot])
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
class AddReroute(SimpleOperation):
    """Draw a link through one more point: before another of its points, or as the last before its input.

    Links that share the other point share the new one.
    """

    link: int
    pos: Point
    before: int | None = None

    def _patch(self, document: GraphDocument) -> Patch:
        link = document.links.get(self.link)
        if link is None:
            raise WorkflowError(f"the workflow has no link {self.link}")
        number = max(document.reroutes, default=0) + 1
        if self.before is not None:
            after = _reroute(document, self.before)
            point = Reroute(number, self.pos, after.links, after.parent)
            return Patch(reroutes=Delta({number: point, after.id: replace(after, parent=number)}))
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


def chain(document: GraphDocument, link: DocumentLink) -> list[Reroute]:
    """The points a link is drawn through, from its output to its input."""
    points: dict[int, Reroute] = {}
    number = link.reroute
    while number is not None and number in document.reroutes and number not in points:
        points[number] = document.reroutes[number]
        number = points[number].parent
    return list(reversed(points.values()))


def without_links(document: GraphDocument, links: Sequence[DocumentLink]) -> Patch:
    """The patch that takes links out of the table, their sockets and the points they run through."""
    gone = {link.id for link in links}
    nodes: dict[str, Node | None] = {}
    for node_id, slot in {(link.origin, link.origin_slot) for link in links}:
        node = nodes.get(node_id) or document.nodes.get(node_id)
        if node and 0 <= slot < len(node.outputs):
            left = tuple(number for number in node.outputs[slot].links if number not in gone)
            nodes[node_id] = _with_output(node, slot, replace(node.outputs[slot], links=left))
    for node_id, slot in {(link.target, link.target_slot) for link in links}:
        node = nodes.get(node_id) or document.nodes.get(node_id)
        if node and 0 <= slot < len(node.inputs) and node.inputs[slot].link in gone:
            nodes[node_id] = _with_input(node, slot, replace(node.inputs[slot], link=None))
    points: dict[int, Reroute | None] = {}
    for point in document.reroutes.values() if gone else ():
        if not gone.isdisjoint(point.links):
            left = tuple(number for number in point.links if number not in gone)
            points[point.id] = replace(point, links=left) if left else None
    return Patch(Delta(nodes), Delta(dict.fromkeys(gone)), reroutes=Delta(points))


def _plugged(document: GraphDocument, link: DocumentLink, moved: Sequence[DocumentLink]) -> Patch:
    """The patch that plugs a link in, after `moved`, the same link elsewhere, was pulled out.

    Raises:
        WorkflowError: A socket is not there, or their types do not fit.
    """
    output = document.output(link.origin, link.origin_slot)
    socket = document.input(link.target, link.target_slot)
    if not types_match(output.type, socket.type):
        raise WorkflowError(
            f"{output.type} from node {link.origin} does not fit input {socket.name!r} "
            f"of node {link.target}, which takes {socket.type}"
        )
    before = document.links.get(socket.link) if socket.link is not None else None
    replaced = [before] if before is not None and before.id != link.id else []
    patch = without_links(document, replaced)
    nodes = {**without_links(document, [*replaced, *moved]).nodes.records}
    origin = nodes.get(link.origin) or document.node(link.origin)
    start = origin.outputs[link.origin_slot]
    at_start = replace(start, links=(*start.links, link.id))
    nodes[origin.id] = _with_output(origin, link.origin_slot, at_start)
    target = nodes.get(link.target) or document.node(link.target)
    at_end = replace(target.inputs[link.target_slot], link=link.id)
    nodes[target.id] = _with_input(target, link.target_slot, at_end)
    links = {**patch.links.records, link.id: replace(link, type=output.type)}
    return replace(patch, nodes=Delta(nodes), links=Delta(links))


def _with_output(node: Node, slot: int, socket: OutputSocket) -> Node:
    return replace(node, outputs=(*node.outputs[:slot], socket, *node.outputs[slot + 1 :]))


def _with_input(node: Node, slot: int, socket: InputSocket) -> Node:
    return replace(node, inputs=(*node.inputs[:slot], socket, *node.inputs[slot + 1 :]))


def _reroute(document: GraphDocument, number: int) -> Reroute:
    point = document.reroutes.get(number)
    if point is None:
        raise WorkflowError(f"the workflow has no reroute {number}")
    return point
