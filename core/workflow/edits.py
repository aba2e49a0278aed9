"""What users do to a graph, as operations: one for each thing they do, whatever it takes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from core.errors import WorkflowError
from core.nodes.registry import Registry
from core.workflow.document import Batch, Delta, GraphDocument, Operation, Patch
from core.workflow.new_nodes import new_socket
from core.workflow.operations import RemoveGroups, RemoveNodes, SetFlag, SetMode
from core.workflow.records import ALWAYS, PRIMITIVE, DocumentLink, InputSocket, Node, Point
from core.workflow.widgets import MODES, at, layout
from core.workflow.wiring import AddInput, AddReroute, Connect, Disconnect, MoveLink, RemoveReroute, chain


def link(
    document: GraphDocument,
    origin: str,
    slot: int,
    target: str,
    name: str,
    registry: Registry,
    *,
    moved: int | None = None,
) -> Operation:
    """Link an output to an input by name; a value that has no socket yet gets one.

    Args:
        moved: The link that is to lead there, with its points; None for a new one.

    Raises:
        WorkflowError: There is no such output or input.
    """
    document.output(origin, slot)
    node = document.node(target)
    where = input_slot(node, name)
    socket = _missing_socket(node, name, registry) if where is None else node.inputs[where]
    steps = _adopt(document, origin, node, socket, registry)
    if where is None:
        steps.append(AddInput(target, socket))
        where = len(node.inputs)
    if moved is not None:
        return Batch((*steps, MoveLink(moved, origin, slot, target, where)))
    return Batch((*steps, Connect(origin, slot, target, where)))


def input_slot(node: Node, name: str) -> int | None:
    """The slot of an input; None while the node has no socket for it."""
    slots = (slot for slot, socket in enumerate(node.inputs) if name in (socket.name, socket.widget))
    return next(slots, None)


def reroute(document: GraphDocument, number: int, pos: Point) -> Operation:
    """Draw a link through one more point, put into its course where it comes nearest.

    All links that share this stretch of the course are drawn through the point.

    Raises:
        WorkflowError: There is no such link.
    """
    link = document.links.get(number)
    points = chain(document, link) if link else []
    if link is None or not points:
        return AddReroute(number, pos)
    first, last = _sides(document, link)
    course = [first, *(point.pos for point in points), last]
    nearest = min(range(len(points) + 1), key=lambda i: _distance(pos, course[i], course[i + 1]))
    if nearest == len(points):
        return AddReroute(number, pos)
    return AddReroute(number, pos, points[nearest].id)


def delete(
    document: GraphDocument,
    nodes: Collection[str] = (),
    groups: Collection[int] = (),
    reroutes: Collection[int] = (),
    links: Collection[int] = (),
) -> Operation:
    """Take all of these away, and the links of the nodes; what is inside of the groups stays."""
    gone = set(nodes)
    left = [n for n in links if (k := document.links.get(n)) and not {k.origin, k.target} & gone]
    return Batch(
        (
            *(RemoveReroute(number) for number in reroutes),
            Disconnect(left),
            RemoveNodes(tuple(nodes)),
            RemoveGroups(tuple(groups)),
        )
    )


def clear(document: GraphDocument) -> Operation:
    """Take everything away."""
    return delete(document, document.nodes, document.groups, document.reroutes, document.links)


def toggle_mode(document: GraphDocument, nodes: Collection[str], mode: int) -> Operation:
    """Give nodes a mode; those that all have it run again."""
    is_on = all(document.node(node_id).mode == mode for node_id in nodes)
    return SetMode(tuple(nodes), ALWAYS if is_on else mode)


def toggle_flag(document: GraphDocument, nodes: Collection[str], flag: str) -> Operation:
    """Set a flag of nodes; take it away where all of them have it."""
    is_on = all(document.node(node_id).flags.get(flag) for node_id in nodes)
    return SetFlag(tuple(nodes), flag, None if is_on else True)


def _missing_socket(node: Node, name: str, registry: Registry) -> InputSocket:
    spec = registry.interface(node.type)
    entry = spec.input(name) if spec else None
    if entry is not None and not entry.widget_only:
        return replace(new_socket(entry), name=name)
    if entry is None and name in layout(node, spec).places:
        return InputSocket(name, "*", widget=name)
    raise WorkflowError(f"node {node.id} ({node.type}) has no input {name!r} that a link can feed")


def _adopt(
    document: GraphDocument, origin: str, target: Node, socket: InputSocket, registry: Registry
) -> list[Operation]:
    """A primitive that has no value yet takes that of the first input it feeds, and its type."""
    node = document.node(origin)
    place = layout(target, registry.interface(target.type)).places.get(socket.widget or "")
    if node.type != PRIMITIVE or node.widgets or place is None:
        return []
    value = at(target, place)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    outputs = tuple(
        replace(output, type=socket.type, extra={**output.extra, "widget": {"name": socket.widget}})
        for output in node.outputs
    )
    widgets = (value, MODES[0]) if is_number else (value,)
    return [Patch(nodes=Delta({origin: replace(node, outputs=outputs, widgets=widgets)}))]


def _sides(document: GraphDocument, link: DocumentLink) -> tuple[Point, Point]:
    """About where a link is drawn from and to."""
    origin, target = document.node(link.origin), document.node(link.target)
    start = origin.pos[0] + origin.size[0], origin.pos[1] + origin.size[1] / 2
    return start, (target.pos[0], target.pos[1] + target.size[1] / 2)


def _distance(point: Point, start: Point, end: Point) -> float:
    """How far a point is from the line between two others."""
    along = end[0] - start[0], end[1] - start[1]
    to_point = point[0] - start[0], point[1] - start[1]
    length = along[0] ** 2 + along[1] ** 2
    share = (along[0] * to_point[0] + along[1] * to_point[1]) / length if length else 0
    share = min(max(share, 0), 1)
    return math.hypot(to_point[0] - share * along[0], to_point[1] - share * along[1])
