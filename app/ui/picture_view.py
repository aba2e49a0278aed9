"""A picture that can be zoomed at the pointer and moved about."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QImage,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from app.pictures import Levels, halved
from app.theme import Theme

_STEP: Final = 1.25
_WHEEL: Final = 1.0018
_LARGEST: Final = 32.0
_SMALLEST: Final = 1 / 64
_CRISP: Final = 2.0
"""From this zoom on pixels are shown as the squares they are."""
_CHECK: Final = 8


class PictureView(QWidget):
    """Shows a picture as large as there is room for, until the user zooms.

    Args:
        smooth: Pixels are never shown as squares; for rough pictures of few pixels.

    Signals:
        zoomed: The zoom, as pixels of the screen per pixel of the picture.
        activated: Double click.
        drag_wanted: The user drags a picture that is wholly visible, so that moving it has no sense.
    """

    zoomed = Signal(float)
    activated = Signal()
    drag_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, smooth: bool = False) -> None:
        super().__init__(parent)
        self._levels: Levels = ()
        self._smooth = smooth
        self._fits = True
        self._zoom = 1.0
        self._centre = QPointF()  # the place of the picture that is in the middle of the view, in its pixels
        self._pressed: QPoint | None = None
        self._moved_to = QPoint()
        self.setMinimumSize(64, 64)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_theme(theme)

    @property
    def zoom(self) -> float:
        """Pixels of the screen per pixel of the picture."""
        return self._zoom

    @property
    def fits(self) -> bool:
        """Whether the zoom follows the size of the view."""
        return self._fits

    @property
    def image_size(self) -> QSize:
        """Of the picture, in its pixels."""
        return self._levels[0].size() if self._levels else QSize()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._background = QColor(theme.canvas)
        self._checks = QBrush(_checks(theme))
        self.update()

    def show_levels(self, levels: Levels) -> None:
        """Shows a picture. If it is as large as the one before, the view stays where it is."""
        same = bool(levels) and levels[0].size() == self.image_size
        self._levels = levels
        if same and not self._fits:
            self.update()
        else:
            self.fit()

    def show_image(self, image: QImage) -> None:
        """Shows a picture that is not large."""
        self.show_levels(halved(image))

    def clear(self) -> None:
        """Shows nothing."""
        self.show_levels(())

    def fit(self) -> None:
        """Shows the whole picture, as large as there is room for."""
        self._fits = True
        size = self.image_size
        if size.isEmpty():
            self.update()
            return
        ratio = self.devicePixelRatioF()
        self._centre = QRectF(QPointF(), size.toSizeF()).center()
        self._set_zoom(min(self.width() / size.width(), self.height() / size.height()) * ratio)

    def actual(self) -> None:
        """Shows each pixel of the picture as one of the screen."""
        self.zoom_to(1.0)

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Changes the zoom; what is at that place of the view stays there, or what is in its middle."""
        if self.image_size.isEmpty():
            return
        place = at if at is not None else QRectF(self.rect()).center()
        held = self._to_picture(place)
        self._fits = False
        self._set_zoom(min(max(zoom, _SMALLEST), _LARGEST))
        self._centre += held - self._to_picture(place)
        self._keep_inside()

    def zoom_by(self, steps: float, at: QPointF | None = None) -> None:
        """Zooms in by that many steps, or out if they are negative."""
        self.zoom_to(self._zoom * _STEP**steps, at)

    def is_whole(self) -> bool:
        """Whether all of the picture is visible."""
        return self.rect().adjusted(-1, -1, 1, 1).contains(self._target().toAlignedRect())

    # Events.

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints what is visible of the picture."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._background)
        if not self._levels:
            return
        target = self._target()
        level = self._level_for(target.width() * self.devicePixelRatioF())
        if level.hasAlphaChannel():
            painter.setBrushOrigin(target.topLeft())
            painter.fillRect(target, self._checks)
        is_smooth = self._smooth or self._zoom < _CRISP
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(target, level)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the picture fitting, or what is in the middle there."""
        super().resizeEvent(event)
        if self._fits:
            self.fit()
        else:
            self._keep_inside()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms at the pointer."""
        self.zoom_to(self._zoom * _WHEEL ** event.angleDelta().y(), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begins to move the picture, or to drag it out."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton) and self._levels:
            self._pressed = self._moved_to = event.position().toPoint()
            if not self.is_whole():
                self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Moves the picture with the pointer, or begins to drag it out."""
        if self._pressed is None:
            return
        position = event.position().toPoint()
        if not self.is_whole():
            self._centre -= QPointF(position - self._moved_to) / self._scale
            self._moved_to = position
            self._keep_inside()
        elif (position - self._pressed).manhattanLength() >= QApplication.startDragDistance():
            self._pressed = None
            self.drag_wanted.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends moving."""
        del event
        self._pressed = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tells of it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.activated.emit()

    def event(self, event: QEvent) -> bool:
        """Zooms where two fingers do so on a touch pad, and follows the picture to another screen."""
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_to(self._zoom * (1 + event.value()), event.position())
                return True
        elif event.type() == QEvent.Type.DevicePixelRatioChange and self._fits:
            self.fit()
        return super().event(event)

    # Where things are.

    @property
    def _scale(self) -> float:
        """Units of the view per pixel of the picture."""
        return self._zoom / self.devicePixelRatioF()

    def _to_picture(self, place: QPointF) -> QPointF:
        return self._centre + (place - QRectF(self.rect()).center()) / self._scale

    def _target(self) -> QRectF:
        """Where the whole picture lies in the view, on whole pixels of the screen."""
        ratio = self.devicePixelRatioF()
        size = self.image_size.toSizeF() * self._scale
        corner = (QRectF(self.rect()).center() - self._centre * self._scale) * ratio
        return QRectF(QPointF(corner.toPoint()) / ratio, size)

    def _level_for(self, width: float) -> QImage:
        """The smallest of the levels that has as many pixels as are shown."""
        wide = [level for level in self._levels if level.width() >= width]
        return wide[-1] if wide else self._levels[0]

    def _set_zoom(self, zoom: float) -> None:
        self._zoom = zoom
        self.update()
        self.zoomed.emit(zoom)

    def _keep_inside(self) -> None:
        """Moves the picture so that no room is wasted: not beyond its edges, in the middle if it is small."""
        size, room = self.image_size, QRectF(self.rect()).size() / self._scale
        self._centre = QPointF(
            _clamped(self._centre.x(), room.width(), size.width()),
            _clamped(self._centre.y(), room.height(), size.height()),
        )
        self.update()


def _clamped(centre: float, room: float, size: float) -> float:
    return size / 2 if size <= room else min(max(centre, room / 2), size - room / 2)


def _checks(theme: Theme) -> QPixmap:
    """The pattern that shows through what is transparent."""
    pixmap = QPixmap(2 * _CHECK, 2 * _CHECK)
    pixmap.fill(QColor(theme.entry))
    painter = QPainter(pixmap)
    for corner in (0, _CHECK):
        painter.fillRect(QRect(corner, corner, _CHECK, _CHECK), QColor(theme.hover))
    painter.end()
    return pixmap
