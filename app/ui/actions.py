"""Menu entries, keys and palette entries, all made from the table of commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app import icons
from app.commands import BY_ID, COMMANDS, Command
from app.documents import OpenDocument
from app.theme import Theme

Keys = Mapping[str, Sequence[str]]
"""Command id -> the keys the user gave it, for those whose keys are not the default ones."""

MENUS: Final = tuple(dict.fromkeys(command.menu for command in COMMANDS if command.menu))

_ICONS: Final = {
    "file.new": "new",
    "file.open": "open",
    "file.save": "save",
    "file.save_as": "save-as",
    "file.settings": "settings",
    "edit.undo": "undo",
    "edit.redo": "redo",
    "edit.copy": "copy",
    "edit.delete": "clear",
    "edit.find": "search",
    "node.add": "plus",
    "node.pin": "pin",
    "run.queue": "run",
    "run.queue_next": "run-next",
    "run.cancel": "cancel",
    "run.clear": "clear",
    "view.fit": "fit",
    "view.zoom_in": "zoom-in",
    "view.zoom_out": "zoom-out",
    "view.zoom_1": "zoom-1",
    "view.refresh": "refresh",
    "viewer.full_screen": "full-screen",
    "help.keys": "keys",
    "help.about": "info",
}
_SWITCH_ICONS: Final = {
    "view.minimap": "minimap",
    "window.queue": "queue",
    "window.preview": "preview",
    "window.viewer": "viewer",
    "window.properties": "properties",
    "window.library": "library",
    "window.timeline": "timeline",
    "window.assets": "assets",
    "window.log": "log",
}
"""Icons of what is switched on and off: menus show a tick instead, tool bars and the palette the icon."""


class Actions(QObject):
    """The actions of all commands.

    Attributes:
        all: Command id -> its action.

    Signals:
        triggered: Id of the command that the user asked for.
    """

    triggered = Signal(str)

    def __init__(self, theme: Theme, keys: Keys, parent: QWidget) -> None:
        super().__init__(parent)
        self.all = {command.id: self._make(command) for command in COMMANDS}
        self.set_theme(theme)
        self.set_keys(keys)
        parent.addActions([self.all[command.id] for command in COMMANDS if command.scope == "window"])

    def __getitem__(self, command_id: str) -> QAction:
        return self.all[command_id]

    def attach(self, canvas: QWidget) -> None:
        """Lets the keys of the canvas act while that widget itself has the focus, and no editor inside it."""
        canvas.addActions([self.all[command.id] for command in COMMANDS if command.scope == "canvas"])

    def set_keys(self, keys: Keys) -> None:
        """Gives the commands their keys."""
        for command in COMMANDS:
            action = self.all[command.id]
            action.setShortcuts([QKeySequence(k) for k in keys_of(command, keys)])
            _explain(action)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        for command_id, name in _ICONS.items():
            self.all[command_id].setIcon(icons.icon(name, theme))

    def set_canvas_there(self, there: bool) -> None:
        """Without a canvas, what acts on one cannot be asked for."""
        for command in COMMANDS:
            if needs_document(command):
                self.all[command.id].setEnabled(there)

    def show_steps(self, opened: OpenDocument | None) -> None:
        """Names the steps that undo and redo would take."""
        history = opened.history if opened else None
        for command_id, labels in (
            ("edit.undo", history.undo_labels if history else []),
            ("edit.redo", history.redo_labels if history else []),
        ):
            action, word = self.all[command_id], BY_ID[command_id].label
            action.setEnabled(bool(labels))
            action.setText(f"{word} {labels[0]}" if labels else word)
            _explain(action)

    def fill(self, bar: QMenuBar) -> dict[str, QMenu]:
        """The menus of the window, by title."""
        menus = {title: bar.addMenu(f"&{title}") for title in MENUS}
        for command in COMMANDS:
            if command.menu:
                if command.starts_section:
                    menus[command.menu].addSeparator()
                menu = self._menu_of(command, menus)
                menu.addAction(self.all[command.id])
                menu.setToolTipsVisible(menu.toolTipsVisible() or bool(command.hint))
        return {title: menus[title] for title in MENUS}

    def _menu_of(self, command: Command, menus: dict[str, QMenu]) -> QMenu:
        """The menu a command stands in; one inside another is made where its first command stands."""
        menu = menus[command.menu]
        if not command.submenu:
            return menu
        title = f"{command.menu}/{command.submenu}"
        if title not in menus:
            menus[title] = menu.addMenu(command.submenu)
        return menus[title]

    def menu_with(self, command_id: str) -> QMenu:
        """The menu in which a command stands."""
        return next(menu for menu in self.all[command_id].associatedObjects() if isinstance(menu, QMenu))

    def icon_name(self, command_id: str) -> str:
        """The drawing that stands for a command; empty if there is none."""
        return _ICONS.get(command_id) or _SWITCH_ICONS.get(command_id, "")

    def _make(self, command: Command) -> QAction:
        action = QAction(command.label, self)
        action.setObjectName(command.id)
        action.setCheckable(command.checkable)
        action.setIconVisibleInMenu(False)
        roles = {"file.quit": QAction.MenuRole.QuitRole, "help.about": QAction.MenuRole.AboutRole}
        roles["file.settings"] = QAction.MenuRole.PreferencesRole
        action.setMenuRole(roles.get(command.id, QAction.MenuRole.NoRole))
        if command.scope == "canvas":
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda: self.triggered.emit(command.id))
        return action


def needs_document(command: Command) -> bool:
    """Whether a command makes sense only while a document is open."""
    if command.id.startswith(("window.", "help.", "view.minimap", "view.snap", "view.badges")):
        return False
    own = ("file.save", "file.save_as", "file.export_prompt", "file.close", "edit.find", "edit.clear")
    return command.scope == "canvas" or command.id in own or command.id.startswith("run.queue")


def _explain(action: QAction) -> None:
    """Puts the key into the tool tip."""
    text = BY_ID[action.objectName()].hint or action.text().removesuffix("...")
    key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{text} ({key})" if key else text)


def keys_of(command: Command, keys: Keys) -> tuple[str, ...]:
    """The keys of a command: the user's, or else the default ones."""
    return tuple(keys.get(command.id, command.keys))


def conflicts(keys: Keys) -> dict[str, tuple[str, ...]]:
    """Keys that more than one command has -> ids of those commands.

    The canvas has the focus most of the time, so its keys and those of the window can meet.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for command in COMMANDS:
        for key in dict.fromkeys(normal(key) for key in keys_of(command, keys)):
            found[key].append(command.id)
    return {key: tuple(ids) for key, ids in found.items() if key and len(ids) > 1}


def normal(key: str) -> str:
    """Keys as Qt writes them, so that one key has one spelling; empty if they mean nothing."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
