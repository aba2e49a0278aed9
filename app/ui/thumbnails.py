"""Small pictures that are kept as JPEG in the database, painted."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QPixmap

_DECODED: Final = 300


class Thumbnails:
    """Those that were painted last, decoded."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()

    def of(self, key: str, jpeg: bytes) -> QPixmap:
        """The picture that is kept under a key; empty if it is damaged."""
        if key not in self._kept:
            self._kept[key] = pixmap = QPixmap()
            pixmap.loadFromData(jpeg)
            if len(self._kept) > _DECODED:
                self._kept.popitem(last=False)
        return self._kept[key]


def draw_inside(painter: QPainter, box: QRect, pixmap: QPixmap) -> None:
    """Draws a picture as large as a box allows, in its middle."""
    target = QRect(QPoint(), pixmap.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio))
    target.moveCenter(box.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawPixmap(target, pixmap)
