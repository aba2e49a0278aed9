"""The box in which a long text is edited on the canvas, and the weights of its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextCursor, QWheelEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

WEIGHT_STEP: Final = Decimal("0.05")
_PLAIN: Final = Decimal("1.1")  # what brackets without a number mean
_WEIGHT: Final = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*$")
_WORD: Final = re.compile(r"[^\s\\,.;:()\[\]{}<>|]+")
_STAYS: Final = frozenset({Qt.FocusReason.PopupFocusReason, Qt.FocusReason.MenuBarFocusReason})


@dataclass(frozen=True, slots=True)
class Weighted:
    """A change of a text: what replaces a part of it, and what is selected then.

    Attributes:
        first, last: The part that is replaced.
        start, end: The selection afterwards, in the whole new text.
    """

    first: int
    last: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Brackets with a weight: `(` is at `open`, `)` at `close`, and the words between end at `words`."""

    open: int
    words: int
    close: int
    weight: Decimal

    def encloses(self, start: int, end: int) -> bool:
        return self.open < start and end <= self.close


def weighted(text: str, start: int, end: int, change: Decimal) -> Weighted | None:
    """What gives the selected words, or the word at the cursor, another weight: `(word:1.1)`.

    Without a selection the innermost brackets around the cursor are meant, if there are any. A weight of 1
    takes the brackets away. None where there is nothing to weigh.
    """
    start, end = _trimmed(text, start, end)
    groups = list(_groups(text))
    group = _meant(groups, start, end)
    if group is not None:
        return _reweighed(text, group, start, end, max(group.weight + change, Decimal(0)))
    if start == end:
        word = next((m for m in _WORD.finditer(text) if m.start() <= start <= m.end()), None)
        if word is None:
            return None
        return _wrapped(text, word.start(), word.end(), start, end, change)
    if not _is_balanced(text[start:end]):
        return None
    return _wrapped(text, start, end, start, end, change)


class TextEditor(QPlainTextEdit):
    """A text of several lines, with its own undo while it has the focus.

    Signals:
        done: Tab (1) or Shift+Tab (-1).
        cancelled: Escape.
        left: The focus went elsewhere.
    """

    done = Signal(int)
    cancelled = Signal()
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(False)

    def event(self, event: QEvent) -> bool:
        """Keys that have a meaning here, before shortcuts are looked for."""
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.ShortcutOverride:
            keys = {Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab}
            if event.key() in keys or _weight_way(event):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tab goes on to the next value, Ctrl+Up and Ctrl+Down change the weight of words."""
        way = _weight_way(event)
        if way:
            self.change_weight(way * WEIGHT_STEP)
        elif event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif event.key() in {Qt.Key.Key_Tab, Qt.Key.Key_Backtab}:
            self.done.emit(1 if event.key() == Qt.Key.Key_Tab else -1)
        else:
            super().keyPressEvent(event)
        event.accept()  # what is no use here must not move nodes on the canvas below

    def change_weight(self, change: Decimal) -> None:
        """Changes the weight of the selected words, or of the word at the cursor."""
        cursor = self.textCursor()
        text = self.toPlainText()
        start, end = _letters(text, cursor.selectionStart()), _letters(text, cursor.selectionEnd())
        result = weighted(text, start, end, change)
        if result is None:
            return
        _select(cursor, text, result.first, result.last)
        cursor.insertText(result.text)
        _select(cursor, self.toPlainText(), result.start, result.end)
        self.setTextCursor(cursor)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolls; never zooms the canvas below."""
        super().wheelEvent(event)
        event.accept()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The end, unless its own menu took the focus."""
        super().focusOutEvent(event)
        if event.reason() not in _STAYS:
            self.left.emit()


def _weight_way(event: QKeyEvent) -> int:
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier != Qt.KeyboardModifier.ControlModifier:
        return 0
    return {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)


def _letters(text: str, units: int) -> int:
    """How many letters of a text are before a place that Qt counts in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "replace"))


def _select(cursor: QTextCursor, text: str, start: int, end: int) -> None:
    places = (len(text[:at].encode("utf-16-le", "surrogatepass")) // 2 for at in (start, end))
    cursor.setPosition(next(places))
    cursor.setPosition(next(places), QTextCursor.MoveMode.KeepAnchor)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The selection without the space around it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _groups(text: str) -> Iterator[_Group]:
    """Every pair of brackets, inner ones first. Brackets after a backslash are letters."""
    opened: list[int] = []
    for at, letter in _brackets(text):
        if letter == "(":
            opened.append(at)
        elif opened:
            first = opened.pop()
            found = _WEIGHT.search(text, first + 1, at)
            weight = Decimal(found[1]) if found else _PLAIN
            yield _Group(first, found.start() if found else at, at, weight)


def _brackets(text: str) -> Iterator[tuple[int, str]]:
    return ((m.start(), m[0]) for m in re.finditer(r"\\.|[()]", text, re.DOTALL) if m[0] in "()")


def _is_balanced(text: str) -> bool:
    depth = 0
    for _, letter in _brackets(text):
        depth += 1 if letter == "(" else -1
        if depth < 0:
            return False
    return depth == 0


def _meant(groups: list[_Group], start: int, end: int) -> _Group | None:
    """The brackets whose weight is to change; None if the words have to be put into brackets first."""
    if start == end:
        return next((group for group in groups if group.encloses(start, end)), None)
    for group in groups:
        if (start, end) in ((group.open, group.close + 1), (group.open + 1, group.words)):
            return group
    return None


def _reweighed(text: str, group: _Group, start: int, end: int, weight: Decimal) -> Weighted:
    words = text[group.open + 1 : group.words]
    before, after = ("", "") if weight == 1 else ("(", f":{_shown(weight)})")
    first = group.open + len(before)
    last = first + len(words)
    if start == end:  # the cursor stays in its word
        first = last = min(max(start - 1 + len(before), first), last)
    return Weighted(group.open, group.close + 1, before + words + after, first, last)


def _wrapped(text: str, first: int, last: int, start: int, end: int, change: Decimal) -> Weighted:
    new = f"({text[first:last]}:{_shown(1 + change)})"
    return Weighted(first, last, new, start + 1, end + 1)


def _shown(weight: Decimal) -> str:
    return f"{weight.normalize():f}"
