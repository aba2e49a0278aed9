"""What dragging the mouse does, one class for each gesture.

A gesture shows what it would do while the mouse moves and edits the document once, when it ends. Cancelled,
it leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QLineF, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.canvas.face import NUMBERS
from app.canvas.graph_edits import Moves
from app.canvas.group_item import GroupItem
from app.canvas.hits import Hit, hit
from app.canvas.linking import Fits, dim, ends
from app.canvas.node_item import NodeItem, Part
from app.canvas.pipe_item import PipeItem
from app.canvas.port_item import PortItem
from app.canvas.reroute_item import RerouteItem
from app.theme import GRID
from core.workflow.records import Point

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer

SNAP: Final = 28.0
"""How near a socket, in pixels, a link has to be let go to end there."""

_ON_SOCKET: Final = 8.0
_ZOOM_PER_PIXEL: Final = 1.006

Modifier = Qt.KeyboardModifier


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the mouse is, and the modifier keys that are held."""

    view: QPoint
    scene: QPointF
    modifiers: Qt.KeyboardModifier

    @property
    def shift(self) -> bool:
        """Whether Shift is held."""
        return bool(self.modifiers & Modifier.ShiftModifier)

    @property
    def ctrl(self) -> bool:
        """Whether Ctrl is held (Cmd on macOS)."""
        return bool(self.modifiers & Modifier.ControlModifier)

    @property
    def alt(self) -> bool:
        """Whether Alt is held."""
        return bool(self.modifiers & Modifier.AltModifier)


@dataclass(frozen=True, slots=True)
class Press:
    """A mouse button that was pressed.

    Attributes:
        under: What was under the mouse.
        space: The space bar was held.
    """

    at: Pointer
    button: Qt.MouseButton
    under: Hit
    space: bool = False


class Gesture:
    """One drag of the mouse.

    Attributes:
        cursor: The mouse pointer meanwhile.
        pans_at_edge: Holding the mouse near the edge of the view pans it.
    """

    cursor: Qt.CursorShape = Qt.CursorShape.ArrowCursor
    pans_at_edge = False

    def __init__(self, viewer: CanvasViewer, start: Pointer) -> None:
        self.viewer = viewer
        self.graph = viewer.graph
        self.start = start

    def move(self, at: Pointer) -> None:
        """The mouse was moved, or a modifier key was pressed or let go."""

    def end(self, at: Pointer) -> None:
        """The button was let go."""

    def cancel(self) -> None:
        """Esc was pressed."""


class Pan(Gesture):
    """Moves the view."""

    cursor = Qt.CursorShape.ClosedHandCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer) -> None:
        super().__init__(viewer, start)
        self._last = start.view

    def move(self, at: Pointer) -> None:
        """The scene follows the mouse."""
        self.viewer.pan_by(QPointF(at.view - self._last))
        self._last = at.view


class Zoom(Gesture):
    """Zooms: up is nearer, down is further."""

    cursor = Qt.CursorShape.SizeVerCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer) -> None:
        super().__init__(viewer, start)
        self._zoom = viewer.zoom()

    def move(self, at: Pointer) -> None:
        """Where the drag began stays under the mouse."""
        rise = self.start.view.y() - at.view.y()
        self.viewer.set_zoom(self._zoom * _ZOOM_PER_PIXEL**rise, self.start.view)

    def cancel(self) -> None:
        """As near as before."""
        self.viewer.set_zoom(self._zoom, self.start.view)


class Marquee(Gesture):
    """Selects what a rectangle touches; groups only if they are inside."""

    cursor = Qt.CursorShape.CrossCursor
    pans_at_edge = True

    def __init__(self, viewer: CanvasViewer, start: Pointer, *, adds: bool) -> None:
        super().__init__(viewer, start)
        graph = self.graph
        self._before = (graph.selected_nodes(), graph.selected_groups(), graph.selected_reroutes())
        self._adds = adds

    def move(self, at: Pointer) -> None:
        """Shows the rectangle and what it selects."""
        corner = self.viewer.mapFromScene(self.start.scene)
        self.viewer.show_rubber_band(QRect(corner, at.view).normalized())
        area = QRectF(self.start.scene, at.scene).normalized()
        found = self.viewer.scene().items(area, Qt.ItemSelectionMode.IntersectsItemBoundingRect)
        nodes: list[str] = []
        groups: list[int] = []
        reroutes: list[int] = []
        if self._adds:
            nodes, groups, reroutes = list(self._before[0]), list(self._before[1]), list(self._before[2])
        for item in found:
            match item:
                case NodeItem() if area.intersects(item.mapRectToScene(item.outline())):
                    nodes.append(item.id)
                case GroupItem() if area.contains(item.sceneBoundingRect()):
                    groups.append(item.key)
                case RerouteItem():
                    reroutes.append(item.reroute_id)
                case _:
                    pass
        self.graph.select(nodes, groups, reroutes)

    def end(self, at: Pointer) -> None:
        """Keeps the selection."""
        self.viewer.hide_rubber_band()

    def cancel(self) -> None:
        """Selects what was selected before."""
        self.viewer.hide_rubber_band()
        self.graph.select(*self._before)


class MoveItems(Gesture):
    """Moves nodes, groups with what is inside, and points of links."""

    cursor = Qt.CursorShape.SizeAllCursor
    pans_at_edge = True

    def __init__(
        self, viewer: CanvasViewer, start: Pointer, pressed: NodeItem | GroupItem | RerouteItem
    ) -> None:
        super().__init__(viewer, start)
        self._from = self.graph.movable(
            self.graph.selected_nodes(), self.graph.selected_groups(), self.graph.selected_reroutes()
        )
        self._anchor = _place(pressed)
        self._single = _only_node(self._from)
        self._pipe: PipeItem | None = None

    def move(self, at: Pointer) -> None:
        """Shows everything where it would go, and the link that a node would be put into."""
        self._show(self._from.by(*self._delta(at)))
        self._aim(None if at.alt or self._single is None else self._single)

    def end(self, at: Pointer) -> None:
        """Moves the records; a node that was dropped on a link is put into it."""
        moves = self._from.by(*self._delta(at))
        pipe = self._pipe
        self._aim(None)
        if pipe is not None and self._single is not None:
            self.viewer.insert_node.emit(pipe, self._single, moves)
        elif moves != self._from:
            self.viewer.moved_nodes.emit(moves)
        self._show(self.graph.places(moves))

    def cancel(self) -> None:
        """Puts everything back."""
        self._aim(None)
        self._show(self._from)

    def _delta(self, at: Pointer) -> Point:
        away = at.scene - self.start.scene
        dx, dy = away.x(), away.y()
        if at.shift or self.graph.settings.snap_to_grid:
            x, y = self._anchor
            dx, dy = round((x + dx) / GRID) * GRID - x, round((y + dy) / GRID) * GRID - y
        return dx, dy

    def _show(self, places: Moves) -> None:
        graph = self.graph
        for node, (x, y) in places.nodes.items():
            graph.nodes[node].setPos(x, y)
        for group, (x, y) in places.groups.items():
            graph.groups[group].setPos(x, y)
        for reroute, (x, y) in places.reroutes.items():
            graph.reroutes[reroute].setPos(x, y)

    def _aim(self, node_id: str | None) -> None:
        pipe = self.graph.pipe_to_enter(node_id) if node_id is not None else None
        if pipe is not self._pipe:
            for one, lit in ((self._pipe, False), (pipe, True)):
                if one is not None:
                    one.activate() if lit else one.reset()
            self._pipe = pipe


class Duplicate(Gesture):
    """Puts copies of nodes and groups where the mouse goes."""

    cursor = Qt.CursorShape.DragCopyCursor
    pans_at_edge = True

    def __init__(self, viewer: CanvasViewer, start: Pointer) -> None:
        super().__init__(viewer, start)
        graph = self.graph
        self._nodes, self._groups = graph.selected_nodes(), graph.selected_groups()
        items = [graph.nodes[n] for n in self._nodes] + [graph.groups[g] for g in self._groups]
        shapes = [i.outline() if isinstance(i, NodeItem) else i.boundingRect() for i in items]
        areas = [item.mapRectToScene(shape) for item, shape in zip(items, shapes, strict=True)]
        self._ghost = Ghost(areas, QColor(graph.theme.node_selected))
        viewer.scene().addItem(self._ghost)

    def move(self, at: Pointer) -> None:
        """Shows where the copies would go."""
        self._ghost.setPos(at.scene - self.start.scene)

    def end(self, at: Pointer) -> None:
        """Makes the copies and selects them."""
        self.cancel()
        away = at.scene - self.start.scene
        self.graph.duplicate_by_user(self._nodes, self._groups, (away.x(), away.y()))

    def cancel(self) -> None:
        """Makes none."""
        self.viewer.scene().removeItem(self._ghost)


class ResizeNode(Gesture):
    """Makes a node larger or smaller."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer, node: NodeItem) -> None:
        super().__init__(viewer, start)
        self._node, self._record = node, node.record
        self._size = (node.body().width(), node.body().height())

    def move(self, at: Pointer) -> None:
        """Shows it in the new size."""
        self._node.present(replace(self._record, size=self._new(at)), self._node.face)

    def end(self, at: Pointer) -> None:
        """Gives the record the new size."""
        self.cancel()
        self.graph.resize_node_by_user(self._node.id, self._new(at))

    def cancel(self) -> None:
        """Shows it in the old size."""
        self._node.present(self._record, self._node.face)

    def _new(self, at: Pointer) -> Point:
        away = at.scene - self.start.scene
        return _snapped((self._size[0] + away.x(), self._size[1] + away.y()), self.viewer, at)


class ResizeGroup(Gesture):
    """Makes a group larger or smaller."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer, group: GroupItem) -> None:
        super().__init__(viewer, start)
        self._group = group
        self._size = (group.record.bounding[2], group.record.bounding[3])

    def move(self, at: Pointer) -> None:
        """Shows it in the new size."""
        self._group.resize(*self._new(at))

    def end(self, at: Pointer) -> None:
        """Gives the record the new size."""
        self.cancel()
        self.graph.resize_group_by_user(self._group.key, self._new(at))

    def cancel(self) -> None:
        """Shows it in the old size."""
        self._group.resize(*self._size)

    def _new(self, at: Pointer) -> Point:
        away = at.scene - self.start.scene
        width, height = _snapped((self._size[0] + away.x(), self._size[1] + away.y()), self.viewer, at)
        return max(width, 140.0), max(height, 80.0)  # the smallest that ComfyUI makes


class LinkDrag(Gesture):
    """Draws a link from a socket, or takes the ends of links elsewhere.

    Args:
        anchors: The sockets whose ends stay.
        moved: The links whose other ends are taken along; empty to make a new one.
    """

    cursor = Qt.CursorShape.CrossCursor
    pans_at_edge = True

    def __init__(
        self, viewer: CanvasViewer, start: Pointer, anchors: Sequence[PortItem], moved: Sequence[PipeItem]
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

    def _target(self, pos: QPointF) -> tuple[PortItem | None, str]:
        """The socket where a link let go here would end, or why there is none; neither on empty canvas."""
        reach = SNAP / self.viewer.zoom()
        under = hit(self.viewer, pos)
        if under.port is not None and _distance(under.port, pos) <= _ON_SOCKET:
            return self._exactly(under.port)
        node = under.node or (under.port.node if under.port is not None else None)
        if under.row >= 0 and node is not None and self._fits.wants_inputs:
            port = node.row_port(under.row)
            if port is not None and self._fits(port):
                return port, ""
        near = self._nearest(pos, reach, node)
        if near is not None or node is None:
            return near, ""
        port = self._fits.first(node)
        return (port, "") if port is not None else (None, self._fits.none_in(node))

    def _exactly(self, port: PortItem) -> tuple[PortItem | None, str]:
        if port in self._anchors:
            return None, "A link leads from one node to another."
        return (port, "") if self._fits(port) else (None, self._fits.why_not(port))

    def _nearest(self, pos: QPointF, reach: float, node: NodeItem | None) -> PortItem | None:
        around = QRectF(pos.x() - reach, pos.y() - reach, 2 * reach, 2 * reach)
        ports = [
            item
            for item in self.viewer.scene().items(around)
            if isinstance(item, PortItem) and (node is None or item.node is node) and self._fits(item)
        ]
        best = min(ports, key=lambda port: _distance(port, pos), default=None)
        return best if best is not None and _distance(best, pos) <= reach else None


class Scrub(Gesture):
    """Changes a number: right is more, left is less; Shift for small steps, Ctrl for large ones."""

    cursor = Qt.CursorShape.SizeHorCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer, node: NodeItem, row: int) -> None:
        super().__init__(viewer, start)
        self.graph.editors.scrub_start(node.id, row)

    def move(self, at: Pointer) -> None:
        """Shows the number it would be."""
        dx = float(at.view.x() - self.start.view.x())
        self.graph.editors.scrub_move(dx, fine=at.shift, coarse=at.ctrl)

    def end(self, at: Pointer) -> None:
        """Keeps the number."""
        self.graph.editors.scrub_end(True)

    def cancel(self) -> None:
        """The number it was before."""
        self.graph.editors.scrub_end(False)


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


class Ghost(QGraphicsItem):
    """Outlines of what would be put somewhere."""

    def __init__(self, areas: Sequence[QRectF], colour: QColor) -> None:
        super().__init__()
        self._areas = areas
        self._colour = colour
        self.setZValue(10)
        self._bounds = QRectF()
        for area in areas:
            self._bounds |= area

    def boundingRect(self) -> QRectF:
        """All of the outlines."""
        return self._bounds.adjusted(-2, -2, 2, 2)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draws the outlines."""
        fill = QColor(self._colour)
        fill.setAlphaF(0.08)
        painter.setPen(QPen(self._colour, 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(fill)
        for area in self._areas:
            painter.drawRoundedRect(area, 6, 6)


def gesture_of(viewer: CanvasViewer, press: Press) -> Gesture | None:
    """The gesture that a drag begins; None if dragging does nothing there."""
    start, under = press.at, press.under
    left = press.button == Qt.MouseButton.LeftButton
    if press.button == Qt.MouseButton.MiddleButton or (press.space and left):
        return Pan(viewer, start)
    if press.button == Qt.MouseButton.RightButton and (start.ctrl or start.shift) and not viewer.far():
        return Slice(viewer, start, cuts=start.ctrl)
    if not left:
        return None
    if start.ctrl and start.shift:
        return Zoom(viewer, start)
    if under.port is not None:
        return _link_gesture(viewer, start, under.port)
    item = under.node or under.reroute or (None if under.is_empty else under.group)
    if item is None:
        return _empty_gesture(viewer, start)
    if not item.isSelected():  # a modifier key kept the press from selecting it
        item.setSelected(True)
    if isinstance(item, NodeItem):
        return _node_gesture(viewer, start, under, item)
    if isinstance(item, GroupItem) and under.part is Part.RESIZE:
        return ResizeGroup(viewer, start, item)
    duplicates = start.alt and isinstance(item, GroupItem)
    return Duplicate(viewer, start) if duplicates else MoveItems(viewer, start, item)


def _empty_gesture(viewer: CanvasViewer, start: Pointer) -> Gesture:
    if start.ctrl or start.shift or viewer.graph.settings.drag_empty == "select":
        return Marquee(viewer, start, adds=start.shift)
    return Pan(viewer, start)


def _node_gesture(viewer: CanvasViewer, start: Pointer, under: Hit, node: NodeItem) -> Gesture | None:
    if start.alt:
        return Duplicate(viewer, start)
    if under.part is Part.RESIZE:
        return ResizeNode(viewer, start, node)
    row = node.face.rows[under.row] if under.row >= 0 else None
    in_field = row is not None and node.field_rect(under.row).contains(node.mapFromScene(under.pos))
    if (
        row is not None
        and in_field
        and row.kind in NUMBERS
        and not row.linked
        and start.modifiers == Modifier(0)
    ):
        return Scrub(viewer, start, node, under.row)
    return MoveItems(viewer, start, node) if not viewer.graph.is_pinned(node.id) else None


def _link_gesture(viewer: CanvasViewer, start: Pointer, port: PortItem) -> Gesture | None:
    pipes = [pipe for pipe in viewer.graph.pipes.values() if port in ends(pipe)]
    if port.port_type == "in" and pipes:
        return LinkDrag(viewer, start, [ends(pipes[0])[0]], pipes)
    if start.shift and pipes:
        return LinkDrag(viewer, start, [ends(pipe)[1] for pipe in pipes], pipes)
    return LinkDrag(viewer, start, [port], [])


def _place(item: NodeItem | GroupItem | RerouteItem) -> Point:
    match item:
        case NodeItem():
            return item.record.pos
        case GroupItem():
            return item.record.bounding[0], item.record.bounding[1]
        case _:
            return item.record.pos


def _only_node(moves: Moves) -> str | None:
    """The node that is moved all by itself."""
    alone = len(moves.nodes) == 1 and not moves.groups and not moves.reroutes
    return next(iter(moves.nodes)) if alone else None


def _snapped(size: Point, viewer: CanvasViewer, at: Pointer) -> Point:
    if at.shift or viewer.graph.settings.snap_to_grid:
        return round(size[0] / GRID) * GRID, round(size[1] / GRID) * GRID
    return size


def _distance(port: PortItem, pos: QPointF) -> float:
    away = port.centre() - pos
    return hypot(away.x(), away.y())
