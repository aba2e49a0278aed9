"""The canvas as a widget: where it looks, how far it is zoomed, and which gesture the mouse is making."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, QRectF, QSizeF, Qt, QTimer, Signal
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
    QPen,
    QPolygon,
    QResizeEvent,
    QShowEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsItem, QGraphicsView, QRubberBand, QToolTip, QWidget

from app.canvas import clicks, menus
from app.canvas.gestures import Gesture, Pointer, Press, gesture_of
from app.canvas.hits import hit
from app.canvas.linking import LiveLink, SliceLine
from app.canvas.nodegraphqt import NodeViewer
from app.theme import GRID

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph

MIN_ZOOM: Final = 0.05
MAX_ZOOM: Final = 4.0
FAR: Final = 0.25  # below it nodes are drawn as plain boxes, all at once
_ZOOM_STEP: Final = 1.2
_MARGIN: Final = 40  # pixels left free around what `fit` shows
NODE_MIME: Final = "application/x-darkroom-node"  # the type of a node that is dragged from the library
_UNTOUCHED: Final = {"scale": 1, "offset": [0, 0]}  # what files say whose view nobody has chosen
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
_DOTS: Final = (14, 56)  # the pixels between two dots of the grid: at least, less than


class CanvasViewer(NodeViewer):
    """Shows a canvas.

    Attributes:
        graph: The canvas it shows; set by it.
        gesture: What the mouse is doing while it drags; None while it does not.
        live_link: The line of a link that is being drawn.
        slicer: The line across links that is being drawn.
        band: The rectangle that selects.

    Signals:
        view_changed: It was panned, zoomed or resized.
    """

    view_changed = Signal()

    graph: CanvasGraph

    def __init__(self, parent: QWidget | None = None) -> None:
        self._zoom = 1.0
        self._centre = QPointF()
        self._was_shown = False
        self._space = False
        self._press: Press | None = None
        self._last: Pointer | None = None
        self.gesture: Gesture | None = None
        self._dots: tuple[tuple[float, int, int], QPolygon] | None = None
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
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
        self._look()

    # --- where it looks

    def zoom(self) -> float:
        """Pixels per scene unit."""
        return self._zoom

    def far(self) -> bool:
        """Whether nodes are so small that they are drawn as plain boxes."""
        return self._zoom < FAR

    def set_zoom(self, value: float, at: QPoint | None = None) -> None:
        """Zooms; what is at `at`, in the viewport, stays there (the middle if not given)."""
        corner = self._scene_range.topLeft()
        fixed = (
            corner + QPointF(at) / self._zoom if at is not None else self._centre
        )  # exact, unlike mapToScene
        new = min(max(value, MIN_ZOOM), MAX_ZOOM)
        self._centre = fixed + (self._centre - fixed) * (self._zoom / new)
        self._zoom = new
        self._look()

    def zoom_by(self, factor: float, at: QPoint | None = None) -> None:
        """Zooms by a factor."""
        self.set_zoom(self._zoom * factor, at)

    def zoom_in(self) -> None:
        """One step nearer."""
        self.zoom_by(_ZOOM_STEP)

    def zoom_out(self) -> None:
        """One step further."""
        self.zoom_by(1 / _ZOOM_STEP)

    def pan_by(self, pixels: QPointF) -> None:
        """Moves what is shown by pixels: to the right and down if they are positive."""
        self._centre -= pixels / self._zoom
        self._look()

    def centre_at(self, pos: QPointF) -> None:
        """Shows a point of the scene in the middle."""
        self._centre = QPointF(pos)
        self._look()

    def centre_on(self, node_id: str) -> None:
        """Shows a node in the middle, near enough to be read."""
        item = self.graph.nodes.get(node_id)
        if item is None:
            return
        self._centre = item.sceneBoundingRect().center()
        self._zoom = max(self._zoom, 2 * FAR)
        self._look()

    def fit(self, items: Iterable[QGraphicsItem] | None = None) -> None:
        """Shows all of the items, or of the graph, never larger than they are."""
        chosen = self._all_items() if items is None else items
        area = QRectF()
        for item in chosen:
            area = area.united(item.sceneBoundingRect())
        if area.isEmpty():
            self._zoom, self._centre = 1.0, QPointF()
        else:
            room = self.viewport().size()
            across = max(room.width() - 2 * _MARGIN, 1) / area.width()
            down = max(room.height() - 2 * _MARGIN, 1) / area.height()
            self._zoom = min(max(min(across, down), MIN_ZOOM), 1.0)
            self._centre = area.center()
        self._look()

    def fit_selection(self) -> None:
        """Shows all that is selected; the whole graph if nothing is."""
        graph = self.graph
        items: list[QGraphicsItem] = [graph.nodes[key] for key in graph.selected_nodes()]
        items += [graph.groups[key] for key in graph.selected_groups()]
        items += [graph.reroutes[key] for key in graph.selected_reroutes()]
        self.fit(items or None)

    def visible_scene(self) -> QRectF:
        """The part of the scene that is shown."""
        return QRectF(self._scene_range)

    def pointer(self) -> QPointF:
        """Where in the scene the mouse was last; the middle if it has not been here."""
        return self.mapToScene(self._previous_pos)

    def view_state(self) -> dict[str, Any]:
        """Where it looks, as workflow files say it: their `extra.ds`."""
        corner = self._scene_range.topLeft()
        return {"scale": self._zoom, "offset": [round(-corner.x(), 4), round(-corner.y(), 4)]}

    def set_view_state(self, state: object) -> bool:
        """Looks where a workflow file says; False if it does not say it in a way that makes sense."""
        match state:
            case {"scale": float() | int() as scale, "offset": [float() | int() as x, float() | int() as y]}:
                pass
            case {"scale": float() | int() as scale, "offset": {"0": float() | int() as x, "1": y}} if (
                isinstance(y, float | int)
            ):
                pass
            case _:
                return False
        if not MIN_ZOOM <= scale <= MAX_ZOOM or not max(abs(x), abs(y)) < 1e6:
            return False
        self._zoom = float(scale)
        size = QSizeF(self.viewport().size()) / self._zoom
        self._centre = QPointF(size.width() / 2 - x, size.height() / 2 - y)
        self._look()
        return True

    def _all_items(self) -> list[QGraphicsItem]:
        graph = self.graph
        tables: tuple[Mapping[Any, QGraphicsItem], ...] = (graph.nodes, graph.groups, graph.reroutes)
        return [item for table in tables for item in table.values()]

    def _look(self) -> None:
        """Makes the view show what `_zoom` and `_centre` say."""
        size = QSizeF(self.viewport().size()) / self._zoom
        corner = self._centre - QPointF(size.width() / 2, size.height() / 2)
        self._scene_range = QRectF(corner, size)
        if self.transform().m11() != self._zoom:
            self.setTransform(QTransform.fromScale(self._zoom, self._zoom))
        # Qt puts the middle of the scene rectangle into that of the view, in whole pixels cut off towards
        # zero. A small rectangle never gets scroll bars.
        room, origin = self.viewport().rect(), (corner * self._zoom).toPoint()
        x = origin.x() + room.width() // 2 + math.copysign(0.25, origin.x())
        y = origin.y() + room.height() // 2 + math.copysign(0.25, origin.y())
        self.setSceneRect(QRectF((x - 1) / self._zoom, (y - 1) / self._zoom, 2 / self._zoom, 2 / self._zoom))
        self.view_changed.emit()

    def _update_scene(self) -> None:
        """What NodeGraphQt calls after it has set `_scene_range`."""
        area = self._scene_range
        if area.isEmpty():
            return
        room = self.viewport().size()
        scale = min(room.width() / area.width(), room.height() / area.height())
        self._zoom = min(max(scale, MIN_ZOOM), MAX_ZOOM)
        self._centre = area.center()
        self._look()

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the items, or from afar the overview of them."""
        if not self.far():
            super().paintEvent(event)
            return
        painter = QPainter(self.viewport())
        painter.save()
        self._paint_background(painter, event.rect())
        painter.restore()
        painter.setWorldTransform(self.viewportTransform())
        self.graph.overview.paint(painter, self.mapToScene(event.rect()).boundingRect())
        painter.end()

    def drawBackground(self, painter: QPainter, rect: QRectF | Any) -> None:
        """Draws the canvas and its dots."""
        painter.save()
        painter.resetTransform()
        self._paint_background(painter, self.viewportTransform().mapRect(rect).toAlignedRect())
        painter.restore()

    def _paint_background(self, painter: QPainter, exposed: Any) -> None:
        theme = self.graph.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(exposed, QColor(theme.canvas))
        pitch = 2 * GRID * self._zoom
        while pitch < _DOTS[0]:
            pitch *= 4
        while pitch >= _DOTS[1]:
            pitch /= 4
        origin = self.viewportTransform().map(QPointF())
        painter.setPen(QPen(QColor(theme.line), 2))
        painter.translate(round(origin.x() % pitch), round(origin.y() % pitch))
        painter.drawPoints(self._dots_of(pitch))

    def _dots_of(self, pitch: float) -> QPolygon:
        room = self.viewport().size()
        key = (pitch, room.width(), room.height())
        if self._dots is None or self._dots[0] != key:
            columns = [round(i * pitch) for i in range(-1, int(room.width() / pitch) + 1)]
            rows = [round(i * pitch) for i in range(-1, int(room.height() / pitch) + 1)]
            self._dots = key, QPolygon([QPoint(x, y) for y in rows for x in columns])
        return self._dots[1]

    # --- the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The beginning of a click or of a gesture; which, the next event tells."""
        at = self._pointer(event)
        if self.gesture is not None or self._press is not None:
            return  # a second button changes nothing
        self.graph.editors.close()
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
        under = hit(self, at.scene)
        if event.button() == Qt.MouseButton.LeftButton and not clicks.double_click(self, under, at):
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
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
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
        space = Qt.CursorShape.OpenHandCursor
        self.viewport().setCursor(space if self._space else clicks.cursor(hit(self, at.scene)))

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

    # --- events of the widget

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps zoom and middle; before it was first shown, the corner: a file says where that is."""
        corner = self._scene_range.topLeft()
        QGraphicsView.resizeEvent(self, event)
        if not self._was_shown:
            size = QSizeF(self.viewport().size()) / self._zoom
            self._centre = corner + QPointF(size.width() / 2, size.height() / 2)
        self._look()

    def showEvent(self, event: QShowEvent) -> None:
        """Looks where the document was looked at last, or at all of it."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            state = self.graph.document.header.extra.get("ds")
            if state == _UNTOUCHED or not self.set_view_state(state):
                self.fit()

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
