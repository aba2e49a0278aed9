"""Opening, saving and closing documents as the user asks for it, with the questions that this takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.documents import OpenDocument
from app.session import Session
from app.ui.drops import OPENED
from app.ui.messages import ask, ask_unsaved

_OPENED: Final = f"Workflows and pictures ({' '.join(f'*{suffix}' for suffix in OPENED)});;All files (*)"
_SAVED: Final = "Workflows (*.json)"


class FileCommands(QObject):
    """What the file menu does.

    Args:
        window: What the dialogs belong to.

    Signals:
        all_settled: The user was asked about unsaved changes, and none need to be kept any more.
        dialog_opened: A dialog or a box that has just been opened.
    """

    all_settled = Signal()
    dialog_opened = Signal(object)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._awaited: set[str] = set()
        self._then: Callable[[], object] | None = None
        session.saved.connect(self._on_saved)
        session.conflict.connect(self._on_conflict)
        session.reported.connect(self._give_up)

    def open(self, paths: Iterable[Path]) -> None:
        """Opens files, each in its tab."""
        for path in paths:
            self._session.open_file(path)

    def choose(self) -> None:
        """Asks which files to open."""
        dialog = QFileDialog(self._window, "Open", self._folder(), _OPENED)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._open_chosen)
        self._show(dialog)

    def save(self, opened: OpenDocument) -> None:
        """Saves a document to its file, or asks for one."""
        if opened.path:
            self._session.save(opened)
        else:
            self.save_as(opened)

    def save_as(self, opened: OpenDocument) -> None:
        """Asks for a file and saves a document there."""
        start = opened.path or Path(self._folder()) / f"{Path(opened.name).stem}.json"
        self._ask_where(f"Save {opened.name}", start, partial(self._session.save, opened))

    def export_prompt(self, opened: OpenDocument) -> None:
        """Asks for a file and writes there what a run would run."""
        start = Path(self._folder()) / f"{Path(opened.name).stem}_api.json"
        self._ask_where("Export Prompt (API)", start, partial(self._session.export_prompt, opened))

    def close(self, opened: OpenDocument) -> None:
        """Closes a document, and asks first if that would lose changes."""
        if opened.is_dirty:
            self._ask_unsaved([opened], partial(self._session.close, opened))
        else:
            self._session.close(opened)

    def settle_all(self) -> bool:
        """Whether no document has unsaved changes. If some have, asks once about all of them."""
        dirty = [opened for opened in self._session.documents if opened.is_dirty]
        if dirty:
            self._ask_unsaved(dirty, self.all_settled.emit)
        return not dirty

    def _ask_unsaved(self, dirty: list[OpenDocument], then: Callable[[], object]) -> None:
        def save() -> None:
            self._awaited = {opened.key for opened in dirty}
            self._then = then
            for opened in dirty:
                self.save(opened)

        def discard() -> None:
            for opened in dirty:
                self._session.discard_changes(opened)
            then()

        names = [opened.name for opened in dirty]
        self.dialog_opened.emit(ask_unsaved(self._window, names, save, discard))

    def _on_saved(self, opened: OpenDocument) -> None:
        """Goes on with what waits for this, once all are saved."""
        self._awaited.discard(opened.key)
        if self._then and not self._awaited:
            then, self._then = self._then, None
            then()

    def _give_up(self, *_: object) -> None:
        """A document could not be saved, or the user does not want it any more: nothing is closed."""
        self._awaited.clear()
        self._then = None

    def _on_conflict(self, opened: OpenDocument, path: Path) -> None:
        role = QMessageBox.ButtonRole
        box = ask(
            self._window,
            f"Another program has changed {path.name}.",
            "Saving would write over those changes.",
            (
                ("Save As...", role.AcceptRole, partial(self.save_as, opened)),
                ("Write Over", role.DestructiveRole, partial(self._session.save, opened, overwrite=True)),
                ("Cancel", role.RejectRole, self._give_up),
            ),
        )
        self.dialog_opened.emit(box)

    def _ask_where(self, title: str, start: Path, then: Callable[[Path], object]) -> None:
        dialog = QFileDialog(self._window, title, str(start), _SAVED)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")

        def chosen(name: str) -> None:
            then(Path(name))

        dialog.fileSelected.connect(chosen)
        dialog.rejected.connect(self._give_up)
        self._show(dialog)

    def _open_chosen(self, names: list[str]) -> None:
        self.open(Path(name) for name in names)

    def _show(self, dialog: QFileDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self.dialog_opened.emit(dialog)

    def _folder(self) -> str:
        """Where dialogs start: beside the present document, or the last one that had a file."""
        opened = self._session.current
        files = [opened.path] if opened and opened.path else self._session.recent_files()
        return str(files[0].parent) if files else ""
