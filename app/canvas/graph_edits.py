"""What the user does on the canvas, as edits of the document: each gesture is one undo step."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, Signal

from app.canvas.face import title_of
from app.canvas.linking import ends, entry
from app.canvas.node_layout import lay_out
from app.canvas.nodegraphqt import NodeGraph
from app.canvas.pipe_item import PipeItem
from app.theme import GRID
from core.errors import WorkflowError
from core.workflow import edits
from core.workflow.document import Batch, Changed, Operation
from core.workflow.fragment import Fragment, insert, take
from core.workflow.new_nodes import SPECIAL, node_of_type
from core.workflow.operations import AddNode, MoveNodes, PutGroup, ResizeNode, SetColour, SetFlag
from core.workflow.placing import Contents, contents
from core.workflow.records import Group, Point
from core.workflow.wiring import AddReroute, Connect, Disconnect, MoveLink, MoveReroutes, RemoveReroute

if TYPE_CHECKING:
    from app.canvas.group_item import GroupItem
    from app.canvas.node_item import NodeItem
    from app.canvas.node_socket import NodeSocket
    from app.canvas.viewer import CanvasViewer
    from app.documents import OpenDocument
    from app.settings import Settings
    from core.folders import Folders
    from core.nodes.registry import Registry
    from core.workflow.document import GraphDocument

_FAR_STEP: Final = 10  # grid steps that Shift and an arrow key move by


@dataclass(frozen=True, slots=True)
class Moves:
    """Where nodes, groups and the points of links are to go, by id."""

    nodes: Mapping[str, Point] = field(default_factory=dict[str, Point])
    groups: Mapping[int, Point] = field(default_factory=dict[int, Point])
    reroutes: Mapping[int, Point] = field(default_factory=dict[int, Point])

    def by(self, dx: float, dy: float) -> Moves:
        """The same, further on."""
        return Moves(
            {key: (x + dx, y + dy) for key, (x, y) in self.nodes.items()},
            {key: (x + dx, y + dy) for key, (x, y) in self.groups.items()},
            {key: (x + dx, y + dy) for key, (x, y) in self.reroutes.items()},
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes anywhere."""
        return not self.nodes and not self.groups and not self.reroutes


class GraphEdits(NodeGraph):
    """The half of the canvas that turns gestures into edits.

    Signals:
        view_requested: The node whose output is to be shown in the viewer.
        run_requested: Ids of the nodes that are to be run, with what they need.
        files_dropped: Files (`list[Path]`), where in the scene (`QPointF`), and the node there or "".
        message: A sentence for the status bar.
    """

    view_requested = Signal(str)
    run_requested = Signal(object)
    files_dropped = Signal(object, object, str)
    message = Signal(str)

    opened: OpenDocument
    document: GraphDocument
    registry: Registry
    folders: Folders
    settings: Settings

    if TYPE_CHECKING:  # the other half: `app.canvas.graph`
        # ruff: noqa: D102 - they are described there
        def viewer(self) -> CanvasViewer: ...
        @property
        def nodes(self) -> Mapping[str, NodeItem]: ...
        @property
        def pipes(self) -> Mapping[int, PipeItem]: ...
        @property
        def groups(self) -> Mapping[int, GroupItem]: ...
        def selected_nodes(self) -> list[str]: ...
        def selected_groups(self) -> list[int]: ...
        def selected_reroutes(self) -> list[int]: ...
        def select(
            self, nodes: Iterable[str] = (), groups: Iterable[int] = (), reroutes: Iterable[int] = ()
        ) -> None: ...

    def _on_edited(self, changed: Changed) -> None:
        """A gesture whose things may be gone (by undo, with the mouse still down) ends."""
        document = self.document
        touched = (
            (changed.nodes, document.nodes),
            (changed.links, document.links),
            (changed.groups, document.groups),
            (changed.reroutes, document.reroutes),
        )
        if any(key not in table for keys, table in touched for key in keys):
            self.viewer().cancel_gesture()

    # --- links

    def _on_connection_changed(
        self,
        disconnected: Sequence[tuple[NodeSocket, NodeSocket]],
        connected: Sequence[tuple[NodeSocket, NodeSocket]],
    ) -> None:
        """Links were drawn, moved, or let go on empty canvas; each pair is an output and an input."""
        old = [self.link_into(target) for _, target in disconnected]
        gone = [number for number in old if number is not None]
        if not connected:
            self.opened.do(Disconnect(gone), "Disconnect")
            return
        moved = old or [None] * len(connected)
        try:
            operations = [
                self._connect(*ports, number) for ports, number in zip(connected, moved, strict=True)
            ]
        except WorkflowError as error:
            self.message.emit(str(error))
            return
        label = "Move links" if len(gone) > 1 else "Move link" if gone else "Connect"
        self.opened.do(Batch(tuple(operations)), label)

    def _on_connection_sliced(self, ports: Sequence[Sequence[NodeSocket]]) -> None:
        """Links were cut; each pair is an input and an output."""
        found = (self.link_into(target) for target, _ in ports)
        links = [number for number in found if number is not None]
        if links:
            self.opened.do(Disconnect(links), "Cut links" if len(links) > 1 else "Cut link")

    def link_into(self, target: NodeSocket) -> int | None:
        """The link that ends at an input."""
        if target.slot is None:
            return None
        return self.document.input(target.node.id, target.slot).link

    def disconnect_by_user(self, port: NodeSocket) -> None:
        """Takes all links of a socket away."""
        ends = (pipe for pipe in self.pipes.values() if port in (pipe.input_port, pipe.output_port))
        links = [pipe.link_id for pipe in ends]
        if links:
            self.opened.do(Disconnect(links), "Disconnect")

    def delete_links_by_user(self, links: Collection[int]) -> None:
        """Takes links away."""
        self.opened.do(Disconnect(tuple(links)), "Delete link")

    def add_reroutes_by_user(self, places: Mapping[int, QPointF]) -> None:
        """Gives links a point each: link id -> where. Links that run through the same points share it."""
        operations: dict[object, Operation] = {}
        for link, pos in places.items():
            operation = edits.reroute(self.document, link, whole(pos))
            shared = operation.before if isinstance(operation, AddReroute) else None
            operations.setdefault(("shared", shared) if shared is not None else link, operation)
        self.opened.do(Batch(tuple(operations.values())), "Add reroute")

    def remove_reroute_by_user(self, number: int) -> None:
        """Takes a point away; the links through it stay."""
        self.opened.do(RemoveReroute(number), "Remove reroute")

    def _connect(self, origin: NodeSocket, target: NodeSocket, moved: int | None = None) -> Operation:
        """Links two sockets, by a link that was elsewhere if there is one."""
        assert origin.slot is not None  # outputs always have one
        start, node = (origin.node.id, origin.slot), target.node.record
        if target.slot is not None and edits.input_slot(node, target.input_name) != target.slot:
            ends = (*start, node.id, target.slot)  # it has two inputs of one name
            return Connect(*ends) if moved is None else MoveLink(moved, *ends)
        return edits.link(self.document, *start, node.id, target.input_name, self.registry, moved=moved)

    # --- moving and resizing

    def sizes(self) -> dict[str, Point]:
        """The sizes of the nodes' bodies as they are drawn, by id."""
        bodies = {node_id: item.body() for node_id, item in self.nodes.items()}
        return {node_id: (body.width(), body.height()) for node_id, body in bodies.items()}

    def chosen(self) -> Contents:
        """What is selected, and all that is inside of the selected groups."""
        nodes, reroutes = dict.fromkeys(self.selected_nodes()), dict.fromkeys(self.selected_reroutes())
        groups = dict.fromkeys(self.selected_groups())
        sizes = self.sizes() if groups else {}
        for key in tuple(groups):
            inside = contents(self.document, key, sizes)
            nodes |= dict.fromkeys(inside.nodes)
            groups |= dict.fromkeys(inside.groups)
            reroutes |= dict.fromkeys(inside.reroutes)
        return Contents(tuple(nodes), tuple(groups), tuple(reroutes))

    def movable(self) -> Moves:
        """Where that is; without what is pinned."""
        table, chosen = self.document, self.chosen()
        return Moves(
            {key: table.nodes[key].pos for key in chosen.nodes if not table.nodes[key].pinned},
            {key: table.groups[key].bounding[:2] for key in chosen.groups},
            {key: table.reroutes[key].pos for key in chosen.reroutes},
        )

    def places(self, moves: Moves) -> Moves:
        """Where the things that were to be moved are now."""
        table = self.document
        return Moves(
            {key: table.nodes[key].pos for key in moves.nodes},
            {key: table.groups[key].bounding[:2] for key in moves.groups},
            {key: table.reroutes[key].pos for key in moves.reroutes},
        )

    def select_contents(self, key: int) -> None:
        """Selects what is inside of a group."""
        inside = contents(self.document, key, self.sizes())
        self.select(inside.nodes, inside.groups, inside.reroutes)

    def nudge_by_user(self, across: int, down: int, *, far: bool = False) -> None:
        """Moves the selection by steps of the grid; steps one after the other are undone at once."""
        start = self.movable()
        if start.is_empty:
            return
        step = GRID * (_FAR_STEP if far else 1)
        key = ("nudge", *map(frozenset, (start.nodes, start.groups, start.reroutes)))
        self._move(start.by(across * step, down * step), key)

    def _on_nodes_moved(self, moves: Moves) -> None:
        """Things were dragged elsewhere."""
        self._move(moves, None)

    def _move(self, moves: Moves, key: Hashable | None) -> None:
        self.opened.do(self._moving(moves), _moving_label(moves), key)

    def _moving(self, moves: Moves) -> Operation:
        groups = (_placed(self.document.groups[key], pos) for key, pos in moves.groups.items())
        operations: list[Operation] = [PutGroup(group) for group in groups]
        if moves.nodes:
            operations.append(MoveNodes(moves.nodes))
        if moves.reroutes:
            operations.append(MoveReroutes(moves.reroutes))
        return operations[0] if len(operations) == 1 else Batch(tuple(operations))

    def resize_node_by_user(self, node_id: str, size: Point) -> None:
        """Gives a node a size, or the smallest that shows all its sockets and values."""
        node = self.nodes[node_id]
        least = lay_out(node.face, size)
        if (least.width, least.height) != node.record.size:
            self.opened.do(ResizeNode(node_id, (least.width, least.height)), "Resize node")

    def resize_group_by_user(self, key: int, size: Point) -> None:
        """Gives a group a size; what is inside stays where it is."""
        group = self.document.groups[key]
        if group.bounding[2:] != size:
            self.opened.do(PutGroup(replace(group, bounding=(*group.bounding[:2], *size))), "Resize group")

    # --- nodes

    def _on_insert_node(self, pipe: PipeItem, node_id: str, moves: Moves) -> None:
        """A node was dropped on a link."""
        sockets = entry(self.document, pipe, self.nodes[node_id])
        if sockets is None:
            self._move(moves, None)
            return
        (origin, target), (first, last) = ends(pipe), sockets
        operations = (self._moving(moves), self._connect(origin, first), self._connect(last, target))
        self.opened.do(Batch(operations), "Insert node into link")

    def pipe_to_enter(self, node_id: str) -> PipeItem | None:
        """The link that a node lies on and would be put into."""
        node = self.nodes[node_id]
        area = node.mapRectToScene(node.outline()).adjusted(6, 6, -6, -6)
        pipes = (item for item in self._viewer.scene().items(area) if isinstance(item, PipeItem))
        return next((pipe for pipe in pipes if entry(self.document, pipe, node)), None)

    def add_by_user(self, class_type: str, pos: QPointF) -> str | None:
        """Adds a node of a type, its title bar at a point of the scene; returns its id."""
        number = self.document.new_node_id()
        node = node_of_type(number, class_type, self.registry, self.folders, whole(pos))
        if node is None:
            self.message.emit(f"Darkroom knows no node called {class_type}.")
            return None
        title = title_of(node, self.registry.interface(class_type), SPECIAL.get(class_type, ""))
        if not self.opened.do(AddNode(node), f"Add {title}"):
            return None
        self.select([number])
        return number

    def take_chosen(self) -> Fragment:
        """What is selected, groups with all that is inside, to be put in elsewhere."""
        chosen = self.chosen()
        return take(self.document, chosen.nodes, chosen.groups)

    def insert_by_user(self, part: Fragment, at: Point, label: str, *, linked: bool = False) -> None:
        """Puts something in and selects it: its corner at a point, or a little off what is there already.

        Args:
            linked: Links that came from other nodes are made again.
        """
        made = insert(self.document, part, at, linked)
        if self.opened.do(made.operation, label):
            self.select(made.nodes, made.groups, made.reroutes)

    def collapse_by_user(self, node_id: str) -> None:
        """Shows only the title of a node, or all of it again."""
        is_collapsed = self.document.nodes[node_id].collapsed
        operation = SetFlag([node_id], "collapsed", None if is_collapsed else True)
        self.opened.do(operation, "Expand" if is_collapsed else "Collapse")

    def colour_by_user(self, colour: str | None, background: str | None) -> None:
        """Colours the selected nodes and groups; None for the colours of the theme."""
        nodes, groups = self.selected_nodes(), self.selected_groups()
        operations: list[Operation] = [SetColour(nodes, colour, background)] if nodes else []
        operations += [PutGroup(replace(self.document.groups[key], colour=background)) for key in groups]
        if operations:
            self.opened.do(Batch(tuple(operations)), "Change colour")


def whole(pos: QPointF) -> Point:
    """A point of the scene as documents keep it: in whole units."""
    return round(pos.x()), round(pos.y())


def on_grid(pos: QPointF) -> Point:
    """The nearest point of the grid."""
    return round(pos.x() / GRID) * GRID, round(pos.y() / GRID) * GRID


def _placed(group: Group, pos: Point) -> Group:
    return replace(group, bounding=(*pos, *group.bounding[2:]))


def _moving_label(moves: Moves) -> str:
    if moves.groups:
        return "Move group" if len(moves.groups) == 1 else "Move groups"
    if moves.nodes:
        return "Move node" if len(moves.nodes) == 1 else "Move nodes"
    return "Move reroute"
