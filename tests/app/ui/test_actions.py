"""Commands: each is handled, has its place and its keys, and no two keys clash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.window import Parts
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from app.canvas.actions import CanvasActions
from app.commands import BY_ID, COMMANDS
from app.documents import OpenDocument
from app.theme import DARK
from app.ui.actions import MENUS, Actions, conflicts, keys_of, normal
from core.folders import Folders
from core.workflow.operations import SetTitle


@pytest.fixture
def parts(qapp: object, tmp_path: Path, folders: Folders) -> Iterator[Parts]:
    parts = Parts(tmp_path / "profile", folders)
    yield parts
    parts.end()


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(300, 200)
    return window


def test_every_command_is_handled_by_exactly_one(parts: Parts) -> None:
    ours, the_canvas_s = set(parts.window.handlers), set(CanvasActions().handles)
    assert ours | the_canvas_s == set(BY_ID)
    assert not ours & the_canvas_s


def test_every_command_is_in_its_menu(parts: Parts) -> None:
    shown: dict[str, tuple[str, str]] = {}
    for menu_action in parts.window.menuBar().actions():
        for action in menu_action.menu().actions():  # type: ignore[attr-defined]
            title, inner = menu_action.text().replace("&", ""), action.menu()
            for entry in inner.actions() if inner else [action]:  # type: ignore[attr-defined]
                if entry.objectName():
                    shown[entry.objectName()] = (title, action.text() if inner else "")
    assert shown == {c.id: (c.menu, c.submenu) for c in COMMANDS if c.menu}
    assert list(dict.fromkeys(title for title, _ in shown.values())) == list(MENUS)


def test_default_keys_mean_something_and_do_not_clash() -> None:
    assert conflicts({}) == {}
    for command in COMMANDS:
        for key in command.keys:
            assert normal(key), f"{command.id}: {key}"


def test_a_clash_names_all_that_have_the_key() -> None:
    keys = {"file.new": ["ctrl+o"], "view.fit": ["Ctrl+O"]}
    assert conflicts(keys) == {"Ctrl+O": ("file.new", "file.open", "view.fit")}
    assert conflicts({**keys, "file.open": [], "view.fit": []}) == {}


def test_own_keys_take_the_place_of_the_default_ones(window: QWidget) -> None:
    actions = Actions(DARK, {"file.new": ["Ctrl+Alt+N", "F5"], "file.open": []}, window)
    assert actions["file.new"].shortcuts() == [QKeySequence("Ctrl+Alt+N"), QKeySequence("F5")]
    assert actions["file.open"].shortcuts() == []
    actions.set_keys({})
    assert actions["file.new"].shortcuts() == [QKeySequence("Ctrl+N")]
    assert actions["file.new"].toolTip() == "New (Ctrl+N)"
    assert keys_of(BY_ID["edit.redo"], {}) == ("Ctrl+Y", "Ctrl+Shift+Z")


def test_keys_of_the_canvas_act_on_the_canvas_only(window: QWidget, qtbot: Any) -> None:
    actions = Actions(DARK, {}, window)
    asked: list[str] = []
    actions.triggered.connect(asked.append)
    canvas, beside = QWidget(window), QLineEdit(window)
    inside = QLineEdit(canvas)
    for widget in (canvas, beside):
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    actions.attach(canvas)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    control = Qt.KeyboardModifier.ControlModifier
    for widget in (inside, beside):
        widget.setFocus()
        QTest.keyClicks(widget, "pqf.")
        QTest.keyClick(widget, Qt.Key.Key_D, control)
        QTest.keyClick(widget, Qt.Key.Key_Tab)
    assert asked == []
    canvas.setFocus()
    for key in (Qt.Key.Key_P, Qt.Key.Key_Q, Qt.Key.Key_F, Qt.Key.Key_Period, Qt.Key.Key_Tab):
        QTest.keyClick(canvas, key)
    QTest.keyClick(canvas, Qt.Key.Key_D, control)
    assert asked == ["node.pin", "window.queue", "window.focus", "view.fit", "node.add", "edit.duplicate"]


@pytest.mark.parametrize("key", ["Return", "Enter"])
def test_keys_of_the_window_act_while_typing_too(window: QWidget, qtbot: Any, key: str) -> None:
    actions = Actions(DARK, {}, window)
    asked: list[str] = []
    actions.triggered.connect(asked.append)
    line = QLineEdit(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    line.setFocus()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    pad = Qt.KeyboardModifier.KeypadModifier if key == "Enter" else Qt.KeyboardModifier.NoModifier
    for modifiers in (control, control | shift, control | Qt.KeyboardModifier.AltModifier):
        QTest.keyClick(line, Qt.Key[f"Key_{key}"], modifiers | pad)
    assert asked == ["run.queue", "run.queue_next", "run.cancel"]


def test_undo_and_redo_name_their_steps(window: QWidget, open_document: Callable[[], OpenDocument]) -> None:
    actions, opened = Actions(DARK, {}, window), open_document()
    actions.show_steps(opened)
    assert not actions["edit.undo"].isEnabled()
    opened.do(SetTitle(next(iter(opened.document.nodes)), "A"), "Rename node")
    actions.show_steps(opened)
    assert actions["edit.undo"].text() == "Undo Rename node"
    assert not actions["edit.redo"].isEnabled()
    opened.undo()
    actions.show_steps(opened)
    assert actions["edit.redo"].text() == "Redo Rename node"
    actions.show_steps(None)
    assert actions["edit.redo"].text() == "Redo"


def test_without_a_document_what_needs_one_is_off(window: QWidget) -> None:
    actions = Actions(DARK, {}, window)
    actions.set_canvas_there(False)
    off = {command_id for command_id, action in actions.all.items() if not action.isEnabled()}
    assert {"file.save", "run.queue", "edit.paste", "node.add", "edit.find", "edit.clear"} <= off
    assert not {"file.open", "window.queue", "window.focus", "view.palette", "help.about"} & off


def test_every_icon_there_is_a_name_for_is_drawn(window: QWidget) -> None:
    actions = Actions(DARK, {}, window)
    for command in COMMANDS:
        if actions.icon_name(command.id) and not command.checkable:
            assert not actions[command.id].icon().isNull()
