"""An editor over the part of the canvas that it edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QApplication

from app.canvas.line_editor import LineEditor
from app.canvas.text_editor import TextEditor
from app.canvas.viewer import CanvasViewer
from app.theme import Theme

_LEAST_LINE: Final = 120
_LEAST_TEXT: Final = QSize(280, 110)


class Overlay:
    """An editor that is open.

    Args:
        area: Where in the scene is what it edits, now.
        pixels: Size of its letters at zoom 1.
        is_title: It edits a title: in bold.

    Attributes:
        text: What it held when it was opened, or last written.
        commit: Writes a text; raises `ValueError` with a sentence for one that cannot be taken. None for an
            editor that writes as it is typed into.
        node_id, row: What it edits; the row is -1 for a title.
        group: The group whose title it edits; -1 if none.
    """

    def __init__(
        self,
        widget: LineEditor | TextEditor,
        area: Callable[[], QRectF],
        pixels: float,
        *,
        is_title: bool = False,
        commit: Callable[[str], None] | None = None,
        node_id: str = "",
        row: int = -1,
        group: int = -1,
    ) -> None:
        self.widget = widget
        self.text = widget.text() if isinstance(widget, LineEditor) else ""
        self.commit = commit
        self.node_id = node_id
        self.row = row
        self.group = group
        self._area = area
        self._pixels = pixels
        self._is_title = is_title

    def show(self, viewer: CanvasViewer, theme: Theme) -> None:
        """Appears in its place and takes the keys."""
        self.place(viewer, theme)
        self.widget.show()
        self.widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def place(self, viewer: CanvasViewer, theme: Theme) -> None:
        """Lies over what it edits, inside the view, large enough to be read at any zoom."""
        widget = self.widget
        readable = QFontInfo(QApplication.font()).pixelSize()
        pixels = max(round(self._pixels * viewer.zoom()), readable)
        widget.setStyleSheet(_sheet(theme, pixels, is_title=self._is_title))
        widget.ensurePolished()
        field = in_view(viewer, self._area())
        is_line = isinstance(widget, LineEditor)
        least = QSize(_LEAST_LINE, widget.fontMetrics().height() + 6) if is_line else _LEAST_TEXT
        room = viewer.viewport().rect()
        area = QRect(field.topLeft(), field.size().expandedTo(least).boundedTo(room.size()))
        if is_line:
            area.moveCenter(QPoint(area.center().x(), field.center().y()))
        left = max(0, min(area.left(), room.width() - area.width()))
        top = max(0, min(area.top(), room.height() - area.height()))
        area.moveTo(left, top)
        widget.setGeometry(area)

    def remove(self) -> bool:
        """Disappears for good. Whether it had the focus."""
        had_focus = self.widget.hasFocus()
        self.widget.hide()
        self.widget.deleteLater()
        return had_focus


def in_view(viewer: CanvasViewer, area: QRectF) -> QRect:
    """Where an area of the scene is in the viewport."""
    return viewer.mapFromScene(area).boundingRect()


def _sheet(theme: Theme, pixels: int, *, is_title: bool) -> str:
    weight = "bold" if is_title else "normal"
    return f"""
        QLineEdit, QPlainTextEdit {{
            background: {theme.entry}; color: {theme.text}; border: 1px solid {theme.accent};
            border-radius: 4px; padding: 0 4px; min-height: 0; font-size: {pixels}px; font-weight: {weight};
            selection-background-color: {theme.accent}; selection-color: {theme.on_accent};
        }}
        QPlainTextEdit {{ padding: 2px; }}
    """
