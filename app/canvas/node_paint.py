"""How a node looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app.canvas.face import NUMBERS, Row, RowKind
from app.canvas.look import FULL, Look, given_colour, mixed
from app.canvas.node_layout import ARROW, MARGIN, inside
from app.canvas.port_item import PortItem, Shape
from app.run_status import NodeState
from app.theme import TITLE_HEIGHT
from core.workflow.records import BYPASSED, MUTED

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem

_CORNER: Final = 8.0
_FIELD_CORNER: Final = 5.0
_SOCKET: Final = 5.0
_ROW_SOCKET: Final = 4.0
_MUTED_OPACITY: Final = 0.45
_NOTHING: Final = "nothing chosen"
_Hint = QPainter.RenderHint


def body_colour(item: NodeItem) -> QColor:
    """The colour of a node's body."""
    look = item.look
    if item.face.note:
        return look.fitting(given_colour(item.record.background, lambda: look.colour("note")))
    own = look.fitting(given_colour(item.record.background, lambda: look.colour("node")))
    return mixed(own, look.colour("bypassed"), 0.35) if item.record.mode == BYPASSED else own


def far_colour(item: NodeItem) -> QColor:
    """The colour of a node's body from afar, where no border sets it off."""
    colour, look = body_colour(item), item.look
    if item.face.placeholder:
        return mixed(colour, look.colour("unknown"), 0.6)
    if colour == look.colour("node"):
        colour = mixed(colour, look.colour("text_dim"), 0.25)
    return mixed(colour, look.colour("canvas"), 0.6) if item.record.mode == MUTED else colour


def title_colour(item: NodeItem) -> QColor:
    """The colour of a node's title."""
    look = item.look
    if item.face.reroute:
        return item.ports_out[0].brush if item.ports_out else look.colour("node_title")
    if item.face.placeholder:
        return look.colour("unknown")
    if item.face.note:
        otherwise = mixed(look.colour("note"), look.colour("text"), 0.12)
        return look.fitting(given_colour(item.record.colour, lambda: otherwise))
    own = look.fitting(given_colour(item.record.colour, lambda: look.colour("node_title")))
    return mixed(own, look.colour("bypassed"), 0.5) if item.record.mode == BYPASSED else own


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
            _paint_rows(painter, item, is_full)
        _paint_results(painter, item, is_full)
        _paint_progress(painter, item)
    _paint_outline(painter, item, is_full)
    _paint_sockets(painter, item, is_full)
    painter.setOpacity(1.0)
    if is_full:
        _paint_message(painter, item)
        _paint_badge(painter, item)


def _paint_box(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    look, area = item.look, item.outline()
    if not is_full:
        painter.fillRect(area, body_colour(item))
        painter.fillRect(item.title_rect(), title_colour(item))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.colour("node_shadow"))
    painter.drawRoundedRect(area.translated(0, 3).adjusted(-1, 0, 1, 1), _CORNER + 1, _CORNER + 1)
    title = title_colour(item)
    if item.record.collapsed:
        radius = TITLE_HEIGHT / 2
        painter.setBrush(title)
        painter.drawRoundedRect(area, radius, radius)
        return
    painter.setBrush(body_colour(item))
    painter.drawRoundedRect(area, _CORNER, _CORNER)
    if item.face.placeholder:
        hatch = QColor(look.colour("unknown"))
        hatch.setAlphaF(0.25)
        painter.setBrush(QBrush(hatch, Qt.BrushStyle.BDiagPattern))
        painter.drawRoundedRect(area, _CORNER, _CORNER)
    painter.setBrush(title)
    painter.drawPath(_top_rounded(item.title_rect(), _CORNER))


def _paint_title(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    look, area = item.look, item.title_rect()
    colour = look.text_on(title_colour(item), "node_title_text")
    painter.setPen(colour)
    painter.setFont(look.title.font)
    right = area.right() - 10
    if is_full:
        right = _paint_marks(painter, item, right, colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_faded(colour, 0.6))
        painter.drawPolygon(_arrow_down(15, area.center().y(), item.record.collapsed))
        painter.setPen(colour)
    title = look.title.fitted(item.face.title, float(round(right - 30)))
    look.title.draw(painter, 27, area.center().y(), title)


def _paint_marks(painter: QPainter, item: NodeItem, right: float, colour: QColor) -> float:
    """The small marks at the right of the title; tells where they begin."""
    look, y = item.look, item.title_rect().center().y()
    words = _words(item)
    width = look.small.width(words) + 12
    if words and right - width - 6 - 28 < look.title.width(item.face.title[:200]):
        words = "?" if item.face.placeholder else "!" if not item.face.known else ""
        width = 18.0
    if words:
        area = QRectF(right - width, y - 9, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_faded(colour, 0.16))
        painter.drawRoundedRect(area, 9, 9)
        painter.setPen(_faded(colour, 0.9))
        painter.setFont(look.small.font)
        look.small.draw(painter, area.center().x() - look.small.width(words) / 2, y, words)
        painter.setFont(look.title.font)
        right = area.left() - 6
    if item.record.flags.get("pinned"):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_faded(colour, 0.8))
        painter.drawEllipse(QPointF(right - 5, y - 3), 4, 4)
        painter.drawPolygon(
            QPolygonF([QPointF(right - 6.2, y), QPointF(right - 3.8, y), QPointF(right - 5, y + 8)])
        )
        right -= 16
    state = item.status.state
    if state in (NodeState.DONE, NodeState.CACHED):
        good = QColor(look.colour("good"))
        painter.setPen(QPen(good, 1.5))
        painter.setBrush(good if state is NodeState.DONE else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(right - 5, y), 3.5, 3.5)
        right -= 16
    elif state is NodeState.QUEUED:
        painter.setPen(QPen(_faded(colour, 0.8), 1.5, Qt.PenStyle.DotLine))
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
    look = item.look
    for row, area in zip(item.face.rows, item.layout.rows, strict=True):
        painter.setPen(look.text_on(body_colour(item), "text"))
        painter.setFont(look.note.font)
        _paint_paragraph(painter, item, row.text, area.adjusted(0, 2, 0, -2))


def _paint_rows(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    look, face = item.look, item.face
    body = body_colour(item)
    fields = [item.field_rect(index) for index in range(len(face.rows))]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.field_on(body))
    if not is_full:
        painter.drawRects(fields)
        return
    painter.setFont(look.row.font)
    _paint_labels(painter, item, look.text_on(body, "row_text"))
    for row, area in zip(face.rows, fields, strict=True):
        painter.setPen(look.pen("danger", 1.2) if row.problem else Qt.PenStyle.NoPen)
        field = look.field_on(body)
        painter.setBrush(_faded(field, 0.4) if row.linked else field)
        painter.drawRoundedRect(area, _FIELD_CORNER, _FIELD_CORNER)
        if row.kind is RowKind.LONG_TEXT and not row.linked:
            _paint_long_row(painter, item, row, area)
        else:
            _paint_row(painter, look, row, area, body)


def _paint_labels(painter: QPainter, item: NodeItem, colour: QColor) -> None:
    """The names of the sockets that are shown by themselves."""
    look, face, layout = item.look, item.face, item.layout
    width = layout.width
    painter.setPen(colour)
    rights: list[float] = []
    for index, socket in enumerate(face.outputs):
        label = look.row.fitted(socket.label, width - 2 * MARGIN - 16)
        length = look.row.width(label)
        rights.append(length)
        look.row.draw(painter, width - MARGIN - 2 - length, layout.socket_y(index), label)
    for index, socket in enumerate(face.inputs):
        taken = rights[index] + 10 if index < len(rights) else 0
        label = look.row.fitted(socket.label, float(round(width - 2 * MARGIN - 4 - taken)))
        painter.setPen(colour if socket.required else _faded(colour, 0.65))
        look.row.draw(painter, MARGIN + 2, layout.socket_y(index), label)


def _paint_row(painter: QPainter, look: Look, row: Row, area: QRectF, body: QColor) -> None:
    field = look.field_on(body)
    label_colour, text_colour = look.text_on(field, "row_label"), look.text_on(field, "row_text")
    if row.linked:
        label_colour, text_colour = _faded(label_colour, 0.7), _faded(text_colour, 0.35)
    if row.problem:
        text_colour = look.colour("danger")
    y = area.center().y()
    left, right = area.left() + 9, area.right() - 9
    if row.kind in NUMBERS:
        if not row.linked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_faded(label_colour, 0.75))
            painter.drawPolygon(_arrow_aside(area.left() + 9, y, -1))
            painter.drawPolygon(_arrow_aside(area.right() - 9, y, 1))
        left, right = area.left() + ARROW, area.right() - ARROW
    elif row.kind in (RowKind.CHOICE, RowKind.AFTER_RUN):
        if not row.linked:
            painter.setPen(QPen(_faded(label_colour, 0.9), 1.4))
            painter.drawPolyline(_chevron(area.right() - 12, y))
        right = area.right() - 21
    elif row.kind is RowKind.TOGGLE:
        _paint_switch(painter, look, bool(row.value), QRectF(area.right() - 33, y - 7, 26, 14), row.linked)
        right = area.right() - 39
    label = look.row.fitted(row.label, float(round((right - left) * 0.6)))
    taken = look.row.width(label)
    painter.setPen(label_colour)
    look.row.draw(painter, left, y, label)
    text = look.row.fitted(
        row.text or (_NOTHING if row.problem else ""),
        float(round(right - left - taken - (10 if label else 0))),
    )
    painter.setPen(text_colour)
    look.row.draw(painter, right - look.row.width(text), y, text)


def _paint_switch(painter: QPainter, look: Look, is_on: bool, area: QRectF, is_linked: bool) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    track = look.colour("accent") if is_on else look.colour("row_label")
    painter.setBrush(_faded(track, 0.35 if is_linked else 1.0 if is_on else 0.6))
    painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
    radius = area.height() / 2 - 2
    x = area.right() - radius - 2 if is_on else area.left() + radius + 2
    painter.setBrush(look.colour("on_accent") if is_on else look.colour("row"))
    painter.drawEllipse(QPointF(x, area.center().y()), radius, radius)


def _paint_long_row(painter: QPainter, item: NodeItem, row: Row, area: QRectF) -> None:
    look = item.look
    field = look.field_on(body_colour(item))
    text = row.text or row.label
    colour = look.text_on(field, "row_text" if row.text else "row_label")
    painter.setPen(colour)
    painter.setFont(look.row.font)
    _paint_paragraph(painter, item, text, area.adjusted(8, 4, -6, -4))


def _paint_paragraph(painter: QPainter, item: NodeItem, text: str, area: QRectF) -> None:
    """As many whole lines as fit."""
    texts = item.look.note if item.face.note else item.look.row
    lines = max(int(area.height() / texts.height), 1)
    painter.save()
    painter.setClipRect(
        QRectF(area.left(), area.top(), area.width(), min(lines * texts.height, area.height()))
    )
    painter.drawStaticText(area.topLeft(), texts.paragraph(text, float(round(area.width()))))
    painter.restore()


def _paint_results(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    look, layout = item.look, item.layout
    if not layout.text.isEmpty() and is_full:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.field_on(body_colour(item)))
        painter.drawRoundedRect(layout.text, _FIELD_CORNER, _FIELD_CORNER)
        painter.setPen(look.colour("row_text"))
        painter.setFont(look.row.font)
        _paint_paragraph(painter, item, "\n".join(item.status.texts), layout.text.adjusted(8, 4, -6, -4))
    if layout.picture.isEmpty():
        return
    painter.setRenderHint(_Hint.SmoothPixmapTransform)
    if item.preview is not None:
        shown = inside(layout.picture, item.preview.width(), item.preview.height())
        painter.drawPixmap(shown, item.preview, QRectF(item.preview.rect()))
        return
    areas, paths = item.picture_cells(), item.pictures()
    for area, path in zip(areas, paths, strict=False):
        _paint_picture(painter, look, item.thumbnail(path), area)
    if len(paths) > 1 and is_full:
        _paint_pill(painter, look, layout.picture.bottomRight() - QPointF(4, 4), f"{len(paths)} pictures")


def _paint_picture(painter: QPainter, look: Look, picture: QPixmap | None, area: QRectF) -> None:
    if picture is None or picture.isNull():
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("row"))
        painter.drawRoundedRect(area, _FIELD_CORNER, _FIELD_CORNER)
        return
    painter.drawPixmap(inside(area, picture.width(), picture.height()), picture, QRectF(picture.rect()))


def _paint_progress(painter: QPainter, item: NodeItem) -> None:
    if item.status.state is not NodeState.RUNNING:
        return
    width = item.layout.width
    accent = item.look.colour("accent")
    painter.fillRect(QRectF(0, 0, width, 4), _faded(accent, 0.25))
    if item.status.progress is not None:
        painter.fillRect(QRectF(0, 0, width * min(max(item.status.progress, 0.0), 1.0), 4), accent)


def _paint_sockets(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    if item.record.collapsed:
        for ports in (item.ports_in, item.ports_out):
            if ports:
                _paint_stacked(painter, item, ports)
        return
    opacity = painter.opacity()
    for port in (*item.ports_in, *item.ports_out):
        if port.dimmed:
            painter.setOpacity(opacity * 0.2)
        if is_full:
            _paint_socket(painter, item.look, port)
        elif not port.is_row or port.is_linked:
            painter.fillRect(QRectF(port.centre_x - 5, port.centre_y - 5, 10, 10), port.brush)
        if port.dimmed:
            painter.setOpacity(opacity)


def _paint_stacked(painter: QPainter, item: NodeItem, ports: list[PortItem]) -> None:
    """The sockets of one side of a collapsed node are one dot."""
    is_linked = any(port.is_linked for port in ports)
    painter.setPen(item.look.pen("node_border", 1))
    painter.setBrush(item.look.colour("socket_other") if is_linked else item.look.colour("row"))
    painter.drawEllipse(QPointF(ports[0].centre_x, ports[0].centre_y), _SOCKET, _SOCKET)


def _paint_socket(painter: QPainter, look: Look, port: PortItem) -> None:
    is_linked = port.is_linked
    radius = _ROW_SOCKET if port.is_row else _SOCKET
    if port.hovered:
        radius += 2.5
    is_hollow = port.port_type == "in" and not is_linked and not port.hovered
    if is_hollow:
        is_faint = not port.required
        painter.setPen(QPen(_faded(port.brush, 0.55 if is_faint else 1.0), 1.4 if is_faint else 2.0))
        painter.setBrush(look.colour("row"))
        radius -= 1.0 if is_faint else 0.5
    else:
        painter.setPen(look.pen("node_border", 1))
        painter.setBrush(port.brush)
    x, y = port.centre_x, port.centre_y
    match port.shape_kind:
        case Shape.CIRCLE:
            painter.drawEllipse(QPointF(x, y), radius, radius)
        case Shape.SQUARE:
            side = radius * 0.88
            painter.drawRect(QRectF(x - side, y - side, 2 * side, 2 * side))
        case Shape.DIAMOND:
            tip = radius * 1.25
            points = [QPointF(x, y - tip), QPointF(x + tip, y), QPointF(x, y + tip), QPointF(x - tip, y)]
            painter.drawPolygon(QPolygonF(points))


def _paint_outline(painter: QPainter, item: NodeItem, is_full: bool) -> None:
    look, area = item.look, item.outline()
    radius = TITLE_HEIGHT / 2 if item.record.collapsed else _CORNER
    painter.setBrush(Qt.BrushStyle.NoBrush)
    state = {
        NodeState.RUNNING: "accent",
        NodeState.FAILED: "danger",
        NodeState.BLOCKED: "warning",
    }.get(item.status.state)
    if item.isSelected():
        painter.setPen(look.pen("node_selected", 2 if is_full else 4))
        painter.drawRoundedRect(area.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
    if state:
        painter.setPen(look.pen(state, 2 if is_full else 4))
        painter.drawRoundedRect(area, radius, radius)
    elif item.face.placeholder:
        painter.setPen(QPen(look.colour("unknown"), 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(area, radius, radius)
    elif is_full and not item.isSelected():
        painter.setPen(look.pen("node_border", 1))
        painter.drawRoundedRect(area, radius, radius)


def _paint_message(painter: QPainter, item: NodeItem) -> None:
    """Why it failed, in a strip below."""
    message = item.status.message
    if not message:
        return
    look, area = item.look, item.outline()
    failed = item.status.state is NodeState.FAILED
    strip = QRectF(area.left(), area.bottom() + 5, area.width(), 22)
    painter.setPen(Qt.PenStyle.NoPen)
    fill = look.colour("danger" if failed else "warning")
    painter.setBrush(fill)
    painter.drawRoundedRect(strip, _FIELD_CORNER, _FIELD_CORNER)
    painter.setPen(look.text_on(fill, "text"))
    painter.setFont(look.row.font)
    look.row.draw(
        painter,
        strip.left() + 8,
        strip.center().y(),
        look.row.fitted(message, float(round(strip.width() - 16))),
    )


def _paint_badge(painter: QPainter, item: NodeItem) -> None:
    """Its number among the nodes that ran, above the title."""
    look, status = item.look, item.status
    if not look.badges or status.order is None:
        return
    took = "" if status.seconds is None or status.seconds < 0.05 else f"  {status.seconds:.1f} s"
    corner = QPointF(item.outline().right() - 6, item.outline().top() + 6)
    _paint_pill(painter, look, corner, f"{status.order}{took}")


def _paint_pill(painter: QPainter, look: Look, corner: QPointF, text: str) -> None:
    """Small words on a dark ground, its bottom right at a point."""
    width = look.small.width(text) + 12
    area = QRectF(corner.x() - width, corner.y() - 16, width, 16)
    painter.setPen(look.pen("line", 1))
    painter.setBrush(look.colour("window"))
    painter.drawRoundedRect(area, 8, 8)
    painter.setPen(look.colour("text"))
    painter.setFont(look.small.font)
    look.small.draw(painter, area.left() + 6, area.center().y(), text)


def _paint_reroute(painter: QPainter, item: NodeItem) -> None:
    look, area = item.look, item.body()
    radius = area.height() / 2
    painter.setPen(look.pen("node_selected", 2) if item.isSelected() else look.pen("node_border", 1))
    painter.setBrush(look.colour("node"))
    painter.drawRoundedRect(area, radius, radius)
    title = item.face.title or (item.ports_out[0].wire_type if item.ports_out else "")
    painter.setFont(look.small.font)
    painter.setPen(look.colour("row_label"))
    label = look.small.fitted(title if title != "*" else "", float(round(area.width() - 24)))
    look.small.draw(painter, area.center().x() - look.small.width(label) / 2, area.center().y(), label)
    _paint_sockets(painter, item, True)


def _faded(colour: QColor, alpha: float) -> QColor:
    result = QColor(colour)
    result.setAlphaF(colour.alphaF() * alpha)
    return result


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


def _arrow_aside(x: float, y: float, way: int) -> QPolygonF:
    return QPolygonF([QPointF(x - 3 * way, y - 4), QPointF(x - 3 * way, y + 4), QPointF(x + 3 * way, y)])


def _chevron(x: float, y: float) -> QPolygonF:
    return QPolygonF([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])
