"""What is told of values, whatever they are."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch
from helpers.toy_nodes import quick, toy_registry

from core.engine.context import RunContext
from core.engine.run import Runner
from core.folders import Folders
from core.inspection import THUMBNAIL, Numbers, in_bytes, inspect
from core.nodes.api import Blocked
from core.sampling.interface import Cond


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path)


def test_a_picture():
    image = torch.zeros(2, 4, 6, 3)
    image[0, 0, 0] = torch.tensor([1.0, 0.5, 0.25])
    facts = inspect("IMAGE", [image])
    assert (facts.kind, facts.items, facts.shapes) == ("IMAGE", 1, ((2, 4, 6, 3),))
    assert (facts.dtype, facts.device, facts.size) == ("float32", "cpu", 2 * 4 * 6 * 3 * 4)
    assert facts.numbers == Numbers(0.0, 1.0, pytest.approx(1.75 / 144))
    assert facts.thumbnail.shape == (4, 6, 3)
    assert facts.thumbnail.dtype == np.uint8
    assert facts.thumbnail.flags.c_contiguous
    assert facts.thumbnail[0, 0].tolist() == [255, 128, 64]
    assert facts.thumbnail[1, 1].tolist() == [0, 0, 0]
    assert facts.lines() == [
        "IMAGE",
        "2 × 4 × 6 × 3",
        "float32 on cpu, 576 bytes",
        "0 to 1, mean 0.01215",
    ]


@pytest.mark.parametrize(("height", "width"), [(1000, 400), (31, 5000), (192, 192), (1, 4000)])
def test_thumbnails_keep_their_proportions(height, width):
    thumbnail = inspect("IMAGE", [torch.rand(1, height, width, 3)]).thumbnail
    assert max(thumbnail.shape[:2]) == THUMBNAIL
    scale = THUMBNAIL / max(height, width)
    assert thumbnail.shape[:2] == (max(round(height * scale), 1), max(round(width * scale), 1))


def test_a_shrunk_picture_is_the_average_of_what_it_was():
    board = (torch.arange(384)[:, None] + torch.arange(384)[None]) % 2
    thumbnail = inspect("MASK", [board[None].float()]).thumbnail
    assert thumbnail.shape == (192, 192, 3)
    assert set(thumbnail.ravel().tolist()) <= {127, 128}


def test_a_mask_is_grey_and_transparency_is_left_out():
    mask = inspect("MASK", [torch.full((1, 2, 2), 0.5)])
    assert mask.thumbnail[0, 0].tolist() == [128, 128, 128]
    image = inspect("IMAGE", [torch.ones(1, 2, 2, 4)])
    assert image.thumbnail.shape == (2, 2, 3)


def test_a_latent_has_the_colours_of_its_channels():
    samples = torch.zeros(1, 4, 8, 8)
    samples[0, 0, 0, 0] = 1 / 0.18215
    facts = inspect("LATENT", [{"samples": samples, "noise_mask": torch.ones(1, 8, 8)}])
    assert facts.text == "with a noise mask"
    assert facts.shapes == ((1, 4, 8, 8),)
    assert facts.thumbnail[0, 0].tolist() == [int((c + 1) / 2 * 255) for c in (0.3512, 0.2297, 0.3227)]
    assert facts.thumbnail[1, 1].tolist() == [127, 127, 127]


@pytest.mark.parametrize("shape", [(1, 16, 8, 8), (1, 16, 3, 8, 8), (2, 2, 8, 8)])
def test_other_latents_are_spread_out_over_all_shades(shape):
    thumbnail = inspect("LATENT", [{"samples": torch.randn(shape) * 30 + 5}]).thumbnail
    assert thumbnail.shape == (8, 8, 3)
    assert (thumbnail.min(), thumbnail.max()) == (0, 255)


def test_an_even_latent_of_another_kind_has_one_shade():
    assert inspect("LATENT", [{"samples": torch.ones(1, 16, 2, 2)}]).thumbnail.max() == 0


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn, torch.int64, torch.bool]
)
def test_any_kind_of_number(dtype):
    facts = inspect("MASK", [torch.tensor([[[0.0, 1.0], [1.0, 1.0]]]).to(dtype)])
    assert facts.dtype == str(dtype).removeprefix("torch.")
    assert facts.numbers == Numbers(0.0, 1.0, 0.75)
    assert facts.thumbnail[:, :, 0].tolist() == [[0, 255], [255, 255]]


def test_numbers_that_are_none():
    image = torch.full((1, 2, 2, 3), 0.5)
    image[0, 0, 0, 0], image[0, 1, 1, 1] = math.nan, math.inf
    facts = inspect("IMAGE", [image])
    assert facts.numbers == Numbers(0.5, 0.5, 0.5, has_nan=True, has_infinite=True)
    assert facts.lines()[-2:] == ["0.5 to 0.5, mean 0.5", "Holds NaN and infinity"]
    assert facts.thumbnail[0, 0].tolist() == [0, 128, 128]
    nothing = inspect("IMAGE", [torch.full((1, 1, 1, 3), math.nan)])
    assert nothing.numbers == Numbers(None, None, None, has_nan=True)
    assert nothing.lines()[-1] == "Holds NaN"


@pytest.mark.parametrize("shape", [(0,), (0, 4, 4, 3), (1, 0, 4, 3), (1, 4, 4, 0)])
def test_empty_tensors(shape):
    facts = inspect("IMAGE", [torch.zeros(shape)])
    assert facts.thumbnail is None
    assert facts.numbers == Numbers(None, None, None)
    assert facts.shapes == (shape,)


@pytest.mark.parametrize(
    "odd",
    [
        torch.zeros(3, dtype=torch.complex64),
        torch.zeros(1, 4, 4, 3, device="meta"),
        torch.eye(3).to_sparse(),
        torch.tensor(1.0),
        torch.zeros(1, 2, 3, 4, 5, 6),
    ],
    ids=["complex", "meta", "sparse", "one number", "six axes"],
)
@pytest.mark.parametrize("kind", ["IMAGE", "MASK", "LATENT", "*"])
def test_odd_tensors(odd, kind):
    facts = inspect(kind, [{"samples": odd} if kind == "LATENT" else odd])
    assert facts.thumbnail is None
    assert facts.shapes == (tuple(odd.shape),)
    assert facts.lines()


def test_a_huge_tensor_is_sampled_evenly():
    image = torch.rand(8, 1000, 1000, 3)
    image[..., 1] += 2  # every third number: a sample must not see one colour only
    started = time.perf_counter()
    facts = inspect("IMAGE", [image])
    took = time.perf_counter() - started
    assert facts.numbers.is_sample
    assert facts.numbers.lowest == pytest.approx(0, abs=0.001)
    assert facts.numbers.highest == pytest.approx(3, abs=0.001)
    assert facts.numbers.mean == pytest.approx(0.5 + 2 / 3, abs=0.01)
    assert facts.lines()[-1].startswith("about ")
    assert took < 3


def test_conditioning():
    entries = [Cond(torch.ones(1, 77, 8)), Cond(torch.zeros(1, 154, 8))]
    facts = inspect("CONDITIONING", [entries])
    assert facts.text == "2 entries"
    assert facts.shapes == ((1, 77, 8), (1, 154, 8))
    assert facts.numbers.highest == 1.0
    assert facts.thumbnail is None
    assert inspect("CONDITIONING", [[]]).lines() == ["CONDITIONING", "0 entries"]


def test_several_items():
    facts = inspect("IMAGE", [torch.zeros(1, 2, 2, 3), torch.ones(1, 4, 4, 3)])
    assert facts.lines()[:2] == ["IMAGE, 2 items", "1 × 2 × 2 × 3, 1 × 4 × 4 × 3"]
    assert (facts.numbers.lowest, facts.numbers.highest) == (0, 1)
    assert facts.thumbnail.shape == (2, 2, 3), "that of the first"
    many = inspect("IMAGE", [torch.zeros(1, 2, 2, 3)] * 6)
    assert many.lines()[1].endswith("1 × 2 × 2 × 3 and 2 more")


@pytest.mark.parametrize(
    ("kind", "items", "text"),
    [
        ("INT", [3], "3"),
        ("STRING", ["a house"], "a house"),
        ("STRING", ["x" * 1000], "x" * 600 + "..."),
        ("BOOLEAN", [True], "True"),
        ("INT", [1, 2, 3], "[1, 2, 3]"),
        ("INT", [], ""),
        ("*", [None], "None"),
        ("*", [{"a": object()}], "{a: object}"),
        ("MODEL", ["not a model"], "not a model"),
        ("MODEL", [object()], "object"),
        ("LATENT", [{"samples": "junk"}], "{samples: 'junk'}"),
        ("IMAGE", [[]], "[]"),
    ],
)
def test_values_that_are_no_tensors(kind, items, text):
    facts = inspect(kind, items)
    assert (facts.text, facts.thumbnail, facts.numbers) == (text, None, None)


def test_what_is_blocked():
    assert inspect("IMAGE", [Blocked("too dark")]).lines() == ["IMAGE", "Blocked: too dark"]
    assert inspect("IMAGE", [Blocked()]).lines() == ["IMAGE", "Blocked"]
    some = inspect("IMAGE", [Blocked("no"), torch.ones(1, 2, 2, 3)])
    assert some.blocked is None
    assert some.items == 2
    assert some.thumbnail is not None


@pytest.mark.slow
def test_models_say_what_they_are(model_root):
    from core.models.cache import ModelCache
    from core.models.load import load_checkpoint

    file = next((model_root / "checkpoints").glob("e2e_sd15_a.*"))
    loaded = load_checkpoint(file, ModelCache("cpu"))
    assert inspect("MODEL", [loaded.model]).text.startswith("sd15, ")
    assert inspect("CLIP", [loaded.clip]).text == "Text encoder clip_l"
    assert inspect("VAE", [loaded.vae]).text == "VAE, 4 channels, one cell for 8 × 8 pixels"


def test_values_of_a_run(folders):
    registry = toy_registry()
    graph = quick(
        c=("TConst", {"value": 4}), d=("TAdd", {"a": ["c", 0], "b": 1}), o=("TOut", {"value": ["d", 0]})
    )
    report = Runner(registry, RunContext(folders)).run(graph)
    assert inspect(*report.output("d", 0)).lines() == ["INT", "5"]
    with pytest.raises(LookupError, match="did not run"):
        report.output("x", 0)
    with pytest.raises(LookupError, match="has no output 1"):
        report.output("d", 1)


def test_bytes_in_words():
    assert [in_bytes(size) for size in (0, 1023, 1536, 200 * 1024, 3 * 1024**2, 5 * 1024**3)] == [
        "0 bytes",
        "1023 bytes",
        "1.5 KB",
        "200 KB",
        "3.0 MB",
        "5.00 GB",
    ]
