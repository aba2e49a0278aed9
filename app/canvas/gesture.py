"""What a drag of the mouse is, and those that change no graph.

A gesture shows what it would do while the mouse moves and edits the document once, when it ends. Cancelled,
it leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt

from app.canvas.group_item import GroupItem
from app.canvas.hits import Hit
from app.canvas.node_item import NodeItem
from app.canvas.reroute_item import RerouteItem

if TYPE_CHECKING:
    from app.canvas.viewer import CanvasViewer

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

    def snaps(self, at: Pointer) -> bool:
        """Whether things go from grid point to grid point: the user wants it now, or always."""
        return at.shift or self.graph.settings.snap_to_grid

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
