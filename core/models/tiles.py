"""Functions of large pictures computed tile by tile, with overlaps blended."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from core.models.assemble import never
from core.models.files import Check


def tiled(
    function: Callable[[Tensor], Tensor],
    samples: Tensor,
    *,
    tile: tuple[int, int],
    overlap: int,
    scale: float,
    channels: int,
    check: Check = never,
) -> Tensor:
    """What `function` makes of samples [B,C,H,W], tile by tile: [B,`channels`,H*`scale`,W*`scale`].

    Tiles fade over the overlap on all sides, and the sum is divided by the summed weights.

    Args:
        function: Takes and gives [1,C,h,w]; its result is `scale` times as high and wide.
        tile: Height and width of a tile of the samples.
        overlap: How far neighbouring tiles reach into each other.
        check: Called before each tile; may raise `Cancelled`.

    Source: the behaviour of ComfyUI.
    """
    batch, _, height, width = samples.shape
    size = (round(height * scale), round(width * scale))
    total = samples.new_zeros(batch, channels, *size)
    weights = samples.new_zeros(1, 1, *size)
    places = list(product(_starts(height, tile[0], overlap), _starts(width, tile[1], overlap)))
    for index, (y, x) in product(range(batch), places):
        check()
        result = function(samples[index : index + 1, :, y : y + tile[0], x : x + tile[1]]).to(total)
        mask = _fading(result.shape[-2:], round(overlap * scale)).to(total)
        top, left = round(y * scale), round(x * scale)
        where = (..., slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
        total[index][where] += (result * mask)[0]
        if index == 0:
            weights[where] += mask
    return total / weights


def three_ways(
    function: Callable[[Tensor], Tensor],
    samples: Tensor,
    *,
    tile: int,
    overlap: int,
    scale: float,
    channels: int,
    check: Check = never,
) -> Tensor:
    """The mean of `tiled` with tall, flat and square tiles: the seams of one fall inside tiles of another."""
    shapes = ((tile * 2, tile // 2), (tile // 2, tile * 2), (tile, tile))
    passes = (
        tiled(function, samples, tile=s, overlap=overlap, scale=scale, channels=channels, check=check)
        for s in shapes
    )
    return torch.stack(tuple(passes)).mean(dim=0)


def _starts(side: int, tile: int, overlap: int) -> range:
    return range(0, side - overlap, tile - overlap) if side > tile else range(1)


def _fading(size: tuple[int, ...], overlap: int) -> Tensor:
    """Weights [h,w] that rise over `overlap` from every side; a side too short for that stays flat."""
    rise = [_ramp(side, overlap) for side in size]
    return rise[0][:, None] * rise[1][None, :]


def _ramp(side: int, overlap: int) -> Tensor:
    weights = torch.ones(side)
    if 0 < overlap < side:
        steps = torch.arange(1, overlap + 1) / overlap
        weights[:overlap] *= steps
        weights[-overlap:] *= steps.flip(0)
    return weights
