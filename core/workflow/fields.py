"""Typed values out of JSON fields of any shape: what does not fit is replaced and remarked upon."""

from __future__ import annotations

import math
from typing import Any

from core.workflow.records import Form, Point, Remark


class FieldReader:
    """Reads fields; collects a `Remark` for each that had to be replaced.

    Attributes:
        remarks: All so far, in order.
    """

    def __init__(self) -> None:
        self.remarks: list[Remark] = []

    def remark(self, place: str, message: str) -> None:
        """Notes something for the user."""
        self.remarks.append(Remark(place, message))

    def number(self, value: object, place: str, default: int) -> int:
        """A whole number; absent ones are the default."""
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return default if value is None else value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        self.remark(place, f"{shown(value)} is not a whole number; {default} is used")
        return default

    def text(self, value: object, place: str) -> str | None:
        """Text, or None where there is none."""
        if value is None or isinstance(value, str):
            return value
        self.remark(place, f"{shown(value)} is not text; it is ignored")
        return None

    def fields(self, value: object, place: str) -> Form:
        """An object; absent ones are empty."""
        if isinstance(value, dict):
            return value
        if value is not None and value != []:
            self.remark(place, f"{shown(value)} is not an object; it is ignored")
        return {}

    def items(self, value: object, place: str) -> list[Any]:
        """A list; absent ones are empty."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.remark(place, f"{shown(value)} is not a list; it is ignored")
        return []

    def point(self, value: object, place: str, default: Point) -> Point:
        """Two numbers, stored as a list or as an object with the keys "0" and "1"."""
        if value is None:
            return default
        pair = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
        numbers = self.finite(pair, 2)
        if numbers is None:
            self.remark(place, f"{shown(value)} is not two finite numbers; {list(default)} is used")
            return default
        return numbers[0], numbers[1]

    def finite(self, value: object, count: int) -> list[float] | None:
        """The first `count` finite numbers of a list; None if they are not."""
        if not isinstance(value, list) or len(value) < count:
            return None
        numbers = value[:count]
        return numbers if all(_is_finite(number) for number in numbers) else None


def shown(value: object) -> str:
    """A value as messages show it, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def rest(form: Form, known: frozenset[str]) -> dict[str, Any]:
    """The fields that have no place of their own in a record."""
    return {key: value for key, value in form.items() if key not in known}


def merged(form: Form, now: Form, then: Form, extra: Form) -> dict[str, Any]:
    """The JSON of a record: `form`, with the fields in which `now` differs from `then`, its own reading."""
    changed = {key: value for key, value in now.items() if key not in then or not _same(value, then[key])}
    removed = then.keys() - now.keys()
    return {key: value for key, value in {**form, **extra, **changed}.items() if key not in removed}


def present(fields: Form) -> dict[str, Any]:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def _same(one: object, other: object) -> bool:
    """Equal in value and in kind: to Python 1, 1.0 and True are equal, to other programs they are not."""
    return one is other or (one == other and repr(one) == repr(other))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
