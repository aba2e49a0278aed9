"""The timeline panel: rows, bars, choosing a node, exporting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.toy_nodes import quick
from helpers.window import Parts
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.documents import OpenDocument
from app.run_status import PastRun
from app.theme import DARK, LIGHT
from app.ui.panels import is_in_front
from app.ui.timeline_dock import TimelineDock, TimelineRows, in_seconds
from core.engine.profile import NodeRecord, Profile
from core.events import Usage
from core.folders import Folders
from core.graph import PromptGraph, PromptNode
from core.nodes.registry import Registry

GRAPH = PromptGraph(
    {
        "1": PromptNode("CheckpointLoaderSimple"),
        "2": PromptNode("CLIPTextEncode", title="What I want"),
        "3": PromptNode("KSampler"),
        "4": PromptNode("SaveImage"),
        "5": PromptNode("PreviewImage"),
    }
)
RECORDS = (
    NodeRecord("1", "1", "CheckpointLoaderSimple", "cached", 0.0),
    NodeRecord("2", "2", "CLIPTextEncode", "executed", 0.5, 1.5, "'text' changed"),
    NodeRecord(
        "3", "3", "KSampler", "executed", 2.0, 7.0, "'cfg' changed", Usage(2**30), Usage(2**31, 3 * 2**20)
    ),
    NodeRecord("x.1", "3", "VAEDecode", "executed", 9.0, 0.001, "it is new", Usage(2**30), Usage(2**31)),
    NodeRecord("4", "4", "SaveImage", "failed", 9.1, 0.5, "it runs every time"),
    NodeRecord("5", "5", "PreviewImage", "blocked", 9.9),
)


def past(records: tuple[NodeRecord, ...] = RECORDS, graph: PromptGraph = GRAPH) -> PastRun:
    return PastRun("Test.json", graph, Profile("run", 0.0, 10.0, records))


@pytest.fixture
def dock(registry: Registry, qtbot: Any) -> TimelineDock:
    dock = TimelineDock(registry, DARK)
    qtbot.addWidget(dock)
    dock.resize(1000, 300)
    dock.show()
    return dock


@pytest.fixture
def opened(dock: TimelineDock, open_document: Callable[..., OpenDocument]) -> OpenDocument:
    opened = open_document()
    dock.show_document(opened)
    return opened


def texts(dock: TimelineDock, column: int) -> list[str]:
    return [str(dock.rows.index(row, column).data()) for row in range(dock.rows.rowCount())]


def test_every_node_has_a_row(dock: TimelineDock, opened: OpenDocument) -> None:
    assert not dock.view.isVisible(), "there was no run yet"
    opened.run.end(past())
    assert dock.view.isVisible()
    assert texts(dock, 0) == [
        "Load Checkpoint",
        "What I want",
        "KSampler",
        "VAE Decode",
        "Save Image",
        "Preview Image",
    ]
    assert texts(dock, 2) == ["", "1.50 s", "7.00 s", "1.0 ms", "0.50 s", ""]
    assert texts(dock, 3) == ["", "", "0 bytes → 3.0 MB", "1.00 GB → 2.00 GB", "", ""]
    assert texts(dock, 4) == [
        "from the cache",
        "'text' changed",
        "'cfg' changed",
        "it is new",
        "failed: it runs every time",
        "blocked",
    ]
    assert dock.summary.text() == "Test.json: 10.0 s, 3 ran, 1 cached, 1 failed, 1 blocked"
    tip = str(dock.rows.index(2, 0).data(Qt.ItemDataRole.ToolTipRole))
    assert tip.splitlines() == [
        "KSampler (KSampler, node 3)",
        "executed from 2.00 s on, for 7.00 s",
        "Why: 'cfg' changed",
        "Before: 1.00 GB on the host",
        "After: 2.00 GB on the host, 3.0 MB on the device (at most 0 bytes)",
    ]


def bar(dock: TimelineDock, row: int) -> list[float]:
    """Where in its cell a bar begins and ends, as shares, going by its pixels."""
    area = dock.view.visualRect(dock.rows.index(row, 1)).adjusted(6, 0, -6, 0)
    image = dock.view.viewport().grab().toImage()
    ratio = image.devicePixelRatio()
    y = round(area.center().y() * ratio)
    line = range(round(area.left() * ratio), round(area.right() * ratio))
    wanted = dock.rows.colour(row)
    found = [x for x in line if _near(image.pixelColor(x, y), wanted)]
    assert found, "nothing is painted"
    return [round((x / ratio - area.left()) / area.width(), 2) for x in (found[0], found[-1])]


def _near(one: QColor, other: QColor) -> bool:
    pairs = zip(one.getRgb(), other.getRgb(), strict=True)  # pyright: ignore[reportArgumentType] - a tuple
    return all(abs(a - b) < 30 for a, b in pairs)


def test_bars_lie_where_the_nodes_worked(dock: TimelineDock, opened: OpenDocument) -> None:
    opened.run.end(past())
    assert bar(dock, 1) == pytest.approx([0.05, 0.2], abs=0.02)
    assert bar(dock, 2) == pytest.approx([0.2, 0.9], abs=0.02)
    start, end = bar(dock, 0)
    assert start == pytest.approx(0, abs=0.01)
    assert 0 <= end - start < 0.02, "a tick"
    assert dock.rows.colour(2) == QColor(DARK.good)
    assert dock.rows.colour(4) == QColor(DARK.danger)
    dock.set_theme(LIGHT)
    assert dock.rows.colour(2) == QColor(LIGHT.good)


def test_it_follows_the_document_that_is_shown(
    dock: TimelineDock, opened: OpenDocument, open_document: Callable[..., OpenDocument]
) -> None:
    opened.run.end(past(RECORDS[:2]))
    other = open_document()
    dock.show_document(other)
    assert not dock.view.isVisible()
    opened.run.end(past(RECORDS[:3]))
    assert dock.rows.rowCount() == 0
    dock.show_document(opened)
    assert dock.rows.rowCount() == 3
    dock.show_document(None)
    assert not dock.view.isVisible()


def test_a_click_chooses_the_node_that_a_row_is_shown_under(
    dock: TimelineDock, opened: OpenDocument, qtbot: Any
) -> None:
    records = (*RECORDS, NodeRecord("7:2", "7:2", "VAEDecode", "executed", 9.9, 0.1))
    opened.run.end(past(records))
    chosen: list[str] = []
    dock.node_wanted.connect(chosen.append)
    for row in (1, 3, 6):
        place = dock.view.visualRect(dock.rows.index(row, 1)).center()
        QTest.mouseClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == ["2", "3", "7"]


def test_a_thousand_rows_paint_only_what_can_be_seen(
    dock: TimelineDock, opened: OpenDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1000
    graph = quick(**{f"n{i}": ("KSampler", {}) for i in range(count)})
    nodes = tuple(NodeRecord(f"n{i}", f"n{i}", "KSampler", "executed", i / 100, 0.01) for i in range(count))
    painted: set[int] = set()
    shares = TimelineRows.shares

    def note(rows: TimelineRows, row: int) -> tuple[float, float]:
        painted.add(row)
        return shares(rows, row)

    monkeypatch.setattr(TimelineRows, "shares", note)
    opened.run.end(past(nodes, graph))
    dock.view.viewport().grab()
    assert 3 < len(painted) < 40
    dock.view.scrollToBottom()
    painted.clear()
    dock.view.viewport().grab()
    assert max(painted) == count - 1
    assert len(painted) < 40


@pytest.mark.parametrize(("button", "key"), [("export_json", "nodes"), ("export_trace", "traceEvents")])
def test_a_run_is_exported(
    dock: TimelineDock, opened: OpenDocument, tmp_path: Path, qtbot: Any, button: str, key: str
) -> None:
    opened.run.end(past())
    said: list[str] = []
    dock.message.connect(said.append)
    with qtbot.waitSignal(dock.dialog_opened) as signal:
        QTest.mouseClick(getattr(dock, button), Qt.MouseButton.LeftButton)
    dialog = signal.args[0]
    assert isinstance(dialog, QFileDialog)
    dialog.selectFile(str(tmp_path / "out"))
    dialog.accept()
    qtbot.waitUntil(lambda: bool(said))
    assert said == [f"Exported {tmp_path / 'out.json'}"]
    assert json.loads((tmp_path / "out.json").read_text())[key]


def test_a_file_that_cannot_be_written_is_complained_about(
    dock: TimelineDock, opened: OpenDocument, tmp_path: Path
) -> None:
    opened.run.end(past())
    complaints: list[str] = []
    dock.complained.connect(complaints.append)
    (tmp_path / "file").touch()
    dock._write({}, str(tmp_path / "file/out.json"))  # the dialog refuses such places
    assert len(complaints) == 1
    assert str(tmp_path / "file") in complaints[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 ms"), (0.0123, "12 ms"), (0.25, "0.25 s"), (9.5, "9.50 s"), (75, "75.0 s")]
)
def test_times_in_words(seconds: float, text: str) -> None:
    assert in_seconds(seconds) == text


@pytest.fixture
def parts(qapp: object, tmp_path: Path, folders: Folders, qtbot: Any) -> Iterator[Parts]:
    del qapp
    parts = Parts(tmp_path / "profile", folders)
    parts.window.resize(1300, 900)
    parts.window.show()
    yield parts
    parts.end()


def test_in_the_window_it_is_hidden_at_first_and_leads_to_the_canvas(parts: Parts, qtbot: Any) -> None:
    window, opened = parts.window, parts.ready_graph()
    dock = window.dock(TimelineDock)
    assert dock.isHidden()
    window.commands["window.timeline"].trigger()
    qtbot.waitUntil(lambda: is_in_front(dock))
    sampler = next(node.id for node in opened.document.nodes.values() if node.type == "KSampler")
    record = NodeRecord(sampler, sampler, "KSampler", "executed", 1.0, 8.0, "it is new")
    opened.run.end(past((record,)))
    place = dock.view.visualRect(dock.rows.index(0, 0)).center() + QPoint(2, 0)
    QTest.mouseClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    canvas = window.canvas
    assert canvas is not None
    assert canvas.selected_nodes() == [sampler]
    parts.session.new()
    assert not dock.view.isVisible(), "that of the new document, which has not run"
    parts.settings.change(theme="light")
    assert dock.rows.theme == LIGHT
