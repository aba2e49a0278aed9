"""Canvases for tests, and the mouse on them: real events, at places of the scene."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.node_item import NodeItem
from app.canvas.node_socket import NodeSocket
from core.workflow.document import GraphDocument

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier

Place: TypeAlias = QPointF | NodeSocket | NodeItem | tuple[float, float]
"""A point of the scene, a socket, or a node: the middle of its title."""


class Mouse:
    """The mouse on a canvas."""

    def __init__(self, graph: CanvasGraph) -> None:
        self.graph = graph
        self.viewer = graph.viewer()

    def at(self, place: Place) -> QPoint:
        """Where a place is in the viewport."""
        match place:
            case NodeSocket():
                pos = place.centre()
            case NodeItem():
                pos = place.mapToScene(place.title_rect().center())
            case QPointF():
                pos = place
            case _:
                pos = QPointF(*place)
        return self.viewer.mapFromScene(pos)

    def press(self, place: Place, held: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseMove(self.viewer.viewport(), self.at(place))
        QTest.mousePress(self.viewer.viewport(), button, held, self.at(place))

    def move(self, place: Place, held: Qt.KeyboardModifier = NONE) -> None:
        self._move(self.at(place), held)

    def hover(self, at: QPoint) -> None:
        """Moves there, a place in the viewport, with no button held."""
        self._move(at, NONE, Qt.MouseButton.NoButton)

    def release(self, place: Place, held: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseRelease(self.viewer.viewport(), button, held, self.at(place))

    def drag(
        self,
        start: Place,
        *way: Place,
        held: Qt.KeyboardModifier = NONE,
        button: Qt.MouseButton = LEFT,
        cancel: bool = False,
    ) -> None:
        """Presses at the first place, moves through the others, lets go at the last one."""
        places = [self.at(start), *(self.at(place) for place in way)]
        self.press(start, held, button)
        for before, after in pairwise(places):
            self._move((before + after) / 2, held)
            self._move(after, held)
        if cancel:
            QTest.keyClick(self.viewer, Qt.Key.Key_Escape)
        QTest.mouseRelease(self.viewer.viewport(), button, held, places[-1])

    def click(self, place: Place, held: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseClick(self.viewer.viewport(), button, held, self.at(place))

    def double_click(self, place: Place) -> None:
        QTest.mouseClick(self.viewer.viewport(), LEFT, NONE, self.at(place))
        QTest.mouseDClick(self.viewer.viewport(), LEFT, NONE, self.at(place))
        QTest.mouseRelease(self.viewer.viewport(), LEFT, NONE, self.at(place))

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.viewer, key, held)

    def _move(self, at: QPoint, held: Qt.KeyboardModifier, buttons: Qt.MouseButton = LEFT) -> None:
        # QTest's own mouseMove holds no keys
        viewport = self.viewer.viewport()
        where = QPointF(at)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            where,
            QPointF(viewport.mapToGlobal(at)),
            Qt.MouseButton.NoButton,
            buttons,
            held,
        )
        QApplication.sendEvent(viewport, event)


def links(graph: CanvasGraph) -> list[tuple[str, int, str, str]]:
    """The links of the document: origin, its slot, target, the input's name."""
    document = graph.document
    return sorted(
        (k.origin, k.origin_slot, k.target, document.input(k.target, k.target_slot).name)
        for k in document.live_links()
    )


def ports(node: NodeItem) -> dict[str, NodeSocket]:
    """A node's inputs by name."""
    return {port.input_name: port for port in node.ports_in}


def field(node: NodeItem, name: str, share: float = 0.5) -> QPointF:
    """A point in the field of a value row: `share` of its width from the left."""
    index = next(i for i, row in enumerate(node.face.rows) if row.name == name)
    area = node.field_rect(index)
    return node.mapToScene(area.left() + share * area.width(), area.center().y())


def steps(graph: CanvasGraph) -> list[str]:
    """Labels of the undo steps, the last one first."""
    return graph.opened.history.undo_labels


def undone(graph: CanvasGraph, before: GraphDocument) -> bool:
    """Whether taking the one step back gives the document as it was; and again gives it as it is."""
    after = graph.document.snapshot()
    graph.opened.undo()
    is_back = graph.document == before
    graph.opened.redo()
    return is_back and graph.document == after


def in_window(graph: CanvasGraph, qtbot: QtBot, width: int, height: int) -> QWidget:
    """An active window that a canvas fills; it lives as long as somebody holds it."""
    window = QWidget()
    qtbot.addWidget(window)
    graph.viewer().setParent(window)
    graph.viewer().setGeometry(0, 0, width, height)
    window.resize(width, height)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    return window
