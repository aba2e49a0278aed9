"""The icons, drawn for this program and tinted with the colours of the theme."""

from __future__ import annotations

import functools
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme import Theme
from resources import path

# The colour the drawings are made in. It stands out on light and on dark, so that style sheets can use the
# files as they are; icons replace it.
_DRAWN: Final = "#868e9a"
_SIZES: Final = (16, 20, 24, 28, 32, 40, 48, 64)
_APP_SIZES: Final = (16, 24, 32, 48, 64, 128, 256)


def icon(name: str, theme: Theme, colour: str = "") -> QIcon:
    """The icon of that name, as sharp as the screen.

    Args:
        colour: `#rrggbb`; the theme's text colour if empty.
    """
    return _icon(name, colour or theme.text, theme.text_dim)


def switch_icon(name: str, theme: Theme) -> QIcon:
    """The icon of a switch: dim while it is off, in the accent colour while it is on."""
    return _switch_icon(name, theme.text_dim, theme.accent)


def app_icon() -> QIcon:
    """The icon of the program."""
    result = QIcon()
    renderer = QSvgRenderer(str(path("icons", "darkroom.svg")))
    for size in _APP_SIZES:
        result.addPixmap(_render(renderer, size))
    return result


def file(name: str) -> str:
    """Where a drawing is, as style sheets write it."""
    return path("icons", f"{name}.svg").as_posix()


def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """The drawing in one size, for widgets that paint it themselves.

    Args:
        size: Width and height in device-independent pixels.
        ratio: Of the screen: `widget.devicePixelRatioF()`.
    """
    picture = _render(_renderer(name, colour), round(size * ratio))
    picture.setDevicePixelRatio(ratio)
    return picture


@functools.cache
def _icon(name: str, colour: str, disabled: str) -> QIcon:
    result = QIcon()
    for mode, tint, opacity in ((QIcon.Mode.Normal, colour, 1.0), (QIcon.Mode.Disabled, disabled, 0.45)):
        renderer = _renderer(name, tint)
        for size in _SIZES:
            result.addPixmap(_render(renderer, size, opacity), mode)
    return result


@functools.cache
def _switch_icon(name: str, off: str, on: str) -> QIcon:
    result = QIcon()
    for state, tint in ((QIcon.State.Off, off), (QIcon.State.On, on)):
        renderer = _renderer(name, tint)
        for size in _SIZES:
            result.addPixmap(_render(renderer, size), QIcon.Mode.Normal, state)
    return result


def _renderer(name: str, colour: str) -> QSvgRenderer:
    drawing = path("icons", f"{name}.svg").read_text(encoding="utf-8").replace(_DRAWN, colour)
    return QSvgRenderer(QByteArray(drawing.encode()))


def _render(renderer: QSvgRenderer, size: int, opacity: float = 1.0) -> QPixmap:
    picture = QPixmap(size, size)
    picture.fill(QColor(Qt.GlobalColor.transparent))
    painter = QPainter(picture)
    painter.setOpacity(opacity)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture
