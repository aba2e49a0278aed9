"""Nodes given pictures, masks and conditionings that are allowed but seldom."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from core.media.resample import resize
from core.models.vae import Vae
from core.nodes.conditioning import average, concatenate
from core.nodes.latent import encode_for_inpaint
from core.sampling.interface import Cond


class Ctx:
    def check_cancelled(self):
        pass


class Mean:
    """An autoencoder that averages."""

    def encode(self, x):
        return avg_pool2d(x, 8)

    def decode(self, z):
        return interpolate(z, scale_factor=8)


VAE = Vae(3, 8, lambda check: nullcontext(Mean()), lambda: 0)


def inpaint(pixels, mask):
    return encode_for_inpaint(ctx=Ctx(), pixels=pixels, vae=VAE, mask=mask, grow_mask_by=6)


def test_transparency_is_left_out():
    picture = torch.rand(1, 16, 24, 4)
    assert torch.equal(VAE.encode(picture), VAE.encode(picture[..., :3]))
    mask = torch.zeros(1, 16, 24)
    assert torch.equal(inpaint(picture, mask)["samples"], VAE.encode(picture[..., :3]))


@pytest.mark.parametrize(("shape", "reason"), [((1, 8, 8, 1), "1 channels"), ((0, 8, 8, 3), "0 pictures")])
def test_pictures_without_colours_and_no_pictures_are_said(shape, reason):
    for encode in (VAE.encode, VAE.encode_tiled, lambda pixels: inpaint(pixels, torch.zeros(1, 8, 8))):
        with pytest.raises(ValueError, match=reason):
            encode(torch.zeros(shape))


def test_pictures_too_small_are_said():
    with pytest.raises(ValueError, match="4x7 is too small"):
        inpaint(torch.zeros(1, 7, 4, 3), torch.zeros(1, 7, 4))


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (1, 3, 0, 2), (3, 2, 2)])
def test_empty_latents_are_said(shape):
    for decode in (VAE.decode, VAE.decode_tiled):
        with pytest.raises(ValueError, match="holds no pictures"):
            decode(torch.zeros(shape))


@pytest.mark.parametrize("masks", [1, 2, 3, 5])
def test_inpainting_repeats_masks_over_the_pictures(masks):
    pictures = torch.rand(3, 20, 27, 3)
    mask = (torch.rand(masks, 20, 27) > 0.9).float()
    together = inpaint(pictures, mask)["samples"]
    for index in range(3):
        one = slice(index % masks, index % masks + 1)
        alone = inpaint(pictures[index : index + 1], mask[one])["samples"]
        torch.testing.assert_close(together[index : index + 1], alone)


def test_conditionings_of_two_models_are_said():
    sd15, sdxl = [Cond(torch.ones(1, 77, 768))], [Cond(torch.ones(1, 77, 2048))]
    for combine in (average, concatenate):
        with pytest.raises(ValueError, match="768 and 2048 wide"):
            combine(conditioning_to=sd15, conditioning_from=sdxl)
    pooled = [Cond(torch.ones(1, 77, 768), torch.ones(1, width)) for width in (1280, 2048)]
    with pytest.raises(ValueError, match="1280 and 2048 wide"):
        average(conditioning_to=pooled[:1], conditioning_from=pooled[1:])


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos", "bislerp"])
def test_long_pictures_cut_to_the_other_direction(method):
    wide = torch.linspace(0, 1, 1000).expand(1, 3, 1, 1000)
    tall = resize(wide, 1, 50, method, "center")
    assert tall.shape == (1, 3, 50, 1)
    assert (tall - 0.5).abs().max() < 0.01
    assert resize(wide.mT, 50, 1, method, "center").shape == (1, 3, 1, 50)
