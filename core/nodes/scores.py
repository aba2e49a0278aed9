"""Nodes that say in numbers how good pictures are."""

from __future__ import annotations

from typing import NamedTuple

from core.nodes.api import node
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
