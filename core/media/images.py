"""Pictures from and to files, as float arrays: images `[B,H,W,C]`, masks `[B,H,W]`, both 0..1."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageSequence, PngImagePlugin

from core.errors import DarkroomError, WorkflowError
from core.media.outputs import SavedFile, save_files
from core.media.picture_text import TEXT_LIMIT, png_info

Array: TypeAlias = npt.NDArray[np.float32]

PIXEL_LIMIT: Final = 1 << 28
"""Pixels of all frames of a file together; as numbers they take 3 GiB."""

# By default Pillow refuses pictures that carry a compressed text of more than 1 MiB, as large workflows are.
PngImagePlugin.MAX_TEXT_CHUNK = TEXT_LIMIT
# Pillow's own limit lies lower, and up to twice of it it only prints a warning.
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
warnings.simplefilter("error", Image.DecompressionBombWarning)

CHANNELS: Final = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
_NO_MASK: Final = (64, 64)
_SAVED_CHANNELS: Final = (1, 3, 4)


class Loaded(NamedTuple):
    """A picture `[B,H,W,3]` and what is transparent in it `[B,H,W]`; 64 x 64 zeros where nothing is."""

    image: Array
    mask: Array


def load_image(path: Path) -> Loaded:
    """The picture upright, one batch item per frame; frames unlike the first one in size are left out.

    Raises:
        WorkflowError: It is no picture, is damaged, or has more than `PIXEL_LIMIT` pixels.
    """
    images: list[Array] = []
    masks: list[Array | None] = []
    with opened(path) as picture:
        for frame in _frames(picture, path):
            if not images or frame.size == (images[0].shape[1], images[0].shape[0]):
                images.append(_unit(frame.convert("RGB")))
                masks.append(_transparency(frame))
    opaque = np.zeros(_NO_MASK if all(mask is None for mask in masks) else images[0].shape[:2], np.float32)
    return Loaded(np.stack(images), np.stack([opaque if mask is None else mask for mask in masks]))


def load_mask(path: Path, channel: str) -> Array:
    """One channel of the first frame as a mask `[1,H,W]`; of `alpha` what is transparent.

    Args:
        channel: One of `CHANNELS`.

    Raises:
        WorkflowError: It is no picture, is damaged, or has more than `PIXEL_LIMIT` pixels.
    """
    with opened(path) as picture:
        frame = next(_frames(picture, path)).convert("RGBA")
    band = _unit(frame.getchannel(CHANNELS[channel]))[None]
    return 1 - band if channel == "alpha" else band


def save_images(
    images: Array,
    folder: Path,
    prefix: str,
    *,
    kind: str = "output",
    texts: Mapping[str, str] | None = None,
    compress_level: int = 4,
) -> list[SavedFile]:
    """Where the images went, as PNG of 8 bits with the texts inside; names as `save_files` makes them.

    Args:
        images: `[B,H,W,C]` with 1, 3 or 4 channels. Values are cut to 0..1 and rounded down.
        compress_level: 0 (quick) to 9 (small).

    Raises:
        InputError: The prefix is not allowed.
        DarkroomError: They cannot be written, or are not images.
    """
    if images.ndim != 4 or images.shape[-1] not in _SAVED_CHANNELS or 0 in images.shape[1:]:
        raise DarkroomError(
            f"shape {images.shape} cannot be saved as images; it must be [B,H,W,C], C 1, 3 or 4"
        )
    info = png_info(texts or {})

    def write(image: Array, file: BinaryIO) -> None:
        to_picture(image).save(file, "PNG", pnginfo=info, compress_level=compress_level)

    writers = (partial(write, image) for image in images)
    return save_files(folder, kind, prefix, ".png", writers, size=(images.shape[2], images.shape[1]))


def to_picture(image: Array) -> Image.Image:
    """An image `[H,W,C]` in 8 bits, cut to 0..1 and rounded down; what is not a number is black."""
    pixels = np.nan_to_num(np.clip(255 * image, 0, 255)).astype(np.uint8)
    return Image.fromarray(pixels.squeeze(-1) if image.shape[-1] == 1 else pixels)


@contextmanager
def opened(path: Path) -> Generator[Image.Image]:
    """A picture as Pillow opens it.

    Raises:
        WorkflowError: Whatever Pillow raises about the file, also inside the block.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except WorkflowError:
        raise
    except Image.UnidentifiedImageError as error:
        raise WorkflowError(f"{path} is not a picture, or of a kind that is not known") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise WorkflowError(_too_large(path)) from error
    except Exception as error:  # damaged bytes make Pillow's readers raise almost anything
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WorkflowError(f"{path} cannot be read: {reason}") from error


def _frames(picture: Image.Image, path: Path) -> Iterator[Image.Image]:
    """The frames upright, none of them with 16 bits."""
    left = PIXEL_LIMIT
    # An MPO holds other views of the same scene, not an animation.
    for frame in [picture] if picture.format == "MPO" else ImageSequence.Iterator(picture):
        left -= frame.width * frame.height
        if left < 0:
            raise WorkflowError(_too_large(path))
        upright = ImageOps.exif_transpose(frame)
        yield _from_16_bits(upright) if upright.mode.startswith("I") else upright


def _from_16_bits(frame: Image.Image) -> Image.Image:
    values = np.asarray(frame.convert("I"))
    return Image.fromarray(np.clip(values / 255, 0, 255).astype(np.uint8))


def _transparency(frame: Image.Image) -> Array | None:
    if "A" in frame.getbands() or (frame.mode == "P" and "transparency" in frame.info):
        return 1 - _unit(frame.convert("RGBA").getchannel("A"))
    return None


def _unit(picture: Image.Image) -> Array:
    return np.asarray(picture, np.float32) / np.float32(255)


def _too_large(path: Path) -> str:
    return f"{path} has more than {PIXEL_LIMIT >> 20} million pixels; make it smaller or take fewer frames"
