"""Results that took long to make, kept in files: they outlive the program."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from core.engine.cache import Cache, Made, Result
from core.engine.signature import Signature
from core.errors import DarkroomError
from core.media.outputs import write_whole

_log = logging.getLogger(__name__)

_SUFFIX: Final = ".result"


class Codec(Protocol):
    """Turns the outputs of nodes into bytes and back."""

    def encode(self, outputs: tuple[list[object], ...]) -> bytes | None:
        """The outputs as bytes; None if they hold something that cannot be stored, such as a model."""
        ...

    def decode(self, data: bytes) -> tuple[list[object], ...]:
        """The outputs again.

        Raises:
            ValueError: The bytes are damaged.
        """
        ...


def used(folder: Path) -> int:
    """Bytes that the stored results in a folder take."""
    return sum(facts.st_size for facts, _ in _stored(folder))


def clear(folder: Path) -> None:
    """Deletes the stored results in a folder; those that cannot be deleted stay."""
    for _, file in _stored(folder):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("A stored result could not be deleted: %s: %s", file, error)


def _stored(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    """The files of results, which others may delete meanwhile."""
    for file in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):
            yield file.stat(), file


class DiskCache:
    """Another cache, and behind it a folder that may be emptied at any time.

    Args:
        first: Is asked first, and keeps what was read.
        most: Bytes that the files may take; what was not used for longest goes first.
        stack: What results depend on beside their signatures: versions, device, precision.
        least_seconds: Nodes that were quicker are not worth a file.
    """

    def __init__(
        self,
        first: Cache,
        folder: Path,
        codec: Codec,
        *,
        most: int,
        stack: str,
        least_seconds: float = 0.5,
    ) -> None:
        self._first = first
        self._folder = folder
        self._codec = codec
        self._most = most
        self._stack = stack.encode()
        self._least_seconds = least_seconds
        self._names = {file.name for file in folder.glob(f"*{_SUFFIX}")}

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """A prompt is about to run whose nodes have these signatures."""
        self._first.begin(signatures)

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature, in memory or in a file."""
        return self._first.get(signature) or self._read(signature)

    def put(self, signature: Signature, result: Result, made: Made) -> None:
        """Offers a result for keeping; in a file as well if it took long and will do for ever."""
        self._first.put(signature, result, made)
        if made.lasting and made.seconds >= self._least_seconds and result.shown is None:
            self._write(signature, result)

    def end(self) -> None:
        """The prompt has run."""
        self._first.end()

    def _file(self, signature: Signature) -> Path:
        return self._folder / (hashlib.blake2b(self._stack + signature, digest_size=20).hexdigest() + _SUFFIX)

    def _read(self, signature: Signature) -> Result | None:
        file = self._file(signature)
        if file.name not in self._names:
            return None
        try:
            data = file.read_bytes()
            os.utime(file)
            result = Result(self._codec.decode(data))
        except FileNotFoundError:
            self._names.discard(file.name)
            return None
        except (OSError, ValueError) as error:
            _log.warning("A stored result cannot be used and is made anew: %s: %s", file, error)
            self._forget(file)
            return None
        self._first.put(signature, result, Made(lasting=True))
        return result

    def _write(self, signature: Signature, result: Result) -> None:
        data = self._codec.encode(result.outputs)
        if data is None or len(data) > self._most:
            return
        file = self._file(signature)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(data))
            write_whole(file, data)
        except (OSError, DarkroomError) as error:
            _log.warning("A result could not be stored in %s: %s", self._folder, error)
            return
        self._names.add(file.name)

    def _make_room(self, size: int) -> None:
        files = list(_stored(self._folder))
        used = sum(facts.st_size for facts, _ in files)
        for facts, file in sorted(files, key=lambda entry: entry[0].st_mtime_ns):
            if used + size <= self._most:
                return
            self._forget(file)
            used -= facts.st_size

    def _forget(self, file: Path) -> None:
        self._names.discard(file.name)
        file.unlink(missing_ok=True)
