"""Keeps networks in memory between runs, and makes room when another one needs it.

A `Handle` says which weights are meant and how to load them; it is light and may outlive the weights. Inside
`with handle.resident() as network` the network is on the compute device and stays there. Outside it may be
offloaded to the host or forgotten, the least recently used first, and is loaded again when it is next wanted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import nn

from core.errors import ModelError
from core.models.assemble import never
from core.models.files import Check
from core.models.memory import HOST, Memory, SystemMemory, choose_device, words

M = TypeVar("M", bound=nn.Module)

_WORKING_SPACE = 1024**3
"""Kept free beside the weights, for what a network computes."""


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
class Handle(Generic[M]):
    """Weights that are loaded when they are needed.

    Attributes:
        cache: Keeps them.
        key: What they are; handles of one key share them.
        size: Bytes of the weights in their compute type.
        load: Reads them onto a device; the check is called between tensors and may raise `Cancelled`.
    """

    cache: ModelCache
    key: Key
    size: int
    load: Callable[[torch.device, Check], M]

    @contextmanager
    def resident(self, check: Check = never) -> Generator[M]:
        """The network, on the compute device and held there until the block ends."""
        network = self.cache.acquire(self, check)
        try:
            yield network
        finally:
            self.cache.release(self.key)


@dataclass(slots=True)
class Entry:
    """A network that is in memory.

    Attributes:
        users: Blocks that hold it right now.
    """

    key: Key
    size: int
    network: nn.Module
    device: torch.device
    users: int = 0


def victims(entries: Iterable[Entry], device: torch.device, missing: int) -> list[Key]:
    """Which networks to remove from a device to gain `missing` bytes: idle ones, in the order given."""
    chosen: list[Key] = []
    for entry in entries:
        if missing <= 0:
            break
        if entry.device == device and not entry.users:
            chosen.append(entry.key)
            missing -= entry.size
    return chosen


class ModelCache:
    """Networks in memory, shared by all runs of a process. Safe to use from several threads.

    Args:
        device: Where networks compute: `auto`, `cpu`, `cuda`, `cuda:N`, `mps`, or a device.
        memory: Tells what is free.
    """

    def __init__(self, device: str | torch.device = "auto", memory: Memory | None = None) -> None:
        self.device = choose_device(device) if isinstance(device, str) else device
        self._memory = memory or SystemMemory()
        self._entries: dict[Key, Entry] = {}  # least recently used first
        self._lock = threading.RLock()

    def acquire(self, handle: Handle[M], check: Check = never) -> M:
        """The network of a handle, on the compute device; each call wants one `release`.

        Raises:
            MemoryError: The host has no room for it, all idle networks evicted.
        """
        # One load at a time: two at once would each make room and then take it from the other.
        with self._lock:
            entry = self._entries.pop(handle.key, None) or self._load(handle, check)
            self._entries[handle.key] = entry
            entry.users += 1
            try:
                if entry.device != self.device:
                    self._make_room(self.device, entry.size)
                    self._move(entry, self.device)
            except BaseException:
                entry.users -= 1
                raise
            network: Any = entry.network
            return network

    def release(self, key: Key) -> None:
        """End one use of a network; it stays where it is until room is needed."""
        with self._lock:
            self._entries[key].users -= 1

    def evict_idle(self) -> int:
        """Forget every network that is not in use; gives the bytes that became free."""
        with self._lock:
            idle = [entry.key for entry in self._entries.values() if not entry.users]
            return sum(self._forget(key) for key in idle)

    def room(self, device: torch.device) -> int:
        """Bytes that may be taken on a device besides the networks that are there."""
        return self._memory.free(device) - _WORKING_SPACE

    def entries(self) -> tuple[Entry, ...]:
        """What is in memory, least recently used first."""
        with self._lock:
            return tuple(self._entries.values())

    def _load(self, handle: Handle[Any], check: Check) -> Entry:
        self._make_room(self.device, handle.size)
        return Entry(handle.key, handle.size, handle.load(self.device, check), self.device)

    def _make_room(self, device: torch.device, size: int) -> None:
        missing = size - self.room(device)
        gained = sum(self._evict(key) for key in victims(self._entries.values(), device, missing))
        if device == HOST and self._memory.free(HOST) < size:
            raise MemoryError(
                f"the model needs {words(size)}; {words(self._memory.free(HOST))} are free after evicting "
                f"{words(gained)} of other models: close other programs or choose a smaller model"
            )

    def _evict(self, key: Key) -> int:
        """Remove a network from where it is; gives the bytes that became free there."""
        entry = self._entries[key]
        if entry.device == HOST or self.room(HOST) < entry.size:
            return self._forget(key)
        self._move(entry, HOST)
        return entry.size

    def _move(self, entry: Entry, device: torch.device) -> None:
        entry.network.to(device)
        left, entry.device = entry.device, device
        _hand_back(left)

    def _forget(self, key: Key) -> int:
        entry = self._entries.pop(key)
        size, left = entry.size, entry.device
        # Nothing may hold the weights when PyTorch is asked to give them back.
        del entry
        _hand_back(left)
        return size


def _hand_back(device: torch.device) -> None:
    """Let other programs have what PyTorch keeps in reserve."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
