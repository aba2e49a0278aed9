"""CLIP's image encoders: what a file holds of them, their networks, and what they make of pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from core.errors import ModelError, UnknownArchitecture, WeightsMismatch
from core.models import detect
from core.models.architecture import count, matrix, shape
from core.models.assemble import never
from core.models.files import Check, Tensors, WeightFile, below
from core.models.text import clip

Resident: TypeAlias = Callable[[Check], AbstractContextManager[nn.Module]]
"""A network on the compute device, held there until the block ends."""

_BATCH: Final = 16  # pictures that are encoded at once
_COLOURS: Final = 3
_LONGEST: Final = 100  # times as long as wide; more would fill the memory when enlarged
_HEAD_WIDTH: Final = 64
_MOST_HEADS: Final = 16
_WIDEST_OF_OPENAI: Final = 1024

_LEVEL: Final = "vision_model."
_PATCHES: Final = "vision_model.embeddings.patch_embedding.weight"
_PATCH_BIAS: Final = "vision_model.embeddings.patch_embedding.bias"
_PLACES: Final = "vision_model.embeddings.position_embedding.weight"
_PLACE_NUMBERS: Final = "vision_model.embeddings.position_ids"
_BLOCKS: Final = "vision_model.encoder.layers."
_PROJECTION: Final = "visual_projection.weight"

_OPEN_CLIP_PREFIX: Final = "visual."
_OPEN_CLIP_MARK: Final = "visual.class_embedding"
_OPEN_CLIP: Final[clip.Renames] = (
    (re.compile(r"^class_embedding$"), "vision_model.embeddings.class_embedding"),
    (re.compile(r"^positional_embedding$"), _PLACES),
    (re.compile(r"^conv1\."), "vision_model.embeddings.patch_embedding."),
    (re.compile(r"^ln_pre\."), "vision_model.pre_layrnorm."),  # spelled so in transformers
    (re.compile(r"^ln_post\."), "vision_model.post_layernorm."),
    (re.compile(r"^proj$"), _PROJECTION),
    (re.compile(r"^transformer\.resblocks\."), _BLOCKS),
    *clip.OPEN_CLIP_BLOCKS,
)


class Kind(NamedTuple):
    """A kind of image encoder.

    Attributes:
        name: What people call it.
        mean, deviation: Of the colours of the pictures it learned from.
    """

    name: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


CLIP: Final = Kind("CLIP", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
SIGLIP: Final = Kind("SigLIP", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True, slots=True)
class EncodedImages:
    """What an image encoder makes of B pictures: float32 on the CPU.

    Attributes:
        embedding: [B,P], what texts are compared with; of SigLIP [B,T,D], the same as `last`.
        last: [B,T,D] behind the last block; of SigLIP behind the final norm too.
        penultimate: [B,T,D] behind the block before.
    """

    embedding: Tensor
    last: Tensor
    penultimate: Tensor


@dataclass(frozen=True, slots=True)
class ClipVision:
    """An image encoder as a file describes it: every size read off its tensors.

    Attributes:
        width: Of a patch's vector.
        mlp_width: Of the hidden layer of the MLPs.
        layers: How many blocks.
        heads: Of the attention.
        patch: Side of a patch in pixels.
        image_size: Side of the square it looks at, in pixels.
        projected: Width of the embedding; None for SigLIP, which has no projection.
        activation: Of the MLPs, in transformers' words.
    """

    kind: Kind
    width: int
    mlp_width: int
    layers: int
    heads: int
    patch: int
    image_size: int
    projected: int | None
    activation: str

    def build(self) -> nn.Module:
        """The network without values; called under `torch.device("meta")`."""
        network: Any = self._siglip() if self.kind is SIGLIP else self._clip()
        embeddings = network.get_submodule(self._own_name("vision_model.embeddings"))
        # Counts the places. As a part of the network's state it is filled and moved like the weights.
        embeddings.register_buffer("position_ids", embeddings.position_ids)
        return network

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of the network."""
        renamed = _renamed(tensors)
        places = torch.arange(shape(renamed, _PLACES)[0], device="cpu")[None]
        return {self._own_name(name): t for name, t in {**renamed, _PLACE_NUMBERS: places}.items()}

    def prepare(self, pixels: Tensor, *, crop: bool) -> Tensor:
        """Pictures [B,H,W,C] in 0..1 as the network wants them: [B,3,S,S], normalised.

        Channels after the third (transparency) are left out. Colours are rounded to 8 bits, as CLIP's own
        preparation does.

        Args:
            crop: The square in the middle counts; else the whole picture, squeezed to a square.

        Raises:
            ValueError: There are no pictures, they have no colours, or they are lines.
        """
        number, height, width, channels = pixels.shape
        if not pixels.numel() or channels < _COLOURS:
            raise ValueError(
                f"{number} pictures of {width}x{height} with {channels} channels cannot be encoded: "
                f"give at least one, of {_COLOURS} channels (red, green, blue)"
            )
        if crop and max(height, width) > _LONGEST * min(height, width):
            raise ValueError(f"a picture of {width}x{height} is too narrow to be looked at: crop it first")
        side = self.image_size
        scale = side / min(height, width)
        size = (round(scale * height), round(scale * width)) if crop else (side, side)
        x = pixels[..., :_COLOURS].movedim(-1, 1).float()
        x = nn.functional.interpolate(x, size, mode="bicubic", antialias=True)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        x = x[..., top : top + side, left : left + side].mul(255).clamp(0, 255).round() / 255
        mean, deviation = (x.new_tensor(colours).view(-1, 1, 1) for colours in self.kind[1:])
        return (x - mean) / deviation

    def encode(self, network: nn.Module, x: Tensor) -> EncodedImages:
        """What the network makes of prepared pictures [B,3,S,S]."""
        weight = network.get_parameter(self._own_name(_PATCHES))
        with torch.no_grad():
            output: Any = network(
                pixel_values=x.to(weight.device, weight.dtype), output_hidden_states=True, return_dict=True
            )
        last = output.last_hidden_state
        embedding = last if self.kind is SIGLIP else output.image_embeds
        return EncodedImages(
            *(part.to("cpu", torch.float32) for part in (embedding, last, output.hidden_states[-2]))
        )

    def _own_name(self, name: str) -> str:
        """A name of CLIP's network in this one."""
        return name.removeprefix(_LEVEL) if self.kind is SIGLIP else name

    def _sizes(self) -> dict[str, Any]:
        return {
            "hidden_size": self.width,
            "intermediate_size": self.mlp_width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "patch_size": self.patch,
            "image_size": self.image_size,
            "hidden_act": self.activation,
        }

    def _clip(self) -> nn.Module:
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        config = CLIPVisionConfig(**self._sizes(), projection_dim=self.projected or self.width)
        return CLIPVisionModelWithProjection(config)

    def _siglip(self) -> nn.Module:
        from transformers import SiglipVisionConfig, SiglipVisionModel

        # ComfyUI's epsilon; the published configurations say 1e-6.
        config = SiglipVisionConfig(**self._sizes(), vision_use_head=False, layer_norm_eps=1e-5)
        return SiglipVisionModel(config)


@dataclass(frozen=True, slots=True)
class ImageEncoder:
    """An image encoder that nodes pass on, light to copy; its weights may be anywhere."""

    vision: ClipVision
    resident: Resident

    def encode(self, pixels: Tensor, *, crop: bool = True, check: Check = never) -> EncodedImages:
        """What the encoder makes of pictures [B,H,W,C] in 0..1.

        Args:
            crop: The square in the middle counts; else the whole picture, squeezed to a square.
            check: Called while weights are read and between pictures; may raise `Cancelled`.

        Raises:
            ValueError: There are no pictures, or they have no colours.
        """
        found: list[EncodedImages] = []
        with self.resident(check) as network:
            for batch in pixels.split(_BATCH):
                check()
                found.append(self.vision.encode(network, self.vision.prepare(batch, crop=crop)))
        return EncodedImages(
            torch.cat([images.embedding for images in found]),
            torch.cat([images.last for images in found]),
            torch.cat([images.penultimate for images in found]),
        )


def recognise(file: WeightFile) -> ClipVision:
    """The image encoder in a file of transformers or of open_clip, alone or beside a text encoder.

    What is in no tensor follows from the width: the heads, and the activation, where OpenAI's (up to 1024
    wide, in transformers' names) differs from that of all others.

    Raises:
        UnknownArchitecture: It holds none, or one of another kind.
        WeightsMismatch: A part is missing, or of a size that no such network has.
    """
    try:
        tensors = _renamed(file.tensors)
        if _PATCHES in tensors:
            return _measure(tensors, is_open_clip=_OPEN_CLIP_MARK in file.tensors)
    except WeightsMismatch as error:
        raise WeightsMismatch(f"{file.path.name}: {error}") from error
    raise UnknownArchitecture(f"{file.path.name} holds no CLIP image encoder: it {_other(file)}")


def without_vision(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of a CLIP file that are not those of its image encoder."""
    others = (_LEVEL, _PROJECTION, _OPEN_CLIP_PREFIX)
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(others)}


def _renamed(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of an image encoder under transformers' names; none where there is no such thing."""
    if _OPEN_CLIP_MARK in tensors:
        own = below(tensors, _OPEN_CLIP_PREFIX)
        return clip.from_open_clip(own, _OPEN_CLIP, _PROJECTION, _OPEN_CLIP_PREFIX)
    return {name: tensor for name, tensor in tensors.items() if name.startswith((_LEVEL, _PROJECTION))}


def _measure(tensors: Tensors, *, is_open_clip: bool) -> ClipVision:
    kind = SIGLIP if _PATCH_BIAS in tensors else CLIP
    width, patch = _patches(tensors)
    is_openai = width <= _WIDEST_OF_OPENAI and not is_open_clip
    return ClipVision(
        kind,
        width,
        mlp_width=matrix(tensors, f"{_BLOCKS}0.mlp.fc1.weight")[0],
        layers=count(tensors, _BLOCKS),
        heads=_heads(width),
        patch=patch,
        image_size=_image_size(tensors, kind, patch),
        projected=matrix(tensors, _PROJECTION)[0] if kind is CLIP else None,
        activation="gelu_pytorch_tanh" if kind is SIGLIP else "quick_gelu" if is_openai else "gelu",
    )


def _patches(tensors: Tensors) -> tuple[int, int]:
    """The width of a patch's vector, and the side of a patch."""
    sides = shape(tensors, _PATCHES)
    if len(sides) != 4 or 0 in sides:
        raise WeightsMismatch(
            f"the tensor {_PATCHES} has the shape {sides}; in the image encoders that Darkroom knows it has "
            "four sides: use a file of OpenAI's CLIP, open_clip or SigLIP"
        )
    return sides[0], sides[-1]


def _heads(width: int) -> int:
    """64 numbers for each head, up to 16 heads; wider networks have wider heads."""
    heads = min(width // _HEAD_WIDTH, _MOST_HEADS)
    if not heads or width % (_HEAD_WIDTH if heads < _MOST_HEADS else _MOST_HEADS):
        raise WeightsMismatch(f"the image encoder is {width} wide, which none that Darkroom knows is")
    return heads


def _image_size(tensors: Tensors, kind: Kind, patch: int) -> int:
    places = matrix(tensors, _PLACES)[0] - (kind is CLIP)  # one belongs to the whole picture
    side = math.isqrt(places)
    if not side or side * side != places:
        raise WeightsMismatch(f"the tensor {_PLACES} has {places} places for patches, which fill no square")
    # The only published size that is no multiple of its patch.
    return 384 if kind is SIGLIP and (patch, side) == (14, 27) else patch * side


def _other(file: WeightFile) -> str:
    """What a file without an image encoder is, and what to do with it."""
    try:
        found = detect.recognise(file)
    except ModelError:
        return detect.describe(file.tensors)
    return f"is a model ({found.name}): load it with the Load Checkpoint node"
