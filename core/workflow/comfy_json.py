"""The editor's JSON, versions 0.4 and 1.0, in and out.

An unedited document is written exactly as it was read. Version 0.4 has links as lists of six and keeps native
reroutes under `extra`; version 1.0 has links as objects and reroutes beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeGuard

from core.errors import WorkflowError
from core.workflow.comfy_nodes import key_json, node_key, read_node, wire_type, write_node
from core.workflow.document import GraphDocument
from core.workflow.fields import FieldReader, merged, present, rest, shown
from core.workflow.records import DocumentLink, Form, Group, Header, Json, Node, Remark, Reroute

_ENDS: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
_LINK: Final = frozenset({*_ENDS, "parentId"})
_GROUP: Final = frozenset({"id", "title", "bounding", "color"})
_REROUTE: Final = frozenset({"id", "pos", "linkIds", "parentId"})
_TABLES: Final = frozenset({"nodes", "links", "groups", "reroutes", "extra", "version", "state"})
_LAST: Final = frozenset({"last_node_id", "last_link_id"})


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document, and what of the file could not be taken as it stands."""

    document: GraphDocument
    remarks: tuple[Remark, ...]


def is_editor_json(value: object) -> bool:
    """Whether JSON looks like a workflow of the editor."""
    return isinstance(value, dict) and isinstance(value.get("nodes"), list)


def read_document(form: object, where: str = "the workflow") -> ReadDocument:
    """The document that editor-format JSON describes.

    Args:
        where: What errors call the file.

    Raises:
        WorkflowError: It is no workflow, or a node has no id or no type.
    """
    if not isinstance(form, dict):
        raise WorkflowError(f"{where} is not a workflow: expected a JSON object, found {shown(form)}")
    if not isinstance(form.get("nodes"), list):
        found = "has none" if "nodes" not in form else f"has {shown(form['nodes'])}"
        raise WorkflowError(f'{where} is not a workflow: it needs a list called "nodes" and {found}')
    reader = FieldReader()
    try:
        return _read(form, reader)
    except WorkflowError as error:
        raise WorkflowError(f"{where}: {error}") from error


def write_document(document: GraphDocument) -> Json:
    """The document as editor-format JSON, in the version of its header. Values are shared, not copied."""
    header = document.header
    modern = header.version >= 1
    result: Json = dict(header.form) or {"nodes": [], "links": [], "groups": [], "config": {}, "extra": {}}
    result |= header.fields
    result["version"] = header.form.get("version", header.version)
    result["nodes"] = [write_node(node) for node in document.nodes.values()]
    links = document.links.values()
    _put(result, "links", [_link_object(k) if modern else _link_list(k) for k in links])
    _put(result, "groups", [_write_group(group) for group in document.groups.values()])
    if modern:
        _put(result, "reroutes", [_write_reroute(point) for point in document.reroutes.values()])
    _put(result, "extra", _write_extra(document, modern))
    _write_last(result, header, modern)
    return result


def _read(form: Json, reader: FieldReader) -> ReadDocument:
    version = _version(form, reader)
    extra = reader.fields(form.get("extra"), "extra")
    nodes = read_nodes(form["nodes"], reader)
    links = read_links(form.get("links"), reader)
    points = form.get("reroutes") if version >= 1 else extra.get("reroutes")
    if version < 1:
        links = _with_reroutes(links, extra.get("linkExtensions"), reader)
        extra = rest(extra, frozenset({"reroutes", "linkExtensions"}))
    state = reader.fields(form.get("state"), "state")
    header = Header(
        version=version,
        last_node_id=reader.number(form.get("last_node_id", state.get("lastNodeId")), "last_node_id", 0),
        last_link_id=reader.number(form.get("last_link_id", state.get("lastLinkId")), "last_link_id", 0),
        extra=extra,
        fields=rest(form, _TABLES | _LAST),
        form=form,
    )
    groups = _read_groups(form.get("groups"), reader)
    document = GraphDocument(nodes, links, groups, _read_reroutes(points, reader), header)
    _remark_dead_links(document, reader)
    return ReadDocument(document, tuple(reader.remarks))


def _version(form: Json, reader: FieldReader) -> float:
    version = form.get("version")
    if isinstance(version, int | float) and not isinstance(version, bool):
        return version
    links = form.get("links")
    guess = 1 if isinstance(links, list) and links and isinstance(links[0], dict) else 0.4
    reader.remark("version", f"{shown(version)} is not a version number; read as {guess}")
    return guess


def read_nodes(forms: Iterable[object], reader: FieldReader) -> list[Node]:
    """The nodes of a list; one whose id is taken gets another.

    Raises:
        WorkflowError: An entry is no node.
    """
    nodes: dict[str, Node] = {}
    repeated: list[Node] = []
    for index, entry in enumerate(forms):
        node = read_node(entry, f"nodes[{index}]", reader)
        if node.id in nodes:
            repeated.append(node)
        else:
            nodes[node.id] = node
    last = max((int(key) for key in nodes if key.isdecimal()), default=0)
    for number, node in enumerate(repeated, last + 1):
        reader.remark(
            f"node {node.id} ({node.type})", f"its id is taken; it is node {number} now, without links"
        )
        inputs = tuple(replace(socket, link=None) for socket in node.inputs)
        outputs = tuple(replace(socket, links=()) for socket in node.outputs)
        nodes[str(number)] = replace(node, id=str(number), inputs=inputs, outputs=outputs)
    return list(nodes.values())


def read_links(forms: object, reader: FieldReader) -> list[DocumentLink]:
    """The links of a list, as lists or as objects; what is neither is left out with a remark."""
    links: dict[int, DocumentLink] = {}
    for index, entry in enumerate(reader.items(forms, "links")):
        place = f"links[{index}]"
        link = _read_link(entry)
        if link is None:
            reader.remark(place, f"{shown(entry)} is not a link; it is left out")
        elif link.id in links:
            reader.remark(place, f"link {link.id} is there twice; the second one is left out")
        else:
            links[link.id] = link
    return list(links.values())


def _read_link(entry: object) -> DocumentLink | None:
    extra: Json = {}
    reroute: object = None
    if isinstance(entry, dict):
        extra, reroute = rest(entry, _LINK), entry.get("parentId")
        entry = [entry.get(name) for name in _ENDS]
    if not isinstance(entry, list) or len(entry) < 5:
        return None
    number, origin, origin_slot, target, target_slot = entry[:5]
    if node_key(origin) is None or node_key(target) is None:
        return None
    if not (_is_index(number) and _is_index(origin_slot) and _is_index(target_slot)):
        return None
    kind = entry[5] if len(entry) > 5 else None
    if not isinstance(kind, str):
        extra = {**extra, "type": kind}
    return DocumentLink(
        number,
        str(origin),
        origin_slot,
        str(target),
        target_slot,
        wire_type(kind),
        reroute if _is_index(reroute) else None,
        extra,
    )


def _link_list(link: DocumentLink) -> list[Any]:
    fields = _link_object(link)
    return [fields[name] for name in _ENDS]


def _link_object(link: DocumentLink) -> Json:
    ends: Json = {
        "id": link.id,
        "origin_id": key_json(link.origin),
        "origin_slot": link.origin_slot,
        "target_id": key_json(link.target),
        "target_slot": link.target_slot,
        "type": link.type,
    }
    return ends | present({"parentId": link.reroute}) | dict(link.extra)


def _with_reroutes(links: list[DocumentLink], extensions: object, reader: FieldReader) -> list[DocumentLink]:
    last = {
        entry["id"]: entry["parentId"]
        for entry in reader.items(extensions, "extra.linkExtensions")
        if isinstance(entry, dict) and _is_index(entry.get("id")) and _is_index(entry.get("parentId"))
    }
    return [replace(link, reroute=last[link.id]) if link.id in last else link for link in links]


def _read_groups(forms: object, reader: FieldReader) -> list[Group]:
    entries = [form for form in reader.items(forms, "groups") if isinstance(form, dict)]
    taken = {form["id"] for form in entries if _is_index(form.get("id"))}
    free = iter(number for number in range(1, len(entries) + len(taken) + 1) if number not in taken)
    groups: dict[int, Group] = {}
    for form in entries:
        key = form.get("id")
        group = _read_group(form, key if _is_index(key) and key not in groups else next(free), reader)
        groups[group.key] = group
    return list(groups.values())


def _read_group(form: Form, key: int, reader: FieldReader) -> Group:
    place = f"group {key}"
    bounding = reader.finite(form.get("bounding"), 4)
    if bounding is None:
        reader.remark(place, f"its frame is not four numbers: {shown(form.get('bounding'))}")
    x, y, width, height = bounding or (0, 0, 140, 80)
    title = reader.text(form.get("title"), f"{place}, title")
    colour = reader.text(form.get("color"), f"{place}, colour")
    extra = rest(form, _GROUP)
    return Group(key, title or "", (x, y, width, height), colour, extra, form)


def _write_group(group: Group) -> Json:
    form = group.form
    then = _group_fields(_read_group(form, group.key, FieldReader())) if form else {}
    return merged(form, _group_fields(group), then, group.extra)


def _group_fields(group: Group) -> Json:
    fields = {"id": group.key, "title": group.title, "bounding": list(group.bounding)}
    return fields | present({"color": group.colour})


def _read_reroutes(forms: object, reader: FieldReader) -> list[Reroute]:
    points: dict[int, Reroute] = {}
    for index, form in enumerate(reader.items(forms, "reroutes")):
        if isinstance(form, dict) and _is_index(form.get("id")) and form["id"] not in points:
            points[form["id"]] = _read_reroute(form, reader)
        else:
            reader.remark(f"reroutes[{index}]", f"{shown(form)} is not a reroute; it is left out")
    return list(points.values())


def _read_reroute(form: Form, reader: FieldReader) -> Reroute:
    place = f"reroute {form['id']}"
    links = reader.items(form.get("linkIds"), f"{place}, links")
    parent = form.get("parentId")
    return Reroute(
        id=form["id"],
        pos=reader.point(form.get("pos"), f"{place}, position", (0, 0)),
        links=tuple(link for link in links if _is_index(link)),
        parent=parent if _is_index(parent) else None,
        extra=rest(form, _REROUTE),
        form=form,
    )


def _write_reroute(point: Reroute) -> Json:
    then = _reroute_fields(_read_reroute(point.form, FieldReader())) if point.form else {}
    return merged(point.form, _reroute_fields(point), then, point.extra)


def _reroute_fields(point: Reroute) -> Json:
    fields = {"id": point.id, "pos": list(point.pos), "linkIds": list(point.links)}
    return fields | present({"parentId": point.parent})


def _write_extra(document: GraphDocument, modern: bool) -> Any:
    header = document.header
    result: Json = dict(header.extra)
    form = header.form.get("extra")
    if not modern:
        seen: Form = form if isinstance(form, dict) else {}
        result = {key: value for key, value in seen.items() if key in ("reroutes", "linkExtensions")} | result
        _put(result, "reroutes", [_write_reroute(point) for point in document.reroutes.values()])
        drawn = [link for link in document.links.values() if link.reroute is not None]
        _put(result, "linkExtensions", [{"id": k.id, "parentId": k.reroute} for k in drawn])
    return result or form or {}


def _write_last(result: Json, header: Header, modern: bool) -> None:
    """The highest ids given so far; where a file has none and none was given, it goes on having none."""
    last = {"last_node_id": header.last_node_id, "last_link_id": header.last_link_id}
    if modern and "last_node_id" not in header.form:
        state = header.form.get("state")
        names = {"lastNodeId": header.last_node_id, "lastLinkId": header.last_link_id}
        _put(result, "state", {**(state if isinstance(state, dict) else {}), **_unless_zero(names, state)})
    else:
        result |= _unless_zero(last, header.form)


def _unless_zero(last: Json, form: object) -> Json:
    seen: Form = form if isinstance(form, dict) else {}
    return {name: number for name, number in last.items() if number != (seen.get(name) or 0)}


def _remark_dead_links(document: GraphDocument, reader: FieldReader) -> None:
    live = {link.id for link in document.live_links()}
    for link in document.links.values():
        if link.id not in live:
            ends = f"from output {link.origin_slot} of node {link.origin} to input {link.target_slot} of node"
            reader.remark(
                f"link {link.id}", f"{ends} {link.target} does not exist at both ends; it has no effect"
            )
    for node in document.nodes.values():
        for socket in node.inputs:
            if socket.link is not None and socket.link not in document.links:
                place = f"node {node.id} ({node.type}), input {socket.name!r}"
                reader.remark(place, f"there is no link {socket.link}; the input counts as not linked")


def _put(result: Json, key: str, value: Any) -> None:
    """Sets a field, but does not add an empty one."""
    if value or result.get(key):
        result[key] = value


def _is_index(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
