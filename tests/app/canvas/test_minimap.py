"""The minimap: where it is, what it shows, and that it leads the canvas."""

from __future__ import annotations

from helpers.canvas import LEFT, NONE, Mouse, steps
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from core.workflow.operations import MoveNodes, RemoveNodes


def test_it_stays_in_its_corner(graph: CanvasGraph, qtbot: QtBot) -> None:
    viewer, minimap = graph.viewer(), graph.minimap
    for size in ((1300, 700), (900, 600)):
        viewer.resize(*size)
        qtbot.waitUntil(lambda size=size: viewer.viewport().width() == size[0])
        assert minimap.isVisible()
        assert minimap.geometry().bottomRight() == QPoint(size[0] - 13, size[1] - 13)
    viewer.resize(400, 300)
    qtbot.waitUntil(lambda: not minimap.isVisible())


def test_settings_and_an_empty_graph_hide_it(graph: CanvasGraph, qtbot: QtBot) -> None:
    graph.set_settings(graph.settings.model_copy(update={"minimap": False}))
    assert not graph.minimap.isVisible()
    graph.set_settings(graph.settings.model_copy(update={"minimap": True}))
    assert graph.minimap.isVisible()
    graph.opened.do(RemoveNodes(list(graph.document.nodes)), "Delete")
    qtbot.waitUntil(lambda: not graph.minimap.isVisible())


def test_clicking_and_dragging_in_it_move_the_canvas(graph: CanvasGraph) -> None:
    minimap, viewer = graph.minimap, graph.viewer()
    minimap.grab()
    zoom = viewer.zoom()
    target = graph.nodes["1"].sceneBoundingRect().center()
    QTest.mousePress(minimap, LEFT, NONE, minimap.place_of(target).toPoint())
    assert (viewer.visible_scene().center() - target).manhattanLength() < 40
    other = graph.nodes["7"].sceneBoundingRect().center()
    QTest.mouseMove(minimap, minimap.place_of(other).toPoint())
    QTest.mouseRelease(minimap, LEFT, NONE, minimap.place_of(other).toPoint())
    assert (viewer.visible_scene().center() - other).manhattanLength() < 40
    assert viewer.zoom() == zoom
    assert viewer.gesture is None
    assert graph.selected_nodes() == []


def test_it_shows_what_has_moved(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot) -> None:
    minimap = graph.minimap
    minimap.grab()
    before = minimap.place_of(QPointF(0, 0))
    graph.opened.do(MoveNodes({"7": (6000, 4000)}), "Move node")
    qtbot.waitUntil(lambda: not minimap.grab().isNull() and minimap.place_of(QPointF(0, 0)) != before)
    box = minimap.place_of(graph.nodes["7"].sceneBoundingRect().center())
    assert minimap.rect().contains(box.toPoint())
    assert steps(graph) == ["Move node"]
