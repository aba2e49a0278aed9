"""Links, groups and native reroutes in editor-format JSON, in and out."""

from __future__ import annotations

from typing import Final, TypeGuard

from core.workflow.comfy_nodes import key_json, node_key, wire_type
from core.workflow.fields import FieldReader, present, rest, shown, with_source, written
from core.workflow.records import DocumentLink, Form, Group, Json, Origin, Reroute

_ENDS: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
_LINK: Final = frozenset({*_ENDS, "parentId"})
_GROUP: Final = frozenset({"id", "title", "bounding", "color"})
_REROUTE: Final = frozenset({"id", "pos", "linkIds", "parentId"})


def is_index(value: object) -> TypeGuard[int]:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_links(forms: object, reader: FieldReader) -> list[DocumentLink]:
    """The links of a list, as lists or as objects; what is neither is left out with a remark."""
    links: dict[int, DocumentLink] = {}
    for index, entry in enumerate(reader.items(forms, ("links",))):
        place = (f"links[{index}]",)
        link = _read_link(entry)
        if link is None:
            reader.remark(place, f"{shown(entry)} is not a link; it is left out")
        elif link.id in links:
            reader.remark(place, f"link {link.id} is there twice; the second one is left out")
        else:
            links[link.id] = link
    return list(links.values())


def _read_link(form: object) -> DocumentLink | None:
    entry = form
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
    if not (is_index(number) and is_index(origin_slot) and is_index(target_slot)):
        return None
    kind = entry[5] if len(entry) > 5 else None
    if not isinstance(kind, str):
        extra = {**extra, "type": kind}
    link = DocumentLink(
        number,
        str(origin),
        origin_slot,
        str(target),
        target_slot,
        wire_type(kind),
        reroute if is_index(reroute) else None,
        extra,
        Origin(form),
    )
    return with_source(link)


def write_link(link: DocumentLink, modern: bool) -> object:
    """A link as JSON: as it was read, or else as a list in version 0.4 and as an object in 1.0."""
    if link.source is not None and link.source.record is link:
        return link.source.json
    origin, target = key_json(link.origin), key_json(link.target)
    ends = (link.id, origin, link.origin_slot, target, link.target_slot, link.extra.get("type", link.type))
    if not modern:
        return list(ends)
    return dict(zip(_ENDS, ends, strict=True)) | present({"parentId": link.reroute}) | dict(link.extra)


def read_groups(forms: object, reader: FieldReader) -> list[Group]:
    """The groups of a list; those without an id of their own get a key that is free."""
    entries: list[Json] = []
    for index, form in enumerate(reader.items(forms, ("groups",))):
        if isinstance(form, dict):
            entries.append(form)
        else:
            reader.remark((f"groups[{index}]",), f"{shown(form)} is not a group; it is left out")
    taken = {form["id"] for form in entries if is_index(form.get("id"))}
    free = iter(number for number in range(1, len(entries) + len(taken) + 1) if number not in taken)
    groups: dict[int, Group] = {}
    for form in entries:
        key = form.get("id")
        group = _read_group(form, key if is_index(key) and key not in groups else next(free), reader)
        groups[group.key] = group
    return list(groups.values())


def _read_group(form: Form, key: int, reader: FieldReader) -> Group:
    place = ("group", key)
    bounding = reader.measures(form.get("bounding"), 4)
    if bounding is None:
        reader.remark(place, f"its frame is not four usable numbers: {shown(form.get('bounding'))}")
    x, y, width, height = bounding or (0, 0, 140, 80)
    title = reader.text(form.get("title"), (*place, "title"))
    colour = reader.text(form.get("color"), (*place, "colour"))
    extra = rest(form, _GROUP)
    return with_source(Group(key, title or "", (x, y, width, height), colour, extra, Origin(form)))


def write_group(group: Group) -> Json:
    """A group as JSON."""
    return written(group, _group_fields)


def _group_fields(group: Group) -> Json:
    fields = {"id": group.key, "title": group.title, "bounding": list(group.bounding)}
    return fields | present({"color": group.colour})


def read_reroutes(forms: object, reader: FieldReader) -> list[Reroute]:
    """The points of a list; what is none is left out with a remark."""
    points: dict[int, Reroute] = {}
    for index, form in enumerate(reader.items(forms, ("reroutes",))):
        if isinstance(form, dict) and is_index(form.get("id")) and form["id"] not in points:
            points[form["id"]] = _read_reroute(form, reader)
        else:
            reader.remark((f"reroutes[{index}]",), f"{shown(form)} is not a reroute; it is left out")
    return list(points.values())


def _read_reroute(form: Form, reader: FieldReader) -> Reroute:
    place = ("reroute", form["id"])
    links = reader.items(form.get("linkIds"), (*place, "links"))
    parent = form.get("parentId")
    point = Reroute(
        id=form["id"],
        pos=reader.point(form.get("pos"), (*place, "position"), (0, 0)),
        links=tuple(link for link in links if is_index(link)),
        parent=parent if is_index(parent) else None,
        extra=rest(form, _REROUTE),
        source=Origin(form),
    )
    return with_source(point)


def write_reroute(point: Reroute) -> Json:
    """A point as JSON."""
    return written(point, _reroute_fields)


def _reroute_fields(point: Reroute) -> Json:
    fields = {"id": point.id, "pos": list(point.pos), "linkIds": list(point.links)}
    return fields | present({"parentId": point.parent})
