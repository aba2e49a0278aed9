"""Samplers that extrapolate from the slopes or denoised latents of earlier steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from core.sampling.samplers.common import (
    Floats,
    Sampling,
    ancestral_step,
    lagrange_integrals,
    slope,
    steps,
    toward,
)

_ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def lms(denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, order: int = 4) -> Tensor:
    """The linear multistep method. Source: Katherine Crowson, k-diffusion."""
    slopes: list[Tensor] = []
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        slopes = [slope(x, sigma, denoised), *slopes[: order - 1]]
        nodes = [sigmas[i - k] for k in range(len(slopes))]
        x = x + _weighted(lagrange_integrals(nodes, sigma, sigma_next), slopes)
    return x


def ipndm(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Adams-Bashforth with the coefficients of even steps. Source: Zhang and Chen 2022 (DEIS), iPNDM."""
    slopes: list[Tensor] = []
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        slopes = [slope(x, sigma, denoised), *slopes[:3]]
        x = x + (sigma_next - sigma) * _weighted(_ADAMS_BASHFORTH[len(slopes) - 1], slopes)
    return x


def ipndm_v(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Adams-Bashforth with coefficients for uneven steps. Source: Zhou et al. 2023 (AMED), iPNDM-v."""
    slopes: list[Tensor] = []
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        slopes = [slope(x, sigma, denoised), *slopes[:3]]
        widths = [sigma_next - sigma, *(sigmas[i - k] - sigmas[i - k - 1] for k in range(len(slopes) - 1))]
        x = x + (sigma_next - sigma) * _weighted(_uneven(widths), slopes)
    return x


def _uneven(widths: Sequence[float]) -> list[float]:
    """Weights of the slopes for the widths of this step and the ones before, newest first."""
    if len(widths) == 1:
        return [1.0]
    h, h_1 = widths[0], widths[1]
    weights = [1 + h / h_1 / 2, -h / h_1 / 2]
    if len(widths) > 2:
        h_2 = widths[2]
        third = (1 - h / (3 * (h + h_1)) * (h * (h + h_1)) / (h_1 * (h_1 + h_2))) / 2
        weights = [weights[0] + third, weights[1] - (1 + h_1 / h_2) * third, third * h_1 / h_2]
    if len(widths) > 3:
        h_2, h_3 = widths[2], widths[3]
        share = (1 - h / (3 * (h + h_1))) / 2 + (1 - h / (2 * (h + h_1))) * h / (6 * (h + h_1 + h_2))
        fourth = share * (h * (h + h_1) * (h + h_1 + h_2)) / (h_1 * (h_1 + h_2) * (h_1 + h_2 + h_3))
        ratio = h_1 * (h_1 + h_2) / (h_2 * (h_2 + h_3))
        weights = [
            weights[0] + fourth,
            weights[1] - (1 + h_1 / h_2 + ratio) * fourth,
            weights[2] + (h_1 / h_2 + ratio * (1 + h_2 / h_3)) * fourth,
            -fourth * ratio * h_1 / h_2,
        ]
    return weights


def deis(denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, order: int = 3) -> Tensor:
    """Exponential integration with polynomials in the time of the variance-preserving process.

    Source: Zhang and Chen 2022 (DEIS), tAB-DEIS.
    """
    times = [_vp_time(sigma) for sigma in sigmas]
    slopes: list[Tensor] = []
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        slopes = [slope(x, sigma, denoised), *slopes[: order - 1]]
        nodes = [times[i - k] for k in range(len(slopes))]
        x = x + _weighted(lagrange_integrals(nodes, times[i], times[i + 1], _vp_sigma_slope), slopes)
    return x


# Betas at both ends of the process that runs from sigma 0.002 at time 0.001 to 80 at time 1.
_LOW, _HIGH = math.log(0.002**2 + 1), math.log(80**2 + 1)
_BETA_RISE = 2 * (_LOW / 1e-3 - _HIGH) / (1e-3 - 1)
_BETA_START = _HIGH - _BETA_RISE / 2


def _vp_time(sigma: float) -> float:
    """Source: Karras et al. 2022, Table 1 (VP), solved for time."""
    return (math.sqrt(_BETA_START**2 + 2 * _BETA_RISE * math.log(sigma**2 + 1)) - _BETA_START) / _BETA_RISE


def _vp_sigma_slope(t: Floats) -> Floats:
    growth = np.exp(_BETA_RISE * t**2 / 2 + _BETA_START * t)
    return (_BETA_RISE * t + _BETA_START) * growth / (2 * np.sqrt(growth - 1))


def _weighted(weights: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + weight * value
    return total


def res_multistep(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 0.0, s_noise: float = 1.0
) -> Tensor:
    """The second-order exponential multistep method. Source: Zhang et al. 2023 (RES), Algorithm 2."""
    noise = denoiser.noise(x)
    old = None
    old_down = 0.0
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        down, up = ancestral_step(sigma, sigma_next, eta)
        if down == 0:
            return denoised
        if old is None:
            x = toward(denoised, x, sigma, down)
        else:
            b_1, b_2 = _res_weights(sigmas[i - 1], sigma, old_down, down)
            x = (down / sigma) * x + b_1 * denoised + b_2 * old
        if up > 0:
            x = x + up * s_noise * noise()
        old, old_down = denoised, down
    return x


def res_multistep_cfg_pp(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 0.0, s_noise: float = 1.0
) -> Tensor:
    """As `res_multistep`, with the noise of the negative conditioning (CFG++)."""
    noise = denoiser.noise(x)
    old = None
    old_down = 0.0
    for i, sigma, sigma_next in steps(sigmas):
        denoised, uncond = denoiser.step_both(i, x, sigma)
        down, up = ancestral_step(sigma, sigma_next, eta)
        if down == 0:
            return denoised
        if old is None:
            x = denoised + down * slope(x, sigma, uncond)
        else:
            b_1, b_2 = _res_weights(sigmas[i - 1], sigma, old_down, down)
            x = (down / sigma) * (x + (denoised - uncond)) + b_1 * uncond + b_2 * old
        if up > 0:
            x = x + up * s_noise * noise()
        old, old_down = uncond, down
    return x


def _res_weights(sigma_before: float, sigma: float, old_down: float, down: float) -> tuple[float, float]:
    """Weights of the new and the old denoised latent."""
    h = math.log(sigma / down)
    c_2 = math.log(old_down / sigma_before) / h
    phi_1 = -math.expm1(-h) / h
    phi_2 = (1 - phi_1) / h
    return h * (phi_1 - phi_2 / c_2), h * phi_2 / c_2


def gradient_estimation(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, gamma: float = 2.0
) -> Tensor:
    """Euler's method on a slope that overshoots its last change.

    Source: Permenter and Yuan 2023, Algorithm 3.
    """
    old = None
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        d = slope(x, sigma, denoised)
        x = x + d * (sigma_next - sigma)
        if old is not None:
            x = x + (gamma - 1) * (sigma_next - sigma) * (d - old)
        old = d
    return x


def gradient_estimation_cfg_pp(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, gamma: float = 2.0
) -> Tensor:
    """As `gradient_estimation`, with the noise of the negative conditioning (CFG++)."""
    old = None
    for i, sigma, sigma_next in steps(sigmas):
        denoised, uncond = denoiser.step_both(i, x, sigma)
        if sigma_next == 0:
            return denoised
        d = slope(x, sigma, uncond)
        x = denoised + d * sigma_next
        if old is not None:
            x = x + (gamma - 1) * (sigma_next - sigma) * (d - old)
        old = d
    return x
