"""The search for a node to add, at a place of the canvas or at the loose end of a link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QPointF

from app.canvas.face import category_words
from app.canvas.graph_edits import whole
from app.canvas.node_layout import NodeLayout
from app.canvas.popup import ChoicePopup, PopupItem
from core.nodes.spec import InputSpec, NodeSpec, types_match
from core.workflow import edits
from core.workflow.document import Batch, Changed, GraphDocument, Operation
from core.workflow.new_nodes import SPECIAL, node_of_type
from core.workflow.operations import AddNode
from core.workflow.records import PRIMITIVE, REROUTE, Node, Point
from core.workflow.wiring import Connect

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph
    from app.canvas.node_socket import NodeSocket

_REMEMBERED: Final = 8
# What most graphs are made of, in the order in which one is usually built: offered first, before anything
# is typed.
_COMMON: Final = (
    "KSampler",
    "CLIPTextEncode",
    "VAEDecode",
    "SaveImage",
    "PreviewImage",
    "CheckpointLoaderSimple",
    "EmptyLatentImage",
    "LoadImage",
    "VAEEncode",
    REROUTE,
)
_KEPT: Final = "cannot run here yet"


@dataclass(frozen=True, slots=True)
class Entry:
    """A node type that can be added.

    Attributes:
        type: Of its main output.
        end: The input, or the number of the output, that the link would go to; None without a link.
        place: The number of that socket among those that are shown by themselves; -1 for a value's.
        exact: It is of the very type of the link.
    """

    class_type: str
    title: str
    category: str
    type: str = ""
    can_run: bool = True
    end: str | int | None = None
    place: int = -1
    exact: bool = True


class NodeSearch(QObject):
    """The popup with all nodes that can be added."""

    def __init__(self, graph: CanvasGraph) -> None:
        super().__init__(graph)
        self._graph = graph
        self._popup: ChoicePopup | None = None
        self._at = QPointF()
        self._port: NodeSocket | None = None

    @property
    def popup(self) -> ChoicePopup:
        """The popup it is shown in."""
        if self._popup is None:
            self._popup = ChoicePopup(self._graph.viewer(), self._graph.theme)
            self._popup.chosen.connect(self._add)
        return self._popup

    def open(self, scene_pos: QPointF, port: NodeSocket | None = None) -> None:
        """Offers all nodes, or those that fit a socket, to be added at a point of the scene."""
        self.close()
        self._at, self._port = scene_pos, port
        items = [self._item(entry) for entry in self._ordered(self._entries(port))]
        viewer = self._graph.viewer()
        place = viewer.viewport().mapToGlobal(viewer.mapFromScene(scene_pos))
        self.popup.set_theme(self._graph.theme)
        self.popup.open_at(place, items, title=_title(port), placeholder="Search nodes")

    def close(self) -> None:
        """Ends the search; nothing is added."""
        if self._popup is not None:
            self._popup.cancel()

    # --- what is offered

    def _entries(self, port: NodeSocket | None) -> Iterator[Entry]:
        registry = self._graph.registry
        for spec in (*registry, *registry.interface_only()):
            yield from _entry(spec, port)
        for kind, title in SPECIAL.items():
            yield from _special(kind, title, port)

    def _ordered(self, entries: Iterator[Entry]) -> list[Entry]:
        """Those used last, then common ones, then the others by category."""
        recent = {name: place for place, name in enumerate(self._graph.recent)}
        common = {name: place for place, name in enumerate(_COMMON)}

        def key(entry: Entry) -> tuple[object, ...]:
            name = entry.class_type
            last = len(recent) + len(common)
            used = recent.get(name, len(recent) + common.get(name, last))
            return not entry.can_run, not entry.exact, used, entry.category, entry.title

        return sorted(entries, key=key)

    def _item(self, entry: Entry) -> PopupItem:
        socket = f"\u2192 {entry.end}" if isinstance(entry.end, str) and entry.end else ""
        category = category_words(entry.category)
        detail = "  ".join(part for part in (socket, category) if part)
        return PopupItem(
            entry.title,
            detail if entry.can_run else _KEPT,
            entry,
            self._graph.theme.socket(entry.type) if entry.type else self._graph.theme.text_dim,
            search=f"{entry.class_type} {category}",
            dimmed=not entry.can_run,
            hint=entry.class_type,
        )

    # --- adding

    def _add(self, entry: Entry) -> None:
        graph = self._graph
        number = graph.document.new_node_id()
        node = node_of_type(number, entry.class_type, graph.registry, graph.folders)
        if node is None:
            return
        operations: list[Operation] = [AddNode(replace(node, pos=self._corner(node, entry)))]
        if self._port is not None and entry.end is not None:
            operations.append(_Later(_linking(graph, self._port, number, entry.end)))
        if graph.opened.do(Batch(tuple(operations)), f"Add {entry.title}"):
            self._remember(entry.class_type)
            graph.select([number])

    def _corner(self, node: Node, entry: Entry) -> Point:
        """Where the node has to be for its socket, or its corner, to be where the link was let go."""
        x, y = whole(self._at)
        if entry.place >= 0:
            y -= NodeLayout.socket_y(entry.place)
        if self._port is not None and self._port.port_type == "in":
            x -= node.size[0]
        return x, y

    def _remember(self, class_type: str) -> None:
        recent = self._graph.recent
        recent[:] = [class_type, *(name for name in recent if name != class_type)][:_REMEMBERED]


class _Later(Operation):
    """An edit that can only be worked out once those before it are done."""

    def __init__(self, make: Callable[[GraphDocument], Operation]) -> None:
        self._make = make

    def run(self, document: GraphDocument) -> tuple[Operation, Changed]:
        """The inverse, and what was touched."""
        return self._make(document).run(document)


def _linking(
    graph: CanvasGraph, port: NodeSocket, new: str, end: str | int
) -> Callable[[GraphDocument], Operation]:
    """Links a node, once it is there, to a socket."""
    other, slot, name = port.node.id, port.slot, port.input_name

    def link(document: GraphDocument) -> Operation:
        if isinstance(end, str):
            assert slot is not None  # outputs always have one
            return edits.link(document, other, slot, new, end, graph.registry)
        if slot is not None and edits.input_slot(document.node(other), name) != slot:
            return Connect(new, end, other, slot)  # two inputs of one name
        return edits.link(document, new, end, other, name, graph.registry)

    return link


def _entry(spec: NodeSpec, port: NodeSocket | None) -> Iterator[Entry]:
    """The entry of a node type, if it has a socket that fits."""
    main = spec.outputs[0].type if spec.outputs else ""
    known = spec.class_type, spec.title, spec.category, main, spec.function is not None
    if port is None:
        yield Entry(*known)
        return
    wanted = port.wire_type
    if port.port_type == "out":
        sockets = [entry for entry in spec.inputs if not entry.has_widget]
        widgets = [entry for entry in spec.inputs if entry.has_widget and not entry.widget_only]
        found = _best([(entry, types_match(wanted, entry.type)) for entry in (*sockets, *widgets)], wanted)
        if found is not None:
            place = sockets.index(found) if found in sockets else -1
            yield Entry(*known, found.name, place, found.type == wanted)
        return
    outputs = [number for number, output in enumerate(spec.outputs) if types_match(output.type, wanted)]
    if outputs:
        same = [number for number in outputs if spec.outputs[number].type == wanted]
        best = (same or outputs)[0]
        yield Entry(*known, best, best, bool(same))


def _best(inputs: Sequence[tuple[InputSpec, bool]], wanted: str) -> InputSpec | None:
    """The first input of the very type, else the first that takes it."""
    fitting = [entry for entry, fits in inputs if fits]
    same = (entry for entry in fitting if entry.type == wanted)
    return next(same, fitting[0] if fitting else None)


def _special(kind: str, title: str, port: NodeSocket | None) -> Iterator[Entry]:
    """The entry of a node that no registry has. Notes take no link; primitives feed values only."""
    category = "links" if kind == REROUTE else "values" if kind == PRIMITIVE else "notes"
    if port is None:
        yield Entry(kind, title, category)
    elif kind == REROUTE:
        yield Entry(kind, title, category, port.wire_type, True, "" if port.port_type == "out" else 0)
    elif kind == PRIMITIVE and port.is_row:
        yield Entry(kind, title, category, port.wire_type, True, 0)


def _title(port: NodeSocket | None) -> str:
    if port is None:
        return "Add a node"
    return f"Add a node that {'takes' if port.port_type == 'out' else 'gives'} {port.wire_type}"
