"""Which node runs next."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from core.engine.validate import BoundNode
from core.topology import sources_first

Rank: TypeAlias = tuple[int, int, int]
"""Place in the walk from the outputs; for ephemeral nodes also which expansion, and place in it."""


class Order:
    """Nodes that dissolve from the sources on: a node is ready once all it waits for is done.

    Of the ready nodes the one with the fewest links to an output comes first, so that pictures appear early.
    Ties follow the order of the graph, backwards. Ephemeral nodes have the place of the node they stand for.

    Args:
        nodes: Everything that may be asked for. It may grow.
        outputs: What is wanted.
        done: Nodes whose results are known already.
    """

    def __init__(
        self, nodes: Mapping[str, BoundNode], outputs: Sequence[str], done: Collection[str] = ()
    ) -> None:
        self._nodes = nodes
        self._done = set(done)
        needed = _walk(nodes, outputs, lambda name: name not in self._done)
        self._ranks: dict[str, Rank] = {name: (place, 0, 0) for place, name in enumerate(needed)}
        self._expansions = 0
        self._missing: dict[str, dict[str, None]] = {}
        self._consumers: dict[str, list[str]] = {}
        self._ready: list[tuple[Rank, str]] = []
        for output in outputs:
            self._want(output)

    def next(self) -> str | None:
        """The node to work on, which is then no longer ready; None when nothing more can run."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def done(self, node_id: str) -> None:
        """Says that the result of a node is known."""
        self._done.add(node_id)
        for consumer in self._consumers.pop(node_id, ()):
            missing = self._missing[consumer]
            del missing[node_id]
            if not missing:
                self._push(consumer)

    def wait_for(self, node_id: str, sources: Iterable[str]) -> None:
        """Returns a node to the graph until more of what feeds it is done."""
        for source in self._wait(node_id, sources):
            self._want(source)

    def expand(self, node_id: str, children: Collection[str], wanted: Sequence[str]) -> bool:
        """Returns a node to the graph until the nodes it expands into are done.

        Args:
            children: Nodes that have come to the graph.
            wanted: What the node waits for.

        Returns:
            False if that can never be, since some of it waits for the node itself.
        """
        self._expansions += 1
        place = self._ranks[node_id][0]
        inner = _walk(self._nodes, wanted, set(children).__contains__)
        self._ranks |= {name: (place, -self._expansions, index) for index, name in enumerate(inner)}
        self.wait_for(node_id, wanted)
        return node_id not in sources_first(wanted, lambda name: self._missing.get(name, ()))

    def _want(self, node_id: str) -> None:
        wanted = [node_id]
        while wanted:
            node_id = wanted.pop()
            if node_id not in self._done and node_id not in self._missing:
                wanted += self._wait(node_id, _eager_sources(self._nodes[node_id]))

    def _wait(self, node_id: str, sources: Iterable[str]) -> Collection[str]:
        """Those of the sources that are not done."""
        missing = dict.fromkeys(source for source in sources if source not in self._done)
        for source in missing:
            self._consumers.setdefault(source, []).append(node_id)
        self._missing[node_id] = missing
        if not missing:
            self._push(node_id)
        return tuple(missing)

    def _push(self, node_id: str) -> None:
        # Nodes that no output needs may still feed an ephemeral one.
        heapq.heappush(self._ready, (self._ranks.setdefault(node_id, (0, 0, 0)), node_id))


def _eager_sources(node: BoundNode) -> list[str]:
    """What feeds the inputs that are computed without being asked for."""
    spec = node.spec
    if not spec.has_on_demand:
        return [link.node_id for link in node.links.values()]
    return [link.node_id for name, link in node.links.items() if not spec.is_on_demand(name)]


def _walk(
    nodes: Mapping[str, BoundNode], outputs: Sequence[str], among: Callable[[str], bool]
) -> Iterable[str]:
    """A walk from the outputs against the links, level by level: what is nearer to an output comes earlier.

    Args:
        among: Which nodes it goes to.
    """
    found = dict.fromkeys(filter(among, reversed(outputs)))
    level = list(found)
    while level:
        sources = [link.node_id for name in level for link in reversed([*nodes[name].links.values()])]
        level = [source for source in dict.fromkeys(sources) if source not in found and among(source)]
        found |= dict.fromkeys(level)
    return found
