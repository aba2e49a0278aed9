"""The texts inside picture files: what ComfyUI and other programs store about how a picture was made.

Only the parts that hold text are read, never pixels, so a picture of any size is quick and a damaged one
still gives what it can.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, PngImagePlugin, TiffTags

from core.errors import WorkflowError

TEXT_LIMIT: Final = 64 << 20
"""Bytes of text, inflated, that are read from one picture."""

_PARTS_LIMIT: Final = 1 << 20
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})
_EXIF_PROMPT: Final = 0x0110
_EXIF_FIRST_OTHER: Final = 0x010F
_EXIF_IFD: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_ASCII_TYPE: Final = 2
_NAMED_TEXT: Final = re.compile(r"([A-Za-z_][\w-]{0,78}):(.*)", re.DOTALL)


def read_texts(source: Path | bytes, name: str | None = None) -> dict[str, str]:
    """The texts of a picture by keyword: `prompt`, `workflow`, `parameters`, ...; empty where it has none.

    PNG: its text chunks, and the `comf` chunks in which ComfyUI stores the graph of an animation. WebP, JPEG
    and whatever else Pillow opens: EXIF, entries like `prompt:...` by that word, others by the tag's name.

    Args:
        name: What errors call the picture; the path if None.

    Raises:
        WorkflowError: It is no picture, is damaged where the texts are, or holds more text than `TEXT_LIMIT`.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            return _read(file)
    except OSError as error:
        raise WorkflowError(f"{name} cannot be read: {error.strerror or error}") from error
    except _Damaged as error:
        raise WorkflowError(f"{name} {error}") from error


def graph_texts(prompt: object, extra: Mapping[str, object] | None = None) -> dict[str, str]:
    """The texts to store with a result: the graph it was made by, and `workflow` and others of `extra`."""
    values = {} if prompt is None else {"prompt": prompt}
    return {key: json.dumps(value) for key, value in {**values, **(extra or {})}.items()}


def png_info(texts: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    """The texts as chunks for Pillow's PNG writer.

    Raises:
        WorkflowError: A keyword is not one of 1 to 79 characters.
    """
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        if not 1 <= len(key.encode("latin-1", "replace")) <= 79 or "\0" in key:
            raise WorkflowError(f"{key[:80]!r} cannot name a text in a PNG: use 1 to 79 characters")
        info.add_text(key, text)
    return info


def exif(texts: Mapping[str, str]) -> Image.Exif:
    """The texts as EXIF for Pillow's WebP and JPEG writers: `prompt` at 0x0110, others from 0x010F downwards.

    Tags that hold numbers are passed over. JPEG has room for 64 KiB.
    """
    entries = Image.Exif()
    tags = (
        tag for tag in range(_EXIF_FIRST_OTHER, 0, -1) if TiffTags.lookup(tag).type in (None, 0, _ASCII_TYPE)
    )
    for key, text in texts.items():
        entries[_EXIF_PROMPT if key == "prompt" else next(tags)] = f"{key}:{text}"
    return entries


class _Damaged(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


def _read(file: BinaryIO) -> dict[str, str]:
    start = file.read(12)
    if start.startswith(_PNG):
        file.seek(len(_PNG))
        return dict(_png_texts(file))
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return _exif_texts(_webp_exif(file))
    file.seek(0)
    return _exif_texts(_other_exif(file))


def _png_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    left = TEXT_LIMIT
    for _ in range(_PARTS_LIMIT):
        header = file.read(8)
        kind = header[4:]
        if len(header) < 8 or kind == b"IEND":
            return
        (length,) = struct.unpack(">I", header[:4])
        if kind not in _PNG_TEXTS:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        if length > left:
            raise _Damaged(_too_much())
        data, checksum = file.read(length), file.read(4)
        if len(data) < length or len(checksum) < 4:
            raise _Damaged("is cut off inside a text; fetch the picture again")
        if checksum != struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))):
            raise _Damaged(f"is damaged: the checksum of its text {_keyword(data)!r} is wrong")
        text = _png_text(kind, data, left)
        left -= len(text)
        yield _keyword(data), text
    raise _Damaged("is damaged: it has too many parts")


def _keyword(data: bytes) -> str:
    return data.partition(b"\0")[0][:79].decode("latin-1")


def _png_text(kind: bytes, data: bytes, limit: int) -> str:
    rest = data.partition(b"\0")[2]
    if kind == b"zTXt":
        return _decode(_inflate(rest[1:], limit))
    if kind != b"iTXt":
        return _decode(rest)
    is_compressed = rest[:1] == b"\1"
    _, _, text = rest[2:].partition(b"\0")[2].partition(b"\0")
    return (_inflate(text, limit) if is_compressed else text).decode("utf-8", "replace")


def _inflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise _Damaged(f"is damaged: a compressed text cannot be read ({error})") from error
    if len(inflated) > limit:
        raise _Damaged(_too_much())
    return inflated


def _decode(data: bytes) -> str:
    """PNG says Latin-1, many programs write UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _too_much() -> str:
    return f"holds more than {TEXT_LIMIT >> 20} MiB of text, which no workflow needs; it was not read"


def _webp_exif(file: BinaryIO) -> Image.Exif:
    entries = Image.Exif()
    for _ in range(_PARTS_LIMIT):
        header = file.read(8)
        if len(header) < 8:
            return entries
        (length,) = struct.unpack("<I", header[4:])
        if header[:4] != b"EXIF":
            file.seek(length + length % 2, io.SEEK_CUR)
            continue
        if length > TEXT_LIMIT:
            raise _Damaged(_too_much())
        data = file.read(length)
        if len(data) < length:
            raise _Damaged("is cut off inside its EXIF data; fetch the picture again")
        return _load_exif(data)
    raise _Damaged("is damaged: it has too many parts")


def _load_exif(data: bytes) -> Image.Exif:
    entries = Image.Exif()
    try:
        entries.load(data)
    except Exception as error:  # Pillow raises whatever damaged bytes lead to
        raise _Damaged(f"has damaged EXIF data: {error}") from error
    return entries


def _other_exif(file: BinaryIO) -> Image.Exif:
    try:
        with Image.open(file) as picture:
            return picture.getexif()
    except Image.UnidentifiedImageError as error:
        raise _Damaged("is not a picture, or of a kind that is not known") from error
    except Exception as error:  # Pillow raises whatever damaged bytes lead to
        raise _Damaged(f"is damaged: {error}") from error


def _exif_texts(entries: Image.Exif) -> dict[str, str]:
    try:
        tags = {**entries, **entries.get_ifd(_EXIF_IFD)}
    except Exception as error:  # Pillow raises whatever damaged bytes lead to
        raise _Damaged(f"has damaged EXIF data: {error}") from error
    return dict(_exif_text(tag, value) for tag, value in tags.items() if isinstance(value, str | bytes))


def _exif_text(tag: int, value: str | bytes) -> tuple[str, str]:
    # Pillow reads as Latin-1 what most programs write as UTF-8.
    text = _comment(value) if isinstance(value, bytes) else _decode(value.encode("latin-1", "replace"))
    text = text.rstrip("\0")
    named = _NAMED_TEXT.fullmatch(text)
    if named and tag != _USER_COMMENT:
        key = named[1].lower() if named[1].lower() in ("prompt", "workflow") else named[1]
        return key, named[2]
    return ("UserComment" if tag == _USER_COMMENT else TiffTags.lookup(tag).name), text


def _comment(value: bytes) -> str:
    charset, text = value[:8], value[8:]
    if charset == b"UNICODE\0":
        # The byte order is not stored; of text in Western script the zero bytes tell it.
        return text.decode(
            "utf-16-be" if text[::2].count(0) >= text[1::2].count(0) else "utf-16-le", "replace"
        )
    return _decode(text if charset in (b"ASCII\0\0\0", bytes(8)) else value)
