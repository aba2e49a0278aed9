"""The first minutes with the program: link, type, run, watch, cancel, undo, and drop the picture back.

On an X server (`QT_QPA_PLATFORM=xcb`) the same walk is made with its real mouse and keyboard events.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.hands import Hand, hand
from helpers.seeded_models import write_ready_checkpoint
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Program
from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.jobs import Job, JobState
from app.log import LogStore
from app.profile import Profile
from core.events import NodeProgress, RunEvent
from core.workflow.comfy_json import write_document
from core.workflow.document import GraphDocument
from core.workflow.widgets import at, layout

LOAD, RUN = 60_000, 120_000
"""Milliseconds for importing torch, and for a run, on a machine that is busy."""

pytestmark = pytest.mark.slow


class Walker:
    """One person at the program."""

    def __init__(self, program: Program, hand: Hand, qtbot: QtBot) -> None:
        self.program = program
        self.window = program.window
        self.hand = hand
        self.qtbot = qtbot

    @property
    def canvas(self) -> CanvasGraph:
        canvas = self.window.canvas
        assert canvas is not None
        return canvas

    @property
    def opened(self) -> OpenDocument:
        return self.canvas.opened

    @property
    def document(self) -> GraphDocument:
        return self.opened.document

    def until(self, condition: Callable[[], object], milliseconds: int = 30_000) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=milliseconds)

    def node(self, node_type: str) -> str:
        return next(node.id for node in self.document.nodes.values() if node.type == node_type)

    def on_screen(self, scene: QPointF) -> QPoint:
        return self.canvas.viewer().mapFromScene(scene)

    def socket(self, node_type: str, side: str, name: str) -> QPoint:
        item = self.canvas.nodes[self.node(node_type)]
        ports = item.ports_in if side == "in" else item.ports_out
        return self.on_screen(next(port for port in ports if port.name == name).centre())

    def field(self, node_type: str, row_name: str) -> QPoint:
        item = self.canvas.nodes[self.node(node_type)]
        index = next(i for i, row in enumerate(item.face.rows) if row.name == row_name)
        return self.on_screen(item.mapToScene(item.field_rect(index).center()))

    def empty_place(self) -> QPoint:
        """Somewhere on the canvas where nothing is."""
        viewer = self.canvas.viewer()
        view = viewer.viewport().rect()
        spots = (
            QPoint(x, y) for y in range(60, view.height() - 60, 20) for x in range(60, view.width() // 2, 20)
        )
        return next(s for s in spots if not viewer.items(s.x() - 15, s.y() - 15, 30, 30))

    def value(self, node_type: str, name: str) -> object:
        node = self.document.node(self.node(node_type))
        return at(node, layout(node, self.opened.registry.interface(node.type)).places[name])

    def link_into(self, node_type: str, name: str) -> int | None:
        return next(s.link for s in self.document.node(self.node(node_type)).inputs if s.name == name)

    def set_value(self, node_type: str, name: str, text: str) -> None:
        self.hand.click(self.canvas.viewer().viewport(), self.field(node_type, name))
        self.until(lambda: self.canvas.editors.is_open)
        self.hand.key("Ctrl+A")
        self.hand.type(text)
        self.hand.key("Return")
        self.until(lambda: not self.canvas.editors.is_open)

    def drop(self, path: Path) -> None:
        """Drops a file on the window as a file manager does."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        place = self.window.rect().center()
        given = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        entering = QDragEnterEvent(place, *given)
        QApplication.sendEvent(self.window, entering)
        assert entering.isAccepted()
        QApplication.sendEvent(self.window, QDropEvent(QPointF(place), *given))


@pytest.fixture
def walker(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Walker]:
    """The whole program, with the ready graph open and its model in place."""
    models = tmp_path / "models"
    write_ready_checkpoint(models)
    options = Namespace(
        profile=tmp_path / "profile",
        models=[models],
        extra_model_paths=[],
        input=tmp_path / "input",
        output=tmp_path / "output",
        device="cpu",
        files=[],
    )
    program = Program(qapp, options, Profile(options.profile), LogStore())
    try:
        program.show([])
        program.window.resize(1500, 950)
        qtbot.waitUntil(lambda: program.window.canvas is not None, timeout=30_000)
        program.window.activateWindow()
        person = Walker(program, hand(), qtbot)
        _take_focus(person)
        person.canvas.viewer().fit()
        yield person
    finally:
        program.end()


def _take_focus(walker: Walker) -> None:
    if QApplication.platformName() == "xcb":  # a bare X server has no window manager to give the focus
        subprocess.run(["xdotool", "windowfocus", "--sync", str(int(walker.window.winId()))], check=True)
    walker.until(walker.window.isActiveWindow)
    walker.canvas.viewer().setFocus()


def test_walk(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    start = walker.document.snapshot()
    draw_a_link(walker)
    walker.set_value("KSampler", "steps", "2+2")
    assert walker.value("KSampler", "steps") == 4
    ran, job = run_and_watch(walker)
    cancel_within_a_step(walker, monkeypatch)
    undo_and_redo_everything(walker, start)
    drop_the_picture(walker, job.pictures[0], ran)


def draw_a_link(walker: Walker) -> None:
    viewport = walker.canvas.viewer().viewport()
    start, end = walker.socket("VAEDecode", "out", "IMAGE"), walker.socket("SaveImage", "in", "images")
    before = walker.link_into("SaveImage", "images")
    assert before is not None
    away = walker.empty_place()
    walker.hand.drag(viewport, [end, (end + away) / 2, away])
    walker.until(lambda: walker.link_into("SaveImage", "images") is None)
    walker.hand.drag(viewport, [start, (start + end) / 2 + QPoint(0, 20), end])
    walker.until(lambda: walker.link_into("SaveImage", "images") is not None)
    assert [link.target for link in walker.document.links.values()].count(walker.node("SaveImage")) == 1


def run_and_watch(walker: Walker) -> tuple[GraphDocument, Job]:
    """The document as it ran, and what became of it."""
    sampler, ran = walker.node("KSampler"), walker.document.snapshot()
    previews: list[object] = []
    watch = walker.opened.run.changed.connect(
        lambda node: previews.append(walker.opened.run.of(node).preview) if node == sampler else None
    )
    walker.hand.key("Ctrl+Return")
    walker.until(lambda: walker.program.services.queue.ended, LOAD + RUN)
    walker.opened.run.changed.disconnect(watch)
    job = walker.program.services.queue.ended[0]
    assert job.state is JobState.DONE, job.message
    assert any(picture is not None for picture in previews), "no preview arrived"
    assert job.pictures
    assert job.pictures[0].is_file()
    shown = walker.opened.run.of(walker.node("SaveImage")).pictures
    assert shown == job.pictures, "the picture is in the node"
    return ran, job


def cancel_within_a_step(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    walker.set_value("KSampler", "steps", "4000")
    services = walker.program.services
    post = services.executor._post
    done: list[int] = []
    done_at_cancel: list[int] = []

    def note(event: RunEvent) -> None:
        """Counts on the worker, which may be far ahead of what the window has shown."""
        if isinstance(event, NodeProgress):
            done.append(event.value)
        post(event)

    monkeypatch.setattr(services.executor, "_post", note)
    services.queue.cancel_asked.connect(lambda job: done_at_cancel.append(len(done)))
    walker.hand.key("Ctrl+Return")
    walker.until(lambda: len(done) > 3, RUN)
    walker.hand.key("Ctrl+Alt+Return")
    walker.until(lambda: len(services.queue.ended) == 2, RUN)
    assert services.queue.ended[0].state is JobState.CANCELLED
    # One step may have been under way, and another have passed the last look at the wish to cancel.
    assert len(done) - done_at_cancel[0] <= 2


def undo_and_redo_everything(walker: Walker, start: GraphDocument) -> None:
    end, steps = walker.document.snapshot(), len(walker.opened.history.undo_labels)
    assert steps >= 4
    walker.canvas.viewer().setFocus()
    for _ in range(steps):
        walker.hand.key("Ctrl+Z")
    walker.until(lambda: not walker.opened.history.undo_labels)
    assert walker.document == start
    for _ in range(steps):
        walker.hand.key("Ctrl+Y")
    walker.until(lambda: not walker.opened.history.redo_labels)
    assert walker.document == end


def drop_the_picture(walker: Walker, picture: Path, ran: GraphDocument) -> None:
    before = walker.opened
    walker.drop(picture)
    walker.until(lambda: walker.window.canvas is not None and walker.opened is not before)
    assert write_document(walker.document) == write_document(ran)


@pytest.mark.skipif(
    not (sys.platform == "linux" and shutil.which("xvfb-run") and shutil.which("xdotool")),
    reason="needs xvfb-run and xdotool",
)
@pytest.mark.skipif(os.environ.get("QT_QPA_PLATFORM") == "xcb", reason="is inside it already")
def test_the_same_walk_on_an_x_server() -> None:
    screen = ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1680x1050x24"]
    test = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"{__file__}::test_walk"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb"}
    run = subprocess.run(
        [*screen, *test], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
