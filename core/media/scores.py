"""How good a picture looks, in numbers of 0..1 that need no network. Pictures are [B,H,W,C] in 0..1."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

_LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BLUR_WIDTH: Final = 9
_EXTREMELY_COLOURFUL: Final = 109.0 / 255
_WINDOW: Final = 11
_SPREAD: Final = 1.5
_SMALLEST: Final = 3


def sharpness(pictures: Tensor) -> Tensor:
    """How much of the fine detail blurring takes away, [B]: 0 for flat or blurred ones, near 1 for crisp.

    Source: Crété et al. 2007, "The blur effect: perception and estimation with a new no-reference perceptual
    blur metric", as 1 - blur; flat pictures, where it is not defined, are 0.
    """
    luma = _luma(pictures)[:, None]
    return torch.minimum(_kept_without_blur(luma), _kept_without_blur(luma.transpose(2, 3)))


def contrast(pictures: Tensor) -> Tensor:
    """How far light and dark are apart: 0 for one tone, 1 for half black and half white: [B].

    Source: Peli 1990, "Contrast in complex images": the standard deviation of the luma, here doubled, since
    it is 0.5 at most.
    """
    return (2 * _luma(pictures).flatten(1).std(1, correction=0)).clamp(0, 1)


def colourfulness(pictures: Tensor) -> Tensor:
    """How colourful pictures look: 0 for grey, 1 for what people call extremely colourful: [B].

    Source: Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images": their M, over the 109 of
    "extremely colourful".
    """
    red, green, blue = (pictures[..., channel].flatten(1) for channel in range(3))
    pairs = torch.stack((red - green, (red + green) / 2 - blue))
    spread = pairs.std(2, correction=0).square().sum(0).sqrt()
    centre = pairs.mean(2).square().sum(0).sqrt()
    return ((spread + 0.3 * centre) / _EXTREMELY_COLOURFUL).clamp(0, 1)


def likeness(pictures: Tensor, references: Tensor) -> Tensor:
    """How alike pictures of one size are: 1 for equal ones, 0 for unrelated or opposite ones: [B].

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity": the
    mean over the colour channels, with a Gaussian window of 11 and sigma 1.5, K1 0.01 and K2 0.03, cut at 0.
    """
    x, y = (batch.movedim(-1, 1).double() for batch in (pictures, references))
    window = _window(min(_WINDOW, *x.shape[2:]), x)
    mean_x, mean_y = _blurred(x, window), _blurred(y, window)
    variance_x = _blurred(x * x, window) - mean_x**2
    variance_y = _blurred(y * y, window) - mean_y**2
    both = _blurred(x * y, window) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    scale = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return (alike / scale).flatten(1).mean(1).clamp(0, 1).float()


def _luma(pictures: Tensor) -> Tensor:
    if pictures.ndim != 4 or pictures.shape[-1] < len(_LUMA) or min(pictures.shape[:3]) == 0:
        raise ValueError(f"{list(pictures.shape)} are no pictures with colours; a score needs them")
    if min(pictures.shape[1:3]) < _SMALLEST:
        raise ValueError(f"a picture of {pictures.shape[2]}x{pictures.shape[1]} is too small for a score")
    return pictures[..., : len(_LUMA)].double() @ pictures.new_tensor(_LUMA).double()


def _kept_without_blur(luma: Tensor) -> Tensor:
    """The share of the differences between rows that is gone after blurring across them; [B,1,H,W] -> [B]."""
    width = min(_BLUR_WIDTH, luma.shape[2] // 2 * 2 - 1)
    blurred = avg_pool2d(luma, (width, 1), 1, (width // 2, 0), count_include_pad=False)
    differences = luma.diff(dim=2).abs().flatten(1)
    gone = (differences - blurred.diff(dim=2).abs().flatten(1)).clamp(min=0).sum(1)
    whole = differences.sum(1)
    return torch.where(whole > 1e-6, gone / whole.clamp(min=1e-6), 0.0).float()


def _window(size: int, like: Tensor) -> Tensor:
    places = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    weights = torch.exp(-(places**2) / (2 * _SPREAD**2))
    return weights / weights.sum()


def _blurred(batch: Tensor, window: Tensor) -> Tensor:
    """Weighted means of every place the window fits in, per channel."""
    channels = batch.shape[1]
    rows = conv2d(batch, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return conv2d(rows, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
