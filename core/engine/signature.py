"""Signatures: two nodes that would give the same result have the same one, in one run and from run to run."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import math
import operator
import uuid
from collections import ChainMap
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final, TypeAlias

from core.engine.hooks import call_hook
from core.engine.validate import BoundNode
from core.folders import Folders
from core.nodes.api import VOLATILE
from core.topology import sources_first

Signature: TypeAlias = bytes
_SCALARS: Final = frozenset({str, int, float, bool})
_MARSHAL: Final = 2
"""The newest of its formats that writes equal values as equal bytes, whoever else refers to them."""
_name: Final = operator.itemgetter(0)


def read_fingerprints(nodes: Mapping[str, BoundNode], folders: Folders) -> dict[str, object]:
    """What every node that has a fingerprint answers; `VOLATILE` where that fails, so that the node runs."""
    return {
        node_id: _fingerprint(node, folders)
        for node_id, node in nodes.items()
        if node.spec.fingerprint is not None
    }


def sign(
    nodes: Mapping[str, BoundNode],
    fingerprints: Mapping[str, object],
    folders: Folders,
    known: dict[str, Signature] | None = None,
) -> dict[str, Signature]:
    """The signature of each node: a hash of what it is, its constants, and the signatures of what feeds it.

    Node ids are no part of it, but for nodes whose type says so. A file that was replaced is another one,
    unless the node's own fingerprint says that it is not.

    Args:
        nodes: Sources first.
        known: Signatures of further nodes that may feed these.
    """
    signatures: dict[str, Signature] = {}
    of_source = signatures if known is None else ChainMap(signatures, known)
    for node_id, node in nodes.items():
        spec = node.spec
        links = [(name, link.slot, of_source[link.node_id]) for name, link in node.links.items()]
        if len(links) > 1:
            links.sort()
        parts: list[object] = [spec.class_type, _pairs(node.constants), _pairs(node.extra), links]
        if node_id in fingerprints:
            value = fingerprints[node_id]
            parts.append(("fingerprint", uuid.uuid4().hex if _is_volatile(value) else _canonical(value)))
        elif spec.files:
            parts += _files(node, folders)
        if spec.keyed_by_node or spec.reads_graph:
            parts.append(("node", node_id))
        if spec.reads_graph:
            parts.append(("graph", _neighbourhood(node_id, nodes)))
        signatures[node_id] = hashlib.blake2b(marshal.dumps(parts, _MARSHAL), digest_size=16).digest()
    return signatures


def volatile_nodes(
    nodes: Mapping[str, BoundNode], fingerprints: Mapping[str, object], known: Set[str] = frozenset()
) -> set[str]:
    """The nodes that run every time, and those that they feed: no signature of theirs comes again.

    Args:
        nodes: Sources first.
        known: Such nodes among the further ones that may feed these.
    """
    found = {node_id for node_id, value in fingerprints.items() if _is_volatile(value)}
    if found or known:
        for node_id, node in nodes.items():
            if any(link.node_id in found or link.node_id in known for link in node.links.values()):
                found.add(node_id)
    return found


def _is_volatile(fingerprint: object) -> bool:
    return isinstance(fingerprint, float) and math.isnan(fingerprint)


def _fingerprint(node: BoundNode, folders: Folders) -> object:
    assert node.spec.fingerprint is not None
    try:
        return call_hook(node.spec.fingerprint, node.constants, folders, node.node_id)
    except Exception:  # noqa: BLE001 - the node itself will say what is wrong when it runs
        return VOLATILE


def _files(node: BoundNode, folders: Folders) -> Iterator[object]:
    """Place, size and time of every file that the node names."""
    for input_name, choice in node.spec.files:
        name = node.constants.get(input_name)
        if isinstance(name, str):
            # The node itself will say what is wrong with a file that is not there.
            with contextlib.suppress(OSError):
                if path := choice.find(name, folders):
                    facts = path.stat()
                    yield (str(path), facts.st_size, facts.st_mtime_ns)


def _neighbourhood(node_id: str, nodes: Mapping[str, BoundNode]) -> list[object]:
    """What feeds a node, and everything that any of this feeds: the part of the graph it may act upon."""

    def sources(name: str) -> list[str]:
        return [link.node_id for link in nodes[name].links.values() if link.node_id in nodes]

    consumers: dict[str, list[str]] = {}
    for name in nodes:
        for source in sources(name):
            consumers.setdefault(source, []).append(name)
    before = sources_first([node_id], sources)[:-1]
    around = sorted(sources_first(before, lambda name: consumers.get(name, ())))
    return [
        (
            name,
            nodes[name].spec.class_type,
            _pairs(nodes[name].constants),
            sorted((key, link.node_id, link.slot) for key, link in nodes[name].links.items()),
        )
        for name in around
    ]


def _pairs(values: Mapping[str, object]) -> list[tuple[str, object]]:
    """The same for equal values whatever their order."""
    if not values:
        return []
    pairs = [
        (name, value if type(value) in _SCALARS else _canonical(value)) for name, value in values.items()
    ]
    pairs.sort(key=_name)
    return pairs


def _canonical(value: Any) -> object:
    if isinstance(value, Mapping):
        return ("map", _pairs({str(key): item for key, item in value.items()}))
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if value is None or type(value) in _SCALARS:
        return value
    return ("other", repr(value))
