from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from helpers.text import golden_encoder
from safetensors.torch import save_file
from torch import nn

from core.errors import InputError, ModelError, WeightsMismatch
from core.folders import Folders
from core.models.text.embeddings import read_vectors

WIDTH = 32


def vectors(count, width=WIDTH):
    return torch.arange(count * width, dtype=torch.float32).reshape(count, width) / 100


def saved(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".safetensors"):
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


def test_the_tensor_of_the_encoder_is_taken(tmp_path):
    path = saved(tmp_path, "x.safetensors", {"clip_g": vectors(2, 64), "clip_l": vectors(3)})
    assert torch.equal(read_vectors(path, "clip_l", 32), vectors(3))
    assert torch.equal(read_vectors(path, "clip_g", 64), vectors(2, 64))


def test_else_one_that_fits(tmp_path):
    path = saved(tmp_path, "x.safetensors", {"clip_g": vectors(2, 64), "emb_params": vectors(1).half()})
    read = read_vectors(path, "clip_l", 32)
    assert read.dtype == torch.float32
    assert torch.equal(read, vectors(1).half().float())


@pytest.mark.parametrize(
    "content",
    [
        {"string_to_param": {"*": vectors(2)}, "string_to_token": {"*": 265}, "name": "x", "step": 5},
        {"string_to_param": {"*": nn.Parameter(vectors(2))}},
        {"emb_params": vectors(2)},
        {"<word>": vectors(2)},
        {"<word>": vectors(2).reshape(1, 2, WIDTH)},
        [{"a": vectors(2)[:1], "b": vectors(1, 64)}, {"a": vectors(2)[1:]}],
    ],
    ids=["a1111", "parameter", "emb_params", "diffusers", "three_dimensions", "list"],
)
@pytest.mark.parametrize("ending", ["pt", "bin"])
def test_pickles_with_tensors_only(tmp_path, content, ending):
    path = saved(tmp_path, f"x.{ending}", content)
    assert torch.equal(read_vectors(path, "clip_l", WIDTH), vectors(2))


def test_one_vector_without_a_row(tmp_path):
    path = saved(tmp_path, "x.pt", {"<word>": vectors(1)[0]})
    assert torch.equal(read_vectors(path, "clip_l", WIDTH), vectors(1))


@pytest.mark.parametrize(
    "content",
    [
        {"emb_params": vectors(2, 48)},
        {"emb_params": torch.tensor(1.0)},
        {"string_to_param": 5},
        {"name": "nothing"},
        [],
        [[[]]],
        7,
        None,
    ],
)
def test_what_does_not_fit_is_ignored_with_a_warning(tmp_path, caplog, content):
    assert read_vectors(saved(tmp_path, "x.pt", content), "clip_l", WIDTH) is None
    assert "x.pt" in caplog.text


class Trap:
    def __init__(self, function, argument):
        self.parts = function, (argument,)

    def __reduce__(self):
        return self.parts


@pytest.mark.parametrize("function", [os.system, print, Path])
def test_a_pickle_with_code_is_refused(tmp_path, function):
    content = {"string_to_param": {"*": vectors(1)}, "x": Trap(function, "x")}
    path = saved(tmp_path, "trap.pt", content)
    with pytest.raises(ModelError, match=r"trap\.pt .*code"):
        read_vectors(path, "clip_l", WIDTH)


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "x.bin"])
@pytest.mark.parametrize("content", [b"", b"not a weight file"])
def test_damaged_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsMismatch, match=name):
        read_vectors(tmp_path / name, "clip_l", WIDTH)


@pytest.fixture
def finder(tmp_path):
    folder = tmp_path / "models" / "embeddings"
    saved(folder, "two.safetensors", {"emb_params": vectors(2)})
    saved(folder, "old.pt", {"string_to_param": {"*": vectors(2)}})
    saved(folder, "sub/deep.bin", {"<deep>": vectors(2)})
    saved(folder, "odd,.safetensors", {"emb_params": vectors(2)})
    saved(folder, "wide.safetensors", {"emb_params": vectors(2, 48)})
    saved(folder, "none.safetensors", {"emb_params": torch.empty(0, WIDTH)})
    folders = Folders([tmp_path / "models"])
    return lambda name: folders.find("embeddings", name)


def encode(prompt, finder=None):
    return golden_encoder("sd1").encode(prompt, embeddings=finder).embedding


@pytest.mark.parametrize("name", ["two", "two.safetensors", "old", "old.pt", "sub/deep", "sub\\deep.bin"])
def test_names_with_and_without_ending_and_folder(finder, name):
    assert torch.equal(encode(f"embedding:{name} cat", finder), encode("embedding:two cat", finder))
    assert not torch.equal(encode("embedding:two cat", finder), encode("cat"))


def test_a_comma_behind_a_name_is_text_unless_the_file_has_it(finder):
    apart = encode("embedding:two , cat", finder)
    assert torch.equal(encode("embedding:two, cat", finder), apart)
    assert torch.equal(encode("embedding:odd, cat", finder), encode("embedding:two cat", finder))


@pytest.mark.parametrize("prompt", ["embedding:two cat", "(embedding:two:1.0) cat", "\nembedding:two\ncat"])
def test_the_vectors_stand_in_place_of_tokens(finder, prompt):
    encoder = golden_encoder("sd1")
    swapped = encode(prompt, finder)
    assert swapped.shape == (1, 77, WIDTH)
    assert torch.equal(swapped, encode("embedding:two cat", finder))
    assert torch.equal(swapped[:, 0], encode("")[:, 0])
    assert encoder.encode(prompt, embeddings=finder).pooled.isfinite().all()


@pytest.mark.parametrize(
    "prompt", ["embedding:nowhere cat", "embedding:wide cat", "embedding: cat", "embedding:none cat"]
)
def test_missing_empty_and_unfit_ones_leave_no_trace(finder, prompt):
    expected = "cat" if prompt != "embedding: cat" else ""
    assert torch.equal(encode(prompt, finder), encode(expected))


@pytest.mark.parametrize(
    ("prompt", "name"), [("embedding:nowhere, cat", "nowhere"), ("embedding:wide cat", "wide")]
)
def test_what_is_left_out_is_logged(finder, caplog, prompt, name):
    encode(prompt, finder)
    assert name in caplog.text
    assert all(record.levelname == "WARNING" for record in caplog.records)


@pytest.mark.parametrize("prompt", ["embedding:", "(embedding:)", "embedding:,", "embedding:, cat"])
def test_references_without_a_name(finder, prompt):
    assert encode(prompt, finder).isfinite().all()


def test_a_name_cannot_lead_out_of_the_folder(finder):
    with pytest.raises(InputError, match="secret"):
        encode("embedding:../../secret", finder)


def test_without_a_folder_every_embedding_is_left_out():
    assert torch.equal(encode("embedding:two cat"), encode("cat"))
