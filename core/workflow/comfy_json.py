"""The editor's JSON, versions 0.4 and 1.0, in and out.

An unedited document is written exactly as it was read. Version 0.4 has links as lists of six and keeps native
reroutes under `extra`; version 1.0 has links as objects and reroutes beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from core.errors import WorkflowError
from core.workflow.comfy_nodes import read_node, write_node
from core.workflow.comfy_parts import (
    is_index,
    read_groups,
    read_links,
    read_reroutes,
    write_group,
    write_link,
    write_reroute,
)
from core.workflow.document import GraphDocument
from core.workflow.fields import FieldReader, rest, shown
from core.workflow.records import DocumentLink, Form, Header, Json, Node, Remark, number_of

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
    result: Json = dict(header.form) or {"nodes": [], "links": [], "groups": [], "extra": {}}
    result |= header.fields
    result["version"] = header.form.get("version", header.version)
    result["nodes"] = [write_node(node) for node in document.nodes.values()]
    links = document.links.values()
    _put(result, "links", [write_link(link, modern) for link in links])
    _put(result, "groups", [write_group(group) for group in document.groups.values()])
    if modern:
        _put(result, "reroutes", [write_reroute(point) for point in document.reroutes.values()])
    _put(result, "extra", _write_extra(document, modern))
    _write_last(result, header, modern)
    return result


def _read(form: Json, reader: FieldReader) -> ReadDocument:
    version = _version(form, reader)
    extra = reader.fields(form.get("extra"), ("extra",))
    nodes = read_nodes(form["nodes"], reader)
    links = read_links(form.get("links"), reader)
    points = form.get("reroutes") if version >= 1 else extra.get("reroutes")
    if version < 1:
        links = _with_reroutes(links, extra.get("linkExtensions"), reader)
        extra = rest(extra, frozenset({"reroutes", "linkExtensions"}))
    state = reader.fields(form.get("state"), ("state",))
    header = Header(
        version=version,
        last_node_id=reader.number(form.get("last_node_id", state.get("lastNodeId")), ("last_node_id",), 0),
        last_link_id=reader.number(form.get("last_link_id", state.get("lastLinkId")), ("last_link_id",), 0),
        extra=extra,
        fields=rest(form, _TABLES | _LAST),
        form=form,
    )
    groups = read_groups(form.get("groups"), reader)
    document = GraphDocument(nodes, links, groups, read_reroutes(points, reader), header)
    _remark_dead_links(document, reader)
    return ReadDocument(document, tuple(reader.remarks))


def _version(form: Json, reader: FieldReader) -> float:
    version = form.get("version")
    if isinstance(version, int | float) and not isinstance(version, bool):
        return version
    links = form.get("links")
    guess = 1 if isinstance(links, list) and links and isinstance(links[0], dict) else 0.4
    reader.remark(("version",), f"{shown(version)} is not a version number; read as {guess}")
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
    last = max(map(number_of, nodes), default=0)
    for number, node in enumerate(repeated, last + 1):
        reader.remark(
            (f"node {node.id} ({node.type})",), f"its id is taken; it is node {number} now, without links"
        )
        inputs = tuple(replace(socket, link=None) for socket in node.inputs)
        outputs = tuple(replace(socket, links=()) for socket in node.outputs)
        nodes[str(number)] = replace(node, id=str(number), inputs=inputs, outputs=outputs)
    return list(nodes.values())


def _with_reroutes(links: list[DocumentLink], extensions: object, reader: FieldReader) -> list[DocumentLink]:
    last = {
        entry["id"]: entry["parentId"]
        for entry in reader.items(extensions, ("extra.linkExtensions",))
        if isinstance(entry, dict) and is_index(entry.get("id")) and is_index(entry.get("parentId"))
    }
    return [replace(link, reroute=last[link.id]) if link.id in last else link for link in links]


def _write_extra(document: GraphDocument, modern: bool) -> Any:
    header = document.header
    result: Json = dict(header.extra)
    form = header.form.get("extra")
    if not modern:
        seen: Form = form if isinstance(form, dict) else {}
        result = {key: value for key, value in seen.items() if key in ("reroutes", "linkExtensions")} | result
        _put(result, "reroutes", [write_reroute(point) for point in document.reroutes.values()])
        drawn = [link for link in document.links.values() if link.reroute is not None]
        _put(result, "linkExtensions", [{"id": k.id, "parentId": k.reroute} for k in drawn])
    return result if result or isinstance(form, dict) else form


def _write_last(result: Json, header: Header, modern: bool) -> None:
    """The highest ids given so far; where a file has none and none was given, it goes on having none."""
    last = {"last_node_id": header.last_node_id, "last_link_id": header.last_link_id}
    if "last_node_id" not in header.form and (modern or "state" in header.form):
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
            start = f"output {link.origin_slot} of node {link.origin}"
            end = f"input {link.target_slot} of node {link.target}"
            reader.remark(("link", link.id), f"it does not lead from {start} to {end}, as it says it does")
    for node in document.nodes.values():
        for socket in node.inputs:
            if socket.link is not None and socket.link not in document.links:
                place = (f"node {node.id} ({node.type})", f"input {socket.name!r}")
                reader.remark(place, f"there is no link {socket.link}; the input counts as not linked")


def _put(result: Json, key: str, value: Any) -> None:
    """Sets a field, but does not add an empty one."""
    if value or result.get(key):
        result[key] = value
