"""UniPC: one formula that predicts the next level and then corrects it with the evaluation made there.

Source: Zhao et al. 2023 (UniPC), Algorithms 5 to 8 for data prediction, written for x in the scale of sigma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.sampling.samplers.common import Floats, Sampling, toward

_LOWEST = 0.001


def uni_pc(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    variant: Literal["bh1", "bh2"] = "bh1",
    order: int = 3,
) -> Tensor:
    """Multistep, with lower orders at both ends. Where the sigmas end in 0 it stops at 0.001."""
    levels = [*sigmas[:-1], sigmas[-1] or _LOWEST]
    ratios = _rounded_ratios(levels)
    last = len(levels) - 1
    highest = max(1, min(order, last - 1))
    outputs = [denoiser.step(0, x, levels[0])]
    for i in range(1, last):
        now = i if i < highest else min(highest, last + 1 - i)
        known, recent = ratios[i - now : i + 1], outputs[-now:]
        output = denoiser(_update(x, known, recent, variant), levels[i])
        x = _update(x, known, recent, variant, output)
        outputs = [*outputs, output][-highest:]
        denoiser.report(i, output, x)
    x = toward(outputs[-1], x, ratios[-2], ratios[-1])
    return x if sigmas[-1] > 0 else denoiser.schedule.unnoised(x.new_full((1,), _LOWEST), x)


def _rounded_ratios(levels: Sequence[float]) -> list[float]:
    """Noise over signal of every level, as the variance-preserving process has it in float32.

    Near 0 that is off by per cents, and existing pictures are made with it.
    """
    log_mean = 0.5 * torch.log(1 / (torch.tensor(levels) ** 2 + 1))
    return ((1 - (2 * log_mean).exp()).sqrt() / log_mean.exp()).tolist()


def _update(
    x: Tensor, levels: Sequence[float], outputs: Sequence[Tensor], variant: str, output: Tensor | None = None
) -> Tensor:
    """x at the last of the levels from the one before; corrected where that level's own output is known.

    Args:
        x: At the level before the last.
        levels: Those of `outputs`, then the target.
        outputs: Denoised latents of the levels before the target.
        variant: Which function of the step size weighs the differences.
        output: The denoised latent at the target.
    """
    sigma, target = levels[-2], levels[-1]
    h = math.log(sigma / target)
    newest = outputs[-1]
    ratios = [math.log(sigma / level) / h for level in levels[:-2]]
    differences = [(old - newest) / r for old, r in zip(outputs[:-1], ratios, strict=True)]
    if output is not None:
        ratios.append(1.0)
        differences.append(output - newest)
    x = toward(newest, x, sigma, target)
    scale = -h if variant == "bh1" else math.expm1(-h)
    for weight, difference in zip(_weights(ratios, h, scale), differences, strict=True):
        x = x - scale * weight * difference
    return x


def _weights(ratios: Sequence[float], h: float, scale: float) -> Sequence[float]:
    """Weights that make the update exact for polynomials; of a single difference it takes half."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    powers: Floats = np.vander(ratios, increasing=True).T
    moments: list[float] = []
    phi = math.expm1(-h) / -h - 1
    for k in range(1, len(ratios) + 1):
        moments.append(phi * math.factorial(k) / scale)
        phi = phi / -h - 1 / math.factorial(k + 1)
    return np.linalg.solve(powers, np.array(moments)).tolist()
