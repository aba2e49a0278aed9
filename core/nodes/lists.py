"""Nodes that make lists and take them apart. What follows a list runs once for each of its items."""

from __future__ import annotations

from typing import Annotated, Any, Final, NamedTuple

from core.nodes.api import Optional, Range, Text, node
from core.nodes.maths import Decimal, Whole, to_number
from core.nodes.types import AnyValue

LONGEST: Final = 100_000
"""Items of a list that a node may make."""
Place = Annotated[int, Range(-LONGEST, LONGEST)]
Count = Annotated[int, Range(0, LONGEST)]
Items = list[AnyValue]


class Listed(NamedTuple):
    """Items, passed on one by one."""

    items: Items


class Numbers(NamedTuple):
    """Numbers, passed on one by one."""

    INT: list[int]
    FLOAT: list[float]


class Item(NamedTuple):
    """One item."""

    item: AnyValue


class Length(NamedTuple):
    """How many items there are."""

    length: int


@node("ListRange", category="lists", title="Range")
def number_range(*, start: Whole = 0, stop: Whole = 4, step: Whole = 1) -> Numbers:
    """The whole numbers from one to just before another.

    Args:
        stop: The first number that is left out.
        step: From one number to the next; below 0 to count down.
    """
    if step == 0:
        raise ValueError("the step of a range cannot be 0")
    numbers = range(start, stop, step)
    _refuse_long(len(numbers))
    return Numbers(list(numbers), [float(number) for number in numbers])


@node("ListSteps", category="lists", title="Numbers in Even Steps")
def even_steps(*, first: Decimal = 0.0, last: Decimal = 1.0, count: Count = 5) -> Numbers:
    """So many numbers from the first to the last, both included, evenly apart. INT has them rounded."""
    low, high = float(to_number(first)), float(to_number(last))
    share = 1 / max(count - 1, 1)
    numbers = [low + (high - low) * (index * share) for index in range(count)]
    if count > 1:
        numbers[-1] = high
    return Numbers([round(number) for number in numbers], numbers)


@node("ListOf", category="lists", title="List")
def list_of(
    *,
    item1: Items | None = None,
    item2: Items | None = None,
    item3: Items | None = None,
    item4: Items | None = None,
    item5: Items | None = None,
    item6: Items | None = None,
    **more: Annotated[list[Any], Optional()],
) -> Listed:
    """A list of what is linked, in order. Lists among them are joined."""
    given = (item1, item2, item3, item4, item5, item6, *more.values())
    return Listed([item for items in given if items is not None for item in items])


@node("ListFromLines", category="lists", title="Lines to List")
def from_lines(*, text: Annotated[str, Text(multiline=True)] = "", skip_empty: bool = True) -> Listed:
    """The lines of a text as a list, without the spaces around them.

    Args:
        skip_empty: Empty lines are left out.
    """
    lines = [line.strip() for line in text.splitlines()]
    _refuse_long(len(lines))
    return Listed([line for line in lines if line or not skip_empty])


@node("ListItem", category="lists", title="Item of a List")
def item_of(*, items: Items, index: Place = 0) -> Item:
    """One item of a list.

    Args:
        index: 0 for the first; negative numbers count from the end.
    """
    if not -len(items) <= index < len(items):
        raise IndexError(f"the list has {len(items)} items, and none with the index {index}")
    return Item(items[index])


@node("ListLength", category="lists", title="Length of a List")
def length_of(*, items: Items) -> Length:
    """How many items a list has."""
    return Length(len(items))


@node("ListSlice", category="lists", title="Part of a List")
def slice_of(*, items: Items, start: Place = 0, count: Count = 0) -> Listed:
    """Some items of a list that follow each other.

    Args:
        start: The first one, counted from 0; negative numbers count from the end.
        count: How many; 0 for all the rest.
    """
    rest = items[start:]
    return Listed(rest[:count] if count else rest)


def _refuse_long(count: int) -> None:
    if count > LONGEST:
        raise ValueError(f"a list may have {LONGEST:,} items, not {count:,}")
