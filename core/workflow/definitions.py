"""The graphs that nodes stand for, as documents keep them: subgraphs, and the group nodes of older files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

from core.workflow.fields import FieldReader
from core.workflow.records import Form, Header

_GROUP_NODE: Final = ("workflow/", "workflow>")


def group_name(kind: str) -> str | None:
    """The name of the group node that a node type stands for; None for other types."""
    return kind[len(_GROUP_NODE[0]) :] if kind.startswith(_GROUP_NODE) else None


@dataclass(slots=True)
class Definitions:
    """Definitions as JSON: subgraphs by their id, which is the type of their nodes; group nodes by name."""

    subgraphs: dict[str, Form] = field(default_factory=dict[str, Form])
    groups: dict[str, Form] = field(default_factory=dict[str, Form])

    def of(self, kind: str) -> Form | None:
        """What nodes of a type stand for; None for an ordinary type."""
        name = group_name(kind)
        return self.subgraphs.get(kind) or (self.groups.get(name) if name is not None else None)

    def used_by(self, kinds: Iterable[str]) -> Definitions:
        """Those that nodes of these types need, also through one another."""
        pending, seen = list(kinds), set[str]()
        while pending:
            kind = pending.pop()
            if kind not in seen:
                seen.add(kind)
                pending += _kinds_in(self.of(kind) or {})
        names = {group_name(kind) for kind in seen}
        return Definitions(
            {key: form for key, form in self.subgraphs.items() if key in seen},
            {name: form for name, form in self.groups.items() if name in names},
        )

    def put_into(self, header: Header) -> tuple[Header, dict[str, str]]:
        """The header with these definitions too, and the node types that got another name on the way.

        A definition that the header has already is shared; one that only shares a name gets another.
        """
        there = read_definitions(header)
        names = self._clashes(there)
        new = Definitions(
            {names.get(key, key): self._renamed(key, form, names) for key, form in self.subgraphs.items()},
            {_new_name(name, names): _with_kinds(form, names) for name, form in self.groups.items()},
        )
        subgraphs = [form for key, form in new.subgraphs.items() if key not in there.subgraphs]
        groups = {name: form for name, form in new.groups.items() if name not in there.groups}
        return with_definitions(header, subgraphs, groups), names

    def _clashes(self, there: Definitions) -> dict[str, str]:
        """Node types whose definitions are others there, or use such: with the names they get."""
        names: dict[str, str] = {}
        known = -1
        while known != len(names):
            known = len(names)
            for key, form in self.subgraphs.items():
                if _differs(form, there.subgraphs.get(key), names):
                    content = json.dumps(form, sort_keys=True, default=str)
                    names[key] = str(uuid.uuid5(uuid.NAMESPACE_OID, content))
            for name, form in self.groups.items():
                if _differs(form, there.groups.get(name), names):
                    free = next(n for i in count(2) if there.groups.get(n := f"{name} {i}", form) == form)
                    names |= {prefix + name: prefix + free for prefix in _GROUP_NODE}
        return names

    def _renamed(self, key: str, form: Form, names: Mapping[str, str]) -> Form:
        return {**_with_kinds(form, names), "id": names.get(key, key)}


def read_definitions(header: Header) -> Definitions:
    """The definitions of a document; entries of another shape are left aside."""
    reader = FieldReader()
    listed = reader.fields(header.fields.get("definitions"), ()).get("subgraphs")
    entries = [entry for entry in reader.items(listed, ()) if isinstance(entry, dict)]
    groups = reader.fields(header.extra.get("groupNodes"), ())
    return Definitions(
        {entry["id"]: entry for entry in entries if isinstance(entry.get("id"), str)},
        {name: form for name, form in groups.items() if isinstance(form, dict)},
    )


def with_definitions(header: Header, subgraphs: Iterable[Form], groups: Mapping[str, Form]) -> Header:
    """The header with more definitions."""
    reader = FieldReader()
    fields, extra = header.fields, header.extra
    added = list(subgraphs)
    if added:
        known = reader.fields(fields.get("definitions"), ())
        listed = reader.items(known.get("subgraphs"), ())
        fields = {**fields, "definitions": {**known, "subgraphs": [*listed, *added]}}
    if groups:
        extra = {**extra, "groupNodes": {**reader.fields(extra.get("groupNodes"), ()), **groups}}
    return replace(header, fields=fields, extra=extra)


def _differs(form: Form, other: Form | None, names: Mapping[str, str]) -> bool:
    if other is None:
        return False
    return form != other or any(kind in names for kind in _kinds_in(form))


def _new_name(name: str, names: Mapping[str, str]) -> str:
    kind = _GROUP_NODE[0] + name
    return group_name(names.get(kind, kind)) or name


def _nodes_in(form: Form) -> list[Any]:
    return FieldReader().items(form.get("nodes"), ())


def _kinds_in(form: Form) -> list[str]:
    kinds = (node.get("type") for node in _nodes_in(form) if isinstance(node, dict))
    return [kind for kind in kinds if isinstance(kind, str)]


def _with_kinds(form: Form, names: Mapping[str, str]) -> Form:
    if not any(kind in names for kind in _kinds_in(form)):
        return form
    return {**form, "nodes": [_with_kind(node, names) for node in _nodes_in(form)]}


def _with_kind(node: Any, names: Mapping[str, str]) -> Any:
    kind: Any = node.get("type") if isinstance(node, dict) else None
    return {**node, "type": names[kind]} if kind in names else node
