"""CLIP's byte-pair tokenizer, built from the merges that ship with the program."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from resources import path

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START = 49406
END = 49407
VOCABULARY = 49408
_END_OF_WORD = "</w>"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_WORD = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def token_ids(text: str) -> list[int]:
    """The tokens of a text, without start and end.

    Case, runs of whitespace and Unicode composition make no difference. Half a surrogate pair is U+FFFD.
    """
    return _tokenizer().encode(_without_lone_surrogates(text), add_special_tokens=False).ids


def byte_symbols() -> dict[int, str]:
    """The printable character that stands for each byte in the vocabulary, in the vocabulary's order.

    Source: the byte-level byte-pair encoding of GPT-2 and CLIP. Printable bytes stand for themselves and come
    first; the others take the code points from 256 on.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """Every token and its id: the bytes, the bytes that end a word, one per merge, start and end."""
    symbols = list(byte_symbols().values())
    tokens = [*symbols, *(symbol + _END_OF_WORD for symbol in symbols), *map("".join, merges), *_SPECIAL]
    return {token: number for number, token in enumerate(tokens)}


def read_merges() -> list[tuple[str, str]]:
    """The shipped merges, most frequent first."""
    lines = path("tokenizers", "clip", "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ") for line in lines[1:])
    return [(left, right) for left, right in pairs]


@functools.cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    merges = read_merges()
    tokenizer = Tokenizer(models.BPE(vocabulary(merges), merges, end_of_word_suffix=_END_OF_WORD))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
