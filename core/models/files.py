"""Weight files: their tensors by name, mapped rather than read; what cannot be trusted is refused."""

from __future__ import annotations

import ctypes
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import ModelError, WeightsMismatch

Tensors: TypeAlias = Mapping[str, Tensor]
Check: TypeAlias = Callable[[], None]

_PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")
_DISGUISES = (
    *((start, "it is a PyTorch pickle: give it the ending .ckpt") for start in _PICKLE_STARTS),
    (b"version https://git-lfs", "it is a Git LFS pointer: fetch the real file with `git lfs pull`"),
    (b"<!", "it is a web page: the download needs a login or a direct link"),
    (b"GGUF", "it is a GGUF file, which Darkroom does not read"),
)
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    IndexError,
)
_MADV_DONTNEED = 4


class Key(NamedTuple):
    """Which part of which file; a file that was replaced is another one."""

    path: Path
    size: int
    changed: int
    kind: str


def key_of(path: Path, kind: str) -> Key:
    """The key of a part of a file as it is now.

    Raises:
        ModelError: The file is gone.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read ({error.strerror}): {path}") from error
    return Key(path, facts.st_size, facts.st_mtime_ns, kind)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """An open weight file.

    Attributes:
        path: Where it lies.
        tensors: Its tensors; reading one reads that part of the file.
        metadata: The text its author stored with it.
    """

    path: Path
    tensors: Tensors
    metadata: Mapping[str, str]

    def trim(self) -> None:
        """Give back the memory of what was read of a mapped file; it is read again when asked for again."""
        # The system's own list of mappings: only pages that are a view of this very file may be given back.
        if sys.platform != "linux":
            return
        name = f" {self.path.resolve()}\n"
        with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as mappings:
            ranges = [line.split(" ", 1)[0].split("-") for line in mappings if line.endswith(name)]
        for start, end in ((int(low, 16), int(high, 16)) for low, high in ranges):
            ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def open_weights(path: Path) -> WeightFile:
    """The tensors of a weight file, none of them read yet.

    Raises:
        WeightsMismatch: The file is empty, cut off, or its header does not describe it.
        ModelError: The file cannot be read, is of another kind, or would run code when loaded.
    """
    try:
        if path.stat().st_size == 0:
            raise WeightsMismatch(f"{path.name} is empty: download it again")
        opened = _open_pickle(path) if is_pickle(path) else _open_safetensors(path)
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read ({error.strerror or error}): {path}") from error
    if not opened.tensors:
        raise WeightsMismatch(f"{path.name} holds no tensors")
    return opened


def open_again(key: Key) -> WeightFile:
    """The file of a key, which has to be the one it was.

    Raises:
        ModelError: It has changed, is gone, or cannot be read.
    """
    path = key.path
    if key_of(path, key.kind) != key:
        raise ModelError(f"{path.name} has changed since it was loaded: queue the workflow again")
    return open_weights(path)


def is_pickle(path: Path) -> bool:
    """Whether a weight file is in PyTorch's own format rather than safetensors.

    Safetensors is known by its content, whatever the file is called; pickles have to be named as such.

    Raises:
        WeightsMismatch: It is neither, and something that people mistake for weights.
    """
    with path.open("rb") as file:
        start = file.read(32)
    # Eight bytes of length, then JSON. The length may look like any of the other starts.
    if start[8:9] == b"{":
        return False
    is_named_so = path.suffix.lower() in _PICKLE_SUFFIXES
    if is_named_so and start.startswith(_PICKLE_STARTS):
        return True
    disguise = next((words for magic, words in _DISGUISES if start.lstrip().startswith(magic)), None)
    if disguise:
        raise WeightsMismatch(f"{path.name} is no weight file of the kind its name says: {disguise}")
    return is_named_so


def _open_safetensors(path: Path) -> WeightFile:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return WeightFile(path, tensors, file.metadata() or {})
    except SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise WeightsMismatch(
            f"{path.name} is damaged or was not downloaded whole ({reason}; {path.stat().st_size:,} bytes): "
            "download it again"
        ) from error


def _open_pickle(path: Path) -> WeightFile:
    return WeightFile(path, _tensors_in(read_pickle(path)), {})


def read_pickle(path: Path) -> Any:
    """What a pickle file holds, if that is tensors and plain data only; mapped where its layout allows it.

    Raises:
        WeightsMismatch: The file is damaged.
        ModelError: It would run code when loaded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Only the zip layout can be mapped; files older than PyTorch 1.6 are read as a whole.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except _UNREADABLE as error:
        if isinstance(error, pickle.UnpicklingError) and "unsupported global" in str(error).lower():
            raise ModelError(
                f"{path.name} holds more than tensors and would run code of its author when loaded; "
                "it was not loaded. Use its .safetensors version, or convert it in a place you trust"
            ) from error
        raise WeightsMismatch(
            f"{path.name} is damaged, was not downloaded whole, or is no PyTorch file: "
            "download it again, or use its .safetensors version"
        ) from error


def _tensors_in(content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        return {}
    for wrapper in ("state_dict", "params_ema", "params"):
        if isinstance(content.get(wrapper), dict):
            return _tensors_in(content[wrapper])
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def below(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, named without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
