"""Nodes that say in numbers how good pictures are."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from core.errors import InputError, ModelNotFound
from core.nodes.api import Context, FileChoice, Folders, Text, node
from core.nodes.types import Image


class Scores(NamedTuple):
    """Scores of 0..1."""

    sharpness: float
    contrast: float
    colourfulness: float
    overall: float


class Likeness(NamedTuple):
    """A score of 0..1."""

    likeness: float


class TextScore(NamedTuple):
    """How well a text fits."""

    score: float
    similarity: float


@node("ImageScores", category="image/scores", title="Score Pictures")
def score_pictures(*, image: Image) -> Scores:
    """How sharp, rich in contrast and colourful pictures are, from 0 to 1; for a batch, the mean.

    Returns:
        sharpness: Near 0 where everything is blurred or flat.
        contrast: 1 where half is black and half is white.
        colourfulness: 0 for grey, 1 for extremely colourful pictures.
        overall: The mean of the three.
    """
    from core.media import scores

    sharpness, contrast, colourfulness = (
        float(score(image).mean()) for score in (scores.sharpness, scores.contrast, scores.colourfulness)
    )
    return Scores(sharpness, contrast, colourfulness, (sharpness + contrast + colourfulness) / 3)


@node("ImageLikeness", category="image/scores", title="Likeness of Pictures")
def score_likeness(*, image: Image, reference: Image) -> Likeness:
    """How alike pictures are to others, from 0 to 1; for batches, the mean.

    Args:
        reference: Brought to the size of the first pictures; a single one counts for all of them.
    """
    from core.media.resample import resize
    from core.media.scores import likeness

    count, height, width, _ = image.shape
    if reference.shape[0] not in (1, count):
        raise ValueError(
            f"there are {count} pictures and {reference.shape[0]} references; give one, or as many"
        )
    other = reference[..., :3].movedim(-1, 1)
    if reference.shape[1:3] != image.shape[1:3]:
        other = resize(other, width, height, "bilinear")
    return Likeness(float(likeness(image[..., :3], other.movedim(1, -1).expand(count, -1, -1, -1)).mean()))


@node("ImageTextScore", category="image/scores", title="Score Pictures by Text")
def score_by_text(
    *,
    ctx: Context,
    folders: Folders,
    image: Image,
    text: Annotated[str, Text(multiline=True)],
    clip_name: Annotated[str, FileChoice("clip_vision")] | None = None,
) -> TextScore:
    """How well pictures fit a text, from 0 to 1, as a CLIP file sees it; for a batch, the mean.

    The score is CLIPScore (Hessel et al. 2021): 2.5 times the cosine between the vectors of picture and text,
    cut at 0 and 1. Scores of different CLIP files cannot be compared.

    Args:
        text: What the pictures should show; brackets are just brackets, and more than 75 tokens are cut off.
        clip_name: A file of the `clip_vision` folder that reads pictures and texts, such as the
            model.safetensors of openai/clip-vit-large-patch14.

    Returns:
        score: 0 where text and picture have nothing in common; even the best description rarely reaches 1.
        similarity: The cosine itself, -1 to 1.
    """
    from core.models import load
    from core.models.cache import ModelCache
    from core.models.clip_pair import clip_score

    if clip_name is None:
        raise InputError(
            "no CLIP file is chosen: choose one that reads pictures and texts", input="clip_name"
        )
    path = folders.resolve("clip_vision", clip_name)
    encoder = load.load_image_text_encoder(path, ctx.service(ModelCache))
    similarity = encoder.similarity(image, text, ctx.check_cancelled)
    return TextScore(float(clip_score(similarity).mean()), float(similarity.mean()))


@score_by_text.validate
def _(clip_name: str | None, folders: Folders) -> None:
    if not folders.names("clip_vision"):
        places = " or ".join(map(str, folders.places("clip_vision")))
        raise InputError(
            f"there is no CLIP file in {places}: put one there that reads pictures and texts, such as the "
            "model.safetensors of openai/clip-vit-large-patch14",
            input="clip_name",
        )
    if clip_name is not None:
        try:
            folders.resolve("clip_vision", clip_name)
        except ModelNotFound as error:
            raise InputError(str(error), input="clip_name") from error
