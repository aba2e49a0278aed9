"""Which node runs next."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence

from core.engine.validate import BoundNode


class Order:
    """Nodes that dissolve from the sources on: a node is ready once all it waits for is done.

    Of the ready nodes the one with the fewest links to an output comes first, so that pictures appear early.
    Ties follow the order of the graph, backwards.

    Args:
        nodes: Everything that may be asked for.
        outputs: What is wanted.
        done: Nodes whose results are known already.
    """

    def __init__(
        self, nodes: Mapping[str, BoundNode], outputs: Sequence[str], done: Collection[str] = ()
    ) -> None:
        self._nodes = nodes
        self._ranks = _ranks(nodes, outputs)
        self._done = set(done)
        self._waits: dict[str, int] = {}
        self._consumers: dict[str, list[str]] = {}
        self._ready: list[tuple[int, str]] = []
        for output in outputs:
            self._want(output)

    def next(self) -> str | None:
        """The node to work on, which is then no longer ready; None when nothing more can run."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def done(self, node_id: str) -> None:
        """Says that the result of a node is known."""
        self._done.add(node_id)
        for consumer in self._consumers.pop(node_id, ()):
            self._waits[consumer] -= 1
            if not self._waits[consumer]:
                self._push(consumer)

    def wait_for(self, node_id: str, sources: Iterable[str]) -> None:
        """Returns a node to the graph until more of what feeds it is done."""
        for source in self._wait(node_id, sources):
            self._want(source)

    def _want(self, node_id: str) -> None:
        wanted = [node_id]
        while wanted:
            node_id = wanted.pop()
            if node_id not in self._done and node_id not in self._waits:
                wanted += self._wait(node_id, _eager_sources(self._nodes[node_id]))

    def _wait(self, node_id: str, sources: Iterable[str]) -> Collection[str]:
        """Those of the sources that are not done."""
        missing = dict.fromkeys(source for source in sources if source not in self._done)
        for source in missing:
            self._consumers.setdefault(source, []).append(node_id)
        self._waits[node_id] = len(missing)
        if not missing:
            self._push(node_id)
        return missing

    def _push(self, node_id: str) -> None:
        heapq.heappush(self._ready, (self._ranks[node_id], node_id))


def _eager_sources(node: BoundNode) -> list[str]:
    """What feeds the inputs that are computed without being asked for."""
    spec = node.spec
    return [
        link.node_id
        for name, link in node.links.items()
        if spec.needs is None or (declared := spec.input(name)) is None or not declared.lazy
    ]


def _ranks(nodes: Mapping[str, BoundNode], outputs: Sequence[str]) -> dict[str, int]:
    """Places in a walk from the outputs against the links, level by level: nearer to an output is lower."""
    found = dict.fromkeys(reversed(outputs))
    level = list(found)
    while level:
        sources = [link.node_id for name in level for link in reversed([*nodes[name].links.values()])]
        level = [source for source in dict.fromkeys(sources) if source not in found]
        found |= dict.fromkeys(level)
    return {node_id: rank for rank, node_id in enumerate(found)}
