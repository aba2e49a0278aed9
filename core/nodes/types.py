"""The socket types of ComfyUI's language, for use in annotations of nodes. None of them imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypeAlias, TypedDict

from core.nodes.spec import AfterRun, Range

if TYPE_CHECKING:
    from torch import Tensor

    from core.models.clip_vision import EncodedImages, ImageEncoder
    from core.models.diffusion import DiffusionModel
    from core.models.text.encoder import TextEncoder
    from core.models.vae import Vae as VaeModel
    from core.sampling.interface import Cond
else:
    # Annotations are evaluated when a node is declared, long before torch is wanted.
    Tensor = DiffusionModel = TextEncoder = VaeModel = Cond = ImageEncoder = EncodedImages = object


@dataclass(frozen=True, slots=True)
class Socket:
    """Marks a type as a socket and gives its name on the wire."""

    name: str


class LatentDict(TypedDict):
    """A latent on its way between nodes, in VAE units (not scaled by the latent format).

    Attributes:
        samples: [B,C,h,w].
        noise_mask: [B,1,H,W] or [B,H,W] of 0..1 in any size: where sampling may change it.
        batch_index: For each item, which of the seed's noises it gets.
    """

    samples: Tensor
    noise_mask: NotRequired[Tensor]
    batch_index: NotRequired[list[int]]


Image: TypeAlias = Annotated[Tensor, Socket("IMAGE")]
"""[B,H,W,C] float32 in 0..1."""
Mask: TypeAlias = Annotated[Tensor, Socket("MASK")]
"""[B,H,W] float32 in 0..1."""
Latent: TypeAlias = Annotated[LatentDict, Socket("LATENT")]
Conditioning: TypeAlias = Annotated[list[Cond], Socket("CONDITIONING")]
Model: TypeAlias = Annotated[DiffusionModel, Socket("MODEL")]
Clip: TypeAlias = Annotated[TextEncoder, Socket("CLIP")]
Vae: TypeAlias = Annotated[VaeModel, Socket("VAE")]
ClipVision: TypeAlias = Annotated[ImageEncoder, Socket("CLIP_VISION")]
ClipVisionOutput: TypeAlias = Annotated[EncodedImages, Socket("CLIP_VISION_OUTPUT")]
AnyValue: TypeAlias = Annotated[Any, Socket("*")]
Seed: TypeAlias = Annotated[int, Range(0, 2**64 - 1), AfterRun()]
