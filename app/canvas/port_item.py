"""Sockets: where links begin and end. The node paints them; they only take the mouse."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsItem, QGraphicsSceneHoverEvent

from app.canvas.nodegraphqt import PortItem as LibraryPort

if TYPE_CHECKING:
    from app.canvas.node_item import NodeItem

SIZE: Final = 20.0
_RECT: Final = QRectF(0, 0, SIZE, SIZE)
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


class PortItem(LibraryPort):
    """A socket of a node.

    Attributes:
        key: See `Plug.key`.
        slot: Its index in the document; None while the document has no socket for this value.
        input_name: The input it is; empty for outputs.
        wire_type: What fits it.
        is_row: It belongs to a value row.
        required: The node does not run while nothing is linked to it.
        is_list: What comes out of it is passed on item by item.
        centre_x, centre_y: Its centre in the node.
    """

    # The class this stands on asks for a call into Python at every change of every item.
    itemChange = QGraphicsItem.itemChange

    # The same for every new socket; kept here, since there are ten thousand of them.
    _width = _height = SIZE
    _hovered = _dimmed = _display_name = _locked = False
    _border_size = 1
    centre_x = centre_y = 0.0

    def __init__(self, node: NodeItem, parent: QGraphicsItem) -> None:
        # Not the constructor this stands on: it sets a cache and flags that cost more than the socket.
        QGraphicsItem.__init__(self, parent)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemHasNoContents)
        self.setAcceptHoverEvents(True)
        self._node = node
        self._pipes = []

    def show_as(self, plug: Plug, colour: QColor) -> None:
        """Becomes the socket of another record; its links stay."""
        self._port_type = side = plug.side
        self._multi_connection = side == "out"
        self.key = plug.key
        self.slot = plug.slot
        self._name = plug.name
        self.input_name = plug.name if side == "in" else ""
        self.wire_type = plug.type
        self.brush = colour
        self._color = self._border_color = colour.getRgb()
        self.is_row = plug.is_row
        self.required = plug.required
        self.is_list = plug.is_list

    @property
    def node(self) -> NodeItem:
        """The node it belongs to."""
        return self._node

    @property
    def dimmed(self) -> bool:
        """Whether it is shown as not fitting the link that is being drawn."""
        return self._dimmed

    @dimmed.setter
    def dimmed(self, value: bool) -> None:
        if value != self._dimmed:
            self._dimmed = value
            self._node.update()

    @property
    def shape_kind(self) -> Shape:
        """The shape it is drawn in."""
        if self.is_list or self.wire_type == "*":
            return Shape.DIAMOND
        return Shape.SQUARE if self.wire_type.partition(",")[0] in _VALUES else Shape.CIRCLE

    @property
    def is_linked(self) -> bool:
        """Whether a link begins or ends here."""
        return bool(self._pipes)

    def discard(self) -> None:
        """Takes it and its links off the canvas."""
        for pipe in tuple(self._pipes):
            pipe.delete()
        scene = self.scene()
        if scene:
            scene.removeItem(self)
        self.setParentItem(None)  # pyright: ignore[reportArgumentType] - the stubs know no item without parent

    def place(self, x: float, y: float) -> None:
        """Puts its centre at a point of the node."""
        if (x, y) != (self.centre_x, self.centre_y) or self.pos().isNull():
            self.centre_x, self.centre_y = x, y
            self.setPos(x - SIZE / 2, y - SIZE / 2)

    def centre(self) -> QPointF:
        """Where links end, in the scene."""
        return QPointF(*self.at())

    def at(self) -> tuple[float, float]:
        """The same as numbers."""
        node = self._node
        return node.left + self.centre_x, node.top + self.centre_y

    def boundingRect(self) -> QRectF:
        """Where it takes the mouse."""
        return _RECT

    def paint(self, painter: object, option: object, widget: object = None) -> None:
        """Nothing: the node paints it."""

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        """Lights it up."""
        self._hovered = True
        self._node.update()

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        """As before."""
        self._hovered = False
        self._node.update()
