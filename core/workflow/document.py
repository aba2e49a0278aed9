"""The workflow as it is edited: one source of truth, changed only by operations that return their inverse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

from core.errors import WorkflowError
from core.workflow.fields import same
from core.workflow.records import (
    DocumentLink,
    Group,
    Header,
    InputSocket,
    Node,
    OutputSocket,
    Reroute,
    number_of,
)

K = TypeVar("K", str, int)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Delta(Generic[K, V]):
    """Changes to one table: key -> new record, None to remove it; `places` tells where removed ones were."""

    records: Mapping[K, V | None] = field(default_factory=dict)
    places: Mapping[K, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What an edit touched: keys of records that were added, replaced or removed."""

    nodes: frozenset[str] = frozenset()
    links: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()
    reroutes: frozenset[int] = frozenset()
    header: bool = False

    def __or__(self, other: Changed) -> Changed:
        return Changed(
            self.nodes | other.nodes,
            self.links | other.links,
            self.groups | other.groups,
            self.reroutes | other.reroutes,
            self.header or other.header,
        )


Listener: TypeAlias = Callable[[Changed], None]


class Operation(ABC):
    """One edit of a document."""

    @abstractmethod
    def run(self, document: GraphDocument) -> tuple[Operation, Changed]:
        """The inverse, and what was touched. Only `GraphDocument.apply` calls this.

        Raises:
            WorkflowError: The edit does not fit the document, which is left as it was.
        """

    def is_void(self, document: GraphDocument) -> bool:
        """Whether it is known that this would leave the document as it is."""
        del document
        return False


@dataclass(frozen=True, slots=True)
class Patch(Operation):
    """Records to put in place of others. The inverse of every simple operation is one."""

    nodes: Delta[str, Node] = Delta()
    links: Delta[int, DocumentLink] = Delta()
    groups: Delta[int, Group] = Delta()
    reroutes: Delta[int, Reroute] = Delta()
    header: Header | None = None

    def run(self, document: GraphDocument) -> tuple[Operation, Changed]:
        """The patch that puts everything back."""
        return document.commit(self), Changed(
            frozenset(self.nodes.records),
            frozenset(self.links.records),
            frozenset(self.groups.records),
            frozenset(self.reroutes.records),
            self.header is not None,
        )

    def is_void(self, document: GraphDocument) -> bool:
        """Whether all its records are there already."""
        if self.header is not None and not same(self.header, document.header):
            return False
        tables = (document.nodes, document.links, document.groups, document.reroutes)
        return all(
            same(record, table.get(key))
            for delta, table in zip(self._deltas(), tables, strict=True)
            for key, record in delta.records.items()
        )

    def covers(self, later: Operation) -> bool:
        """Whether undoing with this patch alone also undoes what `later` would undo first."""
        if not isinstance(later, Patch):
            return False
        mine, theirs = self._deltas(), later._deltas()
        plain = all(None not in delta.records.values() for delta in (*mine, *theirs))
        inside = all(t.records.keys() <= m.records.keys() for m, t in zip(mine, theirs, strict=True))
        return plain and inside and (later.header is None or self.header is not None)

    def _deltas(self) -> tuple[Delta[Any, Any], ...]:
        return self.nodes, self.links, self.groups, self.reroutes


@dataclass(frozen=True, slots=True)
class SimpleOperation(Operation):
    """An edit that can say all it changes before anything is changed."""

    @abstractmethod
    def _patch(self, document: GraphDocument) -> Patch:
        """The records to put in place."""

    def run(self, document: GraphDocument) -> tuple[Operation, Changed]:
        """The inverse patch."""
        return self._patch(document).run(document)


@dataclass(frozen=True, slots=True)
class Batch(Operation):
    """Several operations as one: all of them, or none."""

    operations: Sequence[Operation] = ()

    def is_void(self, document: GraphDocument) -> bool:
        """Whether each of them by itself would change nothing."""
        return all(operation.is_void(document) for operation in self.operations)

    def run(self, document: GraphDocument) -> tuple[Operation, Changed]:
        """The inverses, in reverse order."""
        inverses: list[Operation] = []
        changed = Changed()
        try:
            for operation in self.operations:
                inverse, touched = operation.run(document)
                inverses.append(inverse)
                changed |= touched
        except WorkflowError:
            for inverse in reversed(inverses):
                inverse.run(document)
            raise
        return Batch(tuple(reversed(inverses))), changed


class GraphDocument:
    """A workflow: nodes, links, groups and reroutes by key, in the order of the file.

    Two documents are equal if all their records are, in the same order.
    """

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it changes

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        links: Iterable[DocumentLink] = (),
        groups: Iterable[Group] = (),
        reroutes: Iterable[Reroute] = (),
        header: Header | None = None,
    ) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._links = {link.id: link for link in links}
        self._groups = {group.key: group for group in groups}
        self._reroutes = {reroute.id: reroute for reroute in reroutes}
        self._listeners: list[Listener] = []
        self.header = header or Header()
        self.nodes: Mapping[str, Node] = MappingProxyType(self._nodes)
        self.links: Mapping[int, DocumentLink] = MappingProxyType(self._links)
        self.groups: Mapping[int, Group] = MappingProxyType(self._groups)
        self.reroutes: Mapping[int, Reroute] = MappingProxyType(self._reroutes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GraphDocument):
            return NotImplemented
        return self.header == other.header and all(
            list(mine.values()) == list(theirs.values())
            for mine, theirs in (
                (self.nodes, other.nodes),
                (self.links, other.links),
                (self.groups, other.groups),
                (self.reroutes, other.reroutes),
            )
        )

    def snapshot(self) -> GraphDocument:
        """The document as it is now, to be used while this one is edited. Records are shared, not copied."""
        return GraphDocument(
            self._nodes.values(),
            self._links.values(),
            self._groups.values(),
            self._reroutes.values(),
            self.header,
        )

    def apply(self, operation: Operation) -> Operation:
        """The operation that undoes this one. Listeners hear of all that was touched, once.

        Raises:
            WorkflowError: The edit does not fit; the document is as it was.
        """
        inverse, changed = operation.run(self)
        if changed != Changed():
            for listener in tuple(self._listeners):
                listener(changed)
        return inverse

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """A function that ends the subscription. The listener is called after every edit."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def node(self, node_id: str) -> Node:
        """The node of that id.

        Raises:
            WorkflowError: There is none.
        """
        node = self._nodes.get(node_id)
        if node is None:
            raise WorkflowError(f"the workflow has no node {node_id!r}")
        return node

    def input(self, node_id: str, slot: int) -> InputSocket:
        """An input socket.

        Raises:
            WorkflowError: There is no such node or slot.
        """
        node = self.node(node_id)
        if not 0 <= slot < len(node.inputs):
            raise WorkflowError(f"node {node_id} ({node.type}) has no input {slot}, only {len(node.inputs)}")
        return node.inputs[slot]

    def output(self, node_id: str, slot: int) -> OutputSocket:
        """An output socket.

        Raises:
            WorkflowError: There is no such node or slot.
        """
        node = self.node(node_id)
        if not 0 <= slot < len(node.outputs):
            raise WorkflowError(
                f"node {node_id} ({node.type}) has no output {slot}, only {len(node.outputs)}"
            )
        return node.outputs[slot]

    def live_links(self) -> Iterator[DocumentLink]:
        """The links that lead from an existing output to the input that names them; others are only kept."""
        return (link for link in self._links.values() if self._is_live(link))

    def new_node_id(self) -> str:
        """An id that no node has or had."""
        return next(self.new_node_ids())

    def new_node_ids(self) -> Iterator[str]:
        """Ids that no node has or had, one after the other."""
        last = max(self.header.last_node_id, *map(number_of, self._nodes), 0)
        return (key for number in count(last + 1) if (key := str(number)) not in self._nodes)

    def commit(self, patch: Patch) -> Patch:
        """The patch that undoes `patch`. For operations only: everyone else calls `apply`."""
        header = self.header
        if patch.header is not None:
            self.header = patch.header
        return Patch(
            _put(self._nodes, patch.nodes),
            _put(self._links, patch.links),
            _put(self._groups, patch.groups),
            _put(self._reroutes, patch.reroutes),
            header if patch.header is not None else None,
        )

    def _is_live(self, link: DocumentLink) -> bool:
        origin, target = self._nodes.get(link.origin), self._nodes.get(link.target)
        if origin is None or target is None:
            return False
        return (
            0 <= link.origin_slot < len(origin.outputs)
            and 0 <= link.target_slot < len(target.inputs)
            and target.inputs[link.target_slot].link == link.id
        )


def _put(table: dict[K, V], delta: Delta[K, V]) -> Delta[K, V]:
    if not delta.records:
        return delta
    before = {key: table.get(key) for key in delta.records}
    removed = {key for key, record in delta.records.items() if record is None and key in table}
    places = {key: index for index, key in enumerate(table) if key in removed} if removed else {}
    for key, record in delta.records.items():
        if record is None:
            table.pop(key, None)
        else:
            table[key] = record
    if delta.places:
        _reorder(table, delta.places)
    return Delta(before, places)


def _reorder(table: dict[K, V], places: Mapping[K, int]) -> None:
    at = {index: key for key, index in places.items()}
    rest = iter([key for key in table if key not in places])
    order = [at[index] if index in at else next(rest) for index in range(len(table))]
    records = {key: table[key] for key in order}
    table.clear()
    table.update(records)
