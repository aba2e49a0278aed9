"""Reading `extra_model_paths.yaml`, where users of ComfyUI say which other folders hold their models."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from core.errors import WorkflowError

_LIMIT: Final = 1 << 20
_SETTINGS: Final = frozenset({"base_path", "is_default", "custom_nodes"})


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with models of one kind; `is_default`: searched before all others."""

    kind: str
    path: Path
    is_default: bool


@dataclass(frozen=True, slots=True)
class ExtraPaths:
    """What such a file says, and what is odd about it, in sentences."""

    places: list[Place]
    warnings: list[str]


def read_extra_model_paths(file: Path) -> ExtraPaths:
    """The folders that the file names, in its order.

    Raises:
        WorkflowError: It cannot be read or is not YAML of that form; names the line.
    """
    places: list[Place] = []
    warnings: list[str] = []
    for section, entries in _load(file).items():
        if entries is None:
            continue
        if not isinstance(entries, dict):
            raise WorkflowError(f"{file}: section {section!r} must hold lines like 'checkpoints: folder'")
        for place in _section(file, section, entries):
            places.append(place)
            if not place.path.is_dir():
                warnings.append(
                    f"{file}: the folder {place.path} of {place.kind!r} in {section!r} does not exist"
                )
    return ExtraPaths(places, warnings)


def _section(file: Path, section: object, entries: dict[object, object]) -> Iterator[Place]:
    base_path = entries.get("base_path") or ""
    if not isinstance(base_path, str) or "\0" in base_path:
        raise WorkflowError(f"{file}: 'base_path' in section {section!r} must name a folder")
    base = _expand(file.absolute().parent, base_path)
    is_default = entries.get("is_default") is True
    for kind, value in entries.items():
        if kind in _SETTINGS or value is None:
            continue
        lines = value if isinstance(value, list) else str(value).split("\n")
        for line in lines:
            if not isinstance(line, str) or "\0" in line:
                raise WorkflowError(
                    f"{file}: {kind!r} in section {section!r} must name folders, not {reprlib.repr(line)}"
                )
            if line.strip():
                yield Place(str(kind), _expand(base, line), is_default)


def _expand(base: Path, path: str) -> Path:
    return Path(os.path.normpath(base / expand_user(Path(os.path.expandvars(path.strip())))))


def expand_user(path: Path) -> Path:
    """The path with `~` as the home folder; as it stands where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _load(file: Path) -> dict[object, object]:
    try:
        if file.stat().st_size > _LIMIT:
            raise WorkflowError(f"{file} is too large for a list of model folders (limit {_LIMIT >> 20} MiB)")
        document = yaml.safe_load(file.read_text("utf-8-sig"))
    except OSError as error:
        raise WorkflowError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WorkflowError(f"{file} is not text in UTF-8: byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise WorkflowError(f"{file}{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as the date 2001-99-99
        raise WorkflowError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(document, dict | None):
        raise WorkflowError(f"{file} must hold sections with lines like 'checkpoints: folder'")
    return document or {}
