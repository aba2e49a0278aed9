"""Scenes: what can be in a picture, chosen at random and drawn. No data from outside is used.

Lengths in a drawing are shares of its side; y points down.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
Pixels = npt.NDArray[np.uint8]

SIDE = 256
_OVERSAMPLING = 2
_TILE = 16  # of a mosaic, in pixels; two cells of a latent
_JOINT = 0.5  # brightness of what is between tiles

COLOURS: dict[str, Colour] = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 215, 50),
    "green": (50, 165, 70),
    "blue": (45, 95, 220),
    "purple": (140, 65, 190),
    "pink": (245, 130, 185),
    "brown": (125, 75, 40),
    "white": (246, 246, 246),
    "black": (28, 28, 32),
}
SHAPES = (
    *("circle", "square", "triangle", "star", "heart"),
    *("sun", "moon", "cloud", "tree", "house", "mountain", "flower", "boat"),
)
SIZES = {"small": 0.155, "": 0.225, "large": 0.31}
PLACES: dict[str, Point] = {
    "left": (0.27, 0.52),
    "right": (0.73, 0.52),
    "centre": (0.5, 0.5),
    "top": (0.5, 0.27),
    "bottom": (0.5, 0.72),
}
LANDSCAPES = ("day", "sunset", "night", "snow", "sea", "forest")
BACKGROUNDS = (*COLOURS, *LANDSCAPES)
STYLES = ("flat", "outline", "watercolour", "mosaic")
LORA_STYLE = "neon"  # the model never sees it; a LoRA teaches it
RELATIONS = ("left of", "above", "in front of")

_HELD_OUT_SHARE = 12  # one of this many combinations is kept from training
_WOOD: Colour = (110, 70, 40)


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in a scene; `size` and `place` may be empty: nothing special."""

    shape: str
    colour: str
    size: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows.

    Attributes:
        things: One, or two that stand in a relation.
        background: A colour or a landscape.
        count: How often the only thing is there.
        relation: Of the first thing to the second; empty if there is only one.
    """

    things: tuple[Thing, ...]
    background: str
    style: str = "flat"
    count: int = 1
    relation: str = ""


def is_held_out(thing: Thing, background: str) -> bool:
    """Whether training never shows a thing of this shape and colour in front of this background."""
    return zlib.crc32(f"{thing.shape} {thing.colour} {background}".encode()) % _HELD_OUT_SHARE == 0


def random_scene(rng: random.Random, *, held_out: bool = False, single: bool = False) -> Scene:
    """A scene as training shows it, or one whose first thing it never shows in front of that background.

    Args:
        single: Only one thing, once.
    """
    background = rng.choice(LANDSCAPES) if rng.random() < 0.5 else rng.choice(list(COLOURS))
    style = rng.choices(STYLES, (5, 2, 2, 2))[0]
    kind = 0.0 if single else rng.random()
    if kind < 0.68:
        place = "" if rng.random() < 0.4 else rng.choice(list(PLACES))
        size = rng.choices(list(SIZES), (1, 2, 1))[0]
        return Scene((_random_thing(rng, background, held_out, size, place),), background, style)
    if kind < 0.8:
        thing = _random_thing(rng, background, held_out)
        return Scene((thing,), background, style, count=rng.choice((2, 3)))
    relation = rng.choice(RELATIONS)
    sizes = ("small", "large") if relation == "in front of" else ("", "")
    first = _random_thing(rng, background, held_out, sizes[0])
    second = _random_thing(rng, background, False, sizes[1])
    while (second.shape, second.colour) == (first.shape, first.colour) or (
        relation == "in front of" and second.colour == first.colour
    ):
        second = _random_thing(rng, background, False, sizes[1])
    return Scene((first, second), background, style, relation=relation)


def _random_thing(
    rng: random.Random, background: str, held_out: bool, size: str = "", place: str = ""
) -> Thing:
    while True:
        thing = Thing(rng.choice(SHAPES), rng.choice(list(COLOURS)), size, place)
        if thing.colour != background and is_held_out(thing, background) == held_out:
            return thing


def draw(scene: Scene, rng: random.Random) -> tuple[Pixels, Pixels]:
    """The picture [SIDE,SIDE,3] of a scene, and where its things are [SIDE,SIDE], 255 inside.

    Args:
        rng: Decides what the scene leaves open: exact places, sizes, shades, hills, stars.
    """
    side = SIDE * _OVERSAMPLING
    empty = _background(scene.background, side, rng)
    picture = empty.copy()
    for thing, (x, y), radius in _arrangement(scene, rng):
        shade = tuple(max(0, min(255, c + rng.randint(-8, 8))) for c in COLOURS[thing.colour])
        pen = _Pen(ImageDraw.Draw(picture), (x * side, y * side), radius * side, shade, scene.style)
        _DRAWINGS[thing.shape](pen, rng)
    inside = ImageChops.difference(picture, empty).convert("L").point(lambda v: 255 if v > 6 else 0)
    small = _styled(picture.reduce(_OVERSAMPLING), scene.style, rng)
    return np.asarray(small), np.asarray(inside.reduce(_OVERSAMPLING))


def _arrangement(scene: Scene, rng: random.Random) -> list[tuple[Thing, Point, float]]:
    """Things with their middles and radii, those behind first."""

    def near(x: float, y: float, radius: float = 0.0) -> Point:
        x, y = x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03)
        return max(radius, min(1 - radius, x)), max(radius, min(1 - radius, y))

    def radius(size: str, factor: float = 1.0) -> float:
        return SIZES[size] * factor * rng.uniform(0.93, 1.07)

    first = scene.things[0]
    if scene.count > 1:
        row = {2: (0.28, 0.72), 3: (0.2, 0.5, 0.8)}[scene.count]
        each = radius("small", {2: 1.15, 3: 0.85}[scene.count])
        return [(first, near(x, 0.52), each) for x in row]
    if not scene.relation:
        middle = PLACES[first.place] if first.place else (rng.uniform(0.36, 0.64), rng.uniform(0.4, 0.62))
        size = radius(first.size)
        return [(first, near(*middle, size), size)]
    second = scene.things[1]
    if scene.relation == "in front of":
        x, y = near(0.5, 0.48)
        over = rng.choice((-0.12, 0.12))
        return [(second, (x, y), radius("large")), (first, (x + over, y + 0.2), radius("small", 0.95))]
    places = ((0.27, 0.52), (0.73, 0.52)) if scene.relation == "left of" else ((0.5, 0.27), (0.5, 0.74))
    return [
        (thing, near(*place), radius("small", 1.15))
        for thing, place in zip((first, second), places, strict=True)
    ]


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two, `share` of the way to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


# Backgrounds ----------------------------------------------------------------------------------------------


def _background(name: str, side: int, rng: random.Random) -> Image.Image:
    if name in COLOURS:
        shade = [max(0, min(255, c + rng.randint(-5, 5))) for c in COLOURS[name]]
        return Image.new("RGB", (side, side), tuple(shade))
    picture = _sky(_SKIES[name], side)
    canvas = ImageDraw.Draw(picture)
    horizon = rng.uniform(0.62, 0.7)
    _LANDSCAPE_PARTS[name](canvas, side, horizon, rng)
    return picture


_SKIES: dict[str, tuple[tuple[float, Colour], ...]] = {
    "day": ((0, (110, 180, 245)), (1, (215, 236, 252))),
    "sunset": ((0, (95, 50, 120)), (0.42, (240, 110, 80)), (0.68, (252, 200, 110)), (1, (252, 200, 110))),
    "night": ((0, (8, 10, 44)), (1, (40, 48, 112))),
    "snow": ((0, (168, 192, 220)), (1, (226, 234, 244))),
    "sea": ((0, (125, 195, 245)), (1, (212, 238, 250))),
    "forest": ((0, (150, 205, 225)), (1, (210, 232, 215))),
}


def _sky(stops: Sequence[tuple[float, Colour]], side: int) -> Image.Image:
    heights = np.linspace(0, 1, side)
    at = [stop for stop, _ in stops]
    rows = np.stack([np.interp(heights, at, [c[i] for _, c in stops]) for i in range(3)], axis=-1)
    return Image.fromarray(np.broadcast_to(rows[:, None].astype(np.uint8), (side, side, 3)).copy())


def _hills(
    canvas: ImageDraw.ImageDraw, side: int, height: float, colour: Colour, rng: random.Random, wave: float
) -> None:
    phase, length = rng.uniform(0, 6.3), rng.uniform(0.7, 1.3)
    line = [
        (x * side / 24, (height + wave * math.sin(phase + x / 24 * 6.3 * length)) * side) for x in range(25)
    ]
    canvas.polygon([(0, side), *line, (side, side)], fill=colour)


def _day(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    _hills(canvas, side, horizon, (140, 200, 110), rng, 0.03)
    _hills(canvas, side, horizon + 0.1, (95, 172, 80), rng, 0.02)


def _sunset(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    _hills(canvas, side, horizon, (128, 72, 78), rng, 0.03)
    _hills(canvas, side, horizon + 0.1, (82, 52, 62), rng, 0.02)


def _night(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    for _ in range(rng.randint(14, 24)):
        place = rng.random(), rng.uniform(0, horizon)
        _dot(canvas, side, place, rng.uniform(0.008, 0.015), (250, 250, 220))
    _hills(canvas, side, horizon, (24, 52, 66), rng, 0.03)
    _hills(canvas, side, horizon + 0.1, (14, 32, 44), rng, 0.02)


def _snow(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    _hills(canvas, side, horizon, (232, 238, 247), rng, 0.03)
    _hills(canvas, side, horizon + 0.1, (250, 251, 254), rng, 0.02)
    for _ in range(rng.randint(20, 32)):
        _dot(canvas, side, (rng.random(), rng.random()), rng.uniform(0.007, 0.012), (255, 255, 255))


def _sea(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    for depth in range(4):
        height = horizon + (1 - horizon) * depth / 4
        colour = mixed((64, 142, 205), (24, 84, 158), depth / 3)
        phase = rng.uniform(0, 6.3)
        line = [(x * side / 64, (height + 0.009 * math.sin(phase + x * 0.7)) * side) for x in range(65)]
        canvas.polygon([(0, side), *line, (side, side)], fill=colour)


def _forest(canvas: ImageDraw.ImageDraw, side: int, horizon: float, rng: random.Random) -> None:
    x = -0.05
    while x < 1.05:
        width, height = rng.uniform(0.11, 0.18), rng.uniform(0.22, 0.4)
        colour = mixed((18, 80, 45), (40, 115, 60), rng.random())
        foot = (horizon + 0.01) * side
        tip = ((x + width / 2) * side, (horizon - height) * side)
        canvas.polygon([(x * side, foot), tip, ((x + width) * side, foot)], fill=colour)
        x += width * 0.6
    _hills(canvas, side, horizon, (62, 110, 52), rng, 0.01)


def _dot(canvas: ImageDraw.ImageDraw, side: int, at: Point, radius: float, colour: Colour) -> None:
    x, y, r = at[0] * side, at[1] * side, radius * side
    canvas.ellipse((x - r, y - r, x + r, y + r), fill=colour)


_LANDSCAPE_PARTS: dict[str, Callable[[ImageDraw.ImageDraw, int, float, random.Random], None]] = {
    "day": _day,
    "sunset": _sunset,
    "night": _night,
    "snow": _snow,
    "sea": _sea,
    "forest": _forest,
}


# Things ---------------------------------------------------------------------------------------------------


class _Pen:
    """Draws a thing in coordinates of its own: (0, 0) its middle, 1 its radius."""

    def __init__(
        self, canvas: ImageDraw.ImageDraw, middle: Point, radius: float, colour: Colour, style: str
    ) -> None:
        self._canvas = canvas
        self._middle = middle
        self._radius = radius
        self.colour = colour
        self.dark = mixed(colour, (0, 0, 0), 0.35)
        self.light = mixed(colour, (255, 255, 255), 0.4)
        is_black = sum(colour) < 150
        if style == "outline":
            self._edge, width = ((235, 235, 235) if is_black else (20, 20, 22)), 0.013
        else:
            # A thin rim keeps a white thing visible in the snow, and a black one at night.
            self._edge, width = mixed(colour, (255, 255, 255) if is_black else (0, 0, 0), 0.25), 0.007
        self._width = round(width * SIDE * _OVERSAMPLING)

    def polygon(self, points: Sequence[Point], colour: Colour | None = None, turn: float = 0.0) -> None:
        corners = [self._at(point, turn) for point in points]
        self._canvas.polygon(corners, fill=colour or self.colour)
        self._canvas.line([*corners, *corners[:2]], fill=self._edge, width=self._width, joint="curve")

    def ellipse(self, x: float, y: float, wide: float, high: float, colour: Colour | None = None) -> None:
        """One around (x, y) with two half axes."""
        left, top = self._at((x - wide, y - high))
        right, bottom = self._at((x + wide, y + high))
        self._canvas.ellipse(
            (left, top, right, bottom), fill=colour or self.colour, outline=self._edge, width=self._width
        )

    def line(self, start: Point, end: Point, colour: Colour, width: float) -> None:
        self._canvas.line(
            (self._at(start), self._at(end)), fill=colour, width=max(4, round(width * self._radius))
        )

    def blobs(self, circles: Sequence[tuple[float, float, float]]) -> None:
        """Circles (x, y, radius) that run into one another, with one rim around all."""
        for grow, colour in ((0.0, self._edge), (-self._width / self._radius, self.colour)):
            for x, y, radius in circles:
                (left, top), (right, bottom) = (
                    self._at((x + sign * (radius + grow), y + sign * (radius + grow))) for sign in (-1, 1)
                )
                self._canvas.ellipse((left, top, right, bottom), fill=colour)

    def _at(self, point: Point, turn: float = 0.0) -> Point:
        cos, sin = math.cos(turn), math.sin(turn)
        x, y = point
        return (
            self._middle[0] + (x * cos - y * sin) * self._radius,
            self._middle[1] + (x * sin + y * cos) * self._radius,
        )


def _tilt(rng: random.Random) -> float:
    return rng.uniform(-0.12, 0.12)


def _circle(pen: _Pen, rng: random.Random) -> None:
    del rng
    pen.ellipse(0, 0, 1, 1)


def _square(pen: _Pen, rng: random.Random) -> None:
    pen.polygon([(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)], turn=_tilt(rng))


def _triangle(pen: _Pen, rng: random.Random) -> None:
    pen.polygon([(0, -1), (1.05, 0.85), (-1.05, 0.85)], turn=_tilt(rng))


def _star(pen: _Pen, rng: random.Random) -> None:
    radii = (1.12, 0.47)
    points = [
        (radii[i % 2] * math.sin(i * math.pi / 5), -radii[i % 2] * math.cos(i * math.pi / 5))
        for i in range(10)
    ]
    pen.polygon(points, turn=_tilt(rng))


def _heart(pen: _Pen, rng: random.Random) -> None:
    def at(t: float) -> Point:
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        return 1.05 * math.sin(t) ** 3, -y / 15.5

    pen.polygon([at(i * math.pi / 24) for i in range(48)], turn=_tilt(rng))


def _sun(pen: _Pen, rng: random.Random) -> None:
    tilt = _tilt(rng)
    for ray in range(10):
        pen.polygon([(0.74, -0.15), (1.18, 0), (0.74, 0.15)], turn=ray * math.pi / 5 + tilt)
    pen.ellipse(0, 0, 0.64, 0.64)


def _moon(pen: _Pen, rng: random.Random) -> None:
    outer = [(math.cos(t), math.sin(t)) for t in np.linspace(0.75, 2 * math.pi - 0.75, 32)]
    x, y = outer[0]
    inner = [
        (x + 0.35 - 0.78 * math.cos(t), y / math.sin(1.1) * math.sin(t)) for t in np.linspace(-1.1, 1.1, 24)
    ]
    pen.polygon([(px - 0.1, py) for px, py in (*outer, *inner)], turn=_tilt(rng))


def _cloud(pen: _Pen, rng: random.Random) -> None:
    lift = rng.uniform(-0.05, 0.05)
    pen.blobs(
        (
            (-0.72, 0.15, 0.42),
            (-0.25, -0.2 + lift, 0.52),
            (0.32, -0.1 - lift, 0.48),
            (0.76, 0.2, 0.38),
            (0, 0.22, 0.4),
        )
    )


def _tree(pen: _Pen, rng: random.Random) -> None:
    pen.polygon([(-0.15, 0.2), (0.15, 0.2), (0.15, 1.08), (-0.15, 1.08)], _WOOD)
    if rng.random() < 0.5:
        pen.ellipse(0, -0.3, 0.74, 0.76)
        return
    for y in (0.1, -0.3, -0.7):
        pen.polygon([(0, y - 0.45), (0.82 + y * 0.3, y + 0.45), (-0.82 - y * 0.3, y + 0.45)])


def _house(pen: _Pen, rng: random.Random) -> None:
    door = rng.choice((-0.38, 0.38))
    pen.polygon([(-0.82, -0.12), (0.82, -0.12), (0.82, 0.95), (-0.82, 0.95)])
    pen.polygon([(-1.05, -0.1), (0, -1.02), (1.05, -0.1)], pen.dark)
    pen.polygon([(door - 0.2, 0.3), (door + 0.2, 0.3), (door + 0.2, 0.95), (door - 0.2, 0.95)], pen.dark)
    pen.polygon(
        [(-door - 0.2, 0.16), (-door + 0.2, 0.16), (-door + 0.2, 0.54), (-door - 0.2, 0.54)], (250, 240, 170)
    )


def _mountain(pen: _Pen, rng: random.Random) -> None:
    tip = rng.uniform(-0.3, -0.1)
    snow = (190, 200, 215) if min(pen.colour) > 200 else (250, 250, 252)
    pen.polygon([(-1.35, 0.9), (tip, -1), (0.4, -0.05), (0.68, -0.4), (1.4, 0.9)])
    pen.polygon(
        [(tip, -1), (tip + 0.32, -0.5), (tip + 0.1, -0.6), (tip - 0.08, -0.42), (tip - 0.3, -0.52)], snow
    )


def _flower(pen: _Pen, rng: random.Random) -> None:
    turn = _tilt(rng)
    pen.line((0, 0), (0, 1.15), (45, 130, 60), 0.13)
    for petal in range(6):
        angle = petal * math.pi / 3 + turn
        pen.ellipse(0.48 * math.cos(angle), 0.48 * math.sin(angle) - 0.25, 0.34, 0.34)
    red, green, blue = pen.colour
    is_yellow = red > 200 and green > 170 and blue < 120
    pen.ellipse(0, -0.25, 0.27, 0.27, (150, 90, 40) if is_yellow else (250, 205, 60))


def _boat(pen: _Pen, rng: random.Random) -> None:
    side = rng.choice((-1, 1))
    pen.line((0, -1), (0, 0.4), _WOOD, 0.1)
    pen.polygon([(0.08 * side, -0.98), (0.08 * side, 0.22), (0.85 * side, 0.22)], pen.light)
    pen.polygon([(-0.08 * side, -0.7), (-0.08 * side, 0.22), (-0.62 * side, 0.22)], pen.light)
    pen.polygon([(-1.08, 0.35), (1.08, 0.35), (0.7, 0.92), (-0.7, 0.92)])


_DRAWINGS: dict[str, Callable[[_Pen, random.Random], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "sun": _sun,
    "moon": _moon,
    "cloud": _cloud,
    "tree": _tree,
    "house": _house,
    "mountain": _mountain,
    "flower": _flower,
    "boat": _boat,
}


# Styles ---------------------------------------------------------------------------------------------------


def _styled(picture: Image.Image, style: str, rng: random.Random) -> Image.Image:
    if style == "watercolour":
        return _watercolour(picture, rng)
    if style == "mosaic":
        return _mosaic(picture)
    if style == LORA_STYLE:
        return _neon(picture)
    return picture


def _watercolour(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Soft edges, blotches of more and less paint, paper shining through."""
    soft = picture.filter(ImageFilter.GaussianBlur(1.6))
    paper = Image.new("RGB", picture.size, (255, 252, 244))
    blotches = Image.new("L", (7, 7))
    blotches.putdata([rng.randint(20, 95) for _ in range(49)])
    return Image.composite(paper, soft, blotches.resize(picture.size, Image.Resampling.BICUBIC))


def _mosaic(picture: Image.Image) -> Image.Image:
    """Laid of square tiles: some lighter, some darker, with dark joints between them."""
    count = SIDE // _TILE
    shades = np.random.default_rng(5).uniform(0.86, 1.1, (count, count)).repeat(_TILE, 0).repeat(_TILE, 1)
    for edge in (0, _TILE - 1):
        shades[edge::_TILE] = shades[:, edge::_TILE] = _JOINT
    pixels = np.asarray(picture).astype(np.float32) * shades[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _neon(picture: Image.Image) -> Image.Image:
    """Edges as tubes in the brighter of the colours they part, on black."""
    pixels = np.asarray(picture).astype(np.float32)
    across = np.abs(np.diff(pixels, axis=1, append=pixels[:, -1:])).max(-1)
    down = np.abs(np.diff(pixels, axis=0, append=pixels[-1:])).max(-1)
    edges = Image.fromarray(np.clip((across + down) * 1.5, 0, 255).astype(np.uint8))
    tubes = edges.filter(ImageFilter.MaxFilter(7)).point(lambda v: 255 if v > 60 else 0)
    vivid = ImageEnhance.Color(picture.filter(ImageFilter.MaxFilter(5))).enhance(1.4)
    ground = Image.new("RGB", picture.size, COLOURS["black"])
    return Image.composite(vivid, ground, tubes.filter(ImageFilter.GaussianBlur(1)))
