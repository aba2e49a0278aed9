"""Nodes that give a plain value, so that several inputs can share it."""

from __future__ import annotations

from typing import Annotated, Final

from core.nodes.api import AfterRun, Range, Text, node

_LARGEST: Final = 2**63 - 1


@node("PrimitiveInt", category="utils/primitive", title="Int")
def integer(*, value: Annotated[int, Range(-_LARGEST, _LARGEST), AfterRun()]) -> int:
    """A whole number."""
    return value


@node("PrimitiveFloat", category="utils/primitive", title="Float")
def number(*, value: Annotated[float, Range(-_LARGEST, _LARGEST)]) -> float:
    """A number."""
    return value


@node("PrimitiveBoolean", category="utils/primitive", title="Boolean")
def boolean(*, value: bool) -> bool:
    """Yes or no."""
    return value


@node("PrimitiveString", category="utils/primitive", title="String")
def line(*, value: Annotated[str, Text()]) -> str:
    """A line of text."""
    return value


@node("PrimitiveStringMultiline", category="utils/primitive", title="String (Multiline)")
def text(*, value: Annotated[str, Text(multiline=True)]) -> str:
    """A text of several lines."""
    return value
