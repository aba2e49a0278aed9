"""Nodes that turn text into conditioning and combine conditionings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from core.nodes.api import Choice, Context, Folders, Range, Text, node
from core.nodes.types import Clip, ClipVision, ClipVisionOutput, Conditioning, Image

if TYPE_CHECKING:
    from torch import Tensor


@node("CLIPTextEncode", category="conditioning", title="CLIP Text Encode (Prompt)")
def encode_text(
    *, ctx: Context, folders: Folders, text: Annotated[str, Text(multiline=True, wildcards=True)], clip: Clip
) -> Conditioning:
    """Encodes a text prompt.

    Args:
        text: What the picture should show. `(word:1.2)` weighs a word, `embedding:name` inserts an embedding.
        clip: The text encoder.
    """

    def find(name: str) -> Path | None:
        return folders.find("embeddings", name)

    return [clip.encode(text, embeddings=find, check=ctx.check_cancelled)]


@node("CLIPSetLastLayer", category="conditioning", title="CLIP Set Last Layer")
def set_last_layer(*, clip: Clip, stop_at_clip_layer: Annotated[int, Range(-24, -1, step=1)] = -1) -> Clip:
    """A text encoder that stops before its last layer.

    Args:
        stop_at_clip_layer: -1 is the last layer, -2 the one before.
    """
    return clip.with_clip_skip(stop_at_clip_layer)


@node("CLIPVisionEncode", category="conditioning", title="CLIP Vision Encode")
def encode_images(
    *,
    ctx: Context,
    clip_vision: ClipVision,
    image: Image,
    crop: Annotated[str, Choice(("center", "none"))],
) -> ClipVisionOutput:
    """Encodes pictures, for models that take pictures as prompts.

    Args:
        clip_vision: The image encoder.
        crop: `center` looks at the square in the middle, `none` at the whole picture, squeezed to a square.
    """
    return clip_vision.encode(image, crop=crop == "center", check=ctx.check_cancelled)


@node("ConditioningCombine", category="conditioning", title="Conditioning (Combine)")
def combine(*, conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Both conditionings; their predictions are averaged."""
    return [*conditioning_1, *conditioning_2]


@node("ConditioningAverage", category="conditioning", title="ConditioningAverage")
def average(
    *,
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[float, Range(0.0, 1.0, step=0.01)] = 1.0,
) -> Conditioning:
    """A blend of two embeddings.

    Args:
        conditioning_from: Only its first entry is used, cut or zero-padded to the other one's length.
        conditioning_to_strength: Share of `conditioning_to`.
    """
    import torch

    share, other = conditioning_to_strength, conditioning_from[0]

    def fit(embedding: Tensor, length: int) -> Tensor:
        return torch.nn.functional.pad(embedding[:, :length], (0, 0, 0, max(0, length - embedding.shape[1])))

    def blend(to: Tensor, source: Tensor) -> Tensor:
        _require_same_width(to, source)
        return to * share + source * (1.0 - share)

    result: Conditioning = []
    for cond in conditioning_to:
        pooled = other.pooled if cond.pooled is None else cond.pooled
        if cond.pooled is not None and other.pooled is not None:
            pooled = blend(cond.pooled, other.pooled)
        embedding = blend(cond.embedding, fit(other.embedding, cond.embedding.shape[1]))
        result.append(replace(cond, embedding=embedding, pooled=pooled))
    return result


@node("ConditioningConcat", category="conditioning", title="Conditioning (Concat)")
def concatenate(*, conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """One prompt's tokens behind another's.

    Args:
        conditioning_from: Only its first entry is used.
    """
    import torch

    other = conditioning_from[0].embedding
    for cond in conditioning_to:
        _require_same_width(cond.embedding, other)
    return [replace(cond, embedding=torch.cat((cond.embedding, other), dim=1)) for cond in conditioning_to]


def _require_same_width(to: Tensor, source: Tensor) -> None:
    if to.shape[-1] != source.shape[-1]:
        raise ValueError(
            f"the conditionings are {to.shape[-1]} and {source.shape[-1]} wide: "
            "encode both prompts with the text encoder of one model"
        )


@node("ConditioningSetArea", category="conditioning", title="Conditioning (Set Area)")
def set_area(
    *,
    conditioning: Conditioning,
    width: Annotated[int, Range(64, 16384, step=8)] = 64,
    height: Annotated[int, Range(64, 16384, step=8)] = 64,
    x: Annotated[int, Range(0, 16384, step=8)] = 0,
    y: Annotated[int, Range(0, 16384, step=8)] = 0,
    strength: Annotated[float, Range(0.0, 10.0, step=0.01)] = 1.0,
) -> Conditioning:
    """Limits a conditioning to a rectangle of the picture, in pixels."""
    from core.sampling.interface import Area

    area = Area(height // 8, width // 8, y // 8, x // 8)
    return [replace(cond, area=area, strength=strength, mask_bounds=False) for cond in conditioning]
