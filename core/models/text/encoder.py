"""Text encoders as values that nodes pass on: text to conditioning."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from core.errors import InputError, ModelError
from core.models.assemble import never
from core.models.files import Check, Tensors
from core.models.patches import Patch
from core.models.text.chunks import FindVectors, Token, chunks
from core.models.text.clip import CLIP_G, CLIP_H, CLIP_L, ClipText, Encoded, Kind, recognise
from core.models.text.embeddings import FindFile, read_vectors
from core.sampling.interface import Cond

_SD3_WIDTH = 4096
_T5 = "text_encoders.t5xxl."

_log = logging.getLogger(__name__)


def _only(outputs: Sequence[Encoded]) -> Cond:
    return Cond(outputs[0].hidden, outputs[0].pooled)


def _side_by_side(outputs: Sequence[Encoded]) -> Cond:
    return Cond(torch.cat([output.hidden for output in outputs], dim=-1), outputs[-1].pooled)


def _side_by_side_padded(outputs: Sequence[Encoded]) -> Cond:
    joined = _side_by_side(outputs).embedding
    padded = torch.nn.functional.pad(joined, (0, _SD3_WIDTH - joined.shape[-1]))
    return Cond(padded, torch.cat([output.pooled for output in outputs], dim=-1))


class Family(NamedTuple):
    """How a family of denoisers uses text encoders.

    Attributes:
        encoders: Which ones, each with what its names in a checkpoint (or in a file of its own) start with.
        layer: The block whose output is taken unless a clip skip is set, from the end.
        norm: Whether that output passes the final norm.
        join: Several outputs of [1,T,D] to one conditioning.
    """

    encoders: Mapping[Kind, tuple[str, ...]]
    layer: int
    norm: bool
    join: Callable[[Sequence[Encoded]], Cond]


FAMILIES: Mapping[str, Family] = {
    "sd1": Family({CLIP_L: ("cond_stage_model.transformer.", "")}, -1, True, _only),
    "sd2": Family({CLIP_H: ("cond_stage_model.model.", "")}, -2, True, _only),
    "sdxl_refiner": Family({CLIP_G: ("conditioner.embedders.0.model.", "")}, -2, False, _only),
    "sdxl": Family(
        {
            CLIP_L: ("conditioner.embedders.0.transformer.",),
            CLIP_G: ("conditioner.embedders.1.model.",),
        },
        -2,
        False,
        _side_by_side,
    ),
    "sd3": Family(
        {
            CLIP_L: ("text_encoders.clip_l.transformer.",),
            CLIP_G: ("text_encoders.clip_g.transformer.",),
        },
        -2,
        False,
        _side_by_side_padded,
    ),
}


class Weights(Protocol):
    """Where the network of a text encoder comes from."""

    def resident(self, check: Check = never) -> AbstractContextManager[nn.Module]:
        """The network on the compute device, held there until the block ends."""
        ...

    @property
    def tensors(self) -> Tensors:
        """The names and shapes of its tensors."""
        ...

    def patched(self, patch: Patch) -> Weights:
        """The same weights, changed by one more patch."""
        ...


class Part(NamedTuple):
    """One of the text encoders and its weights."""

    clip: ClipText
    weights: Weights


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """The text encoders of a model, light to copy and never changed; their weights may be anywhere.

    Attributes:
        family: How their outputs become conditioning.
        parts: The text encoders.
        clip_skip: The block whose output is taken, from the end (-1 is the last); None for the family's own.
    """

    family: Family
    parts: tuple[Part, ...]
    clip_skip: int | None = None

    def with_clip_skip(self, layer: int) -> TextEncoder:
        """The same text encoder, stopping at a block counted from the end.

        Raises:
            InputError: `layer` is not negative.
        """
        if layer >= 0:
            raise InputError(f"the layer to stop at is counted from the end: -1 or less, not {layer}")
        return replace(self, clip_skip=layer)

    def patched(self, patches: Sequence[Patch]) -> TextEncoder:
        """The same text encoders with some weights changed: one patch for each of them."""
        parts = (
            part._replace(weights=part.weights.patched(patch))
            for part, patch in zip(self.parts, patches, strict=True)
        )
        return replace(self, parts=tuple(parts))

    def encode(
        self, text: str | Mapping[str, str], *, embeddings: FindFile | None = None, check: Check = never
    ) -> Cond:
        """The conditioning of a text prompt: embedding [1,77n,D] and pooled, float32 on the CPU.

        A weight scales how far a token's vector is from the one that an empty prompt has in its place. The
        pooled vector is that of the first 77 tokens and knows no weights.

        Args:
            text: One text for all encoders, or one for each by name (`clip_l`, `clip_g`).
            embeddings: Finds the files of textual inversions.
            check: Called while weights are read; may raise `Cancelled`.

        Raises:
            InputError: The weights are too large to compute with.
            ModelError: The file of a textual inversion cannot be used.

        Source: the behaviour of ComfyUI.
        """
        prompts = [self._chunks(part.clip, text, embeddings) for part in self.parts]
        longest = max(map(len, prompts))
        outputs: list[Encoded] = []
        for part, prompt in zip(self.parts, prompts, strict=True):
            empty = _empty(part.clip)
            prompt += [empty] * (longest - len(prompt))
            with part.weights.resident(check) as network:
                outputs.append(self._run(part.clip, network, prompt, empty))
        return self.family.join(outputs)

    def _chunks(
        self, clip: ClipText, text: str | Mapping[str, str], embeddings: FindFile | None
    ) -> list[list[Token]]:
        own = text if isinstance(text, str) else text.get(clip.kind.name, "")
        return chunks(own, clip.kind.padding, _finder(clip, embeddings))

    def _run(
        self, clip: ClipText, network: nn.Module, prompt: list[list[Token]], empty: list[Token]
    ) -> Encoded:
        layer, norm = self._layer(clip)
        weights = torch.tensor([[token.weight for token in chunk] for chunk in prompt])
        if bool((weights == 1).all()):
            hidden, pooled = clip.encode(network, prompt, layer, norm=norm)
        else:
            encoded, pooled = clip.encode(network, [*prompt, empty], layer, norm=norm)
            hidden = _weigh(encoded[:-1], encoded[-1:], weights)
        return Encoded(hidden.reshape(1, -1, hidden.shape[-1]), pooled)

    def _layer(self, clip: ClipText) -> tuple[int, bool]:
        layer = self.family.layer if self.clip_skip is None else self.clip_skip
        return (layer, self.family.norm) if -layer <= clip.layers else (-1, True)


def recognise_text_encoder(
    tensors: Tensors, architecture: str, file: str, weights: Callable[[ClipText], Weights]
) -> TextEncoder:
    """The text encoders that belong to a denoiser.

    Args:
        tensors: All tensors of the file they are in.
        architecture: Name of the denoiser, as `sd15_inpaint` or `sdxl`.
        file: Name of the file, for messages.
        weights: Gives the weights of each.

    Raises:
        ModelError: One of them is missing, or that denoiser's are not known.
        WeightsMismatch: One of them is incomplete, or of a size that no such network has.
    """
    family = next((family for name, family in FAMILIES.items() if architecture.startswith(name)), None)
    if family is None:
        raise ModelError(f"{file}: the text encoders of {architecture} are not supported yet")
    try:
        found = [recognise(tensors, kind, prefixes) for kind, prefixes in family.encoders.items()]
    except ModelError as error:
        raise type(error)(f"{file}: {error}") from error
    if any(name.startswith(_T5) for name in tensors):
        _log.warning("%s: its T5 text encoder is not supported yet; CLIP alone reads the prompts", file)
    return TextEncoder(family, tuple(Part(clip, weights(clip)) for clip in found))


def _empty(clip: ClipText) -> list[Token]:
    return chunks("", clip.kind.padding, _finder(clip, None))[0]


def _finder(clip: ClipText, embeddings: FindFile | None) -> FindVectors:
    @functools.cache
    def find(name: str) -> Tensor | None:
        path = embeddings(name) if embeddings else None
        return None if path is None else read_vectors(path, clip.kind.name, clip.width)

    return find


def _weigh(hidden: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    factors = weights[..., None]
    result = torch.where(factors == 1, hidden, empty + (hidden - empty) * factors)
    if not bool(result.isfinite().all()):
        raise InputError(
            f"the weights of the prompt go up to {float(weights.abs().max()):g}, too far to compute with: "
            "use weights between 0 and 2",
            input="text",
        )
    return result
