"""Which sockets a link may join, why not others, and the line that follows the mouse while one is drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QWidget

from app.canvas.node_socket import NodeSocket
from app.canvas.nodegraphqt import LivePipeItem, SlicerPipeItem
from core.nodes.spec import types_match
from core.workflow.document import GraphDocument

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem
    from app.canvas.pipe_item import PipeItem

_LEAST_BEND: Final = 30.0
_MOST_BEND: Final = 200.0


class Fits:
    """Tells of every socket whether the links that are being drawn may end there.

    Args:
        anchors: The sockets at the other ends, all inputs or all outputs.
        moved: Links that go away when the new ones are made.
    """

    def __init__(
        self, document: GraphDocument, anchors: Sequence[NodeSocket], moved: Collection[int]
    ) -> None:
        self._anchors = anchors
        self.wants_inputs = anchors[0].port_type == "out"
        starts = {port.node.id for port in anchors}
        self._in_loop = _connected(document, starts, forward=not self.wants_inputs, without=moved)
        self._types: dict[str, bool] = {}

    def __call__(self, port: NodeSocket) -> bool:
        """Whether the links may end at this socket."""
        return (
            (port.port_type == "in") == self.wants_inputs
            and port.node.id not in self._in_loop
            and self._fits_type(port.wire_type)
        )

    def why_not(self, port: NodeSocket) -> str:
        """What to tell the user about a socket that does not fit."""
        if (port.port_type == "in") != self.wants_inputs:
            kind = "input" if self.wants_inputs else "output"
            return f"A link leads from an output to an input; this end needs an {kind}."
        misfit = next((a for a in self._anchors if not _match(a, port)), None)
        if misfit is None:
            return f"That link would make a loop: {_title(port)} would wait for its own result."
        output, target = (misfit, port) if self.wants_inputs else (port, misfit)
        return f"{output.wire_type} does not fit {_end(target)}, which takes {target.wire_type}."

    def first(self, node: NodeItem) -> NodeSocket | None:
        """The first socket of a node that fits and is free; outputs always are."""
        ports = node.ports_in if self.wants_inputs else node.ports_out
        return next((p for p in ports if self(p) and not (self.wants_inputs and p.is_linked)), None)

    def none_in(self, node: NodeItem) -> str:
        """What to tell the user about a node without such a socket."""
        wanted = self._anchors[0].wire_type
        kind = "free input that takes" if self.wants_inputs else "output of type"
        return f"{node.face.title} has no {kind} {wanted}."

    def _fits_type(self, wire_type: str) -> bool:
        known = self._types.get(wire_type)
        if known is None:
            pairs = ((a.wire_type, wire_type) for a in self._anchors)
            known = all(types_match(a, b) if self.wants_inputs else types_match(b, a) for a, b in pairs)
            self._types[wire_type] = known
        return known


def dim(nodes: Iterable[NodeItem], fits: Fits | None) -> None:
    """Dims the sockets where the links may not end; none if no link is being drawn."""
    for node in nodes:
        for port in (*node.ports_in, *node.ports_out):
            port.dimmed = fits is not None and not fits(port)


def ends(pipe: PipeItem) -> tuple[NodeSocket, NodeSocket]:
    """The output and the input that a link joins."""
    origin, target = pipe.output_port, pipe.input_port
    assert isinstance(origin, NodeSocket)
    assert isinstance(target, NodeSocket)
    return origin, target


def entry(document: GraphDocument, pipe: PipeItem, node: NodeItem) -> tuple[NodeSocket, NodeSocket] | None:
    """The sockets by which a node would be put into a link: a free input and an output without links.

    None if the node does not fit there, or has its place already.
    """
    origin, target = ends(pipe)
    if node in (origin.node, target.node) or any(port.is_linked for port in node.ports_out):
        return None
    free = (port for port in node.ports_in if not port.is_linked)
    first = next((port for port in free if types_match(origin.wire_type, port.wire_type)), None)
    last = next((port for port in node.ports_out if types_match(port.wire_type, target.wire_type)), None)
    if first is None or last is None:
        return None
    feeding = _connected(document, {node.id}, forward=False, without=())
    return None if target.node.id in feeding else (first, last)


class LiveLink(LivePipeItem):
    """The line, or the lines, from fixed ends to the mouse. Hidden while no link is drawn."""

    itemChange = QGraphicsItem.itemChange

    def __init__(self) -> None:
        # Not the constructor this stands on: it adds an arrow and a text that are not shown here.
        QGraphicsPathItem.__init__(self)
        self.setZValue(10)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setVisible(False)
        self._colour = QColor()

    def draw(self, starts: Sequence[QPointF], end: QPointF, colour: QColor, *, forward: bool) -> None:
        """Shows lines from `starts`, outputs if `forward`, to `end`."""
        path = QPainterPath()
        for start in starts:
            bend = min(max(abs(end.x() - start.x()) / 2, _LEAST_BEND), _MOST_BEND)
            offset = QPointF(bend if forward else -bend, 0)
            path.moveTo(start)
            path.cubicTo(start + offset, end - offset, end)
        path.addEllipse(end, 4, 4)
        self._colour = colour
        self.setPath(path)
        self.setVisible(True)

    def paint(self, painter: QPainter, option: object, widget: QWidget | None = None) -> None:
        """Draws the lines."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._colour, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self.path())

    def reset_path(self) -> None:
        """Shows no line."""
        self.setPath(QPainterPath())
        self.setVisible(False)


class SliceLine(SlicerPipeItem):
    """The line that is drawn across links to cut them or to give them points. Hidden meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.setVisible(False)
        self.colour = QColor()

    def paint(self, painter: QPainter, option: object, widget: QWidget | None = None) -> None:
        """Draws the line."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.colour, 2, Qt.PenStyle.DashLine))
        painter.drawPath(self.path())


def _connected(
    document: GraphDocument, starts: Collection[str], *, forward: bool, without: Collection[int]
) -> set[str]:
    """The nodes that the starts feed, or that feed them if not `forward`; the starts among them."""
    ways: dict[str, list[str]] = {}
    for link in document.links.values():
        if link.id not in without:
            here, there = (link.origin, link.target) if forward else (link.target, link.origin)
            ways.setdefault(here, []).append(there)
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += ways.get(node, ())
    return seen


def _match(one: NodeSocket, other: NodeSocket) -> bool:
    output, target = (one, other) if one.port_type == "out" else (other, one)
    return types_match(output.wire_type, target.wire_type)


def _title(port: NodeSocket) -> str:
    return port.node.face.title


def _end(port: NodeSocket) -> str:
    return f"{port.input_name or 'the input'} of {_title(port)}"
