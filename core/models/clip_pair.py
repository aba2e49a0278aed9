"""Whole CLIP files: with both of their encoders it can be told how well a text fits a picture."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from core.errors import ModelError, UnknownArchitecture, WeightsMismatch
from core.models.assemble import never
from core.models.clip_vision import CLIP, ClipVision, ImageEncoder, Resident, without_vision
from core.models.files import Check, WeightFile
from core.models.text import clip
from core.models.text.chunks import LENGTH, Token
from core.models.text.clip import ClipText
from core.models.text.tokenizer import END, START, token_ids

_TOKENS: Final = ("text_model.embeddings.token_embedding.weight", "token_embedding.weight")
_WANTED: Final = (
    "use a CLIP file with both encoders, such as the model.safetensors of openai/clip-vit-large-patch14"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImageTextEncoder:
    """The two encoders of a CLIP file, which give near vectors to pictures and to texts that fit them."""

    images: ImageEncoder
    text: ClipText
    resident_text: Resident

    def similarity(self, pixels: Tensor, text: str, check: Check = never) -> Tensor:
        """The cosine between the embeddings of each picture and of a text, [B] in -1..1.

        The text is read as it is, brackets too; what is longer than 75 tokens is cut off.

        Raises:
            ValueError: There are no pictures, or they have no colours.
        """
        chunk = _chunk(text)
        with self.resident_text(check) as network:
            meaning = self.text.encode(network, [chunk], -1, norm=True).pooled
        embedding = self.images.encode(pixels, check=check).embedding
        return torch.cosine_similarity(embedding, meaning)


def clip_score(similarity: Tensor) -> Tensor:
    """How well pictures fit a text, from 0 (not at all) to 1, of the cosine between their embeddings.

    Source: Hessel et al. 2021, "CLIPScore: a reference-free evaluation metric for image captioning":
    2.5 * max(cosine, 0), here cut at 1.
    """
    return (2.5 * similarity).clamp(0, 1)


def recognise_text(file: WeightFile, vision: ClipVision) -> ClipText:
    """The text encoder that learned together with an image encoder, from the same file.

    Raises:
        UnknownArchitecture: The file holds none, or one of another kind.
        WeightsMismatch: A part is missing, or it does not belong to the image encoder.
    """
    name, tensors = file.path.name, without_vision(file.tensors)
    if vision.kind is not CLIP:
        raise UnknownArchitecture(
            f"{name} is a {vision.kind.name} file, whose texts Darkroom cannot read: {_WANTED}"
        )
    if not any(embedding in tensors for embedding in _TOKENS):
        raise UnknownArchitecture(f"{name} holds an image encoder only and cannot read text: {_WANTED}")
    try:
        text = clip.recognise(tensors, clip.Kind("clip", END, vision.activation, projects=True), ("",))
    except ModelError as error:
        raise type(error)(f"{name}: {error}") from error
    if text.projected != vision.projected:
        raise WeightsMismatch(
            f"{name}: the vectors of its texts ({text.projected or 'no projection'}) and of its pictures "
            f"({vision.projected}) differ in width and cannot be compared: {_WANTED}"
        )
    return text


def _chunk(text: str) -> list[Token]:
    """The tokens of a text as CLIP reads it: 77 of them, start and end included."""
    ids = token_ids(text)
    most = LENGTH - 2
    if len(ids) > most:
        _log.warning("of %d tokens of the text, CLIP reads the first %d", len(ids), most)
    tokens = [START, *ids[:most], END]
    return [Token(number) for number in tokens + [END] * (LENGTH - len(tokens))]
