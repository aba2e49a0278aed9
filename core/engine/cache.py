"""Results kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.engine.signature import Signature
from core.events import Ui


@dataclass(frozen=True, slots=True)
class Result:
    """What a node gave.

    Attributes:
        outputs: For each output its items: one, unless the node ran over a list or gave one.
        shown: What it wants displayed, None for most.
    """

    outputs: tuple[list[object], ...]
    shown: Ui | None = None


class Cache(Protocol):
    """A policy of what to keep."""

    def begin(self, signatures: Mapping[str, Signature]) -> None:
        """A prompt is about to run whose nodes have these signatures."""
        ...

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature."""
        ...

    def put(self, signature: Signature, result: Result, owner: str | None = None) -> None:
        """Offers a result for keeping.

        Args:
            owner: For an ephemeral node, the node of the prompt whose expansion it comes from.
        """
        ...


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

    def put(self, signature: Signature, result: Result, owner: str | None = None) -> None:
        """Keeps a result until a prompt comes that does not hold it."""
        self._results[signature] = result
        if owner is not None:
            self._owners[signature] = owner
            self._used.add(signature)
