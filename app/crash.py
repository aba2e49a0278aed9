"""What is told about a mistake of Darkroom itself, and kept for whoever mends it."""

from __future__ import annotations

import traceback
from datetime import datetime
from pathlib import Path

import platformdirs

from core.errors import DarkroomError
from core.media.outputs import write_whole


def describe(error: Exception, folder: Path | None = None) -> str:
    """What to tell the user; the trace is written to a file, or part of the text if that fails.

    Args:
        folder: Where the file goes; None for the place that the system expects.
    """
    trace = "".join(traceback.format_exception(error))
    reason = f"this is a mistake in Darkroom, not in what you asked for: {type(error).__name__}: {error}"
    folder = folder or platformdirs.user_log_path("Darkroom", appauthor=False)
    file = folder / f"crash-{datetime.now():%Y%m%d-%H%M%S-%f}.txt"
    try:
        write_whole(file, trace.encode("utf-8", "backslashreplace"))
    except DarkroomError:
        return f"{reason}\nPlease report it with these lines:\n{trace}"
    return f"{reason}\nPlease report it with the file {file}"
