"""Which input each of a node's widget values belongs to.

Editor files store widget values as a bare list. Its order is that of the inputs with a widget; after a seed
comes the entry that says how the seed changes after each run; at the end there may be values of buttons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.nodes.registry import Registry
from core.nodes.spec import MISSING, Choice, InputSpec, NodeSpec
from core.workflow.document import GraphDocument
from core.workflow.records import Node, Place

CONTROL: Final = "control_after_generate"
MODES: Final = ("fixed", "increment", "decrement", "randomize")
_SEEDS: Final = frozenset({"seed", "noise_seed"})
_BUTTONS: Final = ("image", "", None)


@dataclass(slots=True)
class Layout:
    """Where a node's widget values are.

    Attributes:
        places: Input name -> place of its value.
        controls: Input name -> place of the word that says how the value changes after each run.
        unused: How many values belong to no input.
    """

    places: dict[str, Place] = field(default_factory=dict[str, Place])
    controls: dict[str, Place] = field(default_factory=dict[str, Place])
    unused: int = 0


def layout(node: Node, spec: NodeSpec | None) -> Layout:
    """Where the node's widget values are. Without a spec the sockets of newer files tell the names."""
    if isinstance(node.widgets, Mapping):
        return _by_name(node.widgets)
    names = _spec_names(spec) if spec else _socket_names(node)
    return _by_position(node.widgets, names)


def values(node: Node, found: Layout) -> dict[str, Any]:
    """The node's widget values by input name, those its file lacks left out."""
    return {name: value for name, place in found.places.items() if (value := at(node, place)) is not None}


def at(node: Node, place: Place) -> Any:
    """The widget value at a place."""
    widgets: Any = node.widgets
    return widgets[place]


def fed_by(primitive: Node, document: GraphDocument, registry: Registry) -> tuple[NodeSpec, InputSpec] | None:
    """The input that a primitive's value goes to, and the type of its node: the first that are known."""
    for number in primitive.outputs[0].links if primitive.outputs else ():
        link = document.links.get(number)
        target = document.nodes.get(link.target) if link else None
        if link is None or target is None or not 0 <= link.target_slot < len(target.inputs):
            continue
        spec = registry.interface(target.type)
        described = spec.input(target.inputs[link.target_slot].name) if spec else None
        if spec and described:
            return spec, described
    return None


def default(spec: InputSpec) -> object:
    """The value a new node's widget starts with; `MISSING` where there is none to start with."""
    if spec.default is not MISSING:
        return spec.default
    match spec.type, spec.widget:
        case _, Choice() as choice if not callable(choice.source) and choice.source:
            return choice.source[0]
        case "STRING", _:
            return ""
        case "BOOLEAN", _:
            return False
        case "INT" | "FLOAT", _:
            return 0
        case _:
            return MISSING


def starting_values(spec: NodeSpec, given: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """The positional widget values of a new node; seeds stay as they are after a run.

    Args:
        given: Values that are known, by input name.
    """
    known = given or {}
    result: list[Any] = []
    for name, has_control in _spec_names(spec):
        fallback = default(spec.by_name[name])
        result.append(known.get(name, None if fallback is MISSING else fallback))
        if has_control:
            result.append(MODES[0])
    return tuple(result)


def _by_name(widgets: Mapping[str, Any]) -> Layout:
    result = Layout({name: name for name in widgets if name != CONTROL})
    seed = next((name for name in widgets if name in _SEEDS), None)
    if CONTROL in widgets and seed is not None:
        result.controls[seed] = CONTROL
    return result


def _by_position(widgets: Sequence[Any], names: Sequence[tuple[str, bool]]) -> Layout:
    result = Layout()
    position = 0
    for index, (name, has_control) in enumerate(names):
        if position >= len(widgets):
            break
        result.places[name] = position
        position += 1
        if has_control and position < len(widgets):
            still_needed = len(names) - index - 1
            if _is_control(widgets[position], len(widgets) - position > still_needed):
                result.controls[name] = position
                position += 1
    result.unused = sum(1 for value in widgets[position:] if value not in _BUTTONS)
    return result


def _is_control(value: object, is_spare: bool) -> bool:
    """Whether a value after a seed is its control: a word, or in the oldest files yes or no."""
    return (isinstance(value, str) and value in MODES) or (isinstance(value, bool) and is_spare)


def _spec_names(spec: NodeSpec) -> list[tuple[str, bool]]:
    return [(entry.name, entry.after_run) for entry in spec.inputs if entry.has_widget]


def _socket_names(node: Node) -> list[tuple[str, bool]]:
    """Names that the sockets tell, if there is one for every value."""
    names = [(s.widget, s.widget in _SEEDS) for s in node.inputs if s.widget is not None]
    found = _by_position(node.widgets, names) if isinstance(node.widgets, tuple) else Layout()
    return names if len(found.places) == len(names) and not found.unused else []
