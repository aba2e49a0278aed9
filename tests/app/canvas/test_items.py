"""What items look like and where their parts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QImage, QPixmap
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.node_item import NodeItem, Part
from app.canvas.node_socket import Shape
from app.documents import OpenDocument
from app.run_status import NodeState
from app.settings import Settings
from app.theme import DARK, LIGHT, TITLE_HEIGHT, Theme
from core.nodes.registry import Registry
from core.workflow.document import GraphDocument
from core.workflow.new_nodes import new_node
from core.workflow.operations import ResizeNode, SetFlag, SetMode
from core.workflow.records import (
    BYPASSED,
    MUTED,
    DocumentLink,
    Group,
    InputSocket,
    Node,
    OutputSocket,
    Reroute,
)

Shown = Callable[..., CanvasGraph]


class PictureFiles(QObject):
    """Pictures of one size that are there from the start, or once `arrive` is called."""

    ready = Signal(object)

    def __init__(self, width: int = 200, height: int = 100, *, there: bool = True) -> None:
        super().__init__()
        self._picture = QPixmap(width, height)
        self._picture.fill(QColor("#ff00ff"))
        self._there = there

    def thumbnail(self, path: Path, size_px: int) -> QPixmap | None:
        del path, size_px
        return self._picture if self._there else None

    def arrive(self, path: Path) -> None:
        self._there = True
        self.ready.emit(path)


@pytest.fixture
def shown(qapp: object, open_document: Callable[..., OpenDocument]) -> Iterator[Shown]:
    """A canvas with nodes, in a window of its own at a zoom of 1."""
    del qapp
    graphs: list[CanvasGraph] = []

    def made(
        *nodes: Node,
        links: tuple[DocumentLink, ...] = (),
        groups: tuple[Group, ...] = (),
        reroutes: tuple[Reroute, ...] = (),
        theme: Theme = DARK,
        preferences: Settings | None = None,
        pictures: PictureFiles | None = None,
    ) -> CanvasGraph:
        opened = open_document(GraphDocument(nodes, links, groups, reroutes))
        graph = CanvasGraph(opened, theme, preferences or Settings(minimap=False), thumbnails=pictures)
        graphs.append(graph)
        viewer = graph.viewer()
        viewer.resize(900, 700)
        viewer.show()
        viewer.set_zoom(1.0)
        viewer.centre_at(QPointF(300, 250))
        return graph

    yield made
    for graph in graphs:
        graph.close()


@pytest.fixture
def sampler(registry: Registry) -> Node:
    spec = registry.interface("KSampler")
    assert spec
    return new_node("1", spec, (100, 100), values={"sampler_name": "euler", "scheduler": "normal"})


def item_of(graph: CanvasGraph, node_id: str = "1") -> NodeItem:
    return graph.nodes[node_id]


def row_index(item: NodeItem, name: str) -> int:
    return next(i for i, row in enumerate(item.face.rows) if row.name == name)


def show_status(qtbot: QtBot, graph: CanvasGraph, node_id: str = "1", **fields: Any) -> None:
    """Changes a node's status and waits until the node shows it."""
    graph.opened.run.update(node_id, **fields)
    wanted = graph.opened.run.of(node_id)
    qtbot.waitUntil(lambda: graph.nodes[node_id].status is wanted)


def colour_at(graph: CanvasGraph, x: float, y: float) -> QColor:
    """The colour at a point of the scene, as painted."""
    viewer = graph.viewer()
    image = viewer.viewport().grab().toImage()
    at = viewer.mapFromScene(QPointF(x, y)) * image.devicePixelRatio()
    return image.pixelColor(at)


# --- parts


def test_a_node_is_where_its_document_says(shown: Shown, sampler: Node) -> None:
    item = item_of(shown(sampler))
    assert (item.x(), item.y()) == sampler.pos
    assert item.body().topLeft() == QPointF(0, 0)
    assert item.title_rect() == QRectF(0, -TITLE_HEIGHT, item.body().width(), TITLE_HEIGHT)
    assert item.body().width() == sampler.size[0]
    assert item.boundingRect().contains(item.outline())


def test_parts_are_found_where_they_are_drawn(shown: Shown, sampler: Node) -> None:
    item = item_of(shown(sampler))
    body = item.body()
    assert item.part_at(QPointF(12, -15)) is Part.COLLAPSE
    assert item.part_at(QPointF(80, -15)) is Part.TITLE
    assert item.part_at(QPointF(60, 30)) is Part.BODY
    assert item.part_at(body.bottomRight() - QPointF(2, 2)) is Part.RESIZE
    for index in range(len(item.face.rows)):
        centre = item.row_rect(index).center()
        assert item.row_at(centre) == index
        assert item.part_at(centre) is Part.ROW
        assert item.row_rect(index).contains(item.field_rect(index))
    assert item.row_at(QPointF(60, 30)) == -1


def test_rows_lie_below_each_other_inside_the_body(shown: Shown, sampler: Node) -> None:
    item = item_of(shown(replace(sampler, size=(20, 20))))
    rows = [item.row_rect(index) for index in range(len(item.face.rows))]
    assert all(above.bottom() <= below.top() for above, below in pairwise(rows))
    assert all(item.body().contains(row) for row in rows)
    assert all(item.body().bottom() >= port.centre_y for port in item.ports())


def test_only_numbers_have_arrows_at_both_ends(shown: Shown, sampler: Node) -> None:
    item = item_of(shown(sampler))
    steps, choice = item.field_rect(row_index(item, "steps")), item.field_rect(row_index(item, "scheduler"))
    ends = [QPointF(steps.left() + 5, steps.center().y()), QPointF(steps.right() - 5, steps.center().y())]
    assert [item.step_at(end) for end in ends] == [-1, 1]
    assert item.step_at(steps.center()) == 0
    assert item.step_at(QPointF(choice.left() + 5, choice.center().y())) == 0


def test_long_text_takes_the_height_that_is_left(shown: Shown, registry: Registry) -> None:
    spec = registry.interface("CLIPTextEncode")
    assert spec
    graph = shown(replace(new_node("1", spec), size=(300, 200)))
    item = item_of(graph)
    low = item.row_rect(0).height()
    assert item.body().height() == 200
    assert item.body().bottom() - item.row_rect(0).bottom() < 10
    graph.opened.do(ResizeNode("1", (300, 300)), "Resize")
    assert item.row_rect(0).height() == low + 100
    graph.opened.do(ResizeNode("1", (300, 10)), "Resize")
    assert item.row_rect(0).height() > 40


def test_a_collapsed_node_is_its_title(shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    item = item_of(graph)
    graph.opened.do(SetFlag(["1"], "collapsed", True), "Collapse")
    assert item.body().height() == 0
    assert item.outline().height() == TITLE_HEIGHT
    assert {(port.centre_x, port.centre_y) for port in item.ports_in} == {(0, -15)}
    assert item.row_at(QPointF(30, 60)) == -1
    assert item.resize_rect().isEmpty()
    graph.opened.undo()
    assert item.body().height() >= 200


def test_every_row_that_takes_a_link_has_a_socket(shown: Shown, sampler: Node) -> None:
    item = item_of(shown(sampler))
    names = [port.input_name for port in item.ports_in]
    assert names[:4] == ["model", "positive", "negative", "latent_image"]
    assert names[4:] == ["seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"]
    assert [port.slot for port in item.ports_in] == [0, 1, 2, 3, *[None] * 6]
    for port in item.ports_in[4:]:
        row = item.row_rect(row_index(item, port.input_name))
        assert row.top() < port.centre_y < row.bottom()
        assert port.centre() == QPointF(100 + port.centre_x, 100 + port.centre_y)
        assert item.row_port(row_index(item, port.input_name)) is port


def test_kinds_of_sockets_differ_by_shape(shown: Shown) -> None:
    types = ["IMAGE", "INT", "FLOAT,INT", "*"]
    node = Node("1", "OfAPack", inputs=tuple(InputSocket(wire, wire) for wire in types))
    shapes = [port.shape_kind for port in item_of(shown(node)).ports_in]
    assert shapes == [Shape.CIRCLE, Shape.SQUARE, Shape.SQUARE, Shape.DIAMOND]


def test_an_output_that_is_a_list_is_a_diamond(shown: Shown, registry: Registry) -> None:
    spec = registry.interface("KSampler")
    assert spec
    listed = Registry([replace(spec, outputs=(replace(spec.outputs[0], is_list=True),))])
    graph = shown(new_node("1", spec))
    graph.opened.registry = listed
    graph.refresh()
    assert item_of(graph).ports_out[0].shape_kind is Shape.DIAMOND


# --- runs


def test_results_grow_the_body_on_screen_only(qtbot: QtBot, shown: Shown, registry: Registry) -> None:
    spec = registry.interface("PreviewImage")
    assert spec
    graph = shown(replace(new_node("1", spec), size=(220, 30)), pictures=PictureFiles())
    item = item_of(graph)
    before = item.body().height()
    show_status(qtbot, graph, state=NodeState.DONE, pictures=(Path("a.png"), Path("b.png")))
    assert item.body().height() > before + 80
    assert graph.document.nodes["1"].size == (220, 30)
    assert not graph.opened.is_dirty
    first, second = item.picture_cells()
    assert item.picture_at(first.center()) == 0
    assert item.picture_at(second.center()) == 1
    assert item.picture_at(QPointF(5, 5)) == -1
    assert item.part_at(first.center()) is Part.PICTURE
    show_status(qtbot, graph, pictures=())
    assert item.body().height() == before


def test_a_picture_keeps_its_shape(qtbot: QtBot, shown: Shown, registry: Registry) -> None:
    spec = registry.interface("PreviewImage")
    assert spec
    graph = shown(replace(new_node("1", spec), size=(220, 30)), pictures=PictureFiles(200, 100))
    item = item_of(graph)
    show_status(qtbot, graph, pictures=(Path("a.png"),))
    area = item.layout.picture
    assert area.height() / area.width() == pytest.approx(0.5, abs=0.05)


def test_a_picture_that_comes_later_is_laid_out_then(qtbot: QtBot, shown: Shown, registry: Registry) -> None:
    spec = registry.interface("PreviewImage")
    assert spec
    pictures = PictureFiles(100, 200, there=False)
    graph = shown(replace(new_node("1", spec), size=(220, 30)), pictures=pictures)
    item = item_of(graph)
    show_status(qtbot, graph, pictures=(Path("a.png"),))
    before = item.body().height()
    pictures.arrive(Path("other.png"))
    assert item.body().height() == before
    pictures.arrive(Path("a.png"))
    assert item.body().height() > before


def test_pictures_are_asked_for_in_the_size_they_are_shown_in(
    qtbot: QtBot, shown: Shown, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = registry.interface("PreviewImage")
    assert spec
    pictures = PictureFiles()
    graph = shown(replace(new_node("1", spec), size=(420, 30)), pictures=pictures)
    show_status(qtbot, graph, pictures=(Path("a.png"),))
    sizes: list[int] = []
    original = pictures.thumbnail
    monkeypatch.setattr(
        pictures, "thumbnail", lambda path, size: (sizes.append(size), original(path, size))[1]
    )
    for zoom in (1.0, 2.0):
        graph.viewer().set_zoom(zoom)
        graph.viewer().centre_on("1")
        graph.viewer().grab()
    assert max(sizes) == pytest.approx(800, abs=10)


def test_texts_of_results_are_shown_below_the_rows(qtbot: QtBot, shown: Shown) -> None:
    graph = shown(Node("1", "OfAPack", size=(200, 40)))
    item = item_of(graph)
    before = item.body().height()
    show_status(qtbot, graph, state=NodeState.DONE, texts=("a cat", "a dog"))
    assert item.body().height() > before
    assert item.body().contains(item.layout.text)
    show_status(qtbot, graph, texts=())
    assert item.body().height() == before


def test_a_preview_is_painted_while_it_runs(qtbot: QtBot, shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    item = item_of(graph)
    preview = QImage(64, 64, QImage.Format.Format_RGB32)
    preview.fill(QColor("#00ff00"))
    show_status(qtbot, graph, state=NodeState.RUNNING, progress=0.5, preview=preview)
    middle = item.mapToScene(item.layout.picture.center())
    assert colour_at(graph, middle.x(), middle.y()) == QColor("#00ff00")
    show_status(qtbot, graph, state=NodeState.DONE, preview=None, progress=None)
    assert item.layout.picture.isEmpty()


def test_progress_is_a_bar_below_the_title(qtbot: QtBot, shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    width = item_of(graph).body().width()
    show_status(qtbot, graph, state=NodeState.RUNNING, progress=0.5)
    accent = QColor(DARK.accent)
    assert colour_at(graph, 100 + width * 0.4, 102) == accent
    assert colour_at(graph, 100 + width * 0.6, 102) != accent
    show_status(qtbot, graph, progress=0.75)
    assert colour_at(graph, 100 + width * 0.6, 102) == accent


def test_previews_can_be_switched_off(qtbot: QtBot, shown: Shown, sampler: Node) -> None:
    graph = shown(sampler, pictures=PictureFiles())
    item = item_of(graph)
    show_status(qtbot, graph, pictures=(Path("a.png"),))
    assert not item.layout.picture.isEmpty()
    graph.set_settings(Settings(previews=False, minimap=False))
    assert item.layout.picture.isEmpty()


def test_an_error_is_told_below_the_node_and_at_the_pointer(
    qtbot: QtBot, shown: Shown, sampler: Node
) -> None:
    graph = shown(sampler)
    item = item_of(graph)
    bottom = item.outline().bottom()
    show_status(qtbot, graph, state=NodeState.FAILED, message="The model takes 4 channels.")
    assert item.tooltip_at(QPointF(60, 30)) == "The model takes 4 channels."
    assert item.boundingRect().bottom() >= bottom + 27
    strip = item.mapToScene(QPointF(4, bottom + 16))
    assert colour_at(graph, strip.x(), strip.y()) == QColor(DARK.danger)


def test_the_order_of_the_run_can_be_hidden(qtbot: QtBot, shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    show_status(qtbot, graph, state=NodeState.DONE, order=3)
    with_badge = graph.viewer().grab().toImage()
    graph.set_settings(Settings(badges=False, minimap=False))
    assert graph.viewer().grab().toImage() != with_badge


def test_what_is_wrong_with_a_row_can_be_read(shown: Shown, registry: Registry) -> None:
    spec = registry.interface("CheckpointLoaderSimple")
    assert spec
    item = item_of(shown(new_node("1", spec, values={"ckpt_name": "gone.safetensors"})))
    assert "gone.safetensors" in item.row_problem(0)
    assert item.tooltip_at(item.row_rect(0).center()) == item.row_problem(0)
    unknown = item_of(shown(Node("1", "OfAPack")))
    assert "does not know" in unknown.tooltip_at(QPointF(60, -15))


# --- looks


def test_muted_nodes_are_pale_and_bypassed_ones_violet(shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    plain = colour_at(graph, 180, 150)
    graph.opened.do(SetMode(["1"], MUTED), "Mute")
    muted = colour_at(graph, 180, 150)
    graph.opened.do(SetMode(["1"], BYPASSED), "Bypass")
    bypassed = colour_at(graph, 180, 150)
    canvas = QColor(DARK.canvas)
    assert abs(muted.lightness() - canvas.lightness()) < abs(plain.lightness() - canvas.lightness())
    assert bypassed.hslSaturation() > plain.hslSaturation() + 20


def test_colours_of_the_file_are_painted(shown: Shown, sampler: Node) -> None:
    graph = shown(replace(sampler, colour="#322", background="#553333"))
    assert colour_at(graph, 180, 150) == QColor("#553333")
    assert colour_at(graph, 300, 92) == QColor("#332222")
    graph.set_theme(LIGHT)
    assert colour_at(graph, 180, 150).lightness() > 180


def test_a_broken_colour_is_the_themes(shown: Shown, sampler: Node) -> None:
    graph = shown(replace(sampler, background="no colour"), groups=(Group(1, colour="#12"),))
    assert colour_at(graph, 180, 150) == QColor(DARK.node)


def test_text_scale_enlarges_texts_as_far_as_rows_hold_them(shown: Shown, sampler: Node) -> None:
    heights = {
        scale: item_of(
            shown(sampler, preferences=Settings(text_scale=scale, minimap=False))
        ).paints.row.height
        for scale in (0.5, 1.0, 1.2, 3.0)
    }
    assert heights[0.5] < heights[1.0] < heights[1.2] < heights[3.0]
    field = item_of(shown(sampler)).field_rect(0)
    assert heights[3.0] <= field.height()


def test_sockets_can_be_dimmed(shown: Shown, sampler: Node) -> None:
    graph = shown(sampler)
    port = item_of(graph).ports_out[0]
    at = port.centre()
    bright = colour_at(graph, at.x(), at.y())
    assert bright == port.brush
    port.dimmed = True
    assert colour_at(graph, at.x(), at.y()) != bright


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_sockets_and_texts_stand_out(theme: Theme) -> None:
    """As WCAG AA asks: 3 to 1 for shapes, 4.5 to 1 for texts."""
    for colour in (*theme.sockets.values(), theme.socket_other, theme.node_selected, theme.accent):
        assert contrast(colour, theme.canvas) >= 3
    texts = [("row_text", "row"), ("row_label", "row"), ("row_text", "node"), ("text", "note")]
    texts += [("node_title_text", "node_title"), ("node_title_text", "unknown"), ("danger", "row")]
    for text, ground in texts:
        assert contrast(getattr(theme, text), getattr(theme, ground)) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(QColor(one)), luminance(QColor(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- links, points, groups


def two_nodes(*, reroute: int | None = None) -> dict[str, Any]:
    origin = Node("1", "A", (0, 0), (140, 60), outputs=(OutputSocket("IMAGE", "IMAGE", (1,)),))
    target = Node("2", "B", (400, 200), (140, 60), inputs=(InputSocket("image", "IMAGE", 1),))
    return {"nodes": (origin, target), "links": (DocumentLink(1, "1", 0, "2", 0, "IMAGE", reroute),)}


def test_a_link_leads_from_socket_to_socket(shown: Shown) -> None:
    parts = two_nodes()
    graph = shown(*parts["nodes"], links=parts["links"])
    pipe = graph.pipes[1]
    course = pipe.points()
    assert course[0] == item_of(graph, "1").ports_out[0].centre()
    assert course[-1] == item_of(graph, "2").ports_in[0].centre()
    assert pipe.sceneBoundingRect().contains(pipe.middle())
    assert pipe.shape().contains(pipe.mapFromScene(pipe.middle()))
    middle = pipe.middle()
    assert colour_at(graph, middle.x(), middle.y()) == QColor(DARK.socket("IMAGE"))


def test_a_link_runs_through_its_points_in_order(shown: Shown) -> None:
    parts = two_nodes(reroute=2)
    points = (Reroute(1, (200, -50), (1,)), Reroute(2, (250, 300), (1,), 1))
    graph = shown(*parts["nodes"], links=parts["links"], reroutes=points)
    pipe = graph.pipes[1]
    course = pipe.points()
    first, second = course.index(QPointF(200, -50)), course.index(QPointF(250, 300))
    assert 0 < first < second < len(course) - 1
    assert [pipe.segment_at(course[i]) for i in (first - 2, first + 2, second + 2)] == [0, 1, 2]
    assert graph.reroutes[1].tint == pipe.tint
    graph.reroutes[2].setPos(260, 320)
    graph.settle()
    assert QPointF(260, 320) in pipe.points()


@pytest.mark.parametrize("end", [(400, 0), (5, 3), (-400, 0), (-300, 500), (0, 300), (0, 0)])
def test_a_link_stays_inside_its_bounds(shown: Shown, end: tuple[float, float]) -> None:
    parts = two_nodes()
    graph = shown(parts["nodes"][0], replace(parts["nodes"][1], pos=end), links=parts["links"])
    pipe = graph.pipes[1]
    bounds = pipe.sceneBoundingRect()
    assert all(bounds.contains(point) for point in pipe.points())


def test_a_group_knows_its_parts_and_lies_below_those_inside(shown: Shown, sampler: Node) -> None:
    around, inner = Group(0, bounding=(80, 40, 400, 500)), Group(1, bounding=(90, 60, 50, 40))
    graph = shown(sampler, groups=(around, inner))
    item = graph.groups[0]
    assert item.part_at(QPointF(50, 10)) is Part.TITLE
    assert item.part_at(QPointF(50, 200)) is Part.BODY
    assert item.part_at(QPointF(396, 496)) is Part.RESIZE
    assert graph.groups[1].zValue() > item.zValue()


@pytest.mark.parametrize("size", [None, 60, "large", True, float("nan"), -5])
def test_any_font_size_of_a_group_is_painted(shown: Shown, size: object) -> None:
    extra = {} if size is None else {"font_size": size}
    graph = shown(groups=(Group(0, "Title", (100, 100, 300, 200), extra=extra),))
    assert 8 <= graph.groups[0].font_pixels() <= 200
    assert colour_at(graph, 250, 280) != QColor(DARK.canvas)


_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, -1, 1e300, -1e300, 1e-300])
_POINTS = st.tuples(_NUMBERS, _NUMBERS)
_WORDS = st.text(max_size=12) | st.sampled_from(["#", "#12345", "red", "a\u2028b", "\0", "x" * 5000])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pos=_POINTS,
    size=_POINTS,
    words=_WORDS,
    class_type=st.sampled_from(["KSampler", "OfAPack", "Note", "Reroute", "PrimitiveNode", "LoadImage"]),
    values=st.lists(st.none() | st.booleans() | st.floats() | st.integers() | _WORDS, max_size=7),
    mode=st.sampled_from([0, 2, 4, -3]),
    collapsed=st.booleans(),
    font=st.none() | st.floats() | _WORDS,
)
def test_whatever_a_file_says_is_painted(shown: Shown, **facts: Any) -> None:
    node = Node(
        "1",
        facts["class_type"],
        facts["pos"],
        facts["size"],
        facts["words"],
        facts["mode"],
        inputs=(InputSocket("a", "*", 1),),
        outputs=(OutputSocket("b", facts["words"], (1,)),),
        widgets=tuple(facts["values"]),
        colour=facts["words"],
        background=facts["words"],
        flags={"collapsed": facts["collapsed"]},
    )
    group = Group(
        0, facts["words"], (*facts["pos"], *facts["size"]), facts["words"], {"font_size": facts["font"]}
    )
    link = DocumentLink(1, "1", 0, "1", 0, "*", 1)
    graph = shown(node, links=(link,), groups=(group,), reroutes=(Reroute(1, facts["size"], (1,), 1),))
    graph.opened.run.update("1", state=NodeState.FAILED, message=facts["words"], texts=(facts["words"],))
    for zoom in (1.0, 0.4, 0.1):
        graph.viewer().set_zoom(zoom)
        graph.viewer().centre_on("1") if zoom == 1.0 else graph.viewer().centre_at(graph.nodes["1"].pos())
        graph.viewer().grab()
    graph.select(["1"], [0], [1])
    graph.viewer().grab()


def test_links_of_a_selected_node_stand_out(shown: Shown) -> None:
    parts = two_nodes()
    graph = shown(*parts["nodes"], links=parts["links"])
    plain = graph.viewer().grab().toImage()
    middle = graph.pipes[1].middle()
    beside = graph.viewer().mapFromScene(middle + QPointF(2, -1))
    graph.select(["1"])
    assert graph.viewer().grab().toImage().pixelColor(beside) != plain.pixelColor(beside)
    graph.select()
    assert graph.viewer().grab().toImage() == plain
