"""Resting on a link shows what it carried in the last run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from helpers.canvas import Mouse, links
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.hits import hit
from app.canvas.value_tip import ValueTip
from app.documents import OpenDocument
from app.executor import Inspected
from app.settings import Settings
from app.theme import DARK, LIGHT
from core.graph import Link
from core.inspection import Facts, Numbers
from core.workflow.edits import toggle_mode
from core.workflow.records import BYPASSED

CARRIED = Facts(
    "LATENT",
    1,
    shapes=((1, 4, 64, 64),),
    dtype="float32",
    device="cpu",
    size=65536,
    numbers=Numbers(-3.0, 3.0, 0.0),
    thumbnail=np.full((64, 64, 3), 200, np.uint8),
)


class Values(QObject):
    """Notes what is asked for; the test answers."""

    inspected = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Link]] = []

    def inspect(self, document_key: str, source: Link) -> None:
        self.asked.append((document_key, source))

    def answer(self, facts: Facts | None = CARRIED, reason: str = "") -> None:
        self.inspected.emit(Inspected(*self.asked[-1], facts, reason))


@pytest.fixture
def values() -> Values:
    return Values()


@pytest.fixture
def graph(qtbot: QtBot, open_document: Callable[..., OpenDocument], values: Values) -> Iterator[CanvasGraph]:
    canvas = CanvasGraph(open_document(), DARK, Settings(), values=values)
    viewer = canvas.viewer()
    viewer.resize(1300, 700)
    qtbot.addWidget(viewer)
    with qtbot.waitActive(viewer):
        viewer.show()
        viewer.activateWindow()
    viewer.set_view_state({"scale": 0.7, "offset": [40, 60]})
    viewer.setFocus()
    yield canvas
    canvas.close()


@pytest.fixture
def tip(graph: CanvasGraph) -> ValueTip:
    return graph.value_tip


def on_link(graph: CanvasGraph, link_id: int) -> QPoint:
    """A place in the viewport where nothing but a link is."""
    viewer, pipe = graph.viewer(), graph.pipes[link_id]
    free = (point for point in pipe.points() if hit(viewer, point).pipe is pipe)
    return viewer.mapFromScene(next(free))


def into(graph: CanvasGraph, node_type: str, name: str) -> int:
    """The link that ends in an input."""
    document = graph.document
    return next(
        link.id
        for link in document.live_links()
        if document.node(link.target).type == node_type
        and document.input(link.target, link.target_slot).name == name
    )


def rest_on(graph: CanvasGraph, values: Values, qtbot: QtBot, link_id: int) -> None:
    """Moves the mouse onto a link and waits until its value is asked for."""
    before = len(values.asked)
    Mouse(graph).hover(on_link(graph, link_id))
    qtbot.waitUntil(lambda: len(values.asked) > before)


def test_resting_on_a_link_shows_its_value(
    graph: CanvasGraph, values: Values, tip: ValueTip, qtbot: QtBot
) -> None:
    link = into(graph, "VAEDecode", "samples")
    sampler = graph.document.links[link].origin
    rest_on(graph, values, qtbot, link)
    assert values.asked == [(graph.opened.key, Link(sampler, 0))]
    assert not tip.isVisible(), "not before there is an answer"
    values.answer()
    assert tip.isVisible()
    assert tip.words.text().splitlines() == [
        "LATENT",
        "1 × 4 × 64 × 64",
        "float32 on cpu, 64.0 KB",
        "-3 to 3, mean 0",
    ]
    assert tip.picture.isVisible()
    assert tip.picture.pixmap().deviceIndependentSize().toSize().width() == 128, "small ones are enlarged"
    assert tip.picture.pixmap().toImage().pixelColor(5, 5).red() == 200
    assert graph.viewer().viewport().rect().contains(tip.geometry())
    assert not tip.geometry().contains(on_link(graph, link)), "never under the mouse"
    assert graph.viewer().hasFocus()


def test_moving_along_the_link_keeps_it_and_leaving_the_link_ends_it(
    graph: CanvasGraph, values: Values, tip: ValueTip, qtbot: QtBot
) -> None:
    link = into(graph, "VAEDecode", "samples")
    rest_on(graph, values, qtbot, link)
    values.answer()
    at = on_link(graph, link)
    Mouse(graph).hover(at + QPoint(1, 0))
    assert tip.isVisible()
    assert len(values.asked) == 1
    Mouse(graph).hover(QPoint(5, 690))
    assert not tip.isVisible()


def press(graph: CanvasGraph, at: QPoint) -> None:
    viewport = graph.viewer().viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert not graph.value_tip.isVisible()
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=at)


def zoom(graph: CanvasGraph, at: QPoint) -> None:
    graph.viewer().zoom_by(1.2, at)
    assert not graph.value_tip.isVisible()


def leave(graph: CanvasGraph, at: QPoint) -> None:
    del at
    QApplication.sendEvent(graph.viewer().viewport(), QEvent(QEvent.Type.Leave))
    assert not graph.value_tip.isVisible()


def edit(graph: CanvasGraph, at: QPoint) -> None:
    del at
    graph.add_by_user("VAEDecode", QPointF(0, 0))
    assert not graph.value_tip.isVisible()


@pytest.mark.parametrize("act", [press, zoom, leave, edit])
def test_it_disappears_for(
    act: Callable[[CanvasGraph, QPoint], None],
    graph: CanvasGraph,
    values: Values,
    tip: ValueTip,
    qtbot: QtBot,
) -> None:
    link = into(graph, "VAEDecode", "samples")
    rest_on(graph, values, qtbot, link)
    values.answer()
    assert tip.isVisible()
    act(graph, on_link(graph, link))


def test_an_answer_that_comes_too_late_shows_nothing(
    graph: CanvasGraph, values: Values, tip: ValueTip, qtbot: QtBot
) -> None:
    rest_on(graph, values, qtbot, into(graph, "VAEDecode", "samples"))
    Mouse(graph).hover(QPoint(5, 690))
    values.answer()
    assert not tip.isVisible()
    rest_on(graph, values, qtbot, into(graph, "KSampler", "model"))
    values.inspected.emit(Inspected(graph.opened.key, Link("none", 0), CARRIED))
    values.inspected.emit(Inspected("another document", values.asked[-1][1], CARRIED))
    assert not tip.isVisible()


def test_where_there_is_no_value_the_reason_is_shown_if_there_is_one(
    graph: CanvasGraph, values: Values, tip: ValueTip, qtbot: QtBot
) -> None:
    rest_on(graph, values, qtbot, into(graph, "VAEDecode", "samples"))
    values.answer(None)
    assert not tip.isVisible()
    rest_on(graph, values, qtbot, into(graph, "KSampler", "model"))
    values.answer(None, "Values can be looked at after the run")
    assert tip.isVisible()
    assert tip.words.text() == "Values can be looked at after the run"
    assert not tip.picture.isVisible()


def test_a_long_text_is_wrapped_and_follows_the_theme(
    graph: CanvasGraph, values: Values, tip: ValueTip, qtbot: QtBot
) -> None:
    rest_on(graph, values, qtbot, into(graph, "KSampler", "positive"))
    values.answer(Facts("STRING", 1, "word " * 60 + "x" * 120))
    assert tip.width() < 340
    assert tip.height() > 5 * tip.fontMetrics().height()
    dark = tip.grab().toImage().pixelColor(20, 4)
    assert dark.name() == DARK.panel
    graph.set_theme(LIGHT)
    tip.update()
    assert tip.grab().toImage().pixelColor(20, 4).name() == LIGHT.panel


def test_behind_a_bypassed_node_it_is_the_value_before_it(
    graph: CanvasGraph, values: Values, qtbot: QtBot
) -> None:
    link = into(graph, "VAEDecode", "samples")
    sampler = graph.document.links[link].origin
    latent = graph.document.links[into(graph, "KSampler", "latent_image")].origin
    graph.opened.do(toggle_mode(graph.document, [sampler], BYPASSED), "Bypass")
    rest_on(graph, values, qtbot, link)
    assert values.asked == [(graph.opened.key, Link(latent, 0))]
    assert links(graph)


def test_without_a_rest_nothing_is_asked(graph: CanvasGraph, values: Values) -> None:
    at = on_link(graph, into(graph, "VAEDecode", "samples"))
    for x in range(-60, 60, 4):
        Mouse(graph).hover(at + QPoint(x, 40 + x))
    assert values.asked == []
