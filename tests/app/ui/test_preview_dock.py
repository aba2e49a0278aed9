from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from helpers.jobs import Works, running
from helpers.toy_nodes import quick, toy_registry
from PIL import Image
from pytestqt.qtbot import QtBot

from app.executor import JobBegan, JobEnded
from app.jobs import Job, JobState
from app.pictures import Pictures
from app.theme import DARK, LIGHT
from app.ui.preview_dock import PreviewDock
from core import events
from core.folders import Folders

RUN = "run"
GRAPH = quick(a=("TConst", {"value": 1}), o=("TOut", {"value": ["a", 0]}))


class Desk:
    def __init__(self, works: Works, qtbot: QtBot) -> None:
        self.works = works
        self.pictures = Pictures()
        self.dock = PreviewDock(works.bridge, self.pictures, DARK)
        qtbot.addWidget(self.dock)
        self.dock.resize(300, 300)
        with qtbot.waitExposed(self.dock):
            self.dock.show()

    def tell(self, *happened: events.RunEvent) -> None:
        for event in happened:
            self.works.bridge.take(event)

    def begin(self) -> None:
        self.works.queue.add(Job("document", "Job", GRAPH, {}, id=RUN))
        self.works.queue.start_next()
        self.tell(JobBegan(RUN, frozenset(GRAPH.nodes)), events.RunStarted(RUN, ()))
        self.tell(events.NodeStarted(RUN, "a", "a"))

    def centre(self) -> str:
        view = self.dock.view
        return view.grab().toImage().pixelColor(view.rect().center()).name()


@pytest.fixture
def desk(qtbot: QtBot, folders: Folders) -> Iterator[Desk]:
    with running(toy_registry(), folders, start=False) as works:
        desk = Desk(works, qtbot)
        yield desk
        desk.pictures.stop()


def preview(grey: int) -> events.NodePreview:
    return events.NodePreview(RUN, "a", "a", np.full((8, 16, 3), grey, np.uint8))


def test_a_picture_forms_and_the_result_takes_its_place(desk: Desk, qtbot: QtBot, folders: Folders) -> None:
    dock = desk.dock
    assert dock._empty.isVisible()
    assert not dock.footer.isVisible()
    desk.begin()
    assert dock._empty.isVisible(), "nothing to see yet"
    assert dock.title.text() == "TConst"
    desk.tell(preview(64), events.NodeProgress(RUN, "a", "a", 3, 4))
    qtbot.waitUntil(lambda: dock.view.isVisible())
    assert desk.centre() == "#404040"
    assert dock.view.fits
    assert dock.view.zoom == pytest.approx(dock.view.width() * dock.devicePixelRatioF() / 16)
    assert (dock.steps.text(), dock.bar.value(), dock.bar.maximum()) == ("3 of 4 · 75 %", 3, 4)

    Image.new("RGB", (32, 32), "#00ff00").save(folders.output / "x.png")
    saved = {"filename": "x.png", "subfolder": "", "type": "output"}
    desk.tell(events.NodeFinished(RUN, "a", "a", {"images": [saved]}, 0.1))
    with qtbot.waitSignal(desk.pictures.opened):
        desk.tell(JobEnded(RUN, JobState.DONE, "", 2.5))
    assert desk.centre() == "#00ff00"
    assert (dock.title.text(), dock.steps.text(), dock.bar.value()) == ("Done", "2.5 s", 1)

    desk.begin()
    assert desk.centre() == "#00ff00", "stays until there is something newer"
    desk.tell(preview(128))
    qtbot.waitUntil(lambda: desk.centre() == "#808080")
    desk.dock.set_theme(LIGHT)


def test_a_result_that_comes_too_late_does_not_cover_the_next_run(
    desk: Desk, qtbot: QtBot, folders: Folders
) -> None:
    Image.new("RGB", (32, 32), "#00ff00").save(folders.output / "x.png")
    saved = {"filename": "x.png", "subfolder": "", "type": "output"}
    desk.begin()
    desk.tell(events.NodeFinished(RUN, "a", "a", {"images": [saved]}, 0.1))
    with qtbot.waitSignal(desk.pictures.opened):
        desk.tell(JobEnded(RUN, JobState.DONE, "", 2.5))
        desk.begin()
        desk.tell(preview(128))
    qtbot.waitUntil(lambda: desk.centre() == "#808080")


@pytest.mark.parametrize(("state", "said"), [(JobState.FAILED, "Failed"), (JobState.CANCELLED, "Cancelled")])
def test_how_a_run_without_result_ended(desk: Desk, state: JobState, said: str) -> None:
    desk.begin()
    desk.tell(JobEnded(RUN, state, "", 0.5))
    assert desk.dock.title.text() == said
    assert desk.dock.bar.value() == 0


def test_the_picture_of_a_file_that_is_gone_is_left_out(desk: Desk, qtbot: QtBot) -> None:
    desk.begin()
    saved = {"filename": "gone.png", "subfolder": "", "type": "output"}
    desk.tell(events.NodeFinished(RUN, "a", "a", {"images": [saved]}, 0.1))
    with qtbot.waitSignal(desk.pictures.opened):
        desk.tell(JobEnded(RUN, JobState.DONE, "", 2.5))
    assert desk.dock._empty.isVisible()
