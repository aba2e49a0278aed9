"""The templates there are: those that come with the program, and the user's own."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import resources
from core.errors import DarkroomError, WorkflowError
from core.near import near
from core.workflow.json_text import SIZE_LIMIT, parse_json
from core.workflow.template import KEY, Description, read_description

NAMES: Final = (
    "text_to_image",
    "variations",
    "negative_prompt",
    "image_to_image",
    "denoise_strengths",
    "restyle",
    "inpaint",
    "masked_variation",
    "hires_fix",
    "enlarge",
    "wide_picture",
    "area_composition",
    "prompt_blend",
    "prompt_mix",
    "prompt_change",
    "cfg_scales",
    "samplers",
    "quality_gate",
    "lora",
    "lora_strengths",
)
"""In the order of menus. The first one is the ready graph."""

SUFFIX: Final = ".json"
PICTURE_SUFFIX: Final = ".jpg"


class Template(NamedTuple):
    """A graph to begin with, as its file describes it.

    Attributes:
        title: How menus name it.
        description: What it is for, in one line.
    """

    name: str
    title: str
    description: str
    path: Path


class Broken(NamedTuple):
    """A file among the user's templates that is none."""

    path: Path
    reason: str


def path_of(name: str) -> Path:
    """The file of a template that comes with the program."""
    return resources.path("templates", f"{name}{SUFFIX}")


def picture_of(template: Template) -> Path | None:
    """A picture of what a template makes, beside its file; None if there is none."""
    picture = template.path.with_suffix(PICTURE_SUFFIX)
    return picture if picture.is_file() else None


@functools.cache
def templates() -> tuple[Template, ...]:
    """The templates that come with the program, in the order of menus."""
    return tuple(_read(path_of(name)) for name in NAMES)


def own_templates(folder: Path) -> tuple[list[Template], list[Broken]]:
    """The user's templates by name, and the files there that cannot be used."""
    found: list[Template] = []
    broken: list[Broken] = []
    for path in _files(folder):
        try:
            found.append(_read(path))
        except DarkroomError as error:
            broken.append(Broken(path, str(error)))
    return found, broken


def find(word: str, folder: Path) -> Path:
    """The file that a word of the command line means: a template by its name, or else a file.

    Args:
        folder: The user's templates; they come before those of the program.

    Raises:
        DarkroomError: There is neither; the message offers near names.
    """
    names = {path.stem: path for path in (*map(path_of, NAMES), *_files(folder))}
    if word in names:
        return names[word]
    path = Path(word)
    if path.suffix or len(path.parts) > 1 or path.is_file():
        return path
    offered = ", ".join(near(word, list(names)) or names)
    raise DarkroomError(f"there is neither a template nor a file {word!r}; there are {offered}")


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")))


def _read(path: Path) -> Template:
    described = _description(path)
    return Template(path.stem, described.name, described.description, path)


def _description(path: Path) -> Description:
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise WorkflowError(f"{path} is too large for a template")
        form = parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise WorkflowError(f"{path} cannot be read: {error.strerror or error}") from error
    extra = form.get("extra") if isinstance(form, dict) else None
    described = extra.get(KEY) if isinstance(extra, dict) else None
    if described is None:
        raise WorkflowError(f"{path} is no template: `darkroom template save` makes one of a workflow")
    return read_description(described, str(path))
