"""What a row may hold, and what typing, stepping and choosing make of it. No Qt."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from app.canvas.arithmetic import Number, evaluate
from app.canvas.face import Row, RowKind
from core.nodes.spec import Range

COARSE: Final = 10
_STEPS: Final = {RowKind.INT: 1, RowKind.FLOAT: 0.1}
_ANY: Final = {RowKind.INT: Range(-(2**63), 2**64 - 1), RowKind.FLOAT: Range(-1e300, 1e300)}


def limits(row: Row) -> Range:
    """The range of a number row; all numbers if its type sets none."""
    widget = row.spec.widget if row.spec else None
    return widget if isinstance(widget, Range) else _ANY[row.kind]


def typed(row: Row, text: str) -> tuple[Number, str]:
    """The value that a typed sum gives, and a sentence if the row takes it only changed.

    Raises:
        ValueError: The text is no sum; the message is a sentence.
    """
    number = evaluate(text)
    value = fitted(row, number)
    return value, "" if value == number else _reason(row, number, value)


def fitted(row: Row, number: Number) -> Number:
    """The nearest value that the row takes."""
    return _whole(limits(row), number) if row.kind is RowKind.INT else _decimal(limits(row), number)


def step(row: Row, *, fine: bool = False, coarse: bool = False) -> Decimal:
    """How far one step goes: a tenth of it if fine, as far as the row takes that, ten times if coarse."""
    found = limits(row)
    whole = Decimal(str(found.step or _STEPS[row.kind]))
    if coarse:
        return whole * COARSE
    if not fine:
        return whole
    least = Decimal(str(found.round or 0)) if row.kind is RowKind.FLOAT else whole
    return max(whole / 10, least)


def stepped(row: Row, number: Number, by: Decimal) -> Number:
    """The value so far from a number, without the noise of binary fractions."""
    exact = (Decimal(number) if isinstance(number, int) else Decimal(str(number))) + by
    return fitted(row, int(exact) if row.kind is RowKind.INT else float(exact))


def stored(row: Row, given: Any) -> Any:
    """The value to store for what was given: a word after a seed stays of the kind that its file has."""
    if row.kind is RowKind.AFTER_RUN and isinstance(row.value, bool):
        return given == "randomize"
    return given


def present(row: Row) -> Number:
    """The number a row holds; what its type starts with if the file holds none."""
    for value in (row.value, row.spec.default if row.spec else None):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
    return fitted(row, 0)


def _whole(found: Range, number: Number) -> int:
    size = max(int(found.step or 1), 1)
    low, high = int(found.min), int(found.max)
    offset = low % size
    value = number if isinstance(number, int) else int(Decimal(str(number)).to_integral_value())
    if size > 1:
        value = (value - offset + size // 2) // size * size + offset
    return min(max(value, low), high)


def _decimal(found: Range, number: Number) -> float:
    value = float(number)
    if found.round:
        spacing = Decimal(str(found.round))
        value = float((Decimal(str(value)) / spacing).to_integral_value() * spacing)
    return float(min(max(value, found.min), found.max))


def _reason(row: Row, number: Number, value: Number) -> str:
    found = limits(row)
    size = int(found.step or 1)
    if not found.min <= number <= found.max:
        rule = f"goes from {found.min} to {found.max}"
    elif row.kind is RowKind.FLOAT:
        rule = f"goes in steps of {found.round}"
    elif size > 1:
        rule = f"goes in steps of {size}"
    else:
        rule = "is a whole number"
    return f"{row.label!r} {rule}: {number} became {value}."
