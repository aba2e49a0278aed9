"""The graph of a run, which grows where nodes expand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

from core.engine.signature import Signature, read_fingerprints, sign, volatile_nodes
from core.engine.validate import BoundNode, Validation, bind_addition
from core.errors import GraphError, Problem
from core.folders import Folders
from core.graph import PromptNode
from core.nodes.api import Subgraph
from core.nodes.registry import Registry

_MOST_NODES: Final = 1_000_000
"""More than any memory holds results of: nodes that expand into themselves end here."""


class Live:
    """The nodes of a run: those of the user's graph and the ephemeral ones. Nodes see it as `LiveGraph`.

    Attributes:
        bound: Every node that can run.
        signatures: Theirs.
        volatile: Those whose result will never come again.
    """

    def __init__(
        self,
        validation: Validation,
        signatures: Mapping[str, Signature],
        volatile: Set[str],
        registry: Registry,
        folders: Folders,
    ) -> None:
        self.bound: dict[str, BoundNode] = dict(validation.nodes)
        self.signatures: dict[str, Signature] = dict(signatures)
        self.volatile: set[str] = set(volatile)
        self._nodes: dict[str, PromptNode] = dict(validation.graph.nodes)
        self._shown_under: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._outputs = frozenset(validation.outputs)
        self._registry = registry
        self._folders = folders

    @property
    def node_ids(self) -> Sequence[str]:
        """Ids of all nodes."""
        return tuple(self._nodes)

    def node(self, node_id: str) -> PromptNode:
        """A node with its inputs.

        Raises:
            LookupError: There is no such node.
        """
        return self._nodes[node_id]

    def display_id(self, node_id: str) -> str:
        """The node of the user's graph that a node is shown under."""
        return self._shown_under.get(node_id, node_id)

    def is_output(self, node_id: str) -> bool:
        """Whether the run has a node run for its effect."""
        if node_id in self._owners:
            return self.bound[node_id].spec.output_node
        return node_id in self._outputs

    def owner(self, node_id: str) -> str | None:
        """The node of the user's graph whose expansion a node comes from; None for one of that graph."""
        return self._owners.get(node_id)

    def grow(self, parent: str, subgraphs: Mapping[str, Subgraph]) -> list[str]:
        """The ids of the nodes that a node expands into, sources first.

        Args:
            subgraphs: By what the ids of their nodes begin with.

        Raises:
            GraphError: They cannot run.
        """
        added: dict[str, PromptNode] = {}
        shown: dict[str, str] = {}
        for prefix, subgraph in subgraphs.items():
            nodes, places = subgraph.named(prefix)
            self._refuse_known(parent, {name for name in nodes if name in added or name in self._nodes})
            added |= nodes
            shown |= places
        if len(self._nodes) + len(added) > _MOST_NODES:
            message = f"it makes the graph grow beyond {_MOST_NODES:,} nodes; does it expand into itself?"
            raise GraphError([Problem("too_large", message, parent)])
        self._nodes |= added
        bound = bind_addition(added, self._nodes, self.bound, self._registry, self._folders)
        fingerprints = read_fingerprints(bound, self._folders)
        self.signatures |= sign(bound, fingerprints, self._folders, self.signatures)
        self.volatile |= volatile_nodes(bound, fingerprints, self.volatile)
        self.bound |= bound
        self._owners |= dict.fromkeys(added, self._owners.get(parent, parent))
        self._shown_under |= dict.fromkeys(added, self.display_id(parent)) | shown
        return list(bound)

    @staticmethod
    def _refuse_known(parent: str, twice: set[str]) -> None:
        for node_id in sorted(twice)[:1]:
            message = f"it adds a node {node_id!r}, which is there already"
            raise GraphError([Problem("bad_link", message, parent)])

    def outputs_of(self, node_ids: Sequence[str]) -> Iterator[str]:
        """Those of the nodes that are run for their effect."""
        return (node_id for node_id in node_ids if self.bound[node_id].spec.output_node)
