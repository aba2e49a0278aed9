"""Where a conditioning entry counts: areas and masks in latent cells, and how heavily each cell weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.sampling.interface import Area, Cond

_FEATHER = 8
_SMALLEST_BOUNDS = 8


def placed(conds: Sequence[Cond], height: int, width: int) -> list[Cond]:
    """The entries that reach into a latent of that size, with areas and masks in its cells."""
    located = [_placed(cond, height, width) for cond in conds]
    return [cond for cond in located if cond.area is None or (cond.area.y < height and cond.area.x < width)]


def _placed(cond: Cond, height: int, width: int) -> Cond:
    if cond.area_share is not None:
        cond = replace(cond, area=_area_of_share(cond.area_share, height, width), area_share=None)
    if cond.mask is None:
        return cond
    mask = resized_mask(cond.mask, height, width)[:, 0]
    if cond.mask_bounds:
        return replace(cond, mask=mask, area=_bounds(mask))
    return replace(cond, mask=mask)


def resized_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask [H,W], [B,H,W] or [B,1,H,W] as [B,1,height,width]."""
    mask = mask.float().reshape(-1, 1, *mask.shape[-2:])
    if mask.shape[-2:] == (height, width):
        return mask
    return interpolate(mask, size=(height, width), mode="bilinear")


def repeated(values: Tensor, batch: int) -> Tensor:
    """The items of `values` repeated from the start, or cut, to fill a batch."""
    if values.shape[0] == batch:
        return values
    times = -(-batch // values.shape[0])
    return values.repeat(times, *[1] * (values.ndim - 1))[:batch]


def cropped(x: Tensor, area: Area | None) -> Tensor:
    """The cells of x [...,h,w] inside the area; what lies past the border is left off."""
    if area is None:
        return x
    return x[..., area.y : area.y + area.height, area.x : area.x + area.width]


def weight(cond: Cond, x: Tensor) -> Tensor | float:
    """How heavily the entry counts: one number, or one per cell of its area, [h,w] or [B,1,h,w].

    Args:
        cond: A placed entry.
        x: The whole latent [B,C,h,w].
    """
    if cond.mask is not None:
        cells = cropped(cond.mask.to(x), cond.area)
        cells = cells.reshape(len(cells), *[1] * (x.ndim - 3), *cells.shape[-2:])
        return repeated(cells, x.shape[0]) * (cond.mask_strength * cond.strength)
    if cond.area is None:
        return float(cond.strength)
    rows = _ramp(cond.area.y, cond.area.height, x.shape[-2])
    columns = _ramp(cond.area.x, cond.area.width, x.shape[-1])
    return (rows[:, None] * columns * cond.strength).to(x)


def matched(conds: Sequence[Cond], others: Sequence[Cond]) -> list[Cond]:
    """`conds` with an entry more for every area of `others`, so that both sides are run there.

    What it says comes from the smallest entry of `conds` that contains the area. Entries are placed.
    """
    result = list(conds)
    for other in others:
        if other.area is None:
            continue
        source = _smallest_around(other.area, result)
        if source is not None and source.area != other.area:
            result.append(
                replace(other, embedding=source.embedding, pooled=source.pooled, options=source.options)
            )
    return result


def _smallest_around(area: Area, conds: Sequence[Cond]) -> Cond | None:
    inside = [cond for cond in conds if cond.area is not None and _contains(cond.area, area)]
    if inside:
        return min(inside, key=_size)
    return next((cond for cond in conds if cond.area is None), None)


def _size(cond: Cond) -> int:
    return cond.area.height * cond.area.width if cond.area is not None else 0


def _contains(outer: Area, inner: Area) -> bool:
    return (
        inner.y >= outer.y
        and inner.x >= outer.x
        and inner.y + inner.height <= outer.y + outer.height
        and inner.x + inner.width <= outer.x + outer.width
    )


def _area_of_share(share: tuple[float, float, float, float], height: int, width: int) -> Area:
    tall, wide, y, x = share
    return Area(
        max(1, round(tall * height)), max(1, round(wide * width)), round(y * height), round(x * width)
    )


def _bounds(mask: Tensor) -> Area:
    """The box around everything that is not 0, at least 8 cells each way."""
    covered = (mask != 0).any(dim=0).nonzero()
    if len(covered) == 0:
        return Area(_SMALLEST_BOUNDS, _SMALLEST_BOUNDS, 0, 0)
    y, x = (int(edge) for edge in covered.amin(dim=0))
    bottom, right = (int(edge) for edge in covered.amax(dim=0))
    return Area(max(_SMALLEST_BOUNDS, bottom - y + 1), max(_SMALLEST_BOUNDS, right - x + 1), y, x)


def _ramp(start: int, length: int, total: int) -> Tensor:
    """Weights along one side of an area: rising from each end that is not the border of the picture."""
    inside = min(length, total - start)
    weights = torch.ones(inside)
    reach = min(_FEATHER, inside // 4)
    ramp = torch.arange(1, reach + 1) / max(reach, 1)
    if start > 0:
        weights[:reach] *= ramp
    if start + length < total:
        weights[inside - reach :] *= ramp.flip(0)
    return weights
