"""Dragging links: drawing them, taking their ends elsewhere, cutting them, giving them points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainterPath

from app.canvas.gesture import Gesture, Pointer
from app.canvas.hits import hit
from app.canvas.linking import Fits, dim, ends
from app.canvas.node_item import NodeItem
from app.canvas.node_socket import NodeSocket
from app.canvas.pipe_item import PipeItem

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer

SNAP: Final = 28.0
"""How near a socket, in pixels, a link has to be let go to end there."""

_ON_SOCKET: Final = 8.0


class LinkDrag(Gesture):
    """Draws a link from a socket, or takes the ends of links elsewhere.

    Args:
        anchors: The sockets whose ends stay.
        moved: The links whose other ends are taken along; empty to make a new one.
    """

    cursor = Qt.CursorShape.CrossCursor
    pans_at_edge = True

    def __init__(
        self, viewer: CanvasViewer, start: Pointer, anchors: Sequence[NodeSocket], moved: Sequence[PipeItem]
    ) -> None:
        super().__init__(viewer, start)
        self._anchors = anchors
        self._moved = moved
        self._fits = Fits(self.graph.document, anchors, {pipe.link_id for pipe in moved})
        self._colour = QColor(self.graph.theme.socket(anchors[0].wire_type))
        dim(self.graph.nodes.values(), self._fits)
        for pipe in moved:
            pipe.setVisible(False)

    def move(self, at: Pointer) -> None:
        """The loose end follows the mouse, or snaps to the socket where it would be linked."""
        target, _ = self._target(at.scene)
        end = target.centre() if target is not None else at.scene
        starts = [port.centre() for port in self._anchors]
        self.viewer.live_link.draw(starts, end, self._colour, forward=self._fits.wants_inputs)

    def end(self, at: Pointer) -> None:
        """Links, unlinks, offers nodes that fit, or says why it does not fit."""
        target, refusal = self._target(at.scene)
        self.cancel()
        before = [ends(pipe) for pipe in self._moved]
        if target is not None:
            after = [(a, target) if self._fits.wants_inputs else (target, a) for a in self._anchors]
            if after != before:
                self.viewer.connection_changed.emit(before, after)
        elif refusal:
            self.graph.message.emit(refusal)
        elif before:
            self.viewer.connection_changed.emit(before, [])
        else:
            self.graph.search.open(at.scene, self._anchors[0])

    def cancel(self) -> None:
        """Draws no link; those that were taken along are back."""
        self.viewer.live_link.reset_path()
        dim(self.graph.nodes.values(), None)
        for pipe in self._moved:
            pipe.setVisible(True)

    def _target(self, pos: QPointF) -> tuple[NodeSocket | None, str]:
        """The socket where a link let go here would end, or why there is none; neither on empty canvas."""
        reach = SNAP / self.viewer.zoom()
        under = hit(self.viewer, pos)
        aimed = under.port
        if aimed is not None and not _is_stacked(aimed) and _distance(aimed, pos) <= _ON_SOCKET:
            return self._exactly(aimed)
        node = under.node or (aimed.node if aimed is not None else None)
        if under.row >= 0 and node is not None and self._fits.wants_inputs:
            port = node.row_port(under.row)
            if port is not None and self._fits(port):
                return port, ""
        near = self._nearest(pos, reach, node)
        if near is not None and _is_stacked(near):
            near = self._fits.first(near.node) or near
        if near is not None or node is None:
            return near, ""
        port = self._fits.first(node)
        return (port, "") if port is not None else (None, self._fits.none_in(node))

    def _exactly(self, port: NodeSocket) -> tuple[NodeSocket | None, str]:
        if port in self._anchors:
            return None, "A link leads from one node to another."
        return (port, "") if self._fits(port) else (None, self._fits.why_not(port))

    def _nearest(self, pos: QPointF, reach: float, node: NodeItem | None) -> NodeSocket | None:
        around = QRectF(pos.x() - reach, pos.y() - reach, 2 * reach, 2 * reach)
        items = self.viewer.scene().items(around) if node is None else [node]
        nodes = [item for item in items if isinstance(item, NodeItem)]
        ports = [port for item in nodes for port in item.ports() if self._fits(port)]
        best = min(ports, key=lambda port: _distance(port, pos), default=None)
        return best if best is not None and _distance(best, pos) <= reach else None


class Slice(Gesture):
    """Draws a line across links: cuts them, or gives each a point where the line crosses it."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer, *, cuts: bool) -> None:
        super().__init__(viewer, start)
        self._cuts = cuts

    def move(self, at: Pointer) -> None:
        """Shows the line."""
        line = self.viewer.slicer
        line.colour = QColor(self.graph.theme.danger if self._cuts else self.graph.theme.accent)
        line.draw_path(self.start.scene, at.scene)
        line.setVisible(True)

    def end(self, at: Pointer) -> None:
        """Cuts the links, or puts the points in."""
        self.cancel()
        pipes = self._pipes(at.scene)
        if not pipes:
            return
        if self._cuts:
            self.viewer.connection_sliced.emit([[pipe.input_port, pipe.output_port] for pipe in pipes])
        else:
            self.graph.add_reroutes_by_user({p.link_id: self._crossing(p, at.scene) for p in pipes})

    def cancel(self) -> None:
        """Shows no line."""
        self.viewer.slicer.setVisible(False)

    def _pipes(self, end: QPointF) -> list[PipeItem]:
        path = QPainterPath(self.start.scene)
        path.lineTo(end)
        return [item for item in self.viewer.scene().items(path) if isinstance(item, PipeItem)]

    def _crossing(self, pipe: PipeItem, end: QPointF) -> QPointF:
        """Where the line crosses a link."""
        line = QLineF(self.start.scene, end)
        for start, stop in pairwise(pipe.points()):
            kind, pos = line.intersects(QLineF(start, stop))
            if kind is QLineF.IntersectionType.BoundedIntersection:
                return pos
        return pipe.middle()  # the line ends on its edge


def _is_stacked(port: NodeSocket) -> bool:
    """Whether it shares its place with other sockets of a collapsed node, so that none can be aimed at."""
    return port.node.record.collapsed


def _distance(port: NodeSocket, pos: QPointF) -> float:
    away = port.centre() - pos
    return hypot(away.x(), away.y())
