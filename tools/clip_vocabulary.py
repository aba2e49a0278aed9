"""Rebuilds `resources/tokenizers/clip/merges.txt` from the wheel `instant-clip-tokenizer`; install it first.

The compiled module holds the list that CLIP was published with; its first 48,894 merges are CLIP's. Every
token made from them is compared with what the module itself decodes before the file is written.
"""

from __future__ import annotations

from pathlib import Path

import instant_clip_tokenizer

from core.models.text.tokenizer import byte_symbols, vocabulary
from resources import path

_MERGES = 49408 - 2 * 256 - 2
_HEADER = "#version: 0.2\n"


def main() -> None:
    """Writes the file."""
    merges = _embedded_merges()
    _compare(merges)
    target = path("tokenizers", "clip", "merges.txt")
    target.write_text(
        _HEADER + "".join(f"{left} {right}\n" for left, right in merges), encoding="utf-8", newline="\n"
    )
    print(f"{target}: {len(merges)} merges")


def _embedded_merges() -> list[tuple[str, str]]:
    (module,) = Path(instant_clip_tokenizer.__file__).parent.glob("instant_clip_tokenizer.*.*")
    _, _, rest = module.read_bytes().partition(_HEADER.encode())
    lines = rest.split(b"\n", _MERGES)[:_MERGES]
    pairs = (line.decode().split(" ") for line in lines)
    return [(left, right) for left, right in pairs]


def _compare(merges: list[tuple[str, str]]) -> None:
    tokenizer = instant_clip_tokenizer.Tokenizer()
    byte_of = {symbol: byte for byte, symbol in byte_symbols().items()}
    for token, number in list(vocabulary(merges).items())[:-2]:
        word = token.removesuffix("</w>")
        text = bytes(byte_of[symbol] for symbol in word).decode(errors="replace")
        expected = text if word == token else text + " "
        if tokenizer.decode([number]) != expected:
            raise SystemExit(
                f"token {number} is {expected!r} here and {tokenizer.decode([number])!r} in the wheel"
            )


if __name__ == "__main__":
    main()
