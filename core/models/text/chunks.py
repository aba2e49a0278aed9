"""A prompt as the chunks of 77 tokens that CLIP text encoders read."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from torch import Tensor

from core.models.text.tokenizer import END, START, token_ids
from core.models.text.weights import segments

LENGTH = 77
_LONG = 8
_REFERENCE = re.compile(r"(?:\A|[ \n])embedding:")

FindVectors: TypeAlias = Callable[[str], Tensor | None]
"""The vectors [N,D] of an embedding's name; None if there is no such embedding, or none that fits."""

_log = logging.getLogger(__name__)


class Token(NamedTuple):
    """What stands at one place of a chunk: an id, or a vector [D] of a textual inversion."""

    value: int | Tensor
    weight: float = 1.0


def chunks(prompt: str, padding: int, find_vectors: FindVectors) -> list[list[Token]]:
    """The chunks of a prompt, at least one: start token, up to 75 others, end token, padding.

    Fewer than 8 tokens that belong together (a stretch of one weight, an embedding) are never torn apart:
    they begin the next chunk. More are cut wherever a chunk is full.

    Args:
        padding: Id that fills up a chunk.
    """
    filled = [[Token(START)]]
    for group in _groups(prompt, find_vectors):
        room = LENGTH - 1 - len(filled[-1])
        if room < len(group) < _LONG:
            filled.append([Token(START)])
        position = 0
        while position < len(group):
            room = LENGTH - 1 - len(filled[-1])
            if not room:
                filled.append([Token(START)])
                continue
            filled[-1] += group[position : position + room]
            position += room
    return [[*chunk, Token(END)] + [Token(padding)] * (LENGTH - 1 - len(chunk)) for chunk in filled]


def _groups(prompt: str, find_vectors: FindVectors) -> Iterator[Sequence[Token]]:
    missing: set[str] = set()
    for text, weight in segments(prompt):
        words, *references = _REFERENCE.split(text)
        yield _weigh(token_ids(words), weight)
        for reference in references:
            vectors, rest = _resolve(reference, find_vectors, missing)
            yield _weigh(vectors, weight)
            yield _weigh(token_ids(rest), weight)


def _weigh(values: Sequence[int | Tensor], weight: float) -> list[Token]:
    return [Token(value, weight) for value in values]


def _resolve(reference: str, find_vectors: FindVectors, missing: set[str]) -> tuple[Sequence[Tensor], str]:
    """The vectors that a reference begins with, and the text behind it.

    Commas at the end of a name belong to it only if there is such a file; else they are text.
    """
    name, rest = (*reference.split(maxsplit=1), "", "")[:2]
    bare = name.rstrip(",")
    for candidate, text in ((name, rest), (bare, f"{name[len(bare) :]} {rest}")):
        vectors = find_vectors(candidate) if candidate else None
        if vectors is not None:
            return vectors.unbind(), text
    if bare not in missing:
        _log.warning("the embedding %r is left out of the prompt: there is no file that fits", bare)
        missing.add(bare)
    return (), f"{name[len(bare) :]} {rest}"
