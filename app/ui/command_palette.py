"""The command palette: every command by name, with its keys."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPoint
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QWidget

from app.canvas.popup import ChoicePopup, PopupItem
from app.commands import COMMANDS, Command
from app.theme import Theme
from app.ui.actions import Actions

_ITSELF: Final = "view.palette"
_LETTERS: Final = 72


class CommandPalette:
    """Offers all commands of a window and runs the one that is chosen.

    Args:
        window: Over which it is shown.
    """

    def __init__(self, window: QWidget, actions: Actions, theme: Theme) -> None:
        self._window = window
        self._actions = actions
        self.popup = ChoicePopup(window, theme)
        self.popup.chosen.connect(self._run)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.popup.set_theme(theme)

    def show_all(self) -> None:
        """Opens it at the top middle of the window. Escape gives the focus back to what had it."""
        items = [self._item(command) for command in COMMANDS if command.id != _ITSELF]
        width = min(_LETTERS * self._window.fontMetrics().averageCharWidth(), self._window.width() - 80)
        corner = QPoint((self._window.width() - width) // 2, self._window.height() // 10)
        self.popup.open_at(
            self._window.mapToGlobal(corner), items, placeholder="Type the name of a command", width=width
        )

    def _item(self, command: Command) -> PopupItem:
        action = self._actions[command.id]
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        state = "on" if action.isChecked() else ""
        return PopupItem(
            ": ".join(command.place(action.text())),
            "   ".join(part for part in (state, keys) if part),
            command.id,
            search=command.id,
            enabled=action.isEnabled(),
            hint=command.hint,
        )

    def _run(self, command_id: str) -> None:
        self._actions[command_id].trigger()
