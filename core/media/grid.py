"""Many pictures as one, with labels above and beside them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from core.errors import WorkflowError
from core.media.images import opened

PIXELS: Final = 1 << 26
"""Pixels that the whole of a grid may have; pictures are made smaller to fit."""

_GAP: Final = 6
_SMALLEST: Final = 64
"""A side of a picture's field, so that a word finds room above it."""
_NO_PICTURE: Final = (128, 128)
_FONT_SIZES: Final = (11, 28)
_LETTERS_ACROSS: Final = 22
"""Letters of a label that find room in a line as wide as a picture."""
_LINES: Final = 3
_PAPER: Final = "white"
_INK: Final = "black"
_EMPTY: Final = (232, 232, 232)
_FAULT: Final = (160, 0, 0)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Size = tuple[int, int]


class Tile(NamedTuple):
    """One place of a grid.

    Attributes:
        pictures: What is shown there, several beside each other.
        note: What is said there instead if there is no picture.
    """

    pictures: Sequence[Path] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """One row of a grid.

    Attributes:
        label: Stands to its left.
        above: A label above each tile; empty for none.
    """

    tiles: Sequence[Tile]
    label: str = ""
    above: Sequence[str] = ()


def draw_grid(bands: Sequence[Band], title: str = "") -> Image.Image:
    """The grid as a picture of at most `PIXELS` pixels, or little more where labels alone take that."""
    columns = max(len(band.tiles) for band in bands)
    tile = _scaled(_largest(bands), columns * len(bands))
    font = _font(tile)
    labels = (line for band in bands for line in fit_text(band.label, font, tile[0]))
    side = max((_width(font, line) for line in labels), default=0)
    sheet = _Sheet(bands, columns, tile, font, side + _GAP if side else 0, title)
    return sheet.draw()


def fit_text(text: str, font: Font, width: int, lines: int = _LINES) -> list[str]:
    """The text in lines no wider than `width`; what does not find room is cut off with dots.

    Accents are left out: the font that comes with Pillow has none.
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = " ".join(bare.split()).split(" ")
    result: list[str] = []
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if _width(font, longer) <= width:
            line = longer
            continue
        if line:
            result.append(line)
        *whole, line = _pieces(word, font, width)
        result += whole
    result = [*result, line] if line else result
    if len(result) > lines:
        result = [*result[: lines - 1], _cut(result[lines - 1], font, width)]
    return result


@dataclass(slots=True)
class _Sheet:
    """A grid while it is drawn."""

    bands: Sequence[Band]
    columns: int
    tile: Size
    font: Font
    side: int
    title: str

    def draw(self) -> Image.Image:
        heading = fit_text(self.title, self.font, self._width - 2 * _GAP)
        tops = [self._height_of(self._labels(band)) for band in self.bands]
        top = self._height_of([heading])
        height = top + sum(tops) + len(self.bands) * (self.tile[1] + _GAP) + _GAP
        paper = Image.new("RGB", (self._width, height), _PAPER)
        pen = ImageDraw.Draw(paper)
        self._write(pen, heading, (_GAP, _GAP))
        for band, above in zip(self.bands, tops, strict=True):
            for index, lines in enumerate(self._labels(band)):
                self._write(pen, lines, (self._left(index), top + _GAP))
            top += above
            self._write(pen, fit_text(band.label, self.font, self.tile[0]), (_GAP, top + _GAP))
            for index, tile in enumerate(band.tiles):
                paper.paste(self._picture(tile), (self._left(index), top + _GAP))
            top += self.tile[1] + _GAP
        return paper

    def _labels(self, band: Band) -> list[list[str]]:
        return [fit_text(label, self.font, self.tile[0]) for label in band.above]

    def _picture(self, tile: Tile) -> Image.Image:
        if tile.pictures:
            try:
                return _side_by_side(tile.pictures, self.tile)
            except WorkflowError as error:
                return self._note(str(error))
        return self._note(tile.note)

    def _note(self, text: str) -> Image.Image:
        note = Image.new("RGB", self.tile, _EMPTY)
        lines = max(1, (self.tile[1] - 2 * _GAP) // self._line)
        said = fit_text(text, self.font, self.tile[0] - 2 * _GAP, lines)
        self._write(ImageDraw.Draw(note), said, (_GAP, _GAP), _FAULT)
        return note

    def _write(
        self, pen: ImageDraw.ImageDraw, lines: Sequence[str], at: Size, ink: str | tuple[int, ...] = _INK
    ) -> None:
        for index, line in enumerate(lines):
            pen.text((at[0], at[1] + index * self._line), line, fill=ink, font=self.font)

    def _height_of(self, labels: Sequence[Sequence[str]]) -> int:
        lines = max(map(len, labels), default=0)
        return lines * self._line + _GAP if lines else 0

    def _left(self, index: int) -> int:
        return _GAP + self.side + index * (self.tile[0] + _GAP)

    @property
    def _width(self) -> int:
        return self._left(self.columns)

    @property
    def _line(self) -> int:
        return math.ceil(self.font.getbbox("Ag")[3] * 1.15) + 1


def _largest(bands: Sequence[Band]) -> Size:
    """The size that holds each tile's pictures as they are."""
    sizes = [size for band in bands for tile in band.tiles if (size := _size_of(tile))]
    if not sizes:
        return _NO_PICTURE
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _size_of(tile: Tile) -> Size | None:
    sizes: list[Size] = []
    for path in tile.pictures:
        try:
            with opened(path) as picture:
                sizes.append(picture.size)
        except WorkflowError:
            return None
    if not sizes:
        return None
    across = math.ceil(math.sqrt(len(sizes)))
    down = math.ceil(len(sizes) / across)
    return across * max(width for width, _ in sizes), down * max(height for _, height in sizes)


def _scaled(size: Size, count: int) -> Size:
    scale = min(1.0, math.sqrt(PIXELS / (size[0] * size[1] * count)))
    return max(_SMALLEST, int(size[0] * scale)), max(_SMALLEST, int(size[1] * scale))


def _side_by_side(paths: Sequence[Path], size: Size) -> Image.Image:
    """Pictures in a field of their own: one as it is, several in rows."""
    across = math.ceil(math.sqrt(len(paths)))
    down = math.ceil(len(paths) / across)
    room = size[0] // across, size[1] // down
    result = Image.new("RGB", size, _PAPER)
    for index, path in enumerate(paths):
        with opened(path) as picture:
            small = picture.convert("RGB")
        small.thumbnail(room, Image.Resampling.LANCZOS)
        result.paste(small, (index % across * room[0], index // across * room[1]))
    return result


def _font(tile: Size) -> Font:
    smallest, largest = _FONT_SIZES
    return ImageFont.load_default(min(largest, max(smallest, tile[0] * 2 // _LETTERS_ACROSS)))


def _width(font: Font, text: str) -> int:
    return math.ceil(font.getlength(text))


def _pieces(word: str, font: Font, width: int) -> list[str]:
    """A word in pieces that fit into a line each; a letter at least."""
    result: list[str] = []
    piece = ""
    for letter in word:
        if piece and _width(font, piece + letter) > width:
            result.append(piece)
            piece = ""
        piece += letter
    return [*result, piece]


def _cut(line: str, font: Font, width: int) -> str:
    while line and _width(font, line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
