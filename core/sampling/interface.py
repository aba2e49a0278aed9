"""What guidance needs to know of a conditioning and of a network. Network families implement `Predictor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from torch import Tensor

from core.sampling.latent_format import LatentFormat
from core.sampling.schedule import Schedule


class Area(NamedTuple):
    """A rectangle of the latent, in latent cells."""

    height: int
    width: int
    y: int
    x: int


@dataclass(frozen=True, slots=True)
class Cond:
    """One text embedding and where, when and how strongly it counts.

    Attributes:
        embedding: [B,T,D].
        pooled: [B,P], for networks that read one.
        area: The part of the picture it is about; None for all of it.
        area_share: The same as shares of the height, width, height, width; turned into `area` when the size
            is known.
        strength: Weight where several overlap.
        mask: [B,H,W] of 0..1 in any size; multiplies the weight.
        mask_strength: Multiplies the mask.
        mask_bounds: Run on the bounding box of the mask only.
        start: Share of the schedule at which it begins to count, 0..1.
        end: Share of the schedule at which it stops.
        options: What only some networks read: `width`, `height`, `crop_w`, `crop_h`, `target_width`,
            `target_height`, `aesthetic_score`, `guidance`, `concat_latent_image`, `concat_mask`, ...
    """

    embedding: Tensor
    pooled: Tensor | None = None
    area: Area | None = None
    area_share: tuple[float, float, float, float] | None = None
    strength: float = 1.0
    mask: Tensor | None = None
    mask_strength: float = 1.0
    mask_bounds: bool = False
    start: float = 0.0
    end: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


Conditioning: TypeAlias = list[Cond]


@dataclass(frozen=True, slots=True)
class Request:
    """What a network may look at when it prepares its inputs from one `Cond`.

    Attributes:
        noise: The starting noise, [B,C,h,w]; its shape is the latent's.
        latent: The latent being changed, in the network's units, [B,C,h,w].
        noise_mask: Where it may change, [B,1,h,w]; None for everywhere.
        positive: Whether the entry is a positive one (the refiner's default score depends on it).
    """

    noise: Tensor
    latent: Tensor
    noise_mask: Tensor | None
    positive: bool


class Predictor(Protocol):
    """A resident network together with its prediction type: the one thing guidance and samplers ask.

    Network inputs are tensors by name, batch 1 or B each:

    - `context` [B,T,D], for cross attention, where repeating a text changes nothing: token counts that differ
      are repeated to their least common multiple before batching;
    - `tokens` [B,T,D], for joint attention with the picture: never repeated;
    - `vector` [B,V], `guidance` [B];
    - `concat` [B,C,h,w]: spatial, cropped with the area.
    """

    @property
    def schedule(self) -> Schedule:
        """Sigmas, timesteps and the prediction type."""
        ...

    @property
    def latent_format(self) -> LatentFormat:
        """Channels and scale of its latents."""
        ...

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        """The network inputs that one conditioning entry stands for, on the device of `request.noise`."""
        ...

    def denoise(self, x: Tensor, sigma: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        """The denoised (x0) estimate of x [B,C,h,w] at noise level sigma [B]; float32 in and out."""
        ...


OnStep: TypeAlias = Callable[[int, int, Tensor, Tensor], None]
"""Called after each step with (index from 0, number of steps, denoised, x), in the network's latent units.

May raise `Cancelled`.
"""
