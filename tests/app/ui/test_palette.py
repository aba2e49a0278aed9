"""The command palette: everything the program can do, by name."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from app.canvas.popup import PopupItem
from app.commands import COMMANDS
from app.theme import DARK
from app.ui.actions import Actions
from app.ui.command_palette import CommandPalette


class Window(QMainWindow):
    """A window with the actions of all commands, which only notes what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.commands = Actions(DARK, {"file.save": ["Ctrl+Alt+S"]}, self)
        self.commands.triggered.connect(self.asked.append)
        self.palette_ = CommandPalette(self, self.commands, DARK)
        self.field = QLineEdit(self)

    def found(self) -> list[PopupItem]:
        return self.palette_.popup.shown()

    def press(self, text: str, key: Qt.Key = Qt.Key.Key_Return) -> None:
        line = self.palette_.popup.findChild(QLineEdit)
        assert isinstance(line, QLineEdit)
        QTest.keyClicks(line, text)
        QTest.keyClick(line, key)


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    window.resize(900, 600)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.field.setFocus()
    return window


def test_every_command_is_there_with_its_present_keys(window: Window) -> None:
    window.palette_.show_all()
    found = {item.data: item for item in window.found()}
    assert set(found) == {command.id for command in COMMANDS} - {"view.palette"}
    assert found["file.save"].detail == window.commands["file.save"].shortcut().toString()
    assert "Alt" in found["file.save"].detail
    assert found["file.export_prompt"].detail == ""


def test_typing_a_name_runs_the_command_and_gives_the_focus_back(window: Window) -> None:
    window.palette_.show_all()
    window.press("align left")
    assert window.asked == ["node.align_left"]
    assert window.palette_.popup.isHidden()
    assert window.field.hasFocus()


def test_escape_runs_nothing(window: Window) -> None:
    window.palette_.show_all()
    window.press("align left", Qt.Key.Key_Escape)
    assert window.asked == []
    assert window.field.hasFocus()


def test_what_cannot_be_done_now_is_greyed_and_does_nothing(window: Window) -> None:
    window.commands["edit.undo"].setEnabled(False)
    window.palette_.show_all()
    assert {item.data for item in window.found() if not item.enabled} == {"edit.undo"}
    window.press("undo")
    assert window.asked == []
    assert window.palette_.popup.isVisible()
    window.palette_.popup.cancel()


def test_switches_say_what_is_on(window: Window) -> None:
    window.commands["view.minimap"].setChecked(True)
    window.palette_.show_all()
    assert next(item for item in window.found() if item.data == "view.minimap").detail == "on"
    window.press("minimap")
    assert window.asked == ["view.minimap"]
    assert not window.commands["view.minimap"].isChecked()


def test_it_lies_inside_the_window(window: Window) -> None:
    window.resize(420, 300)
    window.palette_.show_all()
    assert window.rect().contains(window.palette_.popup.geometry())
    window.palette_.popup.cancel()
