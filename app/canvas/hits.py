"""What is under a point of the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF

from app.canvas.group_item import GroupItem
from app.canvas.node_item import NodeItem, Part
from app.canvas.node_socket import NodeSocket
from app.canvas.pipe_item import PipeItem
from app.canvas.reroute_item import RerouteItem

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer

_REACH: Final = 9.0  # how near the pointer must be to a socket, in pixels or units, whichever is more


@dataclass(frozen=True, slots=True)
class Hit:
    """What is under the pointer. At most one of `port`, `node`, `pipe`, `reroute` and `group` is set.

    Attributes:
        pos: Where, in the scene.
        part: Which part of the node or group.
        row: The node's value row there; -1 if none.
    """

    pos: QPointF
    port: NodeSocket | None = None
    node: NodeItem | None = None
    pipe: PipeItem | None = None
    reroute: RerouteItem | None = None
    group: GroupItem | None = None
    part: Part = Part.BODY
    row: int = -1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but canvas, or a group's ground."""
        nothing = self.port is self.node is self.pipe is self.reroute is None
        return nothing and (self.group is None or self.part is Part.BODY)


def hit(viewer: CanvasViewer, pos: QPointF) -> Hit:
    """What is under a point of the scene: sockets before their nodes, links only where no node is."""
    reach = _REACH / min(viewer.zoom(), 1.0)
    around = QRectF(pos.x() - reach, pos.y() - reach, 2 * reach, 2 * reach)
    node: NodeItem | None = None
    port: NodeSocket | None = None
    pipe: PipeItem | None = None
    reroute: RerouteItem | None = None
    group: GroupItem | None = None
    for item in viewer.scene().items(around):
        match item:
            case NodeItem() if node is None:
                for near in () if viewer.far() else item.ports():
                    port = _nearer(port, near, pos, reach)
                if covers(item, pos):
                    node = item
            case PipeItem() if not viewer.far():
                pipe = pipe or item
            case RerouteItem():
                reroute = reroute or item
            case GroupItem() if group is None and item.sceneBoundingRect().contains(pos):
                group = item
            case _:
                pass
    if port is not None and (node is None or _distance(port, pos) <= _REACH):
        return Hit(pos, port=port)
    if node is not None:
        inside = node.mapFromScene(pos)
        return Hit(pos, node=node, part=node.part_at(inside), row=node.row_at(inside))
    if reroute is not None:
        return Hit(pos, reroute=reroute)
    if group is not None and group.part_at(group.mapFromScene(pos)) is not Part.BODY:
        return Hit(pos, group=group, part=group.part_at(group.mapFromScene(pos)))
    if pipe is not None:
        return Hit(pos, pipe=pipe)
    return Hit(pos, group=group)


def covers(node: NodeItem, pos: QPointF) -> bool:
    """Whether a point of the scene is on a node's title or body."""
    inside = node.mapFromScene(pos)
    return node.title_rect().contains(inside) or node.body().contains(inside)


def _nearer(best: NodeSocket | None, port: NodeSocket, pos: QPointF, reach: float) -> NodeSocket | None:
    """The nearer one of two sockets, as far as they are within reach."""
    distance = _distance(port, pos)
    if distance > reach or (best is not None and _distance(best, pos) <= distance):
        return best
    return port


def _distance(port: NodeSocket, pos: QPointF) -> float:
    away = port.centre() - pos
    return max(abs(away.x()), abs(away.y()))
