"""The points that links are drawn through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsSceneHoverEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from core.workflow.records import Reroute

if TYPE_CHECKING:
    from app.canvas.mirror import Mirror

_RADIUS: Final = 6.0
_GRIP: Final = 10.0
_LAYER: Final = -0.5
_Flag = QGraphicsItem.GraphicsItemFlag
_Change = QGraphicsItem.GraphicsItemChange
_FLAGS: Final = _Flag.ItemIsSelectable | _Flag.ItemIsMovable | _Flag.ItemSendsGeometryChanges


class RerouteItem(QGraphicsItem):
    """A point of a link; its position is that of the point.

    Attributes:
        reroute_id: Of the point in the document.
    """

    def __init__(self, record: Reroute, mirror: Mirror) -> None:
        super().__init__()
        self.setFlags(_FLAGS)
        self.setZValue(_LAYER)
        self.setAcceptHoverEvents(True)
        self.reroute_id = record.id
        self.record = record
        self.tint = QColor()
        self._mirror = mirror
        self._hovered = False
        self.setPos(*record.pos)

    def present(self, record: Reroute) -> None:
        """Shows another state of the point."""
        self.record = record
        self.setPos(*record.pos)

    def paint_as(self, colour: QColor) -> None:
        """Takes the colour of its links."""
        if colour != self.tint:
            self.tint = colour
            self.update()

    def boundingRect(self) -> QRectF:
        """Where it takes the mouse."""
        return QRectF(-_GRIP, -_GRIP, 2 * _GRIP, 2 * _GRIP)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """A dot in the colour of the link."""
        paints = self._mirror.paints
        painter.setPen(paints.pen("node_selected" if self.isSelected() else "node_border", 2))
        painter.setBrush(self.tint)
        radius = _RADIUS + 1.5 if self._hovered else _RADIUS
        painter.drawEllipse(QRectF(-radius, -radius, 2 * radius, 2 * radius))

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        """Grows a little."""
        self._hovered = True
        self.update()

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        """As before."""
        self._hovered = False
        self.update()

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        """Takes the links along."""
        if change is _Change.ItemPositionHasChanged:
            self._mirror.reroute_moved(self)
        elif change is _Change.ItemSelectedHasChanged:
            self._mirror.overview.changed()
            self.update()
        return value
