"""Keeps networks in memory between runs, and makes room when another one needs it.

A `Handle` says which weights are meant and how to load them; it is light and may outlive the weights. Inside
`with handle.resident() as network` the network is on the compute device and stays there, with the patches of
the handle. Outside it may be offloaded to the host or forgotten, the least recently used first, and is loaded
again when it is next wanted. Handles that differ in their patches alone take turns with one network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from core.models import patches
from core.models.assemble import never
from core.models.files import Check, Key
from core.models.memory import HOST, Memory, SystemMemory, start_device, words
from core.models.patches import Patch, Restore

M = TypeVar("M", bound=nn.Module)

_WORKING_SPACE = 1024**3
"""Kept free beside the weights, for what a network computes."""


class Version(NamedTuple):
    """A network as it is used: what it was loaded from, and what is changed in it."""

    key: Key
    patches: tuple[Patch, ...]


@dataclass(frozen=True, slots=True)
class Handle(Generic[M]):
    """Weights that are loaded when they are needed.

    Attributes:
        cache: Keeps them.
        key: What they are; handles of one key share them.
        size: Bytes of the weights in their compute type.
        load: Reads them onto a device; the check is called between tensors and may raise `Cancelled`.
        restore: Reads some of them again.
        tensors: Their names and shapes, without values.
        origins: What they are called in their file, as far as each is a tensor there.
        patches: What is changed in them, in this order.
    """

    cache: ModelCache
    key: Key
    size: int
    load: Callable[[torch.device, Check], M]
    restore: Restore = field(repr=False)
    tensors: Mapping[str, Tensor] = field(compare=False, repr=False)
    origins: Mapping[str, str] = field(compare=False, repr=False)
    patches: tuple[Patch, ...] = ()

    @property
    def version(self) -> Version:
        """What is found in memory or made."""
        return Version(self.key, self.patches)

    def patched(self, patch: Patch) -> Handle[M]:
        """The same weights, changed by one more patch; themselves where it has no targets."""
        return replace(self, patches=(*self.patches, patch)) if patch.targets else self

    @contextmanager
    def resident(self, check: Check = never) -> Generator[M]:
        """The network, on the compute device and held there until the block ends."""
        network = self.cache.acquire(self, check)
        try:
            yield network
        finally:
            self.cache.release(self.version)


@dataclass(slots=True)
class Entry:
    """A network that is in memory.

    Attributes:
        users: Blocks that hold it right now.
        patches: What is changed in it.
    """

    key: Key
    size: int
    network: nn.Module
    device: torch.device
    users: int = 0
    patches: tuple[Patch, ...] = ()

    @property
    def version(self) -> Version:
        """What it is kept under."""
        return Version(self.key, self.patches)


def victims(entries: Iterable[Entry], device: torch.device, missing: int) -> list[Version]:
    """Which networks to remove from a device to gain `missing` bytes: idle ones, in the order given."""
    chosen: list[Version] = []
    for entry in entries:
        if missing <= 0:
            break
        if entry.device == device and not entry.users:
            chosen.append(entry.version)
            missing -= entry.size
    return chosen


class ModelCache:
    """Networks in memory, shared by all runs of a process. Safe to use from several threads.

    Args:
        device: Where networks compute: `auto`, `cpu`, `cuda`, `cuda:N`, `mps`, or a device.
        memory: Tells what is free.
    """

    def __init__(self, device: str | torch.device = "auto", memory: Memory | None = None) -> None:
        self.device = start_device(device) if isinstance(device, str) else device
        self._memory = memory or SystemMemory()
        self._entries: dict[Version, Entry] = {}  # least recently used first
        self._lock = threading.RLock()

    def acquire(self, handle: Handle[M], check: Check = never) -> M:
        """The network of a handle, on the compute device; each call wants one `release`.

        Raises:
            MemoryError: The host has no room for it, all idle networks evicted.
        """
        # One load at a time: two at once would each make room and then take it from the other.
        with self._lock:
            entry = self._entries.pop(handle.version, None) or self._make(handle, check)
            self._entries[handle.version] = entry
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

    def release(self, version: Version) -> None:
        """End one use of a network; it stays where it is until room is needed."""
        with self._lock:
            self._entries[version].users -= 1

    def evict_idle(self) -> int:
        """Forget every network that is not in use; gives the bytes that became free."""
        with self._lock:
            idle = [entry.version for entry in self._entries.values() if not entry.users]
            return sum(self._forget(version) for version in idle)

    def room(self, device: torch.device) -> int:
        """Bytes that may be taken on a device besides the networks that are there."""
        return self._memory.free(device) - _WORKING_SPACE

    def entries(self) -> tuple[Entry, ...]:
        """What is in memory, least recently used first."""
        with self._lock:
            return tuple(self._entries.values())

    def _make(self, handle: Handle[Any], check: Check) -> Entry:
        """The network with the patches of a handle; no entry holds it until all of them are in place."""
        other = next((e for e in self._entries.values() if e.key == handle.key and not e.users), None)
        entry = self._load(handle, check) if other is None else self._entries.pop(other.version)
        patches.replace(entry.network, entry.patches, handle.patches, handle.restore, entry.device, check)
        entry.patches = handle.patches
        return entry

    def _load(self, handle: Handle[Any], check: Check) -> Entry:
        self._make_room(self.device, handle.size)
        return Entry(handle.key, handle.size, handle.load(self.device, check), self.device)

    def _make_room(self, device: torch.device, size: int) -> None:
        missing = size - self.room(device)
        gained = sum(self._evict(version) for version in victims(self._entries.values(), device, missing))
        if device == HOST and self._memory.free(HOST) < size:
            raise MemoryError(
                f"the model needs {words(size)}; {words(self._memory.free(HOST))} are free after evicting "
                f"{words(gained)} of other models: close other programs or choose a smaller model"
            )

    def _evict(self, version: Version) -> int:
        """Remove a network from where it is; gives the bytes that became free there."""
        entry = self._entries[version]
        if entry.device == HOST or self.room(HOST) < entry.size:
            return self._forget(version)
        self._move(entry, HOST)
        return entry.size

    def _move(self, entry: Entry, device: torch.device) -> None:
        entry.network.to(device)
        left, entry.device = entry.device, device
        _hand_back(left)

    def _forget(self, version: Version) -> int:
        entry = self._entries.pop(version)
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
