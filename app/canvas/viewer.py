"""The canvas with its hands: gestures of the mouse, keys, and what is dropped on it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QGraphicsView, QRubberBand, QToolTip, QWidget

from app.canvas import clicks, menus
from app.canvas.gesture import Gesture, Pointer, Press
from app.canvas.gestures import gesture_of
from app.canvas.hits import hit
from app.canvas.linking import LiveLink, SliceLine
from app.canvas.node_socket import NodeSocket
from app.canvas.view import CanvasView

NODE_MIME: Final = "application/x-darkroom-node"
"""What a node type that is dragged from the library is carried as: its name, in UTF-8."""

_DRAG: Final = 4  # pixels that the mouse moves before a click becomes a drag
_EDGE: Final = 24
_ARROWS: Final[Mapping[int, tuple[int, int]]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_MODIFIERS: Final[Mapping[int, Qt.KeyboardModifier]] = {
    Qt.Key.Key_Shift: Qt.KeyboardModifier.ShiftModifier,
    Qt.Key.Key_Control: Qt.KeyboardModifier.ControlModifier,
    Qt.Key.Key_Alt: Qt.KeyboardModifier.AltModifier,
}
_SHIFT_OR_PAD: Final = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class CanvasViewer(CanvasView):
    """Shows a canvas and lets the user work on it.

    Attributes:
        gesture: What the mouse is doing while it drags; None while it does not.
        live_link: The line of a link that is being drawn.
        slicer: The line across links that is being drawn.
        band: The rectangle that selects.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._space = False
        self._press: Press | None = None
        self._last: Pointer | None = None
        self._lit: NodeSocket | None = None
        self.gesture: Gesture | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setAcceptDrops(True)
        for item in (self._LIVE_PIPE, self._SLICER_PIPE):
            self.scene().removeItem(item)
        self.live_link = self._LIVE_PIPE = LiveLink()
        self.slicer = self._SLICER_PIPE = SliceLine()
        for item in (self.live_link, self.slicer):
            self.scene().addItem(item)
        self.band = Band(self.viewport())
        self._edge_timer = QTimer(self, interval=16)
        self._edge_timer.timeout.connect(self._on_edge)

    # --- the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The beginning of a click or of a gesture; which, the next event tells."""
        at = self._pointer(event)
        if self.gesture is not None or self._press is not None:
            return  # a second button changes nothing
        self.graph.editors.close()
        self.graph.value_tip.leave()
        self._press = Press(at, event.button(), hit(self, at.scene), space=self._space)
        clicks.press(self, self._press)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Goes on with a gesture, begins one, or shows what could be done here."""
        at = self._pointer(event)
        if self._press is not None and event.buttons() == Qt.MouseButton.NoButton:
            self.cancel_gesture()  # the button was let go where nobody could tell
        if self.gesture is None and self._press is not None:
            away = (at.view - self._press.at.view).manhattanLength()
            if away < _DRAG:
                return
            self.gesture = gesture_of(self, self._press)
            if self.gesture is None:
                self._press = None
        if self.gesture is not None:
            self.viewport().setCursor(self.gesture.cursor)
            self._go_on(at)
        elif self._press is None:
            QGraphicsView.mouseMoveEvent(self, event)  # items that light up under the mouse
            self._hover(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The end of a click or of a gesture."""
        at = self._pointer(event)
        gesture, press = self.gesture, self._press
        if press is None or event.button() != press.button:
            return
        self._stop()
        if gesture is not None:
            gesture.end(at)
            self.graph.settle()
        else:
            clicks.click(self, press, at)
        self._hover(at)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A second click where the first one was."""
        at = self._pointer(event)
        is_left = event.button() == Qt.MouseButton.LeftButton
        if not (is_left and clicks.double_click(self, hit(self, at.scene), at)):
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms at the mouse."""
        turn = event.angleDelta().y() or event.angleDelta().x()
        self.zoom_by(1.001**turn, event.position().toPoint())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        """Pinching zooms; resting shows what there is to know about a place."""
        if isinstance(event, QNativeGestureEvent) and (
            event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture
        ):
            self.zoom_by(1 + event.value(), event.position().toPoint())
            return True
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = clicks.tooltip(hit(self, self.mapToScene(event.pos())))
            QToolTip.showText(event.globalPos(), _as_it_is(text), self.viewport())
            return True
        if event.type() == QEvent.Type.Leave:
            self._light(None)
            self.graph.value_tip.leave()
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu key; the right button opens the menu when it is let go."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            menus.open_for_selection(self)
        event.accept()

    def cancel_gesture(self) -> bool:
        """Whether a gesture was going on; what it would have done is not done."""
        gesture = self.gesture
        self._stop()
        if gesture is not None:
            gesture.cancel()
            self.graph.settle()
        return gesture is not None

    def show_rubber_band(self, area: QRect) -> None:
        """Shows the rectangle that selects, in pixels."""
        self.band.colour = QColor(self.graph.theme.accent)
        self.band.setGeometry(area)
        self.band.show()

    def hide_rubber_band(self) -> None:
        """Hides it."""
        self.band.hide()

    def _pointer(self, event: QMouseEvent) -> Pointer:
        self._previous_pos = event.position().toPoint()
        return Pointer(self._previous_pos, self.mapToScene(self._previous_pos), event.modifiers())

    def _go_on(self, at: Pointer) -> None:
        """The mouse is elsewhere, or the view is: the gesture goes on."""
        gesture = self.gesture
        if gesture is None:
            return
        gesture.move(at)
        self.graph.settle()
        self._last = at
        if gesture.pans_at_edge and not self._push(at.view).isNull():
            if not self._edge_timer.isActive():
                self._edge_timer.start()
        else:
            self._edge_timer.stop()

    def _stop(self) -> None:
        self.gesture = self._press = None
        self._edge_timer.stop()
        self.viewport().unsetCursor()

    def _on_edge(self) -> None:
        """Pans while something is dragged near the edge."""
        last = self._last
        if self.gesture is not None and last is not None:
            self.pan_by(-self._push(last.view))
            self._go_on(Pointer(last.view, self.mapToScene(last.view), last.modifiers))

    def _push(self, at: QPoint) -> QPointF:
        """By how many pixels to pan, with the mouse there: more, the nearer it is to the edge or beyond."""
        room = self.viewport().rect()
        x = max(at.x() - room.right() + _EDGE, 0) - max(_EDGE - at.x(), 0)
        y = max(at.y() - room.bottom() + _EDGE, 0) - max(_EDGE - at.y(), 0)
        return QPointF(min(max(x, -_EDGE), _EDGE), min(max(y, -_EDGE), _EDGE)) / 2

    def _hover(self, at: Pointer) -> None:
        under = hit(self, at.scene)
        self._light(under.port)
        self.graph.value_tip.hover(under.pipe, at.view)
        space = Qt.CursorShape.OpenHandCursor
        self.viewport().setCursor(space if self._space else clicks.cursor(under))

    def _light(self, port: NodeSocket | None) -> None:
        """Lights up the socket under the mouse, and no other one."""
        if port is not self._lit:
            for one, is_lit in ((self._lit, False), (port, True)):
                if one is not None:
                    one.hovered = is_lit
            self._lit = port

    # --- the keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc ends a gesture, arrows move what is selected, Enter edits it, Space pans."""
        key, modifiers = event.key(), event.modifiers()
        arrow = _ARROWS.get(key)
        if key == Qt.Key.Key_Escape and self.cancel_gesture():
            return
        if key == Qt.Key.Key_Space and not modifiers:
            self._hold_space(True)
        elif arrow and modifiers & ~_SHIFT_OR_PAD == Qt.KeyboardModifier.NoModifier and self.gesture is None:
            self.graph.nudge_by_user(*arrow, far=bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not modifiers & ~_SHIFT_OR_PAD:
            clicks.edit_selected(self.graph)
        elif not self._modifier_changed(event, pressed=True):
            QWidget.keyPressEvent(self, event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Space and the modifier keys end what they began."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._hold_space(False)
        elif not self._modifier_changed(event, pressed=False):
            QWidget.keyReleaseEvent(self, event)

    def _hold_space(self, held: bool) -> None:
        self._space = held
        if self.gesture is None:
            cursor = Qt.CursorShape.OpenHandCursor if held else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(cursor)

    def _modifier_changed(self, event: QKeyEvent, *, pressed: bool) -> bool:
        """Whether a modifier key was pressed or let go during a gesture, which then goes on with it."""
        key = _MODIFIERS.get(event.key())
        last = self._last
        if key is None or self.gesture is None or last is None:
            return False
        # The event's own modifiers differ between systems in whether they count the key itself.
        held = last.modifiers | key if pressed else last.modifiers & ~key
        self._go_on(Pointer(last.view, last.scene, held))
        return True

    # --- things dragged from elsewhere

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Takes files, and nodes from the library."""
        self._take_or_not(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Takes files, and nodes from the library."""
        self._take_or_not(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Adds a node from the library; files are passed on."""
        pos = self.mapToScene(event.position().toPoint())
        data = event.mimeData()
        if data.hasFormat(NODE_MIME):
            self.graph.add_by_user(bytes(data.data(NODE_MIME).data()).decode(errors="replace"), pos)
            self.setFocus()
        else:
            node = hit(self, pos).node
            self.graph.files_dropped.emit(_files(data), pos, node.id if node else "")
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def _take_or_not(self, event: QDragMoveEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(NODE_MIME) or _files(data):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """NodeGraphQt would offer its own menus here."""
        QGraphicsView.focusInEvent(self, event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keys that are let go elsewhere are not held here."""
        self._hold_space(False)
        self.clear_key_state()
        QGraphicsView.focusOutEvent(self, event)


class Band(QRubberBand):
    """The rectangle that selects, light enough to see what it is over."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(QRubberBand.Shape.Rectangle, parent)
        self.colour = QColor()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws it."""
        fill = QColor(self.colour)
        fill.setAlphaF(0.1)
        painter = QPainter(self)
        painter.setPen(self.colour)
        painter.setBrush(fill)
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


def _files(data: QMimeData) -> list[Path]:
    """The files of this machine that are dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def _as_it_is(text: str) -> str:
    """A text for a tooltip, which would read some as HTML and break no line of others."""
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>' if text else ""
