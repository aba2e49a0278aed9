"""The table of keys, and the preferences: what is changed holds at once and is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtTest import QTest

from app.commands import COMMANDS
from app.settings import SettingsFile
from app.theme import DARK
from app.ui.keys_dialog import KeysDialog
from app.ui.settings_dialog import SettingsDialog
from core.folders import Folders

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


@pytest.fixture
def settings(file: Path) -> SettingsFile:
    return SettingsFile(file)


@pytest.fixture
def dialog(settings: SettingsFile, qtbot: Any) -> KeysDialog:
    dialog = KeysDialog(settings, DARK)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    return dialog


def keys(dialog: KeysDialog, command_id: str) -> str:
    dialog.choose(command_id)
    item = dialog.table.currentItem()
    assert item is not None
    return item.text(1)


def press(dialog: KeysDialog, command_id: str, key: str) -> None:
    dialog.choose(command_id)
    dialog.edit.setKeySequence(QKeySequence(key))
    QTest.mouseClick(dialog.set_button, LEFT)


def test_every_command_is_listed(dialog: KeysDialog) -> None:
    assert dialog.table.topLevelItemCount() == len(COMMANDS)
    assert keys(dialog, "file.new") == "Ctrl+N"
    assert keys(dialog, "edit.redo") == "Ctrl+Y, Ctrl+Shift+Z"


def test_a_key_is_typed_set_and_kept(dialog: KeysDialog, settings: SettingsFile, file: Path) -> None:
    dialog.choose("file.new")
    dialog.edit.setFocus()
    QTest.keyClick(dialog.edit, Qt.Key.Key_N, Qt.KeyboardModifier.AltModifier)
    QTest.mouseClick(dialog.set_button, LEFT)
    assert settings.settings.keys == {"file.new": ["Alt+N"]}
    assert json.loads(file.read_text())["keys"] == {"file.new": ["Alt+N"]}
    assert keys(dialog, "file.new") == "Alt+N"
    assert dialog.problem.isHidden()
    QTest.mouseClick(dialog.reset_button, LEFT)
    assert settings.settings.keys == {}
    assert keys(dialog, "file.new") == "Ctrl+N"


def test_clashes_are_shown_until_they_are_gone(dialog: KeysDialog) -> None:
    press(dialog, "file.new", "Ctrl+O")
    assert "Ctrl+O belongs to New and Open" in dialog.problem.text()
    assert dialog.problem.isVisible()
    dialog.choose("file.open")
    item = dialog.table.currentItem()
    assert item is not None
    assert item.foreground(1).color() == QColor(DARK.danger)
    QTest.mouseClick(dialog.remove_button, LEFT)
    assert keys(dialog, "file.open") == ""
    assert dialog.problem.isHidden()


def test_all_keys_are_reset_at_once(dialog: KeysDialog, settings: SettingsFile) -> None:
    press(dialog, "file.new", "F7")
    press(dialog, "view.fit", "F8")
    QTest.mouseClick(dialog.reset_all, LEFT)
    assert settings.settings.keys == {}
    assert not dialog.reset_all.isEnabled()


def test_commands_are_found_by_name_and_key(dialog: KeysDialog) -> None:
    QTest.keyClicks(dialog.search, "align left")
    assert dialog.table.topLevelItemCount() == 1
    dialog.search.clear()
    QTest.keyClicks(dialog.search, "ctrl+shift+p")
    assert dialog.chosen is not None
    assert dialog.chosen.id == "view.palette"
    dialog.search.setText("nothing like it")
    assert dialog.chosen is None
    assert not dialog.set_button.isEnabled()


def test_a_closed_table_follows_no_settings(dialog: KeysDialog, settings: SettingsFile) -> None:
    dialog.reject()
    settings.change(keys={"file.new": ["F7"]})
    assert keys(dialog, "file.new") == "Ctrl+N"


def test_preferences_show_and_change_every_setting(
    settings: SettingsFile, folders: Folders, qtbot: Any
) -> None:
    dialog = SettingsDialog(settings, folders)
    qtbot.addWidget(dialog)
    dialog.show()
    shown = {"theme", "text_scale", "drag_empty", "keys", *dialog.switches, *dialog.counts}
    assert shown == set(type(settings.settings).model_fields)
    for name, box in dialog.switches.items():
        before = getattr(settings.settings, name)
        assert box.isChecked() == before
        box.click()
        assert getattr(settings.settings, name) is not before
    for name, spin in dialog.counts.items():
        assert spin.value() == getattr(settings.settings, name)
        spin.setValue(spin.minimum() + 7)
        assert getattr(settings.settings, name) == spin.minimum() + 7
    settings.change(history_limit=0)
    assert dialog.counts["history_limit"].text() == "All jobs"
    dialog.theme.setFocus()
    QTest.keyClick(dialog.theme, Qt.Key.Key_Down)
    assert settings.settings.theme == "dark"
    dialog.text_scale.setValue(150)
    assert settings.settings.text_scale == 1.5
    dialog.drag_empty.setFocus()
    QTest.keyClick(dialog.drag_empty, Qt.Key.Key_Down)
    assert settings.settings.drag_empty == "select"
    settings.change(theme="light", minimap=True)
    assert dialog.theme.currentText() == "Light"
    assert dialog.switches["minimap"].isChecked()
    with qtbot.waitSignal(dialog.keys_wanted):
        dialog.keys.click()
