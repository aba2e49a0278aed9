"""Reading JSON that came from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from core.errors import WorkflowError

SIZE_LIMIT: Final = 64 << 20
DEPTH_LIMIT: Final = 200
"""Levels of nesting. Real workflows have about ten; everything that walks a document relies on it."""


def parse_json(text: str | bytes, where: str) -> Any:
    """What the JSON says.

    NaN and Infinity are numbers, as ComfyUI writes them; of equal keys the last one counts.

    Args:
        where: What errors call the text: a file name, or `the prompt in picture.png`.

    Raises:
        WorkflowError: It is not JSON, longer than `SIZE_LIMIT` or nested deeper than `DEPTH_LIMIT`.
    """
    if len(text) > SIZE_LIMIT:
        raise WorkflowError(
            f"{where} is too large: {len(text) >> 20} MiB of JSON, limit {SIZE_LIMIT >> 20} MiB"
        )
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        value = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise WorkflowError(f"{where} is not valid JSON: {error.msg} ({place})") from error
    except UnicodeDecodeError as error:
        raise WorkflowError(f"{where} is not text in {error.encoding}: byte {error.start}") from error
    except ValueError as error:  # such as a whole number of thousands of digits
        raise WorkflowError(f"{where} is not valid JSON: {error}") from error
    except RecursionError as error:
        raise WorkflowError(_too_deep(where)) from error
    if _depth(value) > DEPTH_LIMIT:
        raise WorkflowError(_too_deep(where))
    return value


def _depth(value: object) -> int:
    level, depth = _containers([value]), 0
    while level and depth <= DEPTH_LIMIT:
        level = [inner for outer in level for inner in _containers(_items(outer))]
        depth += 1
    return depth


def _containers(values: Iterable[object]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _items(container: Any) -> Iterable[object]:
    return container.values() if isinstance(container, dict) else container


def _too_deep(where: str) -> str:
    return f"{where} is nested more than {DEPTH_LIMIT} levels deep, which no workflow is"
