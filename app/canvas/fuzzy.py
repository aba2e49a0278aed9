"""Which of many entries fit what somebody types, the best ones first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORD_START: Final = 100
_INSIDE: Final = 200
_NAMED: Final = (199, 300)  # whole, or only its start
_SCATTERED: Final = 600
_ELSEWHERE: Final = 800
_FARTHEST: Final = 99
_BOUNDARY: Final = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")


class Key:
    """What an entry is found by.

    Args:
        text: What the entry shows; matches in it come first.
        more: Other words that it is found by.
        handicap: How much worse it fits than it seems to: an entry that fits well is still found by it.
    """

    __slots__ = ("handicap", "lower", "more", "text", "words")

    def __init__(self, text: str, more: str = "", handicap: int = 0) -> None:
        self.text = text
        self.handicap = handicap
        self.lower = text.lower()
        self.more = f" {more.lower()} "
        self.words = _BOUNDARY.sub("\n", text).lower()


def rank(query: str, keys: Sequence[Key]) -> list[int]:
    """The places of the keys that fit, best first. Every word of the query has to be found in an entry.

    A word at the start of the text is worth more than one at the start of a word, then one inside a word, one
    that starts another word of the entry, letters that only follow each other, and anything else.
    """
    words = [(word, _scattered(word)) for word in query.lower().split()]
    if not words:
        return list(range(len(keys)))
    found: list[tuple[int, int, int]] = []
    for place, key in enumerate(keys):
        total = key.handicap
        for word, pattern in words:
            score = _score(word, pattern, key)
            if score < 0:
                break
            total += score
        else:
            found.append((total, len(key.text), place))
    found.sort()
    return [place for _, _, place in found]


def marks(query: str, text: str) -> list[int]:
    """The places of the letters of a text that made it fit."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters get longer in lower case; then places do not agree
        return []
    result: set[int] = set()
    for word in query.lower().split():
        at = _best_start(word, text, lower)
        if at >= 0:
            result.update(range(at, at + len(word)))
        elif _scattered(word).match(lower):
            result.update(_following(word, lower))
    return sorted(result)


def _score(word: str, pattern: re.Pattern[str], key: Key) -> int:
    at = key.lower.find(word)
    if at == 0:
        return 0 if len(word) == len(key.lower) else 1
    if at > 0:
        return (_WORD_START if f"\n{word}" in key.words else _INSIDE) + min(at, _FARTHEST)
    if f" {word}" in key.more:
        return _NAMED[f" {word} " not in key.more]
    if pattern.match(key.lower):
        return _SCATTERED
    return _ELSEWHERE if word in key.more else -1


def _best_start(word: str, text: str, lower: str) -> int:
    """Where the word is found at the start of a word, else where it is found at all, else -1."""
    starts = (0, *(boundary.end() for boundary in _BOUNDARY.finditer(text)))
    return next((at for at in starts if lower.startswith(word, at)), lower.find(word))


def _scattered(word: str) -> re.Pattern[str]:
    """Finds the word's letters one after the other. Takes no step back, so no text makes it slow."""
    return re.compile("".join(f"[^{letter}]*+{letter}" for letter in map(re.escape, word)), re.DOTALL)


def _following(word: str, lower: str) -> list[int]:
    places: list[int] = []
    at = -1
    for letter in word:
        at = lower.find(letter, at + 1)
        places.append(at)
    return places
