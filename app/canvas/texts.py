"""Texts laid out once and painted many times."""

from __future__ import annotations

from typing import Final, TypeVar

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QStaticText, QTextLayout, QTextOption, QTransform

K = TypeVar("K")
V = TypeVar("V")

_LIMIT: Final = 20_000
"""So many laid-out texts are kept; then all are dropped and laid out again as they are painted."""

_LINE_BREAK: Final = "\u2028"
"""What breaks a line of a `QStaticText`; it takes no notice of a newline."""

_LONGEST: Final = 4000
"""Characters of a long text that are laid out: no node is so large that it shows more."""


class Texts:
    """Texts in one font.

    Args:
        pixels: Size in scene units.

    Attributes:
        height: Of a line.
    """

    def __init__(self, pixels: float, *, bold: bool = False, italic: bool = False) -> None:
        self.font = QFont()
        self.font.setPixelSize(max(1, round(pixels)))
        self.font.setBold(bold)
        self.font.setItalic(italic)
        self._metrics = QFontMetricsF(self.font)
        self.height = self._metrics.height()
        self._lines: dict[str, QStaticText] = {}
        self._paragraphs: dict[tuple[str, float, int], QStaticText] = {}
        self._widths: dict[str, float] = {}
        self._elided: dict[tuple[str, float], str] = {}

    def width(self, text: str) -> float:
        """How wide a text is."""
        found = self._widths.get(text)
        if found is None:
            found = self._metrics.horizontalAdvance(text)
            _put(self._widths, text, found)
        return found

    def fitted(self, text: str, width: float) -> str:
        """The text, or its beginning and an ellipsis, in one line that is not wider than `width`."""
        if width <= 0:
            return ""
        key = (text, width)
        found = self._elided.get(key)
        if found is None:
            line = text[:500].replace("\n", " ").replace("\t", " ")
            is_short = self._metrics.horizontalAdvance(line) <= width
            found = line if is_short else self._metrics.elidedText(line, Qt.TextElideMode.ElideRight, width)
            _put(self._elided, key, found)
        return found

    def line(self, text: str) -> QStaticText:
        """A line, laid out."""
        found = self._lines.get(text)
        if found is None:
            found = self._lay_out(text, 0.0)
            _put(self._lines, text, found)
        return found

    def paragraph(self, text: str, width: float, lines: int) -> QStaticText:
        """A text, or its beginning and an ellipsis, laid out in at most so many lines of `width`."""
        key = (text, width, lines)
        found = self._paragraphs.get(key)
        if found is None:
            found = self._lay_out(self._beginning(text[:_LONGEST], width, lines), width)
            _put(self._paragraphs, key, found)
        return found

    def draw(self, painter: QPainter, x: float, y: float, text: str) -> None:
        """Draws a line whose middle is at `y`. The painter has to have this font."""
        if text:
            painter.drawStaticText(QPointF(x, y - self.height / 2), self.line(text))

    def _lay_out(self, text: str, width: float) -> QStaticText:
        static = QStaticText(text[:_LONGEST].replace("\n", _LINE_BREAK))
        static.setTextFormat(Qt.TextFormat.PlainText)
        static.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        if width > 0:
            static.setTextOption(_wrapping())
            static.setTextWidth(width)
        static.prepare(QTransform(), self.font)
        return static

    def _beginning(self, text: str, width: float, lines: int) -> str:
        """What of a text fits into some lines, with an ellipsis if that is not all of it."""
        layout = QTextLayout(text.replace("\n", _LINE_BREAK), self.font)
        layout.setTextOption(_wrapping())
        layout.beginLayout()
        ends: list[int] = [0]
        while len(ends) <= lines + 1 and (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            ends.append(line.textStart() + line.textLength())
        layout.endLayout()
        if len(ends) <= lines + 1:
            return text
        units = text.encode("utf-16-le", "surrogatepass")  # Qt counts in these
        before, last = (
            units[2 * start : 2 * end].decode("utf-16-le", "replace")
            for start, end in ((0, ends[lines - 1]), (ends[lines - 1], ends[lines]))
        )
        return before + self._metrics.elidedText(f"{last.rstrip()}…", Qt.TextElideMode.ElideRight, width)


def _wrapping() -> QTextOption:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    return option


def _put(table: dict[K, V], key: K, value: V) -> None:
    if len(table) >= _LIMIT:
        table.clear()
    table[key] = value
