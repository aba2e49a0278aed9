"""The recovery journal: what is open and not saved, on disk within half a second.

Each running program writes into a folder of its own and holds a lock in it. A folder whose lock is free
belongs to a program that is gone; if there are files in it, it did not end in good order.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from core.errors import DarkroomError, WorkflowError
from core.media.outputs import write_whole
from core.workflow.comfy_json import read_document, write_document
from core.workflow.document import GraphDocument
from core.workflow.json_text import parse_json

_log = logging.getLogger(__name__)

_PAUSE: Final = 0.25
"""Seconds between two rounds of writing; edits within them are written together."""

_LOCK: Final = "lock"
_DAMAGED: Final = ".damaged"
_SAVING: Final = ".saving"


@dataclass(frozen=True, slots=True)
class Facts:
    """An open document at one moment.

    Attributes:
        document: Its records, in a document that nobody edits.
        name: What its tab is called.
        path: The file it belongs to, if any.
        digest: What that file held when it was read or written last; see `app.workflow_file.digest_of`.
    """

    document: GraphDocument
    name: str
    path: Path | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A document of a program that did not end in good order.

    Attributes:
        key: The one it was written under.
        saving: What the document's file was about to hold when the program last began to save it.
    """

    key: str
    facts: Facts
    saving: str | None = None


class Journal:
    """Keeps the unsaved documents of this program on disk. Its calls return at once; a thread does the work.

    Args:
        folder: Where all programs of the user keep their journals.
        complain: Called with a sentence when nothing can be kept, on any thread; once, not with every edit.
    """

    def __init__(self, folder: Path, complain: Callable[[str], object] = _log.warning) -> None:
        self._folder = folder
        self._tell = complain
        self._own = folder / uuid.uuid4().hex
        self._wanted: dict[str, Facts | None] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_writing = False
        self._is_urgent = False
        self._has_failed = False
        self._lock = self._make_own()
        self._thread = threading.Thread(target=self._work, name="journal")
        self._thread.start()

    def write(self, key: str, facts: Facts) -> None:
        """Keeps a document from now on, as it is now."""
        self._want(key, facts)

    def remove(self, key: str) -> None:
        """Keeps a document no longer: it is saved, or not wanted."""
        self._want(key, None)

    def flush(self) -> None:
        """Waits until everything asked for so far is on disk."""
        with self._changed:
            self._is_urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._wanted and not self._is_writing)
            self._is_urgent = False

    def begin_save(self, key: str, digest: str) -> None:
        """Notes what the document's file is about to hold, once what is asked for so far is on disk.

        So what comes back after a crash is never older than what was saved, and what this program has saved
        is not taken for the work of another one.
        """
        self.flush()
        self._try(lambda: write_whole(self._file(key).with_suffix(_SAVING), digest.encode()))

    def close(self) -> None:
        """Writes what is left to write and ends the thread. What was not removed is recovered next time."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        if self._lock:
            self._lock.close()
            _remove_if_spent(self._own)

    def recover(self) -> tuple[list[Recovered], list[str]]:
        """What programs that are gone have left, and remarks about what of it could not be read.

        From now on it belongs to this program: its files stay until `remove` is called with their keys.
        """
        recovered: dict[str, Recovered] = {}
        remarks: list[str] = []
        for folder in _by_age(self._folder, "*/"):
            if folder == self._own:
                continue
            with _taken(folder) as is_ours:
                for file in _by_age(folder, "*.json") if is_ours else ():
                    try:
                        recovered[file.stem] = self._take(file)
                    except (OSError, DarkroomError) as error:
                        remarks.append(_set_aside(file, self._folder, error))
            if is_ours:
                _remove_if_spent(folder)
        return list(recovered.values()), remarks

    def _make_own(self) -> BinaryIO | None:
        try:
            self._own.mkdir(parents=True)
            lock = (self._own / _LOCK).open("ab")
        except OSError as error:
            self._complain(str(error))
            return None
        _try_lock(lock.fileno())
        return lock

    def _want(self, key: str, facts: Facts | None) -> None:
        with self._changed:
            self._wanted[key] = facts
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._is_closing)
                wanted, self._wanted = self._wanted, {}
                self._is_writing = True
            for key, facts in wanted.items():
                self._put(key, facts)
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                if self._is_closing and not self._wanted:
                    return
                self._changed.wait_for(lambda: self._is_closing or self._is_urgent, _PAUSE)

    def _put(self, key: str, facts: Facts | None) -> None:
        file = self._file(key)
        if facts is not None:
            self._try(lambda: write_whole(file, _written(facts)))
            return
        for path in (file, file.with_suffix(_SAVING)):
            self._try(partial(path.unlink, missing_ok=True))

    def _try(self, write: Callable[[], object]) -> None:
        """Whatever goes wrong, editing and saving go on without a journal."""
        try:
            write()
            self._has_failed = False
        except (OSError, DarkroomError) as error:
            self._complain(str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the thread goes on
            _log.exception("A mistake of the journal")
            self._complain("this is a mistake in Darkroom; the log has its trace")

    def _complain(self, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._tell(f"Unsaved changes cannot be kept for the case of a crash: {reason}")

    def _file(self, key: str) -> Path:
        return self._own / f"{key}.json"

    def _take(self, file: Path) -> Recovered:
        facts, note = read(file), file.with_suffix(_SAVING)
        saving = note.read_text("ascii", "replace") if note.exists() else None
        self._own.mkdir(parents=True, exist_ok=True)
        for path in (note, file) if saving else (file,):
            path.replace(self._own / path.name)
        return Recovered(file.stem, facts, saving)


def _written(facts: Facts) -> bytes:
    workflow = ",".join(
        f"{json.dumps(key)}:{_json(value)}" for key, value in write_document(facts.document).items()
    )
    head = {
        "name": facts.name,
        "path": None if facts.path is None else str(facts.path),
        "digest": facts.digest,
    }
    return f'{json.dumps(head)[:-1]},"workflow":{{{workflow}}}}}'.encode()


def _json(value: Any) -> str:
    """JSON made entry by entry: a big table at once would hold up the window's thread."""
    if isinstance(value, list):
        return f"[{','.join(map(json.dumps, value))}]"
    return json.dumps(value)


def read(file: Path) -> Facts:
    """What a recovery file holds.

    Raises:
        DarkroomError: It is damaged.
        OSError: It cannot be read.
    """
    form: Any = parse_json(file.read_bytes(), file.name)
    if not isinstance(form, dict):
        raise WorkflowError(f"{file.name} holds no document")
    document = read_document(form.get("workflow"), file.name).document
    name, path, digest = (form.get(field) for field in ("name", "path", "digest"))
    return Facts(
        document,
        name if isinstance(name, str) else "Untitled",
        Path(path) if isinstance(path, str) else None,
        digest if isinstance(digest, str) else None,
    )


def _by_age(folder: Path, pattern: str) -> list[Path]:
    """What is in a folder, the oldest first, so that the newest of two that are alike comes last."""

    def age(path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:  # another program has taken it meanwhile
            return 0

    return sorted(folder.glob(pattern), key=age)


@contextmanager
def _taken(folder: Path) -> Generator[bool]:
    """Whether the program that wrote into the folder is gone; none else can take it within the block."""
    try:
        lock = (folder / _LOCK).open("ab")
    except OSError:
        yield False
        return
    with lock:
        yield _try_lock(lock.fileno())


def _set_aside(file: Path, folder: Path, error: Exception) -> str:
    """A remark about a file that cannot be read; it is kept, as something may still be got out of it."""
    kept = folder / (file.name + _DAMAGED)
    try:
        file.replace(kept)
    except OSError:
        kept = file
    return f"{error}; it is kept as {kept}"


def _remove_if_spent(folder: Path) -> None:
    """Removes a folder that holds no document any more. What is half written was never anything."""
    if not any(folder.glob("*.json")):
        shutil.rmtree(folder, ignore_errors=True)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        """Whether this program holds the lock now; the system frees it however the program ends."""
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        """Whether this program holds the lock now; the system frees it however the program ends."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
