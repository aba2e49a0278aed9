"""What a node shows, worked out from its record and its type: sockets and value rows. No Qt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from core.folders import Folders
from core.nodes.registry import Registry
from core.nodes.spec import Choice, FileChoice, InputSpec, NodeSpec, Text, Toggle
from core.workflow.definitions import group_name, read_definitions
from core.workflow.document import GraphDocument
from core.workflow.new_nodes import SPECIAL
from core.workflow.records import NOTES, PRIMITIVE, REROUTE, Form, InputSocket, Node, OutputSocket, Place
from core.workflow.widgets import MODES, at, fed_by, layout

_OPTIONAL_SHAPE: Final = 7
"""How newer files mark the sockets of optional inputs."""


class RowKind(Enum):
    """How a value is edited."""

    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    TOGGLE = "toggle"
    AFTER_RUN = "after_run"  # the word that says how the seed above it changes after each run
    OTHER = "other"  # a value whose type is not known: shown, kept, not edited


NUMBERS: Final = frozenset({RowKind.INT, RowKind.FLOAT})

_KINDS: Final = {
    "INT": RowKind.INT,
    "FLOAT": RowKind.FLOAT,
    "STRING": RowKind.TEXT,
    "BOOLEAN": RowKind.TOGGLE,
    "COMBO": RowKind.CHOICE,
}
_HOLDS: Final[Mapping[RowKind, tuple[type, ...]]] = {
    RowKind.INT: (int, float),
    RowKind.FLOAT: (int, float),
    RowKind.TEXT: (str,),
    RowKind.LONG_TEXT: (str,),
    RowKind.TOGGLE: (bool,),
    RowKind.CHOICE: (str,),
}


# Named tuples, since thousands are made as a document is opened: frozen dataclasses take five times as long.


class SocketFace(NamedTuple):
    """A socket that is shown by itself.

    Attributes:
        slot: Its index among the node's inputs or outputs.
        is_list: What comes out of it is a list, passed on item by item.
    """

    slot: int
    label: str
    type: str
    required: bool = True
    is_list: bool = False
    tooltip: str = ""


class Row(NamedTuple):
    """A value of a node.

    Attributes:
        name: The input's name. For AFTER_RUN, that of the seed it belongs to.
        place: Where the node keeps the value.
        text: How the value is shown, unshortened.
        spec: The input's description; None for a node nobody knows.
        slot: The input socket that can feed it; None while the node has none (linking adds it).
        takes_link: A link can be dropped on it.
        linked: A link feeds it; the value is not used.
        problem: Why the value cannot be used (a file that is not there); empty if it can.
    """

    name: str
    label: str
    kind: RowKind
    value: Any
    place: Place
    text: str
    spec: InputSpec | None = None
    type: str = "*"
    slot: int | None = None
    takes_link: bool = True
    linked: bool = False
    problem: str = ""


class Face(NamedTuple):
    """What a node shows.

    Attributes:
        known: Darkroom can run this type.
        placeholder: Nobody knows this type; its file's sockets and values are shown and kept.
        note: It is a note: its only row is the text.
        reroute: It is ComfyUI's old reroute node: two sockets and no body.
        subgraph: It stands for a graph that the document defines.
        pictures: Files that its values name and that can be shown.
    """

    title: str
    inputs: Sequence[SocketFace]
    outputs: Sequence[SocketFace]
    rows: Sequence[Row]
    known: bool = True
    placeholder: bool = False
    note: bool = False
    reroute: bool = False
    output_node: bool = False
    subgraph: bool = False
    pictures: Sequence[Path] = ()


class Files:
    """The files that values name, each looked for once.

    Args:
        folders: Where to look.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._found: dict[tuple[str, str], Path | None] = {}

    def find(self, choice: FileChoice, name: str) -> Path | None:
        """The file that a name stands for; None if there is none."""
        key = (choice.folder, name)
        if key not in self._found:
            self._found[key] = choice.find(name, self._folders)
        return self._found[key]


def make_face(
    node: Node, document: GraphDocument, registry: Registry, folders: Folders, files: Files | None = None
) -> Face:
    """What a node of a document shows.

    Args:
        files: Shared by the faces that are made at one time, so that each file is looked for once.
    """
    spec = registry.interface(node.type)
    if node.type in NOTES:
        return Face(title_of(node, spec, SPECIAL[node.type]), (), (), tuple(_note_rows(node)), note=True)
    if node.type == REROUTE:
        return _face_of_reroute(node)
    files = files or Files(folders)
    if node.type == PRIMITIVE:
        rows = tuple(_primitive_rows(node, document, registry, files))
        return Face(
            title_of(node, None, SPECIAL[PRIMITIVE]), _inputs(node, None, rows), _outputs(node, None), rows
        )
    if spec is None:
        return _face_of_unknown(node, document, registry, files)
    rows = tuple(_spec_rows(node, spec, files, links=document.links))
    return Face(
        title_of(node, spec),
        _inputs(node, spec, rows),
        _outputs(node, spec),
        rows,
        known=spec.function is not None,
        output_node=spec.output_node,
        pictures=tuple(_pictures(rows, files)),
    )


def choices(row: Row, folders: Folders) -> list[str]:
    """The words that a CHOICE or AFTER_RUN row offers now, its present value among them."""
    if row.kind is RowKind.AFTER_RUN:
        words: list[str] = [*MODES]
    elif row.spec is not None and isinstance(row.spec.widget, Choice | FileChoice):
        words = row.spec.widget.options(folders)
    else:
        words = []
    present = row.text
    return words if present in words else [present, *words]


def input_row(face: Face) -> Row | None:
    """The value that names a file of the input folder; None if there is none, or a link feeds it."""
    return next((row for row in face.rows if row.spec and not row.linked and _is_input(row.spec)), None)


def title_of(node: Node, spec: NodeSpec | None, otherwise: str = "") -> str:
    """What the node is called: by the user, by its type, or by its file.

    Args:
        otherwise: The title of a type that has no description.
    """
    return node.title or (spec.title if spec else otherwise or node.type)


def category_words(category: str) -> str:
    """Where a node type belongs, as users read it: `_for_testing/x` is "for testing/x"."""
    return "/".join(level.lstrip("_").replace("_", " ") for level in category.split("/"))


def shown(value: Any, kind: RowKind = RowKind.OTHER, spec: InputSpec | None = None) -> str:
    """A value as users write it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() if kind is RowKind.TOGGLE:
            words = spec.widget if spec and isinstance(spec.widget, Toggle) else Toggle()
            return words.on if value else words.off
        case bool():
            return "true" if value else "false"
        case float() if kind is RowKind.INT and value.is_integer():
            return str(int(value))
        case int() | float():
            return repr(value)
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _face_of_unknown(node: Node, document: GraphDocument, registry: Registry, files: Files) -> Face:
    definition = read_definitions(document.header).of(node.type)
    if definition is None:
        rows = tuple(_file_rows(node, document))
        title = title_of(node, None)
    elif isinstance(definition.get("name"), str):
        rows = tuple(_proxy_rows(node, document))
        title = title_of(node, None, definition["name"])
    else:
        rows = tuple(_group_rows(node, definition, registry, files))
        title = title_of(node, None, group_name(node.type) or "")
    is_graph = definition is not None
    return Face(
        title,
        _inputs(node, None, rows),
        _outputs(node, None),
        rows,
        known=is_graph,
        placeholder=not is_graph,
        subgraph=is_graph,
    )


def _face_of_reroute(node: Node) -> Face:
    """Both its sockets are of the type that runs through it, as far as its file tells."""
    sockets = [*_inputs(node, None, ()), *_outputs(node, None)]
    wire = next((socket.type for socket in sockets if socket.type != "*"), "*")
    typed = [socket._replace(type=wire) for socket in sockets]
    count = len(node.inputs)
    return Face(node.title or "", typed[:count], typed[count:], (), reroute=True)


def _note_rows(node: Node) -> Iterator[Row]:
    places = range(len(node.widgets)) if isinstance(node.widgets, tuple) else list(node.widgets)
    for place in list(places)[:1]:
        text = shown(at(node, place))
        yield Row("text", "", RowKind.LONG_TEXT, text, place, text, type="STRING", takes_link=False)


def _spec_rows(node: Node, spec: NodeSpec, files: Files, links: Mapping[int, Any]) -> Iterator[Row]:
    found = layout(node, spec)
    sockets = {socket.widget or socket.name: slot for slot, socket in enumerate(node.inputs)}
    for name, place in found.places.items():
        described = spec.input(name)
        slot = sockets.get(name)
        linked = slot is not None and node.inputs[slot].link in links
        value = at(node, place)
        kind = _kind(described, value)
        yield Row(
            name,
            name,
            kind,
            value,
            place,
            shown(value, kind, described),
            described,
            described.type if described else "*",
            slot,
            slot is not None or (described is not None and not described.widget_only),
            linked,
            "" if linked or described is None else _problem(spec, described, value, files),
        )
        if name in found.controls:
            yield _control_row(node, name, found.controls[name])


def _control_row(node: Node, name: str, place: Place) -> Row:
    value = at(node, place)
    word = value if isinstance(value, str) else MODES[3] if value else MODES[0]
    return Row(name, "after each run", RowKind.AFTER_RUN, value, place, word, takes_link=False)


def _primitive_rows(node: Node, document: GraphDocument, registry: Registry, files: Files) -> Iterator[Row]:
    """A primitive's value is edited as the input it feeds would be."""
    fed = fed_by(node, document, registry)
    described = fed[1] if fed else None
    wire = node.outputs[0].type if node.outputs else "*"
    for place in range(len(node.widgets)) if isinstance(node.widgets, tuple) else ():
        value = at(node, place)
        if place == 1 and isinstance(value, str) and value in MODES:
            yield _control_row(node, "value", place)
            continue
        kind = _kind(described, value) if described else _kind_of_type(wire, value)
        problem = _problem(fed[0], fed[1], value, files) if fed and place == 0 else ""
        name = "value" if place == 0 else f"value {place + 1}"
        text = shown(value, kind, described)
        label = described.name if described and place == 0 else name
        yield Row(name, label, kind, value, place, text, described, wire, takes_link=False, problem=problem)


def _file_rows(node: Node, document: GraphDocument) -> Iterator[Row]:
    """The values of a node that nobody knows, by the names its file gives them, or by number."""
    found = layout(node, None)
    if not found.places and isinstance(node.widgets, tuple):
        for place, value in enumerate(node.widgets):
            yield Row(f"{place}", "", RowKind.OTHER, value, place, shown(value), takes_link=False)
        return
    for name, place in found.places.items():
        yield _socket_row(node, document, name, place, _socket(node, name))
        if name in found.controls:
            yield _control_row(node, name, found.controls[name])


def _proxy_rows(node: Node, document: GraphDocument) -> Iterator[Row]:
    """The values that a subgraph's node shows of the nodes inside it."""
    proxies = node.properties.get("proxyWidgets")
    if not isinstance(proxies, list) or not isinstance(node.widgets, tuple):
        yield from _file_rows(node, document)
        return
    pairs = [(str(p[0]), str(p[1])) for p in proxies if isinstance(p, list) and len(p) >= 2]
    for place, (owner, name) in enumerate(pairs[: len(node.widgets)]):
        yield _socket_row(node, document, name, place, _socket(node, name) if owner == "-1" else None)


def _group_rows(node: Node, definition: Form, registry: Registry, files: Files) -> Iterator[Row]:
    """The values of a group node are those of its members, one after the other."""
    members = definition.get("nodes")
    offset = 0
    for member in members if isinstance(members, list) else ():
        if not isinstance(member, Mapping) or not isinstance(node.widgets, tuple):
            continue
        class_type, stored = str(member.get("type")), member.get("widgets_values")
        count = len(stored) if isinstance(stored, list) and class_type != REROUTE else 0
        part = Node("", class_type, widgets=node.widgets[offset : offset + count])
        spec = registry.interface(class_type)
        for row in _spec_rows(part, spec, files, {}) if spec else ():
            slot = _socket(node, row.name)
            place = offset + int(row.place)
            yield row._replace(place=place, slot=slot, takes_link=slot is not None)
        offset += count


def _socket(node: Node, name: str) -> int | None:
    return next((slot for slot, socket in enumerate(node.inputs) if socket.widget == name), None)


def _socket_row(node: Node, document: GraphDocument, name: str, place: Place, slot: int | None) -> Row:
    value = at(node, place)
    wire = node.inputs[slot].type if slot is not None else "*"
    kind = _kind_of_type(wire, value)
    linked = slot is not None and node.inputs[slot].link in document.links
    text = shown(value, kind)
    return Row(name, name, kind, value, place, text, None, wire, slot, slot is not None, linked)


def _is_input(spec: InputSpec) -> bool:
    return isinstance(spec.widget, FileChoice) and spec.widget.folder == "input"


def _kind(spec: InputSpec | None, value: Any) -> RowKind:
    if spec is None:
        return RowKind.OTHER
    if isinstance(spec.widget, Choice | FileChoice):
        return RowKind.CHOICE
    kind = _KINDS.get(spec.type.partition(",")[0], RowKind.OTHER)
    if kind is RowKind.TEXT and isinstance(spec.widget, Text) and spec.widget.multiline:
        return RowKind.LONG_TEXT
    if kind is RowKind.OTHER and isinstance(spec.widget, Text):
        return RowKind.LONG_TEXT if spec.widget.multiline else RowKind.TEXT
    if kind is RowKind.OTHER:
        return _kind_of_type("*", value)
    return kind


def _kind_of_type(wire: str, value: Any) -> RowKind:
    """How a value is edited of which only the type is known: as that type, if it is of it."""
    kind = _KINDS.get(wire)
    if kind is None or not isinstance(value, _HOLDS[kind]):
        return RowKind.OTHER
    if isinstance(value, bool) and kind is not RowKind.TOGGLE:
        return RowKind.OTHER
    is_long = kind is RowKind.TEXT and isinstance(value, str) and "\n" in value
    return RowKind.LONG_TEXT if is_long else kind


def _problem(spec: NodeSpec, described: InputSpec, value: Any, files: Files) -> str:
    """Why a value cannot be used, as far as that can be told without running it."""
    match described.widget:
        case FileChoice() as choice if not choice.open and value not in choice.extra:
            if value in ("", None):
                return f"No file is chosen for {described.name!r}."
            if not isinstance(value, str) or files.find(choice, value) is None:
                return f"There is no file {value!r} in the folder {choice.folder!r}."
        case Choice() as choice if spec.function is not None and not choice.open:
            words = choice.source() if callable(choice.source) else choice.source
            if value not in words:
                return f"{shown(value)!r} is not one of the choices of {described.name!r}."
        case _:
            pass
    return ""


def _inputs(node: Node, spec: NodeSpec | None, rows: Sequence[Row]) -> tuple[SocketFace, ...]:
    at_rows = {row.slot for row in rows if row.slot is not None}
    return tuple(_input(slot, socket, spec) for slot, socket in enumerate(node.inputs) if slot not in at_rows)


def _input(slot: int, socket: InputSocket, spec: NodeSpec | None) -> SocketFace:
    described = spec.input(socket.name) if spec else None
    required = described.required if described else socket.extra.get("shape") != _OPTIONAL_SHAPE
    label = _label(socket)
    tooltip = described.tooltip if described else ""
    return SocketFace(slot, label, socket.type, required, tooltip=tooltip)


def _outputs(node: Node, spec: NodeSpec | None) -> tuple[SocketFace, ...]:
    known = spec.outputs if spec else ()
    return tuple(
        SocketFace(
            slot,
            str(
                socket.extra.get("label") or socket.extra.get("localized_name") or socket.name or socket.type
            ),
            socket.type,
            is_list=slot < len(known) and known[slot].is_list,
            tooltip=known[slot].tooltip if slot < len(known) else "",
        )
        for slot, socket in enumerate(node.outputs)
    )


def _label(socket: InputSocket | OutputSocket) -> str:
    """What a socket is called: by the user, in the language of its file, or by its type."""
    given = socket.extra.get("label") or socket.extra.get("localized_name")
    return str(given or socket.name or socket.type)


def _pictures(rows: Sequence[Row], files: Files) -> Iterator[Path]:
    """The pictures that are chosen in a node, such as the one that LoadImage loads."""
    for row in rows:
        choice = row.spec.widget if row.spec else None
        if isinstance(choice, FileChoice) and "image" in choice.accepts and isinstance(row.value, str):
            path = None if row.linked else files.find(choice, row.value)
            if path is not None:
                yield path
