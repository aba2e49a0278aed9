"""Runs a sampler on a latent: from the units of the nodes into the network's, through the steps, and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.sampling.guidance import Cfg, Check, Guider
from core.sampling.interface import Conditioning, OnStep, Predictor
from core.sampling.latent_format import LatentFormat
from core.sampling.noise import starting_noise
from core.sampling.regions import repeated, resized_mask
from core.sampling.samplers import GuidedDenoiser, Sampling, sampler_named
from core.sampling.schedule import Schedule
from core.sampling.sigmas import sigmas as chosen_sigmas


def ksampler(
    predictor: Predictor,
    positive: Conditioning,
    negative: Conditioning,
    *,
    seed: int,
    steps: int,
    cfg: float,
    sampler: str,
    scheduler: str,
    latent: Tensor,
    noise_mask: Tensor | None = None,
    batch_index: Sequence[int] | None = None,
    denoise: float = 1.0,
    add_noise: bool = True,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
    device: torch.device | str = "cpu",
    on_step: OnStep | None = None,
    check: Check | None = None,
) -> Tensor:
    """A latent sampled from seeded noise, on the device of `latent`.

    Args:
        predictor: The network.
        positive: What the picture shall show.
        negative: What it shall not show.
        seed: Of the starting noise and of the noise added on the way.
        steps: Steps of the whole schedule.
        cfg: Guidance scale.
        sampler: One of `sampler_names()`.
        scheduler: One of `scheduler_names()`.
        latent: [B,C,h,w] in the autoencoder's units. All zeros is an empty latent; its channels are adapted.
        noise_mask: [B,H,W] of 0..1 in any size: where the latent may change.
        batch_index: For each item, which draw of noise it takes.
        denoise: Share of the schedule to run; 0 returns the latent as it is.
        add_noise: False continues a latent that carries noise already.
        start_step: Steps to leave out at the start.
        last_step: Step at which to stop.
        force_full_denoise: Remove all noise in the last step that is run.
        device: Where to compute.
        on_step: Called after each step.
        check: Called before every network call.

    Raises:
        ValueError: A name or number that makes no sense, or a latent that does not fit the network.
    """
    latent = fitted(latent, predictor.latent_format)
    levels = chosen_sigmas(predictor.schedule, scheduler, steps, denoise, sampler)
    if last_step is not None and last_step < len(levels) - 1:
        levels = levels[: last_step + 1]
        if force_full_denoise:
            levels = torch.cat([levels[:-1], levels.new_zeros(1)])
    levels = levels[start_step or 0 :]
    noise = starting_noise(latent.shape, seed, batch_index) if add_noise else torch.zeros(latent.shape)
    result = sample(
        Cfg(predictor, positive, negative, cfg),
        sampler=sampler,
        sigmas=levels,
        noise=noise.to(device),
        latent=latent,
        noise_mask=noise_mask,
        seed=seed,
        on_step=on_step,
        check=check,
    )
    return result.to(latent.device)


def sample(
    guider: Guider,
    *,
    sampler: str,
    sigmas: Tensor,
    noise: Tensor,
    latent: Tensor,
    noise_mask: Tensor | None = None,
    seed: int = 0,
    on_step: OnStep | None = None,
    check: Check | None = None,
) -> Tensor:
    """The latent after the sampler has gone through the sigmas, float32 on the device of `noise`.

    Args:
        guider: Network and conditionings.
        sampler: One of `sampler_names()`.
        sigmas: Noise levels, highest first. With less than two the latent is returned as it is.
        noise: Standard normal [B,C,h,w], or zeros for a latent that carries its noise already.
        latent: [B,C,h,w] in the autoencoder's units.
        noise_mask: [B,H,W] of 0..1 in any size: where the latent may change.
        seed: Of the noise added on the way.
        on_step: Called after each step.
        check: Called before every network call.

    Raises:
        ValueError: An unknown sampler, sigmas that rise or are no numbers, or a latent that does not fit.
    """
    levels = _valid_levels(sigmas)
    run = sampler_named(sampler)
    predictor = guider.predictor
    schedule, latent_format = predictor.schedule, predictor.latent_format
    latent = fitted(latent.to(noise.device, torch.float32), latent_format)
    if latent.shape != noise.shape:
        raise ValueError(f"noise of shape {tuple(noise.shape)} for a latent of shape {tuple(latent.shape)}")
    if len(levels) < 2:
        return latent
    if latent.any():
        latent = latent_format.into_model(latent)
    mask = None if noise_mask is None else _fitted_mask(noise_mask.to(noise.device), latent)
    denoiser = guider.denoiser(noise, latent, mask, check)
    if mask is not None:
        other = starting_noise(noise.shape, (seed + 1) % 2**64).to(noise) if sampler == "ddim" else noise
        denoiser = _Inpainting(denoiser, schedule, mask, other, latent)
    x = schedule.noised(noise.new_full((1,), levels[0]), noise, latent, full=schedule.is_full(levels[0]))
    x = run(Sampling(denoiser, schedule, seed, len(levels) - 1, on_step), x, levels)
    return latent_format.out_of_model(schedule.unnoised(noise.new_full((1,), levels[-1]), x))


def fitted(latent: Tensor, latent_format: LatentFormat) -> Tensor:
    """The latent, with the channels of an empty one adapted to the format.

    Raises:
        ValueError: A latent with content has the wrong number of channels.
    """
    if latent_format.dimensions == 3 and latent.ndim == 4:
        latent = latent.unsqueeze(2)
    channels = latent.shape[1]
    if channels == latent_format.channels:
        return latent
    if latent.any():
        raise ValueError(
            f"the latent has {channels} channels, the model works on {latent_format.channels}"
            f" ({latent_format.name}): it was made by an autoencoder of another family"
        )
    return latent.new_zeros(latent.shape[0], latent_format.channels, *latent.shape[2:])


def _valid_levels(sigmas: Tensor) -> list[float]:
    """The levels, each once: between equal levels there is no step to make."""
    levels = [level for level, _ in itertools.groupby(sigmas.float().tolist())]
    for i, level in enumerate(levels):
        if not 0 <= level < math.inf:
            raise ValueError(f"sigmas hold {level}; they must be numbers from 0 up: try another scheduler")
        if i > 0 and level > levels[i - 1]:
            raise ValueError(f"sigmas rise from {levels[i - 1]} to {level}; they must go down")
    return levels


def _fitted_mask(noise_mask: Tensor, latent: Tensor) -> Tensor:
    """The mask as [B,1,h,w], one for each latent."""
    mask = repeated(resized_mask(noise_mask, *latent.shape[-2:]), latent.shape[0])
    return mask.reshape(len(mask), *[1] * (latent.ndim - 3), *mask.shape[-2:])


@dataclass(frozen=True, slots=True)
class _Inpainting:
    """A denoiser that leaves the masked-out part of a latent as it is.

    Attributes:
        denoiser: For the rest.
        schedule: Says how noise is put on the latent.
        mask: 1 where the latent may change, [B,1,h,w].
        noise: What the kept part carries above sigma 0.
        latent: What is kept.
    """

    denoiser: GuidedDenoiser
    schedule: Schedule
    mask: Tensor
    noise: Tensor
    latent: Tensor

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self._kept(self.denoiser(self._shown(x, sigma), sigma))

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        denoised, uncond = self.denoiser.both(self._shown(x, sigma), sigma)
        return self._kept(denoised), uncond

    def _shown(self, x: Tensor, sigma: Tensor) -> Tensor:
        return torch.lerp(self.schedule.noised(sigma, self.noise, self.latent), x, self.mask)

    def _kept(self, denoised: Tensor) -> Tensor:
        return torch.lerp(self.latent, denoised, self.mask)
