"""DPM-Solver++ for the stochastic equation, with noise from one Brownian path.

Source of all: Lu et al. 2022 (DPM-Solver++), Section 6, in the form of k-diffusion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from core.sampling.samplers.common import Sampling, added_noise, ancestral_step, decayed, steps


def dpmpp_sde(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_device: bool = False,
) -> Tensor:
    """The single-step second-order solver, stochastic at both of its evaluations."""
    noise = denoiser.brownian(x, sigmas, on_device)
    for i, sigma, sigma_next in steps(denoiser.with_finite_snr(sigmas)):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        middle = _middle(denoiser, sigma, sigma_next)
        x_2 = _ancestral_move(denoiser, denoised, x, sigma, middle, eta)
        x_2 = x_2 + _up(denoiser, sigma, middle, eta) * s_noise * noise(sigma, middle)
        denoised_2 = denoiser(x_2, middle)
        x = _ancestral_move(denoiser, denoised_2, x, sigma, sigma_next, eta)
        x = x + _up(denoiser, sigma, sigma_next, eta) * s_noise * noise(sigma, sigma_next)
    return x


def _middle(denoiser: Sampling, sigma: float, sigma_next: float) -> float:
    """Halfway in lambda, rounded at every operation: a Brownian path tells neighbouring levels apart."""
    start, end = denoiser.half_log_snr(torch.tensor([sigma, sigma_next]))
    return float(denoiser.sigma_at(start + 0.5 * (end - start)))


def _ancestral_move(
    denoiser: Sampling, denoised: Tensor, x: Tensor, sigma: float, target: float, eta: float
) -> Tensor:
    """x taken below the target level, along the line to the denoised latent."""
    alpha, alpha_target = denoiser.alpha(sigma), denoiser.alpha(target)
    down, _ = ancestral_step(sigma / alpha, target / alpha_target, eta)
    ratio = down / (sigma / alpha)
    return (alpha_target / alpha * ratio) * x + (alpha_target * (1 - ratio)) * denoised


def _up(denoiser: Sampling, sigma: float, target: float, eta: float) -> float:
    alpha_target = denoiser.alpha(target)
    return alpha_target * ancestral_step(sigma / denoiser.alpha(sigma), target / alpha_target, eta)[1]


def dpmpp_2m_sde(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver: Literal["midpoint", "heun"] = "midpoint",
    on_device: bool = False,
) -> Tensor:
    """The multistep second-order solver."""
    noise = denoiser.brownian(x, sigmas, on_device)
    levels = denoiser.with_finite_snr(sigmas)
    lambdas = denoiser.lambdas(levels)
    old = None
    h_last = 0.0
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = lambdas[i + 1] - lambdas[i]
        alpha = denoiser.alpha(sigma_next)
        x = decayed(denoiser, x, denoised, sigma, sigma_next, h, eta)
        if old is not None:
            gain = -math.expm1(-h * (eta + 1))
            weight = gain / 2 if solver == "midpoint" else 1 - gain / (h * (eta + 1))
            x = x + alpha * weight * (h / h_last) * (denoised - old)
        x = x + sigma_next * added_noise(h, eta) * s_noise * noise(sigma, sigma_next)
        old, h_last = denoised, h
    return x


def dpmpp_3m_sde(
    denoiser: Sampling,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_device: bool = False,
) -> Tensor:
    """The multistep third-order solver."""
    noise = denoiser.brownian(x, sigmas, on_device)
    levels = denoiser.with_finite_snr(sigmas)
    lambdas = denoiser.lambdas(levels)
    past: list[tuple[Tensor, float]] = []
    for i, sigma, sigma_next in steps(levels):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = lambdas[i + 1] - lambdas[i]
        alpha = denoiser.alpha(sigma_next)
        x = decayed(denoiser, x, denoised, sigma, sigma_next, h, eta)
        phi_2 = math.expm1(-h * (eta + 1)) / (h * (eta + 1)) + 1
        if len(past) == 2:
            (denoised_1, h_1), (denoised_2, h_2) = past
            r_0, r_1 = h_1 / h, h_2 / h
            d_0, d_1 = (denoised - denoised_1) / r_0, (denoised_1 - denoised_2) / r_1
            bend = (d_0 - d_1) / (r_0 + r_1)
            phi_3 = phi_2 / (h * (eta + 1)) - 0.5
            x = x + alpha * phi_2 * (d_0 + bend * r_0) - alpha * phi_3 * bend
        elif past:
            denoised_1, h_1 = past[0]
            x = x + alpha * phi_2 * (h / h_1) * (denoised - denoised_1)
        x = x + sigma_next * added_noise(h, eta) * s_noise * noise(sigma, sigma_next)
        past = [(denoised, h), *past[:1]]
    return x
