"""Files as tiles: a small picture with a name below it, to be looked at, opened and dragged away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    QUrl,
)
from PySide6.QtGui import QColor, QDrag, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app import icons
from app.theme import Theme
from app.ui.rows import Index
from app.ui.thumbnails import draw_inside

PATH: Final = int(Qt.ItemDataRole.UserRole)
"""Role: the file, as `Path`; None where there is none to be dragged."""
PICTURE: Final = PATH + 1
"""Role: its small picture, as `QPixmap`; None until there is one."""
ICON: Final = PATH + 2
"""Role: the name of the icon of a file without a picture."""
GONE: Final = PATH + 3
"""Role: whether the file is not where it was."""

_GAP: Final = 5
_SIDE_EM: Final = 6
_GONE_OPACITY: Final = 0.35


class TileRows(QAbstractListModel):
    """What is shown as tiles, by the roles above. Files can be dragged, as every program takes them."""

    def flags(self, index: Index) -> Qt.ItemFlag:
        """What has a file can be dragged."""
        has_file = index.isValid() and index.data(PATH) is not None
        return super().flags(index) | (Qt.ItemFlag.ItemIsDragEnabled if has_file else Qt.ItemFlag(0))

    def mimeTypes(self) -> list[str]:
        """Tiles are dragged as files."""
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The files of tiles."""
        data = QMimeData()
        paths = [path for index in indexes if isinstance(path := index.data(PATH), Path)]
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        return data


def tile_side(metrics: QFontMetrics) -> int:
    """How wide and high the pictures of tiles are."""
    return metrics.height() * _SIDE_EM


class TileView(QListView):
    """Tiles in rows that are as long as there is room; models are `TileRows`."""

    def __init__(self, name: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._painter = _TilePainter(theme)
        self.setObjectName("bare")
        self.setAccessibleName(name)
        self.setItemDelegate(self._painter)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._painter.theme = theme
        self.viewport().update()

    def rows_height(self, rows: int) -> int:
        """The height that so many rows of tiles need."""
        tile = self._painter.size(self.fontMetrics()).height() + self.spacing()
        return rows * tile + self.spacing() + 2 * self.frameWidth()

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        """Drags the files of the selected tiles, as a copy."""
        del supportedActions
        indexes = [index for index in self.selectedIndexes() if index.data(PATH) is not None]
        if not indexes:
            return
        drag = QDrag(self)
        drag.setMimeData(self.model().mimeData(indexes))
        picture = indexes[0].data(PICTURE)
        if isinstance(picture, QPixmap) and not picture.isNull():
            side = tile_side(self.fontMetrics())
            drag.setPixmap(picture.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio))
        drag.exec(Qt.DropAction.CopyAction)


class _TilePainter(QStyledItemDelegate):
    """Draws a tile."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme

    def size(self, metrics: QFontMetrics) -> QSize:
        """Of every tile."""
        side = tile_side(metrics)
        return QSize(side + 2 * _GAP, side + metrics.lineSpacing() + 3 * _GAP)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Of every tile."""
        del index
        facts: Any = option
        return self.size(facts.fontMetrics)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draws one."""
        facts: Any = option
        rect: QRect = facts.rect
        metrics: QFontMetrics = facts.fontMetrics
        facts.widget.style().drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, facts.widget
        )
        side, is_gone = tile_side(metrics), bool(index.data(GONE))
        box = QRect(rect.left() + (rect.width() - side) // 2, rect.top() + _GAP, side, side)
        painter.save()
        painter.fillRect(box, QColor(self.theme.canvas))
        if is_gone:
            painter.setOpacity(_GONE_OPACITY)
        self._draw_picture(painter, box, index)
        painter.setOpacity(1.0)
        if is_gone:
            corner = QRect(0, 0, metrics.height(), metrics.height())
            corner.moveBottomRight(box.bottomRight())
            icons.icon("warning", self.theme, self.theme.warning).paint(painter, corner)
        painter.setPen(QColor(self.theme.text_dim if is_gone else self.theme.text))
        line = QRect(rect.left() + _GAP, box.bottom() + _GAP, rect.width() - 2 * _GAP, metrics.lineSpacing())
        # What tells files apart, as their numbers, is at the end of their names.
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideLeft, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, name)
        painter.restore()

    def _draw_picture(self, painter: QPainter, box: QRect, index: Index) -> None:
        picture = index.data(PICTURE)
        if isinstance(picture, QPixmap) and not picture.isNull():
            draw_inside(painter, box, picture)
        elif name := index.data(ICON):
            third = box.width() // 3
            icons.icon(str(name), self.theme, self.theme.text_dim).paint(
                painter, box.adjusted(third, third, -third, -third)
            )
