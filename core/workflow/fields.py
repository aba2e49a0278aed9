"""Typed values out of JSON fields of any shape: what does not fit is replaced and remarked upon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

from core.workflow.records import Form, Origin, Point, Remark

Where: TypeAlias = tuple[str | int, ...]
"""A place in a file, from the outside in: `("node 3", "input", 0)`. Only remarks make it into text."""


_FARTHEST: Final = 1e8
"""Pixels are counted in 32 bits, also where the canvas is magnified."""


class FieldReader:
    """Reads fields; collects a `Remark` for each that had to be replaced.

    Attributes:
        remarks: All so far, in order.
    """

    def __init__(self) -> None:
        self.remarks: list[Remark] = []

    def remark(self, place: Where, message: str) -> None:
        """Notes something for the user."""
        parts = [f" {part}" if isinstance(part, int) else f", {part}" for part in place]
        self.remarks.append(Remark("".join(parts).removeprefix(", "), message))

    def number(self, value: object, place: Where, default: int) -> int:
        """A whole number; absent ones are the default."""
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return default if value is None else value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        self.remark(place, f"{shown(value)} is not a whole number; {default} is used")
        return default

    def text(self, value: object, place: Where) -> str | None:
        """Text, or None where there is none."""
        if value is None or isinstance(value, str):
            return value
        self.remark(place, f"{shown(value)} is not text; it is ignored")
        return None

    def fields(self, value: object, place: Where) -> Form:
        """An object; absent ones are empty."""
        if isinstance(value, dict):
            return value
        if value is not None and value != []:
            self.remark(place, f"{shown(value)} is not an object; it is ignored")
        return {}

    def items(self, value: object, place: Where) -> list[Any]:
        """A list; absent ones are empty."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.remark(place, f"{shown(value)} is not a list; it is ignored")
        return []

    def point(self, value: object, place: Where, default: Point) -> Point:
        """Two numbers, stored as a list or as an object with the keys "0" and "1"."""
        if value is None:
            return default
        pair = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
        numbers = self.measures(pair, 2)
        if numbers is None:
            self.remark(place, f"{shown(value)} is not two usable numbers; {list(default)} is used")
            return default
        return numbers[0], numbers[1]

    def measures(self, value: object, count: int) -> list[float] | None:
        """The first `count` numbers of a list, as places and sizes; None if no canvas can show such."""
        if not isinstance(value, list) or len(value) < count:
            return None
        numbers = value[:count]
        return numbers if all(_is_measure(number) for number in numbers) else None


def shown(value: object) -> str:
    """A value as messages show it, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def rest(form: Form, known: frozenset[str]) -> dict[str, Any]:
    """The fields that have no place of their own in a record."""
    return {key: value for key, value in form.items() if key not in known}


class _Record(Protocol):
    @property
    def source(self) -> Origin | None: ...
    @property
    def extra(self) -> Form: ...


R = TypeVar("R", bound=_Record)


def with_source(record: R) -> R:
    """The record, noted as what its source was read as."""
    if record.source is not None:
        record.source.record = record
    return record


def written(record: R, fields: Callable[[R], dict[str, Any]]) -> dict[str, Any]:
    """The JSON of a record: its source, with the fields that were edited since.

    Args:
        fields: The known fields of such a record as JSON.
    """
    source = record.source
    if source is None:
        return {**fields(record), **record.extra}
    if source.record is record:
        return source.json
    now, then = fields(record), fields(cast("R", source.record))
    changed = {key: value for key, value in now.items() if key not in then or not same(value, then[key])}
    result = {**source.json, **record.extra, **changed}
    return {key: value for key, value in result.items() if key in now or key not in then}


def present(fields: Form) -> dict[str, Any]:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def same(one: object, other: object) -> bool:
    """Equal in value and in kind: to Python 1, 1.0 and True are equal, to other programs they are not."""
    return one is other or (one == other and repr(one) == repr(other))


def _is_measure(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _FARTHEST
