"""The VAE against the reference numbers, and what it does with odd sizes, batches and full memory."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from helpers.golden import close, load_family, manifest, seeded
from helpers.weights import write
from safetensors.torch import save_file

from core.errors import Cancelled, UnknownArchitecture, WeightsMismatch
from core.models.cache import ModelCache
from core.models.load import load_vae
from core.models.tiles import tiled
from core.models.vae import Vae, pixel_space

KINDS = ("encode", "decode", "encode_tiled", "decode_tiled")
CASES = [
    case
    for case in load_family("vae")
    if case.facts["layout"] in ("vae_sd", "vae_16ch") and case.facts["kind"] in KINDS
]


@pytest.fixture(scope="module")
def vae_of(tmp_path_factory):
    folder, cache, vaes = tmp_path_factory.mktemp("vae"), ModelCache("cpu"), {}

    def get(layout):
        if layout not in vaes:
            vaes[layout] = load_vae(write(folder, layout), cache)
        return vaes[layout]

    return get


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matches_reference(case, vae_of):
    vae, facts = vae_of(case.facts["layout"]), case.facts
    given, expected = next(iter(case.inputs.values())), next(iter(case.outputs.values()))
    tiles = (facts["tile_size"], facts["overlap"]) if "tile_size" in facts else ()
    result = getattr(vae, facts["kind"])(given, *tiles)
    assert close(result, expected, **manifest("vae")["tolerance"])
    assert (result - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_facts(vae_of):
    assert (vae_of("vae_sd").channels, vae_of("vae_sd").downscale) == (4, 8)
    assert (vae_of("vae_16ch").channels, vae_of("vae_16ch").downscale) == (16, 8)


def test_crops_around_the_middle_and_drops_alpha(vae_of):
    vae = vae_of("vae_sd")
    pixels = torch.rand(1, 21, 30, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(vae.encode(pixels), vae.encode(pixels[:, 2:18, 3:27, :3]))


def test_batch_is_each_picture_alone(vae_of):
    vae = vae_of("vae_sd")
    pixels = torch.rand(3, 16, 16, 3, generator=torch.Generator().manual_seed(2))
    latent = vae.encode(pixels)
    assert torch.equal(latent, torch.cat([vae.encode(p[None]) for p in pixels]))
    assert vae.decode(latent).shape == (3, 16, 16, 3)


def test_refuses_what_does_not_fit(vae_of):
    with pytest.raises(ValueError, match="has 16 channels, this VAE decodes 4"):
        vae_of("vae_sd").decode(torch.zeros(1, 16, 8, 8))
    with pytest.raises(ValueError, match="4x4 is too small"):
        vae_of("vae_sd").encode(torch.zeros(1, 4, 4, 3))
    with pytest.raises(ValueError, match="overlap of 32 is too much for tiles of 64"):
        vae_of("vae_sd").encode_tiled(torch.zeros(1, 64, 64, 3), 64, 32)


def test_stops_between_pictures(vae_of):
    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        vae_of("vae_sd").decode(torch.zeros(2, 4, 8, 8), check=stop)


def test_diffusers_file_gives_the_same(tmp_path, vae_of):
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    original = vae_of("vae_sd")
    bare = {name.removeprefix("first_stage_model."): t for name, t in seeded("vae_sd").items()}
    renamed = convert_ldm_vae_checkpoint(bare, {"down_block_types": range(4), "up_block_types": range(4)})
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    old = {
        name.replace(".to_q.", ".query.").replace(".to_out.0.", ".proj_attn."): t
        for name, t in renamed.items()
    }
    for number, tensors in enumerate((renamed, old)):
        path = tmp_path / f"{number}.safetensors"
        save_file({name: t.contiguous() for name, t in tensors.items()}, path)
        assert torch.equal(load_vae(path, ModelCache("cpu")).decode(latent), original.decode(latent))


def test_file_without_vae_is_refused(tmp_path):
    with pytest.raises(UnknownArchitecture, match=r"e2e_lora_sd15.*no image VAE"):
        load_vae(write(tmp_path, "e2e_lora_sd15"), ModelCache("cpu"))


def test_wrong_shape_is_named_as_in_the_file(tmp_path):
    tensors = seeded("vae_sd")
    tensors["first_stage_model.decoder.mid.block_1.conv1.weight"] = torch.zeros(32, 64, 3, 3)
    save_file(tensors, tmp_path / "bad.safetensors")
    message = (
        r"decoder\.mid\.block_1\.conv1\.weight has the shape \(32, 64, 3, 3\), the network needs \(64, 64"
    )
    with pytest.raises(WeightsMismatch, match=message):
        load_vae(tmp_path / "bad.safetensors", ModelCache("cpu"))


class SmallRoom:
    """A coder that averages, and runs out of memory on anything larger than a tile."""

    def __init__(self, error):
        self.error = error

    def encode(self, x):
        if x.shape[-1] > 1024:
            raise self.error
        pooled = torch.nn.functional.avg_pool2d(x, 8)
        return torch.cat([pooled, pooled[:, :1]], dim=1)

    def decode(self, z):
        if z.shape[-1] > 128:
            raise self.error
        return z[:, :3].repeat_interleave(8, -1).repeat_interleave(8, -2)


FULL = (
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
)


@pytest.mark.parametrize("error", FULL, ids=["device", "host"])
def test_full_memory_evicts_and_goes_on_in_tiles(error):
    evicted = []

    @contextmanager
    def resident(check):
        yield SmallRoom(error)

    vae = Vae(4, 8, resident, lambda: evicted.append(True))
    pixels = torch.rand(1, 64, 1200, 3, generator=torch.Generator().manual_seed(4))
    latent = vae.encode(pixels)
    signal = pixels.movedim(-1, 1) * 2 - 1
    torch.testing.assert_close(latent[:, :3], torch.nn.functional.avg_pool2d(signal, 8))
    shown = vae.decode(latent)
    assert shown.shape == (1, 64, 1200, 3)
    torch.testing.assert_close(shown[:, ::8, ::8, :].movedim(-1, 1), (latent[:, :3] + 1) / 2)
    assert len(evicted) == 2


def test_other_errors_are_not_taken_for_full_memory():
    @contextmanager
    def resident(check):
        yield SmallRoom(RuntimeError("something else"))

    with pytest.raises(RuntimeError, match="something else"):
        Vae(4, 8, resident, lambda: None).decode(torch.zeros(1, 4, 8, 200))


def test_tiles_of_the_identity_are_the_identity():
    samples = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(5))
    result = tiled(lambda s: s, samples, tile=(16, 12), overlap=4, scale=1, channels=3)
    torch.testing.assert_close(result, samples)


def test_pixel_space_changes_nothing():
    pixels = torch.rand(2, 5, 7, 3, generator=torch.Generator().manual_seed(6))
    vae = pixel_space()
    torch.testing.assert_close(vae.decode(vae.encode(pixels)), pixels)
    assert vae.encode(pixels).shape == (2, 3, 5, 7)
