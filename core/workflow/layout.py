"""Where nodes go that come without positions: in columns, each node right of everything it takes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from core.workflow.records import Point

# Sizes on the canvas. They are ComfyUI's, so that graphs laid out there look laid out here: a node's position
# is the top left of its body, its title stands above it.
TITLE_HEIGHT: Final = 30.0
SLOT_HEIGHT: Final = 20.0
ROW_HEIGHT: Final = 24.0
TEXT_HEIGHT: Final = 100.0
GROUP_TITLE: Final = 30.0

_GAP: Final = (80.0, 40.0 + TITLE_HEIGHT)


def columns(inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Column of every node: 0 for those that take from none, else one right of the furthest it takes from.

    A node that is part of a cycle, or behind one, goes right of what could be placed.

    Args:
        inputs: Node id -> ids of the nodes it takes from.
    """
    waiting = {node: {other for other in others if other in inputs} for node, others in inputs.items()}
    feeds: dict[str, list[str]] = {node: [] for node in inputs}
    for node, others in waiting.items():
        for other in others:
            feeds[other].append(node)
    column = dict.fromkeys(inputs, 0)
    ready = [node for node, others in waiting.items() if not others]
    for node in ready:
        for next_node in feeds[node]:
            column[next_node] = max(column[next_node], column[node] + 1)
            waiting[next_node].discard(node)
            if not waiting[next_node]:
                ready.append(next_node)
    return column


def arrange(sizes: Mapping[str, Point], inputs: Mapping[str, Sequence[str]]) -> dict[str, Point]:
    """A position for every node, so that none overlaps another, nor another's title.

    Args:
        sizes: Node id -> width and height.
        inputs: Node id -> ids of the nodes it takes from.
    """
    by_column: dict[int, list[str]] = {}
    for node, column in columns(inputs).items():
        by_column.setdefault(column, []).append(node)
    positions: dict[str, Point] = {}

    def height_of_inputs(node: str) -> float:
        middles = [positions[n][1] + sizes[n][1] / 2 for n in inputs[node] if n in positions]
        return sum(middles) / len(middles) if middles else 0

    x = 0.0
    for column in sorted(by_column):
        y = 0.0
        for node in sorted(by_column[column], key=height_of_inputs):  # fewer links cross each other
            positions[node] = (x, y)
            y += sizes[node][1] + _GAP[1]
        x += max(sizes[node][0] for node in by_column[column]) + _GAP[0]
    return positions
