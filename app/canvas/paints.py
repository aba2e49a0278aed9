"""Brushes, pens and fonts of the canvas, made once per theme, and what of the settings concerns painting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from PySide6.QtCore import SignalInstance
from PySide6.QtGui import QColor, QPen, QPixmap

from app.canvas.texts import Texts
from app.settings import Settings
from app.theme import Theme

FULL: Final = 0.5
"""Zoom from which on everything is drawn; below it, texts of rows are left out."""

_SCALES: Final = (0.85, 1.3)
"""How far the size of texts follows that of the system: beyond it they would not fit their rows."""

_LIGHT: Final = 0.5
_ON_LIGHT: Final = "#1e2227"
_ON_DARK: Final = "#e9ebee"


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of what is written on a node's body, made once per colour of body.

    Attributes:
        name: Of sockets; `name_optional` of those that need not be fed.
        field: The ground of values; `*_linked` where a link feeds the value.
        mark: Arrows.
    """

    name: QColor
    name_optional: QColor
    field: QColor
    field_linked: QColor
    label: QColor
    label_linked: QColor
    text: QColor
    text_linked: QColor
    mark: QColor


class Thumbnails(Protocol):
    """Where small pictures come from; `ready` is emitted with the path of one that can be had now."""

    @property
    def ready(self) -> SignalInstance:
        """Emitted with a path."""
        ...

    def thumbnail(self, path: Path, size_px: int) -> QPixmap | None:
        """The picture, not larger than `size_px`; None until it is there."""
        ...


class Paints:
    """All that painting needs to know beside what is painted.

    Args:
        thumbnails: Where the pictures in nodes come from; without it none are shown.

    Attributes:
        previews: Pictures are shown in nodes.
        badges: The order in which nodes ran is shown.
    """

    def __init__(self, theme: Theme, settings: Settings, thumbnails: Thumbnails | None = None) -> None:
        self.theme = theme
        self.previews = settings.previews
        self.badges = settings.badges
        self.thumbnails = thumbnails
        scale = min(max(settings.text_scale, _SCALES[0]), _SCALES[1])
        self.title = Texts(13.5 * scale, bold=True)
        self.row = Texts(12 * scale)
        self.small = Texts(10.5 * scale)
        self.note = Texts(12.5 * scale)
        self._group_titles: dict[int, Texts] = {}
        self._scale = scale
        self._colours: dict[str, QColor] = {}
        self._sockets: dict[str, QColor] = {}
        self._inks: dict[int, Ink] = {}
        self._pens: dict[tuple[str, float], QPen] = {}
        self._hollow: dict[tuple[int, bool], QPen] = {}
        self._own: dict[tuple[str | None, str], QColor] = {}

    def colour(self, name: str) -> QColor:
        """A colour of the theme by its name there, or as `#rrggbb`."""
        found = self._colours.get(name)
        if found is None:
            found = QColor(name if name.startswith("#") else getattr(self.theme, name))
            self._colours[name] = found
        return found

    def pen(self, name: str, width: float = 1.0) -> QPen:
        """A solid pen of a colour."""
        found = self._pens.get((name, width))
        if found is None:
            found = QPen(self.colour(name), width)
            self._pens[name, width] = found
        return found

    def hollow(self, colour: QColor, *, required: bool) -> QPen:
        """The pen of a socket that nothing feeds, faint if it need not be fed."""
        key = (colour.rgba(), required)
        found = self._hollow.get(key)
        if found is None:
            found = QPen(colour, 2.0) if required else QPen(faded(colour, 0.55), 1.4)
            self._hollow[key] = found
        return found

    def own(self, text: str | None, otherwise: str) -> QColor:
        """The colour that a node has by its file, made fitting; one of the theme if the file names none."""
        found = self._own.get((text, otherwise))
        if found is None:
            found = self.fitting(given_colour(text, lambda: self.colour(otherwise)))
            self._own[text, otherwise] = found
        return found

    def fitting(self, colour: QColor) -> QColor:
        """A node's own colour, made light in a light theme: files are mostly coloured for dark ones."""
        if self.theme.is_dark or colour.lightnessF() > _LIGHT:
            return colour
        lightness = 0.80 + 0.15 * colour.lightnessF()
        return QColor.fromHslF(max(colour.hslHueF(), 0.0), colour.hslSaturationF(), lightness)

    def text_on(self, ground: QColor, name: str) -> QColor:
        """A text colour of the theme, or one of the same strength that can be read on this ground."""
        wanted = self.colour(name)
        is_light = ground.lightnessF() > _LIGHT
        if is_light != self.theme.is_dark:
            return wanted
        return self.colour(_ON_LIGHT if is_light else _ON_DARK)

    def ink(self, body: QColor) -> Ink:
        """The colours of what is written on a body."""
        found = self._inks.get(body.rgba())
        if found is None:
            found = self._inks[body.rgba()] = self._make_ink(body)
        return found

    def _make_ink(self, body: QColor) -> Ink:
        if body == self.colour("node"):
            field = self.colour("row")
        else:
            field = body.darker(140) if self.theme.is_dark else body.lighter(106)
        name = self.text_on(body, "row_text")
        label, text = self.text_on(field, "row_label"), self.text_on(field, "row_text")
        return Ink(
            name,
            faded(name, 0.65),
            field,
            faded(field, 0.4),
            label,
            faded(label, 0.7),
            text,
            faded(text, 0.35),
            faded(label, 0.8),
        )

    def socket(self, wire_type: str) -> QColor:
        """The colour of a wire type."""
        found = self._sockets.get(wire_type)
        if found is None:
            found = self._sockets[wire_type] = self.colour(self.theme.socket(wire_type))
        return found

    def group_title(self, pixels: float) -> Texts:
        """The font of group titles of a size."""
        size = round(min(max(pixels, 8), 200))
        if size not in self._group_titles:
            self._group_titles[size] = Texts(size, bold=True)
        return self._group_titles[size]


def given_colour(text: str | None, otherwise: Callable[[], QColor]) -> QColor:
    """The colour that a file names, such as `#335` or `green`; another one if it names none."""
    colour = QColor.fromString(text) if text else QColor()
    return colour if colour.isValid() else otherwise()


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """The first colour with a share of the other, opaque."""
    keep = 1 - share
    return QColor.fromRgbF(
        one.redF() * keep + other.redF() * share,
        one.greenF() * keep + other.greenF() * share,
        one.blueF() * keep + other.blueF() * share,
    )


def faded(colour: QColor, alpha: float) -> QColor:
    """The colour, less opaque."""
    result = QColor(colour)
    result.setAlphaF(colour.alphaF() * alpha)
    return result
