"""The menus that the right mouse button opens on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QKeySequence, QPixmap
from PySide6.QtWidgets import QMenu

from app.canvas.hits import Hit
from app.canvas.node_item import NodeItem, Part
from app.commands import BY_ID

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph
    from app.canvas.viewer import CanvasViewer

_NODE: Final = (
    ("edit.cut", "edit.copy", "edit.duplicate", "edit.delete"),
    ("node.rename", "node.bypass", "node.mute", "node.collapse", "node.pin", "node.group"),
)
_ALIGN: Final = tuple(key for key in BY_ID if key.startswith(("node.align", "node.distribute")))
_CANVAS: Final = (
    ("edit.paste", "edit.paste_linked", "edit.select_all"),
    ("node.arrange", "view.fit", "view.all"),
)

COLOURS: Final = {
    "Red": ("#5c2b2e", "#452124"),
    "Orange": ("#5e4226", "#46331f"),
    "Yellow": ("#565026", "#413d20"),
    "Green": ("#2c5136", "#243d2b"),
    "Teal": ("#22504f", "#1e3c3c"),
    "Blue": ("#2a4568", "#23364e"),
    "Purple": ("#48366a", "#382c50"),
    "Grey": ("#474b52", "#383b41"),
}
"""Colours that nodes can be given: of the title, and of the body and of groups."""


def open_at(viewer: CanvasViewer, under: Hit, pos: QPoint) -> QMenu:
    """The menu for what is under the mouse, shown at a point of the screen."""
    graph = viewer.graph
    menu = QMenu(viewer)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if under.port is not None:
        port = under.port
        _add(menu, "Disconnect", lambda: graph.disconnect_by_user(port), enabled=port.is_linked)
    elif under.node is not None:
        _fill_node(menu, graph, under.node)
    elif under.reroute is not None:
        number = under.reroute.reroute_id
        _add(menu, "Remove Reroute", lambda: graph.remove_reroute_by_user(number))
    elif under.pipe is not None:
        link, where = under.pipe.link_id, under.pos
        _add(menu, "Add Reroute", lambda: graph.add_reroutes_by_user({link: where}))
        _add(menu, "Delete Link", lambda: graph.delete_links_by_user([link]))
    elif under.group is not None and under.part is Part.TITLE:
        _fill_group(menu, graph, under.group.key)
    else:
        _add(menu, "Add Node...", lambda: graph.search.open(under.pos, None), keys=_keys(graph, "node.add"))
        _add_commands(menu, graph, _CANVAS)
    menu.popup(pos)
    return menu


def open_for_selection(viewer: CanvasViewer) -> QMenu:
    """The menu for what is selected, shown beside it."""
    graph = viewer.graph
    chosen = graph.selected_nodes()
    if not chosen:
        middle = viewer.viewport().rect().center()
        return open_at(viewer, Hit(viewer.mapToScene(middle)), viewer.viewport().mapToGlobal(middle))
    node = graph.nodes[chosen[0]]
    corner = viewer.mapFromScene(node.pos())
    return open_at(viewer, Hit(node.pos(), node=node), viewer.viewport().mapToGlobal(corner))


def _fill_node(menu: QMenu, graph: CanvasGraph, node: NodeItem) -> None:
    node_id = node.id
    if node.status.pictures:
        _add(menu, "View Output", lambda: graph.view_requested.emit(node_id))
    if text := node.status.text:
        _add(menu, "Copy Text", lambda: QGuiApplication.clipboard().setText(text))
    _add_commands(menu, graph, [("run.to_selected",)])
    _add_commands(menu, graph, _NODE)
    _add_colours(menu, graph)
    if len(graph.selected_nodes()) > 1:
        _add_commands(menu.addMenu("Align"), graph, [_ALIGN])


def _fill_group(menu: QMenu, graph: CanvasGraph, key: int) -> None:
    _add(menu, "Rename", lambda: graph.editors.rename_group(key))
    _add(menu, "Select Contents", lambda: graph.select_contents(key))
    _add_commands(menu, graph, [("edit.delete",)])
    _add_colours(menu, graph)


def _add_commands(menu: QMenu, graph: CanvasGraph, sections: Sequence[Sequence[str]]) -> None:
    for section in sections:
        if not menu.isEmpty():
            menu.addSeparator()
        for key in section:
            run, can_run = _runner(graph, key), graph.actions.enabled(key, graph)
            _add(menu, BY_ID[key].label, run, keys=_keys(graph, key), enabled=can_run)


def _runner(graph: CanvasGraph, key: str) -> Callable[[], object]:
    return lambda: graph.actions.run(key, graph)


def _add_colours(menu: QMenu, graph: CanvasGraph) -> None:
    colours = menu.addMenu("Colour")
    _add(colours, "Standard", lambda: graph.colour_by_user(None, None))
    for name, (title, body) in COLOURS.items():
        swatch = QPixmap(14, 14)
        swatch.fill(QColor(title))
        action = colours.addAction(QIcon(swatch), name)
        action.triggered.connect(lambda _=False, t=title, b=body: graph.colour_by_user(t, b))


def _add(menu: QMenu, label: str, run: Callable[[], object], *, keys: str = "", enabled: bool = True) -> None:
    # Keys stand behind a tab: a shortcut of its own would be one too many for the same keys.
    action = menu.addAction(f"{label}\t{keys}" if keys else label)
    action.setEnabled(enabled)
    action.triggered.connect(lambda: run())


def _keys(graph: CanvasGraph, key: str) -> str:
    """The keys of a command as menus show them."""
    keys = graph.settings.keys.get(key, BY_ID[key].keys)
    return QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
