"""Whole graphs give the pictures and latents that another implementation gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden import ROOT
from helpers.running import run_prompt, tensors_of
from PIL import Image
from safetensors.torch import load_file

CASES = sorted((ROOT / "workflows/cases").glob("*.json"))
GROUPS = sorted((ROOT / "workflows/nodes").glob("*.json"))
EIGHT_BIT = ("lanczos",)


def node_cases() -> list[Any]:
    return [
        pytest.param(group, case, id=f"{group.stem}-{case['name']}")
        for group in GROUPS
        for case in json.loads(group.read_text(encoding="utf-8"))["cases"]
    ]


@pytest.fixture
def user_folders(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "workflows/inputs", tmp_path / "input")
    return tmp_path


@pytest.mark.parametrize("case_file", CASES, ids=lambda path: path.stem)
def test_graph(case_file: Path, model_root: Path, user_folders: Path) -> None:
    case = json.loads(case_file.read_text(encoding="utf-8"))
    report = run_prompt(case["prompt"], user_folders, model_root)
    assert report.status == "success", report.errors

    expected = load_file(case_file.with_suffix(".safetensors"))
    limit = max(1e-3, 20 * case["spread"]["tensor_relative"])
    for label, link in case["tensors"]["links"].items():
        for key, tensor in tensors_of(report.value(link["node"], link["slot"])).items():
            name = f"{label}/{key}"
            if name not in expected:
                continue
            reference = expected.pop(name)
            assert tensor.shape == reference.shape, name
            error = (tensor - reference).abs().max()
            assert error <= limit * reference.std(unbiased=False), f"{name} is off by {error}"
    assert not expected, f"not compared: {sorted(expected)}"

    for image in case["images"]:
        saved = report.outputs[image["node"]]["images"][image["index"]]
        ours = user_folders / "output" / saved["subfolder"] / saved["filename"]
        assert_same_picture(ours, case_file.parent / image["file"])


def assert_same_picture(ours: Path, reference: Path) -> None:
    with Image.open(ours) as picture, Image.open(reference) as expected:
        assert (picture.mode, picture.size) == (expected.mode, expected.size)
        difference = np.abs(np.asarray(picture, int) - np.asarray(expected, int))
    assert difference.max() <= 8
    assert (difference <= 2).mean() >= 0.999


@pytest.mark.parametrize(("group", "case"), node_cases())
def test_node(group: Path, case: dict[str, Any], user_folders: Path) -> None:
    tensors = group.with_suffix(".safetensors")
    references = load_file(tensors) if tensors.is_file() else {}
    targets = [output["node"] for output in case["outputs"].values()]
    report = run_prompt(case["prompt"], user_folders, targets=targets)
    assert report.status == "success", report.errors
    for label, output in case["outputs"].items():
        value = report.value(output["node"], output["slot"])
        if "value" in output:
            assert value == output["value"]
            assert type(value) is type(output["value"])
            continue
        for key, facts in output["tensors"].items():
            assert_close(tensors_of(value)[key], references[facts["key"]], f"{case['name']} {label}")


def assert_close(tensor: torch.Tensor, reference: torch.Tensor, name: str) -> None:
    assert tensor.shape == reference.shape
    assert tensor.dtype == reference.dtype
    error = (tensor - reference).abs()
    if any(word in name for word in EIGHT_BIT):
        assert error.max() <= 1 / 255 + 1e-6, name
        assert (error <= 1e-5).float().mean() >= 0.99, name
    elif "rotated_jpg" in name:
        assert error.max() <= 3 / 255, name
    else:
        assert error.max() <= 1e-5, name
