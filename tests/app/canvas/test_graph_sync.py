"""The items on the canvas are those of the document, after whatever edits, and they are few and cheap."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from random import Random

import pytest
from helpers.big_graph import big_graph
from pytestqt.qtbot import QtBot

from app.canvas import node_paint
from app.canvas.graph import CanvasGraph
from app.canvas.node_item import NodeItem
from app.canvas.pipe_item import PipeItem
from app.documents import OpenDocument
from app.run_status import NodeState
from app.settings import Settings
from app.theme import DARK, LIGHT
from core.errors import WorkflowError
from core.nodes.registry import Registry
from core.workflow.document import Batch, GraphDocument, Operation
from core.workflow.new_nodes import new_node
from core.workflow.operations import (
    AddNode,
    MoveNodes,
    PutGroup,
    RemoveGroups,
    RemoveNodes,
    ResizeNode,
    SetFlag,
    SetTitle,
    SetWidget,
)
from core.workflow.records import Group, InputSocket, Node, OutputSocket
from core.workflow.wiring import (
    AddInput,
    AddReroute,
    Connect,
    Disconnect,
    MoveReroutes,
    RemoveInput,
    RemoveReroute,
)

Canvas = Callable[[GraphDocument | None], CanvasGraph]


@pytest.fixture
def canvas(qapp: object, open_document: Callable[..., OpenDocument]) -> Iterator[Canvas]:
    """Canvases that are closed at the end."""
    del qapp
    made: list[CanvasGraph] = []

    def make(document: GraphDocument | None = None) -> CanvasGraph:
        graph = CanvasGraph(open_document(document), DARK, Settings(minimap=False))
        graph.viewer().resize(900, 700)
        made.append(graph)
        return graph

    yield make
    for graph in made:
        graph.close()


def assert_equal(graph: CanvasGraph) -> None:
    """The items are exactly what the document says, and the scene holds nothing else of their kind."""
    document = graph.document
    assert list(graph.nodes) == list(document.nodes)
    for key, record in document.nodes.items():
        item = graph.nodes[key]
        assert item.record is record
        assert (item.x(), item.y()) == record.pos
        assert item.far == item.outline().translated(item.pos())
        assert len(item.ports_out) == len(record.outputs)
        slots = [port.slot for port in item.ports_in if port.slot is not None]
        assert sorted(slots) == list(range(len(record.inputs)))
    live = {link.id: link for link in document.live_links()}
    assert set(graph.pipes) == set(live)
    for key, link in live.items():
        pipe = graph.pipes[key]
        origin = graph.nodes[link.origin].output_at(link.origin_slot)
        target = graph.nodes[link.target].input_at(link.target_slot)
        assert pipe.output_port is origin
        assert pipe.input_port is target
        assert origin is not None
        assert target is not None
        course = pipe.points()
        assert (course[0], course[-1]) == (origin.centre(), target.centre())
        assert all(graph.reroutes[n].pos() in course for n in points_of(document, link.reroute))
    for item in graph.nodes.values():
        for port in item.ports():
            assert set(port.connected_pipes) <= set(graph.pipes.values())
    assert list(graph.groups) == list(document.groups)
    assert all(graph.groups[key].record is record for key, record in document.groups.items())
    assert set(graph.reroutes) == set(document.reroutes)
    items = graph.viewer().scene().items()
    assert {item for item in items if isinstance(item, NodeItem)} == set(graph.nodes.values())
    assert {i for i in items if isinstance(i, PipeItem)} == set(graph.pipes.values())


def points_of(document: GraphDocument, number: int | None) -> Iterator[int]:
    while number is not None and number in document.reroutes:
        yield number
        number = document.reroutes[number].parent


def test_the_ready_graph_is_shown(canvas: Canvas) -> None:
    assert_equal(canvas(None))


def test_random_edits_undo_and_redo_are_followed(canvas: Canvas, registry: Registry) -> None:
    graph = canvas(None)
    random = Random(7)
    done = 0
    for _ in range(400):
        if random.random() < 0.2:
            graph.opened.undo()
        elif random.random() < 0.1:
            graph.opened.redo()
        else:
            done += attempt(graph, some_edit(graph.document, registry, random))
        assert_equal(graph)
    assert done > 100
    for _ in range(done):
        graph.opened.undo()
    assert_equal(graph)


def attempt(graph: CanvasGraph, edit: Operation | None) -> bool:
    if edit is None:
        return False
    try:
        graph.opened.history.do(edit, "Edit")
    except WorkflowError:
        return False
    return True


def some_edit(document: GraphDocument, registry: Registry, random: Random) -> Operation | None:
    """An edit of any kind; some do not fit."""
    keys = list(document.nodes)
    links, points, groups = list(document.links), list(document.reroutes), list(document.groups)
    key = random.choice(keys) if keys else "0"
    node = document.nodes.get(key, Node("0", "none"))
    match random.randrange(13):
        case 0:
            name = random.choice(["KSampler", "VAEDecode", "CLIPTextEncode", "EmptyLatentImage"])
            spec = registry.interface(name)
            assert spec
            return AddNode(new_node(document.new_node_id(), spec, (random.randrange(900), 0)))
        case 1:
            return RemoveNodes(random.sample(keys, min(len(keys), 2)))
        case 2:
            return MoveNodes({k: (random.randrange(900), random.randrange(900)) for k in keys[:3]})
        case 3:
            other = random.choice(keys) if keys else "0"
            return Connect(key, random.randrange(3), other, random.randrange(4))
        case 4:
            return Disconnect([random.choice(links)]) if links else None
        case 5:
            return AddReroute(random.choice(links), (random.randrange(900), 5)) if links else None
        case 6:
            return RemoveReroute(random.choice(points)) if points else None
        case 7:
            return MoveReroutes({random.choice(points): (random.randrange(900), 9)}) if points else None
        case 8:
            return PutGroup(Group(random.randrange(4), bounding=(random.randrange(400), 0, 300, 300)))
        case 9:
            return RemoveGroups([random.choice(groups)]) if groups else None
        case 10:
            return AddInput(key, InputSocket("steps", "INT", widget="steps"))
        case 11:
            return RemoveInput(key, random.randrange(4))
        case _:
            edits: list[Operation] = [
                SetFlag([key], "collapsed", random.choice([True, None])),
                SetTitle(key, random.choice([None, "Title"])),
                ResizeNode(key, (random.randrange(400), random.randrange(400))),
            ]
            if isinstance(node.widgets, tuple) and node.widgets:
                edits.append(SetWidget(key, 0, random.choice([3, "abc", None])))
            return Batch(tuple(edits))


def test_a_moved_node_is_not_worked_out_anew(canvas: Canvas) -> None:
    graph = canvas(None)
    key = next(iter(graph.nodes))
    face = graph.nodes[key].face
    graph.opened.do(MoveNodes({key: (3, 4)}), "Move")
    assert graph.nodes[key].face is face
    graph.opened.do(SetTitle(key, "Other"), "Rename")
    assert graph.nodes[key].face.title == "Other"


def test_sockets_stay_while_a_gesture_holds_them(canvas: Canvas) -> None:
    """An edit of a value must not take away the socket from which a link is being drawn."""
    graph = canvas(None)
    key = next(key for key, item in graph.nodes.items() if item.face.title == "KSampler")
    item = graph.nodes[key]
    ports = item.ports()
    graph.opened.do(SetWidget(key, 2, 33), "Steps")
    graph.opened.do(AddInput(key, InputSocket("steps", "INT", widget="steps")), "Add a socket")
    assert item.ports() == ports
    port = item.row_port(next(i for i, row in enumerate(item.face.rows) if row.name == "steps"))
    assert port is not None
    assert port.slot == len(graph.document.nodes[key].inputs) - 1


def test_sockets_of_one_name_come_and_go(canvas: Canvas) -> None:
    sockets = tuple(InputSocket("image", "IMAGE") for _ in range(3))
    graph = canvas(GraphDocument([Node("1", "OfAPack", inputs=sockets)]))
    for slot in (1, 0, 0):
        graph.opened.do(RemoveInput("1", slot), "Remove a socket")
        assert len(graph.nodes["1"].ports()) == len(graph.document.nodes["1"].inputs)
        assert_equal(graph)
    graph.opened.undo()
    assert_equal(graph)


def test_a_link_taken_off_the_canvas_comes_back(canvas: Canvas) -> None:
    graph = canvas(None)
    key, pipe = next(iter(graph.pipes.items()))
    pipe.delete()
    pipe.delete()
    assert pipe.scene() is None
    graph.mirror.restore_links([key])
    assert_equal(graph)


def test_a_primitive_follows_what_it_feeds(canvas: Canvas, registry: Registry) -> None:
    spec = registry.interface("KSampler")
    assert spec
    target = new_node("1", spec, linked=["steps", "cfg"])
    output = OutputSocket("connect to widget input", "*")
    primitive = Node("2", "PrimitiveNode", outputs=(output,), widgets=(20, "fixed"))
    graph = canvas(GraphDocument([target, primitive]))
    slots = {socket.name: slot for slot, socket in enumerate(target.inputs)}
    graph.opened.do(Connect("2", 0, "1", slots["steps"]), "Connect")
    assert graph.nodes["2"].face.rows[0].label == "steps"
    graph.opened.do(Disconnect(list(graph.document.links)), "Disconnect")
    graph.opened.do(Connect("2", 0, "1", slots["cfg"]), "Connect")
    assert graph.nodes["2"].face.rows[0].label == "cfg"
    assert_equal(graph)


def test_refreshing_finds_files_that_came(canvas: Canvas) -> None:
    graph = canvas(None)
    key = next(key for key, item in graph.nodes.items() if item.record.type == "CheckpointLoaderSimple")
    item = graph.nodes[key]
    assert item.row_problem(0)
    file = graph.folders.models[0] / "checkpoints" / item.face.rows[0].text
    file.parent.mkdir(parents=True)
    file.touch()
    graph.refresh()
    assert item.row_problem(0) == ""
    assert_equal(graph)


def test_many_statuses_are_shown_together(
    qtbot: QtBot, canvas: Canvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = canvas(None)
    shown: list[str] = []
    original = NodeItem.show_status
    monkeypatch.setattr(
        NodeItem, "show_status", lambda item, status: (shown.append(item.id), original(item, status))
    )
    first, second = list(graph.nodes)[:2]
    for step in range(100):
        graph.opened.run.update(first, state=NodeState.RUNNING, progress=step / 100)
        graph.opened.run.update(second, state=NodeState.QUEUED)
    graph.opened.run.update("gone", state=NodeState.DONE)
    qtbot.waitUntil(lambda: len(shown) >= 2)
    assert sorted(shown) == sorted([first, second])
    assert graph.nodes[first].status.progress == 0.99


def test_statuses_of_before_are_shown_when_it_opens(open_document: Callable[..., OpenDocument]) -> None:
    opened = open_document()
    key = next(iter(opened.document.nodes))
    opened.run.update(key, state=NodeState.DONE, order=1)
    graph = CanvasGraph(opened, DARK, Settings())
    assert graph.nodes[key].status.order == 1
    graph.close()


def test_results_survive_that_a_node_is_deleted_and_brought_back(qtbot: QtBot, canvas: Canvas) -> None:
    graph = canvas(None)
    key = next(iter(graph.nodes))
    graph.opened.run.update(key, state=NodeState.DONE, order=1, texts=("a cat",))
    qtbot.waitUntil(lambda: graph.nodes[key].status.order == 1)
    height = graph.nodes[key].body().height()
    graph.opened.do(RemoveNodes([key]), "Delete")
    graph.opened.undo()
    assert graph.nodes[key].status.texts == ("a cat",)
    assert graph.nodes[key].body().height() == height
    assert_equal(graph)


def test_another_theme_reaches_everything(canvas: Canvas) -> None:
    graph = canvas(None)
    dark = graph.viewer().grab().toImage()
    graph.set_theme(LIGHT)
    assert graph.viewer().grab().toImage().pixelColor(2, 2).name() == LIGHT.canvas
    assert all(item.paints.theme is LIGHT for item in graph.nodes.values())
    assert all(pipe.tint == pipe.output_port.brush for pipe in graph.pipes.values())
    graph.set_theme(DARK)
    assert graph.viewer().grab().toImage() == dark


def test_a_closed_canvas_lets_go_of_its_items(
    qtbot: QtBot, open_document: Callable[..., OpenDocument]
) -> None:
    opened = open_document()
    graph = CanvasGraph(opened, DARK, Settings())
    item = weakref.ref(next(iter(graph.nodes.values())))
    viewer = graph.viewer()
    with qtbot.waitSignal(viewer.destroyed):
        graph.close()
    del graph, viewer
    gc.collect()
    assert item() is None
    opened.do(MoveNodes({next(iter(opened.document.nodes)): (1, 2)}), "Move")
    opened.run.update(next(iter(opened.document.nodes)), state=NodeState.DONE)


# --- what it costs


def test_a_node_is_one_item_and_so_is_a_link(canvas: Canvas) -> None:
    graph = canvas(big_graph(50))
    items = len(graph.viewer().scene().items())
    nodes, links = len(graph.document.nodes), len(graph.document.links)
    others = len(graph.groups) + 20  # what NodeGraphQt's view keeps ready
    assert items <= nodes + links + others


def test_moving_a_node_paints_no_other(canvas: Canvas, monkeypatch: pytest.MonkeyPatch, qapp: object) -> None:
    graph = canvas(big_graph(50))
    viewer = graph.viewer()
    viewer.show()
    viewer.set_zoom(0.6)
    viewer.centre_on("10")
    painted: list[str] = []
    original = node_paint.paint

    def paint(painter: object, item: NodeItem, scale: float) -> None:
        painted.append(item.id)
        original(painter, item, scale)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(node_paint, "paint", paint)
    viewer.viewport().repaint()
    painted.clear()
    graph.nodes["10"].moveBy(4, 0)
    graph.settle()
    viewer.viewport().repaint()
    assert set(painted) <= {"10"}


def test_from_afar_no_node_is_painted_by_itself(canvas: Canvas, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = canvas(big_graph(200))
    viewer = graph.viewer()
    viewer.show()
    viewer.fit()
    assert viewer.far()

    def paint(*arguments: object) -> None:
        raise AssertionError("painted by itself")

    monkeypatch.setattr(NodeItem, "paint", paint)
    monkeypatch.setattr(PipeItem, "paint", paint)
    image = viewer.grab().toImage()
    assert image.pixelColor(2, 2).name() == DARK.canvas
    at = viewer.mapFromScene(graph.nodes["1"].far.center()) * image.devicePixelRatio()
    assert image.pixelColor(at).name() == node_paint.far_colour(graph.nodes["1"]).name()


def test_the_overview_follows_a_moved_node_without_being_made_anew(canvas: Canvas) -> None:
    graph = canvas(big_graph(20))
    graph.viewer().set_zoom(0.1)
    graph.viewer().grab()
    far = graph.nodes["1"].far
    graph.nodes["1"].moveBy(-500, 0)
    graph.settle()
    assert graph.nodes["1"].far is far
    assert graph.overview.bounds().left() == -500
    line = graph.pipes[1].far[0]
    assert line.p1() == graph.pipes[1].output_port.centre()


def test_a_thousand_nodes_open_and_repaint_in_time(canvas: Canvas, qapp: object) -> None:
    """Wide limits: they only catch what makes it slower by an order."""
    document = big_graph(1000)
    start = time.thread_time()
    graph = canvas(document)
    viewer = graph.viewer()
    viewer.resize(1400, 900)
    viewer.show()
    viewer.fit()
    viewer.viewport().repaint()
    assert time.thread_time() - start < 3
    viewer.viewport().repaint()
    start = time.thread_time()
    viewer.viewport().repaint()
    assert time.thread_time() - start < 0.2
