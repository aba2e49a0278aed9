"""The documents that are open: opened, saved, closed, remembered, and brought back after a crash."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app import workflow_file
from app.crash import describe
from app.documents import OpenDocument
from app.journal import Facts, Journal, Recovered
from app.profile import Profile
from app.templates import own_templates
from app.workflow_file import Conflict, WorkflowFile, digest_of
from core.errors import DarkroomError
from core.folders import Folders
from core.media.outputs import write_whole
from core.nodes.registry import Registry
from core.workflow.comfy_json import read_document
from core.workflow.compile import compile_document
from core.workflow.document import GraphDocument
from core.workflow.json_text import parse_json
from core.workflow.operations import SetExtra
from core.workflow.prompt_json import write_prompt
from resources import READY_GRAPH

_log = logging.getLogger(__name__)

_RECENT: Final = 20
_TICK_MS: Final = 100
"""Edits are looked at this often; the journal has them on disk within half a second."""


@dataclass(slots=True)
class _Origin:
    """Where an open document came from.

    Attributes:
        file: What was read for it: its own file, or a picture; None for a new one.
        digest: What its own file held when it was read or written last. Only the thread changes it.
    """

    file: Path | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class _Saving:
    """A document that is being saved.

    Attributes:
        origin: Where it came from; it may be closed before it is written.
        document: Its records when it was asked for.
        view: Where its canvas looked then.
        checks: Nothing is written if another program has changed the file.
    """

    opened: OpenDocument
    origin: _Origin
    document: GraphDocument
    view: object
    path: Path
    checks: bool

    def seen(self) -> GraphDocument:
        """What the file is to hold: the document, with where its canvas looked."""
        if self.view == self.document.header.extra.get("ds"):
            return self.document
        result = self.document.snapshot()
        result.apply(SetExtra("ds", self.view))
        return result


class Session(QObject):
    """All open documents. Files are read and written on a thread; what becomes of it is told by signals.

    Attributes:
        documents: The open documents, in the order of their tabs.
        current: The document whose tab is in front; None while there is none.

    Signals:
        opened: A document that is open now; its tab goes to the end, and to the front.
        activated: A document that was asked for and is open already; its tab goes to the front.
        closed: A document that is open no longer.
        saved: A document that was written to its file.
        conflict: A document, and the path it was to be saved to, where another program has written meanwhile.
            Nothing was saved; `save(..., overwrite=True)` does it all the same.
        reported: A title and a list of sentences, to be shown to the user.
        recent_changed: The recent files are others, or some of them have come or gone.
        templates_found: The user's own templates, and files among them that cannot be used.
    """

    opened = Signal(object)
    activated = Signal(object)
    closed = Signal(object)
    saved = Signal(object)
    conflict = Signal(object, object)
    reported = Signal(str, object)
    recent_changed = Signal()
    templates_found = Signal(object, object)
    _done = Signal()

    def __init__(
        self, profile: Profile, registry: Registry, folders: Folders, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.documents: list[OpenDocument] = []
        self.current: OpenDocument | None = None
        self._profile = profile
        self._registry = registry
        self._folders = folders
        self._origins: dict[str, _Origin] = {}
        self._touched: set[str] = set()
        self._tick = QTimer(self, singleShot=True, interval=_TICK_MS)
        self._tick.timeout.connect(self._keep_touched)
        self._thread = ThreadPoolExecutor(1, "files")
        self._looker = ThreadPoolExecutor(1, "recent-files")
        self._results: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._take_result)
        self._done.connect(self._next.start, Qt.ConnectionType.QueuedConnection)
        self._journal = Journal(profile.recovery_dir, self._complain)
        self._recent = [Path(name) for name in _strings(_read_form(profile.recent_file).get("files"))]
        self._missing: frozenset[Path] = frozenset()
        self._kept_tabs: dict[str, Any] = {}

    # Opening

    def new(self) -> OpenDocument:
        """A new, empty document."""
        return self.open_document(GraphDocument())

    def open_ready_graph(self) -> None:
        """Opens the graph to begin with."""
        self.open_template(READY_GRAPH)

    def open_template(self, path: Path) -> None:
        """Opens a template, as a document without a file."""
        title = f"The template {path.stem} cannot be opened"
        self._submit(title, self._read_template, path, self.open_document)

    def read_template(self, path: Path, then: Callable[[GraphDocument], object]) -> None:
        """Reads a template without opening it; `then` gets it, later."""
        title = f"The template {path.stem} cannot be read"
        self._submit(title, self._read_template, path, then)

    def open_document(self, document: GraphDocument) -> OpenDocument:
        """Opens a document without a file."""
        return self._add(OpenDocument(document, self._registry, self._folders, name=self._free_name()))

    def open_workflow(self, workflow: object, name: str) -> None:
        """Opens a workflow in editor format, such as that of a job, as a document without a file."""
        self._submit(f"{name} cannot be opened", self._read_workflow, workflow, name)

    def open_file(self, path: Path) -> OpenDocument | None:
        """The document of a file that is open already; other files are read, and `opened` tells of them."""
        path = _plain(path)
        if there := self._find_file(path):
            self.activated.emit(there)
            return there
        self._submit(f"{path.name} cannot be opened", self._read, path, None)
        return None

    def restore(self, files: Iterable[Path] = ()) -> None:
        """Opens what was open when the program ended, brings back what a crash left, then opens the files.

        If there is nothing of all that, the ready graph is opened.
        """
        self.look_for_recent()
        self._submit("What was open cannot be brought back", self._restore, [_plain(file) for file in files])

    def find(self, key: str) -> OpenDocument | None:
        """The open document of that key."""
        return next((opened for opened in self.documents if opened.key == key), None)

    def make_current(self, opened: OpenDocument | None) -> None:
        """Tells which tab is in front."""
        self.current = opened
        self._touch()

    def move(self, opened: OpenDocument, index: int) -> None:
        """Gives a document another place among the tabs."""
        self.documents.remove(opened)
        self.documents.insert(index, opened)
        self._touch()

    # Saving and closing

    def save(self, opened: OpenDocument, path: Path | None = None, *, overwrite: bool = False) -> None:
        """Writes a document as it is now; `saved`, `conflict` or `reported` tells what became of it.

        Args:
            path: Another file than its own, which is the document's own from then on.
            overwrite: Write even if another program has changed the document's file.

        Raises:
            ValueError: It has no file, and none is given.
        """
        wanted = path or opened.path
        if wanted is None:
            raise ValueError("the document has no file yet")
        target = _plain(wanted)
        is_own = opened.path is not None and _plain(opened.path) == target
        title = f"{opened.name} cannot be saved" + ("" if is_own else f" as {target.name}")
        if not is_own and (reason := self._unfit(target)):
            self.reported.emit(title, [reason])
            return
        self._keep(opened)
        checks = is_own and not overwrite
        document, origin = opened.document.snapshot(), self._origins[opened.key]
        self._submit(title, self._save, _Saving(opened, origin, document, opened.view, target, checks))

    def export_prompt(self, opened: OpenDocument, path: Path) -> None:
        """Writes what a run of the document would run, in API format."""
        title = f"{opened.name} cannot be exported"
        target = _plain(path)
        if reason := self._unfit(target):
            self.reported.emit(title, [reason])
        else:
            self._submit(title, self._export, opened.document.snapshot(), target)

    def discard_changes(self, opened: OpenDocument) -> None:
        """The user wants none of its unsaved changes: they are not brought back. It stays open."""
        self._touched.discard(opened.key)
        self._journal.remove(opened.key)

    def close(self, opened: OpenDocument) -> None:
        """Closes a document; unsaved changes are lost."""
        self.discard_changes(opened)
        self.documents.remove(opened)
        del self._origins[opened.key]
        if self.current is opened:
            self.current = None
        self.closed.emit(opened)
        self._touch()
        opened.deleteLater()

    def shut_down(self) -> None:
        """Finishes what is being written, remembers the tabs and ends the threads.

        Unsaved changes that were not discarded come back with the next start.
        """
        self.settle()
        self._tick.stop()
        self._keep_touched()
        self._thread.shutdown()
        self._looker.shutdown()
        self._journal.close()

    def settle(self) -> None:
        """Waits for all files that are being read or written, and tells what became of them."""
        while True:
            self._thread.submit(lambda: None).result()
            if self._results.empty():
                return
            while not self._results.empty():
                self._take_result()

    # Files from elsewhere

    def import_input(self, path: Path, then: Callable[[str], object]) -> None:
        """Copies a file into the input folder and calls `then` with the name it has there."""
        title = f"{path.name} cannot be used as an input"
        self._submit(title, self._import, path, then)

    def recent_files(self) -> list[Path]:
        """Files opened or saved lately, the last one first."""
        return list(self._recent)

    def is_missing(self, path: Path) -> bool:
        """Whether a recent file was not there when `look_for_recent` looked."""
        return path in self._missing

    def look_for_recent(self) -> None:
        """Finds out, without waiting for slow disks, which recent files are there; `recent_changed` tells."""
        self._looker.submit(self._look, list(self._recent))

    def look_for_templates(self) -> None:
        """Finds out, without waiting for slow disks, what templates the user has; `templates_found` tells."""
        self._looker.submit(self._look_for_templates)

    # On the thread. Results come back by `_tell`.

    def _submit(self, title: str, work: Callable[..., object], *arguments: Any) -> None:
        self._thread.submit(self._work, title, work, arguments)

    def _work(self, title: str, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            work(*arguments)
        except DarkroomError as error:
            self._tell(self.reported.emit, title, [str(error)])
        except MemoryError:
            self._tell(self.reported.emit, title, ["Memory ran out; close other programs."])
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs this file, not the thread
            self._tell(self.reported.emit, title, [describe(error, self._profile.log_dir)])

    def _tell(self, function: Callable[..., object], *arguments: Any) -> None:
        self._results.put(partial(function, *arguments))
        self._done.emit()

    def _complain(self, sentence: str) -> None:
        _log.warning("%s", sentence)
        self._tell(self.reported.emit, sentence, [])

    def _read_template(self, path: Path, then: Callable[[GraphDocument], object]) -> None:
        self._tell(then, workflow_file.read(path, self._registry).document)

    def _read_workflow(self, workflow: object, name: str) -> None:
        self._tell(self._on_workflow_read, read_document(workflow, name).document, name)

    def _read(self, path: Path, key: str | None) -> None:
        read = workflow_file.read(path, self._registry)
        self._tell(self._on_read, read, path, key)

    def _restore(self, files: list[Path]) -> None:
        recovered, remarks = self._journal.recover()
        left = {entry.key: entry for entry in recovered}
        form = _read_form(self._profile.tabs_file)
        for key, file in _tabs(form.get("tabs")):
            if entry := left.pop(key, None):
                self._recover(entry)
            elif file is not None:
                self._work(f"{file.name} cannot be opened again", self._read, (file, key))
        for entry in left.values():
            self._recover(entry)
        for file in files:
            self._tell(self.open_file, file)
        self._tell(self._on_restored, [entry.facts.name for entry in recovered], remarks, form.get("current"))
        if not files:
            self._tell(self._open_something)

    def _recover(self, entry: Recovered) -> None:
        facts = entry.facts
        was_saved = entry.saving is not None and facts.path and digest_of(facts.path) == entry.saving
        self._tell(self._on_recovered, entry, entry.saving if was_saved else facts.digest)

    def _save(self, saving: _Saving) -> None:
        try:
            expected = saving.origin.digest if saving.checks else None
            begin = partial(self._journal.begin_save, saving.opened.key)
            digest = workflow_file.save(saving.seen(), saving.path, expected, begin)
        except Conflict:
            self._tell(self._on_conflict, saving.opened, saving.path)
            return
        saving.origin.digest = digest
        self._tell(self._on_saved, saving)

    def _export(self, document: GraphDocument, path: Path) -> None:
        compiled = compile_document(document, self._registry)
        write_whole(path, json.dumps(write_prompt(compiled.graph), indent=2).encode())

    def _import(self, path: Path, then: Callable[[str], object]) -> None:
        self._tell(then, workflow_file.import_input(path, self._folders.input))

    def _look(self, paths: list[Path]) -> None:
        missing = frozenset(path for path in paths if not os.path.isfile(path))  # noqa: PTH113 - raises nothing
        self._tell(self._on_looked, missing)

    def _look_for_templates(self) -> None:
        self._tell(self.templates_found.emit, *own_templates(self._profile.templates_dir))

    # Back on the GUI thread

    def _take_result(self) -> None:
        """One at a time: between files the window paints."""
        try:
            result = self._results.get_nowait()
        except Empty:
            return
        self._next.start()
        result()

    def _on_read(self, read: WorkflowFile, path: Path, key: str | None) -> None:
        if there := self._find_file(path):
            self.activated.emit(there)
            return
        opened = OpenDocument(
            read.document, self._registry, self._folders, name=read.name, path=read.path, key=key
        )
        self._remember_recent(path)
        self._add(opened, _Origin(path, read.digest))
        if read.remarks:
            self.reported.emit(f"{path.name} is open, but not all of it as it stands", read.remarks)

    def _on_workflow_read(self, document: GraphDocument, name: str) -> None:
        self._add(OpenDocument(document, self._registry, self._folders, name=name))

    def _on_recovered(self, recovered: Recovered, digest: str | None) -> None:
        facts = recovered.facts
        opened = OpenDocument(
            facts.document,
            self._registry,
            self._folders,
            name=facts.name,
            path=facts.path,
            key=recovered.key,
        )
        opened.mark_recovered()
        self._add(opened, _Origin(facts.path, digest))

    def _on_restored(self, recovered: list[str], remarks: list[str], current: object) -> None:
        if recovered:
            title = "Darkroom did not end as it should; these tabs have their unsaved changes back"
            self.reported.emit(title, recovered)
        if remarks:
            self.reported.emit("Some unsaved changes cannot be brought back", remarks)
        if isinstance(current, str) and (opened := self.find(current)):
            self.activated.emit(opened)

    def _open_something(self) -> None:
        if not self.documents:
            self.open_ready_graph()

    def _on_saved(self, saving: _Saving) -> None:
        opened, path = saving.opened, saving.path
        if opened not in self.documents:
            return
        self._origins[opened.key].file = path
        opened.mark_saved(path)
        if opened.document != saving.document:  # edited while it was being written
            opened.mark_recovered()
        self._remember_recent(path)
        self._touch(opened)
        self.saved.emit(opened)

    def _on_conflict(self, opened: OpenDocument, path: Path) -> None:
        if opened in self.documents:
            self.conflict.emit(opened, path)

    def _on_looked(self, missing: frozenset[Path]) -> None:
        if missing != self._missing:
            self._missing = missing
            self.recent_changed.emit()

    # What is kept

    def _unfit(self, path: Path) -> str:
        """Why nothing can be written to a file that is not the document's own; empty if it can."""
        if path.suffix.lower() != ".json":  # a slip of the pen must not cost a picture
            return f"Graphs are written to .json files, and {path.name} would be none."
        if self._find_file(path):
            return f"{path} is open in a tab. Close it first, or choose another name."
        return ""

    def _find_file(self, path: Path) -> OpenDocument | None:
        """The document that shows a file; one made from a picture does so until it is edited."""
        return next(
            (
                opened
                for opened in self.documents
                if self._origins[opened.key].file == path and (opened.path or not opened.is_dirty)
            ),
            None,
        )

    def _free_name(self) -> str:
        taken = {opened.name for opened in self.documents}
        names = ("Untitled" if number == 1 else f"Untitled {number}" for number in itertools.count(1))
        return next(name for name in names if name not in taken)

    def _add(self, opened: OpenDocument, origin: _Origin | None = None) -> OpenDocument:
        opened.setParent(self)
        self.documents.append(opened)
        self._origins[opened.key] = origin or _Origin()
        opened.edited.connect(partial(self._touch, opened))
        self.opened.emit(opened)
        self._touch(opened)
        return opened

    def _touch(self, opened: OpenDocument | None = None, _changed: object = None) -> None:
        """Something is to be kept. Whether a document is dirty shows only once the edit is over."""
        if opened is not None:
            self._touched.add(opened.key)
        if not self._tick.isActive():
            self._tick.start()

    def _keep_touched(self) -> None:
        for opened in self.documents:
            if opened.key in self._touched:
                self._keep(opened)
        self._touched.clear()
        tabs = [self._tab(opened) for opened in self.documents]
        form = {"tabs": tabs, "current": self.current.key if self.current else None}
        if form != self._kept_tabs:
            self._kept_tabs = form
            self._thread.submit(_write_form, self._profile.tabs_file, form)

    def _keep(self, opened: OpenDocument) -> None:
        if opened.is_dirty:
            digest = self._origins[opened.key].digest
            facts = Facts(opened.document.snapshot(), opened.name, opened.path, digest)
            self._journal.write(opened.key, facts)
        else:
            self._journal.remove(opened.key)

    def _tab(self, opened: OpenDocument) -> dict[str, str | None]:
        file = self._origins[opened.key].file
        return {"key": opened.key, "file": None if file is None else str(file)}

    def _remember_recent(self, path: Path) -> None:
        self._recent = [path, *(other for other in self._recent if other != path)][:_RECENT]
        self.recent_changed.emit()
        form = {"files": [str(file) for file in self._recent]}
        self._thread.submit(_write_form, self._profile.recent_file, form)


def _plain(path: Path) -> Path:
    """The one way in which the session writes a path. Links are not followed: the user named the link."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `absolute` leaves `..` in


def _read_form(file: Path) -> dict[str, Any]:
    """What one of the session's own files holds. None of them is worth a message if it does not."""
    try:
        form = parse_json(file.read_bytes(), str(file))
    except FileNotFoundError:
        return {}
    except (OSError, DarkroomError) as error:
        _log.warning("%s", error)
        return {}
    return form if isinstance(form, dict) else {}


def _write_form(file: Path, form: dict[str, Any]) -> None:
    try:
        write_whole(file, json.dumps(form, indent=1).encode())
    except DarkroomError as error:
        _log.warning("%s", error)


def _tabs(value: object) -> list[tuple[str, Path | None]]:
    """Key and file of each tab that the session's file names."""
    forms = [tab for tab in value if isinstance(tab, dict)] if isinstance(value, list) else []
    known = [(tab.get("key"), tab.get("file")) for tab in forms]
    return [(key, Path(f) if isinstance(f, str) else None) for key, f in known if isinstance(key, str)]


def _strings(value: object) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []
