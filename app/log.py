"""What the program has to say, kept from its first moment on, for the log panel."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PySide6.QtCore import QObject, Signal

LIMIT: Final = 20_000
"""Records that are kept; older ones are dropped."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One thing that was said.

    Attributes:
        number: Counts up by one from record to record.
        level: `logging.INFO` and the like.
        source: Which part of the program said it.
        text: May have several lines.
        malformed: It could not be put into words as asked; the text holds its parts.
    """

    number: int
    time: datetime
    level: int
    source: str
    text: str
    malformed: bool = False

    @property
    def level_name(self) -> str:
        """`INFO` and the like."""
        return logging.getLevelName(self.level)


class _Bell(QObject):
    """Rings in the thread of whoever listens."""

    rung = Signal()


class LogStore(logging.Handler):
    """Keeps what is logged in any thread.

    Attributes:
        arrived: Signal: there are records that `since` has not returned yet. It rings once until
            `since` is called, however many come.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self._records: deque[LogRecord] = deque(maxlen=limit)
        self._guard = threading.Lock()
        self._own = threading.local()
        self._count = 0
        self._has_rung = False
        self._bell = _Bell()
        self.arrived = self._bell.rung

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record, also one that is wrong in itself.

        What is logged while a record is put into words is dropped: it could go on for ever.
        """
        if getattr(self._own, "is_at_it", False):
            return
        self._own.is_at_it = True
        try:
            text, malformed = _words(record)
        finally:
            self._own.is_at_it = False
        with self._guard:
            self._count += 1
            time = datetime.fromtimestamp(record.created)
            self._records.append(LogRecord(self._count, time, record.levelno, record.name, text, malformed))
            rings, self._has_rung = not self._has_rung, True
        if rings:
            self._bell.rung.emit()

    def since(self, number: int) -> Sequence[LogRecord]:
        """The kept records after the one of that number, oldest first; 0 for all of them."""
        with self._guard:
            self._has_rung = False
            new = min(self._count - number, len(self._records))
            return [self._records[index] for index in range(-new, 0)]

    def clear(self) -> None:
        """Forgets all records; their numbers are not used again."""
        with self._guard:
            self._records.clear()


def _words(record: logging.LogRecord) -> tuple[str, bool]:
    """The text of a record, and whether it had to be made of the parts of one that does not fit together."""
    try:
        text, malformed = record.getMessage(), False
    except Exception:  # noqa: BLE001 - whatever the arguments do when they are formatted
        text, malformed = f"{_shown(record.msg)} (with {_shown(record.args)})", True
    if record.exc_info and record.exc_info[0] is not None:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return text, malformed


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception as error:  # noqa: BLE001 - a broken `__repr__` is no reason to lose the record
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
