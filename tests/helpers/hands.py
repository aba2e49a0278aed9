"""Two ways to use the program like a person: with test events of Qt, and on a real X server with xdotool."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

_MODIFIERS = {
    "ctrl": Qt.KeyboardModifier.ControlModifier,
    "shift": Qt.KeyboardModifier.ShiftModifier,
    "alt": Qt.KeyboardModifier.AltModifier,
}


class Hand(Protocol):
    """Moves the mouse and types. Positions are those of a widget."""

    def drag(self, widget: QWidget, path: Sequence[QPoint], modifier: str = "") -> None:
        """Presses the left button at the first point, moves through the others, lets go at the last."""

    def click(self, widget: QWidget, at: QPoint, modifier: str = "") -> None:
        """Clicks with the left button."""

    def double_click(self, widget: QWidget, at: QPoint) -> None:
        """Clicks twice."""

    def type(self, text: str) -> None:
        """Types ASCII letters and digits into what has the focus."""

    def key(self, keys: str) -> None:
        """Presses a key or a combination, as `Ctrl+Z`."""


class QtHand:
    """Sends Qt's own events; works without a display."""

    def drag(self, widget: QWidget, path: Sequence[QPoint], modifier: str = "") -> None:
        held = _MODIFIERS.get(modifier, Qt.KeyboardModifier.NoModifier)
        left = Qt.MouseButton.LeftButton
        QTest.mouseMove(widget, path[0])
        QTest.mousePress(widget, left, held, path[0])
        for start, end in itertools.pairwise(path):
            QTest.mouseMove(widget, (start + end) / 2)
            QTest.mouseMove(widget, end)
        QTest.mouseRelease(widget, left, held, path[-1])

    def click(self, widget: QWidget, at: QPoint, modifier: str = "") -> None:
        held = _MODIFIERS.get(modifier, Qt.KeyboardModifier.NoModifier)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, held, at)

    def double_click(self, widget: QWidget, at: QPoint) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
        QTest.mouseDClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)

    def type(self, text: str) -> None:
        QTest.keyClicks(_focused(), text)

    def key(self, keys: str) -> None:
        combination = QKeySequence(keys)[0]
        QTest.keyClick(_focused(), combination.key(), combination.keyboardModifiers())


class XHand:
    """Lets xdotool press the buttons and keys of the X server that the program is shown on."""

    def drag(self, widget: QWidget, path: Sequence[QPoint], modifier: str = "") -> None:
        steps = [*_move(widget, path[0]), "mousedown", "1"]
        for start, end in itertools.pairwise(path):
            steps += [
                *_move(widget, (start + end) / 2),
                "sleep",
                "0.05",
                *_move(widget, end),
                "sleep",
                "0.05",
            ]
        _xdotool(*_held(modifier, [*steps, "mouseup", "1"]))

    def click(self, widget: QWidget, at: QPoint, modifier: str = "") -> None:
        _xdotool(*_held(modifier, [*_move(widget, at), "click", "1"]))

    def double_click(self, widget: QWidget, at: QPoint) -> None:
        _xdotool(*_move(widget, at), "click", "--repeat", "2", "--delay", "60", "1")

    def type(self, text: str) -> None:
        _xdotool("type", "--delay", "20", text)

    def key(self, keys: str) -> None:
        _xdotool("key", keys.lower().replace("return", "Return").replace("home", "Home"))


def hand() -> Hand:
    """The hand for the platform the tests run on."""
    return XHand() if QApplication.platformName() == "xcb" else QtHand()


def _focused() -> QWidget:
    widget = QApplication.focusWidget() or QApplication.activeWindow()
    assert widget is not None, "no widget has the focus"
    return widget


def _move(widget: QWidget, at: QPoint) -> list[str]:
    place = widget.mapToGlobal(at)
    return ["mousemove", str(place.x()), str(place.y())]


def _held(modifier: str, steps: list[str]) -> list[str]:
    return ["keydown", modifier, *steps, "keyup", modifier] if modifier else steps


def _xdotool(*arguments: str) -> None:
    # The program goes on drawing meanwhile: the events wait in its connection to the server.
    subprocess.run(["xdotool", *arguments], check=True, timeout=20, env=os.environ)
    # Not `QTest.qWait`: it keeps Python from all other threads.
    loop = QEventLoop()
    QTimer.singleShot(100, loop.quit)
    loop.exec()
