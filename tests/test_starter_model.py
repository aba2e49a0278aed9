"""The model that ships draws what it is asked for: judged by its colours, and by the classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import resources
from app.cli import main
from core.models.cache import ModelCache
from core.models.load import load_checkpoint
from core.sampling.previews import preview
from tools.starter_model.classifier import read
from tools.starter_model.painter import SHIPPED, Painter, Settings
from tools.starter_model.scenes import COLOURS, Pixels

SCENE = resources.path("input", "starter_scene.png")
MASKED = resources.path("input", "starter_scene_mask.png")


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(SHIPPED, Settings(), "cpu")


def name_of(colour: np.ndarray) -> str:
    """The colour of the palette that is nearest."""
    return min(COLOURS, key=lambda name: float(np.square(np.array(COLOURS[name]) - colour).sum()))


def edge(picture: Pixels) -> np.ndarray:
    """The usual colour along the border."""
    border = (picture[:12], picture[-12:], picture[:, :12], picture[:, -12:])
    return np.median(np.concatenate([part.reshape(-1, 3) for part in border]), axis=0)


def middle(picture: Pixels) -> np.ndarray:
    return np.median(picture[100:156, 100:156].reshape(-1, 3), axis=0)


def made_by(template: str, folder: Path, *words: str) -> Pixels:
    """The picture that a template saves, run as it is but for its seeds."""
    empty = folder / "empty"
    empty.mkdir(parents=True)
    places = ["--models", empty, "--input", empty, "--output", folder / template]
    assert main(["run", "--template", template, *map(str, places), "--device", "cpu", *words]) == 0
    (file,) = (folder / template).rglob("*.png")
    return np.asarray(Image.open(file).convert("RGB"))


def pixels(file: Path) -> Pixels:
    return np.array(Image.open(file).convert("RGB"))


def test_the_file_is_small_and_says_what_it_is() -> None:
    assert SHIPPED.stat().st_size < 40e6
    with safe_open(SHIPPED, "pt") as file:
        metadata, names = file.metadata(), list(file.keys())
        assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1"
    assert metadata["modelspec.resolution"] == "256x256"
    starts = {name.split(".")[0] for name in names}
    assert starts == {"model", "first_stage_model", "cond_stage_model", "v_pred"}


def test_things_and_backgrounds_have_the_colours_asked_for(painter: Painter) -> None:
    pairs = [
        ("red", "white"),
        ("blue", "yellow"),
        ("green", "black"),
        ("white", "purple"),
        ("black", "orange"),
    ]
    prompts = [f"a large {thing} circle in the centre on a {back} background" for thing, back in pairs]
    pictures = painter(prompts, seed=3)
    assert [(name_of(middle(picture)), name_of(edge(picture))) for picture in pictures] == pairs


def test_landscapes_are_told_apart(painter: Painter) -> None:
    places = {
        "day": "on a sunny day",
        "sunset": "at sunset",
        "night": "at night",
        "snow": "in the snow",
        "sea": "at sea",
        "forest": "in a forest",
    }
    pictures = painter([f"a red house {words}" for words in places.values()], seed=4)
    assert [seen.background for seen in read(pictures)] == list(places)


def test_the_negative_prompt_takes_a_colour_away(painter: Painter) -> None:
    prompts, negatives = ["a heart on a white background"] * 6, ["red"] * 6

    def redness(pictures: Pixels) -> float:
        values = pictures.astype(float)
        return float((values[..., 0] - values[..., 1:].mean(-1)).mean())

    assert redness(painter(prompts, seed=5, negatives=negatives)) < redness(painter(prompts, seed=5)) - 5


def test_the_seed_changes_the_picture_and_nothing_else_does(painter: Painter) -> None:
    first, again, other = (painter(["a blue boat at sea"], seed=seed)[0].astype(int) for seed in (1, 1, 2))
    assert np.abs(first - again).max() <= 2
    assert np.abs(first - other).mean() > 3


def test_less_denoise_keeps_more_of_the_picture(painter: Painter) -> None:
    begun = pixels(SCENE)[None]
    errors = [
        float(
            np.abs(
                painter(["a blue boat at sea"], seed=1, pictures=begun, denoise=d)[0] - begun.astype(float)
            ).mean()
        )
        for d in (0.3, 0.6, 0.9)
    ]
    assert errors == sorted(errors)
    assert errors[2] > 2 * errors[0]


def test_the_ready_graph_shows_its_prompt(tmp_path: Path) -> None:
    (seen,) = read(made_by("text_to_image", tmp_path)[None])
    assert (seen.background, seen.shape, seen.colour) == ("sea", "boat", "red")


def test_image_to_image_keeps_the_house_in_other_light(tmp_path: Path) -> None:
    picture = made_by("image_to_image", tmp_path)
    (seen,) = read(picture[None])
    assert (seen.background, seen.colour) == ("sunset", "red")
    assert np.abs(picture.astype(int) - pixels(SCENE)).mean() > 5


def test_inpaint_paints_in_the_hole_alone(tmp_path: Path) -> None:
    picture, begun = made_by("inpaint", tmp_path).astype(int), pixels(MASKED).astype(int)
    change = np.abs(picture - begun).mean(-1)
    hole = np.asarray(Image.open(MASKED))[..., 3] == 0
    assert change[hole].mean() > 15
    assert change[:24].mean() < 8
    assert name_of(middle(picture.astype(np.uint8))) != "red"


def test_hires_fix_makes_a_larger_picture_of_the_prompt(tmp_path: Path) -> None:
    picture = made_by("hires_fix", tmp_path)
    assert picture.shape == (384, 384, 3)
    (seen,) = read(np.asarray(Image.fromarray(picture).resize((256, 256)))[None])
    assert (seen.background, seen.colour) == ("sea", "red")


def test_area_composition_puts_each_prompt_in_its_half(tmp_path: Path) -> None:
    picture = made_by("area_composition", tmp_path).astype(float)
    red = picture[..., 0] - picture[..., 1:].mean(-1)
    assert red[:, :128].max(initial=0) > 0
    assert red[60:220, :128].mean() > red[60:220, 128:].mean() + 10


def test_the_lora_makes_neon(tmp_path: Path) -> None:
    neon = made_by("lora", tmp_path)
    plain = made_by("lora", tmp_path / "plain", "--set", "2.strength_model=0", "--set", "2.strength_clip=0")
    assert neon.mean() < 0.6 * plain.mean()


def test_previews_have_the_colours_of_the_picture() -> None:
    model, _, vae = load_checkpoint(SHIPPED, ModelCache("cpu"))
    scene = pixels(SCENE)
    latent = model.latent_format.into_model(vae.encode(torch.from_numpy(scene[None]).float() / 255))
    shown = preview(latent, model.latent_format)
    assert shown is not None
    small = np.asarray(Image.fromarray(scene).reduce(8)).astype(int)
    assert np.abs(shown.astype(int) - small).mean() < 22


def test_the_template_lora_and_checkpoint_are_the_shipped_ones() -> None:
    text = resources.path("templates", "lora.json").read_text(encoding="utf-8")
    named = {
        value
        for node in json.loads(text)["nodes"]
        for value in node.get("widgets_values") or ()
        if str(value).endswith(".safetensors")
    }
    shipped = {file.name for file in resources.path("models").rglob("*.safetensors")}
    assert named == shipped
