"""Finding nodes: by title, type and values; keys, counts, and graphs of any size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from helpers.canvas import in_window
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK
from app.ui.find_bar import FindBar
from core.workflow.document import GraphDocument
from core.workflow.operations import RemoveNodes, SetTitle, SetWidget
from core.workflow.records import Node

Key = Qt.Key


@pytest.fixture
def canvas(open_document: Callable[..., OpenDocument], qtbot: QtBot) -> Iterator[Callable[..., CanvasGraph]]:
    """Shows a document in an active window."""
    made: list[tuple[CanvasGraph, QWidget]] = []

    def show(document: GraphDocument | None = None) -> CanvasGraph:
        graph = CanvasGraph(open_document(document), DARK, Settings())
        window = in_window(graph, qtbot, 1000, 700)
        graph.viewer().setFocus()
        made.append((graph, window))
        return graph

    yield show
    for graph, _ in made:
        graph.close()


@pytest.fixture
def graph(canvas: Callable[..., CanvasGraph]) -> CanvasGraph:
    return canvas()


@pytest.fixture
def bar(graph: CanvasGraph) -> FindBar:
    bar = FindBar(graph)
    bar.open_bar()
    return bar


def is_centred(graph: CanvasGraph, node: str) -> bool:
    middle = graph.viewer().visible_scene().center()
    away = graph.nodes[node].sceneBoundingRect().center() - middle
    return away.manhattanLength() < 2


def test_it_takes_the_keys_and_lies_in_the_corner(graph: CanvasGraph, bar: FindBar) -> None:
    assert bar.line.hasFocus()
    assert graph.viewer().rect().contains(bar.geometry())
    assert bar.geometry().right() > graph.viewer().width() - 30
    graph.viewer().setGeometry(0, 0, 500, 400)
    assert graph.viewer().rect().contains(bar.geometry())


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("clip text", ["2", "3"]),
        ("cliptextencode", ["2", "3"]),
        ("WATERMARK", ["3"]),
        ("dpmpp", ["5"]),
        ("20261120", ["5"]),
        ("red sunset", ["2"]),
        ("nothing like that", []),
        ("   ", []),
    ],
)
def test_titles_types_and_values_are_searched(
    graph: CanvasGraph, bar: FindBar, text: str, nodes: list[str]
) -> None:
    QTest.keyClicks(bar.line, text)
    shown = []
    for _ in nodes:
        shown += graph.selected_nodes()
        QTest.keyClick(bar.line, Key.Key_Return)
    assert shown == nodes
    if nodes:
        assert graph.selected_nodes() == nodes[:1]
        assert bar.count.text() == f"1 of {len(nodes)}"
    else:
        assert bar.count.text() == ("Nothing found" if text.strip() else "")


def test_enter_goes_on_and_shift_enter_goes_back(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "a")
    total = int(bar.count.text().partition(" of ")[2])
    assert total > 3
    first = graph.selected_nodes()
    assert is_centred(graph, first[0])
    QTest.keyClick(bar.line, Key.Key_Return)
    assert bar.count.text() == f"2 of {total}"
    second = graph.selected_nodes()
    assert second != first
    assert is_centred(graph, second[0])
    QTest.keyClick(bar.line, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert graph.selected_nodes() == first
    QTest.keyClick(bar.line, Key.Key_Up)
    assert bar.count.text() == f"{total} of {total}"
    QTest.keyClick(bar.line, Key.Key_Down)
    assert graph.selected_nodes() == first


def test_what_is_shown_stays_while_it_still_fits(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "clip")
    QTest.keyClick(bar.line, Key.Key_Return)
    shown = graph.selected_nodes()
    QTest.keyClicks(bar.line, " text enc")
    assert graph.selected_nodes() == shown


def test_escape_closes_it_and_gives_the_focus_back(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "sampler")
    QTest.keyClick(bar.line, Key.Key_Escape)
    assert bar.isHidden()
    assert graph.viewer().hasFocus()
    assert graph.selected_nodes() == ["5"]
    bar.open_bar()
    assert bar.line.text() == bar.line.selectedText() == "sampler"


def test_the_buttons_do_the_same(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "clip text")
    up, down, close = bar._buttons.values()
    QTest.mouseClick(down, Qt.MouseButton.LeftButton)
    assert graph.selected_nodes() == ["3"]
    QTest.mouseClick(up, Qt.MouseButton.LeftButton)
    assert graph.selected_nodes() == ["2"]
    assert bar.line.hasFocus()
    QTest.mouseClick(close, Qt.MouseButton.LeftButton)
    assert bar.isHidden()


def test_edits_are_seen_without_moving_the_view(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "boat")
    assert bar.count.text() == "1 of 1"
    where = QPointF(graph.viewer().visible_scene().center())
    graph.opened.do(SetTitle("6", "Boat yard"), "Rename")
    assert bar.count.text() == "1 of 2"
    graph.opened.do(SetWidget("2", 0, "a cat"), "Set text")
    assert bar.count.text() == "0 of 1"
    graph.opened.do(RemoveNodes(["6"]), "Delete")
    assert bar.count.text() == "Nothing found"
    assert graph.viewer().visible_scene().center() == where
    QTest.keyClick(bar.line, Key.Key_Escape)
    graph.opened.undo()
    bar.open_bar()
    assert graph.selected_nodes() == ["6"]


def test_no_key_or_click_reaches_the_canvas_below(graph: CanvasGraph, bar: FindBar) -> None:
    QTest.keyClicks(bar.line, "vae")
    before = dict(graph.document.nodes)
    for key in (Key.Key_Up, Key.Key_PageDown, Key.Key_Delete, Key.Key_Space):
        QTest.keyClick(bar.line, key)
    QTest.mouseClick(bar.count, Qt.MouseButton.LeftButton)
    QTest.mouseDClick(bar.count, Qt.MouseButton.LeftButton)
    assert dict(graph.document.nodes) == before
    assert graph.selected_nodes() == ["6"]


def test_three_thousand_nodes_are_searched_without_a_pause(canvas: Callable[..., CanvasGraph]) -> None:
    nodes = [
        Node(str(n), "KSampler", (n % 60 * 400.0, n // 60 * 400.0), widgets=(n, "fixed", 20, 8.0, "euler"))
        for n in range(1, 3001)
    ]
    graph = canvas(GraphDocument(nodes))
    bar = FindBar(graph)
    bar.open_bar()
    started = time.thread_time()
    QTest.keyClicks(bar.line, "2999")
    took = time.thread_time() - started
    assert graph.selected_nodes() == ["2999"]
    assert took / 4 < 0.4
