"""How a node looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app.canvas.node_layout import MARGIN, inside
from app.canvas.paints import FULL, Ink, Paints, faded, given_colour, mixed
from app.canvas.row_paint import CORNER, paint_blank, paint_paragraph, paint_rows
from app.canvas.socket_paint import paint_sockets
from app.run_status import NodeState
from app.theme import TITLE_HEIGHT
from core.workflow.records import BYPASSED, MUTED

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem

_CORNER: Final = 8.0
_MUTED_OPACITY: Final = 0.45
_Hint = QPainter.RenderHint


def body_colour(item: NodeItem) -> QColor:
    """The colour of a node's body."""
    paints = item.paints
    if item.face.note:
        return paints.own(item.record.background, "note")
    own = paints.own(item.record.background, "node")
    return mixed(own, paints.colour("bypassed"), 0.35) if item.record.mode == BYPASSED else own


def far_colour(item: NodeItem) -> QColor:
    """The colour of a node's body from afar, where no border sets it off."""
    colour, paints = body_colour(item), item.paints
    if item.face.placeholder:
        return mixed(colour, paints.colour("unknown"), 0.6)
    if colour == paints.colour("node"):
        colour = mixed(colour, paints.colour("text_dim"), 0.25)
    return mixed(colour, paints.colour("canvas"), 0.6) if item.record.mode == MUTED else colour


def title_colour(item: NodeItem) -> QColor:
    """The colour of a node's title."""
    paints = item.paints
    if item.face.reroute:
        return item.ports_out[0].brush if item.ports_out else paints.colour("node_title")
    if item.face.placeholder:
        return paints.colour("unknown")
    if item.face.note:
        otherwise = mixed(paints.colour("note"), paints.colour("text"), 0.12)
        return paints.fitting(given_colour(item.record.colour, lambda: otherwise))
    own = paints.own(item.record.colour, "node_title")
    return mixed(own, paints.colour("bypassed"), 0.5) if item.record.mode == BYPASSED else own


def paint(painter: QPainter, item: NodeItem, scale: float) -> None:
    """Paints a node.

    Args:
        scale: Pixels per unit; small ones leave out what could not be told apart.
    """
    is_full = scale >= FULL
    painter.setRenderHint(_Hint.Antialiasing, is_full)
    if item.record.mode == MUTED:
        painter.setOpacity(_MUTED_OPACITY)
    if item.face.reroute:
        _paint_reroute(painter, item)
        return
    _paint_box(painter, item, is_full)
    _paint_title(painter, item, is_full)
    if not item.record.collapsed:
        if item.face.note:
            _paint_note(painter, item, is_full)
        else:
            _paint_rows(painter, item, scale)
        _paint_results(painter, item, scale)
        _paint_progress(painter, item)
    _paint_outline(painter, item, is_full)
    paint_sockets(painter, item, is_full=is_full)
    painter.setOpacity(1.0)
    if is_full:
        _paint_message(painter, item)
        _paint_badge(painter, item)


def _paint_box(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    paints, area = item.paints, item.outline()
    if not is_full:
        painter.fillRect(area, body_colour(item))
        painter.fillRect(item.title_rect(), title_colour(item))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(paints.colour("node_shadow"))
    # Only what shows of the shadow: blending all of it would take longer than the rest of the node.
    shadow = QRectF(area.left() - 1, max(area.bottom() - 20, area.top()), area.width() + 2, 24)
    painter.drawRoundedRect(shadow, _CORNER + 1, _CORNER + 1)
    title = title_colour(item)
    if item.record.collapsed:
        radius = TITLE_HEIGHT / 2
        painter.setBrush(title)
        painter.drawRoundedRect(area, radius, radius)
        return
    painter.setBrush(body_colour(item))
    painter.drawRoundedRect(area, _CORNER, _CORNER)
    if item.face.placeholder:
        hatch = QColor(paints.colour("unknown"))
        hatch.setAlphaF(0.25)
        painter.setBrush(QBrush(hatch, Qt.BrushStyle.BDiagPattern))
        painter.drawRoundedRect(area, _CORNER, _CORNER)
    painter.setBrush(title)
    painter.drawPath(_top_rounded(item.title_rect(), _CORNER))


def _paint_title(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    paints, area = item.paints, item.title_rect()
    colour = paints.text_on(title_colour(item), "node_title_text")
    painter.setPen(colour)
    painter.setFont(paints.title.font)
    right = area.right() - 10
    if is_full:
        right = _paint_marks(painter, item, right, colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, 0.6))
        painter.drawPolygon(_arrow_down(15, area.center().y(), item.record.collapsed))
        painter.setPen(colour)
    title = paints.title.fitted(item.face.title, float(round(right - 30)))
    paints.title.draw(painter, 27, area.center().y(), title)


def _paint_marks(painter: QPainter, item: NodeItem, right: float, colour: QColor) -> float:
    """The small marks at the right of the title; tells where they begin."""
    paints, y = item.paints, item.title_rect().center().y()
    words = _words(item)
    width = paints.small.width(words) + 12
    if words and right - width - 6 - 28 < paints.title.width(item.face.title[:200]):
        words = "?" if item.face.placeholder else "!" if not item.face.known else ""
        width = 18.0
    if words:
        area = QRectF(right - width, y - 9, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, 0.16))
        painter.drawRoundedRect(area, 9, 9)
        painter.setPen(faded(colour, 0.9))
        painter.setFont(paints.small.font)
        paints.small.draw(painter, area.center().x() - paints.small.width(words) / 2, y, words)
        painter.setFont(paints.title.font)
        right = area.left() - 6
    if item.record.flags.get("pinned"):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, 0.8))
        painter.drawEllipse(QPointF(right - 5, y - 3), 4, 4)
        painter.drawPolygon(
            QPolygonF([QPointF(right - 6.2, y), QPointF(right - 3.8, y), QPointF(right - 5, y + 8)])
        )
        right -= 16
    state = item.status.state
    if state in (NodeState.DONE, NodeState.CACHED):
        good = QColor(paints.colour("good"))
        painter.setPen(QPen(good, 1.5))
        painter.setBrush(good if state is NodeState.DONE else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(right - 5, y), 3.5, 3.5)
        right -= 16
    elif state is NodeState.QUEUED:
        painter.setPen(QPen(faded(colour, 0.8), 1.5, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(right - 5, y), 4, 4)
        right -= 16
    return right


def _words(item: NodeItem) -> str:
    """What the title says of the node in words."""
    if item.face.placeholder:
        return "unknown node"
    if not item.face.known:
        return "cannot run here"
    return {MUTED: "muted", BYPASSED: "bypassed"}.get(item.record.mode, "")


def _paint_note(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    if not is_full:
        return
    paints = item.paints
    for row, area in zip(item.face.rows, item.layout.rows, strict=True):
        painter.setPen(paints.text_on(body_colour(item), "text"))
        painter.setFont(paints.note.font)
        paint_paragraph(painter, paints.note, row.text, area.adjusted(0, 2, 0, -2))


def _paint_rows(painter: QPainter, item: NodeItem, scale: float) -> None:
    ink = item.paints.ink(body_colour(item))
    if scale < FULL:
        paint_blank(painter, item, ink)
        return
    painter.setFont(item.paints.row.font)
    _paint_labels(painter, item, ink)
    paint_rows(painter, item, ink, scale)


def _paint_labels(painter: QPainter, item: NodeItem, ink: Ink) -> None:
    """The names of the sockets that are shown by themselves."""
    paints, face, layout = item.paints, item.face, item.layout
    width = layout.width
    painter.setPen(ink.name)
    rights: list[float] = []
    for index, socket in enumerate(face.outputs):
        label = paints.row.fitted(socket.label, width - 2 * MARGIN - 16)
        length = paints.row.width(label)
        rights.append(length)
        paints.row.draw(painter, width - MARGIN - 2 - length, layout.socket_y(index), label)
    for index, socket in enumerate(face.inputs):
        taken = rights[index] + 10 if index < len(rights) else 0
        label = paints.row.fitted(socket.label, float(round(width - 2 * MARGIN - 4 - taken)))
        painter.setPen(ink.name if socket.required else ink.name_optional)
        paints.row.draw(painter, MARGIN + 2, layout.socket_y(index), label)


def _paint_results(painter: QPainter, item: NodeItem, scale: float) -> None:
    paints, layout, is_full = item.paints, item.layout, scale >= FULL
    if not layout.text.isEmpty() and is_full:
        painter.setPen(Qt.PenStyle.NoPen)
        ink = paints.ink(body_colour(item))
        painter.setBrush(ink.field)
        painter.drawRoundedRect(layout.text, CORNER, CORNER)
        painter.setPen(ink.text)
        painter.setFont(paints.row.font)
        paint_paragraph(painter, paints.row, item.status.text, layout.text.adjusted(8, 4, -6, -4))
    if layout.picture.isEmpty():
        return
    painter.setRenderHint(_Hint.SmoothPixmapTransform)
    if item.preview is not None:
        shown = inside(layout.picture, item.preview.width(), item.preview.height())
        painter.drawPixmap(shown, item.preview, QRectF(item.preview.rect()))
        return
    areas, paths = item.picture_cells(), item.pictures()
    sharpness = scale * painter.device().devicePixelRatio()
    for area, path in zip(areas, paths, strict=False):
        pixels = max(area.width(), area.height()) * sharpness
        _paint_picture(painter, paints, item.thumbnail(path, pixels), area)
    if len(paths) > 1 and is_full:
        _paint_pill(painter, paints, layout.picture.bottomRight() - QPointF(4, 4), f"{len(paths)} pictures")


def _paint_picture(painter: QPainter, paints: Paints, picture: QPixmap | None, area: QRectF) -> None:
    if picture is None or picture.isNull():
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(paints.colour("row"))
        painter.drawRoundedRect(area, CORNER, CORNER)
        return
    painter.drawPixmap(inside(area, picture.width(), picture.height()), picture, QRectF(picture.rect()))


def _paint_progress(painter: QPainter, item: NodeItem) -> None:
    if item.status.state is not NodeState.RUNNING:
        return
    width = item.layout.width
    accent = item.paints.colour("accent")
    painter.fillRect(QRectF(0, 0, width, 4), faded(accent, 0.25))
    if item.status.progress is not None:
        painter.fillRect(QRectF(0, 0, width * min(max(item.status.progress, 0.0), 1.0), 4), accent)


def _paint_outline(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    paints, area = item.paints, item.outline()
    radius = TITLE_HEIGHT / 2 if item.record.collapsed else _CORNER
    painter.setBrush(Qt.BrushStyle.NoBrush)
    state = {
        NodeState.RUNNING: "accent",
        NodeState.FAILED: "danger",
        NodeState.BLOCKED: "warning",
    }.get(item.status.state)
    if item.isSelected():
        painter.setPen(paints.pen("node_selected", 2 if is_full else 4))
        painter.drawRoundedRect(area.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
    if state:
        painter.setPen(paints.pen(state, 2 if is_full else 4))
        painter.drawRoundedRect(area, radius, radius)
    elif item.face.placeholder:
        painter.setPen(QPen(paints.colour("unknown"), 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(area, radius, radius)
    elif is_full and not item.isSelected():
        painter.setPen(paints.pen("node_border", 1))
        painter.drawRoundedRect(area, radius, radius)


def _paint_message(painter: QPainter, item: NodeItem) -> None:
    """Why it failed, in a strip below."""
    message = item.status.message
    if not message:
        return
    paints, area = item.paints, item.outline()
    failed = item.status.state is NodeState.FAILED
    strip = QRectF(area.left(), area.bottom() + 5, area.width(), 22)
    painter.setPen(Qt.PenStyle.NoPen)
    fill = paints.colour("danger" if failed else "warning")
    painter.setBrush(fill)
    painter.drawRoundedRect(strip, CORNER, CORNER)
    painter.setPen(paints.text_on(fill, "text"))
    painter.setFont(paints.row.font)
    paints.row.draw(
        painter,
        strip.left() + 8,
        strip.center().y(),
        paints.row.fitted(message, float(round(strip.width() - 16))),
    )


def _paint_badge(painter: QPainter, item: NodeItem) -> None:
    """Its number among the nodes that ran, above the title."""
    paints, status = item.paints, item.status
    if not paints.badges or status.order is None:
        return
    took = "" if status.seconds is None or status.seconds < 0.05 else f"  {status.seconds:.1f} s"
    corner = QPointF(item.outline().right() - 6, item.outline().top() + 6)
    _paint_pill(painter, paints, corner, f"{status.order}{took}")


def _paint_pill(painter: QPainter, paints: Paints, corner: QPointF, text: str) -> None:
    """Small words on a dark ground, its bottom right at a point."""
    width = paints.small.width(text) + 12
    area = QRectF(corner.x() - width, corner.y() - 16, width, 16)
    painter.setPen(paints.pen("line", 1))
    painter.setBrush(paints.colour("window"))
    painter.drawRoundedRect(area, 8, 8)
    painter.setPen(paints.colour("text"))
    painter.setFont(paints.small.font)
    paints.small.draw(painter, area.left() + 6, area.center().y(), text)


def _paint_reroute(painter: QPainter, item: NodeItem) -> None:
    paints, area = item.paints, item.body()
    radius = area.height() / 2
    painter.setPen(paints.pen("node_selected", 2) if item.isSelected() else paints.pen("node_border", 1))
    painter.setBrush(paints.colour("node"))
    painter.drawRoundedRect(area, radius, radius)
    title = item.face.title or (item.ports_out[0].wire_type if item.ports_out else "")
    painter.setFont(paints.small.font)
    painter.setPen(paints.colour("row_label"))
    label = paints.small.fitted(title if title != "*" else "", float(round(area.width() - 24)))
    paints.small.draw(painter, area.center().x() - paints.small.width(label) / 2, area.center().y(), label)
    paint_sockets(painter, item, is_full=True)


def _top_rounded(area: QRectF, radius: float) -> QPainterPath:
    path = QPainterPath(area.bottomLeft())
    path.lineTo(area.left(), area.top() + radius)
    path.quadTo(area.topLeft(), QPointF(area.left() + radius, area.top()))
    path.lineTo(area.right() - radius, area.top())
    path.quadTo(area.topRight(), QPointF(area.right(), area.top() + radius))
    path.lineTo(area.bottomRight())
    path.closeSubpath()
    return path


def _arrow_down(x: float, y: float, is_collapsed: bool) -> QPolygonF:
    if is_collapsed:
        return QPolygonF([QPointF(x - 3, y - 5), QPointF(x + 4, y), QPointF(x - 3, y + 5)])
    return QPolygonF([QPointF(x - 5, y - 3), QPointF(x + 5, y - 3), QPointF(x, y + 4)])
