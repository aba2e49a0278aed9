"""Graphs that look at pictures with a CLIP file, and what is said where that file does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.clip_files import small_clip, write_clip
from helpers.running import make_runner
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

from core.engine.context import RunOptions
from core.engine.run import RunReport
from core.errors import GraphError
from core.folders import Folders
from core.media.images import load_image
from core.models.cache import ModelCache
from core.models.load import load_image_encoder, load_image_text_encoder
from core.models.text.tokenizer import END, START, token_ids
from core.nodes.registry import builtin
from core.workflow.new_nodes import new_node
from core.workflow.prompt_json import read_prompt

TEXT = "a red fox"


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    return write_clip(small_clip(), tmp_path / "models/clip_vision/clip.safetensors")


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> list[Path]:
    """Two pictures of one size in the input folder."""
    generator = np.random.default_rng(0)
    paths = [tmp_path / f"input/{name}.png" for name in "ab"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (40, 48, 3), np.uint8)).save(path)
    return paths


def graph(**inputs: Any) -> dict[str, Any]:
    return {
        "a": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "b": {"class_type": "LoadImage", "inputs": {"image": "b.png"}},
        "both": {"class_type": "ImageBatch", "inputs": {"image1": ["a", 0], "image2": ["b", 0]}},
        "score": {
            "class_type": "ImageTextScore",
            "inputs": {"image": ["a", 0], "text": TEXT, "clip_name": "clip.safetensors", **inputs},
        },
        "load": {"class_type": "CLIPVisionLoader", "inputs": {"clip_name": "clip.safetensors"}},
        "encode": {
            "class_type": "CLIPVisionEncode",
            "inputs": {"clip_vision": ["load", 0], "image": ["both", 0], "crop": "none"},
        },
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["score", 0]}},
    }


def run(folder: Path, target: str = "show", **inputs: Any) -> RunReport:
    return make_runner(folder).run(read_prompt(graph(**inputs)), RunOptions(targets=[target]))


def pixels(path: Path) -> torch.Tensor:
    return torch.from_numpy(load_image(path)[0])


def cosine(clip_file: Path, picture: Path) -> float:
    return load_image_text_encoder(clip_file, ModelCache("cpu")).similarity(pixels(picture), TEXT).item()


def test_score_and_similarity(tmp_path: Path, clip_file: Path, pictures: list[Path]) -> None:
    report = run(tmp_path)
    assert report.status == "success", report.errors
    expected = cosine(clip_file, pictures[0])
    assert report.value("score", 1) == pytest.approx(expected, abs=1e-6)
    assert report.value("score", 0) == pytest.approx(min(max(2.5 * expected, 0), 1), abs=1e-6)
    assert report.outputs["show"]["text"] == [str(report.value("score", 0))]


def test_score_of_several_pictures_is_the_mean_of_theirs(
    tmp_path: Path, clip_file: Path, pictures: list[Path]
) -> None:
    write_clip(clip_between(clip_file, *pictures), clip_file)
    first, second = (cosine(clip_file, picture) for picture in pictures)
    assert first > 1e-3
    assert second < -1e-3
    report = run(tmp_path, image=["both", 0])
    assert report.value("score", 1) == pytest.approx((first + second) / 2, abs=1e-6)
    assert report.value("score", 0) == pytest.approx(min(2.5 * first, 1) / 2, abs=1e-6)


def clip_between(clip_file: Path, picture: Path, other: Path) -> CLIPModel:
    """The CLIP of that file, changed so that the text fits one picture and is the opposite of the other."""
    model = small_clip()
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    near, far = (encoder.encode(pixels(path)).embedding[0] for path in (picture, other))
    with torch.no_grad():
        meaning = model.text_model(input_ids=torch.tensor([[START, *token_ids(TEXT), END]])).pooler_output[0]
        model.text_projection.weight.copy_(torch.outer(near / near.norm() - far / far.norm(), meaning))
    return model


def test_another_text_is_scored_anew(tmp_path: Path, clip_file: Path) -> None:
    runner = make_runner(tmp_path)
    first = runner.run(read_prompt(graph()), RunOptions(targets=["show"])).value("score", 1)
    again = runner.run(read_prompt(graph()), RunOptions(targets=["show"]))
    assert "score" in again.cached
    other = runner.run(read_prompt(graph(text="a blue boat")), RunOptions(targets=["show"]))
    assert other.value("score", 1) != pytest.approx(first, abs=1e-6)


def test_clip_vision_encode(tmp_path: Path, clip_file: Path, pictures: list[Path]) -> None:
    report = run(tmp_path, "encode")
    assert report.status == "success", report.errors
    found: Any = report.value("encode", 0)
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    both = torch.cat([pixels(picture) for picture in pictures])
    expected = encoder.encode(both, crop=False)
    assert torch.equal(found.embedding, expected.embedding)
    assert torch.equal(found.last, expected.last)
    assert torch.equal(found.penultimate, expected.penultimate)
    assert found.embedding.shape == (2, 24)
    assert not torch.equal(encoder.encode(both).embedding, expected.embedding)


def problem(folder: Path, **inputs: Any) -> str:
    with pytest.raises(GraphError) as caught:
        run(folder, **inputs)
    (found,) = caught.value.problems
    assert found.input == "clip_name"
    return found.message


def test_without_any_clip_file_it_is_said_what_to_put_where(tmp_path: Path) -> None:
    for inputs in ({}, {"clip_name": None}):
        message, folder = problem(tmp_path, **inputs), tmp_path / "models/clip_vision"
        assert message.startswith(f"there is no CLIP file in {folder}: put one there")
        assert "openai/clip-vit-large-patch14" in message


def test_a_name_that_is_not_there_gets_near_ones(tmp_path: Path, clip_file: Path) -> None:
    assert "Did you mean 'clip.safetensors'?" in problem(tmp_path, clip_name="clib.safetensors")


def failure(report: RunReport) -> str:
    assert report.status == "error"
    (error,) = report.errors
    assert error.node_id == "score"
    return str(error)


def test_without_a_choice_it_is_said(tmp_path: Path, clip_file: Path) -> None:
    assert "no CLIP file is chosen" in failure(run(tmp_path, clip_name=None))


def test_a_file_without_text_encoder_is_named(tmp_path: Path, clip_file: Path) -> None:
    vision = {name: tensor for name, tensor in load_file(clip_file).items() if name.startswith("vis")}
    save_file(vision, clip_file.with_name("vision.safetensors"))
    message = failure(run(tmp_path, clip_name="vision.safetensors"))
    assert "vision.safetensors holds an image encoder only and cannot read text" in message


def test_a_new_node_has_the_first_file(tmp_path: Path, clip_file: Path) -> None:
    spec = builtin().get("ImageTextScore")
    assert spec is not None
    node = new_node("1", spec, folders=Folders([tmp_path / "models"]))
    assert node.widgets == ("", "clip.safetensors")
    assert [output.name for output in node.outputs] == ["score", "similarity"]
