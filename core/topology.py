"""Walks over graphs. None of them recurses: a graph may be as deep as it likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Sources: TypeAlias = Callable[[str], Iterable[str]]


def sources_first(roots: Iterable[str], sources: Sources, besides: Iterable[str] = ()) -> list[str]:
    """Every node that leads to the roots, each after those that feed it (but for cycles).

    Args:
        besides: Nodes that are not looked at, nor what feeds them.
    """
    order: list[str] = []
    seen = set(besides)
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        path = [(root, iter(sources(root)))]
        while path:
            node, rest = path[-1]
            for source in rest:
                if source not in seen:
                    seen.add(source)
                    path.append((source, iter(sources(source))))
                    break
            else:
                order.append(node)
                path.pop()
    return order


def find_cycles(order: Sequence[str], sources: Sources) -> Iterator[list[str]]:
    """One cycle out of every group of nodes that feed each other, in the direction of the data.

    Args:
        order: All nodes, as `sources_first` gives them.
    """
    place = {node: index for index, node in enumerate(order)}
    if all(place[source] < place[node] for node in order for source in sources(node)):
        return
    # Kosaraju: walked against the links in reverse order, each walk stays inside one group.
    consumers: dict[str, list[str]] = {node: [] for node in order}
    for node in order:
        for source in sources(node):
            consumers[source].append(node)
    grouped: set[str] = set()

    def consumers_left(node: str) -> list[str]:
        return [consumer for consumer in consumers[node] if consumer not in grouped]

    for node in reversed(order):
        if node in grouped:
            continue
        group = set(sources_first([node], consumers_left))
        grouped |= group
        if len(group) > 1 or node in consumers[node]:
            yield _cycle_through(min(group, key=place.__getitem__), group, consumers)


def _cycle_through(start: str, group: set[str], consumers: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a node of a group back to itself."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while start not in came_from:
        node = queue.popleft()
        for consumer in consumers[node]:
            if consumer in group and consumer not in came_from:
                came_from[consumer] = node
                queue.append(consumer)
    cycle = [start]
    while (node := came_from[cycle[-1]]) != start:
        cycle.append(node)
    return [start, *reversed(cycle[1:])]
