"""Finding nodes on the canvas: by title, by type, by what their values say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from app import icons
from app.canvas.graph import CanvasGraph
from app.ui import style
from core.workflow.document import Changed
from core.workflow.records import Node

_MARGIN: Final = 12


class FindBar(QWidget):
    """A line in the corner of a canvas. What it finds is selected and brought to the middle.

    Args:
        graph: The canvas it searches; the bar lies on its view and goes when it goes.
    """

    def __init__(self, graph: CanvasGraph) -> None:
        super().__init__(graph.viewer())
        self._graph = graph
        self._texts: dict[str, str] | None = None
        self._found: list[str] = []
        self._current = -1
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Find a node")
        self.line.setAccessibleName("Find a node")
        self.line.textChanged.connect(lambda: self._search())
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self.line)  # a click on a button leaves the focus where it is
        self.count = QLabel(self)
        style.set_role(self.count, "dim")
        self._buttons = {
            "chevron-up": self._button("Previous (Shift+Enter)", lambda: self._go(-1)),
            "chevron-down": self._button("Next (Enter)", lambda: self._go(1)),
            "close": self._button("Close (Esc)", self.close_bar),
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 6, 6)
        row.setSpacing(4)
        for widget in (self.line, self.count, *self._buttons.values()):
            row.addWidget(widget)
        graph.viewer().installEventFilter(self)
        graph.opened.edited.connect(self._on_edited)
        self.hide()

    def open_bar(self) -> None:
        """Shows itself and takes the keys; what was looked for last can be typed over."""
        for name, button in self._buttons.items():
            button.setIcon(icons.icon(name, self._graph.theme))
        self._search()
        self._place()
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.line.selectAll()

    def close_bar(self) -> None:
        """Hides itself; what was found stays selected."""
        self.hide()
        self._graph.viewer().setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stays in the corner of the view."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Shift+Enter go through what was found. No key reaches the canvas below."""
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._go(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
            case Qt.Key.Key_Escape:
                self.close_bar()
            case Qt.Key.Key_Down:
                self._go(1)
            case Qt.Key.Key_Up:
                self._go(-1)
            case _:
                pass
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keeps presses from the canvas below."""
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Keeps double clicks from the canvas below."""
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Keeps the wheel from the canvas below."""
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the panel and its edge."""
        del event
        theme = self._graph.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(theme.line))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)

    # --- finding

    def _search(self) -> None:
        """Finds anew; the first is shown, or what was shown before if it is still found."""
        self._count()
        if self._current < 0:
            self._go(1)

    def _count(self) -> None:
        """Finds anew without moving the view."""
        shown = self._found[self._current] if self._current >= 0 else None
        words = self.line.text().casefold().split()
        told = self._told().items() if words else ()
        self._found = [key for key, text in told if all(word in text for word in words)]
        self._current = self._found.index(shown) if shown in self._found else -1
        self._show_count()

    def _go(self, way: int) -> None:
        """Selects the next (1) or previous (-1) of what was found and shows it in the middle."""
        if not self._found:
            return
        start = len(self._found) if self._current < 0 and way < 0 else self._current
        self._current = (start + way) % len(self._found)
        key = self._found[self._current]
        self._graph.select([key])
        self._graph.viewer().centre_on(key)
        self._show_count()

    def _show_count(self) -> None:
        if self._found:
            text = f"{self._current + 1} of {len(self._found)}"
        else:
            text = "Nothing found" if self.line.text().strip() else ""
        self.count.setText(text)
        for name in ("chevron-up", "chevron-down"):
            self._buttons[name].setEnabled(len(self._found) > 1)

    def _told(self) -> Mapping[str, str]:
        """Node id -> all that it can be found by. Kept up to date while the bar is shown."""
        if self._texts is None:
            self._texts = {key: self._text_of(node) for key, node in self._graph.document.nodes.items()}
        return self._texts

    def _text_of(self, node: Node) -> str:
        item = self._graph.nodes.get(node.id)
        title = item.face.title if item else node.title or ""
        return "\n".join((title, node.type, *_words(node.widgets))).casefold()

    def _on_edited(self, changed: Changed) -> None:
        if self._texts is None or not changed.nodes:
            return
        if not self.isVisible():
            self._texts = None
            return
        for key in changed.nodes:
            node = self._graph.document.nodes.get(key)
            if node is None:
                self._texts.pop(key, None)
            else:
                self._texts[key] = self._text_of(node)
        self._count()

    # --- its parts

    def _button(self, tip: str, action: Any) -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(action)
        return button

    def _place(self) -> None:
        room = self._graph.viewer().rect()
        self.ensurePolished()
        metrics = self.fontMetrics()
        self.count.setMinimumWidth(metrics.horizontalAdvance("Nothing found  "))
        width = min(
            max(self.sizeHint().width(), metrics.horizontalAdvance("0") * 52), room.width() - 2 * _MARGIN
        )
        self.setGeometry(room.right() - _MARGIN - width, _MARGIN, width, self.sizeHint().height())


def _words(value: object) -> Iterator[str]:
    """Everything written in a node's values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
    elif value is not None:
        yield str(value)
