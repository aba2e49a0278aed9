"""What users do to a graph, as operations: one for each thing they do, whatever it takes."""

from __future__ import annotations

from dataclasses import replace

from core.errors import WorkflowError
from core.nodes.registry import Registry
from core.workflow.document import Batch, Delta, GraphDocument, Operation, Patch
from core.workflow.new_nodes import new_socket
from core.workflow.records import PRIMITIVE, InputSocket, Node
from core.workflow.widgets import MODES, at, layout
from core.workflow.wiring import AddInput, Connect


def link(
    document: GraphDocument, origin: str, slot: int, target: str, name: str, registry: Registry
) -> Operation:
    """Link an output to an input by name; a value that has no socket yet gets one.

    Raises:
        WorkflowError: There is no such output or input.
    """
    document.output(origin, slot)
    node = document.node(target)
    where = input_slot(node, name)
    socket = _missing_socket(node, name, registry) if where is None else node.inputs[where]
    steps = _adopt(document, origin, node, socket, registry)
    if where is None:
        steps.append(AddInput(target, socket))
        where = len(node.inputs)
    return Batch((*steps, Connect(origin, slot, target, where)))


def input_slot(node: Node, name: str) -> int | None:
    """The slot of an input; None while the node has no socket for it."""
    slots = (slot for slot, socket in enumerate(node.inputs) if name in (socket.name, socket.widget))
    return next(slots, None)


def _missing_socket(node: Node, name: str, registry: Registry) -> InputSocket:
    spec = registry.interface(node.type)
    entry = spec.input(name) if spec else None
    if entry is not None and not entry.widget_only:
        return replace(new_socket(entry), name=name)
    if entry is None and name in layout(node, spec).places:
        return InputSocket(name, "*", widget=name)
    raise WorkflowError(f"node {node.id} ({node.type}) has no input {name!r} that a link can feed")


def _adopt(
    document: GraphDocument, origin: str, target: Node, socket: InputSocket, registry: Registry
) -> list[Operation]:
    """A primitive that has no value yet takes that of the first input it feeds, and its type."""
    node = document.node(origin)
    place = layout(target, registry.interface(target.type)).places.get(socket.widget or "")
    if node.type != PRIMITIVE or node.widgets or place is None:
        return []
    value = at(target, place)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    outputs = tuple(
        replace(output, type=socket.type, extra={**output.extra, "widget": {"name": socket.widget}})
        for output in node.outputs
    )
    widgets = (value, MODES[0]) if is_number else (value,)
    return [Patch(nodes=Delta({origin: replace(node, outputs=outputs, widgets=widgets)}))]
