"""The graphs inside a graph: subgraphs, and the group nodes of older files, as levels that compile alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from core.errors import WorkflowError
from core.workflow.comfy_json import read_nodes
from core.workflow.comfy_parts import read_links
from core.workflow.definitions import read_definitions
from core.workflow.document import GraphDocument
from core.workflow.fields import FieldReader
from core.workflow.records import REROUTE, DocumentLink, Form, Node

INLET: Final = "-10"
OUTLET: Final = "-20"
_INPUTS: Final = "-1"
"""In `proxyWidgets`, the owner of widgets that are inputs of the subgraph."""
_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 200_000


@dataclass(slots=True)
class Level:
    """One graph: the document itself, or what one node of it stands for.

    Attributes:
        prefix: What the ids of its nodes start with in the prompt: `12:`.
        outer: The level and the node this one belongs to.
        outlets: For every output of that node, the output in here that feeds it.
        inlet_values: For inputs of that node that nothing is linked to, the value given there.
        given: Node id -> input name -> value that overrides the node's own.
        inner: Node id -> the level it stands for.
    """

    nodes: Mapping[str, Node]
    links: Mapping[int, DocumentLink]
    prefix: str = ""
    outer: tuple[Level, Node] | None = None
    outlets: Sequence[tuple[str, int] | None] = ()
    inlet_values: Mapping[int, Any] = field(default_factory=dict[int, Any])
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    inner: dict[str, Level] = field(default_factory=dict[str, "Level"])

    def origin(self, number: int | None) -> tuple[str, int] | None:
        """Where the link of that number begins: node id and output."""
        link = None if number is None else self.links.get(number)
        return (link.origin, link.origin_slot) if link else None

    def walk(self) -> Iterator[tuple[Level, Node]]:
        """Every node that is not itself a graph, with its level, in order."""
        pending: list[Iterator[tuple[Level, Node]]] = [self._own()]
        while pending:
            level, node = next(pending[-1], (self, None))
            if node is None:
                pending.pop()
            elif node.id in level.inner:
                pending.append(level.inner[node.id]._own())
            else:
                yield level, node

    def _own(self) -> Iterator[tuple[Level, Node]]:
        return ((self, node) for node in self.nodes.values())


def levels(document: GraphDocument) -> Level:
    """The document's own level, with those inside it.

    Raises:
        WorkflowError: A definition is broken, contains itself, or comes to too many nodes.
    """
    definitions = _Definitions(document)
    root = Level(document.nodes, document.links)
    pending, total = [(root, 0)], len(document.nodes)
    while pending:
        level, depth = pending.pop()
        for node in level.nodes.values():
            inner = definitions.expand(level, node)
            if inner is None:
                continue
            total += len(inner.nodes)
            if depth >= _MAX_DEPTH or total > _MAX_NODES:
                name = f"node {level.prefix}{node.id} ({node.title or node.type})"
                raise WorkflowError(f"{name} is a graph that contains itself, or over {_MAX_NODES} nodes")
            level.inner[node.id] = inner
            pending.append((inner, depth + 1))
    return root


_Graph: TypeAlias = tuple[Mapping[str, Node], Mapping[int, DocumentLink]]


class _Definitions:
    def __init__(self, document: GraphDocument) -> None:
        self._definitions = read_definitions(document.header)
        self._read: dict[str, _Graph] = {}

    def expand(self, level: Level, node: Node) -> Level | None:
        """The level a node stands for; None for an ordinary node.

        Raises:
            WorkflowError: Its definition is broken.
        """
        try:
            return self._expand(level, node)
        except WorkflowError as error:
            name = f"node {level.prefix}{node.id} ({node.title or node.type})"
            raise WorkflowError(f"{name}: the graph inside it is broken: {error}") from error

    def _expand(self, level: Level, node: Node) -> Level | None:
        definition = self._definitions.of(node.type)
        if definition is None:
            return None
        if node.type not in self._definitions.subgraphs:
            return _expand_group(level, node, definition)
        graph = self._read.get(node.type) or _read_subgraph(definition)
        self._read[node.type] = graph
        return _expand_subgraph(level, node, graph)


def _read_subgraph(definition: Form) -> _Graph:
    reader = FieldReader()
    nodes = read_nodes(reader.items(definition.get("nodes"), ()), reader)
    links = read_links(definition.get("links"), reader)
    return {inner.id: inner for inner in nodes}, {link.id: link for link in links}


def _expand_subgraph(level: Level, node: Node, graph: _Graph) -> Level:
    nodes, links = graph
    outlets: list[tuple[str, int] | None] = [None] * len(node.outputs)
    for link in links.values():
        if link.target == OUTLET and 0 <= link.target_slot < len(outlets):
            outlets[link.target_slot] = (link.origin, link.origin_slot)
    inlet_values, given = _promoted(node, level.given.get(node.id, {}))
    prefix = f"{level.prefix}{node.id}:"
    return Level(nodes, links, prefix, (level, node), outlets, inlet_values, given)


def _promoted(node: Node, over: Mapping[str, Any]) -> tuple[dict[int, Any], dict[str, dict[str, Any]]]:
    """The values given on the subgraph's node: by input slot, and by inner node and input name.

    Args:
        over: Values given further out, by name: they come before its own.
    """
    stored = node.widgets if isinstance(node.widgets, tuple) else ()
    by_name = {s.name: slot for slot, s in enumerate(node.inputs) if s.widget is not None}
    proxies = node.properties.get("proxyWidgets")
    if isinstance(proxies, list):
        pairs = [(str(p[0]), str(p[1])) for p in proxies if isinstance(p, list) and len(p) >= 2]
    else:
        pairs = [(_INPUTS, name) for name in by_name]
    known = pairs
    if len(stored) != len(pairs):
        # Which value belongs to which widget is not known; those of inputs come first.
        known = [pair for pair in pairs if pair[0] == _INPUTS] if isinstance(proxies, list) else []
    values = [(pair, value) for pair, value in zip(known, stored, strict=False) if value is not None]
    values += [(pair, over[pair[1]]) for pair in pairs if pair[1] in over]
    inlet_values: dict[int, Any] = {by_name[name]: over[name] for name in over.keys() & by_name.keys()}
    given: dict[str, dict[str, Any]] = {}
    for (owner, name), value in values:
        if owner != _INPUTS:
            given.setdefault(owner, {})[name] = value
        elif name in by_name:
            inlet_values[by_name[name]] = value
    return inlet_values, given


def _expand_group(level: Level, node: Node, definition: Form) -> Level:
    """A group node stores its members by index; its sockets are those of the members that stay unlinked."""
    reader = FieldReader()
    forms = enumerate(reader.items(definition.get("nodes"), ()))
    nodes = read_nodes(({**form, "id": i} if isinstance(form, dict) else form for i, form in forms), reader)
    links = _group_links(definition)
    shown = list(_external(definition))
    ends = ((link.origin, link.origin_slot) for link in links)
    linked = {end for end in ends if end not in shown}
    hidden = _hidden(definition)
    nodes = [_linked(inner, links) for inner in nodes]
    inlets = _open_inputs(nodes, hidden)
    for slot, (inner, inner_slot) in enumerate(inlets):
        links.append(DocumentLink(len(links) + 1, INLET, slot, inner, inner_slot, "*"))
    nodes = [_linked(inner, links) for inner in nodes]
    outlets = [
        (inner.id, slot)
        for inner in nodes
        for slot, _ in enumerate(inner.outputs)
        if (inner.id, slot) not in linked and (inner.id, "output", str(slot)) not in hidden
    ]
    return Level(
        {inner.id: inner for inner in _with_values(nodes, node)},
        {link.id: link for link in links},
        f"{level.prefix}{node.id}:",
        (level, node),
        outlets,
    )


def _group_links(definition: Form) -> list[DocumentLink]:
    """The links between members; those that come from outside name no origin and are left out."""
    rows = FieldReader().items(definition.get("links"), ())
    ends = [row[:4] for row in rows if isinstance(row, list) and len(row) >= 4]
    inside = [end for end in ends if all(isinstance(number, int) for number in end)]
    return [
        DocumentLink(number, str(origin), origin_slot, str(target), target_slot, "*")
        for number, (origin, origin_slot, target, target_slot) in enumerate(inside, 1)
    ]


def _external(definition: Form) -> Iterator[tuple[str, int]]:
    """Outputs of members that are shown although they are linked inside: (index, slot)."""
    for row in FieldReader().items(definition.get("external"), ()):
        if isinstance(row, list) and len(row) >= 2 and isinstance(row[0], dict):
            yield str(row[0].get("index")), row[1]


def _hidden(definition: Form) -> set[tuple[str, str, str]]:
    """Sockets of members that the group does not show: (index, `input` or `output`, name or slot)."""
    reader = FieldReader()
    return {
        (index, side, name)
        for index, entry in reader.fields(definition.get("config"), ()).items()
        for side in ("input", "output")
        for name, about in reader.fields(reader.fields(entry, ()).get(side), ()).items()
        if isinstance(about, dict) and about.get("visible") is False
    }


def _linked(node: Node, links: Sequence[DocumentLink]) -> Node:
    """The member with its input sockets naming the links that end in them."""
    ends = {link.target_slot: link.id for link in links if link.target == node.id}
    sockets = (replace(socket, link=ends.get(slot)) for slot, socket in enumerate(node.inputs))
    return replace(node, inputs=tuple(sockets))


def _open_inputs(nodes: Sequence[Node], hidden: set[tuple[str, str, str]]) -> list[tuple[str, int]]:
    """The members' inputs that become the group's, in its order: those made from widgets come last."""
    free = [
        (node.id, slot, socket.widget is not None)
        for node in nodes
        for slot, socket in enumerate(node.inputs)
        if socket.link is None and (node.id, "input", socket.name) not in hidden
    ]
    return [(index, slot) for index, slot, _ in sorted(free, key=lambda entry: entry[2])]


def _with_values(nodes: Sequence[Node], group: Node) -> list[Node]:
    """The members with the group's widget values, which are theirs one after the other."""
    total = sum(len(node.widgets) for node in nodes if node.type != REROUTE)
    if not isinstance(group.widgets, tuple) or len(group.widgets) != total:
        return list(nodes)
    result: list[Node] = []
    position = 0
    for node in nodes:
        count = 0 if node.type == REROUTE else len(node.widgets)
        result.append(replace(node, widgets=group.widgets[position : position + count]))
        position += count
    return result
