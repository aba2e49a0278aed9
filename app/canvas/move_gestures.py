"""Dragging nodes, groups and points of links: moving, duplicating, resizing; and dragging numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.canvas.gesture import Gesture, Pointer
from app.canvas.graph_edits import Moves, on_grid, whole
from app.canvas.group_item import GroupItem
from app.canvas.node_item import NodeItem
from app.canvas.pipe_item import PipeItem
from app.canvas.reroute_item import RerouteItem
from core.workflow.records import Point

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer

_K = TypeVar("_K", str, int)


class MoveItems(Gesture):
    """Moves nodes, groups with what is inside, and points of links."""

    cursor = Qt.CursorShape.SizeAllCursor
    pans_at_edge = True

    def __init__(
        self, viewer: CanvasViewer, start: Pointer, pressed: NodeItem | GroupItem | RerouteItem
    ) -> None:
        super().__init__(viewer, start)
        self._from = self.graph.movable()
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
        if not self.snaps(at):
            return whole(away)
        x, y = self._anchor
        new_x, new_y = on_grid(away + QPointF(x, y))
        return new_x - x, new_y - y

    def _show(self, places: Moves) -> None:
        _put(places.nodes, self.graph.nodes)
        _put(places.groups, self.graph.groups)
        _put(places.reroutes, self.graph.reroutes)

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
        chosen = graph.chosen()
        items = [graph.nodes[n] for n in chosen.nodes] + [graph.groups[g] for g in chosen.groups]
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
        part, away = self.graph.take_chosen(), at.scene - self.start.scene
        x, y = part.corner
        self.graph.insert_by_user(part, (x + away.x(), y + away.y()), "Duplicate")

    def cancel(self) -> None:
        """Makes none."""
        self.viewer.scene().removeItem(self._ghost)


class ResizeNode(Gesture):
    """Makes a node larger or smaller."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, viewer: CanvasViewer, start: Pointer, node: NodeItem) -> None:
        super().__init__(viewer, start)
        self._node = node
        self._size = (node.body().width(), node.body().height())

    def move(self, at: Pointer) -> None:
        """Shows it in the new size."""
        self._show(self._new(at))

    def end(self, at: Pointer) -> None:
        """Gives the record the new size."""
        self.cancel()
        self.graph.resize_node_by_user(self._node.id, self._new(at))

    def cancel(self) -> None:
        """Shows it in the size it has."""
        self._show(None)

    def _show(self, size: Point | None) -> None:
        # Its record may have been replaced, or taken away, since the button was pressed.
        record = self.graph.document.nodes.get(self._node.id)
        if record is not None:
            self._node.present(record if size is None else replace(record, size=size), self._node.face)

    def _new(self, at: Pointer) -> Point:
        return _resized(self, self._size, at)


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
        """Shows it in the size it has."""
        self._group.resize(*self._group.record.bounding[2:])

    def _new(self, at: Pointer) -> Point:
        width, height = _resized(self, self._size, at)
        return max(width, 140.0), max(height, 80.0)  # the smallest that ComfyUI makes


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


def _put(places: Mapping[_K, Point], items: Mapping[_K, QGraphicsItem]) -> None:
    for key, (x, y) in places.items():
        if key in items:  # not after an undo with the mouse still down
            items[key].setPos(x, y)


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


def _resized(gesture: Gesture, size: Point, at: Pointer) -> Point:
    corner = QPointF(*size) + at.scene - gesture.start.scene
    return on_grid(corner) if gesture.snaps(at) else whole(corner)
