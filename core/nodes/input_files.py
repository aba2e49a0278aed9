"""What nodes that read files of the input folder declare about them."""

from __future__ import annotations

import hashlib

from core.errors import InputError, ModelNotFound
from core.folders import Folders


def content_hash(folders: Folders, name: str) -> str:
    """SHA-256 of an input file: changes when its content does."""
    with folders.resolve("input", name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_input(folders: Folders, name: str, *, input: str) -> None:  # noqa: A002 - the word of this field
    """Checks that the file named by an input exists.

    Raises:
        InputError: There is no such file, or the name leads out of the folder.
    """
    try:
        folders.resolve("input", name)
    except ModelNotFound as error:
        raise InputError(str(error), input=input) from error
