"""DPM-Solver++ without a Brownian path.

Source of all: Lu et al. 2022 (DPM-Solver++), in the form of k-diffusion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.sampling.samplers.common import Sampling, ancestral_step, steps, toward


def dpmpp_2s_ancestral(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 1.0, s_noise: float = 1.0
) -> Tensor:
    """The single-step second-order solver (Algorithm 1) with noise put back."""
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        down, scale, up = denoiser.ancestral(sigma, sigma_next, eta)
        if down == 0:
            return denoised
        middle = _middle(denoiser, sigma, down)
        denoised_2 = denoiser(toward(denoised, x, sigma, middle), middle)
        x = toward(denoised_2, x, sigma, down)
        if up > 0:
            x = scale * x + up * s_noise * noise()
    return x


def _middle(denoiser: Sampling, sigma: float, down: float) -> float:
    if denoiser.schedule.is_flow and sigma == 1:
        return 0.9999
    return float(denoiser.sigma_at(denoiser.half_log_snr(torch.tensor([sigma, down])).mean()))


def dpmpp_2s_ancestral_cfg_pp(
    denoiser: Sampling, x: Tensor, sigmas: Sequence[float], *, eta: float = 1.0, s_noise: float = 1.0
) -> Tensor:
    """As `dpmpp_2s_ancestral`, with the noise of the negative conditioning (CFG++)."""
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        denoised, uncond = denoiser.step_both(i, x, sigma)
        down, up = ancestral_step(sigma, sigma_next, eta)
        if down == 0:
            return denoised
        middle = math.sqrt(sigma * down)
        x_2 = toward(denoised, x + (denoised - uncond), sigma, middle)
        denoised_2, uncond = denoiser.both(x_2, middle)
        x = toward(denoised_2, x + (denoised - uncond), sigma, down)
        if up > 0:
            x = x + up * s_noise * noise()
    return x


def dpmpp_2m(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """The multistep second-order solver (Algorithm 2)."""
    old = None
    h_last = 0.0
    for i, sigma, sigma_next in steps(sigmas):
        denoised = denoiser.step(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        mixed = denoised if old is None else torch.lerp(denoised, old, -h / (2 * h_last))
        x = toward(mixed, x, sigma, sigma_next)
        old, h_last = denoised, h
    return x


def dpmpp_2m_cfg_pp(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """As `dpmpp_2m`, with the noise of the negative conditioning (CFG++)."""
    old_uncond = None
    h_last = 0.0
    for i, sigma, sigma_next in steps(sigmas):
        denoised, uncond = denoiser.step_both(i, x, sigma)
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        x = denoised + (sigma_next / sigma) * (x - uncond)
        if old_uncond is not None:
            x = x + (1 - sigma_next / sigma) * h / (2 * h_last) * (denoised - old_uncond)
        old_uncond, h_last = uncond, h
    return x
