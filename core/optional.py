"""Libraries that only a part of the program needs: where one is missing or broken, the rest works."""

from __future__ import annotations

import importlib
from typing import Any

from core.errors import DarkroomError


def library(name: str, user: str) -> Any:
    """The module of a library.

    Args:
        user: What needs it, as errors name it.

    Raises:
        DarkroomError: It cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:  # a library that does not fit its system raises anything
        reason = str(error) or type(error).__name__
        message = f"{user} needs the library {name}, which cannot be loaded ({reason}); install it again"
        raise DarkroomError(message) from error
