"""Results kept from run to run."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Final, NamedTuple, Protocol

from core.engine.signature import Signature
from core.events import Ui

_HOST: Final = "host"
_DEVICE: Final = "device"
_ENTRY: Final = 1000
"""Bytes that a result takes besides its tensors, about."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a node gave.

    Attributes:
        outputs: For each output its items: one, unless the node ran over a list or gave one.
        shown: What it wants displayed, None for most.
    """

    outputs: tuple[list[object], ...]
    shown: Ui | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """How a result came to be.

    Attributes:
        owner: For an ephemeral node, the node of the prompt whose expansion it comes from.
        seconds: How long the node worked.
        lasting: The same inputs will give it again, next year as well, and nothing else came of it.
    """

    owner: str | None = None
    seconds: float = 0.0
    lasting: bool = False


class Cache(Protocol):
    """A policy of what to keep."""

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """A prompt is about to run whose nodes have these signatures."""
        ...

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature."""
        ...

    def put(self, signature: Signature, result: Result, made: Made) -> None:
        """Offers a result for keeping."""
        ...

    def end(self) -> None:
        """The prompt has run."""
        ...


class NoCache:
    """Keeps nothing from prompt to prompt; in one prompt equal nodes still run once."""

    def __init__(self) -> None:
        self._results: dict[Signature, Result] = {}

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """Does nothing: there is nothing left from before."""

    def get(self, signature: Signature) -> Result | None:
        """The result of an equal node of the same prompt."""
        return self._results.get(signature)

    def put(self, signature: Signature, result: Result, made: Made) -> None:
        """Keeps a result until the prompt has run."""
        self._results[signature] = result

    def end(self) -> None:
        """Lets go of everything."""
        self._results.clear()


class ClassicCache:
    """Keeps the results of the latest prompt and nothing else.

    Ephemeral nodes are not known when a prompt begins. Theirs are kept while the prompt holds the node they
    stand for, until that has expanded into others.
    """

    def __init__(self) -> None:
        self._results: dict[Signature, Result] = {}
        self._owners: dict[Signature, str] = {}
        self._used: set[Signature] = set()

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """Drops what the new prompt does not hold."""
        expanded = {self._owners[signature] for signature in self._used}
        wanted = set(signatures.values())
        wanted |= {
            signature
            for signature, owner in self._owners.items()
            if owner in signatures and (signature in self._used or owner not in expanded)
        }
        for gone in self._results.keys() - wanted:
            del self._results[gone]
            self._owners.pop(gone, None)
        self._used.clear()

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature."""
        if signature in self._owners:
            self._used.add(signature)
        return self._results.get(signature)

    def put(self, signature: Signature, result: Result, made: Made) -> None:
        """Keeps a result until a prompt comes that does not hold it."""
        self._results[signature] = result
        if made.owner is not None:
            self._owners[signature] = made.owner
            self._used.add(signature)

    def end(self) -> None:
        """Does nothing: the next prompt decides."""


class LruCache:
    """Keeps results of any prompt until memory is short; what was not used for longest goes first.

    Args:
        host: Bytes that tensors may take on the host.
        device: Bytes that they may take on all other devices together.
    """

    def __init__(self, host: int, device: int) -> None:
        self._most = {_HOST: host, _DEVICE: device}
        self._held = {_HOST: 0, _DEVICE: 0}
        self._results: OrderedDict[Signature, Result] = OrderedDict()
        self._users: Counter[Block] = Counter()

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """Does nothing: other prompts may come back."""

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature, which counts as used now."""
        result = self._results.get(signature)
        if result is not None:
            self._results.move_to_end(signature)
        return result

    def put(self, signature: Signature, result: Result, made: Made) -> None:
        """Keeps a result, unless it is too large, and lets go of others until it fits."""
        self._drop(signature)
        blocks = set(_blocks(result.outputs))
        if any(sum(b.size for b in blocks if b.place == place) > most for place, most in self._most.items()):
            return
        self._results[signature] = result
        for block in blocks:
            self._users[block] += 1
            if self._users[block] == 1:
                self._held[block.place] += block.size
        while any(self._held[place] > most for place, most in self._most.items()):
            self._drop(next(iter(self._results)))

    def end(self) -> None:
        """Does nothing: what fits stays."""

    def _drop(self, signature: Signature) -> None:
        result = self._results.pop(signature, None)
        for block in set(_blocks(result.outputs)) if result is not None else ():
            self._users[block] -= 1
            if not self._users[block]:
                del self._users[block]
                self._held[block.place] -= block.size


class Block(NamedTuple):
    """Memory that a result holds; results that pass on a tensor hold the same one."""

    identity: int
    place: str
    size: int


def _blocks(value: object, depth: int = 5) -> Iterator[Block]:
    """The tensors in a value. What only describes weights is no memory."""
    yield Block(id(value), _HOST, _ENTRY)
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    elif is_dataclass(value) and not isinstance(value, type):
        inner = (getattr(value, field.name) for field in fields(value))
    else:
        size, place = getattr(value, "nbytes", 0), getattr(getattr(value, "device", None), "type", "cpu")
        if isinstance(size, int) and size and place != "meta":
            yield Block(id(value), _HOST if place == "cpu" else _DEVICE, size)
        return
    if depth:
        for item in inner:
            if not isinstance(item, str | int | float | bool | None):
                yield from _blocks(item, depth - 1)
