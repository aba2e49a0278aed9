"""Denoisers as values that nodes pass on, and as predictors while they are resident."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from core.models.architecture import Architecture
from core.models.assemble import never
from core.models.cache import Handle
from core.models.files import Check
from core.models.memory import HOST
from core.models.packed import keep_packed
from core.models.patches import Patch
from core.sampling.interface import Cond, Request
from core.sampling.latent_format import LatentFormat
from core.sampling.schedule import Schedule


@dataclass(frozen=True, slots=True)
class DiffusionModel:
    """A denoiser, light to copy and never changed; its weights are shared and may be anywhere.

    Attributes:
        weights: Where the network comes from.
        architecture: What the network is.
        schedule: Sigmas, timesteps and prediction type it is used with.
    """

    weights: Handle[nn.Module]
    architecture: Architecture
    schedule: Schedule

    @property
    def latent_format(self) -> LatentFormat:
        """Channels and scale of its latents."""
        return self.architecture.latent_format

    def with_schedule(self, schedule: Schedule) -> DiffusionModel:
        """The same network used with another schedule."""
        return replace(self, schedule=schedule)

    def patched(self, patch: Patch) -> DiffusionModel:
        """The same network with some weights changed."""
        return replace(self, weights=self.weights.patched(patch))

    @contextmanager
    def resident(self, check: Check = never) -> Generator[ResidentModel]:
        """The model ready to predict; its weights stay on the compute device until the block ends.

        Args:
            check: Called while weights are read; may raise `Cancelled`.
        """
        with self.weights.resident(check) as network:
            keep_packed(network, partial(self.weights.cache.room, HOST))
            yield ResidentModel(network, self.architecture, self.schedule)


@dataclass(frozen=True, slots=True)
class ResidentModel:
    """A denoiser whose weights are in place: the `Predictor` that guidance and samplers ask."""

    network: nn.Module
    architecture: Architecture
    schedule: Schedule

    @property
    def latent_format(self) -> LatentFormat:
        """Channels and scale of its latents."""
        return self.architecture.latent_format

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.network.parameters()).device

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        """The network inputs that one conditioning entry stands for, on the device of `request.noise`."""
        return self.architecture.inputs(cond, request)

    def denoise(self, x: Tensor, sigma: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        """The denoised estimate of x [B,C,h,w] at noise level sigma [B]; float32, on the device of x."""
        weight = next(self.network.parameters())
        ready = {
            name: _batch(value, len(x)).to(weight.device, weight.dtype) for name, value in inputs.items()
        }
        shown = self.schedule.scale_input(sigma, x).to(weight.device, weight.dtype)
        timestep = self.schedule.timestep(sigma).to(weight.device).expand(len(x))
        with torch.no_grad():
            output = self.architecture.forward(self.network, shown, timestep, ready)
        return self.schedule.denoised(sigma, output.to(x.device, torch.float32), x)


def _batch(value: Tensor, size: int) -> Tensor:
    return value.expand(size, *value.shape[1:]) if len(value) == 1 else value
