"""DPM-Solver with a fixed number of evaluations, and with step sizes of its own choice.

Both look only at the ends of the sigmas and stop at the lowest above 0. Times are -log sigma.
Source: Lu et al. 2022 (DPM-Solver), Algorithms 1 and 2 and Appendix C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.sampling.samplers.common import Sampling, slope


def dpm_fast(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Steps of third order, the last ones lower, that take as many evaluations as there are steps."""
    evaluations = len(sigmas) - 1
    count, rest = evaluations // 3 + 1, evaluations % 3
    orders = [3] * (count - 2) + [2, 1] if rest == 0 else [3] * (count - 1) + [rest]
    times: list[float] = np.linspace(*_ends(sigmas), count + 1).tolist()
    for i, order in enumerate(orders):
        t, t_next = times[i], times[i + 1]
        eps = _first_eps(denoiser, 3 * i, x, t)
        if order == 1:
            x = _first_order(x, t, t_next, eps)
        elif order == 2:
            x = _second_order(x, t, t_next, eps, _inner_eps(denoiser, x, t, t_next, eps, 1 / 2), 1 / 2)
        else:
            eps_1 = _inner_eps(denoiser, x, t, t_next, eps, 1 / 3)
            x = _third_order(denoiser, x, t, t_next, eps, eps_1)
    return x


def dpm_adaptive(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    accept_safety: float = 0.81,
) -> Tensor:
    """Steps of third order, as long as a second-order estimate agrees."""
    t, end = _ends(sigmas)
    h = h_init
    x_low_before = x
    attempt = 0
    while t < end - 1e-5:
        t_next = min(end, t + h)
        eps = _first_eps(denoiser, min(attempt, denoiser.total - 1), x, t)
        eps_1 = _inner_eps(denoiser, x, t, t_next, eps, 1 / 3)
        x_low = _second_order(x, t, t_next, eps, eps_1, 1 / 3)
        x_high = _third_order(denoiser, x, t, t_next, eps, eps_1)
        allowed = torch.maximum(x_low.abs(), x_low_before.abs()).mul(rtol).clamp(min=atol)
        error = float(((x_low - x_high) / allowed).square().mean().sqrt())
        if not math.isfinite(error):
            raise ValueError("dpm_adaptive found no step size: the model's result is not a number")
        factor = 1 + math.atan((1 / (error + 1e-8)) ** (1 / 3) - 1)
        if factor >= accept_safety:
            x_low_before, x, t = x_low, x_high, t_next
        h *= factor
        attempt += 1
    return x


def _ends(sigmas: Sequence[float]) -> tuple[float, float]:
    return -math.log(sigmas[0]), -math.log(sigmas[-1] or sigmas[-2])


def _first_eps(denoiser: Sampling, i: int, x: Tensor, t: float) -> Tensor:
    sigma = math.exp(-t)
    return slope(x, sigma, denoiser.step(i, x, sigma))


def _inner_eps(denoiser: Sampling, x: Tensor, t: float, t_next: float, eps: Tensor, r: float) -> Tensor:
    """The noise estimated a share r into the step."""
    t_1 = t + r * (t_next - t)
    sigma = math.exp(-t_1)
    u = _first_order(x, t, t_1, eps)
    return slope(u, sigma, denoiser(u, sigma))


def _first_order(x: Tensor, t: float, t_next: float, eps: Tensor) -> Tensor:
    return x - math.exp(-t_next) * math.expm1(t_next - t) * eps


def _second_order(x: Tensor, t: float, t_next: float, eps: Tensor, eps_1: Tensor, r: float) -> Tensor:
    return _first_order(x, t, t_next, torch.lerp(eps, eps_1, 1 / (2 * r)))


def _third_order(
    denoiser: Sampling, x: Tensor, t: float, t_next: float, eps: Tensor, eps_1: Tensor
) -> Tensor:
    r_1, r_2 = 1 / 3, 2 / 3
    h = t_next - t
    t_2 = t + r_2 * h
    sigma_2, sigma_next = math.exp(-t_2), math.exp(-t_next)
    bend = math.expm1(r_2 * h) / (r_2 * h) - 1
    u = _first_order(x, t, t_2, eps) - sigma_2 * (r_2 / r_1) * bend * (eps_1 - eps)
    eps_2 = slope(u, sigma_2, denoiser(u, sigma_2))
    bend = math.expm1(h) / h - 1
    return _first_order(x, t, t_next, eps) - sigma_next / r_2 * bend * (eps_2 - eps)
