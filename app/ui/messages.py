"""What the window has to tell: bars above the canvas for what happened, boxes for what must be decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.theme import Theme
from app.ui import style
from app.ui.read_text import ReadText

_MOST: Final = 3
_LISTED: Final = 12


class Level(Enum):
    """How much a message matters; the values name its icon and its colour."""

    INFO = ("info", "accent")
    WARNING = ("warning", "warning")
    ERROR = ("error", "danger")


Remedy = tuple[str, Callable[[], object]]
"""What a message offers to do about it: the words on its button, and what that does."""


class MessageBar(QFrame):
    """One message. It stays until it is closed.

    Signals:
        closed: The user has read it.
    """

    closed = Signal()

    def __init__(
        self, level: Level, title: str, details: Sequence[str], theme: Theme, remedy: Remedy | None = None
    ) -> None:
        super().__init__()
        self.title = title
        self.level = level
        self._picture = QLabel()
        self.text = ReadText(title)
        self.text.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.details = QPlainTextEdit("\n".join(details))
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details")
        self.more = QToolButton()
        self.more.setText("Details")
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setVisible(bool(details))
        self.more.toggled.connect(self._fold)
        style.set_role(self.more, "fold")
        self.remedy = QToolButton()
        self.remedy.setVisible(remedy is not None)
        if remedy is not None:
            self.remedy.setText(remedy[0])
            self.remedy.clicked.connect(lambda: remedy[1]())
        self.close_button = QToolButton()
        self.close_button.setToolTip("Close")
        self.close_button.setAccessibleName("Close message")
        self.close_button.clicked.connect(self.closed)
        self._arrange()
        self.set_theme(theme)
        self._fold(False)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        name, role = self.level.value
        colour = str(getattr(theme, role))
        size = self.fontMetrics().height()
        self._picture.setPixmap(icons.pixmap(name, colour, size, self.devicePixelRatioF()))
        self.close_button.setIcon(icons.icon("close", theme))
        self._set_arrow()
        self.setStyleSheet(
            f"MessageBar {{ background: {style.tinted(colour, theme)};"
            f" border: none; border-left: 3px solid {colour}; }}"
        )

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._picture)
        row.addWidget(self.text, 1)
        row.addWidget(self.remedy)
        row.addWidget(self.more)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 5, 6, 5)
        column.addLayout(row)
        column.addWidget(self.details)
        lines = min(max(2, self.details.blockCount()), _LISTED)
        self.details.setFixedHeight(self.fontMetrics().lineSpacing() * (lines + 1) + 8)

    def _fold(self, on: bool) -> None:
        self.details.setVisible(on)
        self._set_arrow()

    def _set_arrow(self) -> None:
        name = "chevron-down" if self.more.isChecked() else "chevron-right"
        self.more.setIcon(icons.icon(name, self._theme))


class MessageArea(QWidget):
    """The messages that have not been read yet, the newest last."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.bars: list[MessageBar] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self.hide()

    def tell(
        self, level: Level, title: str, details: Sequence[str] = (), remedy: Remedy | None = None
    ) -> None:
        """Adds a message. What is said again is not shown twice; of many the oldest give way."""
        for bar in [bar for bar in self.bars if bar.title == title]:
            self._remove(bar)
        if len(details) == 1:
            title, details = f"{title}: {details[0]}" if title else details[0], ()
        bar = MessageBar(level, title, details, self._theme, remedy)
        bar.closed.connect(lambda: self._remove(bar))
        self.bars.append(bar)
        self._column.addWidget(bar)
        for old in self.bars[:-_MOST]:
            self._remove(old)
        self.show()

    def clear(self) -> None:
        """Takes all messages away."""
        for bar in tuple(self.bars):
            self._remove(bar)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        for bar in self.bars:
            bar.set_theme(theme)

    def _remove(self, bar: MessageBar) -> None:
        if bar in self.bars:
            self.bars.remove(bar)
            self._column.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
        self.setVisible(bool(self.bars))


def ask(
    parent: QWidget,
    question: str,
    explanation: str,
    answers: Sequence[tuple[str, QMessageBox.ButtonRole, Callable[[], object]]],
) -> QMessageBox:
    """A box that asks, and calls what belongs to the answer. It blocks its window, not the program.

    Args:
        answers: Text, role and what to do; the first one is the default, one with the reject role is Escape.
    """
    box = QMessageBox(QMessageBox.Icon.NoIcon, "Darkroom", question, parent=parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(explanation)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chosen: dict[QAbstractButton, Callable[[], object]] = {}
    for text, role, then in answers:
        button = box.addButton(text, role)
        chosen[button] = then
        if len(chosen) == 1:
            box.setDefaultButton(button)

    def answer(button: QAbstractButton) -> None:
        chosen[button]()

    box.buttonClicked.connect(answer)
    box.open()
    return box


def ask_unsaved(
    parent: QWidget, names: Sequence[str], save: Callable[[], object], discard: Callable[[], object]
) -> QMessageBox:
    """Asks what to do with documents whose changes would be lost."""
    role = QMessageBox.ButtonRole
    one = len(names) == 1
    listed = [f"•  {name}" for name in names[:_LISTED]]
    if len(names) > _LISTED:
        listed.append(f"and {len(names) - _LISTED} more")
    return ask(
        parent,
        f"Save the changes to {names[0]}?" if one else f"Save the changes to {len(names)} documents?",
        "They are lost otherwise." if one else "\n".join([*listed, "", "They are lost otherwise."]),
        (
            ("Save" if one else "Save All", role.AcceptRole, save),
            ("Discard", role.DestructiveRole, discard),
            ("Cancel", role.RejectRole, lambda: None),
        ),
    )
