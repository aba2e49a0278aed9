from __future__ import annotations

import random
import re

import numpy as np
import pytest

from tools.starter_model.captions import caption, plain_caption
from tools.starter_model.scenes import COLOURS, SHAPES, STYLES, Scene, Thing, draw, is_held_out, random_scene

COLOURED = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})s?\b")


def scenes(count, **wanted):
    rng = random.Random(11)
    return [random_scene(rng, **wanted) for _ in range(count)]


def test_a_seed_decides_scenes_words_and_pictures() -> None:
    def made(seed):
        rng = random.Random(seed)
        scene = random_scene(rng)
        return scene, caption(scene, rng), draw(scene, rng)[0]

    first, again, other = made(1), made(1), made(2)
    assert first[:2] == again[:2]
    assert np.array_equal(first[2], again[2])
    assert first[:2] != other[:2]


def test_training_never_shows_what_is_held_out() -> None:
    trained = scenes(3000)
    assert not any(is_held_out(thing, scene.background) for scene in trained for thing in scene.things)
    assert all(is_held_out(scene.things[0], scene.background) for scene in scenes(300, held_out=True))


def test_every_word_of_what_is_held_out_is_trained() -> None:
    def parts(scene):
        return {scene.background, scene.things[0].shape, scene.things[0].colour}

    trained = set().union(*map(parts, scenes(3000, single=True)))
    assert set().union(*map(parts, scenes(1000, held_out=True, single=True))) <= trained


def test_captions_give_no_thing_the_colour_of_another() -> None:
    rng = random.Random(12)
    for scene in scenes(3000):
        shown = {(thing.colour, thing.shape) for thing in scene.things}
        assert set(COLOURED.findall(caption(scene, rng))) <= shown


def test_plain_captions_name_every_thing_and_differ_by_what_is_behind() -> None:
    for scene in scenes(500):
        shown = {(thing.colour, thing.shape) for thing in scene.things}
        assert set(COLOURED.findall(plain_caption(scene))) == shown
    things = (Thing("house", "red"),)
    backgrounds = ("white", "blue", "night", "snow")
    assert len({plain_caption(Scene(things, background)) for background in backgrounds}) == len(backgrounds)


@pytest.mark.parametrize("style", STYLES)
def test_a_thing_is_where_the_mask_says(style) -> None:
    scene = Scene((Thing("square", "red", "large", "left"),), "white", style)
    picture, inside = draw(scene, random.Random(3))
    middle = np.median(picture[inside > 200], axis=0)
    assert middle[0] > middle[1:].max() + 60, "most of the thing is red"
    assert np.median(picture[inside == 0]) > 170, "and what is around it is pale"
    rows, columns = np.nonzero(inside)
    assert rows.mean() / len(inside) == pytest.approx(0.52, abs=0.06)
    assert columns.mean() / len(inside) == pytest.approx(0.27, abs=0.08)
