"""Regular expressions from strangers: bounded in size and time, with errors in words."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TypeAlias

import regex

Match: TypeAlias = "regex.Match[str]"

LONGEST_RESULT: Final = 10_000_000
"""Characters of a text that a node may make."""
_LONGEST: Final = 2000
_LARGEST: Final = 50_000
SECONDS: Final = 2.0
"""How long one search may take."""
_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]|\{(\d+)(?:(,)(\d*))?\}|.", re.DOTALL)


class Pattern:
    """A regular expression.

    Args:
        dotall: A dot stands for line ends, too.
        multiline: ^ and $ stand for the ends of lines, not only of the text.

    Raises:
        ValueError: It cannot be read, or is too large.
    """

    def __init__(
        self, source: str, *, ignore_case: bool = False, multiline: bool = False, dotall: bool = False
    ) -> None:
        if len(source) > _LONGEST or _unrolled(source) > _LARGEST:
            raise ValueError("this pattern is too large; give it fewer or smaller repeats such as {1000}")
        flags = (
            (regex.IGNORECASE if ignore_case else 0)
            | (regex.MULTILINE if multiline else 0)
            | (regex.DOTALL if dotall else 0)
        )
        try:
            self._pattern = regex.compile(source, flags)
        except (regex.error, RecursionError) as error:
            raise ValueError(f"the pattern {source[:80]!r} cannot be read: {error}") from None

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return self._pattern.groups

    def first(self, text: str) -> Match | None:
        """The first place where it matches.

        Raises:
            ValueError: It takes too long.
        """
        with _in_time():
            return self._pattern.search(text, timeout=SECONDS)

    def all(self, text: str) -> list[Match]:
        """Every place where it matches.

        Raises:
            ValueError: It takes too long.
        """
        with _in_time():
            return list(self._pattern.finditer(text, timeout=SECONDS))

    def replaced(self, text: str, by: str, count: int = 0) -> str:
        r"""The text with another one wherever the pattern matches.

        Args:
            by: May name groups, as `\\1`.
            count: How often at most; 0 for everywhere.

        Raises:
            ValueError: It takes too long, the result is too long, or a group is not there.
        """
        size = len(text)

        def swap(match: Match) -> str:
            nonlocal size
            piece = match.expand(by)
            size += len(piece)
            refuse_long(size)
            return piece

        with _in_time():
            try:
                return self._pattern.sub(swap, text, count, timeout=SECONDS)
            except (regex.error, IndexError) as error:
                raise ValueError(f"the replacement {by[:80]!r} cannot be used: {error}") from None


def refuse_long(size: int) -> None:
    """Raises `ValueError` where a text would get more than `LONGEST_RESULT` characters."""
    if size > LONGEST_RESULT:
        raise ValueError(f"the text would get longer than {LONGEST_RESULT:,} characters")


@contextmanager
def _in_time() -> Generator[None]:
    try:
        yield
    except TimeoutError:
        raise ValueError(
            f"this pattern takes more than {SECONDS:g} s on this text; "
            "repeats inside repeats, such as (a+)+, are what makes patterns slow"
        ) from None


def _unrolled(source: str) -> int:
    """How many parts a pattern has once its counted repeats are written out, as the engine does."""
    sizes = [0]
    last = 0
    for part in _PART.finditer(source):
        match part[0][0]:
            case "(":
                sizes.append(0)
            case ")":
                last = sizes.pop()
                sizes = sizes or [0]
                sizes[-1] += last
            case "{" if part[1]:
                times = min(int(part[3] or part[1]), _LARGEST)
                sizes[-1] += last * (times - 1)
                last *= times
            case _:
                last = 1
                sizes[-1] += 1
    return sum(sizes)
