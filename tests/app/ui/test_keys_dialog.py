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
    settings: SettingsFile, folders: Folders, qtbot: Any, tmp_path: Path
) -> None:
    dialog = SettingsDialog(settings, folders, tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    shown = {"theme", "text_scale", "drag_empty", "keys", "cache"}
    shown |= {*dialog.switches, *dialog.counts, *dialog.sizes}
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
    for name, size in dialog.sizes.items():
        assert size.value() == getattr(settings.settings, name)
        size.setValue(size.minimum() + 7)
        assert getattr(settings.settings, name) == size.minimum() + 7
    settings.change(cache_disk_gb=0)
    assert dialog.sizes["cache_disk_gb"].text() == "No files"
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


def test_sizes_of_the_cache_are_asked_for_where_they_count(
    settings: SettingsFile, folders: Folders, qtbot: Any, tmp_path: Path
) -> None:
    dialog = SettingsDialog(settings, folders, tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.sizes["cache_host_gb"].isVisible()
    dialog.cache.setFocus()
    QTest.keyClick(dialog.cache, Qt.Key.Key_Down)
    assert settings.settings.cache == "lru"
    assert dialog.sizes["cache_host_gb"].isVisible()
    assert dialog.sizes["cache_device_gb"].isVisible()


def test_stored_results_can_be_cleared(
    settings: SettingsFile, folders: Folders, qtbot: Any, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "a.result").write_bytes(b"x" * 3000)
    (results / "b.txt").write_bytes(b"not ours")
    dialog = SettingsDialog(settings, folders, results)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.clear.text() == "Clear (2.9 KB)"
    QTest.mouseClick(dialog.clear, Qt.MouseButton.LeftButton)
    assert [file.name for file in results.iterdir()] == ["b.txt"]
    assert not dialog.clear.isEnabled()
    assert dialog.clear.text() == "Clear"
