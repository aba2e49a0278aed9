"""What a link carried in the last run, shown beside the mouse that rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import QPoint, QRect, QSize, Qt, QTimer, SignalInstance
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from core.errors import WorkflowError
from core.graph import Link
from core.inspection import Facts, inspect
from core.workflow.compile import Given, source_of

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph
    from app.canvas.pipe_item import PipeItem
    from app.executor import Inspected
    from core.events import Picture

_DELAY: Final = 350
_AWAY: Final = QPoint(14, 18)
_PICTURE: Final = 128
"""Smaller thumbnails are enlarged to this, in device-independent pixels: latents are small."""
_TEXT: Final = 300
_INSIDE: Final = 8


class Values(Protocol):
    """Where the values of the last run can be looked at: the executor."""

    @property
    def inspected(self) -> SignalInstance:
        """Tells of an `Inspected`."""
        ...

    def inspect(self, document_key: str, source: Link) -> None:
        """Asks for a value."""
        ...


class ValueTip(QFrame):
    """Appears over the canvas once the mouse has rested on a link, and lets the mouse through.

    Args:
        values: Who knows; without it, only what primitives give is shown.

    Attributes:
        picture, words: What it shows.
    """

    def __init__(self, graph: CanvasGraph, values: Values | None) -> None:
        super().__init__(graph.viewer().viewport())
        self._graph = graph
        self._values = values
        self._link: int | None = None
        self._source: Link | None = None
        self._at = QPoint()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Value of the link")
        self.picture, self.words = QLabel(), QLabel()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(_INSIDE, _INSIDE, _INSIDE + 2, _INSIDE)
        row.setSpacing(10)
        row.addWidget(self.picture)
        row.addWidget(self.words)
        self._timer = QTimer(self, interval=_DELAY, singleShot=True)
        self._timer.timeout.connect(self._ask)
        graph.viewer().view_changed.connect(self.leave)
        graph.opened.edited.connect(self.leave)
        if values is not None:
            values.inspected.connect(self._on_inspected)
        self.hide()

    def hover(self, pipe: PipeItem | None, at: QPoint) -> None:
        """The mouse is over a link, or over none, there in the viewport."""
        link_id = None if pipe is None else pipe.link_id
        self._at = at
        if link_id != self._link:
            self.leave()
            self._link = link_id
            if link_id is not None:
                self._timer.start()

    def leave(self, _changed: object = None) -> None:
        """Disappears."""
        self._link = self._source = None
        self._timer.stop()
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the ground and the frame."""
        theme = self._graph.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(theme.line))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.end()

    def _ask(self) -> None:
        document, link_id = self._graph.document, self._link
        if link_id is None or link_id not in document.links:
            return
        try:
            source = source_of(document, link_id)
        except WorkflowError:
            return  # running it will tell
        if isinstance(source, Given):
            self._show_facts(inspect(document.links[link_id].type, [source.value]))
        elif source is not None and self._values is not None:
            self._source = source
            self._values.inspect(self._graph.opened.key, source)

    def _on_inspected(self, found: Inspected) -> None:
        if found.source != self._source or found.document_key != self._graph.opened.key:
            return
        self._source = None
        if found.facts is not None:
            self._show_facts(found.facts)
        elif found.reason:
            self._show_words([found.reason], None)

    def _show_facts(self, facts: Facts) -> None:
        self._show_words(facts.lines(), facts.thumbnail)

    def _show_words(self, lines: list[str], thumbnail: Picture | None) -> None:
        theme = self._graph.theme
        self.words.setStyleSheet(f"color: {theme.text}; background: transparent;")
        self.words.setText("\n".join(lines))
        self._limit_words()
        self.picture.setVisible(thumbnail is not None)
        if thumbnail is not None:
            self.picture.setPixmap(self._pixmap(thumbnail))
        self.resize(self.sizeHint())
        self._place()
        self.show()
        self.raise_()

    def _limit_words(self) -> None:
        """Wraps texts that would be wider than the tip may be."""
        room = QRect(0, 0, _TEXT, 10_000)
        self.words.setWordWrap(False)
        if self.words.sizeHint().width() > _TEXT:
            flags = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere
            area = self.words.fontMetrics().boundingRect(room, flags, self.words.text())
            self.words.setWordWrap(True)
            self.words.setFixedSize(_TEXT, area.height())
        else:
            self.words.setFixedSize(self.words.sizeHint())

    def _pixmap(self, thumbnail: Picture) -> QPixmap:
        height, width, _ = thumbnail.shape
        image = QImage(thumbnail.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        ratio = self.devicePixelRatioF()
        longest = round(max(width, height, _PICTURE) * ratio)
        size = QSize(width, height).scaled(longest, longest, Qt.AspectRatioMode.KeepAspectRatio)
        mode = Qt.TransformationMode.SmoothTransformation
        # Without the copy an image that keeps its size would go on using the pixels of the array.
        pixmap = QPixmap.fromImage(image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, mode).copy())
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    def _place(self) -> None:
        """Right below the mouse, or on its other side where there is no room; never under it."""
        room, size = self._graph.viewer().viewport().rect(), self.size()
        at = self._at + _AWAY
        if at.x() + size.width() > room.right():
            at.setX(max(self._at.x() - _AWAY.x() - size.width(), 0))
        if at.y() + size.height() > room.bottom():
            at.setY(max(self._at.y() - _AWAY.y() - size.height(), 0))
        self.move(at)
