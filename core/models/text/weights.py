r"""The syntax of prompt weights: `(text)`, `(text:1.2)`, `\(` and `\)`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_BRACKET = re.compile(r"\\[()]|([()])")
_EMPHASIS = 1.1


class Segment(NamedTuple):
    """A stretch of a prompt that has one weight; its escapes are resolved."""

    text: str
    weight: float


class _Span(NamedTuple):
    """Part of a prompt: characters from start to end, and the brackets in it as a range of their list."""

    start: int
    end: int
    first: int
    last: int
    weight: float


def segments(prompt: str) -> Iterator[Segment]:
    """The stretches of a prompt in their order.

    Brackets multiply the weight around them by 1.1. A number behind the last colon of a group replaces that
    weight instead; anything but a finite number stays text. A bracket without a partner is text, and so is
    all that follows an opening one, unless the prompt (or the group around) ends in a closing bracket: that
    one then counts as its partner. After a closing one without a partner, the next opening one is text too.

    Source: the behaviour of ComfyUI.
    """
    brackets = [match.start() for match in _BRACKET.finditer(prompt) if match.group(1)]
    partners = _partners(prompt, brackets)
    pending = [_Span(0, len(prompt), 0, len(brackets), 1.0)]
    while pending:
        span = pending.pop()
        opening = _first_group(prompt, brackets, span)
        start = brackets[opening] if opening < span.last else span.end
        yield from _literal(prompt, span.start, start, span.weight)
        closing = _closing(prompt, brackets, partners, span, opening)
        if closing is None:
            yield from _literal(prompt, start, span.end, span.weight)
            continue
        end = brackets[closing]
        pending.append(_Span(end + 1, span.end, closing + 1, span.last, span.weight))
        # A colon counts only behind all brackets of the group and not as its first character.
        weight, end = _weight(prompt, max(start + 2, brackets[closing - 1] + 1), end, span.weight)
        pending.append(_Span(start + 1, end, opening + 1, closing, weight))


def _partners(prompt: str, brackets: Sequence[int]) -> list[int]:
    """For each opening bracket the index of the one that closes it, else the number of brackets."""
    partners = [len(brackets)] * len(brackets)
    open_ones: list[int] = []
    for index, position in enumerate(brackets):
        if prompt[position] == "(":
            open_ones.append(index)
        elif open_ones:
            partners[open_ones.pop()] = index
    return partners


def _first_group(prompt: str, brackets: Sequence[int], span: _Span) -> int:
    """Index of the bracket that opens the first group of a span; its `last` if there is none."""
    surplus = 0
    for index in range(span.first, span.last):
        if prompt[brackets[index]] == ")":
            surplus += 1
        elif surplus:
            surplus -= 1
        else:
            return index
    return span.last


def _closing(
    prompt: str, brackets: Sequence[int], partners: Sequence[int], span: _Span, opening: int
) -> int | None:
    if opening == span.last:
        return None
    if partners[opening] < span.last:
        return partners[opening]
    final = span.last - 1
    ends_in_bracket = brackets[final] == span.end - 1 and prompt[brackets[final]] == ")"
    return final if ends_in_bracket else None


def _weight(prompt: str, first_colon: int, end: int, outer: float) -> tuple[float, int]:
    """The weight of a group, and where its text ends: before the number, if there is one."""
    colon = prompt.rfind(":", first_colon, end)
    if colon >= 0:
        try:
            weight = float(prompt[colon + 1 : end])
        except ValueError:
            weight = math.nan
        if math.isfinite(weight):
            return weight, colon
    return outer * _EMPHASIS, end


def _literal(prompt: str, start: int, end: int, weight: float) -> Iterator[Segment]:
    if start < end:
        yield Segment(prompt[start:end].replace("\\(", "(").replace("\\)", ")"), weight)
