"""How the value rows of a node look."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from app.canvas.face import NUMBERS, Row, RowKind
from app.canvas.node_layout import ARROW
from app.canvas.paints import Ink, Paints, faded

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem
    from app.canvas.texts import Texts

CORNER: Final = 5.0
_ROUND: Final = 0.75  # zoom from which on the corners of fields can be seen: they take half the time
_NOTHING: Final = "nothing chosen"
_WORDS: Final = frozenset({RowKind.CHOICE, RowKind.AFTER_RUN})


def paint_rows(painter: QPainter, item: NodeItem, ink: Ink, scale: float) -> None:
    """Paints all rows of a node."""
    paints, rows = item.paints, item.face.rows
    fields = [item.field_rect(index) for index in range(len(rows))]
    _paint_fields(painter, paints, rows, fields, ink, scale)
    painter.setFont(paints.row.font)
    for row, area in zip(rows, fields, strict=True):
        if row.kind is RowKind.LONG_TEXT and not row.linked:
            painter.setPen(ink.text if row.text else ink.label)
            paint_paragraph(painter, paints.row, row.text or row.label, area.adjusted(8, 4, -6, -4))
        else:
            _paint_row(painter, paints, row, area, ink)


def paint_blank(painter: QPainter, item: NodeItem, ink: Ink) -> None:
    """Paints the fields only, for a zoom at which texts cannot be read."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink.field)
    painter.drawRects([item.field_rect(index) for index in range(len(item.face.rows))])


def paint_paragraph(painter: QPainter, texts: Texts, text: str, area: QRectF) -> None:
    """Paints as many whole lines of a text as fit."""
    lines = max(int(area.height() / texts.height), 1)
    painter.save()
    painter.setClipRect(area)
    painter.drawStaticText(area.topLeft(), texts.paragraph(text, float(round(area.width())), lines))
    painter.restore()


def _paint_fields(
    painter: QPainter, paints: Paints, rows: Sequence[Row], fields: list[QRectF], ink: Ink, scale: float
) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    for row, area in zip(rows, fields, strict=True):
        ground = ink.field_linked if row.linked else ink.field
        if row.problem:
            painter.setPen(paints.pen("danger", 1.2))
        elif scale < _ROUND:
            painter.fillRect(area, ground)
            continue
        painter.setBrush(ground)
        painter.drawRoundedRect(area, CORNER, CORNER)
        if row.problem:
            painter.setPen(Qt.PenStyle.NoPen)


def _paint_row(painter: QPainter, paints: Paints, row: Row, area: QRectF, ink: Ink) -> None:
    y = area.center().y()
    left, right = area.left() + 9, area.right() - 9
    if row.kind in NUMBERS:
        if not row.linked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.mark)
            painter.drawPolygon(_arrow(area.left() + 9, y, -1))
            painter.drawPolygon(_arrow(area.right() - 9, y, 1))
        left, right = area.left() + ARROW, area.right() - ARROW
    elif row.kind in _WORDS:
        if not row.linked:
            painter.setPen(QPen(ink.mark, 1.4))
            painter.drawPolyline(_chevron(area.right() - 12, y))
        right = area.right() - 21
    elif row.kind is RowKind.TOGGLE:
        _paint_switch(painter, paints, row, QRectF(area.right() - 33, y - 7, 26, 14))
        right = area.right() - 39
    label = paints.row.fitted(row.label, float(round((right - left) * 0.6)))
    painter.setPen(ink.label_linked if row.linked else ink.label)
    paints.row.draw(painter, left, y, label)
    room = right - left - (paints.row.width(label) + 10 if label else 0)
    text = paints.row.fitted(row.text or (_NOTHING if row.problem else ""), float(round(room)))
    painter.setPen(paints.colour("danger") if row.problem else ink.text_linked if row.linked else ink.text)
    paints.row.draw(painter, right - paints.row.width(text), y, text)


def _paint_switch(painter: QPainter, paints: Paints, row: Row, area: QRectF) -> None:
    is_on = bool(row.value)
    track = paints.colour("accent") if is_on else faded(paints.colour("row_label"), 0.6)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(faded(track, 0.35) if row.linked else track)
    painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
    radius = area.height() / 2 - 2
    x = area.right() - radius - 2 if is_on else area.left() + radius + 2
    painter.setBrush(paints.colour("on_accent") if is_on else paints.colour("row"))
    painter.drawEllipse(QPointF(x, area.center().y()), radius, radius)


@lru_cache(1024)
def _arrow(x: float, y: float, way: int) -> QPolygonF:
    return QPolygonF([QPointF(x - 3 * way, y - 4), QPointF(x - 3 * way, y + 4), QPointF(x + 3 * way, y)])


@lru_cache(1024)
def _chevron(x: float, y: float) -> QPolygonF:
    return QPolygonF([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])
