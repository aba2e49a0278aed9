"""Results kept from run to run."""

from __future__ import annotations

from collections.abc import Collection
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

    def begin(self, signatures: Collection[Signature]) -> None:
        """A prompt whose nodes have these signatures is about to run."""
        ...

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature."""
        ...

    def put(self, signature: Signature, result: Result) -> None:
        """Offers a result for keeping."""
        ...


class ClassicCache:
    """Keeps the results of the latest prompt and nothing else."""

    def __init__(self) -> None:
        self._results: dict[Signature, Result] = {}

    def begin(self, signatures: Collection[Signature]) -> None:
        """Drops what the new prompt does not hold."""
        for gone in self._results.keys() - set(signatures):
            del self._results[gone]

    def get(self, signature: Signature) -> Result | None:
        """The result kept under a signature."""
        return self._results.get(signature)

    def put(self, signature: Signature, result: Result) -> None:
        """Keeps a result until a prompt comes that does not hold it."""
        self._results[signature] = result
