"""Where things stand on the canvas: aligned, distributed, framed by a group, arranged in columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from core.workflow.document import Batch, GraphDocument, Operation
from core.workflow.layout import GROUP_TITLE, TITLE_HEIGHT, arrange
from core.workflow.operations import MoveNodes, PutGroup
from core.workflow.records import REROUTE, Group, Node, Point
from core.workflow.wiring import MoveReroutes

Edge: TypeAlias = Literal["left", "right", "top", "bottom"]
Axis: TypeAlias = Literal["across", "down"]
Sizes: TypeAlias = Mapping[str, Point]
"""Node id -> width and height of its body as it is drawn; one that is missing has that of its record."""

_PADDING: Final = 10.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the canvas."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """Keys of nodes, groups and points of links: what lies wholly inside a group."""

    nodes: tuple[str, ...]
    groups: tuple[int, ...]
    reroutes: tuple[int, ...]


def node_box(node: Node, sizes: Sizes) -> Box:
    """The place a node takes, its title included."""
    (x, y), (width, height) = node.pos, sizes.get(node.id, node.size)
    return Box(x, y if node.type == REROUTE else y - TITLE_HEIGHT, x + width, y + height)


def contents(document: GraphDocument, key: int, sizes: Sizes) -> Contents:
    """What lies wholly inside a group. Of two groups with the same frame none is inside of the other."""
    frames = {group.key: _group_box(group) for group in document.groups.values()}
    frame = frames[key]
    return Contents(
        tuple(node.id for node in document.nodes.values() if frame.holds(node_box(node, sizes))),
        tuple(other for other, box in frames.items() if box != frame and frame.holds(box)),
        tuple(p.id for p in document.reroutes.values() if frame.holds(Box(*p.pos, *p.pos))),
    )


def align(document: GraphDocument, nodes: Collection[str], edge: Edge, sizes: Sizes) -> Operation:
    """Put the nodes' edges in one line, that of the node that stands out most; pinned nodes stay."""
    boxes = _boxes(document, nodes, sizes)
    furthest = max if edge in ("right", "bottom") else min
    edges: dict[str, float] = {node_id: getattr(box, edge) for node_id, box in boxes.items()}
    line = furthest(edges.values())
    is_across = edge in ("left", "right")
    return _shifted(document, {n: _along(is_across, line - at) for n, at in edges.items()})


def distribute(document: GraphDocument, nodes: Collection[str], axis: Axis, sizes: Sizes) -> Operation:
    """Make the gaps between the nodes equal; the first and the last one stay, and pinned ones."""
    boxes = _boxes(document, nodes, sizes)
    is_across = axis == "across"
    spans = {n: (b.left, b.right) if is_across else (b.top, b.bottom) for n, b in boxes.items()}
    order = sorted(spans, key=lambda n: spans[n])
    taken = sum(end - start for start, end in spans.values())
    at, last = spans[order[0]][0], spans[order[-1]][1]
    gap = (last - at - taken) / max(len(order) - 1, 1)
    shifts: dict[str, Point] = {}
    for node_id in order:
        start, end = spans[node_id]
        shifts[node_id] = _along(is_across, at - start)
        at += end - start + gap
    return _shifted(document, shifts)


def group_around(
    document: GraphDocument,
    nodes: Collection[str],
    groups: Collection[int],
    reroutes: Collection[int],
    sizes: Sizes,
) -> PutGroup:
    """Frame these with a new group."""
    boxes = [
        *_boxes(document, nodes, sizes).values(),
        *(_group_box(document.groups[key]) for key in groups),
        *(Box(*document.reroutes[number].pos, *document.reroutes[number].pos) for number in reroutes),
    ]
    return PutGroup(_framed(Group(max(document.groups, default=0) + 1), boxes))


def arrange_all(document: GraphDocument, sizes: Sizes) -> Operation:
    """Put all nodes in columns, each right of what it takes from, the groups around what they held.

    The top left of the graph stays where it was, and so do pinned nodes.
    """
    free = {node.id: node for node in document.nodes.values() if not node.pinned}
    inputs: dict[str, list[str]] = {node_id: [] for node_id in free}
    for link in document.live_links():
        if link.target in inputs and link.origin in free:
            inputs[link.target].append(link.origin)
    drawn = {node_id: sizes.get(node_id, node.size) for node_id, node in free.items()}
    places = arrange(drawn, inputs)
    x = min((node.pos[0] for node in free.values()), default=0)
    y = min((node.pos[1] for node in free.values()), default=0)
    moved = {node_id: (x + px, y + py) for node_id, (px, py) in places.items()}
    return Batch((MoveNodes(moved), _followed(document, moved), *_refitted(document, moved, sizes)))


def _boxes(document: GraphDocument, nodes: Iterable[str], sizes: Sizes) -> dict[str, Box]:
    return {node_id: node_box(document.node(node_id), sizes) for node_id in nodes}


def _group_box(group: Group) -> Box:
    x, y, width, height = group.bounding
    return Box(x, y, x + width, y + height)


def _along(is_across: bool, by: float) -> Point:
    return (by, 0) if is_across else (0, by)


def _shifted(document: GraphDocument, shifts: Mapping[str, Point]) -> Operation:
    free = ((document.node(node_id), by) for node_id, by in shifts.items())
    return MoveNodes({n.id: (n.pos[0] + dx, n.pos[1] + dy) for n, (dx, dy) in free if not n.pinned})


def _framed(group: Group, boxes: Collection[Box]) -> Group:
    """The group around the boxes, its title above them."""
    left, top = min(box.left for box in boxes) - _PADDING, min(box.top for box in boxes) - _PADDING
    right, bottom = max(box.right for box in boxes) + _PADDING, max(box.bottom for box in boxes) + _PADDING
    top -= GROUP_TITLE
    return replace(group, bounding=(left, top, right - left, bottom - top))


def _followed(document: GraphDocument, moved: Mapping[str, Point]) -> MoveReroutes:
    """The points of links go where the node went that their first link leads to."""
    positions: dict[int, Point] = {}
    for point in document.reroutes.values():
        link = document.links.get(point.links[0]) if point.links else None
        if link and link.target in moved:
            (x, y), (new_x, new_y) = document.node(link.target).pos, moved[link.target]
            positions[point.id] = (point.pos[0] + new_x - x, point.pos[1] + new_y - y)
    return MoveReroutes(positions)


def _refitted(document: GraphDocument, moved: Mapping[str, Point], sizes: Sizes) -> Iterator[Operation]:
    """The groups around what they held, those inside of others first."""
    boxes = {
        node.id: node_box(replace(node, pos=moved.get(node.id, node.pos)), sizes)
        for node in document.nodes.values()
    }
    frames: dict[int, Box] = {}
    for group in sorted(document.groups.values(), key=lambda g: g.bounding[2] * g.bounding[3]):
        inside = contents(document, group.key, sizes)
        held = [*(boxes[n] for n in inside.nodes), *(frames[g] for g in inside.groups if g in frames)]
        if held:
            fitted = _framed(group, held)
            frames[group.key] = _group_box(fitted)
            yield PutGroup(fitted)
