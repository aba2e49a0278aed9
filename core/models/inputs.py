"""Network inputs that several families derive from a conditioning entry."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import ModelError
from core.media.resample import resize
from core.sampling.interface import Cond, Request
from core.sampling.latent_format import LatentFormat
from core.sampling.regions import repeated

EMBEDDING_WIDTH = 256
_PIXELS_PER_CELL = 8
# A grey picture as the SD1 autoencoder sees it; SDXL's inpainting models are given the same numbers.
_GREY = (0.8223, -0.6876, 0.6364, 0.1380)


def context(cond: Cond, request: Request, width: int) -> Tensor:
    """The text embedding [B,T,D] on the device of the latent.

    Raises:
        ModelError: It is not `width` wide.
    """
    if cond.embedding.shape[-1] != width:
        raise ModelError(
            f"the conditioning is {cond.embedding.shape[-1]} wide, this network reads {width}: "
            "encode the prompt with the text encoder that belongs to the model"
        )
    return cond.embedding.to(request.noise)


def pooled(cond: Cond, request: Request, width: int) -> Tensor:
    """The pooled text embedding [B,P] on the device of the latent.

    Raises:
        ModelError: There is none, or it is not `width` wide.
    """
    found = "has none" if cond.pooled is None else f"is {cond.pooled.shape[-1]} wide"
    if cond.pooled is None or cond.pooled.shape[-1] != width:
        raise ModelError(
            f"this network reads a pooled text embedding of width {width}, that of the conditioning {found}: "
            "encode the prompt with the text encoder that belongs to the model"
        )
    return cond.pooled.to(request.noise)


def sdxl_vector(cond: Cond, request: Request, width: int) -> Tensor:
    """Pooled text, then original size, crop and target size, [B,`width`]."""
    height, width_px = _picture_size(cond, request)
    numbers = (
        height,
        width_px,
        cond.options.get("crop_h", 0),
        cond.options.get("crop_w", 0),
        cond.options.get("target_height", height),
        cond.options.get("target_width", width_px),
    )
    return _with_numbers(cond, request, numbers, width)


def refiner_vector(cond: Cond, request: Request, width: int) -> Tensor:
    """Pooled text, then size, crop and aesthetic score, [B,`width`]."""
    numbers = (
        *_picture_size(cond, request),
        cond.options.get("crop_h", 0),
        cond.options.get("crop_w", 0),
        cond.options.get("aesthetic_score", 6.0 if request.positive else 2.5),
    )
    return _with_numbers(cond, request, numbers, width)


def _picture_size(cond: Cond, request: Request) -> tuple[float, float]:
    rows, columns = request.noise.shape[-2:]
    return (
        cond.options.get("height", rows * _PIXELS_PER_CELL),
        cond.options.get("width", columns * _PIXELS_PER_CELL),
    )


def _with_numbers(cond: Cond, request: Request, numbers: Sequence[float], width: int) -> Tensor:
    text = pooled(cond, request, width - len(numbers) * EMBEDDING_WIDTH)
    embedded = _embed(torch.tensor(numbers, dtype=torch.float32)).reshape(1, -1).to(text)
    return torch.cat([text, embedded.expand(len(text), -1)], dim=1)


def _embed(numbers: Tensor) -> Tensor:
    """Each number as cosines, then sines, of falling frequency: [N] to [N,256]."""
    half = EMBEDDING_WIDTH // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = numbers[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def inpaint_concat(cond: Cond, request: Request, latent_format: LatentFormat) -> Tensor:
    """Mask, then the latent of the masked picture, [B,5,h,w]; a wholly masked grey one by default."""
    mask = cond.options.get("concat_mask", request.noise_mask)
    if mask is None:
        grey = torch.tensor(_GREY).reshape(1, -1, 1, 1).to(request.noise).expand_as(request.noise)
        return torch.cat([torch.ones_like(grey[:, :1]), grey], dim=1)
    mask = mask.reshape(-1, 1, *mask.shape[-2:])
    picture = cond.options.get("concat_latent_image")
    picture = request.latent if picture is None else latent_format.into_model(picture)
    return torch.cat([_fit(mask, request).round(), _fit(picture, request)], dim=1)


def edit_concat(cond: Cond, request: Request) -> Tensor:
    """The latent of the picture to edit, unscaled, [B,C,h,w]; zeros where there is none."""
    picture = cond.options.get("concat_latent_image")
    return torch.zeros_like(request.noise) if picture is None else _fit(picture, request)


def _fit(samples: Tensor, request: Request) -> Tensor:
    batch, _, height, width = request.noise.shape
    samples = samples.to(request.noise)
    if samples.shape[-2:] != (height, width):
        samples = resize(samples, width, height, "bilinear", "center")
    return repeated(samples, batch)
