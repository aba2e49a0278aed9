"""Data files that come with the program: templates, vocabularies, the interfaces of known nodes."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def path(*parts: str) -> Path:
    """The data file or folder at `parts` below this folder."""
    return _HERE.joinpath(*parts)


READY_GRAPH = path("templates", "text_to_image.json")
"""The graph that is there at the first start."""
