"""Changing the size of pictures and latents, by the methods ComfyUI's nodes name."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor
from torch.nn.functional import interpolate


def resize(samples: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """`samples` [B,C,H,W] in another size.

    Args:
        method: `nearest-exact`, `bilinear`, `area`, `bicubic`, `bislerp` or `lanczos`.
        crop: `center` cuts to the new aspect ratio around the middle first; `disabled` stretches.
    """
    if crop == "center":
        samples = _crop_to_aspect(samples, width, height)
    if method == "bislerp":
        return _bislerp(samples, width, height)
    if method == "lanczos":
        return _lanczos(samples, width, height)
    return interpolate(samples, size=(height, width), mode=method)


def complete_size(old: tuple[int, int], width: int, height: int, least: int = 1) -> tuple[int, int]:
    """The new (width, height), where a side of 0 follows from the other one.

    Args:
        old: The old (width, height).
        least: No side is smaller.
    """
    if width == 0:
        height = max(least, height)
        width = round(old[0] * height / old[1])
    elif height == 0:
        width = max(least, width)
        height = round(old[1] * width / old[0])
    return max(least, width), max(least, height)


def _crop_to_aspect(samples: Tensor, width: int, height: int) -> Tensor:
    old_height, old_width = samples.shape[-2:]
    old, new = old_width / old_height, width / height
    x = max(0, round((old_width - old_width * (new / old)) / 2))
    y = max(0, round((old_height - old_height * (old / new)) / 2))
    # Of very long pictures at least one row or column is left.
    x, y = min(x, (old_width - 1) // 2), min(y, (old_height - 1) // 2)
    return samples[..., y : old_height - y, x : old_width - x]


def _lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Through 8-bit pictures, as Pillow does it best."""
    pictures = (255.0 * samples.movedim(1, -1).cpu().numpy()).clip(0, 255).astype(np.uint8)
    resized = [
        np.asarray(PillowImage.fromarray(p).resize((width, height), PillowImage.Resampling.LANCZOS))
        for p in pictures
    ]
    result = torch.from_numpy(np.stack(resized).astype(np.float32) / 255.0)
    return result.movedim(-1, 1).to(samples.device, samples.dtype)


def _bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Linear in length, spherical in direction: blended latents keep their norm.

    Each cell's channels are one vector; first the columns are blended, then the rows.
    """
    wide = _slerp_along(samples.float(), 3, width)
    return _slerp_along(wide, 2, height).to(samples.dtype)


def _slerp_along(samples: Tensor, dim: int, size: int) -> Tensor:
    old = samples.shape[dim]
    positions = ((torch.arange(size, dtype=torch.float32) + 0.5) * (old / size) - 0.5).clamp(0, old - 1)
    low = positions.floor()
    share = (positions - low).view([-1 if axis == dim else 1 for axis in range(4)]).to(samples.device)
    index = low.long().to(samples.device)
    after = (index + 1).clamp(max=old - 1)
    return _slerp(samples.index_select(dim, index), samples.index_select(dim, after), share)


def _slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Between the channel vectors of a and b, both [B,C,h,w], `share` of the way from a."""
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    unit_a = torch.where(length_a > 0, a / length_a, 0)
    unit_b = torch.where(length_b > 0, b / length_b, 0)
    dot = (unit_a * unit_b).sum(dim=1, keepdim=True)
    angle = dot.clamp(-1, 1).acos()
    direction = (((1 - share) * angle).sin() * unit_a + (share * angle).sin() * unit_b) / angle.sin()
    blended = direction * (length_a * (1 - share) + length_b * share)
    # The angle says nothing where the vectors point the same way or opposite ways.
    blended = torch.where(dot > 1 - 1e-5, a, blended)
    return torch.where(dot < 1e-5 - 1, a * (1 - share) + b * share, blended)
