"""What a family of denoisers says of itself: a new one is one module and a line in `detect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from core.errors import WeightsMismatch
from core.models.files import Tensors
from core.sampling.interface import Cond, Request
from core.sampling.latent_format import LatentFormat
from core.sampling.schedule import Schedule


class Architecture(Protocol):
    """One denoiser as a file describes it: every size read off its tensors."""

    @property
    def name(self) -> str:
        """Which network, as `sdxl` or `sd15_inpaint`; its text encoders are looked up by it."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Sigmas, timesteps and prediction type it was trained with."""
        ...

    @property
    def latent_format(self) -> LatentFormat:
        """Channels and scale of its latents."""
        ...

    def build(self) -> nn.Module:
        """The network without values; called under `torch.device("meta")`."""
        ...

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of the network."""
        ...

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        """The network inputs that one conditioning entry stands for."""
        ...

    def forward(
        self, network: nn.Module, x: Tensor, timestep: Tensor, inputs: Mapping[str, Tensor]
    ) -> Tensor:
        """The raw prediction for scaled latents [B,C,h,w] and the timesteps [B] of the network."""
        ...


def shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    """The shape of a tensor the network cannot do without.

    Raises:
        WeightsMismatch: It is not there.
    """
    if name not in tensors:
        raise WeightsMismatch(f"the tensor {name} is missing: the file is incomplete, download it again")
    return tuple(tensors[name].shape)


def matrix(tensors: Tensors, name: str) -> tuple[int, int]:
    """The shape of a matrix the network cannot do without.

    Raises:
        WeightsMismatch: It is not there, or no matrix.
    """
    sides = shape(tensors, name)
    if len(sides) != 2 or 0 in sides:
        raise WeightsMismatch(f"the tensor {name} has the shape {sides}, a matrix is needed")
    return sides


def count(tensors: Tensors, prefix: str) -> int:
    """How many numbered parts `prefix` has: the `0`, `1`, ... that follow it."""
    numbers = {name[len(prefix) :].split(".", 1)[0] for name in tensors if name.startswith(prefix)}
    return len({number for number in numbers if number.isdigit()})
