"""A node on the canvas: its parts, its sockets, and what it shows of the run."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.canvas import node_paint
from app.canvas.face import NUMBERS, Face
from app.canvas.node_layout import (
    ARROW,
    NodeLayout,
    Part,
    cells,
    index_at,
    lay_out,
    lay_out_collapsed,
    lay_out_reroute,
)
from app.canvas.node_socket import NodeSocket, Plug
from app.canvas.nodegraphqt import AbstractNodeItem
from app.canvas.paints import Paints
from app.run_status import IDLE, NodeState, NodeStatus
from app.theme import TITLE_HEIGHT
from core.workflow.records import Node

if TYPE_CHECKING:
    from app.canvas.mirror import Mirror

__all__ = ["NodeItem", "Part"]

_Flag = QGraphicsItem.GraphicsItemFlag
_Change = QGraphicsItem.GraphicsItemChange
_FLAGS: Final = (
    _Flag.ItemIsSelectable
    | _Flag.ItemIsMovable
    | _Flag.ItemContainsChildrenInShape
    | _Flag.ItemSendsGeometryChanges
)
_POSITION: Final = _Change.ItemPositionHasChanged
_SELECTED: Final = _Change.ItemSelectedHasChanged
_LAYER: Final = (0.0, 1.0)  # selected nodes are above the others
_RESIZE: Final = 14.0
_PICTURE: Final = (128, 2048)
_AROUND: Final = 12.0
_BELOW: Final = 32.0
_ROW_SOCKET: Final = 12.0
_TIP: Final = (2000, 40)
"""Characters and lines of a text that fit into a tooltip."""


class NodeItem(AbstractNodeItem):
    """A node.

    Attributes:
        record: The node in the document.
        face: What it shows.
        status: What it shows of the run.
        ports_in: One per socket of `face.inputs`, then one per row that takes a link.
        ports_out: One per socket of `face.outputs`.
        layout: Where its parts are.
        is_chosen: It is selected, as a value that costs no call.
        left, top: Its position, as numbers that cost no call.
        far: Its area from afar, owned by the overview's lists and moved with the item.
    """

    def __init__(self, record: Node, face: Face, mirror: Mirror) -> None:
        # Not the constructor this stands on: it sets flags and a tooltip that would be set again.
        QGraphicsItem.__init__(self)
        self.left, self.top = record.pos
        self.is_chosen = False
        self.setPos(*record.pos)
        self.setFlags(_FLAGS)
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._properties: dict[str, Any] = {
            "id": record.id,
            "name": face.title,
            "type_": record.type,
            "selected": False,
            "disabled": False,
            "visible": True,
            "layout_direction": 0,
        }
        self._mirror = mirror
        self.paints: Paints = mirror.paints
        self.record = record
        self.face = face
        self.status: NodeStatus = IDLE
        self.ports_in: list[NodeSocket] = []
        self.ports_out: list[NodeSocket] = []
        self.layout = NodeLayout(0, 0)
        self.preview: QPixmap | None = None
        self.far = QRectF()
        self._bounds = QRectF()
        self._above = 0.0
        self._inputs_by_slot: dict[int, NodeSocket] = {}
        self.present(record, face)

    # --- what it shows

    def present(self, record: Node, face: Face) -> None:
        """Shows another state of the node."""
        self.record, self.face = record, face
        self._properties["name"] = face.title
        self._make_ports()
        self.lay_out()
        if (self.left, self.top) != record.pos:
            self.setPos(*record.pos)

    def follow(self, record: Node) -> None:
        """Shows a state of the node that is only elsewhere."""
        self.record = record
        self.setPos(*record.pos)

    def show_status(self, status: NodeStatus) -> None:
        """Shows another state of the run."""
        before, self.status = self.status, status
        if status.preview is not before.preview:
            preview = status.preview
            is_there = preview is not None and not preview.isNull()
            self.preview = QPixmap.fromImage(preview) if preview and is_there else None
        had, has = self._shape_of(before), self._shape_of(status)
        if had != has or status.preview is not before.preview:
            self.lay_out()
        elif status.progress != before.progress and status.state is before.state:
            self.update(QRectF(0, -2, self.layout.width, 8))
        else:
            self.update()
        is_urgent = {NodeState.RUNNING, NodeState.FAILED, NodeState.BLOCKED}
        if status.state is not before.state and is_urgent & {status.state, before.state}:
            self._mirror.overview.changed()

    def set_paints(self, paints: Paints) -> None:
        """Shows itself with other colours and fonts."""
        self.paints = paints
        for port in (*self.ports_in, *self.ports_out):
            port.brush = paints.socket(port.wire_type)
        self.lay_out()

    def lay_out(self) -> None:
        """Places all its parts anew."""
        record, face = self.record, self.face
        if face.reroute:
            self.layout = lay_out_reroute(record.size)
        elif record.collapsed:
            text = self.paints.title.width(face.title[:200])
            # Never wider than while it is open: it would stick out of its group.
            self.layout = lay_out_collapsed(max(min(float(ceil(text + 52)), record.size[0], 400.0), 80.0))
        else:
            has_texts = bool(self.status.texts)
            self.layout = lay_out(face, record.size, aspect=self._aspect(), has_texts=has_texts)
        self._width, self._height = self.layout.width, self.layout.height
        self._place_ports()
        outline = self.outline()
        below = _BELOW if self.status.message else _AROUND
        bounds = outline.adjusted(-_AROUND, -_AROUND, _AROUND, below)
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self._above = -outline.top()
        if outline.size() != self.far.size():
            self._mirror.overview.changed()
        self.far.setRect(self.left, self.top - self._above, outline.width(), outline.height())
        self._mirror.node_moved(self)
        self.update()

    # --- its sockets

    def input_at(self, slot: int) -> NodeSocket | None:
        """The socket of an input of the document."""
        return self._inputs_by_slot.get(slot)

    def output_at(self, slot: int) -> NodeSocket | None:
        """The socket of an output of the document."""
        return self.ports_out[slot] if 0 <= slot < len(self.ports_out) else None

    def row_port(self, index: int) -> NodeSocket | None:
        """The socket of a value row."""
        row = self.face.rows[index]
        return next((p for p in self.ports_in if p.is_row and p.input_name == row.name), None)

    def ports(self) -> list[NodeSocket]:
        """All its sockets."""
        return [*self.ports_in, *self.ports_out]

    @property
    def inputs(self) -> list[NodeSocket]:
        """Its input sockets, as NodeGraphQt's view asks for them."""
        return self.ports_in

    @property
    def outputs(self) -> list[NodeSocket]:
        """Its output sockets, as NodeGraphQt's view asks for them."""
        return self.ports_out

    # --- where its parts are

    def body(self) -> QRectF:
        """The body without the title."""
        return self.layout.body()

    def title_rect(self) -> QRectF:
        """The title bar; empty for a reroute."""
        return QRectF() if self.face.reroute else self.layout.title()

    def outline(self) -> QRectF:
        """Title and body together."""
        layout = self.layout
        if self.face.reroute:
            return layout.body()
        return QRectF(0, -TITLE_HEIGHT, layout.width, TITLE_HEIGHT + layout.body().height())

    def resize_rect(self) -> QRectF:
        """The corner it is resized by; empty while it cannot be."""
        if self.face.reroute or self.record.collapsed:
            return QRectF()
        layout = self.layout
        return QRectF(layout.width - _RESIZE, layout.height - _RESIZE, _RESIZE, _RESIZE)

    def row_rect(self, index: int) -> QRectF:
        """The area of a value row."""
        return self.layout.rows[index]

    def field_rect(self, index: int) -> QRectF:
        """Where the value of a row is drawn and edited."""
        return self.layout.rows[index].adjusted(0, 2, 0, -2)

    def row_at(self, pos: QPointF) -> int:
        """Which row is at a point; -1 if none."""
        return index_at(self.layout.rows, pos.x(), pos.y())

    def step_at(self, pos: QPointF) -> int:
        """-1 on the left arrow of a number row, 1 on the right one, else 0."""
        index = self.row_at(pos)
        if index < 0 or self.face.rows[index].kind not in NUMBERS or self.face.rows[index].linked:
            return 0
        area = self.field_rect(index)
        return -1 if pos.x() < area.left() + ARROW else 1 if pos.x() > area.right() - ARROW else 0

    def part_at(self, pos: QPointF) -> Part:
        """What of it is at a point."""
        if self.title_rect().contains(pos):
            return Part.COLLAPSE if pos.x() < 24 else Part.TITLE
        if self.resize_rect().contains(pos):
            return Part.RESIZE
        if self.row_at(pos) >= 0:
            return Part.ROW
        return Part.PICTURE if self.layout.picture.contains(pos) else Part.BODY

    def picture_at(self, pos: QPointF) -> int:
        """Which of the pictures in `status.pictures` is at a point; -1 if none."""
        return index_at(self.picture_cells(), pos.x(), pos.y()) if self.status.pictures else -1

    def picture_cells(self) -> list[QRectF]:
        """Where its pictures are."""
        pictures = self.pictures()
        return cells(self.layout.picture, len(pictures), self._aspect() or 1.0)

    def row_problem(self, index: int) -> str:
        """Why the value of a row cannot be used; empty if it can."""
        return self.face.rows[index].problem

    def tooltip_at(self, pos: QPointF) -> str:
        """What is worth saying about a point: a problem, an error, a whole text, what an input is for."""
        index = self.row_at(pos)
        if index >= 0:
            row = self.face.rows[index]
            return row.problem or (row.spec.tooltip if row.spec else "")
        if self.layout.text.contains(pos):
            return _beginning(self.status.text)
        if self.status.message:
            return self.status.message
        if self.part_at(pos) is not Part.TITLE:
            return ""
        if self.face.placeholder:
            return "Darkroom does not know this node. It is kept as it came with its file."
        return "" if self.face.known else "Darkroom knows this node, but cannot run it."

    # --- its pictures

    def pictures(self) -> Sequence[Path]:
        """The files it shows: its results, else those its values name."""
        if not self.paints.previews or self.paints.thumbnails is None:
            return ()
        return self.status.pictures or self.face.pictures

    def thumbnail(self, path: Path, pixels: float) -> QPixmap | None:
        """A picture about as large as it is shown; None until it is there."""
        size = round(min(max(pixels, _PICTURE[0]), _PICTURE[1]))
        return self.paints.thumbnails.thumbnail(path, size) if self.paints.thumbnails else None

    def _aspect(self) -> float | None:
        """Height through width of what it shows below its rows; None if nothing."""
        if self.preview is not None and self.paints.previews:
            return self.preview.height() / self.preview.width()
        pictures = self.pictures()
        if not pictures:
            return None
        first = self.thumbnail(pictures[0], self.layout.picture.width())
        return first.height() / first.width() if first is not None and not first.isNull() else 1.0

    @staticmethod
    def _shape_of(status: NodeStatus) -> tuple[object, ...]:
        return status.pictures, bool(status.texts), bool(status.message)

    # --- what Qt and NodeGraphQt ask

    def boundingRect(self) -> QRectF:
        """All it paints on, its sockets and marks included."""
        return self._bounds

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Paints the whole node."""
        scale = option.levelOfDetailFromTransform(painter.worldTransform())
        node_paint.paint(painter, self, scale)

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        """Takes links along, and keeps the overview true."""
        if change is _POSITION:
            self.left, self.top = value.x(), value.y()
            self.far.moveTo(self.left, self.top - self._above)
            self._mirror.node_moved(self)
        elif change is _SELECTED:
            self.is_chosen = self._properties["selected"] = bool(value)
            self.setZValue(_LAYER[self.is_chosen])
            self._mirror.node_selected(self)
            self.update()
        return value

    def setSelected(self, selected: bool) -> None:
        """Selects it or not."""
        QGraphicsItem.setSelected(self, selected)

    def _make_ports(self) -> None:
        face, inputs, outputs = self.face, self.record.inputs, self.record.outputs
        wanted = [Plug("in", s.slot, inputs[s.slot].name, s.type, required=s.required) for s in face.inputs]
        wanted += [Plug("in", row.slot, row.name, row.type, True) for row in face.rows if row.takes_link]
        self.ports_in = self._matched(self.ports_in, wanted)
        wanted = [Plug("out", s.slot, outputs[s.slot].name, s.type, is_list=s.is_list) for s in face.outputs]
        self.ports_out = self._matched(self.ports_out, wanted)
        self._inputs_by_slot = {port.slot: port for port in self.ports_in if port.slot is not None}

    def _matched(self, old: list[NodeSocket], wanted: list[Plug]) -> list[NodeSocket]:
        """The sockets that are wanted; those that are there already stay, with their links."""
        paints, spare = self.paints, {port.key: port for port in old}
        result: list[NodeSocket] = []
        for plug in wanted:
            port = spare.pop(plug.key, None) if spare else None
            if port is None:
                port = NodeSocket(self, plug, paints.socket(plug.type))
            else:
                port.show_as(plug, paints.socket(plug.type))
            result.append(port)
        for port in set(old).difference(result):
            port.unlink()
        return result

    def _place_ports(self) -> None:
        layout, face = self.layout, self.face
        for port in self.ports_out:
            port.centre_x = layout.width
        if layout.collapsed or face.reroute:
            y = -TITLE_HEIGHT / 2 if layout.collapsed else layout.height / 2
            for port in self.ports():
                port.centre_y = y
            return
        for ports in (self.ports_out, self.ports_in[: len(face.inputs)]):
            for index, port in enumerate(ports):
                port.centre_y = layout.socket_y(index)
        areas = (area for area, row in zip(layout.rows, face.rows, strict=True) if row.takes_link)
        for port, area in zip(self.ports_in[len(face.inputs) :], areas, strict=True):
            port.centre_y = area.y() + _ROW_SOCKET


def _beginning(text: str) -> str:
    """A text as far as a tooltip has room for it."""
    characters, lines = _TIP
    shown = "\n".join(text[:characters].split("\n")[:lines])
    return shown if len(shown) == len(text) else f"{shown}…"
