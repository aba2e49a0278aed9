"""Nodes that are not on the canvas yet: with sockets, starting values and a size that fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from core.folders import Folders
from core.nodes.registry import Registry
from core.nodes.spec import MISSING, Choice, FileChoice, InputSpec, NodeSpec, Text
from core.workflow.layout import ROW_HEIGHT, SLOT_HEIGHT, TEXT_HEIGHT
from core.workflow.records import NOTES, PRIMITIVE, REROUTE, InputSocket, Json, Node, OutputSocket, Point
from core.workflow.widgets import at, layout, starting_values

SPECIAL: Final[Mapping[str, str]] = MappingProxyType(
    {REROUTE: "Reroute", PRIMITIVE: "Primitive", "Note": "Note", "MarkdownNote": "Markdown Note"}
)
"""Node types that only arrange or annotate a workflow, with their titles. No registry has them."""

_NARROWEST: Final = 210.0
_WIDEST: Final = 400.0
_LETTER: Final = 7.0
_BESIDE: Final = 60.0  # what a row has beside its words: sockets, arrows, space between
_BELOW: Final = 10.0
_LONG: Final = 40


def new_node(
    node_id: str,
    spec: NodeSpec,
    pos: Point = (0, 0),
    *,
    values: Mapping[str, Any] | None = None,
    linked: Collection[str] = (),
    folders: Folders | None = None,
) -> Node:
    """A node of a type, nothing linked to it yet.

    Args:
        values: Widget values that are known, by input name; the others start with their defaults.
        linked: Inputs with a widget that get a socket all the same.
        folders: Where a choice without a default finds its first file.
    """
    if folders is not None:
        values = {**_first_choices(spec, folders), **(values or {})}
    node = Node(
        id=node_id,
        type=spec.class_type,
        pos=pos,
        inputs=tuple(new_socket(s) for s in spec.inputs if not s.has_widget or s.name in linked),
        outputs=tuple(OutputSocket(output.name, output.type) for output in spec.outputs),
        widgets=starting_values(spec, values),
        properties=named(spec.class_type),
    )
    return replace(node, size=fitting_size(node, spec))


def node_of_type(
    node_id: str, class_type: str, registry: Registry, folders: Folders, pos: Point = (0, 0)
) -> Node | None:
    """A node of a type by its name, a special one too; None if the registry does not know it."""
    if class_type in SPECIAL:
        return special_node(node_id, class_type, pos)
    spec = registry.interface(class_type)
    return new_node(node_id, spec, pos, folders=folders) if spec else None


def special_node(node_id: str, kind: str, pos: Point = (0, 0)) -> Node:
    """A node of one of the `SPECIAL` types."""
    if kind in NOTES:
        return Node(node_id, kind, pos, (_NARROWEST, TEXT_HEIGHT), widgets=("",))
    if kind == REROUTE:
        inputs, outputs = (InputSocket("", "*"),), (OutputSocket("", "*"),)
        return Node(node_id, kind, pos, (75, 26), inputs=inputs, outputs=outputs)
    output = OutputSocket("connect to widget input", "*")
    return Node(node_id, kind, pos, outputs=(output,), properties={"Run widget replace on values": False})


def new_socket(entry: InputSpec) -> InputSocket:
    """The socket for an input; that of a widget names the value it overrides."""
    return InputSocket(entry.name, entry.type, widget=entry.name if entry.has_widget else None)


def named(class_type: str) -> Json:
    """The properties by which file names refer to a node."""
    return {"Node name for S&R": class_type}


def fitting_size(node: Node, spec: NodeSpec | None) -> Point:
    """Width and height of a body that shows all of the node's sockets and values, its title above it."""
    rows = list(_rows(node, spec))
    texts = sum(1 for _, is_long in rows if is_long)
    sockets = sum(1 for socket in node.inputs if socket.widget is None)
    heights = (max(sockets, len(node.outputs)) * SLOT_HEIGHT, (len(rows) - texts) * ROW_HEIGHT)
    return _width(node, spec, rows), sum(heights) + texts * TEXT_HEIGHT + _BELOW


def _first_choices(spec: NodeSpec, folders: Folders) -> dict[str, str]:
    """What the choices without a default offer first, by input name."""
    choices = {s.name: s.widget for s in spec.inputs if s.default is MISSING}
    offered = {n: c.options(folders) for n, c in choices.items() if isinstance(c, Choice | FileChoice)}
    return {name: words[0] for name, words in offered.items() if words}


def _rows(node: Node, spec: NodeSpec | None) -> Iterator[tuple[str, bool]]:
    """For each value its words, as far as they ask for width, and whether it is a long text."""
    found = layout(node, spec)
    for name, place in found.places.items():
        entry, value = spec.input(name) if spec else None, at(node, place)
        if entry is not None:
            is_long = isinstance(entry.widget, Text) and entry.widget.multiline
        else:
            is_long = isinstance(value, str) and len(value) > _LONG
        yield f"{name} {value}", is_long
    for place in found.controls.values():
        yield f"control after generate {at(node, place)}", False


def _width(node: Node, spec: NodeSpec | None, rows: list[tuple[str, bool]]) -> float:
    if any(is_long for _, is_long in rows):
        return _WIDEST
    inputs = (len(socket.name) for socket in node.inputs if socket.widget is None)
    outputs = (len(socket.name) for socket in node.outputs)
    title = node.title or (spec.title if spec else node.type)
    letters = max(len(title), max(inputs, default=0) + max(outputs, default=0), *(len(t) for t, _ in rows))
    wanted = letters * _LETTER + _BESIDE
    return min(max(wanted - wanted % -10, _NARROWEST), _WIDEST)
