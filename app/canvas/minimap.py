"""The whole graph in a corner of the canvas, and the part of it that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QTransform, QWheelEvent
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph

_SIZE: Final = (200, 132)
_MARGIN: Final = 12
_INSIDE: Final = 8.0
_LEAST_VIEW: Final = (520, 360)
"""In a smaller view it would be in the way."""
_DELAY: Final = 60


class Minimap(QWidget):
    """Shows the graph; a click or drag in it shows that place on the canvas.

    The graph is kept as a picture, painted again some milliseconds after it has changed: panning only moves
    the frame.
    """

    def __init__(self, graph: CanvasGraph) -> None:
        self._viewer = graph.viewer()
        super().__init__(self._viewer.viewport())
        self._graph = graph
        self._picture: QPixmap | None = None
        self._to_map = QTransform()
        self.setFixedSize(*_SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Minimap")
        self._timer = QTimer(self, interval=_DELAY, singleShot=True)
        self._timer.timeout.connect(self.refresh)
        self._viewer.view_changed.connect(self._follow)
        graph.opened.edited.connect(self._soon)
        graph.opened.run.changed.connect(self._soon)
        graph.selection_changed.connect(self._soon)
        self.refresh()

    def refresh(self) -> None:
        """Shows the graph as it is now, if there is one and the settings want it."""
        self._picture = None
        self._follow()
        self.update()

    def shown_at(self, pos: QPointF) -> QPointF:
        """The point of the scene that a point of it stands for."""
        return self._to_map.inverted()[0].map(pos)

    def place_of(self, pos: QPointF) -> QPointF:
        """Where in it a point of the scene is."""
        return self._to_map.map(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the graph and the frame around what the canvas shows."""
        theme = self._graph.theme
        if self._picture is None:
            self._picture = self._painted()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        frame = self._to_map.mapRect(self._viewer.visible_scene())
        frame = frame & QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        painter.setPen(QPen(QColor(theme.accent), 1.5))
        painter.drawRect(frame)
        painter.setPen(QColor(theme.line))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Shows that place on the canvas."""
        self._viewer.centre_at(self.shown_at(event.position()))
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The canvas follows while the button is held."""
        self.mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The canvas is not to hear of it."""
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A second click is as good as the first."""
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms the canvas at its middle."""
        self._viewer.zoom_by(1.001 ** event.angleDelta().y())
        event.accept()

    def _soon(self) -> None:
        """What it shows has changed."""
        self._timer.start()

    def _follow(self) -> None:
        """Stays in its corner, and moves the frame."""
        room = self._viewer.viewport().size()
        fits = room.width() >= _LEAST_VIEW[0] and room.height() >= _LEAST_VIEW[1]
        self.setVisible(fits and self._graph.settings.minimap and bool(self._graph.nodes))
        self.move(room.width() - self.width() - _MARGIN, room.height() - self.height() - _MARGIN)
        self.update()

    def _painted(self) -> QPixmap:
        """The graph, and how its scene is brought into this widget."""
        ratio = self.devicePixelRatioF()
        picture = QPixmap((QRectF(self.rect()).size() * ratio).toSize())
        picture.setDevicePixelRatio(ratio)
        ground = QColor(self._graph.theme.panel)
        ground.setAlphaF(0.92)
        picture.fill(ground)
        area = self._graph.overview.bounds()
        room = QRectF(self.rect()).adjusted(_INSIDE, _INSIDE, -_INSIDE, -_INSIDE)
        scale = min(room.width() / max(area.width(), 1), room.height() / max(area.height(), 1), 0.1)
        middle, centre = room.center(), area.center()
        self._to_map = QTransform.fromTranslate(middle.x(), middle.y()).scale(scale, scale)
        self._to_map.translate(-centre.x(), -centre.y())
        painter = QPainter(picture)
        painter.setWorldTransform(self._to_map)
        self._graph.overview.paint(painter, group_titles=False)
        painter.end()
        return picture
