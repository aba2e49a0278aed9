"""The table of all keys, in which every command can be given others."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.commands import BY_ID, COMMANDS, Command
from app.settings import SettingsFile
from app.theme import Theme
from app.ui import style
from app.ui.actions import conflicts, keys_of, normal

_ID: Final = Qt.ItemDataRole.UserRole


class KeysDialog(QDialog):
    """Shows all commands with their keys; what is changed holds at once."""

    def __init__(self, settings: SettingsFile, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self._settings = settings
        self._theme = theme
        self.search = QLineEdit()
        self.table = QTreeWidget()
        self.edit = QKeySequenceEdit()
        self.set_button = QPushButton("Set")
        self.remove_button = QPushButton("No Key")
        self.reset_button = QPushButton("Default")
        self.reset_all = QPushButton("Reset All")
        self.problem = QLabel()
        self._build()
        self._fill()
        self._unsubscribe = settings.subscribe(self._fill)
        self.finished.connect(lambda: self._unsubscribe())

    @property
    def chosen(self) -> Command | None:
        """The command whose keys are being changed."""
        item = self.table.currentItem()
        return BY_ID.get(item.data(0, _ID)) if item else None

    def choose(self, command_id: str) -> None:
        """Goes to a command."""
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            if item and item.data(0, _ID) == command_id:
                self.table.setCurrentItem(item)

    def _fill(self) -> None:
        """Shows the keys as they are, with clashes marked."""
        keys = self._settings.settings.keys
        clashes = conflicts(keys)
        chosen = self.chosen
        words = self.search.text().casefold().split()
        self.table.clear()
        for command in COMMANDS:
            own = keys_of(command, keys)
            shown = ", ".join(QKeySequence(k).toString(QKeySequence.SequenceFormat.NativeText) for k in own)
            where = "canvas" if command.scope == "canvas" else "window"
            place = " > ".join(command.place(command.label.removesuffix("...")))
            if not all(word in f"{place} {shown}".casefold() for word in words):
                continue
            item = QTreeWidgetItem([place, shown, where])
            item.setData(0, _ID, command.id)
            item.setSizeHint(2, QSize(0, self.fontMetrics().height() * 3 // 2))
            self._mark(item, command, clashes)
            self.table.addTopLevelItem(item)
        self._tell_clashes(clashes)
        self.reset_all.setEnabled(bool(keys))
        if chosen:
            self.choose(chosen.id)
        if self.chosen is None and (first := self.table.topLevelItem(0)):
            self.table.setCurrentItem(first)

    def _mark(self, item: QTreeWidgetItem, command: Command, clashes: dict[str, tuple[str, ...]]) -> None:
        if any(command.id in ids for ids in clashes.values()):
            item.setForeground(1, QColor(self._theme.danger))
        elif command.id in self._settings.settings.keys:
            item.setForeground(1, QColor(self._theme.accent))
        item.setForeground(2, QColor(self._theme.text_dim))

    def _tell_clashes(self, clashes: dict[str, tuple[str, ...]]) -> None:
        sentences = [
            f"{key} belongs to {' and '.join(BY_ID[i].label.removesuffix('...') for i in ids)}; "
            "neither acts until one has another key."
            for key, ids in clashes.items()
        ]
        self.problem.setText("\n".join(sentences))
        self.problem.setVisible(bool(sentences))

    def _show_chosen(self) -> None:
        command = self.chosen
        for widget in (self.edit, self.set_button, self.remove_button, self.reset_button):
            widget.setEnabled(command is not None)
        if command is not None:
            keys = self._settings.settings.keys
            own = keys_of(command, keys)
            self.edit.setKeySequence(QKeySequence(own[0]) if own else QKeySequence())
            self.reset_button.setEnabled(command.id in keys)

    def _set(self) -> None:
        if command := self.chosen:
            key = normal(self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText))
            self._change(command, [key] if key else [])

    def _remove(self) -> None:
        if command := self.chosen:
            self._change(command, [])

    def _reset(self) -> None:
        if command := self.chosen:
            self._change(command, list(command.keys))

    def _change(self, command: Command, own: list[str]) -> None:
        keys = {name: value for name, value in self._settings.settings.keys.items() if name != command.id}
        if own != list(command.keys):
            keys[command.id] = own
        self._settings.change(keys=keys)

    def _build(self) -> None:
        self.search.setPlaceholderText("Search commands or keys")
        self.search.setAccessibleName("Search commands or keys")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.table.setHeaderLabels(["Command", "Keys", "In"])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAccessibleName("Commands and keys")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.header().setStretchLastSection(True)
        self.table.currentItemChanged.connect(self._show_chosen)
        self.table.itemActivated.connect(lambda: self.edit.setFocus())
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New key")
        style.set_role(self.problem, "danger")
        self.problem.setWordWrap(True)
        for button, act in (
            (self.set_button, self._set),
            (self.remove_button, self._remove),
            (self.reset_button, self._reset),
            (self.reset_all, lambda: self._settings.change(keys={})),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(act)
        row = QHBoxLayout()
        row.addWidget(QLabel("New key"))
        row.addWidget(self.edit, 1)
        for button in (self.set_button, self.remove_button, self.reset_button):
            row.addWidget(button)
        bottom = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        bottom.addButton(self.reset_all, QDialogButtonBox.ButtonRole.ResetRole)
        bottom.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        for widget in (self.search, self.table):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.problem)
        column.addWidget(bottom)
        em = self.fontMetrics().height()
        self.resize(em * 44, em * 40)
