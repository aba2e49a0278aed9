"""The edits of nodes and groups; those of links are in `core.workflow.wiring`.

Each says which records it replaces; `GraphDocument.apply` does it and returns the inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import WorkflowError
from core.workflow.document import Delta, GraphDocument, Patch, SimpleOperation
from core.workflow.records import Group, Node, Place, Point, Widgets, number_of
from core.workflow.wiring import without_links


@dataclass(frozen=True, slots=True)
class AddNode(SimpleOperation):
    """Put a node on the canvas. It brings its sockets, none of them linked."""

    node: Node

    def _patch(self, document: GraphDocument) -> Patch:
        if self.node.id in document.nodes:
            raise WorkflowError(f"the workflow already has a node {self.node.id!r}")
        if any(s.link is not None for s in self.node.inputs) or any(s.links for s in self.node.outputs):
            raise WorkflowError(f"node {self.node.id!r} is added with links; connect it after adding it")
        last = max(document.header.last_node_id, number_of(self.node.id))
        return Patch(
            nodes=Delta({self.node.id: self.node}), header=replace(document.header, last_node_id=last)
        )


@dataclass(frozen=True, slots=True)
class RemoveNodes(SimpleOperation):
    """Take nodes and all their links away."""

    ids: Sequence[str]

    def _patch(self, document: GraphDocument) -> Patch:
        gone = {document.node(node_id).id for node_id in self.ids}
        links = [link for link in document.links.values() if link.origin in gone or link.target in gone]
        patch = without_links(document, links)
        return replace(patch, nodes=Delta({**patch.nodes.records, **dict.fromkeys(gone)}))


@dataclass(frozen=True, slots=True)
class MoveNodes(SimpleOperation):
    """Put nodes elsewhere: id -> position."""

    positions: Mapping[str, Point]

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.positions, lambda node: replace(node, pos=self.positions[node.id]))


@dataclass(frozen=True, slots=True)
class ResizeNode(SimpleOperation):
    """Give a node another width and height."""

    id: str
    size: Point

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], lambda node: replace(node, size=self.size))


@dataclass(frozen=True, slots=True)
class SetWidget(SimpleOperation):
    """Give a widget another value. `core.workflow.widgets` finds the place of an input's value."""

    id: str
    place: Place
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, widgets=_with_value(node, self.place, self.value))


@dataclass(frozen=True, slots=True)
class SetMode(SimpleOperation):
    """Mute (2), bypass (4) or run (0) nodes."""

    ids: Sequence[str]
    mode: int

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.ids, lambda node: replace(node, mode=self.mode))


@dataclass(frozen=True, slots=True)
class SetTitle(SimpleOperation):
    """Call a node something else; None for the title of its type."""

    id: str
    title: str | None

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], lambda node: replace(node, title=self.title))


@dataclass(frozen=True, slots=True)
class SetColour(SimpleOperation):
    """Colour nodes; None for the theme's own colour."""

    ids: Sequence[str]
    colour: str | None
    background: str | None

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(
            document, self.ids, lambda n: replace(n, colour=self.colour, background=self.background)
        )


@dataclass(frozen=True, slots=True)
class SetFlag(SimpleOperation):
    """Set `collapsed`, `pinned` and the like; None takes the flag away."""

    ids: Sequence[str]
    flag: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, self.ids, self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, flags=_with(node.flags, self.flag, self.value))


@dataclass(frozen=True, slots=True)
class SetProperty(SimpleOperation):
    """Set one of a node's properties; None takes it away."""

    id: str
    name: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return _nodes(document, [self.id], self._edited)

    def _edited(self, node: Node) -> Node:
        return replace(node, properties=_with(node.properties, self.name, self.value))


@dataclass(frozen=True, slots=True)
class PutGroup(SimpleOperation):
    """Add a group, or put it in place of the one with its key."""

    group: Group

    def _patch(self, document: GraphDocument) -> Patch:
        return Patch(groups=Delta({self.group.key: self.group}))


@dataclass(frozen=True, slots=True)
class RemoveGroups(SimpleOperation):
    """Take groups away; the nodes inside stay."""

    keys: Sequence[int]

    def _patch(self, document: GraphDocument) -> Patch:
        missing = [key for key in self.keys if key not in document.groups]
        if missing:
            raise WorkflowError(f"the workflow has no group {missing[0]}")
        return Patch(groups=Delta(dict.fromkeys(self.keys)))


@dataclass(frozen=True, slots=True)
class SetExtra(SimpleOperation):
    """Set one entry of the document's `extra`; None takes it away."""

    name: str
    value: Any

    def _patch(self, document: GraphDocument) -> Patch:
        return Patch(
            header=replace(document.header, extra=_with(document.header.extra, self.name, self.value))
        )


def _nodes(document: GraphDocument, ids: Iterable[str], edit: Callable[[Node], Node]) -> Patch:
    return Patch(nodes=Delta({node_id: edit(document.node(node_id)) for node_id in ids}))


def _with_value(node: Node, place: Place, value: Any) -> Widgets:
    widgets = node.widgets
    match widgets, place:
        case tuple(), int() if 0 <= place < len(widgets):
            return (*widgets[:place], value, *widgets[place + 1 :])
        case Mapping(), str():
            return {**widgets, place: value}
        case _:
            raise WorkflowError(f"node {node.id} ({node.type}) has no widget value {place!r}")


def _with(fields: Mapping[str, Any], name: str, value: Any) -> Mapping[str, Any]:
    kept = {key: old for key, old in fields.items() if key != name}
    return kept if value is None else {**fields, name: value}
