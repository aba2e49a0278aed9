"""Texts that a run gave a node: what has room is in the node, all of it beside the mouse and to be copied."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from helpers.canvas import LEFT, NONE, RIGHT, Mouse
from helpers.jobs import running
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolTip
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.node_item import NodeItem
from app.canvas.texts import Texts
from app.documents import OpenDocument
from app.queueing import queue_document
from app.run_status import NodeState
from app.settings import Settings
from app.theme import DARK
from core.folders import Folders
from core.nodes.registry import Registry
from core.workflow.open import read_workflow

WORDS = "\n".join(f"{number}: <b>a</b> & what is said about it in the following" for number in range(30))
WIDTH = 120.0
no_window_manager = pytest.mark.qt_log_ignore("This plugin does not support")
"""Without a screen, popups cannot be raised; Qt says so."""


@pytest.fixture
def texts(qapp: object) -> Texts:
    del qapp
    return Texts(12)


@pytest.fixture
def item(graph: CanvasGraph, qtbot: QtBot) -> Callable[[str], NodeItem]:
    """A node of the ready graph, once it shows a text."""

    def shows(text: str) -> NodeItem:
        graph.opened.run.update("7", state=NodeState.DONE, texts=(text,))
        found = graph.nodes["7"]
        qtbot.waitUntil(lambda: found.status.text == text)
        graph.viewer().centre_on("7")
        return found

    return shows


@pytest.mark.parametrize("text", ["", "a", "a\nb\nc", "one two three four five six seven"])
def test_a_text_that_fits_is_shown_as_it_is(texts: Texts, text: str) -> None:
    assert texts.paragraph(text, WIDTH, 3).text() == text.replace("\n", "\u2028")


@pytest.mark.parametrize("text", ["a\nb\nc\nd", "\n" * 9, "word " * 90, "x" * 400, "\U0001f600 " * 90])
@pytest.mark.parametrize("lines", [1, 3])
def test_one_that_does_not_ends_with_an_ellipsis(texts: Texts, text: str, lines: int) -> None:
    laid_out = texts.paragraph(text, WIDTH, lines)
    shown = laid_out.text().replace("\u2028", "\n")
    assert shown.endswith("…")
    assert text.startswith(shown[:-1])
    assert laid_out.size().height() < (lines + 0.5) * texts.height
    assert laid_out.size().width() <= WIDTH


def test_it_is_painted_and_tells_all_beside_the_mouse(
    graph: CanvasGraph, item: Callable[[str], NodeItem]
) -> None:
    node = item(WORDS)
    middle = node.layout.text.center()
    assert node.tooltip_at(middle) == WORDS
    assert _picture(graph, node) != _picture(graph, item("2"))


def test_a_tip_is_no_longer_than_a_screen(item: Callable[[str], NodeItem]) -> None:
    for text in ("x" * 100_000, "\n" * 100_000):
        node = item(text)
        tip = node.tooltip_at(node.layout.text.center())
        assert tip.endswith("…")
        assert text.startswith(tip[:-1])
        assert len(tip) <= 2001
        assert tip.count("\n") <= 40


@no_window_manager
def test_a_tip_is_not_read_as_html(graph: CanvasGraph, item: Callable[[str], NodeItem], qtbot: QtBot) -> None:
    node, viewer = item(WORDS), graph.viewer()
    at = viewer.mapFromScene(node.mapToScene(node.layout.text.center()))
    event = QHelpEvent(QHelpEvent.Type.ToolTip, at, viewer.viewport().mapToGlobal(at))
    QApplication.sendEvent(viewer.viewport(), event)
    assert "0: &lt;b&gt;a&lt;/b&gt; &amp; what" in QToolTip.text()
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


@no_window_manager
def test_the_menu_copies_it(
    graph: CanvasGraph, item: Callable[[str], NodeItem], mouse: Mouse, qtbot: QtBot
) -> None:
    mouse.click(item(WORDS), button=RIGHT)
    menu = _menu(qtbot)
    copy = next(action for action in menu.actions() if action.text() == "Copy Text")
    QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(copy).center())
    assert QGuiApplication.clipboard().text() == WORDS
    mouse.click(graph.nodes["2"], button=RIGHT)
    menu = _menu(qtbot)
    assert "Copy Text" not in [action.text() for action in menu.actions()]
    menu.close()


@pytest.mark.slow
def test_preview_any_shows_what_it_got(
    open_document: Callable[..., OpenDocument],
    registry: Registry,
    folders: Folders,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    prompt = {
        "1": {"class_type": "PrimitiveFloat", "inputs": {"value": 2.5}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    (tmp_path / "graph.json").write_text(json.dumps(prompt))
    opened = open_document(read_workflow(tmp_path / "graph.json").to_document(registry).document)
    graph = CanvasGraph(opened, DARK, Settings())
    with running(registry, folders) as works:
        works.documents[opened.key] = opened
        assert queue_document(opened, works.queue, Random(1)) is not None
        qtbot.waitUntil(lambda: bool(works.queue.ended))
    node = graph.nodes["2"]
    qtbot.waitUntil(lambda: node.status.text == "2.5")
    assert not node.layout.text.isEmpty()
    graph.close()


def _menu(qtbot: QtBot) -> QMenu:
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def _picture(graph: CanvasGraph, node: NodeItem) -> QImage:
    """The text of a node, as painted."""
    viewer = graph.viewer()
    area = viewer.mapFromScene(node.mapRectToScene(node.layout.text)).boundingRect()
    return viewer.viewport().grab(area).toImage()
