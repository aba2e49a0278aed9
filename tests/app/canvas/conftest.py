"""The ready graph on a canvas, with a mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from helpers.canvas import Mouse
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK


@pytest.fixture
def graph(qtbot: QtBot, open_document: Callable[..., OpenDocument]) -> Iterator[CanvasGraph]:
    """The ready graph, all of it to be seen. Whatever a test does, no gesture may be left."""
    canvas = CanvasGraph(open_document(), DARK, Settings())
    viewer = canvas.viewer()
    viewer.resize(1300, 700)
    qtbot.addWidget(viewer)
    with qtbot.waitActive(viewer):
        viewer.show()
        viewer.activateWindow()
    viewer.set_view_state({"scale": 0.7, "offset": [40, 60]})
    yield canvas
    assert not viewer.live_link.isVisible(), "a live link was left hanging"
    assert viewer.gesture is None
    canvas.close()


@pytest.fixture
def mouse(graph: CanvasGraph) -> Mouse:
    return Mouse(graph)


@pytest.fixture
def said(graph: CanvasGraph) -> list[str]:
    """What the canvas has told the user."""
    sentences: list[str] = []
    graph.message.connect(sentences.append)
    return sentences
