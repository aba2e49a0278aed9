"""Undo and redo."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from core.workflow.document import Batch, GraphDocument, Operation, Patch

_LIMIT: Final = 1000


@dataclass(slots=True)
class _Step:
    label: str
    key: Hashable | None
    operations: list[Operation]

    def add(self, inverse: Operation) -> None:
        """One more edit of the same gesture. An edit of the same records needs no inverse of its own."""
        last = self.operations[-1]
        if not (isinstance(last, Patch) and last.covers(inverse)):
            self.operations.append(inverse)

    def inverse(self) -> Operation:
        return Batch(tuple(reversed(self.operations)))


class History:
    """The steps that lead from a document's first state to its present one.

    Args:
        limit: Number of steps that are kept; older ones can no longer be undone.
        on_step: Called when other steps than before can be undone or redone.
    """

    def __init__(
        self, document: GraphDocument, limit: int = _LIMIT, on_step: Callable[[], None] | None = None
    ) -> None:
        self._document = document
        self._limit = limit
        self._on_step = on_step or (lambda: None)
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._dropped = 0
        self._clean: int | None = 0
        self._merging = False

    @property
    def undo_labels(self) -> list[str]:
        """Names of the steps that can be undone, the next one first."""
        return [step.label for step in reversed(self._undo)]

    @property
    def redo_labels(self) -> list[str]:
        """Names of the steps that can be redone, the next one first."""
        return [step.label for step in reversed(self._redo)]

    @property
    def is_clean(self) -> bool:
        """Whether the document is as it was when it was last marked clean."""
        return self._clean == self._position

    def do(self, operation: Operation, label: str, key: Hashable | None = None) -> None:
        """Applies an edit as a step of its own, or as part of the last step if that has the same key.

        An edit that changes nothing is no step.

        Args:
            label: What the user reads: `Move node`.
            key: What consecutive edits of one gesture have in common: `("seed", node id)`.

        Raises:
            WorkflowError: The edit does not fit; nothing has changed.
        """
        inverse = self._document.apply(operation)
        if inverse.is_void(self._document):
            return
        self._forget_redo()
        if key is not None and self._merging and self._undo and self._undo[-1].key == key:
            self._undo[-1].add(inverse)
        else:
            self._undo.append(_Step(label, key, [inverse]))
            self._drop_oldest()
        self._merging = True
        self._on_step()

    def stop_merging(self) -> None:
        """Ends the gesture: the next edit is a step of its own. One that led nowhere is no step."""
        was_merging, self._merging = self._merging, False
        if was_merging and self._undo and self._undo[-1].inverse().is_void(self._document):
            self._undo.pop()
            self._on_step()

    def cancel(self, key: Hashable) -> bool:
        """Takes the last step back for good if it is the gesture of that key. Whether it was."""
        if not self._merging or not self._undo or self._undo[-1].key != key:
            return False
        self._document.apply(self._undo[-1].inverse())
        self._undo.pop()
        self._merging = False
        self._on_step()
        return True

    def mark_clean(self) -> None:
        """Remembers the present state as the saved one."""
        self._clean = self._position
        self._merging = False

    def undo(self) -> bool:
        """Whether there was a step to undo."""
        return self._turn(self._undo, self._redo)

    def redo(self) -> bool:
        """Whether there was a step to redo."""
        return self._turn(self._redo, self._undo)

    @property
    def _position(self) -> int:
        return self._dropped + len(self._undo)

    def _turn(self, source: list[_Step], target: list[_Step]) -> bool:
        self._merging = False
        if not source:
            return False
        step = source[-1]
        inverse = self._document.apply(step.inverse())
        source.pop()
        target.append(_Step(step.label, step.key, [inverse]))
        self._on_step()
        return True

    def _forget_redo(self) -> None:
        if self._clean is not None and self._clean > self._position:
            self._clean = None  # the saved state can no longer be reached
        self._redo.clear()

    def _drop_oldest(self) -> None:
        if len(self._undo) > self._limit:
            del self._undo[0]
            self._dropped += 1
