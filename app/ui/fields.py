"""The fields in which a node's values are edited outside the canvas, one kind for each kind of row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from app import icons
from app.canvas import values
from app.canvas.arithmetic import Number
from app.canvas.face import NUMBERS, Row, RowKind
from app.canvas.popup import ChoicePopup, PopupItem
from app.theme import Theme
from app.ui import style
from core.nodes.spec import Text, Toggle

_TEXT_LINES: Final = 5


class NumberField(QAbstractSpinBox):
    """A number of any size. Sums are worked out: `512 * 1.5`.

    Signals:
        edited: The new number.
        refused: Why what was typed is no number, or became another one.
    """

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = row
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._typed = False
        self.lineEdit().setText(row.text)
        style.indent(self)
        self.lineEdit().textEdited.connect(self._note_typing)
        self.editingFinished.connect(self._take)

    def show_row(self, row: Row) -> None:
        """Shows the value of a row, unless the user is typing another one."""
        changed = row.value != self._row.value
        self._row = row
        if changed or not self._typed:
            self._typed = False
            self.lineEdit().setText(row.text)

    def stepBy(self, steps: int) -> None:
        """Goes up or down."""
        self._take()
        row = self._row
        self._set(values.stepped(row, values.present(row), values.step(row) * steps))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Both ways, as far as the limits allow."""
        flag = QAbstractSpinBox.StepEnabledFlag
        value, limits = values.present(self._row), values.limits(self._row)
        up = flag.StepUpEnabled if value < limits.max else flag.StepNone
        return up | (flag.StepDownEnabled if value > limits.min else flag.StepNone)

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        """Anything may be typed; what it comes to is seen in the end."""
        return QValidator.State.Acceptable, text, place

    def sizeHint(self) -> QSize:
        """Narrow, for it grows with its panel."""
        return QSize(self.fontMetrics().horizontalAdvance("0" * 8), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as a panel may be."""
        return self.sizeHint()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Steps only while it has the focus: otherwise the panel scrolls."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape brings the value back."""
        if event.key() == Qt.Key.Key_Escape and self._typed:
            self._typed = False
            self.show_row(self._row)
            return
        super().keyPressEvent(event)

    def _note_typing(self) -> None:
        self._typed = True

    def _take(self) -> None:
        line = self.lineEdit()
        if not self._typed:
            return
        self._typed = False
        try:
            value, remark = values.typed(self._row, line.text())
        except ValueError as error:
            self.refused.emit(str(error))
            line.setText(self._row.text)
            return
        self._set(value)
        line.setText(self._row.text)  # also where the sum comes to the value that it had
        if remark:
            self.refused.emit(remark)

    def _set(self, value: Number) -> None:
        if value != self._row.value:
            self.edited.emit(value)


class TextField(QLineEdit):
    """A line of text.

    Signals:
        edited: The new text.
    """

    edited = Signal(object)

    def __init__(self, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.show_row(row)
        self.textEdited.connect(self.edited.emit)

    def show_row(self, row: Row) -> None:
        """Shows the value of a row; the cursor stays where it was."""
        if self.text() != str(row.value):
            place = self.cursorPosition()
            self.setText(str(row.value))
            self.setCursorPosition(min(place, len(self.text())))


class LongTextField(QPlainTextEdit):
    """A text of several lines. Tab leaves it.

    Signals:
        edited: The new text.
    """

    edited = Signal(object)

    def __init__(self, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        if row.spec and isinstance(row.spec.widget, Text):
            self.setPlaceholderText(row.spec.widget.placeholder)
        self.setPlainText(str(row.value))
        self.textChanged.connect(lambda: self.edited.emit(self.toPlainText()))

    def show_row(self, row: Row) -> None:
        """Shows the value of a row; the cursor stays where it was."""
        if self.toPlainText() == str(row.value):
            return
        self.blockSignals(True)
        cursor = self.textCursor()
        place = cursor.position()
        self.setPlainText(str(row.value))
        cursor.setPosition(min(place, len(self.toPlainText())))
        self.setTextCursor(cursor)
        self.blockSignals(False)

    def sizeHint(self) -> QSize:
        """As high as its text, within reason."""
        metrics = self.fontMetrics()
        lines = min(max(_TEXT_LINES, self.document().blockCount()), 3 * _TEXT_LINES)
        return QSize(metrics.horizontalAdvance("m" * 12), metrics.lineSpacing() * lines + 12)

    def minimumSizeHint(self) -> QSize:
        """A few lines."""
        return QSize(60, self.fontMetrics().lineSpacing() * 3)


class ChoiceField(QPushButton):
    """One of several words; they are offered in the popup that is filtered by typing.

    Args:
        offered: The words, asked for each time the popup opens.

    Signals:
        edited: The new word.
    """

    edited = Signal(object)

    def __init__(
        self, text: str, offered: Callable[[], Sequence[str]], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._offered = offered
        self._theme = theme
        self._text = text
        style.set_role(self, "choice")
        self.setAutoDefault(False)
        self.clicked.connect(self._open)
        self.show_text(text)

    def show_row(self, row: Row) -> None:
        """Shows the value of a row."""
        self.show_text(row.text)

    def show_text(self, text: str) -> None:
        """Shows a word."""
        self._text = text
        self.setToolTip(text)
        self.update()

    def text_shown(self) -> str:
        """The word it shows."""
        return self._text

    def sizeHint(self) -> QSize:
        """Narrow, for it grows with its panel."""
        self.setText("M")
        hint = super().sizeHint()
        self.setText("")
        return QSize(self.fontMetrics().horizontalAdvance("0" * 8), hint.height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as a panel may be."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and the arrow down open the list too."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the word shortened in its middle, and the arrow."""
        del event
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        height = self.fontMetrics().height()
        box = self.rect().adjusted(height // 2, 0, -height * 5 // 3, 0)
        text = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, box.width())
        colour = self._theme.text if self.isEnabled() else self._theme.text_dim
        painter.setPen(colour)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        self._draw_arrow(painter, height)

    def _draw_arrow(self, painter: QPainter, size: int) -> None:
        arrow = icons.pixmap("chevron-down", self._theme.text_dim, size, self.devicePixelRatioF())
        painter.drawPixmap(self.width() - size * 4 // 3, (self.height() - size) // 2, arrow)

    def _open(self) -> None:
        popup = ChoicePopup(self, self._theme)
        popup.chosen.connect(self._choose)
        popup.chosen.connect(popup.deleteLater)
        popup.cancelled.connect(popup.deleteLater)
        items = [PopupItem(word, data=word) for word in self._offered()]
        below = self.mapToGlobal(QPoint(0, self.height() + 2))
        popup.open_at(below, items, current=self._text, placeholder="Filter", width=self.width())

    def _choose(self, word: object) -> None:
        if word != self._text:
            self.edited.emit(word)


class ToggleField(QCheckBox):
    """Yes or no, in the words of the input.

    Signals:
        edited: The new state.
    """

    edited = Signal(object)

    def __init__(self, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        widget = row.spec.widget if row.spec else None
        self._words = widget if isinstance(widget, Toggle) else Toggle()
        self.show_row(row)
        self.clicked.connect(self.edited.emit)

    def show_row(self, row: Row) -> None:
        """Shows the value of a row."""
        self.setChecked(bool(row.value))
        self.setText(self._words.on if row.value else self._words.off)


class FixedField(QLineEdit):
    """A value that cannot be edited here: it can be read and copied."""

    edited = Signal(object)

    def __init__(self, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.show_row(row)

    def show_row(self, row: Row) -> None:
        """Shows the value of a row."""
        self.setText(row.text)
        self.setCursorPosition(0)


Field = NumberField | TextField | LongTextField | ChoiceField | ToggleField | FixedField


def make_field(row: Row, offered: Callable[[], Sequence[str]], theme: Theme) -> Field:
    """The field for a value row.

    Args:
        offered: The words to choose from, for rows that are choices.
    """
    if row.kind in NUMBERS and isinstance(row.value, int | float) and not isinstance(row.value, bool):
        return NumberField(row)
    match row.kind:
        case RowKind.TEXT:
            return TextField(row)
        case RowKind.LONG_TEXT:
            return LongTextField(row)
        case RowKind.CHOICE | RowKind.AFTER_RUN:
            return ChoiceField(row.text, offered, theme)
        case RowKind.TOGGLE:
            return ToggleField(row)
        case _:
            return FixedField(row)


def add_field(grid: QGridLayout, label: QLabel, field: Field, row: Row) -> None:
    """Puts a field behind its label, or below it where it holds a long text."""
    label.setBuddy(field)
    at = grid.rowCount()
    if row.kind is RowKind.LONG_TEXT:
        grid.addWidget(label, at, 0, 1, 2)
        grid.addWidget(field, at + 1, 0, 1, 2)
    else:
        grid.addWidget(label, at, 0)
        grid.addWidget(field, at, 1)


class WheelScrollsPanel(QObject):
    """Keeps the wheel from changing a control that does not have the focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hands the wheel on to the panel."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False
