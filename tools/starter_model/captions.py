"""Scenes in words. Every word that the model is ever told stands here or in `scenes`."""

from __future__ import annotations

import random

from tools.starter_model.scenes import COLOURS, Scene, Thing

_SIZES = {"small": ("small", "tiny", "little"), "large": ("large", "big", "huge")}
_PLACES = {
    "left": ("on the left", "at the left", "to the left"),
    "right": ("on the right", "at the right", "to the right"),
    "centre": ("in the centre", "in the middle", "in the center"),
    "top": ("at the top", "in the upper part"),
    "bottom": ("at the bottom", "in the lower part"),
}
_PLAIN = (
    "on {a} background",
    "{colour} background",
    "in front of {a} background",
    "against {a} backdrop",
    "on {colour}",
)
_LANDSCAPES = {
    "day": ("on a sunny day", "in daylight", "under a blue sky", "day", "daytime", "on a green meadow"),
    "sunset": ("at sunset", "at dusk", "under a sunset sky", "sunset", "in the evening"),
    "night": ("at night", "under the stars", "in a starry night", "night", "in the dark night"),
    "snow": ("in the snow", "in winter", "on a snowy day", "snow", "snowy winter"),
    "sea": ("at sea", "by the sea", "on the ocean", "sea", "on the water"),
    "forest": ("in a forest", "in the woods", "forest", "in front of trees"),
}
_STYLES = {
    "flat": ("flat drawing", "flat picture", "simple drawing"),
    "outline": ("outlined drawing", "line art", "cartoon", "drawing with outlines"),
    "watercolour": ("watercolour", "watercolor painting", "watercolour painting", "soft painting"),
    "mosaic": ("mosaic", "tile mosaic", "picture made of tiles"),
}
_ANY_STYLE = ("picture", "drawing", "image", "illustration")
_COUNTS = {2: ("two", "2", "a pair of"), 3: ("three", "3")}
_RELATIONS = {
    "left of": (
        "{a} left of {b}",
        "{a} to the left of {b}",
        "{a} on the left and {b} on the right",
        "{a} next to {b}",
    ),
    "above": ("{a} above {b}", "{a} over {b}", "{a} at the top and {b} at the bottom"),
    "in front of": ("{a} in front of {b}", "{a} before {b}", "{b} behind {a}"),
}
_TURNED = {
    "left of": ("{b} right of {a}", "{b} to the right of {a}", "{b} on the right and {a} on the left"),
    "above": ("{b} below {a}", "{b} under {a}", "{b} at the bottom and {a} at the top"),
    "in front of": ("{b} behind {a}",),
}


def caption(scene: Scene, rng: random.Random) -> str:
    """One of the many ways to say what a scene shows; some leave things out, as people do."""
    if rng.random() < 0.05:
        return _fragment(scene, rng)
    style = _style(scene, rng)
    background = _background(scene, rng)
    if rng.random() < 0.15:
        return _tags(scene, style, background, rng)
    things = _things(scene, rng)
    if not background:
        text = things
    elif rng.random() < 0.2:
        text = f"{background}, {things}"
    else:
        text = f"{things}{rng.choice((' ', ', '))}{background}"
    if not style:
        return text
    return f"{text}, {style}" if rng.random() < 0.5 else f"{_with_article(style)} of {text}"


def plain_caption(scene: Scene) -> str:
    """The most usual way to say all of it: the same words for the same scene."""
    first = scene.things[0]
    if scene.relation:
        relation = _RELATIONS[scene.relation][0]
        things = relation.format(
            a=_phrase(first, first.size), b=_phrase(scene.things[1], scene.things[1].size)
        )
    elif scene.count > 1:
        things = f"{_COUNTS[scene.count][0]} {first.colour} {_plural(first.shape)}"
    else:
        place = f" {_PLACES[first.place][0]}" if first.place else ""
        things = _phrase(first, first.size) + place
    is_plain = scene.background in COLOURS
    plain = _PLAIN[0].format(a=_with_article(scene.background))
    background = plain if is_plain else _LANDSCAPES[scene.background][0]
    style = "" if scene.style == "flat" else f", {_STYLES[scene.style][0]}"
    return f"{things} {background}{style}"


def _fragment(scene: Scene, rng: random.Random) -> str:
    """One word or two about a scene, as negative prompts are."""
    first = scene.things[0]
    background = (
        f"{scene.background} background"
        if scene.background in COLOURS
        else rng.choice(_LANDSCAPES[scene.background])
    )
    style = rng.choice(_STYLES[scene.style])
    return rng.choice((first.colour, first.shape, f"{first.colour} {first.shape}", background, style))


def _style(scene: Scene, rng: random.Random) -> str:
    words = rng.choice(_STYLES[scene.style])
    if scene.style == "flat":
        return rng.choices(("", words, rng.choice(_ANY_STYLE)), (6, 1, 2))[0]
    return words if rng.random() < 0.95 else ""


def _background(scene: Scene, rng: random.Random) -> str:
    if rng.random() < 0.04:
        return ""
    if scene.background in COLOURS:
        words = rng.choices(_PLAIN, (4, 2, 1, 1, 1))[0]
        return words.format(colour=scene.background, a=_with_article(scene.background))
    return rng.choice(_LANDSCAPES[scene.background])


def _things(scene: Scene, rng: random.Random) -> str:
    first = scene.things[0]
    if scene.relation:
        second = scene.things[1]
        words = _RELATIONS if rng.random() < 0.65 else _TURNED
        a, b = (_phrase(thing, _size_word(thing, rng)) for thing in (first, second))
        return rng.choice(words[scene.relation]).format(a=a, b=b)
    if scene.count > 1:
        return f"{rng.choice(_COUNTS[scene.count])} {first.colour} {_plural(first.shape)}"
    thing = _phrase(first, _size_word(first, rng), colour="" if rng.random() < 0.03 else first.colour)
    if first.place and rng.random() < 0.9:
        return f"{thing} {rng.choice(_PLACES[first.place])}"
    return thing


def _tags(scene: Scene, style: str, background: str, rng: random.Random) -> str:
    parts = [
        " ".join(word for word in (_size_word(thing, rng), thing.colour, thing.shape) if word)
        for thing in scene.things
    ]
    if scene.count > 1:
        parts = [f"{_COUNTS[scene.count][0]} {scene.things[0].colour} {_plural(scene.things[0].shape)}"]
    elif not scene.relation and scene.things[0].place:
        parts.append(scene.things[0].place)
    parts += [background, style]
    return ", ".join(part for part in parts if part)


def _size_word(thing: Thing, rng: random.Random) -> str:
    return rng.choice(_SIZES[thing.size]) if thing.size and rng.random() < 0.95 else ""


def _phrase(thing: Thing, size: str, colour: str | None = None) -> str:
    words = (size, thing.colour if colour is None else colour, thing.shape)
    return _with_article(" ".join(word for word in words if word))


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _plural(shape: str) -> str:
    return f"{shape}s"
