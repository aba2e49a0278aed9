"""The graphs inside picture files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from core.errors import WorkflowError
from core.media.picture_text import read_texts
from core.workflow.json_text import parse_json

Json: TypeAlias = dict[str, Any]

_GRAPHS: Final = ("workflow", "prompt")
_COMMENTS: Final = ("UserComment", "ImageDescription", "Comment")
"""Texts in which other programs put a JSON object with the graphs."""


@dataclass(frozen=True, slots=True)
class Graphs:
    """What a picture says about how it was made.

    Attributes:
        workflow: In editor format; None where it has none.
        prompt: In API format; None where it has none.
        texts: All texts as they are stored.
        problems: Why one of the two could not be read, in sentences.
    """

    workflow: Json | None
    prompt: Json | None
    texts: Mapping[str, str]
    problems: tuple[str, ...] = ()


def read_graphs(source: Path | bytes, name: str | None = None) -> Graphs:
    """The graphs that a picture carries; it may carry none.

    Args:
        name: What errors call the picture; the path if None.

    Raises:
        WorkflowError: The picture cannot be read, or everything in it that should be a graph is broken.
    """
    texts = read_texts(source, name)
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    found: Json = {}
    problems: list[str] = []
    for key in _GRAPHS:
        if key in texts:
            try:
                found[key] = _graph(parse_json(texts[key], f"the {key} in {name}"), key, name)
            except WorkflowError as error:
                problems.append(str(error))
    found = found or _from_comments(texts, name)
    if problems and not found:
        raise WorkflowError("; ".join(problems))
    return Graphs(found.get("workflow"), found.get("prompt"), texts, tuple(problems))


def _graph(value: object, key: str, name: str) -> Json:
    if isinstance(value, dict):
        return value
    raise WorkflowError(f"the {key} in {name} is not a graph: it must be a JSON object")


def _from_comments(texts: Mapping[str, str], name: str) -> Json:
    for key in _COMMENTS:
        text = texts.get(key, "").strip()
        if text.startswith("{"):
            try:
                return _sort_out(parse_json(text, f"the {key} in {name}"))
            except WorkflowError:
                continue  # a comment may be anything
    return {}


def _sort_out(value: Json) -> Json:
    """The graphs of an object that is one of them or names them."""
    if isinstance(value.get("nodes"), list):
        return {"workflow": value}
    if value and all(isinstance(node, dict) and "class_type" in node for node in value.values()):
        return {"prompt": value}
    named = {key: value[key] for key in _GRAPHS if key in value}
    parsed = {
        key: parse_json(graph, key) if isinstance(graph, str) else graph for key, graph in named.items()
    }
    return {key: graph for key, graph in parsed.items() if isinstance(graph, dict)}
