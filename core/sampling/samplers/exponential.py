"""Stochastic samplers, exponential in lambda, with independent noise: SEEDS, ER-SDE and SA-Solver."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.sampling.samplers.common import Floats, Sampling, added_noise, decayed, lagrange_integrals, steps


def seeds_2(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Tensor:
    """Two evaluations a step. Source: Gonzalez et al. 2023 (SEEDS), Algorithm 2, for data prediction."""
    noise = denoiser.noise(x)
    levels = denoiser.with_finite_snr(sigmas)
    lambdas = denoiser.lambdas(levels)
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = lambdas[i + 1] - lambdas[i]
        sigma_1 = _level(denoiser, lambdas[i] + r * h)
        drift = noise() * added_noise(r * h, eta)
        x_2 = decayed(denoiser, x, denoised, sigma, sigma_1, r * h, eta) + sigma_1 * s_noise * drift
        denoised_2 = denoiser(x_2, sigma_1)
        drift = _carried(drift, noise(), (1 - r) * h, eta)
        mixed = torch.lerp(denoised, denoised_2, 1 / (2 * r))
        x = decayed(denoiser, x, mixed, sigma, sigma_next, h, eta) + sigma_next * s_noise * drift
    return x


def seeds_3(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r_1: float = 1 / 3,
    r_2: float = 2 / 3,
) -> Tensor:
    """Three evaluations a step. Source: Gonzalez et al. 2023 (SEEDS), Algorithm 3, for data prediction."""
    noise = denoiser.noise(x)
    levels = denoiser.with_finite_snr(sigmas)
    lambdas = denoiser.lambdas(levels)
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = lambdas[i + 1] - lambdas[i]
        sigma_1, sigma_2 = (_level(denoiser, lambdas[i] + r * h) for r in (r_1, r_2))
        drift = noise() * added_noise(r_1 * h, eta)
        x_2 = decayed(denoiser, x, denoised, sigma, sigma_1, r_1 * h, eta) + sigma_1 * s_noise * drift
        denoised_2 = denoiser(x_2, sigma_1)
        drift = _carried(drift, noise(), (r_2 - r_1) * h, eta)
        x_3 = decayed(denoiser, x, denoised, sigma, sigma_2, r_2 * h, eta) + sigma_2 * s_noise * drift
        bend = _phi_2(r_2 * h * (eta + 1)) * r_2 / r_1
        x_3 = x_3 + denoiser.alpha(sigma_2) * bend * (denoised_2 - denoised)
        denoised_3 = denoiser(x_3, sigma_2)
        drift = _carried(drift, noise(), (1 - r_2) * h, eta)
        x = decayed(denoiser, x, denoised, sigma, sigma_next, h, eta) + sigma_next * s_noise * drift
        bend = _phi_2(h * (eta + 1)) / r_2
        x = x + denoiser.alpha(sigma_next) * bend * (denoised_3 - denoised)
    return x


def _level(denoiser: Sampling, half_log_snr: float) -> float:
    return float(denoiser.sigma_at(torch.tensor(half_log_snr)))


def _phi_2(h: float) -> float:
    return 1 + math.expm1(-h) / h


def _carried(drift: Tensor, draw: Tensor, h: float, eta: float) -> Tensor:
    """The noise so far, faded over a further stretch h, with that stretch's own."""
    return math.exp(-h * eta) * drift + added_noise(h, eta) * draw


def er_sde(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, s_noise: float = 1.0, max_stage: int = 3
) -> Tensor:
    """The extended reverse-time stochastic equation. Source: Cui et al. 2023 (ER-SDE), Algorithms 3 to 5."""
    noise = denoiser.noise(x)
    levels = denoiser.with_finite_snr(sigmas)
    ratios = [math.exp(-half_log_snr) for half_log_snr in denoiser.lambdas(levels)]
    old = old_slope = None
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        start, end = ratios[i], ratios[i + 1]
        alpha, alpha_next = denoiser.alpha(sigma), denoiser.alpha(sigma_next)
        kept = _er_scale(end) / _er_scale(start)
        x = (alpha_next / alpha * kept) * x + alpha_next * (1 - kept) * denoised
        first, second = _er_integrals(start, end)
        if old is not None and max_stage > 1:
            d = (denoised - old) / (start - ratios[i - 1])
            x = x + alpha_next * (end - start + first) * d
            if old_slope is not None and max_stage > 2:
                bend = (d - old_slope) / ((start - ratios[i - 2]) / 2)
                x = x + alpha_next * ((end - start) ** 2 / 2 + second) * bend
            old_slope = d
        strength = max(end**2 - (start * kept) ** 2, 0.0) ** 0.5
        x = x + alpha_next * strength * s_noise * noise()
        old = denoised
    return x


def _er_scale(ratio: float) -> float:
    return ratio * (math.exp(ratio**0.3) + 10)


def _er_integrals(start: float, end: float, points: int = 200) -> tuple[float, float]:
    """The integrals of 1/scale, and of (ratio - start)/scale, over a step, as sums from the lower end."""
    width = (start - end) / points
    ratio: Floats = end + np.arange(points, dtype=np.float64) * width
    weight = width * _er_scale(end) / (ratio * (np.exp(ratio**0.3) + 10))
    return float(weight.sum()), float(((ratio - start) * weight).sum())


def sa_solver(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    pece: bool = False,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
) -> Tensor:
    """Stochastic Adams, predicting and correcting; with `pece` evaluated again after the correction.

    Source: Xue et al. 2023 (SA-Solver), Algorithm 1. Noise is added in the middle of the schedule only.
    """
    noise = denoiser.noise(x)
    levels = denoiser.with_finite_snr(sigmas)
    lambdas = denoiser.lambdas(levels)
    upper, lower = (denoiser.schedule.percent_to_sigma(percent) for percent in (0.2, 0.8))
    last = len(levels) - 1
    ends_clean = levels[-1] == 0
    outputs: list[Tensor] = []
    tau, added = 0.0, None
    corrected = x
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        outputs = [*outputs[-(max(predictor_order, corrector_order) - 1) :], denoised]
        if i > 0 and (sigma_next > 0 or pece):
            order = min(corrector_order, len(outputs), last - i if ends_clean else last)
            corrected = _adams(denoiser, corrected, outputs[-order:], levels, lambdas, i, i, tau)
            if added is not None:
                corrected = corrected + added
            if pece:
                denoised = denoiser(corrected, sigma)
                outputs[-1] = denoised
        else:
            corrected = x
        if sigma_next == 0:
            return denoised
        tau = 1.0 if lower <= sigma_next <= upper else 0.0
        order = min(predictor_order, len(outputs), last - 1 - i if ends_clean else last)
        x = _adams(denoiser, corrected, outputs[-order:], levels, lambdas, i, i + 1, tau)
        added = None
        if tau > 0:
            added = sigma_next * added_noise(lambdas[i + 1] - lambdas[i], tau**2) * s_noise * noise()
            x = x + added
    return x


def _adams(
    denoiser: Sampling,
    x: Tensor,
    outputs: Sequence[Tensor],
    levels: Sequence[float],
    lambdas: Sequence[float],
    newest: int,
    target: int,
    tau: float,
) -> Tensor:
    """x at level `target` from the one before, by the polynomial through the outputs up to level `newest`."""
    start, end = lambdas[target - 1], lambdas[target]
    rate = 1 + tau**2

    def decay(t: Floats) -> Floats:
        return rate * np.exp(rate * (t - end))

    nodes = lambdas[newest + 1 - len(outputs) : newest + 1]
    weights = lagrange_integrals(nodes, start, end, decay)
    x = levels[target] / levels[target - 1] * math.exp(-(tau**2) * (end - start)) * x
    for weight, output in zip(weights, outputs, strict=True):
        x = x + denoiser.alpha(levels[target]) * weight * output
    return x
