"""Arithmetic as people write it, computed without ever running it as a program.

    Expression("max(a, 64) // 8 * 8").value({"a": 100})  # 96

The grammar is Python's for numbers: `+ - * / // % **`, comparisons (chained ones too), `and or not`,
`x if condition else y`, the functions of `FUNCTIONS` and the names of `CONSTANTS`. Length, depth and the size
of numbers are bounded, so that no text takes long or much memory.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

Number: TypeAlias = int | float
Names: TypeAlias = Mapping[str, Number]
_Term: TypeAlias = Callable[[Names], Number]

LONGEST: Final = 1000
"""Characters of an expression."""
_DEEPEST: Final = 25
_BITS: Final = 4096
_DIGITS: Final = 100

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)?)"
    r"|(?P<sign>\*\*|//|[<>=!]=|[-+*/%<>(),])|(?P<end>$)|(?P<wrong>\S))"
)
_WORDS: Final = frozenset({"and", "or", "not", "if", "else"})


class ExpressionError(ValueError):
    """An expression cannot be read or computed; the message says where and why."""


def _round(value: Number, digits: Number | None = None) -> Number:
    if digits is None:
        return round(value)
    if abs(digits) > _DIGITS:
        raise ValueError(f"there are at most {_DIGITS} digits to round to")
    return round(value, int(digits))


def _power(base: Number, exponent: Number) -> Number:
    is_whole = isinstance(base, int) and isinstance(exponent, int)
    if is_whole and abs(base) > 1 and int(base).bit_length() * exponent > _BITS:
        raise OverflowError
    if base < 0 and isinstance(exponent, float) and not exponent.is_integer():
        raise ValueError("a negative number has no such power")
    return base**exponent


def _log(value: Number, base: Number = math.e) -> float:
    return math.log(value) if base == math.e else math.log(value, base)


FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Any], int, int]]] = {
    "abs": (abs, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "cos": (math.cos, 1, 1),
    "exp": (math.exp, 1, 1),
    "float": (float, 1, 1),
    "floor": (math.floor, 1, 1),
    "int": (int, 1, 1),
    "log": (_log, 1, 2),
    "max": (max, 2, 100),
    "min": (min, 2, 100),
    "pow": (_power, 2, 2),
    "round": (_round, 1, 2),
    "sin": (math.sin, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "tan": (math.tan, 1, 1),
}
"""What can be called: the function, and the least and most values it takes."""
CONSTANTS: Final[Names] = {"pi": math.pi, "tau": math.tau, "e": math.e, "True": True, "False": False}
"""Names that stand for something unless a value of the same name is given."""

_SUMS: Final = {"+": operator.add, "-": operator.sub}
_PRODUCTS: Final = {
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARISONS: Final[Mapping[str, Callable[[Number, Number], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Expression:
    """An expression that has been read.

    Raises:
        ExpressionError: It makes no sense.
    """

    def __init__(self, text: str) -> None:
        self._term = _Parser(text).whole()

    def value(self, names: Names) -> Number:
        """What it comes to.

        Args:
            names: The values of its names.

        Raises:
            ExpressionError: A name has no value, or the result is no finite number of fair size.
        """
        value = self._term(names)
        if isinstance(value, float) and not math.isfinite(value):
            raise ExpressionError(f"the result is {value}, which nothing can be computed with")
        return value


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class _Parser:
    """Turns tokens into functions of the names, from the loosest operators to the tightest."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(f"an expression may have {LONGEST} characters; this one has {len(text)}")
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> _Term:
        if self._token.kind == "end":
            raise ExpressionError("the expression is empty; write something like a * 2 + 1")
        term = self._choice()
        if self._token.kind != "end":
            raise self._wrong(self._token, f"{self._token.text!r} does not belong there")
        return term

    def _choice(self) -> _Term:
        """`x if condition else y`."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(self._token, f"it is nested more than {_DEEPEST} levels deep")
        term = self._any_of()
        if self._take("if"):
            condition = self._any_of()
            self._expect("else")
            term = _choose(term, condition, self._choice())
        self._depth -= 1
        return term

    def _any_of(self) -> _Term:
        terms = self._chain(self._all_of, "or")
        return terms[0] if len(terms) == 1 else lambda names: _first(terms, names, True)

    def _all_of(self) -> _Term:
        terms = self._chain(self._negation, "and")
        return terms[0] if len(terms) == 1 else lambda names: _first(terms, names, False)

    def _chain(self, part: Callable[[], _Term], word: str) -> list[_Term]:
        terms = [part()]
        while self._take(word):
            terms.append(part())
        return terms

    def _negation(self) -> _Term:
        count = 0
        while self._take("not"):
            count += 1
        term = self._comparison()
        return term if not count else lambda names: bool(term(names)) == (count % 2 == 0)

    def _comparison(self) -> _Term:
        first = self._sum()
        rest: list[tuple[Callable[[Number, Number], bool], _Term]] = []
        while self._token.text in COMPARISONS:
            compare = COMPARISONS[self._advance().text]
            rest.append((compare, self._sum()))
        if not rest:
            return first

        def compared(names: Names) -> bool:
            left = first(names)
            for compare, term in rest:
                right = term(names)
                if not compare(left, right):
                    return False
                left = right
            return True

        return compared

    def _sum(self) -> _Term:
        return self._joined(self._product, _SUMS)

    def _product(self) -> _Term:
        return self._joined(self._signed, _PRODUCTS)

    def _joined(
        self, part: Callable[[], _Term], operators: Mapping[str, Callable[[Number, Number], Number]]
    ) -> _Term:
        """Parts joined by operators of one rank, from left to right."""
        first = part()
        rest: list[tuple[_Token, Callable[[Number, Number], Number], _Term]] = []
        while self._token.text in operators:
            sign = self._advance()
            rest.append((sign, operators[sign.text], part()))
        if not rest:
            return first

        def joined(names: Names) -> Number:
            value = first(names)
            for sign, join, term in rest:
                value = self._computed(sign, join, value, term(names))
            return value

        return joined

    def _signed(self) -> _Term:
        negative, signed = False, False
        while self._token.text in _SUMS:
            negative ^= self._advance().text == "-"
            signed = True
        term = self._raised()
        if not signed:
            return term
        return (lambda names: -term(names)) if negative else (lambda names: +term(names))

    def _raised(self) -> _Term:
        base = self._atom()
        sign = self._token
        if not self._take("**"):
            return base
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(sign, f"it is nested more than {_DEEPEST} levels deep")
        exponent = self._signed()  # binds from the right, and takes a sign
        self._depth -= 1
        return lambda names: self._computed(sign, _power, base(names), exponent(names))

    def _atom(self) -> _Term:
        token = self._advance()
        if token.kind == "number":
            value = self._computed(token, _number, token.text)
            return lambda names: value
        if token.kind == "name" and token.text not in _WORDS:
            return self._call(token) if self._token.text == "(" else self._named(token)
        if token.text == "(":
            inner = self._choice()
            self._expect(")")
            return inner
        found = repr(token.text) if token.text else "the end"
        raise self._wrong(token, f"a number, a name or a bracket is missing before {found}")

    def _named(self, token: _Token) -> _Term:
        def named(names: Names) -> Number:
            value = names.get(token.text, CONSTANTS.get(token.text))
            if value is None:
                known = ", ".join(sorted({*names, *CONSTANTS} - {"True", "False"}))
                raise self._wrong(token, f"{token.text!r} has no value; there are {known}")
            return value

        return named

    def _call(self, token: _Token) -> _Term:
        if token.text not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise self._wrong(token, f"there is no function {token.text!r}; there are {known}")
        function, least, most = FUNCTIONS[token.text]
        self._expect("(")
        terms = [self._choice()]
        while self._take(","):
            terms.append(self._choice())
        self._expect(")")
        if not least <= len(terms) <= most:
            takes = str(least) if least == most else f"{least} to {most}"
            raise self._wrong(token, f"{token.text} takes {takes} values, not {len(terms)}")
        return lambda names: self._computed(token, function, *(term(names) for term in terms))

    def _computed(self, token: _Token, function: Callable[..., Any], *values: object) -> Number:
        """What a function gives, as long as it is a finite number of fair size."""
        try:
            result = function(*values)
            _refuse_large(result)
        except ZeroDivisionError:
            raise self._wrong(token, "this divides by zero") from None
        except OverflowError:
            raise self._wrong(token, "this becomes too large") from None
        except ValueError as error:
            raise self._wrong(token, f"{token.text} gives no number: {error}") from None
        return result

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._token
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _take(self, text: str) -> bool:
        found = self._token.text == text
        if found:
            self._advance()
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            found = repr(self._token.text) if self._token.text else "the end"
            raise self._wrong(self._token, f"{text!r} is missing before {found}")

    def _wrong(self, token: _Token, why: str) -> ExpressionError:
        return _error(self._text, token, why)


def _tokens(text: str) -> Sequence[_Token]:
    """The tokens, the last one of kind `end` and without text."""
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "end"
        token = _Token(kind, match[kind], match.start(kind))
        if kind == "wrong":
            raise _error(text, token, f"{token.text!r} means nothing here")
        found.append(token)
        if kind == "end":
            break
    return found


def _error(text: str, token: _Token, why: str) -> ExpressionError:
    return ExpressionError(f"{why} (character {token.start + 1} of {text!r})")


def _choose(then: _Term, condition: _Term, otherwise: _Term) -> _Term:
    return lambda names: then(names) if condition(names) else otherwise(names)


def _first(terms: Sequence[_Term], names: Names, wanted: bool) -> Number:
    """The first value that is true, or false, and else the last one; what follows it is not computed."""
    for term in terms[:-1]:
        value = term(names)
        if bool(value) is wanted:
            return value
    return terms[-1](names)


def _number(text: str) -> Number:
    return int(text) if text.isdecimal() else float(text)


def _refuse_large(number: Number) -> None:
    if not math.isfinite(number) if isinstance(number, float) else number.bit_length() > _BITS:
        raise OverflowError
