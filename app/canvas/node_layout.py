"""Where the parts of a node are, in its own coordinates: the origin is the top left of its body."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from PySide6.QtCore import QRectF

from app.canvas.face import Face, RowKind
from app.theme import ROW_HEIGHT, SLOT_HEIGHT, TITLE_HEIGHT

MARGIN: Final = 10.0
"""Between the edge of a body and its fields."""

ARROW: Final = 20.0
"""Width of the arrows at both ends of a number."""

REROUTE_HEIGHT: Final = 26.0

_FIRST_SOCKET: Final = 14.0
_PADDING: Final = 6.0
_LONG_TEXT: Final = 62.0
_MIN_WIDTH: Final = (60.0, 140.0)
_MIN_HEIGHT: Final = 16.0
_MOST: Final = 16_000.0
_RESULT_TEXT: Final = 66.0
_MIN_PICTURE: Final = 80.0
_MOST_CELLS: Final = 16


class Part(Enum):
    """What of a node or group is at a point."""

    TITLE = "title"
    COLLAPSE = "collapse"
    ROW = "row"
    RESIZE = "resize"
    PICTURE = "picture"
    BODY = "body"


@dataclass(slots=True)
class NodeLayout:
    """Where the parts of a node are.

    Attributes:
        sockets: Height of the middle of every socket that is shown by itself, inputs and outputs alike.
        rows: Areas of the value rows.
        picture: Area of its pictures; empty if it has none.
        text: Area of the texts it produced; empty if it has none.
    """

    width: float
    height: float
    collapsed: bool = False
    rows: list[QRectF] = field(default_factory=list[QRectF])
    picture: QRectF = field(default_factory=QRectF)
    text: QRectF = field(default_factory=QRectF)

    @staticmethod
    def socket_y(slot: int) -> float:
        """Where the middle of the socket number `slot` of its side is."""
        return _FIRST_SOCKET + slot * SLOT_HEIGHT

    def body(self) -> QRectF:
        """The body without the title."""
        return QRectF(0, 0, self.width, 0 if self.collapsed else self.height)

    def title(self) -> QRectF:
        """The title bar."""
        return QRectF(0, -TITLE_HEIGHT, self.width, TITLE_HEIGHT)


def lay_out(
    face: Face, size: tuple[float, float], *, aspect: float | None = None, has_texts: bool = False
) -> NodeLayout:
    """Where the parts of a node are whose document gives it a size. It grows to what it has to show.

    Args:
        aspect: Height of its picture divided by its width; None without a picture.
    """
    if face.note:
        return _lay_out_note(face, size)
    width, stored = min(max(size[0], _MIN_WIDTH[bool(face.rows)]), _MOST), min(size[1], _MOST)
    top = max(len(face.inputs), len(face.outputs)) * SLOT_HEIGHT + _PADDING
    long_rows = [i for i, row in enumerate(face.rows) if row.kind is RowKind.LONG_TEXT and not row.linked]
    wanted = [_LONG_TEXT if i in long_rows else ROW_HEIGHT for i in range(len(face.rows))]
    needed = top + sum(wanted) + _PADDING
    text = _RESULT_TEXT if has_texts else 0.0
    picture = (width - 2 * MARGIN) * min(aspect, 1.5) + _PADDING if aspect else 0.0
    free = max(stored - needed, 0.0)
    if long_rows:
        spare = max(free - text - picture, 0.0)
        for index in long_rows:
            wanted[index] += spare / len(long_rows)
        needed += spare
    elif text:
        text = max(free - picture, text)
    if aspect and free - text >= _MIN_PICTURE and not long_rows:
        picture = free - text
    height = max(stored, needed + text + picture, _MIN_HEIGHT)
    result = NodeLayout(width, height)
    y = top
    for row_height in wanted:
        result.rows.append(QRectF(MARGIN, y, width - 2 * MARGIN, row_height))
        y += row_height
    if text:
        result.text = QRectF(MARGIN, y + 2, width - 2 * MARGIN, text - 4)
        y += text
    if picture:
        result.picture = QRectF(MARGIN, y + 2, width - 2 * MARGIN, height - y - _PADDING - 2)
    return result


def lay_out_collapsed(title_width: float) -> NodeLayout:
    """A node of which only the title is shown."""
    return NodeLayout(title_width, 0.0, collapsed=True)


def lay_out_reroute(size: tuple[float, float]) -> NodeLayout:
    """ComfyUI's old reroute node: no title, one line."""
    return NodeLayout(min(max(size[0], 40.0), 200.0), REROUTE_HEIGHT)


def cells(area: QRectF, count: int, aspect: float) -> list[QRectF]:
    """Places for as many pictures as can be told apart, each as large as it gets, in a grid.

    Args:
        aspect: Height of a picture divided by its width.
    """
    count = min(count, _MOST_CELLS)
    if count == 0 or area.isEmpty():
        return []
    best = max(range(1, count + 1), key=lambda columns: _cell_width(area, count, columns, aspect))
    rows = math.ceil(count / best)
    width, height = area.width() / best, area.height() / rows
    gap = 2.0 if count > 1 else 0.0
    return [
        QRectF(
            area.x() + (index % best) * width + gap / 2,
            area.y() + (index // best) * height + gap / 2,
            width - gap,
            height - gap,
        )
        for index in range(count)
    ]


def inside(area: QRectF, width: float, height: float) -> QRectF:
    """The largest area of a shape that fits in the middle of another."""
    scale = min(area.width() / max(width, 1e-6), area.height() / max(height, 1e-6))
    shown = QRectF(0, 0, width * scale, height * scale)
    shown.moveCenter(area.center())
    return shown


def index_at(areas: Sequence[QRectF], x: float, y: float) -> int:
    """Which of the areas a point is in; -1 if none."""
    return next((index for index, area in enumerate(areas) if area.contains(x, y)), -1)


def _lay_out_note(face: Face, size: tuple[float, float]) -> NodeLayout:
    width, height = min(max(size[0], _MIN_WIDTH[0]), _MOST), min(max(size[1], 40.0), _MOST)
    rows = [QRectF(MARGIN, 4, width - 2 * MARGIN, height - 8)] if face.rows else []
    return NodeLayout(width, height, rows=rows)


def _cell_width(area: QRectF, count: int, columns: int, aspect: float) -> float:
    return min(area.width() / columns, area.height() / math.ceil(count / columns) / max(aspect, 1e-6))
