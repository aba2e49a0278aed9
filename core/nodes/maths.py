"""Nodes that compute with numbers."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from core.nodes.api import Choice, Optional, Range, Text, node
from core.nodes.expression import LONGEST, Expression, Number
from core.nodes.types import AnyValue, Seed, Socket

_LARGEST: Final = 2**63 - 1
Formula = Annotated[str, Text(multiline=True, placeholder="a * 2 + 1")]
Value = Annotated[Any, Socket("INT,FLOAT,BOOLEAN")]
Sized = Annotated[Any, Socket("INT,FLOAT,IMAGE,LATENT")]
Whole = Annotated[int, Range(-_LARGEST, _LARGEST)]
Decimal = Annotated[float | int, Range(-1e300, 1e300, step=0.01)]


class Result(NamedTuple):
    """What an expression comes to."""

    INT: int
    FLOAT: float
    BOOLEAN: bool


class Pair(NamedTuple):
    """A number, whole and as it is."""

    INT: int
    FLOAT: float


class FloatFirst(NamedTuple):
    """The same in the order of ComfyUI's own node."""

    FLOAT: float
    INT: int
    BOOL: bool


def compute(expression: str, **values: object) -> Number:
    """What an expression comes to.

    Args:
        values: Numbers by name. Pictures and latents count by their `.width` and `.height`; None is left out.

    Raises:
        ExpressionError: It makes no sense, or has no finite result.
        TypeError: A value is none of these.
    """
    names: dict[str, Number] = {}
    for name, value in values.items():
        if value is not None:
            names |= _numbers(name, value)
    return Expression(expression).value(names)


def _numbers(name: str, value: object) -> dict[str, Number]:
    if isinstance(value, int | float):
        return {name: value}
    given: Any = value
    if isinstance(value, dict) and "samples" in value:
        height, width = given["samples"].shape[-2:]
        return {f"{name}.width": width * 8, f"{name}.height": height * 8}
    if getattr(value, "ndim", 0) == 4:
        return {f"{name}.width": given.shape[2], f"{name}.height": given.shape[1]}
    raise TypeError(f"{name!r} is a {type(given).__name__}; expressions compute with numbers")


@node("MathsExpression", category="maths", title="Maths Expression")
def maths_expression(
    *,
    expression: Formula = "a + b",
    a: Value | None = None,
    b: Value | None = None,
    c: Value | None = None,
    d: Value | None = None,
    e: Value | None = None,
    f: Value | None = None,
    g: Value | None = None,
    h: Value | None = None,
) -> Result:
    """What an expression of the values a to h comes to.

    There are + - * / // % **, comparisons, and, or, not, `x if condition else y`, brackets, pi, e, tau, and
    the functions abs ceil cos exp float floor int log max min pow round sin sqrt tan. INT leaves away what
    follows the point, where round() rounds; BOOLEAN is false where the result is 0.
    """
    value = compute(expression, a=a, b=b, c=c, d=d, e=e, f=f, g=g, h=h)
    return Result(int(value), float(value), bool(value))


@node("ComfyMathExpression", category="maths", title="Math Expression")
def comfy_expression(*, expression: Formula = "a + b", **values: Annotated[Value, Optional()]) -> FloatFirst:
    """What an expression of the values a, b, c, ... comes to."""
    value = compute(expression, **{name.removeprefix("values."): given for name, given in values.items()})
    return FloatFirst(float(value), int(value), bool(value))


@node("MathExpression|pysssss", category="maths", title="Math Expression")
def sized_expression(
    *, expression: Formula, a: Sized | None = None, b: Sized | None = None, c: Sized | None = None
) -> Pair:
    """What an expression of numbers, and of the width and height of pictures and latents, comes to.

    Args:
        expression: As `a.width / 2 + b`.
    """
    value = compute(expression, a=a, b=b, c=c)
    return Pair(int(value), float(value))


@node("SimpleMath+", category="maths", title="Simple Math")
def short_expression(
    *, value: str = "", a: AnyValue | None = None, b: AnyValue | None = None, c: AnyValue | None = None
) -> Pair:
    """What an expression of the values a, b and c comes to; INT is rounded."""
    result = compute(value, a=a, b=b, c=c)
    return Pair(round(result), float(result))


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor divide": operator.floordiv,
    "remainder": operator.mod,
    "power": lambda a, b: compute("a ** b", a=a, b=b),
    "minimum": min,
    "maximum": max,
}
Operation = Annotated[str, Choice(tuple(_OPERATIONS))]


def combine(operation: str, a: Number, b: Number) -> Number:
    """Two numbers joined by one of the operations.

    Raises:
        ValueError: It divides by zero, or the result is too large.
    """
    try:
        result = _OPERATIONS[operation](a, b)
    except ZeroDivisionError:
        raise ValueError(f"{a} cannot be divided by zero") from None
    except OverflowError:
        raise ValueError(f"{operation} of {a} and {b} becomes too large") from None
    if isinstance(result, float) and not math.isfinite(result):
        raise ValueError(f"{operation} of {a} and {b} becomes too large")
    return result


@node("IntMaths", category="maths", title="Maths (Int)")
def int_maths(*, a: Whole = 0, b: Whole = 0, operation: Operation = "add") -> int:
    """Two whole numbers, joined.

    Args:
        operation: `divide` leaves away what follows the point.
    """
    result = a // b if operation == "divide" and b and a % b == 0 else combine(operation, a, b)
    return int(result)


@node("FloatMaths", category="maths", title="Maths (Float)")
def float_maths(*, a: Decimal = 0.0, b: Decimal = 0.0, operation: Operation = "add") -> float:
    """Two numbers, joined."""
    return float(combine(operation, to_number(a), to_number(b)))


@node("RandomNumber", category="maths", title="Random Number")
def random_number(*, seed: Seed = 0, minimum: Decimal = 0.0, maximum: Decimal = 1.0) -> Pair:
    """A number between two others, the same one for the same seed.

    INT is one of the whole numbers between them, the limits included; where there is none, FLOAT rounded.
    """
    low, high = to_number(minimum), to_number(maximum)
    if low > high:
        raise ValueError(f"the minimum {low:g} is above the maximum {high:g}; exchange them")
    share = random.Random(seed).random()
    number = low + share * (high - low)
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        return Pair(round(number), number)
    return Pair(min(first + math.floor(share * (last - first + 1)), last), number)


_ROUNDING: Final[Mapping[str, Callable[[float], int]]] = {
    "nearest": round,
    "down": math.floor,
    "up": math.ceil,
    "towards zero": math.trunc,
}


_YES: Final = frozenset({"yes", "true", "on", "1", "y"})
_NO: Final = frozenset({"no", "false", "off", "0", "n", ""})


def to_number(value: object) -> Number:
    """A value as a number: texts are read, yes and no count as 1 and 0.

    Raises:
        ValueError: It does not read as a finite number.
    """
    number: Number | None = None
    if isinstance(value, int | float):
        number = value
    elif isinstance(value, str) and len(value) <= LONGEST:
        text = value.strip()
        try:
            number = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            number = None
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        shown = repr(value[:80]) if isinstance(value, str) else f"a {type(value).__name__}"
        raise ValueError(f"{shown} is no number")
    return number


@node("ConvertToInt", category="maths/convert", title="To Int")
def to_int(*, value: AnyValue, rounding: Annotated[str, Choice(tuple(_ROUNDING))] = "nearest") -> int:
    """A number, a text or a yes or no as a whole number.

    Args:
        rounding: `nearest` takes the even one of two that are equally near.
    """
    return _ROUNDING[rounding](to_number(value))


@node("ConvertToFloat", category="maths/convert", title="To Float")
def to_float(*, value: AnyValue) -> float:
    """A number, a text or a yes or no as a number."""
    return float(to_number(value))


@node("ConvertToBoolean", category="maths/convert", title="To Boolean")
def to_boolean(*, value: AnyValue) -> bool:
    """Yes or no out of a number, which is no at 0, or of a text such as yes, no, true, off or 1."""
    if not isinstance(value, str):
        return bool(to_number(value))
    word = value.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"{value[:80]!r} is neither yes nor no; write true or false")
