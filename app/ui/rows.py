"""Lists whose rows stay what they are while others come and go, so that views keep selection and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex

Row = TypeVar("Row")

Index = QModelIndex | QPersistentModelIndex
"""Where a row of a model is, as Qt hands it to its methods."""


def replace_rows(
    model: QAbstractListModel, rows: list[Row], new: Sequence[Row], key: Callable[[Row], object]
) -> None:
    """Takes out and puts in only what lies between the equal beginnings and ends of two lists.

    Args:
        rows: What the model has; it is changed.
        key: Rows with equal keys are the same one, of which something else may be said.
    """
    old_keys, new_keys = [key(row) for row in rows], [key(row) for row in new]
    shorter = min(len(rows), len(new))
    start = next((i for i in range(shorter) if old_keys[i] != new_keys[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if old_keys[-1 - i] != new_keys[-1 - i]), rest)
    if start < len(rows) - end:
        model.beginRemoveRows(QModelIndex(), start, len(rows) - end - 1)
        del rows[start : len(rows) - end]
        model.endRemoveRows()
    if start < len(new) - end:
        model.beginInsertRows(QModelIndex(), start, len(new) - end - 1)
        rows[start:start] = new[start : len(new) - end]
        model.endInsertRows()
    rows[:] = new
    if new:
        model.dataChanged.emit(model.index(0), model.index(len(new) - 1))
