"""The one popup in which something is chosen from a list of any length: by typing, by keys or by mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.canvas.fuzzy import Key, marks, rank
from app.theme import Theme

_ROWS: Final = 12
_MARGIN: Final = 8
_SPACE: Final = 6
_DOT: Final = 5.0
_DIMMED: Final = 350  # in the units of `fuzzy`: less only than having nothing but scattered letters
_ITEM: Final = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_TOP = QModelIndex()
_MOVES: Final = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})
_ENTER: Final = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter})


@dataclass(frozen=True, slots=True)
class PopupItem:
    """One thing that can be chosen.

    Attributes:
        detail: Shown dimmed at the right; found by too.
        data: What choosing it gives.
        colour: Of the dot before it; empty for none.
        search: More words that it is found by.
        dimmed: Stands below the others that fit about as well; shown as less useful, but can be chosen.
        enabled: Can be chosen now.
        hint: Shown when the mouse rests on it.
    """

    text: str
    detail: str = ""
    data: Any = None
    colour: str = ""
    search: str = ""
    dimmed: bool = False
    enabled: bool = True
    hint: str = ""


class ChoicePopup(QWidget):
    """A line to type into above the entries that fit, the best one first.

    It lies over the window of the widget it is opened for, so it needs no window of its own: it takes text
    from input methods, and is where it should be on every desktop. It goes away when it loses the focus;
    otherwise it gives the focus back in the end.

    Signals:
        chosen: The `data` of the entry that was chosen.
        cancelled: It went away and nothing was chosen.
        tabbed: After `chosen`, if Tab chose it: 1, or -1 for Shift+Tab.
    """

    chosen = Signal(object)
    cancelled = Signal()
    tabbed = Signal(int)

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._owner = parent
        self._before: QWidget | None = None
        parent.destroyed.connect(self.deleteLater)  # while open it is a child of the window instead
        self._model = _Items(self)
        self._title = QLabel(self)
        bold = QFont()
        bold.setBold(True)
        self._title.setFont(bold)  # only the weight: the size stays that of the system
        self._line = QLineEdit(self)
        self._line.textEdited.connect(self._filter)
        self._line.installEventFilter(self)
        self._list = _list(self, self._model)
        self._painter = _Painter(theme, self._list)
        self._list.setItemDelegate(self._painter)
        self._list.clicked.connect(self._choose)
        self._list.entered.connect(self._list.setCurrentIndex)
        self._empty = QLabel(self)
        self._empty.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setTextFormat(Qt.TextFormat.PlainText)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self._line)  # a click in the list leaves the focus where it is
        self._arrange()
        self.set_theme(theme)
        self.hide()

    @property
    def text(self) -> str:
        """What has been typed."""
        return self._line.text()

    def shown(self) -> list[PopupItem]:
        """The entries that fit what has been typed, best first."""
        return self._model.shown()

    def current(self) -> PopupItem | None:
        """The entry that Enter would choose."""
        return self._list.currentIndex().data(_ITEM)

    def set_theme(self, theme: Theme) -> None:
        """Repaints with another theme."""
        self._theme = theme
        self._painter.theme = theme
        self.setPalette(_palette(theme))

    def open_at(
        self,
        global_pos: QPoint,
        items: Sequence[PopupItem],
        *,
        title: str = "",
        current: str | None = None,
        placeholder: str = "",
        width: int = 0,
    ) -> None:
        """Shows entries, its top left corner at a point if the window leaves room for that.

        Args:
            title: Stands above the line, to say what is being chosen.
            current: Text of the entry that is chosen now; it is selected and marked.
            placeholder: Shown in the empty line.
            width: The least width.
        """
        focused = QApplication.focusWidget()
        if not self._has(focused):
            self._before = focused
        self._model.fill(items, current)
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._line.clear()
        self._line.setPlaceholderText(placeholder)
        self._filter("")
        self._place(global_pos, items, width)
        self.show()
        self.raise_()
        self._line.setFocus(Qt.FocusReason.PopupFocusReason)
        self._watch(on=True)
        self._select(self._model.place_of(current), centred=True)

    def cancel(self) -> None:
        """Goes away without a choice."""
        if self._leave():
            self.cancelled.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the line that move in the list; presses and focus outside, which end the popup."""
        match event.type():
            case QEvent.Type.KeyPress if watched is self._line and isinstance(event, QKeyEvent):
                return self._took_key(event)
            case QEvent.Type.ShortcutOverride if watched is self._line and isinstance(event, QKeyEvent):
                if event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Tab, *_MOVES}:
                    event.accept()
            case QEvent.Type.MouseButtonPress if isinstance(watched, QWidget) and self._is_outside(watched):
                self.cancel()
            case QEvent.Type.FocusOut if watched is self._line and not self._has(QApplication.focusWidget()):
                self.cancel()
            case _:
                pass
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the panel and its edge."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(self._theme.line))
        painter.setBrush(QColor(self._theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keeps presses on it from reaching what lies below."""
        event.accept()

    def _took_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.cancel()
        elif key in _ENTER and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self._choose(self._list.currentIndex())
        elif key == Qt.Key.Key_Tab:
            self._choose(self._list.currentIndex(), tab=1)
        elif key == Qt.Key.Key_Backtab:
            self._choose(self._list.currentIndex(), tab=-1)
        elif key in _MOVES:
            QApplication.sendEvent(self._list, QKeyEvent(event))
        else:
            return False
        return True

    def _choose(self, index: QModelIndex, tab: int = 0) -> None:
        item: PopupItem | None = index.data(_ITEM)
        if item is None or not item.enabled or not self._leave():
            return
        self.chosen.emit(item.data)
        if tab:
            self.tabbed.emit(tab)

    def _leave(self) -> bool:
        """Whether it was open."""
        if self.isHidden():
            return False
        self._watch(on=False)
        inside = self._has(QApplication.focusWidget())
        self.hide()
        if inside:
            self._give_back_focus()
        return True

    def _give_back_focus(self) -> None:
        for widget in (self._before, self._owner):
            if widget is not None and isValid(widget) and widget.isVisible():
                widget.setFocus(Qt.FocusReason.PopupFocusReason)
                return

    def _is_outside(self, widget: QWidget) -> bool:
        """Whether a press there ends it; one in the line's own menu does not."""
        return not self._has(widget) and QApplication.activePopupWidget() is None

    def _watch(self, *, on: bool) -> None:
        """Sees presses outside while it is open."""
        application = QApplication.instance()
        if application is not None:
            (application.installEventFilter if on else application.removeEventFilter)(self)

    def _has(self, widget: QWidget | None) -> bool:
        return widget is not None and (widget is self or self.isAncestorOf(widget))

    def _filter(self, text: str) -> None:
        self._model.filter(text)
        found = self._model.rowCount() > 0
        self._list.setVisible(found)
        self._empty.setVisible(not found)
        words = text.strip()
        self._empty.setText(f"Nothing matches \u201c{words}\u201d" if words else "Nothing to choose from")
        self._select(0)

    def _select(self, row: int, *, centred: bool = False) -> None:
        index = self._model.index(max(row, 0))
        self._list.setCurrentIndex(index)
        hint = QListView.ScrollHint.PositionAtCenter if centred else QListView.ScrollHint.EnsureVisible
        self._list.scrollTo(index, hint)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        column.setSpacing(_SPACE)
        for widget in (self._title, self._line):
            column.addWidget(widget)
        column.addWidget(self._list, 1)
        column.addWidget(self._empty, 1)

    def _place(self, global_pos: QPoint, items: Sequence[PopupItem], width: int) -> None:
        window = self._owner.window()
        self.setParent(window)
        room = window.rect().adjusted(4, 4, -4, -4)
        size = self._wanted_size(items, width).boundedTo(room.size())
        at = window.mapFromGlobal(global_pos)
        left = max(room.left(), min(at.x(), room.right() + 1 - size.width()))
        top = max(room.top(), min(at.y(), room.bottom() + 1 - size.height()))
        self.setGeometry(QRect(QPoint(left, top), size))

    def _wanted_size(self, items: Sequence[PopupItem], width: int) -> QSize:
        self.ensurePolished()
        metrics = self.fontMetrics()
        # the longest by letters is near enough to the widest: measuring thousands takes too long
        longest = max(items, key=lambda item: len(item.text) + len(item.detail), default=None)
        text = f"{longest.text}{longest.detail}" if longest else ""
        row = _row_height(metrics)
        self._list.setGridSize(QSize(1, row))
        wanted = metrics.horizontalAdvance(text) + 3 * row
        least, most = max(width, 16 * row // 2), max(width, 24 * row)
        rows = max(3, min(len(items), _ROWS))
        line = self._line.sizeHint().height() + (
            self._title.sizeHint().height() + 6 if self._title.text() else 0
        )
        return QSize(max(least, min(wanted, most)), rows * row + line + 6 + 2 * _MARGIN + 2)


class _Items(QAbstractListModel):
    """All entries, of which those that fit are shown."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._all: Sequence[PopupItem] = ()
        self._keys: list[Key] = []
        self._rows: list[int] = []
        self.query = ""
        self.chosen: str | None = None

    def fill(self, items: Sequence[PopupItem], chosen: str | None) -> None:
        self._all = sorted(items, key=lambda item: item.dimmed)
        self._keys = [
            Key(item.text, f"{item.detail} {item.search}", _DIMMED * item.dimmed) for item in self._all
        ]
        self.chosen = chosen

    def filter(self, query: str) -> None:
        self.beginResetModel()
        self._rows = rank(query, self._keys)
        self.query = query
        self.endResetModel()

    def shown(self) -> list[PopupItem]:
        return [self._all[row] for row in self._rows]

    def place_of(self, text: str | None) -> int:
        """The row of an entry; the first row if it is not shown."""
        return next((n for n, row in enumerate(self._rows) if self._all[row].text == text), 0)

    def rowCount(self, parent: _Index = _TOP) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self._all[self._rows[index.row()]]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return item.text
            case Qt.ItemDataRole.ToolTipRole:
                return item.hint or None
            case Qt.ItemDataRole.AccessibleDescriptionRole:
                return item.detail
            case _:
                return item if role == _ITEM else None


class _Painter(QStyledItemDelegate):
    """Paints an entry: its dot, its text with the letters that were found, its detail at the right."""

    def __init__(self, theme: Theme, parent: QListView) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del index
        return QSize(100, _row_height(option.fontMetrics))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: PopupItem = index.data(_ITEM)
        model = index.model()
        assert isinstance(model, _Items)
        theme, box = self.theme, QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.hover))
            painter.drawRoundedRect(box, 4, 4)
        if item.text == model.chosen:
            painter.fillRect(QRect(box.left(), box.top() + 5, 3, box.height() - 10), QColor(theme.accent))
        box = box.adjusted(10, 0, -10, 0)
        if item.colour:
            self._dot(painter, box, item)
            box.setLeft(box.left() + 16)
        self._words(painter, box, item, model.query, option.fontMetrics)
        painter.restore()

    def _dot(self, painter: QPainter, box: QRect, item: PopupItem) -> None:
        colour = QColor(item.colour)
        colour.setAlphaF(0.45 if item.dimmed else 1.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(box.left() + _DOT, box.center().y() + 0.5), _DOT, _DOT)

    def _words(
        self, painter: QPainter, box: QRect, item: PopupItem, query: str, metrics: QFontMetrics
    ) -> None:
        theme = self.theme
        faint = item.dimmed or not item.enabled
        room = box.width() - metrics.horizontalAdvance("    ")
        text = metrics.elidedText(item.text, Qt.TextElideMode.ElideMiddle, room)
        used = _draw_marked(
            painter, box, text, marks(query, text), theme.text_dim if faint else theme.text, theme.accent
        )
        rest = box.adjusted(used + metrics.horizontalAdvance("  "), 0, 0, 0)
        if item.detail and rest.width() > metrics.horizontalAdvance("....."):
            painter.setPen(QColor(theme.text_dim))
            detail = metrics.elidedText(item.detail, Qt.TextElideMode.ElideRight, rest.width())
            painter.drawText(rest, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)


def _draw_marked(
    painter: QPainter, box: QRect, text: str, places: Sequence[int], colour: str, marked: str
) -> int:
    """Draws a text with some letters marked. Gives the width it took."""
    plain = painter.font()
    bold = QFont(plain)
    bold.setBold(True)
    left = box.left()
    for part, is_marked in _parts(text, frozenset(places)):
        painter.setFont(bold if is_marked else plain)
        painter.setPen(QColor(marked if is_marked else colour))
        width = painter.fontMetrics().horizontalAdvance(part)
        painter.drawText(QRect(left, box.top(), width + 2, box.height()), Qt.AlignmentFlag.AlignVCenter, part)
        left += width
    painter.setFont(plain)
    return left - box.left()


def _parts(text: str, places: frozenset[int]) -> list[tuple[str, bool]]:
    """The text cut where it begins or ends to be marked."""
    cuts = [at for at in range(1, len(text)) if (at in places) != (at - 1 in places)]
    return [
        (text[first:last], first in places)
        for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ]


def _list(parent: QWidget, model: QAbstractListModel) -> QListView:
    view = QListView(parent)
    view.setModel(model)
    view.setMouseTracking(True)
    view.viewport().setAutoFillBackground(False)
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    return view


def _row_height(metrics: QFontMetrics) -> int:
    return round(metrics.height() * 1.6)


def _palette(theme: Theme) -> QPalette:
    """Colours as a palette: a style sheet of its own would keep the font from following the system's."""
    role = QPalette.ColorRole
    result = QPalette()
    for one, colour in (
        (role.Window, theme.panel),
        (role.Base, theme.entry),
        (role.Button, theme.panel),
        (role.WindowText, theme.text),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.text_dim),
        (role.Highlight, theme.accent),
        (role.HighlightedText, theme.on_accent),
    ):
        result.setColor(one, QColor(colour))
    return result
