"""What a panel shows while it has nothing to show, and the window while no document is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app import icons
from app.canvas.graph import CanvasGraph
from app.theme import Theme
from app.ui import style

_RECENT: Final = 6
_ICONS: Final = {"Text to Image": "viewer", "Templates...": "node", "Empty": "new", "Open...": "open"}
_FIRST_STEPS: Final = "Double-click to add a node, or drop a picture or a workflow here."


class EmptyState(QWidget):
    """A quiet picture with a headline and a sentence that says what will be here, and how to get it."""

    def __init__(
        self, icon: str, headline: str, text: str, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._theme = theme
        self._picture = QLabel()
        self._headline = QLabel(headline)
        self._text = QLabel(text)
        style.set_role(self._headline, "heading")
        style.set_role(self._text, "dim")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(16, 16, 16, 16)
        self.body.setSpacing(8)
        self.body.addStretch(2)
        for label in (self._picture, self._headline, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(label is not self._picture)
            self.body.addWidget(label)
        self.body.addStretch(3)
        self.set_text(headline, text)
        self.set_theme(theme)

    def set_text(self, headline: str, text: str) -> None:
        """Says something else."""
        self._headline.setText(headline)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setAccessibleName(headline)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        size = self.fontMetrics().height() * 2
        colour = style.mixed(theme.text_dim, theme.panel, 0.7)
        self._picture.setPixmap(icons.pixmap(self._icon, colour, size, self.devicePixelRatioF()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leaves the picture out where there is no room for it."""
        super().resizeEvent(event)
        self._picture.setVisible(self.height() > self.fontMetrics().height() * 8)


class EmptyCanvas(EmptyState):
    """How to begin, over the canvas of a document without nodes. Mouse and drops pass through."""

    def __init__(self, canvas: CanvasGraph, theme: Theme) -> None:
        viewport = canvas.viewer().viewport()
        super().__init__("node", "Nothing here yet", _FIRST_STEPS, theme, viewport)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._canvas = canvas
        canvas.opened.edited.connect(self._follow)
        viewport.installEventFilter(self)
        self._follow()

    def _follow(self, _changed: object = None) -> None:
        document = self._canvas.opened.document
        self.setVisible(not (document.nodes or document.groups or document.reroutes))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Covers the canvas, whatever its size. Qt calls this."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.viewer().viewport().rect())
        return super().eventFilter(watched, event)


class Welcome(QWidget):
    """What the window shows while no document is open.

    Signals:
        new_wanted: The ready graph is to be opened.
        templates_wanted: The templates are to be shown.
        empty_wanted: An empty document is to be opened.
        open_wanted: A file is to be chosen.
        file_wanted: A recent file is to be opened, as `Path`.
    """

    new_wanted = Signal()
    templates_wanted = Signal()
    empty_wanted = Signal()
    open_wanted = Signal()
    file_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QLabel()
        self._picture.setPixmap(
            icons.app_icon().pixmap(self.fontMetrics().height() * 5, self.fontMetrics().height() * 5)
        )
        title, hint = QLabel("Darkroom"), QLabel("Or drop a picture or a workflow here.")
        font = title.font()
        font.setPointSizeF(max(1.0, font.pointSizeF()) * 1.7)
        title.setFont(font)
        style.set_role(hint, "dim")
        self._files = QVBoxLayout()
        self._files.setSpacing(2)
        outer = QVBoxLayout(self)
        outer.setSpacing(12)
        outer.addStretch(2)
        for widget in (self._picture, title):
            outer.addWidget(widget, 0, Qt.AlignmentFlag.AlignCenter)
        outer.addLayout(self._buttons())
        outer.addWidget(hint, 0, Qt.AlignmentFlag.AlignCenter)
        outer.addLayout(self._files)
        outer.addStretch(3)
        self._buttons_by_name["Text to Image"].setFocus()
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        for name, icon in _ICONS.items():
            button = self._buttons_by_name[name]
            colour = theme.on_accent if button.property("role") == "primary" else ""
            button.setIcon(icons.icon(icon, theme, colour))

    def set_recent(self, files: Sequence[Path]) -> None:
        """Offers these files."""
        while item := self._files.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        for file in files[:_RECENT]:
            button = QPushButton(file.name)
            button.setToolTip(str(file))
            style.set_role(button, "flat")
            button.clicked.connect(lambda _checked=False, path=file: self.file_wanted.emit(path))
            self._files.addWidget(button, 0, Qt.AlignmentFlag.AlignCenter)

    def _buttons(self) -> QGridLayout:
        """Two beside each other: the window may be small."""
        grid = QGridLayout()
        grid.setSpacing(8)
        self._buttons_by_name: dict[str, QPushButton] = {}
        for number, (name, signal) in enumerate(
            (
                ("Text to Image", self.new_wanted),
                ("Templates...", self.templates_wanted),
                ("Empty", self.empty_wanted),
                ("Open...", self.open_wanted),
            )
        ):
            button = QPushButton(name)
            button.clicked.connect(lambda _checked=False, wanted=signal: wanted.emit())
            self._buttons_by_name[name] = button
            grid.addWidget(button, number // 2, number % 2 + 1)
        style.set_role(self._buttons_by_name["Text to Image"], "primary")
        for side in (0, 3):
            grid.setColumnStretch(side, 1)
        return grid
