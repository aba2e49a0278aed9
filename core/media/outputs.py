"""Writing results: their names, and files that are whole or not there at all."""

from __future__ import annotations

import errno
import itertools
import os
import re
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, TypedDict

from core.errors import DarkroomError, InputError
from core.folders import Folders, inner_parts

Writer: TypeAlias = Callable[[BinaryIO], object]

_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[1-9¹²³]|lpt[1-9¹²³])(\..*)?$", re.IGNORECASE
)
_FORBIDDEN: Final = re.compile(r"[\0-\x1f\ud800-\udfff]")
_FORBIDDEN_ON_WINDOWS: Final = re.compile(r'[\0-\x1f\ud800-\udfff<>:"|?*]')
_BATCH: Final = "%batch_num%"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class SavedFile(TypedDict):
    """Where a result lies, in the words of ComfyUI; `type` is `output` or `temp`."""

    filename: str
    subfolder: str
    type: str


def path_of(saved: SavedFile, folders: Folders) -> Path:
    """The file that was saved."""
    return folders.directory(saved["type"]) / saved["subfolder"] / saved["filename"]


def save_files(
    folder: Path,
    kind: str,
    prefix: str,
    suffix: str,
    writers: Iterable[Writer],
    size: tuple[int, int] = (0, 0),
) -> list[SavedFile]:
    """Where the files went, one per writer: `<prefix>_00001_<suffix>` and so on after the highest there is.

    A file appears under its name only when it is complete, and never in the place of another, even if two
    runs save at once.

    Args:
        kind: `output` or `temp`, for the answer.
        prefix: Subfolders and the beginning of the name. `%width%`, `%height%`, `%year%`, `%month%`, `%day%`,
            `%hour%`, `%minute%`, `%second%` and `%batch_num%` are filled in.
        size: Width and height, for the prefix.

    Raises:
        InputError: The prefix leads out of the folder or is no name that every system allows.
        DarkroomError: The disk is full, or the folder cannot be written.
    """
    parts = _parts(_fill(prefix, size))
    subfolder, name = "/".join(parts[:-1]), parts[-1] if parts else ""
    target = folder.joinpath(subfolder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        numbers = itertools.count(_highest(target, name) + 1)
        saved: list[SavedFile] = []
        for index, write in enumerate(writers):
            start = name.replace(_BATCH, str(index))
            filename = _save(target, write, (f"{start}_{number:05}_{suffix}" for number in numbers))
            saved.append({"filename": filename, "subfolder": subfolder, "type": kind})
    except OSError as error:
        raise DarkroomError(_reason(error, target)) from error
    return saved


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that there is the old one or the new one at any moment.

    Raises:
        DarkroomError: The disk is full, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _written_part(path.parent, lambda file: file.write(data)) as part:
            part.replace(path)
    except OSError as error:
        raise DarkroomError(_reason(error, path)) from error


def _fill(prefix: str, size: tuple[int, int]) -> str:
    now = datetime.now()
    values = {"%width%": str(size[0]), "%height%": str(size[1]), "%year%": f"{now.year:04}"}
    values |= {
        f"%{unit}%": f"{getattr(now, unit):02}" for unit in ("month", "day", "hour", "minute", "second")
    }
    for word, value in values.items():
        prefix = prefix.replace(word, value)
    return prefix


def _parts(prefix: str) -> list[str]:
    parts = inner_parts(prefix, input="filename_prefix")
    forbidden = _FORBIDDEN_ON_WINDOWS if os.name == "nt" else _FORBIDDEN
    for part in parts:
        if _RESERVED.match(part) or forbidden.search(part):
            raise InputError(
                f"{part!r} in the prefix {prefix!r} cannot name a file; use another word",
                input="filename_prefix",
            )
    return parts


def _highest(folder: Path, name: str) -> int:
    words = r"\d+".join(re.escape(word) for word in name.split(_BATCH))
    numbered = re.compile(rf"{words}_(\d{{1,18}})_")
    matches = (numbered.match(entry.name) for entry in os.scandir(folder))
    return max((int(match[1]) for match in matches if match), default=0)


def _save(folder: Path, write: Writer, names: Iterator[str]) -> str:
    """The first of the names that is free, under which the file now is."""
    with _written_part(folder, write) as part:
        return next(name for name in names if _give_name(part, folder / name))


@contextmanager
def _written_part(folder: Path, write: Writer) -> Generator[Path]:
    """A complete file to be renamed; it is gone afterwards."""
    part = folder / f".{uuid.uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def _give_name(part: Path, path: Path) -> bool:
    """Whether a complete file has that name now; if not, another one had it before.

    A hidden file holds the name meanwhile: an empty one under the name itself would stay if the process were
    killed in between.
    """
    held = path.with_name(f".{path.name}.part")
    try:
        held.open("xb").close()
    except FileExistsError:
        return False
    try:
        if path.exists() or path.is_symlink():
            return False
        part.replace(path)
    finally:
        held.unlink()
    return True


def _reason(error: OSError, place: Path) -> str:
    if error.errno in _FULL:
        return f"the disk that holds {place} is full, so this was not saved; make room and try again"
    return f"this cannot be saved in {place}: {error.strerror or error}"
