"""What a sum typed into a number field comes to. Nothing but numbers and their operators is understood."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Final, TypeAlias

Number: TypeAlias = int | float

LONGEST: Final = 200
"""Longest text that is worked out; it bounds the depth of brackets too."""
_MOST_BITS: Final = 2048
_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN: Final = re.compile(rf"\s*({_NUMBER}|\*\*|//|[-+*/%()]|pi\b|\S)", re.ASCII | re.IGNORECASE)
_UNARY: Final = 3  # binds tighter than *, looser than **: -2 ** 2 is -4


def evaluate(text: str) -> Number:
    """The number a sum comes to. Whole numbers stay whole and exact, also when divided without remainder.

    Raises:
        ValueError: It is no sum, or has no sensible result; the message is a sentence to show.
    """
    if len(text) > LONGEST:
        raise ValueError(f"The sum is longer than {LONGEST} characters.")
    tokens = [found[1] for found in _TOKEN.finditer(text)]
    if not tokens:
        raise ValueError("There is no number.")
    try:
        result = _Reader(tokens).whole()
    except ZeroDivisionError:
        raise ValueError("Division by zero.") from None
    except OverflowError:
        raise ValueError("The result is too large.") from None
    if isinstance(result, float) and not math.isfinite(result):
        raise ValueError("The result is too large.")
    return result


class _Reader:
    """Reads tokens from left to right, each operator with what binds tighter on its right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Number:
        result = self._sum(0)
        if (token := self._next()) is not None:
            raise ValueError(f"{token!r} is not expected there.")
        return result

    def _sum(self, lowest: int) -> Number:
        left = self._operand()
        while (token := self._peek()) in _OPERATORS and _OPERATORS[token][0] >= lowest:
            self._at += 1
            strength, work = _OPERATORS[token]
            # 2 ** 3 ** 2 is read from the right, all others from the left
            right = self._sum(_UNARY if token == "**" else strength + 1)
            left = work(left, right)
        return left

    def _operand(self) -> Number:
        token = self._next()
        match token:
            case None:
                raise ValueError("A number is missing at the end.")
            case "-":
                return -self._sum(_UNARY)
            case "+":
                return self._sum(_UNARY)
            case "(":
                inner = self._sum(0)
                if self._next() != ")":
                    raise ValueError("A bracket is not closed.")
                return inner
            case _:
                return _number(token)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str | None:
        token = self._peek() or None
        self._at += 1
        return token


def _number(token: str) -> Number:
    if token.lower() == "pi":
        return math.pi
    if not re.fullmatch(_NUMBER, token, re.ASCII):
        raise ValueError(f"{token!r} is not a number.")
    return int(token) if token.isdigit() else float(token)


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int):
        if base.bit_length() * abs(exponent) > _MOST_BITS:
            raise OverflowError
    elif base < 0 and exponent != int(exponent):
        raise ValueError("A negative number has no root here.")
    return base**exponent


_OPERATORS: Final[dict[str, tuple[int, Callable[[Number, Number], Number]]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, _divide),
    "//": (2, operator.floordiv),
    "%": (2, operator.mod),
    "**": (4, _power),
}
