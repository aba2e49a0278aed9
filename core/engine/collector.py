"""Keeps the search for garbage from holding up runs."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_NEVER: Final = 2**31 - 1


@contextmanager
def no_full_collection() -> Generator[None]:
    """Inside, only what was made lately is searched for garbage, which takes a millisecond at most.

    A search through everything takes longer the more there is: with torch in memory and a graph of 10,000
    nodes more than the nodes themselves. It happens as usual once the run is over.
    """
    youngest, middle, oldest = gc.get_threshold()
    gc.set_threshold(youngest, middle, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(youngest, middle, oldest)
