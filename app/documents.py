"""A document that is open: its undo steps, its file, and what its runs show."""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.run_status import RunStatus
from core.errors import WorkflowError
from core.folders import Folders
from core.nodes.registry import Registry
from core.workflow.document import GraphDocument, Operation
from core.workflow.history import History


class OpenDocument(QObject):
    """A document with all that belongs to it while it is open. All edits by the user go through `do`.

    Args:
        name: What its tab is called while it has no file.
        key: Identifies it across restarts (recovery); made up if None.

    Attributes:
        run: What its nodes show of its runs.
        view: Where its canvas looks, as files say it in `extra.ds`; the canvas keeps it up to date. It is
            written when the document is saved, and is no part of what can be undone.

    Signals:
        edited: What an edit, undo or redo touched, as `core.workflow.document.Changed`.
        titled: Its name, file or dirty mark is another one.
        refused: An edit did not fit; the sentence to show.
        stepped: Undo and redo would do something else now.
    """

    edited = Signal(object)
    titled = Signal()
    refused = Signal(str)
    stepped = Signal()

    def __init__(
        self,
        document: GraphDocument,
        registry: Registry,
        folders: Folders,
        *,
        name: str = "Untitled",
        path: Path | None = None,
        key: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.key = key or uuid.uuid4().hex
        self.document = document
        self.history = History(document, on_step=self._tell_step)
        self.registry = registry
        self.folders = folders
        self.run = RunStatus(self)
        self.view: object = document.header.extra.get("ds")
        self._name = name
        self._path = path
        self._recovered = False
        self._was_dirty = False
        document.subscribe(self.edited.emit)

    @property
    def path(self) -> Path | None:
        """The file it was saved to or opened from as a workflow; None while it has none."""
        return self._path

    @property
    def name(self) -> str:
        """What its tab is called."""
        return self._path.name if self._path else self._name

    @property
    def is_dirty(self) -> bool:
        """Whether it holds edits that its file does not."""
        return self._recovered or not self.history.is_clean

    def do(self, operation: Operation, label: str, key: Hashable | None = None) -> bool:
        """Applies an edit as an undo step, or tells why it does not fit.

        Args:
            label: What the undo menu calls it.
            key: What consecutive edits of one gesture have in common; they become one step.
        """
        try:
            self.history.do(operation, label, key)
        except WorkflowError as error:
            self.refused.emit(str(error))
            return False
        return True

    def cancel(self, key: Hashable) -> bool:
        """Takes the edits of a gesture back for good, if nothing was done since. Whether it could."""
        return self.history.cancel(key)

    def undo(self) -> None:
        """Takes the last step back."""
        self.history.undo()

    def redo(self) -> None:
        """Takes the last undone step again."""
        self.history.redo()

    def mark_saved(self, path: Path) -> None:
        """Remembers the present state as that of the file."""
        self._path = path
        self._recovered = False
        self.history.mark_clean()
        self._was_dirty = False
        self.titled.emit()

    def mark_recovered(self) -> None:
        """It was brought back after a crash: dirty until it is saved."""
        self._recovered = True
        self._tell_dirty()

    def _tell_step(self) -> None:
        self._tell_dirty()
        self.stepped.emit()

    def _tell_dirty(self) -> None:
        if self.is_dirty != self._was_dirty:
            self._was_dirty = self.is_dirty
            self.titled.emit()
