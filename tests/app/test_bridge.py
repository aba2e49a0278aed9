from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.jobs import Works, running
from helpers.toy_nodes import quick, toy_registry
from helpers.workflows import node, workflow
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.bridge import to_qimage
from app.documents import OpenDocument
from app.executor import JobBegan, JobEnded
from app.jobs import Job, JobState
from app.run_status import NodeState
from core import events
from core.errors import NodeError, Problem
from core.folders import Folders
from core.graph import PromptGraph
from core.nodes.registry import builtin
from core.workflow.comfy_json import read_document

RUN = "run"
GRAPH = quick(
    a=("TConst", {"value": 1}),
    b=("TAdd", {"a": ["a", 0], "b": 1}),
    o=("TOut", {"value": ["b", 0]}),
)
NODES = frozenset(GRAPH.nodes)
DONE = JobEnded(RUN, JobState.DONE, "", 1.5)


class Room:
    """A bridge to which a test tells events itself, with all it says and the document it shows them in."""

    def __init__(self, works: Works, opened: OpenDocument, qtbot: QtBot) -> None:
        self.works, self.opened, self.qtbot = works, opened, qtbot
        works.documents["document"] = opened
        self.said: list[tuple[Any, ...]] = []
        for name in ("run_started", "node_started", "node_progress", "node_preview", "node_finished"):
            self._listen(name)
        for name in ("node_cached", "node_failed", "node_blocked", "run_ended"):
            self._listen(name)

    def _listen(self, name: str) -> None:
        getattr(self.works.bridge, name).connect(lambda *facts: self.said.append((name, *facts)))

    def begin(self, graph: PromptGraph = GRAPH, cached: tuple[str, ...] = ()) -> None:
        self.works.queue.clear_ended()  # the id is used again
        self.works.queue.add(Job("document", "Job", graph, {}, id=RUN))
        self.works.queue.start_next()
        self.tell(JobBegan(RUN, frozenset(graph.nodes)), events.RunStarted(RUN, cached))

    def tell(self, *happened: events.RunEvent) -> None:
        for event in happened:
            self.works.bridge.take(event)

    def refreshed(self) -> None:
        """Waits until the latest has been shown."""
        self.qtbot.waitUntil(lambda: not self.works.bridge._refresh.isActive())

    def state(self, node_id: str) -> NodeState:
        return self.opened.run.of(node_id).state

    def names(self) -> list[str]:
        return [entry[0] for entry in self.said]


@pytest.fixture
def room(qapp: QCoreApplication, qtbot: QtBot, folders: Folders) -> Iterator[Room]:
    document = read_document(workflow([node(name, "TConst") for name in ("a", "b", "o", "7")])).document
    registry = toy_registry()
    with running(registry, folders, start=False) as works:
        yield Room(works, OpenDocument(document, registry, folders), qtbot)


def progress(node_id: str, value: int, maximum: int = 4) -> events.NodeProgress:
    return events.NodeProgress(RUN, node_id, node_id, value, maximum)


def preview(node_id: str, grey: int) -> events.NodePreview:
    return events.NodePreview(RUN, node_id, node_id, np.full((2, 3, 3), grey, np.uint8))


def finished(node_id: str, shown: events.Ui | None = None) -> events.NodeFinished:
    return events.NodeFinished(RUN, node_id, node_id, shown, 0.25)


def started(node_id: str) -> events.NodeStarted:
    return events.NodeStarted(RUN, node_id, node_id)


def test_a_run_from_start_to_end(room: Room, folders: Folders) -> None:
    room.begin()
    assert [room.state(name) for name in "abo"] == [NodeState.QUEUED] * 3
    assert room.state("7") is NodeState.IDLE
    saved = {"filename": "x.png", "subfolder": "sub", "type": "output"}
    room.tell(events.NodeCached(RUN, "a", "a", None), started("b"))
    assert room.state("b") is NodeState.RUNNING
    made: list[object] = []
    room.works.bridge.pictures_made.connect(made.append)
    room.tell(finished("b"), started("o"), finished("o", {"images": [saved], "text": ["said"]}), DONE)
    picture = folders.output / "sub/x.png"
    assert made == [(picture,)]
    assert [room.state(name) for name in "abo"] == [NodeState.CACHED, NodeState.DONE, NodeState.DONE]
    status = room.opened.run.of("o")
    assert (status.pictures, status.texts) == ((picture,), ("said",))
    assert (status.order, status.seconds, status.progress) == (2, 0.25, None)
    job = room.works.queue.ended[0]
    assert (job.state, job.seconds, job.pictures) == (JobState.DONE, 1.5, (picture,))
    expected = ["run_started", "node_cached", "node_started", "node_finished"]
    assert room.names() == [*expected, "node_started", "node_finished", "run_ended"]
    assert room.said[-1] == ("run_ended", RUN, job)
    assert room.works.bridge.title(RUN, "b") == "TAdd"


def test_only_the_latest_progress_and_preview_are_shown(room: Room) -> None:
    room.begin()
    room.tell(started("b"), *(event for n in range(1, 4) for event in (progress("b", n), preview("b", n))))
    assert "node_progress" not in room.names()
    room.refreshed()
    assert [entry[2:] for entry in room.said if entry[0] == "node_progress"] == [("b", 3, 4)]
    (image,) = [entry[3] for entry in room.said if entry[0] == "node_preview"]
    assert image.pixelColor(2, 1) == QColor(3, 3, 3)
    assert room.opened.run.of("b").preview == image
    assert room.opened.run.of("b").progress == 0.75
    job = room.works.queue.running
    assert job is not None
    assert (job.node, job.progress) == ("TAdd", 0.75 / 3)


def test_sampling_is_most_of_a_run_and_what_is_cached_none(
    qapp: QCoreApplication, qtbot: QtBot, folders: Folders
) -> None:
    registry = builtin()
    opened = OpenDocument(read_document(workflow([])).document, registry, folders)
    graph = quick(
        l=("EmptyLatentImage", {}), k=("KSampler", {"latent_image": ["l", 0]}), o=("SaveLatent", {})
    )
    for cached, shares in (((), (1 / 22, 11 / 22, 21 / 22)), (("l",), (0, 10 / 21, 20 / 21))):
        with running(registry, folders, start=False) as works:
            room = Room(works, opened, qtbot)
            room.begin(graph, cached)
            seen = list[float | None]()
            for event in (finished("l"), progress("k", 2), finished("k")):
                room.tell(started(event.node_id), event)
                room.works.bridge._show_latest()
                seen.append(room.works.queue.running.progress if room.works.queue.running else None)
            assert seen == pytest.approx(shares)


def test_the_last_preview_comes_before_the_end_of_its_node_and_none_after(room: Room) -> None:
    room.begin()
    room.tell(started("b"), preview("b", 9), progress("b", 4), finished("b"))
    assert room.names()[-3:] == ["node_progress", "node_preview", "node_finished"]
    room.refreshed()
    assert room.names()[-1] == "node_finished"
    assert room.opened.run.of("b").progress is None
    assert room.opened.run.of("b").preview is not None, "what it made is no picture, so the preview stays"


def test_nothing_else_is_lost_in_a_flood_of_progress(room: Room) -> None:
    room.begin()
    for name in "abo":
        room.tell(started(name), *(progress(name, n, 10_000) for n in range(10_000)), finished(name))
    room.tell(DONE)
    others = [entry[0] for entry in room.said if entry[0] != "node_progress"]
    assert others == ["run_started", *["node_started", "node_finished"] * 3, "run_ended"]
    shown = [(entry[2], entry[3]) for entry in room.said if entry[0] == "node_progress"]
    assert [pair for pair in shown if pair[1] == 9_999] == [(name, 9_999) for name in "abo"]


def test_a_new_run_clears_states_but_keeps_pictures(room: Room) -> None:
    room.begin()
    saved = {"filename": "x.png", "subfolder": "", "type": "temp"}
    error = NodeError("no", node_id="a", class_type="TConst", inputs={}, kind="ValueError")
    room.tell(
        events.NodeFailed(RUN, "a", "a", error),
        started("b"),
        preview("b", 5),
        finished("b"),
        started("o"),
        finished("o", {"images": [saved]}),
        DONE,
    )
    assert (room.state("a"), room.opened.run.of("a").message) == (NodeState.FAILED, "no")
    room.begin(quick(b=("TOut", {"value": 1})))
    assert room.state("a") is NodeState.IDLE
    assert room.opened.run.of("a").message == ""
    assert room.state("b") is NodeState.QUEUED
    assert room.opened.run.of("b").preview is not None
    assert room.opened.run.of("o").pictures
    assert room.opened.run.of("o").order is None
    room.tell(started("b"), finished("b", {"images": [saved]}))
    assert room.opened.run.of("b").preview is None, "the result takes its place"


def test_a_cancelled_run_leaves_nobody_running(room: Room) -> None:
    room.begin()
    room.tell(events.NodeCached(RUN, "a", "a", None), started("b"), events.RunCancelled(RUN))
    room.tell(JobEnded(RUN, JobState.CANCELLED, "", 0.1))
    states = [room.state(name) for name in "abo"]
    assert states == [NodeState.CACHED, NodeState.IDLE, NodeState.IDLE]
    assert room.works.queue.ended[0].state is JobState.CANCELLED


def test_problems_are_shown_at_their_nodes(room: Room) -> None:
    room.begin()
    problems = (Problem("x", "first", "a", "TConst"), Problem("x", "second", "a"), Problem("x", "all"))
    room.tell(JobEnded(RUN, JobState.FAILED, "TConst: first (and 2 more)", 0.0, problems))
    status = room.opened.run.of("a")
    assert (status.state, status.message) == (NodeState.FAILED, "first\nsecond")
    assert room.state("b") is NodeState.IDLE


def test_left_out_outputs_and_blocked_nodes_say_why(room: Room) -> None:
    room.works.queue.add(Job("document", "Job", GRAPH, {}, id=RUN))
    room.works.queue.start_next()
    room.tell(JobBegan(RUN, NODES), events.RunStarted(RUN, (), (Problem("x", "no value", "o", "TOut"),)))
    room.tell(events.NodeBlocked(RUN, "b", "b", "switched off"))
    assert room.opened.run.of("o").message == "no value"
    assert (room.state("b"), room.opened.run.of("b").message) == (NodeState.BLOCKED, "switched off")
    room.tell(JobEnded(RUN, JobState.PARTIAL, "", 0.1))
    assert room.state("o") is NodeState.FAILED


def test_nodes_inside_a_subgraph_are_shown_in_the_node_that_stands_for_it(room: Room) -> None:
    inside = ("7:1", "7:2")
    room.begin(quick(**{"7:1": ("TConst", {}), "7:2": ("TOut", {})}))
    assert room.state("7") is NodeState.QUEUED
    room.tell(started(inside[0]), finished(inside[0]))
    assert room.state("7") is NodeState.RUNNING
    room.tell(started(inside[1]), finished(inside[1]))
    assert room.state("7") is NodeState.DONE
    assert "7:1" not in room.opened.run.all()


def test_a_document_that_was_closed_is_left_alone(room: Room) -> None:
    room.begin()
    del room.works.documents["document"]
    room.tell(started("b"), progress("b", 1), finished("b"), DONE)
    assert room.state("b") is NodeState.QUEUED, "as it was when it was closed"
    assert room.works.queue.ended[0].state is JobState.DONE


def test_ephemeral_nodes_show_under_the_node_they_stand_for(room: Room) -> None:
    room.begin()
    inner = (RUN, "a.0.0.1", "a")
    room.tell(started("a"), events.NodeExpanded(RUN, "a", "a", ("a.0.0.1",)), events.NodeStarted(*inner))
    room.refreshed()
    assert room.works.queue.running.node == "TConst"
    room.tell(events.NodeFinished(*inner, {"text": ["done inside"]}, 0.1))
    assert room.state("a") is NodeState.RUNNING
    room.tell(finished("a"))
    assert room.state("a") is NodeState.DONE


def test_every_kind_of_event_is_understood(room: Room) -> None:
    room.begin()
    place = (RUN, "a", "a")
    error = NodeError("no", node_id="a", class_type="TConst", inputs={}, kind="ValueError")
    known = [
        events.RunQueued(RUN),
        events.RunStarted(RUN, ()),
        started("a"),
        progress("a", 1),
        preview("a", 1),
        events.NodeExpanded(*place, ("a.0.0.1",)),
        finished("a"),
        events.NodeCached(*place, None),
        events.NodeFailed(*place, error),
        events.NodeBlocked(*place, ""),
        events.RunFinished(RUN),
        events.RunFailed(RUN, error),
        events.RunCancelled(RUN),
        JobBegan(RUN, NODES),
        DONE,
    ]
    room.tell(*known)
    assert {type(event).__name__ for event in known} == _names(events.RunEvent) - {"RunEvent", "NodeEvent"}

    class Unheard(events.NodeEvent):
        pass

    room.begin()
    with pytest.raises(TypeError, match="nobody knows"):
        room.tell(Unheard(*place))


def _names(kind: type) -> set[str]:
    """Of the class and those below it. Each dataclass with slots is there twice, under one name."""
    return {kind.__name__}.union(*(_names(below) for below in kind.__subclasses__()))


def test_an_image_keeps_its_pixels_when_the_array_goes(room: Room) -> None:
    del room
    array = np.zeros((5, 7, 3), np.uint8)  # 21 bytes a row: not what Qt would pad to
    array[4, 6] = (1, 2, 3)
    image = to_qimage(array)
    array[:] = 255
    assert image.size().toTuple() == (7, 5)
    assert image.format() is QImage.Format.Format_RGB888
    assert image.pixelColor(6, 4) == QColor(1, 2, 3)
    assert image.pixelColor(0, 0) == QColor(0, 0, 0)


@pytest.mark.slow
def test_several_jobs_of_one_document_while_it_is_edited(
    qtbot: QtBot, folders: Folders, open_document: Callable[..., OpenDocument], tmp_path: Path
) -> None:
    """Through the executor: jobs queued one after the other, the nodes they ran in are gone meanwhile."""
    from core.workflow.operations import RemoveNodes

    del tmp_path
    document = read_document(workflow([node(name, "TConst") for name in ("a", "b", "o")])).document
    opened = open_document(document)
    with running(toy_registry(), folders) as works:
        works.documents[opened.key] = opened
        jobs = [
            works.add(quick(a=("TConst", {"value": n}), o=("TOut", {"value": ["a", 0]})), opened.key)
            for n in range(5)
        ]
        opened.do(RemoveNodes(["a"]), "Delete")
        qtbot.waitUntil(works.ended(*jobs), timeout=60_000)
        assert [job.state for job in works.queue.ended] == [JobState.DONE] * 5
        assert opened.run.of("o").texts == ("4",)
        assert "a" not in opened.document.nodes


def test_a_job_knows_the_node_at_which_it_failed_first(room: Room) -> None:
    room.begin()
    error = NodeError("broken", node_id="7:2", class_type="TAdd", inputs={}, kind="ValueError")
    room.tell(events.NodeFailed(RUN, "7:2", "7:2", error), events.NodeFailed(RUN, "b", "b", error), DONE)
    assert room.works.queue.ended[0].failed_node == "7"


def test_a_graph_that_is_refused_knows_the_node_too(room: Room) -> None:
    room.begin()
    problem = Problem("missing", "value is missing", node_id="b")
    room.tell(JobEnded(RUN, JobState.FAILED, "refused", 0.1, (problem,)))
    assert room.works.queue.ended[0].failed_node == "b"
