"""Which known names an unknown one may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def near(name: str, names: Sequence[str], count: int = 3) -> list[str]:
    """Names that look like `name`, best first: what to offer when one is not found."""
    lower = {known.lower(): known for known in names}
    return [lower[match] for match in difflib.get_close_matches(name.lower(), list(lower), count, 0.5)]
