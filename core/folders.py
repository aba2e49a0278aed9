"""Where files are: the folders of every kind of model, and the input, output and temporary folders.

A model and some pictures come with the program. They are found after the user's own, and nothing is ever
written beside them.
"""

from __future__ import annotations

import mimetypes
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

import resources
from core.errors import InputError, ModelNotFound
from core.extra_paths import expand_user, read_extra_model_paths
from core.near import near

MODEL_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkpoints": ("checkpoints",),
    "diffusion_models": ("diffusion_models", "unet"),
    "text_encoders": ("text_encoders", "clip"),
    "vae": ("vae",),
    "loras": ("loras",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "clip_vision": ("clip_vision",),
    "ipadapter": ("ipadapter",),
    "style_models": ("style_models",),
    "upscale_models": ("upscale_models",),
    "embeddings": ("embeddings",),
    "hypernetworks": ("hypernetworks",),
    "gligen": ("gligen",),
    "vae_approx": ("vae_approx",),
    "configs": ("configs",),
    "tokenizers": ("tokenizers",),
}
"""Kind -> names of its folders below a model root; the second one is an older name for the same kind."""

USER_KINDS: Final = ("input", "output", "temp")

SHIPPED: Final = resources.path()
"""Holds the `models` and `input` that come with the program."""

_KIND_OF_NAME: Final = {name: kind for kind, names in MODEL_KINDS.items() for name in names}
_WEIGHTS: Final = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl"})
_SUFFIXES: Final[Mapping[str, frozenset[str]]] = {
    "configs": frozenset({".yaml", ".yml", ".json"}),
    "tokenizers": frozenset({".json", ".model", ".txt"}),
}
_IMAGE_SUFFIXES: Final = frozenset({".webp", ".avif", ".jxl", ".heic"})
_ANNOTATION: Final = re.compile(r"\s?\[(input|output|temp)\]$")
_MTIME_TICK: Final = 2_000_000_000
"""Nanoseconds by which a folder's time may lag behind a change (the clock of FAT ticks every two seconds)."""


@dataclass(frozen=True, slots=True)
class _Listing:
    names: list[str]
    changed: dict[str, int]
    read_at: int

    def is_current(self) -> bool:
        return all(
            _mtime(path) == changed and changed + _MTIME_TICK < self.read_at
            for path, changed in self.changed.items()
        )


class Folders:
    """Names of files, and the files behind names.

    Args:
        models: Folders laid out like ComfyUI's `models/`; the first one that has a file wins.
        extra: Files written like ComfyUI's `extra_model_paths.yaml`.
        input: Where pictures and latents are read from. Each place left out is the platform's own.
        shipped: Holds the `models` and `input` that come with the program; None for none.

    Attributes:
        warnings: What is odd about the given places, in sentences; nothing is refused because of them.
    """

    def __init__(
        self,
        models: Sequence[str | Path] = (),
        *,
        input: str | Path | None = None,  # noqa: A002 - the word of this field
        output: str | Path | None = None,
        temp: str | Path | None = None,
        extra: Sequence[str | Path] = (),
        shipped: Path | None = SHIPPED,
    ) -> None:
        data = platformdirs.user_data_path("Darkroom", appauthor=False)
        self.models = tuple(_absolute(root) for root in models) or (data / "models",)
        self.input = _absolute(input or data / "input")
        self.output = _absolute(output or platformdirs.user_pictures_path() / "Darkroom")
        self.temp = _absolute(temp or platformdirs.user_cache_path("Darkroom", appauthor=False) / "temp")
        self.warnings: list[str] = []
        self._shipped = shipped
        self._first: dict[str, list[Path]] = {}
        self._last: dict[str, list[Path]] = {}
        self._listings: dict[str, _Listing] = {}
        for file in extra:
            self._add_extra(Path(file))

    def places(self, kind: str) -> list[Path]:
        """The user's folders for files of a kind, in the order they are searched; they need not exist."""
        if kind in USER_KINDS:
            return [self.directory(kind)]
        kind = _KIND_OF_NAME.get(kind, kind)
        below = [place for root in self.models for place in _below(root, kind)]
        return list(dict.fromkeys([*self._first.get(kind, ()), *below, *self._last.get(kind, ())]))

    def _searched(self, kind: str) -> list[Path]:
        """All folders with files of a kind: the user's, in their order, then what comes with the program."""
        if self._shipped is None or kind in ("output", "temp"):
            return self.places(kind)
        kind = _KIND_OF_NAME.get(kind, kind)
        shipped = [self._shipped / kind] if kind == "input" else _below(self._shipped / "models", kind)
        return self.places(kind) + shipped

    def directory(self, kind: str) -> Path:
        """The `input`, `output` or `temp` folder."""
        return {"input": self.input, "output": self.output, "temp": self.temp}[kind]

    def names(self, kind: str, accepts: Sequence[str] = ()) -> list[str]:
        """Names of the files of a kind, with forward slashes, sorted without regard to case.

        Models are searched in subfolders too, pictures and latents are not; those of `output` and `temp` are
        marked as in `picture.png [output]`.

        Args:
            accepts: For the user's folders: `image`, `video`, `audio`, `latent`, ...; empty for any.
        """
        if kind in USER_KINDS:
            mark = "" if kind == "input" else f" [{kind}]"
            files = {name for place in self._searched(kind) for name in _files(place)}
            return sorted((name + mark for name in files if _is_accepted(name, accepts)), key=_order)
        kind = _KIND_OF_NAME.get(kind, kind)
        listing = self._listings.get(kind)
        if listing is None or not listing.is_current():
            listing = _list(self._searched(kind), _SUFFIXES.get(kind, _WEIGHTS))
            self._listings[kind] = listing
        return list(listing.names)

    def find(self, kind: str, name: str) -> Path | None:
        """The file of that name; None if there is none.

        Names for the user's folders may end in `[input]`, `[output]` or `[temp]`, which overrules `kind`.
        Embeddings are found without their suffix too, as text prompts name them. Models that others keep in
        another subfolder, or name in other letter case, are found where only one file can be meant.

        Raises:
            InputError: The name leads out of the folders.
        """
        if kind in USER_KINDS:
            name, kind = split_annotation(name, kind)
        relative = relative_name(name)
        path = self._find_exact(kind, relative)
        return path if path or kind in USER_KINDS else self._find_moved(kind, relative)

    def name_of(self, path: Path) -> tuple[str, str] | None:
        """The kind of a model file and the name that finds it; None if it lies in no folder for models.

        Of folders inside each other the innermost counts.
        """
        kinds = dict.fromkeys([*MODEL_KINDS, *self._first, *self._last])
        for form in (path.absolute(), path.resolve()):
            found = [
                (kind, form.relative_to(place).as_posix())
                for kind in kinds
                for place in self._searched(kind)
                if form.is_relative_to(place)
            ]
            if found:
                return min(found, key=lambda kind_and_name: len(kind_and_name[1]))
        return None

    def _find_exact(self, kind: str, relative: str) -> Path | None:
        suffixes = ("", ".safetensors", ".pt", ".bin") if kind == "embeddings" else ("",)
        candidates = (place / (relative + suffix) for place in self._searched(kind) for suffix in suffixes)
        return next((path for path in candidates if _holds(path.is_file)), None)

    def _find_moved(self, kind: str, relative: str) -> Path | None:
        wanted = relative.casefold()
        names = self.names(kind)
        alike = [name for name in names if name.casefold() == wanted] or [
            name for name in names if name.rpartition("/")[2].casefold() == wanted.rpartition("/")[2]
        ]
        return self._find_exact(kind, alike[0]) if len(alike) == 1 else None

    def resolve(self, kind: str, name: str) -> Path:
        """The file of that name.

        Raises:
            InputError: The name leads out of the folders.
            ModelNotFound: There is no such file.
        """
        path = self.find(kind, name)
        if path is not None:
            return path
        similar = near(name, self.names(kind))
        hint = f" Did you mean {' or '.join(repr(other) for other in similar)}?" if similar else ""
        if kind in USER_KINDS:
            _, kind = split_annotation(name, kind)
        searched = ", ".join(str(place) for place in self.places(kind))
        raise ModelNotFound(
            f"no file {name!r} among the {kind} in {searched}.{hint}", name=name, near=similar
        )

    def _add_extra(self, file: Path) -> None:
        extra = read_extra_model_paths(file)
        self.warnings += extra.warnings
        for place in extra.places:
            target = self._first if place.is_default else self._last
            target.setdefault(_KIND_OF_NAME.get(place.kind, place.kind), []).append(place.path)


def _below(root: Path, kind: str) -> list[Path]:
    """The folders of a kind in a folder laid out like ComfyUI's `models/`."""
    return [root / name for name in MODEL_KINDS.get(kind, (kind,))]


def relative_name(name: str) -> str:
    """The name of a file with forward slashes, which stays below the folder it is put behind.

    Raises:
        InputError: It is empty or leads out of the folder.
    """
    parts = inner_parts(name)
    if not parts:
        raise InputError(f"{name!r} is not the name of a file")
    return "/".join(parts)


def inner_parts(name: str, *, input: str | None = None) -> list[str]:  # noqa: A002 - the word of this field
    """Subfolders and last part of a relative name, written with slashes of either kind; none if it is empty.

    Args:
        input: The node's input that the error is about.

    Raises:
        InputError: It is absolute, starts with a drive letter, or has a part `..` or a NUL.
    """
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    # Windows drops dots and spaces at the end of a part, so ".. " is ".." there.
    climbs = any(not part.strip(" .") for part in parts)
    if climbs or "\0" in path or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise InputError(f"{name!r} leads out of the folder; use a relative name without '..'", input=input)
    return parts


def split_annotation(name: str, kind: str = "input") -> tuple[str, str]:
    """The bare name and the kind that `picture.png [output]` says; `kind` where it says none."""
    match = _ANNOTATION.search(name)
    return (name[: match.start()], match.group(1)) if match else (name, kind)


def _list(places: Sequence[Path], suffixes: frozenset[str]) -> _Listing:
    read_at = time.time_ns()
    changed: dict[str, int] = {}
    names: dict[str, None] = {}
    for place in places:
        names |= dict.fromkeys(_walk(str(place), "", suffixes, changed, frozenset()))
    return _Listing(sorted(names, key=_order), changed, read_at)


def _walk(
    folder: str, prefix: str, suffixes: frozenset[str], changed: dict[str, int], above: frozenset[str]
) -> Iterator[str]:
    """The files below `folder`, links followed except back into a folder that is being listed."""
    changed[folder] = _mtime(folder)
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _holds(entry.is_dir):
            yield from _walk(entry.path, f"{prefix}{entry.name}/", suffixes, changed, above | {real})
        elif Path(entry.name).suffix.lower() in suffixes:
            if _holds(entry.is_file):
                yield prefix + entry.name
            else:
                changed[entry.path] = _mtime(entry.path)  # a link whose target may come back


def _files(folder: Path) -> list[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    return [entry.name for entry in entries if not entry.name.startswith(".") and _holds(entry.is_file)]


def _is_accepted(name: str, accepts: Sequence[str]) -> bool:
    suffix = Path(name).suffix.lower()
    kind = (mimetypes.guess_type(name)[0] or "").partition("/")[0]
    if suffix in _IMAGE_SUFFIXES:
        kind = "image"
    return not accepts or kind in accepts or suffix[1:] in accepts


def _order(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except OSError:  # such as a link to itself, or a name that is too long
        return False


def _mtime(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return -1


def _absolute(path: str | Path) -> Path:
    return expand_user(Path(path)).absolute()
