"""Reading and writing the files of documents: what the session does on its thread. No Qt."""

from __future__ import annotations

import filecmp
import gc
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import DarkroomError, WorkflowError
from core.media.outputs import write_whole
from core.nodes.registry import Registry
from core.workflow.comfy_json import write_document
from core.workflow.document import GraphDocument
from core.workflow.open import Opened, read_workflow


class Conflict(DarkroomError):
    """The file is not as it was when it was opened or saved last: somebody else wrote it."""


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """What a file gives to a new tab.

    Attributes:
        path: The file, if saving may write over it: not a picture, and not a prompt, which has no layout.
        digest: What the file held, as `digest_of` tells it.
        remarks: What of it could not be taken as it stands, in sentences.
    """

    document: GraphDocument
    name: str
    path: Path | None
    digest: str | None
    remarks: list[str]


def read(path: Path, registry: Registry) -> WorkflowFile:
    """The document of a workflow, a prompt, a picture or a latent.

    Raises:
        WorkflowError: It cannot be read, or holds no graph; the message says what it lacks.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - these raise nothing
        raise WorkflowError(f"{path} is no file")
    digest = digest_of(path)
    with _no_collection():
        opened = read_workflow(path, path.name)
        result = opened.to_document(registry)
    remarks = [str(remark) for remark in (*opened.remarks, *result.remarks)]
    is_own = _is_workflow(opened)
    return WorkflowFile(
        result.document, path.name, path if is_own else None, digest if is_own else None, remarks
    )


def save(document: GraphDocument, path: Path, expected: str | None, before: Callable[[str], object]) -> str:
    """Writes a document whole, and returns the digest of what the file holds now.

    Args:
        expected: What the file held when it was opened or saved last; None to write over whatever there is.
        before: Called with that digest when all is ready to be written.

    Raises:
        Conflict: It holds something else now, and was not written.
        DarkroomError: It cannot be written.
    """
    if expected is not None and digest_of(path) not in (None, expected):
        raise Conflict(f"{path} was changed by another program since it was opened")
    data = json.dumps(write_document(document), indent=2).encode()
    digest = hashlib.sha256(data).hexdigest()
    before(digest)
    write_whole(path, data)
    return digest


def digest_of(path: Path) -> str | None:
    """A text that is another one when the file's content is; None if there is no file that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def import_input(path: Path, folder: Path) -> str:
    """The name of a file in the input folder with the content of the given one, copied there if need be.

    Raises:
        DarkroomError: It cannot be read or copied.
    """
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return path.resolve().relative_to(folder.resolve()).as_posix()
        names = _free_names(path.name.lstrip("."))
        target = next(t for t in map(folder.joinpath, names) if not t.exists() or _is_copy(t, path))
        if not target.exists():
            write_whole(target, path.read_bytes())
    except OSError as error:
        raise WorkflowError(f"{path} cannot be copied: {error.strerror or error}") from error
    return target.name


@contextmanager
def _no_collection() -> Generator[None]:
    """No search for garbage while many records are made: each search would hold up all threads."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            gc.enable()


def _is_workflow(opened: Opened) -> bool:
    return opened.container == "json" and opened.document is not None and opened.prompt is None


def _free_names(name: str) -> Iterator[str]:
    stem, suffix = Path(name).stem, Path(name).suffix
    yield name
    for number in itertools.count(2):
        yield f"{stem} ({number}){suffix}"


def _is_copy(existing: Path, path: Path) -> bool:
    return existing.is_file() and filecmp.cmp(existing, path, shallow=False)
