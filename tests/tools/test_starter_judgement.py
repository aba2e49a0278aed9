from __future__ import annotations

import numpy as np
import pytest
from helpers.seeded_models import write_ready_checkpoint

from tools.starter_model.classifier import Seen
from tools.starter_model.evaluate import share, shares_right, shortfalls, unseen_scenes
from tools.starter_model.painter import Painter, Settings
from tools.starter_model.scenes import is_held_out
from tools.starter_model.sheet import PROMPTS, sheet

EVERYTHING_RIGHT = share([True] * 100)
GOOD = {
    "shares": {"all": dict.fromkeys(("background", "colour", "shape"), EVERYTHING_RIGHT)},
    "effects": {
        "seed": {"mean_difference": 0.2},
        "negative": {"kept_against_it": share([False] * 20), "kept_against_another": share([True] * 20)},
        "denoise": {"0.3": 25.0, "0.6": 18.0, "0.9": 11.0},
    },
}


def test_prompts_are_about_what_training_never_shows() -> None:
    scenes = unseen_scenes(50, 1)
    assert all(is_held_out(scene.things[0], scene.background) for scene in scenes)
    assert scenes == unseen_scenes(50, 1)
    assert scenes != unseen_scenes(50, 2)


def test_shares_come_with_wilson_intervals() -> None:
    half = share([True, False] * 50)
    assert (half["count"], half["share"]) == (100, 0.5)
    assert (half["low"], half["high"]) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert EVERYTHING_RIGHT["high"] == pytest.approx(1)
    assert EVERYTHING_RIGHT["low"] == pytest.approx(0.9630, abs=1e-4)


def test_shares_are_told_by_style_and_by_shape() -> None:
    house, boat = Seen("snow", "house", "red", "flat"), Seen("sea", "boat", "blue", "mosaic")
    shares = shares_right([house, boat], [house._replace(colour="blue"), boat._replace(shape="house")])
    assert set(shares) == {"all", "flat", "mosaic", "house", "boat"}
    assert {name: part["share"] for name, part in shares["all"].items()} == {
        "background": 1.0,
        "colour": 0.5,
        "shape": 0.5,
        "style": 1.0,
    }
    assert (shares["house"]["colour"]["share"], shares["boat"]["shape"]["share"]) == (0, 0)


def test_a_good_report_falls_short_of_nothing() -> None:
    assert shortfalls(GOOD, (95, 90, 85)) == []


@pytest.mark.parametrize(
    ("effect", "measured", "said"),
    [
        ("seed", {"mean_difference": 0.0}, "another seed"),
        ("negative", dict.fromkeys(GOOD["effects"]["negative"], EVERYTHING_RIGHT), "negative prompt"),
        ("denoise", {"0.3": 20.0, "0.6": 20.0}, "20.0 dB, 20.0 dB"),
    ],
)
def test_effects_that_fail_are_named(effect, measured, said) -> None:
    found = shortfalls({**GOOD, "effects": {**GOOD["effects"], effect: measured}}, (95, 80, 55))
    assert len(found) == 1
    assert said in found[0]


def test_a_share_below_what_is_required_is_named() -> None:
    shares = {"all": {**GOOD["shares"]["all"], "shape": share([True, False])}}
    assert shortfalls({**GOOD, "shares": shares}, (95, 80, 50)) == []
    (found,) = shortfalls({**GOOD, "shares": shares}, (95, 80, 55))
    assert found.startswith("shape: 50.0 % are right")


def test_pictures_do_not_depend_on_what_is_made_beside_them(tmp_path) -> None:
    write_ready_checkpoint(tmp_path)
    painter = Painter(tmp_path / "checkpoints/darkroom_starter.safetensors", Settings(steps=1), "cpu")
    both = painter(["a red house", "a blue boat"], seed=1)
    assert both.shape == (2, 256, 256, 3)
    assert np.abs(both[:1].astype(int) - painter(["a red house"], seed=1)).max() <= 1
    assert np.abs(both[0].astype(int) - both[1]).mean() > 1


def test_all_prompts_of_the_sheet_find_room() -> None:
    pictures = np.zeros((len(PROMPTS), 256, 256, 3), np.uint8)
    made = sheet(pictures, PROMPTS)
    assert len(set(PROMPTS)) == len(PROMPTS) == 48
    assert made.width > made.height
    between_rows, between_columns = np.asarray(made)[6::207], np.asarray(made)[:, 6::168]
    assert (between_rows == 250).all()
    assert (between_columns == 250).all()
