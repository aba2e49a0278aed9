"""Samplers of one or two slopes a step: Euler, Heun, the midpoint method, and their ancestral forms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from core.sampling.samplers.common import Sampling, ancestral_step, slope, steps, toward


def euler(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 0.0, s_noise: float = 1.0
) -> Tensor:
    """Euler's method; with eta above 0 the ancestral form.

    Source: Karras et al. 2022, Algorithm 2 without the second order; k-diffusion for the ancestral form.
    """
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        down, scale, up = denoiser.ancestral(sigma, sigma_next, eta)
        x = toward(denoised, x, sigma, down)
        if up > 0:
            x = scale * x + up * s_noise * noise()
    return x


def euler_cfg_pp(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 0.0, s_noise: float = 1.0
) -> Tensor:
    """Euler's method whose noise is that of the negative conditioning.

    Source: Chung et al. 2024 (CFG++), Algorithm 2; the stochastic form is DDIM's.
    """
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        denoised, uncond = denoiser.step_both(i, x, sigma)
        if sigma_next == 0:
            return denoised
        alpha, alpha_next = denoiser.alpha(sigma), denoiser.alpha(sigma_next)
        d = slope(x, sigma, alpha * uncond)
        ratio = sigma / alpha if alpha > 0 else math.inf
        down, up = ancestral_step(ratio, sigma_next / alpha_next, eta)
        x = alpha_next * denoised + alpha_next * down * d
        if up > 0:
            x = x + alpha_next * up * s_noise * noise()
    return x


def heun(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Heun's method. Source: Karras et al. 2022, Algorithm 1."""
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        x_2 = toward(denoised, x, sigma, sigma_next)
        if sigma_next == 0:
            return x_2
        d = slope(x, sigma, denoised)
        d_2 = slope(x_2, sigma_next, denoiser(x_2, sigma_next))
        x = x + (d + d_2) / 2 * (sigma_next - sigma)
    return x


def heunpp2(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Heun's method with up to three slopes, weighted by their noise levels.

    Source: Lu et al. 2023 (UniPC's comparison code), Heun++.
    """
    last = sigmas[-1]
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        x_2 = toward(denoised, x, sigma, sigma_next)
        if sigma_next == last:
            return x_2
        d = slope(x, sigma, denoised)
        d_2 = slope(x_2, sigma_next, denoiser(x_2, sigma_next))
        sigma_after = sigmas[i + 2]
        if sigma_after == last:
            w_2 = sigma_next / (2 * sigmas[0])
            d = (1 - w_2) * d + w_2 * d_2
        else:
            x_3 = x_2 + d_2 * (sigma_after - sigma_next)
            d_3 = slope(x_3, sigma_after, denoiser(x_3, sigma_after))
            w_2, w_3 = sigma_next / (3 * sigmas[0]), sigma_after / (3 * sigmas[0])
            d = (1 - w_2 - w_3) * d + w_2 * d_2 + w_3 * d_3
        x = x + d * (sigma_next - sigma)
    return x


def dpm_2(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 0.0, s_noise: float = 1.0
) -> Tensor:
    """The midpoint method in log sigma; with eta above 0 the ancestral form.

    Source: Karras et al. 2022, Algorithm 2 with the midpoint of Lu et al. 2022 (DPM-Solver-2).
    """
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        down, scale, up = denoiser.ancestral(sigma, sigma_next, eta)
        if down == 0:
            return denoised
        middle = math.sqrt(sigma * down)
        x_2 = toward(denoised, x, sigma, middle)
        x = x + slope(x_2, middle, denoiser(x_2, middle)) * (down - sigma)
        if up > 0:
            x = scale * x + up * s_noise * noise()
    return x
