"""What part of the scene the canvas shows: zooming, fitting, resizing, and what files say of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from helpers.big_graph import big_graph
from helpers.canvas import Mouse
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.view import FAR, MAX_ZOOM, MIN_ZOOM
from app.canvas.viewer import CanvasViewer
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK, LIGHT, Theme
from core.workflow.operations import SetExtra


def turn(viewer: CanvasViewer, at: QPoint, notches: int) -> None:
    """Turns the wheel, up if positive."""
    screen = QPointF(viewer.viewport().mapToGlobal(at))
    event = QWheelEvent(
        QPointF(at), screen, QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(viewer.viewport(), event)


def away(graph: CanvasGraph, node: str) -> float:
    """How far a node is from the middle of the view."""
    middle = graph.viewer().visible_scene().center()
    return (middle - graph.nodes[node].sceneBoundingRect().center()).manhattanLength()


def test_the_wheel_zooms_at_the_mouse(graph: CanvasGraph) -> None:
    viewer, at = graph.viewer(), QPoint(200, 500)
    place = viewer.mapToScene(at)
    zoom = viewer.zoom()
    for _ in range(5):
        turn(viewer, at, 1)
    assert viewer.zoom() > 1.5 * zoom
    for _ in range(5):
        turn(viewer, at, -1)
    assert viewer.zoom() == pytest.approx(zoom)
    assert (viewer.mapToScene(at) - place).manhattanLength() < 4


def test_pinching_zooms(graph: CanvasGraph) -> None:
    viewer, at = graph.viewer(), QPointF(200, 500)
    zoom = viewer.zoom()
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture, QPointingDevice.primaryPointingDevice(), 2, at, at,
        QPointF(viewer.viewport().mapToGlobal(at)), 0.25, QPointF(),
    )  # fmt: skip
    QApplication.sendEvent(viewer.viewport(), event)
    assert viewer.zoom() == pytest.approx(1.25 * zoom)


def test_the_zoom_has_limits(graph: CanvasGraph) -> None:
    viewer = graph.viewer()
    for notches, limit in ((60, MAX_ZOOM), (-90, MIN_ZOOM)):
        turn(viewer, QPoint(600, 300), notches)
        turn(viewer, QPoint(600, 300), notches)
        assert viewer.zoom() == limit
    assert viewer.far()
    assert viewer.grab().toImage().pixelColor(2, 2).isValid()


def test_resizing_keeps_zoom_and_middle(graph: CanvasGraph, qtbot: QtBot) -> None:
    viewer = graph.viewer()
    viewer.pan_by(QPointF(5, 5))
    middle, zoom = viewer.visible_scene().center(), viewer.zoom()
    viewer.resize(900, 500)
    qtbot.waitUntil(lambda: viewer.viewport().width() == 900)
    assert (viewer.visible_scene().center() - middle).manhattanLength() < 2
    assert viewer.zoom() == zoom
    assert viewer.horizontalScrollBar().maximum() == viewer.verticalScrollBar().maximum() == 0


def test_resizing_keeps_the_corner_that_a_file_names(graph: CanvasGraph, qtbot: QtBot) -> None:
    viewer = graph.viewer()
    corner = viewer.visible_scene().topLeft()
    viewer.resize(900, 500)
    qtbot.waitUntil(lambda: viewer.viewport().width() == 900)
    assert (viewer.visible_scene().topLeft() - corner).manhattanLength() < 2


def test_what_fits_goes_on_fitting_until_the_user_looks_elsewhere(graph: CanvasGraph, qtbot: QtBot) -> None:
    viewer = graph.viewer()
    viewer.fit()
    for width in (300, 1200):
        viewer.resize(width, 500)
        qtbot.waitUntil(lambda width=width: viewer.viewport().width() == width)
        shown = viewer.visible_scene()
        assert all(shown.contains(item.sceneBoundingRect()) for item in graph.nodes.values())
    near = viewer.zoom()
    viewer.zoom_in()
    viewer.resize(400, 500)
    qtbot.waitUntil(lambda: viewer.viewport().width() == 400)
    assert viewer.zoom() > near


def test_fit_shows_all_or_what_is_selected(graph: CanvasGraph) -> None:
    viewer = graph.viewer()
    viewer.fit()
    shown = viewer.visible_scene()
    assert all(shown.contains(item.sceneBoundingRect()) for item in graph.nodes.values())
    graph.select(["4"])
    viewer.fit_selection()
    assert viewer.zoom() == 1
    assert away(graph, "4") < 2
    viewer.centre_on("1")
    assert away(graph, "1") < 2


def test_it_looks_where_the_file_says(qtbot: QtBot, open_document: Callable[..., OpenDocument]) -> None:
    document = open_document().document
    document.apply(SetExtra("ds", {"scale": 1.5, "offset": [-300.0, 20.0]}))
    opened = open_document(document)
    graph = CanvasGraph(opened, DARK, Settings())
    viewer = graph.viewer()
    qtbot.addWidget(viewer)
    viewer.resize(1000, 640)
    viewer.show()
    qtbot.waitUntil(lambda: viewer.viewport().width() == 1000)
    assert viewer.zoom() == 1.5
    assert viewer.visible_scene().topLeft() == QPointF(300, -20)
    assert viewer.view_state() == {"scale": 1.5, "offset": [-300.0, 20.0]}
    assert opened.view == viewer.view_state()
    assert not opened.is_dirty
    graph.close()


def test_the_document_is_told_where_its_canvas_looks(graph: CanvasGraph) -> None:
    viewer, opened = graph.viewer(), graph.opened
    before = opened.document.snapshot()
    viewer.pan_by(QPointF(35, -70))
    assert opened.view == viewer.view_state() == {"scale": 0.7, "offset": [90.0, -40.0]}
    viewer.fit()
    assert opened.view is None  # so the file will be shown whole again
    assert not opened.is_dirty
    assert not opened.history.undo_labels
    assert opened.document == before


def test_a_file_that_says_nothing_is_shown_whole(
    qtbot: QtBot, open_document: Callable[..., OpenDocument]
) -> None:
    graph = CanvasGraph(open_document(), DARK, Settings())
    viewer = graph.viewer()
    qtbot.addWidget(viewer)
    viewer.resize(1000, 640)
    viewer.show()
    assert all(viewer.visible_scene().contains(item.sceneBoundingRect()) for item in graph.nodes.values())
    graph.close()


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"scale": 0, "offset": [0, 0]},
        {"scale": "1", "offset": [0, 0]},
        {"scale": 1, "offset": [float("nan"), 0]},
    ],
)
def test_a_view_that_makes_no_sense_is_not_taken(graph: CanvasGraph, state: object) -> None:
    before = graph.viewer().view_state()
    assert not graph.viewer().set_view_state(state)
    assert graph.viewer().view_state() == before


def test_panning_and_zooming_are_no_edits(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.drag((700, 700), (600, 600))
    turn(mouse.viewer, QPoint(300, 300), 2)
    assert not graph.opened.is_dirty
    assert graph.opened.history.undo_labels == []


def test_from_afar_nodes_can_be_moved_but_not_linked(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.viewer.set_zoom(FAR / 2)
    mouse.viewer.centre_at(QPointF(800, 300))
    start = graph.nodes["5"].sceneBoundingRect().center()
    mouse.drag(start, start + QPointF(0, 800))
    assert graph.opened.history.undo_labels == ["Move node"]
    links = len(graph.document.links)
    mouse.drag(graph.nodes["4"].ports_out[0], (900, 700))
    assert len(graph.document.links) == links


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_ground_has_the_colours_of_the_theme(graph: CanvasGraph, theme: Theme) -> None:
    graph.set_theme(theme)
    graph.minimap.hide()
    image = graph.viewer().viewport().grab().toImage()
    names = {image.pixelColor(x, y).name() for x in range(60) for y in range(640, 699)}
    assert {graph.theme.canvas, graph.theme.line} <= names


def test_drawing_a_link_in_a_large_graph_is_fast(
    qtbot: QtBot, open_document: Callable[..., OpenDocument]
) -> None:
    graph = CanvasGraph(open_document(big_graph(1000)), DARK, Settings())
    viewer = graph.viewer()
    qtbot.addWidget(viewer)
    viewer.resize(1300, 800)
    viewer.show()
    viewer.set_zoom(0.5)
    mouse = Mouse(graph)
    node = graph.nodes["1"]
    viewer.centre_on("1")
    start = time.thread_time()
    mouse.drag(node.ports_out[0], (300, 300), cancel=True)
    assert time.thread_time() - start < 1  # most of it goes into telling which sockets fit
    graph.close()
