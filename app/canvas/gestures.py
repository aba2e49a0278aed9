"""Which gesture a drag of the mouse begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from app.canvas.face import NUMBERS
from app.canvas.gesture import Gesture, Marquee, Pan, Pointer, Press, Zoom
from app.canvas.group_item import GroupItem
from app.canvas.hits import Hit
from app.canvas.link_gestures import LinkDrag, Slice
from app.canvas.linking import ends
from app.canvas.move_gestures import Duplicate, MoveItems, ResizeGroup, ResizeNode, Scrub
from app.canvas.node_item import NodeItem, Part
from app.canvas.node_socket import NodeSocket

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer


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
    if _is_number(under, node) and not start.ctrl:
        return Scrub(viewer, start, node, under.row)
    return None if node.record.pinned else MoveItems(viewer, start, node)


def _is_number(under: Hit, node: NodeItem) -> bool:
    """Whether a point is on a number that can be changed."""
    if under.row < 0 or node.face.rows[under.row].linked:
        return False
    in_field = node.field_rect(under.row).contains(node.mapFromScene(under.pos))
    return in_field and node.face.rows[under.row].kind in NUMBERS


def _link_gesture(viewer: CanvasViewer, start: Pointer, port: NodeSocket) -> Gesture | None:
    pipes = [pipe for pipe in viewer.graph.pipes.values() if port in ends(pipe)]
    if port.port_type == "in" and pipes:
        return LinkDrag(viewer, start, [ends(pipes[0])[0]], pipes)
    if start.shift and pipes:
        return LinkDrag(viewer, start, [ends(pipe)[1] for pipe in pipes], pipes)
    return LinkDrag(viewer, start, [port], [])
