"""A number that is changed by dragging: right is more, left is less."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from app.canvas import values
from app.canvas.face import Row

_PIXELS_PER_STEP: Final = 4


class Scrub:
    """One drag over a number row."""

    def __init__(self, node_id: str, row: Row) -> None:
        self.node_id = node_id
        self.row = row
        self._start = values.present(row)
        self._by = Decimal(0)
        self._at = self._rest = 0.0

    def moved(self, dx: float, *, fine: bool, coarse: bool) -> values.Number:
        """The number for the mouse being `dx` pixels from where it was pressed.

        What was dragged before counts at the speed it was dragged at.
        """
        size = values.step(self.row, fine=fine, coarse=coarse)
        # where a row takes no finer steps, the same steps come more slowly
        pixels = _PIXELS_PER_STEP * (values.COARSE if fine and size == values.step(self.row) else 1)
        self._rest += (dx - self._at) / pixels
        self._at = dx
        whole = int(self._rest)
        self._rest -= whole
        self._by += whole * size
        return values.stepped(self.row, self._start, self._by) if self._by else self._start
