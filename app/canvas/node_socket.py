"""Sockets: where links begin and end. They are parts of nodes, which paint them, and no items of a scene.

NodeGraphQt calls them ports, and so do the names that its view expects.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem
    from app.canvas.pipe_item import PipeItem

_VALUES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})


class Shape(Enum):
    """How sockets of different kinds differ besides their colour."""

    CIRCLE = "data"
    SQUARE = "a value"
    DIAMOND = "anything, or a list"


class Plug(NamedTuple):
    """What a socket is.

    Attributes:
        side: `in` or `out`.
        slot: Its index in the document; None while the document has no socket for this value.
    """

    side: str
    slot: int | None
    name: str
    type: str
    is_row: bool = False
    required: bool = False
    is_list: bool = False

    @property
    def key(self) -> tuple[bool, str | int | None]:
        """What it has in common with itself after an edit: inputs keep their names, outputs their places."""
        return self.is_row, self.name if self.side == "in" else self.slot


class NodeSocket:
    """A socket of a node.

    Attributes:
        node: The node it belongs to.
        port_type: `in` or `out`.
        slot: Its index in the document; None while the document has no socket for this value.
        name: What the document calls it.
        input_name: The same; empty for outputs.
        wire_type: What fits it.
        brush: Its colour.
        is_row: It belongs to a value row.
        required: The node does not run while nothing is linked to it.
        is_list: What comes out of it is passed on item by item.
        connected_pipes: The links that begin or end here.
        centre_x, centre_y: Its centre in the node.
    """

    # There are ten thousand of them in a large graph.
    __slots__ = (
        *("_dimmed", "_hovered", "_plug", "brush", "centre_x", "centre_y", "connected_pipes"),
        *("input_name", "is_list", "is_row", "name", "node", "port_type", "required", "slot", "wire_type"),
    )

    def __init__(self, node: NodeItem, plug: Plug, colour: QColor) -> None:
        self.node = node
        self.connected_pipes: list[PipeItem] = []
        self.centre_x = self.centre_y = 0.0
        self._hovered = self._dimmed = False
        self.show_as(plug, colour)

    def show_as(self, plug: Plug, colour: QColor) -> None:
        """Becomes the socket of another record; its links stay."""
        self._plug = plug
        self.port_type, self.slot, self.name, self.wire_type, self.is_row, self.required, self.is_list = plug
        self.input_name = plug.name if plug.side == "in" else ""
        self.brush = colour

    @property
    def key(self) -> tuple[bool, str | int | None]:
        """See `Plug.key`."""
        return self._plug.key

    @property
    def dimmed(self) -> bool:
        """Whether it is shown as not fitting the link that is being drawn."""
        return self._dimmed

    @dimmed.setter
    def dimmed(self, value: bool) -> None:
        if value != self._dimmed:
            self._dimmed = value
            self.node.update()

    @property
    def hovered(self) -> bool:
        """Whether it is lit up, since the mouse is on it."""
        return self._hovered

    @hovered.setter
    def hovered(self, value: bool) -> None:
        if value != self._hovered:
            self._hovered = value
            self.node.update()

    @property
    def shape_kind(self) -> Shape:
        """The shape it is drawn in."""
        if self.is_list or self.wire_type == "*":
            return Shape.DIAMOND
        return Shape.SQUARE if self.wire_type.partition(",")[0] in _VALUES else Shape.CIRCLE

    @property
    def is_linked(self) -> bool:
        """Whether a link begins or ends here."""
        return bool(self.connected_pipes)

    def unlink(self) -> None:
        """Takes its links off the canvas."""
        for pipe in tuple(self.connected_pipes):
            pipe.delete()

    def centre(self) -> QPointF:
        """Where links end, in the scene."""
        return QPointF(*self.at())

    def at(self) -> tuple[float, float]:
        """The same as numbers."""
        node = self.node
        return node.left + self.centre_x, node.top + self.centre_y
