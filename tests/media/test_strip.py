from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import DarkroomError
from core.media.picture_text import exif, graph_texts, png_info, read_texts
from core.media.strip import without_texts

TEXTS = graph_texts({"1": {"class_type": "KSampler", "inputs": {"seed": 42}}}, {"workflow": {"nodes": []}})
WORDS = (b"KSampler", b"prompt", b"workflow", b"Secret")
PROFILE = bytes(128)


def picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """A picture with texts wherever its kind can have them."""
    pixels = np.random.default_rng(7).integers(0, 255, (40, 56, len(mode)), np.uint8)
    extra = {"pnginfo": png_info(TEXTS)} if kind == "PNG" else {"exif": exif(TEXTS)}
    if kind == "WEBP":
        extra["xmp"] = b"<x>Secret</x>"
    if kind == "JPEG":
        extra["comment"] = b"Secret"
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind, **extra, **options)
    return file.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    "data",
    [
        picture("PNG"),
        picture("PNG", "RGBA", icc_profile=PROFILE),
        picture("PNG") + b"Secret behind the end",
        picture("WEBP"),
        picture("WEBP", "RGBA", lossless=True, icc_profile=PROFILE),
        picture("JPEG"),
        picture("JPEG", progressive=True, icc_profile=PROFILE),
        picture("JPEG", quality=100) + b"Secret",
    ],
)
def test_nothing_is_left_but_the_picture(data: bytes) -> None:
    assert any(word in data for word in WORDS)
    plain = without_texts(data, "a picture")
    assert not any(word in plain for word in WORDS)
    assert read_texts(plain) == {}
    assert np.array_equal(pixels_of(plain), pixels_of(data))
    with Image.open(io.BytesIO(plain)) as image, Image.open(io.BytesIO(data)) as before:
        assert image.info.get("icc_profile") == before.info.get("icc_profile")
        assert not image.getexif()
    assert without_texts(plain, "a picture") == plain


def test_a_name_of_a_colour_profile_is_a_text_too() -> None:
    data = picture("PNG", icc_profile=PROFILE)
    start = data.index(b"iCCP")
    end = data.index(b"\0", start)
    length = int.from_bytes(data[start - 4 : start]) - (end - start - 4) + len(b"Secret")
    part = b"iCCPSecret" + data[end : end + length - len(b"Secret")]
    rest = data[start + 8 + int.from_bytes(data[start - 4 : start]) :]
    named = data[: start - 4] + length.to_bytes(4) + part + zlib.crc32(part).to_bytes(4) + rest
    assert b"Secret" in named
    plain = without_texts(named, "a picture")
    assert b"Secret" not in plain
    with Image.open(io.BytesIO(plain)) as image:
        image.load()
        assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    data = picture(kind)
    with pytest.raises(DarkroomError, match=r"cut.png is damaged"):
        without_texts(data[: len(data) // 2], "cut.png")


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DarkroomError, match=r"a.bmp is none of these"):
        without_texts(b"BM", "a.bmp")
