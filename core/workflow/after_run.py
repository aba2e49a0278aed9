"""What changes in a document once it has been queued: seeds that count up, down or at random."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from core.nodes.registry import Registry
from core.nodes.spec import InputSpec, Range
from core.workflow.document import Batch, GraphDocument, Operation
from core.workflow.operations import SetWidget
from core.workflow.records import ALWAYS, PRIMITIVE, Node, Place
from core.workflow.widgets import at, fed_by, layout

_ANY: Final = Range(0, 2**64 - 1, 1)
_WIDEST_DRAW: Final = 2**50
"""Random values go up to this, as ComfyUI's do: programs that count in doubles keep them exactly."""


def changes_after_run(document: GraphDocument, registry: Registry, random: Random) -> Operation | None:
    """The edit that gives every value with a mode other than `fixed` its next one; None if there is none."""
    edits = [
        SetWidget(node.id, place, value)
        for node in document.nodes.values()
        if node.mode == ALWAYS
        for place, value in _changes(document, node, registry, random)
    ]
    return Batch(tuple(edits)) if edits else None


def draw(limits: Range, random: Random, kind: type[int] | type[float] = int) -> int | float:
    """A random value within limits, as `randomize` gives it."""
    step = kind(limits.step or 1) or 1
    low, high = kind(max(limits.min, -_WIDEST_DRAW)), min(limits.max, _WIDEST_DRAW)
    return low + random.randrange(int((high - low) // step) + 1) * step


def _changes(
    document: GraphDocument, node: Node, registry: Registry, random: Random
) -> Iterator[tuple[Place, int | float]]:
    if node.type == PRIMITIVE:
        fed = fed_by(node, document, registry)
        if isinstance(node.widgets, tuple) and len(node.widgets) >= 2 and fed is not None:
            yield from _change(node, 0, 1, fed[1], random)
        return
    spec = registry.interface(node.type)
    found = layout(node, spec)
    linked = {socket.name for socket in node.inputs if socket.link in document.links}
    for name, control in found.controls.items():
        if name not in linked:
            yield from _change(node, found.places[name], control, spec.input(name) if spec else None, random)


def _change(
    node: Node, place: Place, control: Place, spec: InputSpec | None, random: Random
) -> Iterator[tuple[Place, int | float]]:
    value, mode = at(node, place), at(node, control)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    limits = spec.widget if spec and isinstance(spec.widget, Range) else _ANY
    changed = _next(value, mode, limits, random)
    if changed != value:
        yield place, changed


def _next(value: int | float, mode: object, limits: Range, random: Random) -> int | float:
    kind = int if isinstance(value, int) else float
    step = kind(limits.step or 1) or 1
    match mode:
        case "increment":
            return kind(min(value + step, limits.max))
        case "decrement":
            return kind(max(value - step, limits.min))
        case "randomize" | True:
            return draw(limits, random, kind)
        case _:
            return value
