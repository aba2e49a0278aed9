"""Titled frames behind nodes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.canvas.node_layout import Part
from app.canvas.paints import given_colour
from app.theme import GROUP_TITLE
from core.workflow.records import Group

if TYPE_CHECKING:
    from app.canvas.mirror import Mirror

_RESIZE: Final = 16.0
_FONT: Final = 24.0
_Flag = QGraphicsItem.GraphicsItemFlag
_Change = QGraphicsItem.GraphicsItemChange


class GroupItem(QGraphicsItem):
    """A group; its position is its top left corner.

    Attributes:
        key: Of the group in the document.
        size: As it is now, also while it is being resized.
        far: Its area in the scene.
    """

    def __init__(self, record: Group, mirror: Mirror) -> None:
        super().__init__()
        self.setFlags(_Flag.ItemIsSelectable | _Flag.ItemSendsGeometryChanges)
        self.key = record.key
        self.record = record
        self.size = QSizeF()
        self.far = QRectF()
        self._mirror = mirror
        self.present(record)

    def present(self, record: Group) -> None:
        """Shows another state of the group."""
        self.record = record
        x, y, width, height = record.bounding
        self.resize(width, height)
        self.setPos(x, y)
        self._mirror.overview.changed()
        self.update()

    def resize(self, width: float, height: float) -> None:
        """Takes a size on the canvas; the document's is not changed."""
        self.prepareGeometryChange()
        self.size = QSizeF(max(width, 60.0), max(height, GROUP_TITLE))
        self.far.setRect(self.x(), self.y(), self.size.width(), self.size.height())

    def colour(self) -> QColor:
        """Its colour: the file's, or the theme's."""
        paints = self._mirror.paints
        return given_colour(self.record.colour, lambda: paints.colour("group"))

    def font_pixels(self) -> float:
        """The size of its title."""
        given = self.record.extra.get("font_size")
        if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
            return _FONT
        return min(max(float(given), 8.0), 200.0)

    def title_height(self) -> float:
        """How high its title bar is."""
        return max(GROUP_TITLE, self.font_pixels() * 1.4)

    def title_rect(self) -> QRectF:
        """The title bar, by which the group is moved."""
        return QRectF(0, 0, self.size.width(), min(self.title_height(), self.size.height()))

    def resize_rect(self) -> QRectF:
        """The corner it is resized by."""
        return QRectF(self.size.width() - _RESIZE, self.size.height() - _RESIZE, _RESIZE, _RESIZE)

    def part_at(self, pos: QPointF) -> Part:
        """What of it is at a point: TITLE, RESIZE or BODY."""
        if self.resize_rect().contains(pos):
            return Part.RESIZE
        return Part.TITLE if self.title_rect().contains(pos) else Part.BODY

    def boundingRect(self) -> QRectF:
        """All it paints on."""
        return QRectF(-2, -2, self.size.width() + 4, self.size.height() + 4)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """A frame with a title."""
        paints = self._mirror.paints
        area = QRectF(QPointF(), self.size)
        colour = QColor(self.colour())
        is_dark = paints.theme.is_dark
        painter.setPen(
            paints.pen("node_selected", 2)
            if self.isSelected()
            else paints.pen(colour.darker(110).name() if is_dark else colour.name(), 1)
        )
        body = QColor(colour)
        body.setAlphaF(0.16 if is_dark else 0.22)
        painter.setBrush(body)
        painter.drawRoundedRect(area, 6, 6)
        title = self.title_rect()
        body.setAlphaF(0.30 if is_dark else 0.35)
        painter.fillRect(title.adjusted(1, 1, -1, 0), body)
        texts = paints.group_title(self.font_pixels())
        painter.setFont(texts.font)
        painter.setPen(paints.colour("text"))
        texts.draw(
            painter, 10, title.center().y(), texts.fitted(self.record.title, float(round(area.width() - 20)))
        )
        corner = area.bottomRight()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        grip = [corner + QPointF(-4, -14), corner + QPointF(-4, -4), corner + QPointF(-14, -4)]
        painter.drawPolygon(QPolygonF(grip))

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        """Keeps the overview true."""
        if change is _Change.ItemPositionHasChanged:
            self.far.moveTo(value)
        elif change is _Change.ItemSelectedHasChanged:
            self._mirror.overview.changed()
            self.update()
        return value
