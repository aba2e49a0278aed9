"""The graphs that come with the program, to begin with."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Final, NamedTuple

import resources

NAMES: Final = ("text_to_image", "image_to_image", "inpaint", "hires_fix", "area_composition", "lora")
"""In the order of menus. The first one is the ready graph."""


class Template(NamedTuple):
    """A graph to begin with, as its file describes it.

    Attributes:
        title: How menus name it.
        description: What it is for, in one line.
    """

    name: str
    title: str
    description: str


def path_of(name: str) -> Path:
    """The file of a template."""
    return resources.path("templates", f"{name}.json")


@functools.cache
def templates() -> tuple[Template, ...]:
    """All templates, in the order of menus."""
    return tuple(_read(name) for name in NAMES)


def _read(name: str) -> Template:
    info = json.loads(path_of(name).read_text(encoding="utf-8"))["extra"]["info"]
    return Template(name, info["name"], info["description"])
