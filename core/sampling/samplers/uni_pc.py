"""UniPC: one formula that predicts the next level and then corrects it with the evaluation made there.

Source: Zhao et al. 2023 (UniPC), Algorithms 5 to 8 for data prediction, written for x in the scale of sigma.

Levels and weights are rounded to float32 as those of existing pictures were. It matters: the terms of the
weights cancel, so that where levels are dense they are off by half a per cent, and so are levels near 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.sampling.samplers.common import Sampling, toward

_LOWEST = 0.001


class _Level(NamedTuple):
    """Noise over signal, and the negative logarithm of that."""

    ratio: float
    lam: float


def uni_pc(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    variant: Literal["bh1", "bh2"] = "bh1",
    order: int = 3,
) -> Tensor:
    """Multistep, with lower orders at both ends. Where the sigmas end in 0 it stops at 0.001."""
    asked = [*sigmas[:-1], sigmas[-1] or _LOWEST]
    levels = _rounded(asked)
    last = len(levels) - 1
    highest = max(1, min(order, last - 1))
    outputs = [denoiser.step(0, x, asked[0])]
    for i in range(1, last):
        now = i if i < highest else min(highest, last + 1 - i)
        known, recent = levels[i - now : i + 1], outputs[-now:]
        output = denoiser(_update(x, known, recent, variant), asked[i])
        x = _update(x, known, recent, variant, output)
        outputs = [*outputs, output][-highest:]
        denoiser.report(i, output, x)
    x = toward(outputs[-1], x, levels[-2].ratio, levels[-1].ratio)
    return x if sigmas[-1] > 0 else denoiser.schedule.unnoised(x.new_full((1,), _LOWEST), x)


def _rounded(sigmas: Sequence[float]) -> list[_Level]:
    """The levels as the variance-preserving process has them in float32."""
    log_signal = 0.5 * torch.log(1 / (torch.tensor(sigmas) ** 2 + 1))
    variance = 1 - torch.exp(2 * log_signal)
    columns = (variance.sqrt() / log_signal.exp(), log_signal - 0.5 * variance.log())
    return [_Level(*row) for row in torch.stack(columns, dim=1).tolist()]


def _update(
    x: Tensor, levels: Sequence[_Level], outputs: Sequence[Tensor], variant: str, output: Tensor | None = None
) -> Tensor:
    """x at the last of the levels from the one before; corrected where that level's own output is known.

    Args:
        x: At the level before the last.
        levels: Those of `outputs`, then the target.
        outputs: Denoised latents of the levels before the target.
        variant: Which function of the step size weighs the differences.
        output: The denoised latent at the target.
    """
    now, target = levels[-2], levels[-1]
    h = target.lam - now.lam
    newest = outputs[-1]
    ratios = [(level.lam - now.lam) / h for level in levels[:-2]]
    differences = [(old - newest) / r for old, r in zip(outputs[:-1], ratios, strict=True)]
    if output is not None:
        ratios.append(1.0)
        differences.append(output - newest)
    x = toward(newest, x, now.ratio, target.ratio)
    scale = -h if variant == "bh1" else math.expm1(-h)
    for weight, difference in zip(_weights(ratios, h, scale), differences, strict=True):
        x = x - scale * weight * difference
    return x


def _weights(ratios: Sequence[float], h: float, scale: float) -> Sequence[float]:
    """Weights that make the update exact for polynomials; of a single difference it takes half."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    powers = torch.tensor(ratios).repeat(len(ratios), 1) ** torch.arange(len(ratios))[:, None]
    step = torch.tensor(-h)
    phi = torch.expm1(step) / step - 1
    moments: list[Tensor] = []
    for k in range(1, len(ratios) + 1):
        moments.append(phi * math.factorial(k) / scale)
        phi = phi / step - 1 / math.factorial(k + 1)
    return torch.linalg.solve(powers, torch.stack(moments)).tolist()
