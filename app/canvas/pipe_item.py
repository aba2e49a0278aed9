"""Links: curves from output to input, through the points the user gave them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from app.canvas.node_socket import NodeSocket
from app.canvas.nodegraphqt import PipeItem as LibraryPipe
from app.canvas.paints import FULL

if TYPE_CHECKING:
    from app.canvas.mirror import Mirror

_Flag = QGraphicsItem.GraphicsItemFlag
_FLAGS: Final = _Flag.ItemIsSelectable | _Flag.ItemUsesExtendedStyleOption
_WIDTH: Final = 2.5
_WIDE: Final = 4.0
_GRIP: Final = 12.0
_SMOOTH: Final = 0.8
_LONG: Final = 1200.0  # beyond it, all of it costs more than its visible pieces
_LAYER: Final = -1.0


def _weights(count: int) -> list[tuple[float, float, float, float]]:
    """For points along a cubic curve from 0, its ends left out: weights of its control points and its end."""
    result: list[tuple[float, float, float, float]] = []
    for step in range(count + 1):
        t = step / count
        u = 1 - t
        result.append((3 * u * u * t, 3 * u * t * t, t * t * t, 3 * u * t * t + t * t * t))
    return result[1:-1]


_FINENESS: Final = ((160.0, _weights(14)), (600.0, _weights(22)), (float("inf"), _weights(32)))


class PipeItem(LibraryPipe):
    """A link.

    Attributes:
        link_id: Of the link in the document.
        far: Its lines from afar, owned by the overview's lists and changed as it moves.
    """

    # The class this stands on asks for a call into Python at every change of every item.
    itemChange = QGraphicsItem.itemChange

    # The same for every new link; kept here, since there are thousands of them.
    tint = QColor()
    _input_port: NodeSocket | None = None
    _output_port: NodeSocket | None = None
    _color = (0, 0, 0, 255)
    _style = 0
    _active = _highlight = False
    _via: tuple[tuple[float, float], ...] = ()
    _anchors: tuple[tuple[float, float], ...] = ()
    _start = (0.0, 0.0)
    _points: Sequence[tuple[float, float]] = ()
    _lines: Sequence[QLineF] = ()
    _drawn = (-1, 0)
    _path: QPainterPath | None = None
    _shape: QPainterPath | None = None
    _bounds = QRectF()

    def __init__(self, link_id: int, mirror: Mirror) -> None:
        # Not the constructor this stands on: it makes an arrow and a cache that cost more than the link.
        QGraphicsPathItem.__init__(self)
        self.setFlags(_FLAGS)
        self.setZValue(_LAYER)
        self.setAcceptHoverEvents(True)
        self.link_id = link_id
        self.far: list[QLineF] = []
        self._mirror = mirror
        self._bows: list[float] = []

    # --- its ends

    def connect_ports(
        self, origin: NodeSocket, target: NodeSocket, via: Sequence[tuple[float, float]]
    ) -> None:
        """Leads from one socket to another, through points of the scene."""
        if self._output_port is not origin or self._input_port is not target:
            self._let_go()
            self._output_port, self._input_port = origin, target
            for port in (origin, target):
                port.connected_pipes.append(self)
            self.stand_out()
            self._mirror.overview.changed()
        if len(via) != len(self._via):
            self._mirror.overview.changed()
        self._via = tuple(via)
        self.paint_as(origin.brush)
        self.route()

    def paint_as(self, colour: QColor) -> None:
        """Takes a colour."""
        if colour != self.tint:
            self.tint = colour
            self._color = colour.getRgb()
            self.update()

    def stand_out(self) -> None:
        """Is wider while a node at one of its ends is selected."""
        origin, target = self._output_port, self._input_port
        if origin is not None and target is not None:
            is_wide = origin.node.is_chosen or target.node.is_chosen
            if is_wide != self._highlight:
                self._highlight = is_wide
                self.update()

    def delete(self) -> None:
        """Leaves its sockets and the scene; once more does nothing."""
        self._let_go()
        scene = self.scene()
        if scene:
            scene.removeItem(self)

    def _let_go(self) -> None:
        for port in (self._input_port, self._output_port):
            if port is not None and self in port.connected_pipes:
                port.connected_pipes.remove(self)
        self._input_port = self._output_port = None

    # --- its course

    def route(self) -> None:
        """Follows its ends."""
        origin, target = self._output_port, self._input_port
        if origin is None or target is None:
            return
        start = x, y = origin.at()
        anchors = tuple((px - x, py - y) for px, py in (*self._via, target.at()))
        if start != self._start:
            self._start = start
            self.setPos(x, y)
        self._move_far(x, y, anchors)
        if anchors == self._anchors:
            return
        self._anchors = anchors
        self.prepareGeometryChange()
        self._bows = _bows(anchors)
        self._points = ()
        self._drawn = (-1, 0)
        self._path = self._shape = None
        self._bounds = _around(anchors, self._bows)

    def middle(self) -> QPointF:
        """A point of it half way, in the scene."""
        course = self._course()
        x, y = course[len(course) // 2]
        return QPointF(self.x() + x, self.y() + y)

    def points(self) -> list[QPointF]:
        """Points along it, in the scene."""
        return [QPointF(self.x() + x, self.y() + y) for x, y in self._course()]

    def segment_at(self, pos: QPointF) -> int:
        """Before which of its reroute points a point of the scene lies: 0 up to their number."""
        x, y = pos.x() - self.x(), pos.y() - self.y()
        course = self._course()
        nearest = min(range(len(course)), key=lambda i: (course[i][0] - x) ** 2 + (course[i][1] - y) ** 2)
        return sum(1 for anchor in self._anchors[:-1] if nearest > course.index(anchor))

    def draw_path(
        self, start_port: object = None, end_port: object = None, cursor_pos: object = None
    ) -> None:
        """What NodeGraphQt calls when an end has moved."""
        self.route()

    def _course(self) -> Sequence[tuple[float, float]]:
        """Points along it; worked out when they are first needed: from afar none are."""
        if not self._points:
            self._points = _curve(self._anchors, self._bows)
        return self._points

    def _move_far(self, x: float, y: float, anchors: Sequence[tuple[float, float]]) -> None:
        if len(self.far) != len(anchors):
            self.far = [QLineF() for _ in anchors]
        before = (0.0, 0.0)
        for line, anchor in zip(self.far, anchors, strict=True):
            line.setLine(x + before[0], y + before[1], x + anchor[0], y + anchor[1])
            before = anchor

    # --- how it looks

    def set_pipe_styling(self, color: object = None, width: float = 2, style: int = 0) -> None:
        """What NodeGraphQt calls to light it up; it is painted by its own state instead."""
        self.update()

    def _draw_direction_pointer(self) -> None:
        """There is none."""

    def boundingRect(self) -> QRectF:
        """All it paints on."""
        return self._bounds

    def path(self) -> QPainterPath:
        """Its course, in its own coordinates."""
        if self._path is None:
            self._path = _smooth(self._anchors, self._bows)
        return self._path

    def shape(self) -> QPainterPath:
        """Where it takes the mouse."""
        if self._shape is None:
            stroker = QPainterPathStroker()
            stroker.setWidth(_GRIP)
            self._shape = stroker.createStroke(self.path())
        return self._shape

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draws it: smoothly where it can be seen close, in straight pieces that are cheaper where not."""
        is_bright = self._active or self.isSelected()
        is_wide = is_bright or self._highlight
        painter.setPen(self._pen(is_bright, _WIDE if is_wide else _WIDTH))
        scale = painter.worldTransform().m11()
        is_long = self._bounds.width() + self._bounds.height() >= _LONG
        if scale >= _SMOOTH and not is_long:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(self.path())
            return
        exposed: Any = option.exposedRect
        first, last = self._exposed(exposed) if is_long and scale >= FULL else (0, len(self._course()) - 1)
        if first < 0:
            return
        if (first, last) != self._drawn:
            self._drawn = first, last
            self._lines = [QLineF(*a, *b) for a, b in pairwise(self._points[first : last + 1])]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, scale >= FULL)
        painter.drawLines(self._lines)

    def _pen(self, is_bright: bool, width: float) -> QPen:
        colour = self._mirror.paints.colour("node_selected") if self.isSelected() else self.tint
        if is_bright and not self.isSelected():
            colour = colour.lighter(130) if self._mirror.paints.theme.is_dark else colour.darker(130)
        # Round caps would cost three times as much, and these are hidden by the next line.
        return QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap)

    def _exposed(self, area: QRectF) -> tuple[int, int]:
        """The first and one after the last of its lines that reach into an area; (-1, 0) if none does."""
        if area.contains(self._bounds):
            return 0, len(self._course()) - 1
        left, top, right, bottom = area.left() - 4, area.top() - 4, area.right() + 4, area.bottom() + 4
        first, last = -1, 0
        x0 = y0 = 0.0
        for index, (x1, y1) in enumerate(self._course()):
            if not (
                (x0 < left and x1 < left)
                or (x0 > right and x1 > right)
                or (y0 < top and y1 < top)
                or (y0 > bottom and y1 > bottom)
            ):
                if first < 0:
                    first = max(index - 1, 0)
                last = index
            x0, y0 = x1, y1
        return first, last


def _bows(anchors: Sequence[tuple[float, float]]) -> list[float]:
    """How far each part of a course swings out to the side before it turns to its end."""
    result: list[float] = []
    x0 = y0 = 0.0
    for x1, y1 in anchors:
        dx = x1 - x0
        span = abs(dx) + abs(y1 - y0)
        bow = min(max(dx * 0.5, 30.0), 220.0) if dx >= 0 else min(40.0 + span * 0.25, 200.0)
        result.append(min(bow, span))  # a short link does not loop
        x0, y0 = x1, y1
    return result


def _around(anchors: Sequence[tuple[float, float]], bows: Sequence[float]) -> QRectF:
    """An area that holds the whole course."""
    left = right = top = bottom = x0 = 0.0
    for (x1, y1), bow in zip(anchors, bows, strict=True):
        left, right = min(left, x1, x1 - bow), max(right, x1, x0 + bow)
        top, bottom = min(top, y1), max(bottom, y1)
        x0 = x1
    return QRectF(left - 4, top - 4, right - left + 8, bottom - top + 8)


def _smooth(anchors: Sequence[tuple[float, float]], bows: Sequence[float]) -> QPainterPath:
    """The same course as a path."""
    path = QPainterPath()
    x0 = y0 = 0.0
    for (x1, y1), bow in zip(anchors, bows, strict=True):
        path.cubicTo(x0 + bow, y0, x1 - bow, y1, x1, y1)
        x0, y0 = x1, y1
    return path


def _curve(anchors: Sequence[tuple[float, float]], bows: Sequence[float]) -> list[tuple[float, float]]:
    """Points of a smooth course from (0, 0) through all anchors, which leaves and arrives from the left."""
    points = [(0.0, 0.0)]
    x0 = y0 = 0.0
    for (x1, y1), bow in zip(anchors, bows, strict=True):
        dx, dy = x1 - x0, y1 - y0
        back = dx - bow
        weights = next(weights for limit, weights in _FINENESS if abs(dx) + abs(dy) <= limit)
        points += [(x0 + bow * a + back * b + dx * c, y0 + dy * d) for a, b, c, d in weights]
        points.append((x1, y1))
        x0, y0 = x1, y1
    return points
