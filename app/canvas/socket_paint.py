"""How the sockets of a node look: round for data, square for values, a diamond for lists and anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPolygonF

from app.canvas.node_socket import NodeSocket, Shape
from app.canvas.paints import Paints

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem

_RADIUS: Final = 5.0
_ROW_RADIUS: Final = 4.0
_HOVERED: Final = 2.5
_DIMMED: Final = 0.2


def paint_sockets(painter: QPainter, item: NodeItem, *, is_full: bool) -> None:
    """Paints all sockets of a node."""
    if item.record.collapsed and not item.face.reroute:
        for ports in (item.ports_in, item.ports_out):
            if ports:
                _paint_stacked(painter, item.paints, ports)
        return
    opacity = painter.opacity()
    for port in (*item.ports_in, *item.ports_out):
        if port.dimmed:
            painter.setOpacity(opacity * _DIMMED)
        if is_full:
            _paint_socket(painter, item.paints, port)
        elif not port.is_row or port.is_linked:
            painter.fillRect(QRectF(port.centre_x - 5, port.centre_y - 5, 10, 10), port.brush)
        if port.dimmed:
            painter.setOpacity(opacity)


def _paint_stacked(painter: QPainter, paints: Paints, ports: list[NodeSocket]) -> None:
    """The sockets of one side of a collapsed node are one dot."""
    is_linked = any(port.is_linked for port in ports)
    painter.setPen(paints.pen("node_border", 1))
    painter.setBrush(paints.colour("socket_other") if is_linked else paints.colour("row"))
    painter.drawEllipse(QPointF(ports[0].centre_x, ports[0].centre_y), _RADIUS, _RADIUS)


def _paint_socket(painter: QPainter, paints: Paints, port: NodeSocket) -> None:
    radius = _ROW_RADIUS if port.is_row else _RADIUS
    if port.hovered:
        radius += _HOVERED
    if port.port_type == "in" and not port.is_linked and not port.hovered:
        # An input that nothing feeds is hollow, and faint where it need not be fed.
        pen = paints.hollow(port.brush, required=port.required)
        painter.setPen(pen)
        painter.setBrush(paints.colour("row"))
        radius -= pen.widthF() / 4 if port.required else 1.0
    else:
        painter.setPen(paints.pen("node_border", 1))
        painter.setBrush(port.brush)
    _draw(painter, port.shape_kind, port.centre_x, port.centre_y, radius)


def _draw(painter: QPainter, shape: Shape, x: float, y: float, radius: float) -> None:
    match shape:
        case Shape.CIRCLE:
            painter.drawEllipse(QPointF(x, y), radius, radius)
        case Shape.SQUARE:
            side = radius * 0.88
            painter.drawRect(QRectF(x - side, y - side, 2 * side, 2 * side))
        case Shape.DIAMOND:
            tip = radius * 1.25
            points = [QPointF(x, y - tip), QPointF(x + tip, y), QPointF(x, y + tip), QPointF(x - tip, y)]
            painter.drawPolygon(QPolygonF(points))
