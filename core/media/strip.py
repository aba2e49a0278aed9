"""Pictures without what is stored about how they were made: the same file, less the parts that hold text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from core.errors import DarkroomError

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_PARTS: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs acTL fcTL fdAT".split()
)
_WEBP_PARTS: Final = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_TEXT_FLAGS: Final = 0b0000_1100
"""Of the flags in VP8X those that announce EXIF and XMP."""

_JPEG_SCAN: Final = 0xDA
_JPEG_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_JPEG_KEPT: Final = frozenset((*range(0xC0, 0xE0), 0xE0, 0xEE))
"""What is needed to decode the picture, JFIF's density, and Adobe's word on its colours."""
_JPEG_PROFILE: Final = 0xE2


def without_texts(data: bytes, name: str) -> bytes:
    """The same picture, bit for bit, in a file that says nothing about how it was made.

    What is not known to be part of the picture is left out: also what follows its end, and a JPEG's word on
    how it is to be turned, which stands among the texts.

    Args:
        name: What errors call the picture.

    Raises:
        DarkroomError: It is damaged, or of a kind whose texts cannot be taken out.
    """
    try:
        if data.startswith(_PNG):
            return b"".join(_png(data))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            body = b"".join(_webp(data))
            return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        if data.startswith(b"\xff\xd8"):
            return b"".join(_jpeg(data))
    except (struct.error, IndexError) as error:
        raise DarkroomError(f"{name} is damaged, so its texts cannot be taken out") from error
    raise DarkroomError(f"texts can be taken out of PNG, WebP and JPEG files; {name} is none of these")


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG
    place, kind = len(_PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + length + 12
        if end > len(data):
            raise IndexError("the part goes beyond the file")
        if kind == b"iCCP":
            yield _unnamed_profile(data[place + 8 : end - 4])
        elif kind in _PNG_PARTS:
            yield data[place:end]
        place = end


def _unnamed_profile(body: bytes) -> bytes:
    """The colour profile, whose name can be any text."""
    part = b"iCCPICC\0" + body.partition(b"\0")[2]
    return struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))


def _webp(data: bytes) -> Iterator[bytes]:
    (size,) = struct.unpack_from("<I", data, 4)
    place, stop = 12, min(size + 8, len(data))
    while place + 8 <= stop:
        kind, length = struct.unpack_from("<4sI", data, place)
        end = place + 8 + length + length % 2
        if kind == b"VP8X":
            yield data[place : place + 8] + bytes([data[place + 8] & ~_WEBP_TEXT_FLAGS])
            yield data[place + 9 : end]
        elif kind in _WEBP_PARTS:
            yield data[place:end]
        place = end


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    place = 2
    while True:
        if data[place] != 0xFF:
            raise IndexError("no marker where one must be")
        kind = data[place + 1]
        if kind == 0xFF:  # padding
            place += 1
            continue
        if kind == 0xD9:
            yield data[place : place + 2]
            return
        end = place + 2
        if kind not in _JPEG_ALONE:
            end += struct.unpack_from(">H", data, end)[0]
        is_profile = kind == _JPEG_PROFILE and data[place + 4 : place + 15] == b"ICC_PROFILE"
        if kind in _JPEG_KEPT or is_profile:
            yield data[place:end]
        place = end
        if kind == _JPEG_SCAN:
            place = _scan_end(data, place)
            yield data[end:place]


def _scan_end(data: bytes, place: int) -> int:
    """Where the coded pixels end: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0:
            raise IndexError("the picture has no end")
        if data[place + 1] != 0 and data[place + 1] not in _JPEG_ALONE:
            return place
        place += 2
