"""Nodes in editor-format JSON, in and out."""

from __future__ import annotations

from typing import Any, Final

from core.errors import WorkflowError
from core.workflow.fields import FieldReader, merged, present, rest, shown
from core.workflow.records import Form, InputSocket, Json, Node, OutputSocket, Widgets

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
    return int(key) if key.removeprefix("-").isdecimal() and str(int(key)) == key else key


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
    place = f"node {key} ({kind})"
    return Node(
        id=key,
        type=kind,
        pos=reader.point(form.get("pos"), f"{place}, position", (0, 0)),
        size=reader.point(form.get("size"), f"{place}, size", (210, 60)),
        title=reader.text(form.get("title"), f"{place}, title"),
        mode=reader.number(form.get("mode"), f"{place}, mode", 0),
        order=reader.number(form.get("order"), f"{place}, order", 0),
        inputs=tuple(
            _read_input(socket, f"{place}, input {slot}", reader)
            for slot, socket in enumerate(reader.items(form.get("inputs"), f"{place}, inputs"))
        ),
        outputs=tuple(
            _read_output(socket, f"{place}, output {slot}", reader)
            for slot, socket in enumerate(reader.items(form.get("outputs"), f"{place}, outputs"))
        ),
        widgets=_read_widgets(form.get("widgets_values"), f"{place}, widget values", reader),
        colour=reader.text(form.get("color"), f"{place}, colour"),
        background=reader.text(form.get("bgcolor"), f"{place}, colour"),
        flags=reader.fields(form.get("flags"), f"{place}, flags"),
        properties=reader.fields(form.get("properties"), f"{place}, properties"),
        extra=rest(form, _NODE),
        form=form,
    )


def write_node(node: Node) -> Json:
    """A node as JSON."""
    form = node.form
    then = _node_fields(read_node(form, "", FieldReader())) if form else {}
    return merged(form, _node_fields(node), then, node.extra)


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
        "inputs": [write_input(socket) for socket in node.inputs],
        "outputs": [write_output(socket) for socket in node.outputs],
        "properties": dict(node.properties),
        "widgets_values": list(widgets) if isinstance(widgets, tuple) else dict(widgets),
        **present({"title": node.title, "color": node.colour, "bgcolor": node.background}),
    }


def _read_widgets(value: object, place: str, reader: FieldReader) -> Widgets:
    return value if isinstance(value, dict) else tuple(reader.items(value, place))


def _read_input(form: object, place: str, reader: FieldReader) -> InputSocket:
    form = reader.fields(form, place)
    link = form.get("link")
    return InputSocket(
        name=reader.text(form.get("name"), f"{place}, name") or "",
        type=wire_type(form.get("type")),
        link=None if link is None else reader.number(link, f"{place}, link", -1),
        widget=_widget_name(form.get("widget")),
        extra=rest(form, _INPUT),
        form=form,
    )


def _read_output(form: object, place: str, reader: FieldReader) -> OutputSocket:
    form = reader.fields(form, place)
    links = reader.items(form.get("links"), f"{place}, links")
    return OutputSocket(
        name=reader.text(form.get("name"), f"{place}, name") or "",
        type=wire_type(form.get("type")),
        links=tuple(reader.number(link, f"{place}, links", -1) for link in links),
        extra=rest(form, _OUTPUT),
        form=form,
    )


def write_input(socket: InputSocket) -> Json:
    """An input socket as JSON."""
    then = _input_fields(_read_input(socket.form, "", FieldReader())) if socket.form else {}
    return merged(socket.form, _input_fields(socket), then, socket.extra)


def write_output(socket: OutputSocket) -> Json:
    """An output socket as JSON."""
    then = _output_fields(_read_output(socket.form, "", FieldReader())) if socket.form else {}
    return merged(socket.form, _output_fields(socket), then, socket.extra)


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
