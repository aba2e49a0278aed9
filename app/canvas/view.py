"""The canvas as a widget: what part of the scene it shows, and what is under the items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Signal
from PySide6.QtGui import (
    QColor,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygon,
    QResizeEvent,
    QShowEvent,
    QTransform,
)
from PySide6.QtWidgets import QFrame, QGraphicsItem, QGraphicsView, QWidget

from app.canvas.nodegraphqt import NodeViewer
from app.theme import GRID

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph

MIN_ZOOM: Final = 0.05
MAX_ZOOM: Final = 4.0
FAR: Final = 0.25  # below it nodes are drawn as plain boxes, all at once
_ZOOM_STEP: Final = 1.2
_MARGIN: Final = 40  # pixels left free around what `fit` shows
_UNTOUCHED: Final = {"scale": 1, "offset": [0, 0]}  # what files say whose view nobody has chosen
_DOTS: Final = (14, 56)  # the pixels between two dots of the grid: at least, less than


class _Held(Enum):
    """What stays where it is when the view changes its size."""

    MIDDLE = "middle"
    CORNER = "corner"  # files say where that is
    WHOLE = "whole"  # the whole graph is shown


class CanvasView(NodeViewer):
    """Shows a canvas, and does nothing about the mouse.

    Attributes:
        graph: The canvas it shows; set by it.

    Signals:
        view_changed: It was panned, zoomed or resized.
    """

    view_changed = Signal()

    graph: CanvasGraph

    def __init__(self, parent: QWidget | None = None) -> None:
        # NodeGraphQt's constructor asks for the view already.
        self._zoom = 1.0
        self._centre = QPointF()
        self._was_shown = False
        self._held = _Held.MIDDLE
        self._dots: tuple[tuple[float, int, int], QPolygon] | None = None
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self._look()

    # --- where it looks

    def zoom(self) -> float:
        """Pixels per scene unit."""
        return self._zoom

    def far(self) -> bool:
        """Whether nodes are so small that they are drawn as plain boxes."""
        return self._zoom < FAR

    def set_zoom(self, value: float, at: QPoint | None = None) -> None:
        """Zooms; what is at `at`, in the viewport, stays there (the middle if not given)."""
        corner = self._scene_range.topLeft()
        fixed = (
            corner + QPointF(at) / self._zoom if at is not None else self._centre
        )  # exact, unlike mapToScene
        new = min(max(value, MIN_ZOOM), MAX_ZOOM)
        self._centre = fixed + (self._centre - fixed) * (self._zoom / new)
        self._zoom = new
        self._look()

    def zoom_by(self, factor: float, at: QPoint | None = None) -> None:
        """Zooms by a factor."""
        self.set_zoom(self._zoom * factor, at)

    def zoom_in(self) -> None:
        """One step nearer."""
        self.zoom_by(_ZOOM_STEP)

    def zoom_out(self) -> None:
        """One step further."""
        self.zoom_by(1 / _ZOOM_STEP)

    def pan_by(self, pixels: QPointF) -> None:
        """Moves what is shown by pixels: to the right and down if they are positive."""
        self._centre -= pixels / self._zoom
        self._look()

    def centre_at(self, pos: QPointF) -> None:
        """Shows a point of the scene in the middle."""
        self._centre = QPointF(pos)
        self._look()

    def centre_on(self, node_id: str) -> None:
        """Shows a node in the middle, near enough to be read."""
        item = self.graph.nodes.get(node_id)
        if item is None:
            return
        self._centre = item.sceneBoundingRect().center()
        self._zoom = max(self._zoom, 2 * FAR)
        self._look()

    def fit(self, items: Iterable[QGraphicsItem] | None = None) -> None:
        """Shows all of the items, or of the graph, never larger than they are.

        The whole graph stays in view when the window changes its size, until the user looks elsewhere.
        """
        chosen = self._all_items() if items is None else items
        area = QRectF()
        for item in chosen:
            area = area.united(item.sceneBoundingRect())
        if area.isEmpty():
            self._zoom, self._centre = 1.0, QPointF()
        else:
            room = self.viewport().size()
            across = max(room.width() - 2 * _MARGIN, 1) / area.width()
            down = max(room.height() - 2 * _MARGIN, 1) / area.height()
            self._zoom = min(max(min(across, down), MIN_ZOOM), 1.0)
            self._centre = area.center()
        self._look(_Held.MIDDLE if items is not None else _Held.WHOLE)

    def fit_selection(self) -> None:
        """Shows all that is selected; the whole graph if nothing is."""
        graph = self.graph
        items: list[QGraphicsItem] = [graph.nodes[key] for key in graph.selected_nodes()]
        items += [graph.groups[key] for key in graph.selected_groups()]
        items += [graph.reroutes[key] for key in graph.selected_reroutes()]
        self.fit(items or None)

    def visible_scene(self) -> QRectF:
        """The part of the scene that is shown."""
        return QRectF(self._scene_range)

    def pointer(self) -> QPointF:
        """Where in the scene the mouse was last; the middle if it has not been here."""
        return self.mapToScene(self._previous_pos)

    def view_state(self) -> dict[str, Any]:
        """Where it looks, as workflow files say it: their `extra.ds`."""
        corner = self._scene_range.topLeft()
        return {"scale": self._zoom, "offset": [round(-corner.x(), 4), round(-corner.y(), 4)]}

    def set_view_state(self, state: object) -> bool:
        """Looks where a workflow file says; False if it does not say it in a way that makes sense."""
        match state:
            case {"scale": float() | int() as scale, "offset": [float() | int() as x, float() | int() as y]}:
                pass
            case {"scale": float() | int() as scale, "offset": {"0": float() | int() as x, "1": y}} if (
                isinstance(y, float | int)
            ):
                pass
            case _:
                return False
        if not MIN_ZOOM <= scale <= MAX_ZOOM or not max(abs(x), abs(y)) < 1e6:
            return False
        self._zoom = float(scale)
        size = QSizeF(self.viewport().size()) / self._zoom
        self._centre = QPointF(size.width() / 2 - x, size.height() / 2 - y)
        self._look(_Held.CORNER)
        return True

    def _keep(self) -> None:
        """Files say nothing of a view that shows the whole graph: it is shown whole when they are opened."""
        self.graph.opened.view = None if self._held is _Held.WHOLE else self.view_state()

    def _all_items(self) -> list[QGraphicsItem]:
        graph = self.graph
        tables: tuple[Mapping[Any, QGraphicsItem], ...] = (graph.nodes, graph.groups, graph.reroutes)
        return [item for table in tables for item in table.values()]

    def _look(self, held: _Held = _Held.MIDDLE) -> None:
        """Shows what `_zoom` and `_centre` say, and remembers what a change of size is to keep."""
        self._held = held
        size = QSizeF(self.viewport().size()) / self._zoom
        corner = self._centre - QPointF(size.width() / 2, size.height() / 2)
        self._scene_range = QRectF(corner, size)
        if self.transform().m11() != self._zoom:
            self.setTransform(QTransform.fromScale(self._zoom, self._zoom))
        # Qt puts the middle of the scene rectangle into that of the view, in whole pixels cut off towards
        # zero. A small rectangle never gets scroll bars.
        room, origin = self.viewport().rect(), (corner * self._zoom).toPoint()
        x = origin.x() + room.width() // 2 + math.copysign(0.25, origin.x())
        y = origin.y() + room.height() // 2 + math.copysign(0.25, origin.y())
        self.setSceneRect(QRectF((x - 1) / self._zoom, (y - 1) / self._zoom, 2 / self._zoom, 2 / self._zoom))
        self.view_changed.emit()

    def _update_scene(self) -> None:
        """What NodeGraphQt calls after it has set `_scene_range`."""
        area = self._scene_range
        if area.isEmpty():
            return
        room = self.viewport().size()
        scale = min(room.width() / area.width(), room.height() / area.height())
        self._zoom = min(max(scale, MIN_ZOOM), MAX_ZOOM)
        self._centre = area.center()
        self._look()

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the items, or from afar the overview of them."""
        if not self.far():
            super().paintEvent(event)
            return
        painter = QPainter(self.viewport())
        painter.save()
        self._paint_background(painter, event.rect())
        painter.restore()
        painter.setWorldTransform(self.viewportTransform())
        self.graph.overview.paint(painter, self.mapToScene(event.rect()).boundingRect())
        painter.end()

    def drawBackground(self, painter: QPainter, rect: QRectF | Any) -> None:
        """Draws the canvas and its dots."""
        painter.save()
        painter.resetTransform()
        self._paint_background(painter, self.viewportTransform().mapRect(rect).toAlignedRect())
        painter.restore()

    def _paint_background(self, painter: QPainter, exposed: Any) -> None:
        theme = self.graph.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(exposed, QColor(theme.canvas))
        pitch = 2 * GRID * self._zoom
        while pitch < _DOTS[0]:
            pitch *= 4
        while pitch >= _DOTS[1]:
            pitch /= 4
        origin = self.viewportTransform().map(QPointF())
        painter.setPen(QPen(QColor(theme.line), 2))
        painter.translate(round(origin.x() % pitch), round(origin.y() % pitch))
        painter.drawPoints(self._dots_of(pitch))

    def _dots_of(self, pitch: float) -> QPolygon:
        room = self.viewport().size()
        key = (pitch, room.width(), room.height())
        if self._dots is None or self._dots[0] != key:
            columns = [round(i * pitch) for i in range(-1, int(room.width() / pitch) + 1)]
            rows = [round(i * pitch) for i in range(-1, int(room.height() / pitch) + 1)]
            self._dots = key, QPolygon([QPoint(x, y) for y in rows for x in columns])
        return self._dots[1]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the zoom and what is in the middle, or whatever it was told to show and shows still."""
        corner = self._scene_range.topLeft()
        QGraphicsView.resizeEvent(self, event)
        if self._held is _Held.WHOLE:
            self.fit()
            return
        if self._held is _Held.CORNER:
            size = QSizeF(self.viewport().size()) / self._zoom
            self._centre = corner + QPointF(size.width() / 2, size.height() / 2)
        self._look(self._held)

    def showEvent(self, event: QShowEvent) -> None:
        """Looks where the document was looked at last, or at all of it."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            state = self.graph.opened.view
            if state == _UNTOUCHED or not self.set_view_state(state):
                self.fit()
            self.view_changed.connect(self._keep)
