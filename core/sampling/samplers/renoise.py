"""Samplers that put fresh noise on the denoised latent at every step."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from core.sampling.samplers.common import Sampling, slope, steps


def lcm(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """The denoised latent, noised to the next level. Source: Luo et al. 2023 (LCM), Algorithm 3."""
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        x = denoiser.step(i, x, sigma)
        if sigma_next > 0:
            x = denoiser.schedule.noised(x.new_full((1,), sigma_next), noise(), x)
    return x


def ddpm(denoiser: Sampling, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """The ancestral process itself. Source: Ho et al. 2020 (DDPM), Algorithm 2."""
    noise = denoiser.noise(x)
    for i, sigma, sigma_next in steps(sigmas):
        eps = slope(x, sigma, denoiser.step(i, x, sigma))
        bar, bar_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        alpha = bar / bar_next
        # The process is stated for latents of constant size; x grows with the noise.
        mean = (x * bar**0.5 - (1 - alpha) / (1 - bar) ** 0.5 * eps) / alpha**0.5
        if sigma_next == 0:
            return mean
        x = (mean + ((1 - alpha) * (1 - bar_next) / (1 - bar)) ** 0.5 * noise()) / bar_next**0.5
    return x
