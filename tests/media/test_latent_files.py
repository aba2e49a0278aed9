from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.errors import DarkroomError, InputError, WorkflowError
from core.media.latents import load_latent, save_latent
from core.media.picture_text import graph_texts

GOLDEN = Path(__file__).parents[1] / "golden/workflows"
INPUTS = GOLDEN / "inputs"
SAVED = GOLDEN / "files/saved.latent"


def header(path: Path) -> dict:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])


def test_current_files_are_read_as_they_are():
    assert torch.equal(
        load_latent(INPUTS / "n_lat_a.latent"), load_file(INPUTS / "n_lat_a.latent")["latent_tensor"]
    )


def test_files_without_a_version_are_scaled():
    expected = load_file(GOLDEN / "nodes/latent.safetensors")["load/out/samples"]
    result = load_latent(INPUTS / "n_lat_old.latent")
    assert result.shape == expected.shape
    assert torch.allclose(result, expected, rtol=1e-6, atol=0)
    raw = load_file(INPUTS / "n_lat_old.latent")["latent_tensor"]
    assert torch.allclose(result, raw / 0.18215)


def test_a_saved_latent_equals_comfyuis(tmp_path):
    with safe_open(SAVED, "pt") as file:
        texts = file.metadata()
    workflow = {"workflow": json.loads(texts["workflow"])}
    (record,) = save_latent(
        load_latent(SAVED), tmp_path, "lt/x", texts=graph_texts(json.loads(texts["prompt"]), workflow)
    )
    assert record == {"filename": "x_00001_.latent", "subfolder": "lt", "type": "output"}
    written = tmp_path / "lt/x_00001_.latent"
    assert header(written) == header(SAVED)
    assert torch.equal(load_latent(written), load_latent(SAVED))


def test_numbers_count_on_and_texts_may_be_missing(tmp_path):
    samples = torch.randn(2, 16, 1, 3, 5)
    for number in (1, 2):
        (record,) = save_latent(samples.transpose(0, 1), tmp_path, "x", kind="temp")
        assert record == {"filename": f"x_0000{number}_.latent", "subfolder": "", "type": "temp"}
    assert torch.equal(load_latent(tmp_path / "x_00002_.latent"), samples.transpose(0, 1))
    assert "__metadata__" not in header(tmp_path / "x_00002_.latent")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_kept_on_disk_and_read_as_float32(tmp_path, dtype):
    samples = torch.randn(1, 4, 3, 5).to(dtype)
    save_latent(samples, tmp_path, "x")
    assert header(tmp_path / "x_00001_.latent")["latent_tensor"]["dtype"] in ("F16", "BF16")
    result = load_latent(tmp_path / "x_00001_.latent")
    assert result.dtype == torch.float32
    assert torch.equal(result, samples.float())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"words",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 10) + b"not json!!",
        SAVED.read_bytes()[:-10],
        SAVED.read_bytes()[:100],
    ],
    ids=["empty", "words", "huge header", "no json", "cut off", "cut header"],
)
def test_damaged_files_are_named(tmp_path, data):
    path = tmp_path / "bad.latent"
    path.write_bytes(data)
    with pytest.raises(WorkflowError, match=r"bad\.latent cannot be read"):
        load_latent(path)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "none.latent", tmp_path):
        with pytest.raises(WorkflowError, match=path.name):
            load_latent(path)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"weight": torch.zeros(1, 4, 2, 2)}, "no tensor 'latent_tensor'"),
        ({"latent_tensor": torch.zeros(4)}, r"shape is \[4\]"),
        ({"latent_tensor": torch.zeros(1, 4, 0, 2)}, "shape is"),
    ],
)
def test_other_safetensors_are_no_latents(tmp_path, tensors, words):
    save_file(tensors, tmp_path / "x.latent")
    with pytest.raises(WorkflowError, match=words):
        load_latent(tmp_path / "x.latent")


def test_the_prefix_stays_inside_and_a_full_disk_is_told(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"\.\./x"):
        save_latent(torch.zeros(1, 4, 2, 2), tmp_path, "../x")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DarkroomError, match="is full"):
        save_latent(torch.zeros(1, 4, 2, 2), tmp_path, "x")
    assert list(tmp_path.iterdir()) == []
