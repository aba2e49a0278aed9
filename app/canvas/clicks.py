"""What clicks do, and what the mouse pointer and tooltips promise before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGraphicsItem

from app.canvas import menus
from app.canvas.face import NUMBERS, Row, RowKind
from app.canvas.group_item import GroupItem
from app.canvas.hits import Hit
from app.canvas.node_item import NodeItem, Part
from app.canvas.reroute_item import RerouteItem

if TYPE_CHECKING:
    from app.canvas.gesture import Pointer, Press
    from app.canvas.graph import CanvasGraph
    from app.canvas.viewer import CanvasViewer

_Cursor = Qt.CursorShape


def press(viewer: CanvasViewer, pressed: Press) -> None:
    """Selects what is pressed, so that a drag moves it; what is selected together stays so."""
    at, item = pressed.at, _item(pressed.under)
    if item is None or item.isSelected() or pressed.space or pressed.button == Qt.MouseButton.MiddleButton:
        return
    if not (at.ctrl or at.shift):
        _select_only(viewer.graph, item)


def click(viewer: CanvasViewer, pressed: Press, at: Pointer) -> None:
    """What a click does: the button went up where it went down."""
    if pressed.button == Qt.MouseButton.RightButton:
        menus.open_at(viewer, pressed.under, viewer.viewport().mapToGlobal(at.view))
    elif pressed.button == Qt.MouseButton.LeftButton and not pressed.space:
        _left_click(viewer.graph, pressed.under, at)


def double_click(viewer: CanvasViewer, under: Hit, at: Pointer) -> bool:
    """Whether a double click does something there that two clicks do not."""
    graph = viewer.graph
    if under.port is not None or at.ctrl or at.shift or at.alt:
        return False
    if under.node is not None:
        return _double_click_node(graph, under, under.node)
    if under.pipe is not None:
        graph.add_reroutes_by_user({under.pipe.link_id: under.pos})
    elif under.group is not None and under.part is Part.TITLE:
        graph.editors.rename_group(under.group.key)
    elif under.is_empty:
        graph.search.open(under.pos, None)
    else:
        return False
    return True


def edit_selected(graph: CanvasGraph) -> None:
    """Begins to edit the first value of the selected node."""
    chosen = graph.selected_nodes()
    if len(chosen) == 1:
        rows = graph.nodes[chosen[0]].face.rows
        first = next((index for index, row in enumerate(rows) if _can_edit(row)), None)
        if first is not None:
            graph.editors.open(chosen[0], first)


def cursor(under: Hit) -> Qt.CursorShape:
    """The mouse pointer that says what can be done there."""
    if under.port is not None:
        return _Cursor.CrossCursor
    if under.part is Part.RESIZE:
        return _Cursor.SizeFDiagCursor
    if under.node is not None and _is_in_field(under, under.node):
        row = under.node.face.rows[under.row]
        if row.kind in NUMBERS:
            steps = under.node.step_at(under.node.mapFromScene(under.pos))
            return _Cursor.PointingHandCursor if steps else _Cursor.SizeHorCursor
        is_text = row.kind in (RowKind.TEXT, RowKind.LONG_TEXT)
        return _Cursor.IBeamCursor if is_text else _Cursor.PointingHandCursor
    if under.pipe is not None or under.part is Part.COLLAPSE:
        return _Cursor.PointingHandCursor
    return _Cursor.ArrowCursor


def tooltip(under: Hit) -> str:
    """What there is to know about a place; empty if nothing."""
    if under.port is not None:
        name = under.port.input_name or under.port.name
        return f"{name}: {under.port.wire_type}" if name != under.port.wire_type else name
    return under.node.tooltip_at(under.node.mapFromScene(under.pos)) if under.node is not None else ""


def _left_click(graph: CanvasGraph, under: Hit, at: Pointer) -> None:
    item = _item(under)
    if under.port is not None:
        if at.ctrl and at.alt:
            graph.disconnect_by_user(under.port)
    elif item is None:
        if not (at.ctrl or at.shift):
            graph.select()
    elif at.ctrl and at.shift and under.node is not None:
        graph.view_requested.emit(under.node.id)
    elif at.ctrl or at.shift:
        item.setSelected(not item.isSelected())
    else:
        _select_only(graph, item)
        if under.node is not None:
            _click_node(graph, under, under.node)


def _click_node(graph: CanvasGraph, under: Hit, node: NodeItem) -> None:
    step = node.step_at(node.mapFromScene(under.pos))
    if under.part is Part.COLLAPSE:
        graph.collapse_by_user(node.id)
    elif step:
        graph.editors.step(node.id, under.row, step)
    elif _is_in_field(under, node):
        graph.editors.open(node.id, under.row, under.pos)


def _double_click_node(graph: CanvasGraph, under: Hit, node: NodeItem) -> bool:
    if under.part is Part.TITLE:
        graph.editors.rename(node.id)
    elif under.part is Part.PICTURE:
        graph.view_requested.emit(node.id)
    else:
        return False
    return True


def _item(under: Hit) -> QGraphicsItem | None:
    """What a click there selects."""
    return under.node or under.reroute or under.pipe or (None if under.is_empty else under.group)


def _select_only(graph: CanvasGraph, item: QGraphicsItem) -> None:
    match item:
        case NodeItem():
            graph.select([item.id])
        case GroupItem():
            graph.select(groups=[item.key])
        case RerouteItem():
            graph.select(reroutes=[item.reroute_id])
        case _:
            graph.select()
            item.setSelected(True)


def _is_in_field(under: Hit, node: NodeItem) -> bool:
    """Whether a point is on a value that can be edited."""
    if under.row < 0 or not _can_edit(node.face.rows[under.row]):
        return False
    return node.field_rect(under.row).contains(node.mapFromScene(under.pos))


def _can_edit(row: Row) -> bool:
    return not row.linked and row.kind is not RowKind.OTHER
