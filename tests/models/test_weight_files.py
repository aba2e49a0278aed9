"""What is said of files that are no weights, damaged, or dangerous."""

from __future__ import annotations

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from core.errors import ModelError, WeightsMismatch
from core.models.files import open_weights

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.float16)}


def raw(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_reads_tensors_and_metadata(tmp_path):
    save_file(TENSORS, tmp_path / "x.safetensors", metadata={"author": "me"})
    file = open_weights(tmp_path / "x.safetensors")
    assert file.metadata == {"author": "me"}
    assert torch.equal(file.tensors["a"], TENSORS["a"])
    file.trim()
    assert torch.equal(file.tensors["a"], TENSORS["a"])


def test_trimming_gives_memory_back(tmp_path):
    psutil = pytest.importorskip("psutil")
    if not psutil.LINUX:
        pytest.skip("only Linux can be told to")
    save_file({"big": torch.ones(30_000_000)}, tmp_path / "x.safetensors")
    file, process = open_weights(tmp_path / "x.safetensors"), psutil.Process()
    before = process.memory_info().rss
    assert file.tensors["big"].sum() == 30_000_000
    read = process.memory_info().rss
    file.trim()
    assert read - before > 100e6
    assert process.memory_info().rss - before < 20e6


def test_trimming_leaves_other_memory_alone(tmp_path):
    empty_too = {"big": torch.rand(3_000_000), "none": torch.zeros(0), "one": torch.ones(())}
    bystander = torch.rand(3_000_000)
    kept = bystander.clone()
    for zipped in (True, False):
        torch.save(empty_too, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
        file = open_weights(tmp_path / "x.pt")
        file.trim()
        for name, tensor in empty_too.items():
            assert torch.equal(file.tensors[name], tensor)
    save_file(empty_too, tmp_path / "x.safetensors")
    file = open_weights(tmp_path / "x.safetensors")
    file.trim()
    assert torch.equal(file.tensors["big"], empty_too["big"])
    assert torch.equal(bystander, kept)


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


BROKEN = {
    "empty": lambda p: p.write_bytes(b""),
    "short": lambda p: p.write_bytes(b"abc"),
    "header_larger_than_file": lambda p: p.write_bytes(struct.pack("<Q", 10**6) + b"{}"),
    "huge_header": lambda p: p.write_bytes(struct.pack("<Q", 2**62) + b"{}"),
    "header_is_no_json": lambda p: raw(p, b"not json"),
    "header_is_a_list": lambda p: raw(p, [1, 2]),
    "no_tensors": lambda p: raw(p, {}),
    "unknown_type": lambda p: raw(p, {"a": entry([1], 0, 4, "Q7")}, bytes(4)),
    "size_does_not_match_shape": lambda p: raw(p, {"a": entry([2, 2], 0, 4)}, bytes(4)),
    "offset_beyond_end": lambda p: raw(p, {"a": entry([4], 100, 116)}, bytes(16)),
    "negative_shape": lambda p: raw(p, {"a": entry([-1], 0, 4)}, bytes(4)),
    "overlap": lambda p: raw(p, {"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)),
    "data_cut_off": lambda p: raw(p, {"a": entry([8], 0, 32)}, bytes(20)),
    "pickle": lambda p: torch.save(TENSORS, p),
    "web_page": lambda p: p.write_text("<!DOCTYPE html><html>"),
    "lfs_pointer": lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"),
}
REASONS = {"pickle": "pickle", "web_page": "web page", "lfs_pointer": "Git LFS", "no_tensors": "no tensors"}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_safetensors(kind, tmp_path):
    path = tmp_path / "model.safetensors"
    BROKEN[kind](path)
    with pytest.raises(WeightsMismatch, match=f"model.safetensors.*{REASONS.get(kind, 'download it again')}"):
        open_weights(path)


@pytest.mark.parametrize("kind", ["web_page", "lfs_pointer"])
def test_what_is_no_pickle_is_named(kind, tmp_path):
    BROKEN[kind](tmp_path / "model.ckpt")
    with pytest.raises(WeightsMismatch, match=f"model.ckpt is no .*{REASONS[kind]}"):
        open_weights(tmp_path / "model.ckpt")


@pytest.mark.parametrize("ending", ["ckpt", "pt", "bin", "sft", "safetensors"])
def test_safetensors_by_another_name(ending, tmp_path):
    path = tmp_path / f"x.{ending}"
    save_file(TENSORS, path)
    tensors = open_weights(path).tensors
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[key], TENSORS[key]) for key in TENSORS)


@pytest.mark.parametrize("start", [b"<!", b"PK", b"\x80\x02"])
def test_header_length_that_looks_like_another_format(start, tmp_path):
    text = json.dumps({"a": entry([1], 0, 4)}).encode().ljust(int.from_bytes(start, "little"))
    path = raw(tmp_path / "x.ckpt", text, bytes(4))
    assert path.read_bytes().startswith(start)
    assert open_weights(path).tensors.keys() == {"a"}


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_safetensors(part, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(WeightsMismatch, match="not downloaded whole"):
        open_weights(path)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(ModelError, match="cannot be read"):
            open_weights(path)


@pytest.mark.parametrize("ending", ["ckpt", "pt", "pth", "bin"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_of_tensors(ending, zipped, tmp_path):
    path = tmp_path / f"x.{ending}"
    torch.save({"state_dict": TENSORS, "epoch": 3}, path, _use_new_zipfile_serialization=zipped)
    file = open_weights(path)
    assert file.tensors.keys() == TENSORS.keys()
    assert torch.equal(file.tensors["a"], TENSORS["a"])


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_with_code_is_refused_and_not_run(zipped, tmp_path):
    path, target = tmp_path / "bomb.ckpt", tmp_path / "exploded"
    torch.save({**TENSORS, "x": Bomb(target)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"bomb.ckpt holds more than tensors and would run code"):
        open_weights(path)
    path.write_bytes(pickle.dumps(Bomb(target), protocol=2))
    with pytest.raises(ModelError, match=r"bomb.ckpt"):
        open_weights(path)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"hello" * 100, b"PK\x03\x04" + bytes(100), b"\x80\x04."])
def test_broken_pickles(content, tmp_path):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(WeightsMismatch, match=r"x.pt is damaged"):
        open_weights(tmp_path / "x.pt")


def test_pickle_without_tensors(tmp_path):
    torch.save([1, 2], tmp_path / "x.pt")
    with pytest.raises(WeightsMismatch, match="no tensors"):
        open_weights(tmp_path / "x.pt")
