"""Constant inputs: what they may be, what they become, and how they look in messages."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeGuard, cast

_DEPTH: Final = 200
_BITS: Final = 4096
_LENGTH: Final = 200

_words = reprlib.Repr()
_words.maxstring = _words.maxother = 80
_words.maxlong = 40


class NotPlain(ValueError):
    """A constant is no plain finite data."""


def show(value: object) -> str:
    """A constant as messages quote it, shortened."""
    try:
        return _words.repr(value)
    except ValueError:  # Python does not write out whole numbers of thousands of digits
        return f"a {type(value).__name__} that is too long to write"


def convert(value: object, wire: str) -> object:
    """A constant as the type of its input: `"3"`, 3.0 and 3.7 are 3 where an INT is taken.

    Types other than the four of numbers, text and yes or no leave it as it is.

    Raises:
        TypeError: It is of a kind that never becomes that type.
        ValueError: It does not read as that type, or is not finite.
        OverflowError: It is too large.
    """
    if type(value) is _KINDS.get(wire):
        return value
    conversion = _CONVERSIONS.get(wire)
    return value if conversion is None else conversion(value)


def check_plain(value: object) -> None:
    """Refuses constants that are not finite, or not made of what JSON can say.

    Raises:
        NotPlain: The reason.
    """
    kind = type(value)
    if kind is str or kind is bool or (kind is float and math.isfinite(cast(float, value))):
        return
    if kind is int and cast(int, value).bit_length() <= _BITS:
        return
    level: list[Any] = [value]
    for _ in range(_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, float):
                if not math.isfinite(item):
                    raise NotPlain("only finite numbers can be computed with")
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    raise NotPlain("its keys have to be text")
                inner += item.values()
            elif isinstance(item, int):
                if item.bit_length() > _BITS:
                    raise NotPlain(f"whole numbers may have {_BITS} bits")
            elif item is not None and not isinstance(item, str):
                raise NotPlain(f"a {type(item).__name__} cannot be stored in a graph")
        if not inner:
            return
        level = inner
    raise NotPlain(f"it is nested more than {_DEPTH} levels deep")


def summarise(inputs: Mapping[str, list[object]]) -> dict[str, str]:
    """Inputs in words: tensors as shape and dtype, one item as itself, several as a list."""
    return {name: _describe(items[0] if len(items) == 1 else items) for name, items in inputs.items()}


def _describe(value: object, depth: int = 3) -> str:
    if _is_tensor(value):
        return f"{type(value).__name__.lower()} {list(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if value is None or isinstance(value, str | int | float | bool):
        return _clip(show(value))
    if depth and isinstance(value, list | tuple):
        return _clip(f"[{_join(_describe(item, depth - 1) for item in value[:6])}{_more(value)}]")
    if depth and isinstance(value, dict):
        pairs = (f"{key}: {_describe(item, depth - 1)}" for key, item in list(value.items())[:12])
        return _clip(f"{{{_join(pairs)}}}")
    return type(value).__name__


class _Tensor:
    shape: Iterable[int]
    dtype: object


def _is_tensor(value: object) -> TypeGuard[_Tensor]:
    return hasattr(type(value), "shape") and hasattr(type(value), "dtype")


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)


def _more(items: list[object] | tuple[object, ...]) -> str:
    return f", ... {len(items)} in all" if len(items) > 6 else ""


def _clip(text: str) -> str:
    return text if len(text) <= _LENGTH else text[: _LENGTH - 3] + "..."


def _to_int(value: object) -> int:
    if isinstance(value, str | int | float):
        return int(value)
    raise TypeError(f"a {type(value).__name__} is no number")


def _to_float(value: object) -> float:
    if not isinstance(value, str | int | float):
        raise TypeError(f"a {type(value).__name__} is no number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("only finite numbers can be computed with")
    return number


def _to_text(value: object) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no text")


def _to_bool(value: object) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, str | int | float):
        return bool(value)
    raise TypeError(f"a {type(value).__name__} is neither yes nor no")


_KINDS: Final[Mapping[str, type]] = {"INT": int, "STRING": str, "BOOLEAN": bool}
"""What is one already. A FLOAT may still be infinite."""

_CONVERSIONS: Final[Mapping[str, Callable[[object], object]]] = {
    "INT": _to_int,
    "FLOAT": _to_float,
    "STRING": _to_text,
    "BOOLEAN": _to_bool,
}
