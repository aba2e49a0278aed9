"""A part of a workflow on its own: what is copied, pasted and duplicated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from core.nodes.registry import Registry
from core.nodes.spec import types_match
from core.workflow.comfy_json import write_document
from core.workflow.comfy_parts import is_index
from core.workflow.definitions import read_definitions, with_definitions
from core.workflow.document import Batch, Delta, GraphDocument, Operation, Patch
from core.workflow.fields import FieldReader
from core.workflow.layout import TITLE_HEIGHT
from core.workflow.open import read_workflow
from core.workflow.records import (
    REROUTE,
    DocumentLink,
    Group,
    Header,
    Json,
    Node,
    Point,
    Remark,
    Reroute,
    number_of,
)
from core.workflow.wiring import Connect, chain

_STEP: Final = 20.0
_OURS: Final = "darkroom"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A link from a node outside: that node's id, type and output, and the input it feeds."""

    origin: str
    origin_type: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a workflow.

    Attributes:
        document: Its nodes and groups, the links between the nodes, and the definitions they use.
        incoming: The links that came from nodes outside of it.
        remarks: What of a text could not be taken as it stands.
    """

    document: GraphDocument
    incoming: tuple[Incoming, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to put in."""
        return not self.document.nodes and not self.document.groups

    @property
    def corner(self) -> Point:
        """The top left of all it shows."""
        places = list(_places(self.document))
        return min((x for x, _ in places), default=0), min((y for _, y in places), default=0)

    def to_json(self) -> Json:
        """A workflow of the editor, which ComfyUI opens as well."""
        form = write_document(self.document)
        if not self.incoming:
            return form
        rows = [[i.origin, i.origin_type, i.origin_slot, i.target, i.target_slot] for i in self.incoming]
        return {**form, "extra": {**form.get("extra", {}), _OURS: {"incoming": rows}}}


@dataclass(frozen=True, slots=True)
class Inserted:
    """The edit that puts a fragment in, and what its nodes, groups and reroutes are called then."""

    operation: Operation
    nodes: tuple[str, ...]
    groups: tuple[int, ...]
    reroutes: tuple[int, ...]


def take(document: GraphDocument, nodes: Collection[str], groups: Collection[int] = ()) -> Fragment:
    """Nodes and groups, the links between these nodes with the points they run through, and definitions."""
    wanted = set(nodes)
    entering = [link for link in document.live_links() if link.target in wanted]
    inner = [link for link in entering if link.origin in wanted]
    outer = [link for link in entering if link.origin not in wanted]
    taken = [node for node in document.nodes.values() if node.id in wanted]
    part = GraphDocument(
        _with_links(taken, inner),
        [link if chain(document, link) else replace(link, reroute=None) for link in inner],
        [group for group in document.groups.values() if group.key in groups],
        _points(document, inner),
        _header(document, taken, inner),
    )
    types = {node.id: node.type for node in document.nodes.values()}
    incoming = (Incoming(k.origin, types[k.origin], k.origin_slot, k.target, k.target_slot) for k in outer)
    return Fragment(part, tuple(incoming))


def read_fragment(text: str, registry: Registry, name: str = "the text") -> Fragment:
    """All of a workflow or an API prompt in JSON.

    Args:
        name: What messages call the text.

    Raises:
        WorkflowError: It holds no graph; the message says what it lacks.
    """
    opened = read_workflow(text.strip().encode(errors="replace"), name)
    read = opened.to_document(registry)
    whole = take(read.document, read.document.nodes, read.document.groups)
    incoming = tuple(_read_incoming(read.document))
    return replace(whole, incoming=incoming, remarks=(*opened.remarks, *read.remarks))


def insert(
    document: GraphDocument, fragment: Fragment, at: Point | None = None, linked: bool = False
) -> Inserted:
    """The edit that puts a fragment into a document, under ids that are free.

    Args:
        at: Where its top left goes, or a little off if the same is there already; None to leave it
            where it was.
        linked: Links that came from nodes outside are made again where those nodes are there.
    """
    part = fragment.document
    header, names = read_definitions(part.header).put_into(document.header)
    last_link = max(header.last_link_id, *document.links, 0)
    nodes = dict(zip(part.nodes, document.new_node_ids(), strict=False))
    links = _numbers(part.links, last_link)
    points = _numbers(part.reroutes, max(document.reroutes, default=0))
    groups = _numbers(part.groups, max(document.groups, default=0))
    by = _shift(document, fragment, at)
    last_node = max(header.last_node_id, *map(int, nodes.values()), 0)
    header = replace(header, last_node_id=last_node, last_link_id=last_link + len(links))
    placed = (
        replace(
            _relinked(node, links),
            id=nodes[node.id],
            type=names.get(node.type, node.type),
            pos=_moved(node.pos, by),
        )
        for node in part.nodes.values()
    )
    patch = Patch(
        Delta({node.id: node for node in placed}),
        Delta({links[k.id]: _renumbered(k, nodes, links, points) for k in part.links.values()}),
        Delta({groups[g.key]: _placed_group(g, groups[g.key], by) for g in part.groups.values()}),
        Delta({points[p.id]: _placed_point(p, links, points, by) for p in part.reroutes.values()}),
        header,
    )
    outer = (
        Connect(i.origin, i.origin_slot, nodes[i.target], i.target_slot)
        for i in fragment.incoming
        if linked and _fits(document, part, i)
    )
    return Inserted(
        Batch((patch, *outer)), tuple(nodes.values()), tuple(groups.values()), tuple(points.values())
    )


def _with_links(nodes: Iterable[Node], links: Iterable[DocumentLink]) -> Iterator[Node]:
    """The nodes with only these links noted in their sockets."""
    ends = {link.id: (link.target, link.target_slot) for link in links}
    starts: dict[tuple[str, int], list[int]] = {}
    for link in links:
        starts.setdefault((link.origin, link.origin_slot), []).append(link.id)
    for node in nodes:
        inputs = (
            socket
            if socket.link is None or ends.get(socket.link) == (node.id, slot)
            else replace(socket, link=None)
            for slot, socket in enumerate(node.inputs)
        )
        outputs = (
            replace(socket, links=_in_order(socket.links, starts.get((node.id, slot), [])))
            for slot, socket in enumerate(node.outputs)
        )
        yield replace(node, inputs=tuple(inputs), outputs=tuple(outputs))


def _in_order(old: Iterable[int], links: Collection[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys([*(number for number in old if number in links), *links]))


def _points(document: GraphDocument, links: Iterable[DocumentLink]) -> Iterator[Reroute]:
    """The points that the links run through, with these links only."""
    runs: dict[int, list[int]] = {}
    for link in links:
        for point in chain(document, link):
            runs.setdefault(point.id, []).append(link.id)
    for point in document.reroutes.values():
        if point.id in runs:
            parent = point.parent if point.parent in runs else None
            yield replace(point, links=_in_order(point.links, runs[point.id]), parent=parent)


def _header(document: GraphDocument, nodes: Collection[Node], links: Collection[DocumentLink]) -> Header:
    used = read_definitions(document.header).used_by(node.type for node in nodes)
    last_node = max((number_of(node.id) for node in nodes), default=0)
    last_link = max((link.id for link in links), default=0)
    header = Header(document.header.version, last_node, last_link)
    return with_definitions(header, used.subgraphs.values(), used.groups)


def _read_incoming(document: GraphDocument) -> Iterator[Incoming]:
    reader = FieldReader()
    for row in reader.items(reader.fields(document.header.extra.get(_OURS), ()).get("incoming"), ()):
        if not isinstance(row, list) or len(row) != 5:
            continue
        origin, kind, slot, target, target_slot = row
        if (
            all(isinstance(text, str) for text in (origin, kind, target))
            and is_index(slot)
            and is_index(target_slot)
        ):
            yield Incoming(origin, kind, slot, target, target_slot)


def _fits(document: GraphDocument, part: GraphDocument, incoming: Incoming) -> bool:
    """Whether a link from outside can be made again in this document."""
    origin, target = document.nodes.get(incoming.origin), part.nodes.get(incoming.target)
    if origin is None or origin.type != incoming.origin_type or target is None:
        return False
    if not (
        0 <= incoming.origin_slot < len(origin.outputs) and 0 <= incoming.target_slot < len(target.inputs)
    ):
        return False
    return types_match(origin.outputs[incoming.origin_slot].type, target.inputs[incoming.target_slot].type)


def _shift(document: GraphDocument, fragment: Fragment, at: Point | None) -> Point:
    """By how much the fragment moves: to `at`, and on while it would hide what is there."""
    if at is None:
        return 0, 0
    x, y = fragment.corner
    dx, dy = float(round(at[0] - x)), float(round(at[1] - y))
    taken = {(round(px), round(py)) for px, py in _places(document)}
    own = list(_places(fragment.document))
    while any((round(px + dx), round(py + dy)) in taken for px, py in own):
        dx, dy = dx + _STEP, dy + _STEP
    return dx, dy


def _places(document: GraphDocument) -> Iterator[Point]:
    """The top left of everything there is to see, titles included."""
    for node in document.nodes.values():
        yield node.pos if node.type == REROUTE else (node.pos[0], node.pos[1] - TITLE_HEIGHT)
    yield from (group.bounding[:2] for group in document.groups.values())
    yield from (point.pos for point in document.reroutes.values())


def _moved(pos: Point, by: Point) -> Point:
    return pos[0] + by[0], pos[1] + by[1]


def _numbers(keys: Iterable[int], last: int) -> dict[int, int]:
    return {key: number for number, key in enumerate(keys, last + 1)}


def _relinked(node: Node, links: Mapping[int, int]) -> Node:
    inputs = (s if s.link is None else replace(s, link=links[s.link]) for s in node.inputs)
    outputs = (replace(s, links=tuple(links[number] for number in s.links)) for s in node.outputs)
    return replace(node, inputs=tuple(inputs), outputs=tuple(outputs))


def _renumbered(
    link: DocumentLink, nodes: Mapping[str, str], links: Mapping[int, int], points: Mapping[int, int]
) -> DocumentLink:
    point = None if link.reroute is None else points[link.reroute]
    return replace(
        link, id=links[link.id], origin=nodes[link.origin], target=nodes[link.target], reroute=point
    )


def _placed_group(group: Group, key: int, by: Point) -> Group:
    x, y, width, height = group.bounding
    return replace(group, key=key, bounding=(x + by[0], y + by[1], width, height))


def _placed_point(point: Reroute, links: Mapping[int, int], points: Mapping[int, int], by: Point) -> Reroute:
    return replace(
        point,
        id=points[point.id],
        pos=_moved(point.pos, by),
        links=tuple(links[number] for number in point.links),
        parent=None if point.parent is None else points[point.parent],
    )
