"""Exit statuses that other programs rely on."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
WRONG_INPUT: Final = 2
CANCELLED: Final = 130
