"""What the canvas commands of `app.commands` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication

from app.canvas import clipboard
from app.canvas.face import input_row
from app.canvas.graph_edits import whole
from app.theme import TITLE_HEIGHT
from core.errors import DarkroomError, WorkflowError
from core.workflow import edits, placing
from core.workflow.new_nodes import new_node
from core.workflow.operations import AddNode, SetWidget
from core.workflow.records import BYPASSED, MUTED

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph


_LOADER: Final = "LoadImage"
_PASTE_PICTURE: Final = "Paste picture"


class Need(Enum):
    """What a command acts on, and what is said when it is not there."""

    NOTHING = ""
    GRAPH = "The graph is empty."
    ANYTHING = "Nothing is selected."
    THINGS = "Select nodes or groups first."
    NODES = "Select nodes first."
    ONE = "Select one node or one group first."
    TWO_NODES = "Select at least two nodes first."
    THREE_NODES = "Select at least three nodes first."
    UNDO = "There is nothing to undo."
    REDO = "There is nothing to redo."


@dataclass(frozen=True, slots=True)
class Action:
    """What a command needs, and what it does."""

    need: Need
    run: Callable[[CanvasGraph], object]


class CanvasActions:
    """Runs the commands that act on a canvas. Each that edits is one undo step.

    Attributes:
        handles: Ids of the commands it runs.
    """

    def __init__(self) -> None:
        self._actions = {**_EDIT, **_NODE, **_RUN, **_VIEW}
        self.handles = frozenset(self._actions)

    def run(self, command_id: str, graph: CanvasGraph) -> None:
        """Does what a command says, or tells why it cannot. What the mouse is doing meanwhile is not done."""
        graph.viewer().cancel_gesture()
        action = self._actions[command_id]
        if _is_met(action.need, graph):
            action.run(graph)
        else:
            graph.message.emit(action.need.value)

    def enabled(self, command_id: str, graph: CanvasGraph) -> bool:
        """Whether what a command acts on is there."""
        return _is_met(self._actions[command_id].need, graph)


def _is_met(need: Need, graph: CanvasGraph) -> bool:
    nodes, groups = graph.selected_nodes(), graph.selected_groups()
    match need:
        case Need.NOTHING:
            return True
        case Need.GRAPH:
            document = graph.document
            return bool(document.nodes or document.groups or document.links or document.reroutes)
        case Need.ANYTHING:
            return bool(nodes or groups or graph.selected_reroutes() or graph.selected_links())
        case Need.THINGS:
            return bool(nodes or groups)
        case Need.NODES:
            return bool(_nodes_meant(graph))
        case Need.ONE:
            return len(nodes) == 1 or (not nodes and len(groups) == 1)
        case Need.TWO_NODES:
            return len(nodes) >= 2
        case Need.THREE_NODES:
            return len(nodes) >= 3
        case Need.UNDO:
            return bool(graph.opened.history.undo_labels)
        case Need.REDO:
            return bool(graph.opened.history.redo_labels)


# --- what is meant


def _nodes_meant(graph: CanvasGraph) -> Sequence[str]:
    """The selected nodes; if there are none, those inside of the selected groups."""
    return graph.selected_nodes() or graph.chosen().nodes


def _landing_place(graph: CanvasGraph) -> QPointF:
    """Where things are pasted: at the mouse, or in the middle of the view while the mouse is outside."""
    viewer = graph.viewer()
    seen, pointer = viewer.visible_scene(), viewer.pointer()
    return pointer if seen.contains(pointer) else seen.center()


# --- the clipboard


def _copy(graph: CanvasGraph) -> None:
    clipboard.put(graph.take_chosen())


def _cut(graph: CanvasGraph) -> None:
    _copy(graph)
    chosen = graph.chosen()
    graph.opened.do(edits.delete(graph.document, chosen.nodes, chosen.groups), "Cut")


def _paste(graph: CanvasGraph, *, linked: bool = False) -> None:
    try:
        fragment = clipboard.take(graph.registry)
    except WorkflowError as error:
        graph.message.emit(str(error))
        return
    place = _landing_place(graph)
    if fragment is None:
        _paste_files(graph, place)
    elif fragment.is_empty:
        graph.message.emit("The workflow on the clipboard is empty.")
    else:
        graph.insert_by_user(fragment, (place.x(), place.y()), "Paste", linked=linked)
        if fragment.remarks:
            graph.message.emit(f"Pasted, but not all of it could be used: {fragment.remarks[0]}")


def _paste_files(graph: CanvasGraph, place: QPointF) -> None:
    """Files on the clipboard are treated as if they were dropped here, or on the selected node."""
    urls = QGuiApplication.clipboard().mimeData().urls()
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    nodes = graph.selected_nodes()
    if paths:
        graph.files_dropped.emit(paths, place, nodes[0] if len(nodes) == 1 else "")
    else:
        _paste_picture(graph, place)


def _paste_picture(graph: CanvasGraph, place: QPointF) -> None:
    """A picture goes into the selected node if that loads pictures, or else into a new one that does."""
    try:
        name = clipboard.save_picture(graph.folders.input)
    except DarkroomError as error:
        graph.message.emit(f"The picture cannot be kept: {error}")
        return
    spec = graph.registry.get(_LOADER)
    if name is None or spec is None:
        graph.message.emit("There is nothing on the clipboard that can be pasted here.")
        return
    chosen = graph.selected_nodes()
    row = input_row(graph.nodes[chosen[0]].face) if len(chosen) == 1 else None
    if row is not None:
        graph.opened.do(SetWidget(chosen[0], row.place, name), _PASTE_PICTURE)
        return
    pos = whole(place + QPointF(0, TITLE_HEIGHT))
    node = new_node(graph.document.new_node_id(), spec, pos, values={"image": name})
    if graph.opened.do(AddNode(node), _PASTE_PICTURE):
        graph.select([node.id])


def _duplicate(graph: CanvasGraph) -> None:
    part = graph.take_chosen()
    graph.insert_by_user(part, part.corner, "Duplicate")


# --- deleting and selecting


def _delete(graph: CanvasGraph) -> None:
    chosen = graph.selected_nodes(), graph.selected_groups(), graph.selected_reroutes()
    graph.opened.do(edits.delete(graph.document, *chosen, graph.selected_links()), "Delete")


def _clear(graph: CanvasGraph) -> None:
    graph.opened.do(edits.clear(graph.document), "Clear graph")


def _select_all(graph: CanvasGraph) -> None:
    document = graph.document
    graph.select(document.nodes, document.groups, document.reroutes)


# --- nodes


def _add(graph: CanvasGraph) -> None:
    graph.search.open(_landing_place(graph), None)


def _rename(graph: CanvasGraph) -> None:
    nodes = graph.selected_nodes()
    if nodes:
        graph.editors.rename(nodes[0])
    else:
        graph.editors.rename_group(graph.selected_groups()[0])


def _switch_mode(graph: CanvasGraph, mode: int, label: str) -> None:
    graph.opened.do(edits.toggle_mode(graph.document, _nodes_meant(graph), mode), label)


def _switch_flag(graph: CanvasGraph, flag: str, label: str) -> None:
    graph.opened.do(edits.toggle_flag(graph.document, _nodes_meant(graph), flag), label)


def _group(graph: CanvasGraph) -> None:
    chosen = graph.selected_nodes(), graph.selected_groups(), graph.selected_reroutes()
    operation = placing.group_around(graph.document, *chosen, graph.sizes())
    if graph.opened.do(operation, "Group"):
        graph.select(groups=[operation.group.key])


def _align(graph: CanvasGraph, edge: placing.Edge) -> None:
    nodes = graph.selected_nodes()
    graph.opened.do(placing.align(graph.document, nodes, edge, graph.sizes()), f"Align {edge}")


def _distribute(graph: CanvasGraph, axis: placing.Axis) -> None:
    nodes = graph.selected_nodes()
    graph.opened.do(placing.distribute(graph.document, nodes, axis, graph.sizes()), f"Distribute {axis}")


def _arrange(graph: CanvasGraph) -> None:
    graph.opened.do(placing.arrange_all(graph.document, graph.sizes()), "Arrange all")


# --- the view


def _refresh(graph: CanvasGraph) -> None:
    graph.refresh()
    graph.message.emit("Models and files are up to date.")


_EDIT = {
    "edit.undo": Action(Need.UNDO, lambda graph: graph.opened.undo()),
    "edit.redo": Action(Need.REDO, lambda graph: graph.opened.redo()),
    "edit.cut": Action(Need.THINGS, _cut),
    "edit.copy": Action(Need.THINGS, _copy),
    "edit.paste": Action(Need.NOTHING, _paste),
    "edit.paste_linked": Action(Need.NOTHING, partial(_paste, linked=True)),
    "edit.duplicate": Action(Need.THINGS, _duplicate),
    "edit.delete": Action(Need.ANYTHING, _delete),
    "edit.select_all": Action(Need.GRAPH, _select_all),
    "edit.select_none": Action(Need.NOTHING, lambda graph: graph.select()),
    "edit.clear": Action(Need.GRAPH, _clear),
}
_NODE = {
    "node.add": Action(Need.NOTHING, _add),
    "node.rename": Action(Need.ONE, _rename),
    "node.bypass": Action(Need.NODES, partial(_switch_mode, mode=BYPASSED, label="Bypass")),
    "node.mute": Action(Need.NODES, partial(_switch_mode, mode=MUTED, label="Mute")),
    "node.collapse": Action(Need.NODES, partial(_switch_flag, flag="collapsed", label="Collapse")),
    "node.pin": Action(Need.NODES, partial(_switch_flag, flag="pinned", label="Pin")),
    "node.group": Action(Need.THINGS, _group),
    "node.align_left": Action(Need.TWO_NODES, partial(_align, edge="left")),
    "node.align_right": Action(Need.TWO_NODES, partial(_align, edge="right")),
    "node.align_top": Action(Need.TWO_NODES, partial(_align, edge="top")),
    "node.align_bottom": Action(Need.TWO_NODES, partial(_align, edge="bottom")),
    "node.distribute_across": Action(Need.THREE_NODES, partial(_distribute, axis="across")),
    "node.distribute_down": Action(Need.THREE_NODES, partial(_distribute, axis="down")),
    "node.arrange": Action(Need.GRAPH, _arrange),
}
_RUN = {
    "run.to_selected": Action(Need.NODES, lambda graph: graph.run_requested.emit(_nodes_meant(graph))),
}

_VIEW = {
    "view.fit": Action(Need.NOTHING, lambda graph: graph.viewer().fit_selection()),
    "view.all": Action(Need.NOTHING, lambda graph: graph.viewer().fit()),
    "view.zoom_in": Action(Need.NOTHING, lambda graph: graph.viewer().zoom_in()),
    "view.zoom_out": Action(Need.NOTHING, lambda graph: graph.viewer().zoom_out()),
    "view.zoom_1": Action(Need.NOTHING, lambda graph: graph.viewer().set_zoom(1)),
    "view.refresh": Action(Need.NOTHING, _refresh),
}
