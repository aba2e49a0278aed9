"""Garbage is collected on the GUI thread and on no other.

Python collects on whichever thread happens to need memory. Widgets that only a ring of references still held
would then be destroyed on a thread that is not theirs, which ends the process.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer

_EVERY_MS: Final = 200


class Garbage(QObject):
    """Collects in place of Python, by Python's own thresholds, while it lives."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        gc.disable()
        timer = QTimer(self, interval=_EVERY_MS)
        timer.timeout.connect(collect)
        timer.start()

    def end(self) -> None:
        """Leaves it to Python again."""
        if self._was_enabled:
            gc.enable()


def collect() -> None:
    """Collects what is due: the oldest generation of which enough has come together."""
    pairs = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, limit) in enumerate(pairs) if count > limit]
    if due:
        gc.collect(due[-1])
