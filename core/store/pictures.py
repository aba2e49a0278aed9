"""Small pictures of files, to be kept in the database."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

_LONGEST: Final = 256
_QUALITY: Final = 85
_GREY: Final = (128, 128, 128)
SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
"""Files that are worth a try."""


def thumbnail_of(path: Path) -> bytes | None:
    """The picture in a file as a JPEG of 256 pixels at most; None if there is none that can be read."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (_LONGEST, _LONGEST))
            return _jpeg(ImageOps.exif_transpose(picture))
    except Exception:  # noqa: BLE001 - damaged pictures raise anything, and are none
        return None


def _jpeg(picture: Image.Image) -> bytes:
    picture.thumbnail((_LONGEST, _LONGEST))
    small = picture.convert("RGBA")
    ground = Image.new("RGBA", small.size, _GREY)
    ground.alpha_composite(small)
    file = io.BytesIO()
    ground.convert("RGB").save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
