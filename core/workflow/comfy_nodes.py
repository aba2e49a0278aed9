"""Nodes in editor-format JSON, in and out."""

from __future__ import annotations

from typing import Any, Final

from core.errors import WorkflowError
from core.workflow.fields import FieldReader, Where, present, rest, shown, with_source, written
from core.workflow.records import Form, InputSocket, Json, Node, Origin, OutputSocket, Widgets, number_of

_NODE: Final = frozenset(
    {"id", "type", "pos", "size", "title", "mode", "order", "inputs", "outputs", "widgets_values"}
    | {"color", "bgcolor", "flags", "properties"}
)
_INPUT: Final = frozenset({"name", "type", "link", "widget"})
_OUTPUT: Final = frozenset({"name", "type", "links"})


def node_key(value: object) -> str | None:
    """A node's id as Darkroom knows it; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value)


def key_json(key: str) -> int | str:
    """A node's id as it is written: a number where it is one."""
    number = -number_of(key[1:]) if key.startswith("-") else number_of(key)
    return number if str(number) == key else key


def read_node(form: object, place: str, reader: FieldReader) -> Node:
    """The node at `place` of a file.

    Raises:
        WorkflowError: It is no object, or has no id or type.
    """
    if not isinstance(form, dict):
        raise WorkflowError(f"{place} is not a node: expected an object, found {shown(form)}")
    key, kind = node_key(form.get("id")), form.get("type")
    if key is None or not isinstance(kind, str):
        missing = "id" if key is None else "type"
        raise WorkflowError(f"{place} has no {missing}: found {shown(form.get(missing))}")
    where = f"node {key} ({kind})"
    node = Node(
        id=key,
        type=kind,
        pos=reader.point(form.get("pos"), (where, "position"), (0, 0)),
        size=reader.point(form.get("size"), (where, "size"), (210, 60)),
        title=reader.text(form.get("title"), (where, "title")),
        mode=reader.number(form.get("mode"), (where, "mode"), 0),
        order=reader.number(form.get("order"), (where, "order"), 0),
        inputs=tuple(
            _read_input(socket, (where, "input", slot), reader)
            for slot, socket in enumerate(reader.items(form.get("inputs"), (where, "inputs")))
        ),
        outputs=tuple(
            _read_output(socket, (where, "output", slot), reader)
            for slot, socket in enumerate(reader.items(form.get("outputs"), (where, "outputs")))
        ),
        widgets=_read_widgets(form.get("widgets_values"), (where, "widget values"), reader),
        colour=reader.text(form.get("color"), (where, "colour")),
        background=reader.text(form.get("bgcolor"), (where, "colour")),
        flags=reader.fields(form.get("flags"), (where, "flags")),
        properties=reader.fields(form.get("properties"), (where, "properties")),
        extra=rest(form, _NODE),
        source=Origin(form),
    )
    return with_source(node)


def write_node(node: Node) -> Json:
    """A node as JSON."""
    return written(node, _node_fields)


def _node_fields(node: Node) -> Json:
    widgets = node.widgets
    return {
        "id": key_json(node.id),
        "type": node.type,
        "pos": list(node.pos),
        "size": list(node.size),
        "flags": dict(node.flags),
        "order": node.order,
        "mode": node.mode,
        "inputs": [written(socket, _input_fields) for socket in node.inputs],
        "outputs": [written(socket, _output_fields) for socket in node.outputs],
        "properties": dict(node.properties),
        "widgets_values": list(widgets) if isinstance(widgets, tuple) else dict(widgets),
        **present({"title": node.title, "color": node.colour, "bgcolor": node.background}),
    }


def _read_widgets(value: object, place: Where, reader: FieldReader) -> Widgets:
    return value if isinstance(value, dict) else tuple(reader.items(value, place))


def _read_input(form: object, place: Where, reader: FieldReader) -> InputSocket:
    form = reader.fields(form, place)
    link = form.get("link")
    socket = InputSocket(
        name=reader.text(form.get("name"), (*place, "name")) or "",
        type=wire_type(form.get("type")),
        link=None if link is None else reader.number(link, (*place, "link"), -1),
        widget=_widget_name(form.get("widget")),
        extra=rest(form, _INPUT),
        source=Origin(form),
    )
    return with_source(socket)


def _read_output(form: object, place: Where, reader: FieldReader) -> OutputSocket:
    form = reader.fields(form, place)
    links = reader.items(form.get("links"), (*place, "links"))
    socket = OutputSocket(
        name=reader.text(form.get("name"), (*place, "name")) or "",
        type=wire_type(form.get("type")),
        links=tuple(reader.number(link, (*place, "links"), -1) for link in links),
        extra=rest(form, _OUTPUT),
        source=Origin(form),
    )
    return with_source(socket)


def _input_fields(socket: InputSocket) -> Json:
    fields = {"name": socket.name, "type": socket.type, "link": socket.link}
    return fields | ({"widget": {"name": socket.widget}} if socket.widget is not None else {})


def _output_fields(socket: OutputSocket) -> Json:
    return {"name": socket.name, "type": socket.type, "links": list(socket.links)}


def wire_type(value: Any) -> str:
    """A type as text. Old files list a choice's options instead; numbers stand for event types."""
    if isinstance(value, list):
        return "COMBO"
    return value if isinstance(value, str) else "*"


def _widget_name(value: Form | object) -> str | None:
    name = value.get("name") if isinstance(value, dict) else value
    return name if isinstance(name, str) else None
