"""The line in which a value or a title is edited on the canvas."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QWidget

_STAYS: Final = frozenset({Qt.FocusReason.PopupFocusReason, Qt.FocusReason.MenuBarFocusReason})
_HELD: Final = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)
_MODIFIERS: Final = frozenset({Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta})


class LineEditor(QLineEdit):
    """One line of text.

    Args:
        steps: Up, Down and the wheel change it by steps.

    Signals:
        done: Enter (0), Tab (1) or Shift+Tab (-1).
        cancelled: Escape.
        left: The focus went elsewhere.
        stepped: By how many steps, whether fine, whether coarse.
        used_elsewhere: Keys were pressed that may mean something to the window, which may need the value.
    """

    done = Signal(int)
    cancelled = Signal()
    left = Signal()
    stepped = Signal(int, bool, bool)
    used_elsewhere = Signal()

    def __init__(self, parent: QWidget, *, steps: bool = False) -> None:
        super().__init__(parent)
        self._steps = steps
        self._turned = 0

    def event(self, event: QEvent) -> bool:
        """Tab is a key like any other here; Ctrl+Enter and the like are the window's."""
        if isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.KeyPress and event.key() in {Qt.Key.Key_Tab, Qt.Key.Key_Backtab}:
                self.done.emit(1 if event.key() == Qt.Key.Key_Tab else -1)
                return True
            if event.type() is QEvent.Type.ShortcutOverride:
                return self._overrides(event)
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter, Escape and the arrows that step."""
        held = event.modifiers()
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.done.emit(0)
            case Qt.Key.Key_Escape:
                self.cancelled.emit()
            case Qt.Key.Key_Up | Qt.Key.Key_Down if self._steps:
                self._step(1 if event.key() == Qt.Key.Key_Up else -1, held)
            case Qt.Key.Key_PageUp | Qt.Key.Key_PageDown if self._steps:
                way = 1 if event.key() == Qt.Key.Key_PageUp else -1
                self._step(way, Qt.KeyboardModifier.ControlModifier)
            case _:
                super().keyPressEvent(event)
        event.accept()  # what is no use here must not move nodes on the canvas below

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Steps; never zooms the canvas below."""
        if self._steps:
            self._turned += event.angleDelta().y() or event.angleDelta().x()
            notches, self._turned = (
                int(self._turned / 120),
                self._turned % (120 if self._turned > 0 else -120),
            )
            if notches:
                self._step(notches, event.modifiers())
        event.accept()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The end, unless its own menu took the focus."""
        super().focusOutEvent(event)
        if event.reason() not in _STAYS:
            self.left.emit()

    def _overrides(self, event: QKeyEvent) -> bool:
        if event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab} or self._is_step(event):
            event.accept()
            return True
        result = super().event(event)
        if not event.isAccepted() and event.modifiers() & _HELD and event.key() not in _MODIFIERS:
            self.used_elsewhere.emit()
        return result

    def _is_step(self, event: QKeyEvent) -> bool:
        arrows = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}
        return self._steps and event.key() in arrows

    def _step(self, notches: int, held: Qt.KeyboardModifier) -> None:
        fine = bool(held & Qt.KeyboardModifier.ShiftModifier)
        self.stepped.emit(notches, fine, bool(held & Qt.KeyboardModifier.ControlModifier))
