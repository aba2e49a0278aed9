from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.workflows import text_to_image, workflow
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest

from app.canvas import menus
from app.canvas.actions import CanvasActions
from app.canvas.graph import CanvasGraph
from app.canvas.graph_edits import whole
from app.canvas.hits import Hit
from app.commands import COMMANDS
from app.settings import Settings
from app.theme import DARK
from core.workflow.comfy_json import read_document, write_document
from core.workflow.edits import clear
from core.workflow.wiring import AddReroute

ACTIONS = CanvasActions()
EDITING = [
    "edit.cut",
    "edit.paste",
    "edit.paste_linked",
    "edit.duplicate",
    "edit.delete",
    "edit.clear",
    *(
        key
        for key in sorted(ACTIONS.handles)
        if key.startswith("node.") and key not in ("node.add", "node.rename")
    ),
]


@pytest.fixture
def graph(qtbot, open_document):
    """Text to image, each node right of and below the one before it, in a window of 800 x 600."""
    form = text_to_image(groups=[{"title": "Texts", "bounding": [290, -70, 590, 300], "color": "#335"}])
    for index, entry in enumerate(form["nodes"]):
        entry["pos"] = [300 * index, 10 * index]
    made = CanvasGraph(open_document(read_document(form).document), DARK, Settings())
    viewer = made.viewer()
    qtbot.addWidget(viewer)
    viewer.resize(800, 600)
    viewer.show()
    viewer.fit()
    yield made
    made.close()


@pytest.fixture
def said(graph):
    sentences: list[str] = []
    graph.message.connect(sentences.append)
    return sentences


def run(graph, command):
    ACTIONS.run(command, graph)


def shot(graph):
    return copy.deepcopy(write_document(graph.document))


def selected(graph):
    return graph.selected_nodes(), graph.selected_groups()


def point_at(graph, x, y):
    """Moves the mouse to a point of the view; where that is in the scene."""
    viewer = graph.viewer()
    for place in (QPoint(x - 5, y), QPoint(x, y)):
        QTest.mouseMove(viewer.viewport(), place)
    return viewer.mapToScene(QPoint(x, y))


def test_every_canvas_command_is_handled():
    wanted = {c.id for c in COMMANDS if c.scope == "canvas" and not c.id.startswith("window.")}
    assert wanted <= ACTIONS.handles
    assert {c.id for c in COMMANDS} >= ACTIONS.handles


@pytest.mark.parametrize("command", EDITING)
def test_every_edit_is_one_step(graph, command):
    graph.select(["6", "7", "3"], [1])
    run(graph, "edit.copy")
    before, steps = shot(graph), len(graph.opened.history.undo_labels)
    run(graph, command)
    after = shot(graph)
    assert after != before
    assert len(graph.opened.history.undo_labels) == steps + 1
    run(graph, "edit.undo")
    assert shot(graph) == before
    run(graph, "edit.redo")
    assert shot(graph) == after


@pytest.mark.parametrize(
    "command", [*(key for key in EDITING if "paste" not in key), "node.rename", "edit.copy"]
)
def test_what_needs_something_says_so(graph, said, command):
    graph.document.apply(clear(graph.document))
    before = shot(graph)
    assert not ACTIONS.enabled(command, graph)
    run(graph, command)
    assert len(said) == 1
    assert said[0].endswith(".")
    assert shot(graph) == before
    assert graph.opened.history.undo_labels == []


def test_undo_and_redo_say_when_there_is_nothing(graph, said):
    assert not ACTIONS.enabled("edit.undo", graph)
    run(graph, "edit.undo")
    run(graph, "edit.redo")
    assert said == ["There is nothing to undo.", "There is nothing to redo."]
    graph.select(["3"])
    run(graph, "node.mute")
    assert ACTIONS.enabled("edit.undo", graph)
    assert not ACTIONS.enabled("edit.redo", graph)


def test_what_is_selected_is_asked_to_run(graph):
    asked = []
    graph.run_requested.connect(asked.append)
    graph.select(["3", "8"])
    run(graph, "run.to_selected")
    assert [sorted(nodes) for nodes in asked] == [["3", "8"]]


def test_copies_land_at_the_mouse_and_are_selected(graph):
    graph.select(["6", "7"])
    run(graph, "edit.copy")
    place = point_at(graph, 300, 400)
    run(graph, "edit.paste")
    nodes, groups = selected(graph)
    assert nodes == ["10", "11"]
    assert groups == []
    x, y = graph.document.nodes["10"].pos
    assert (x, y - 30) == pytest.approx((place.x(), place.y()), abs=1)
    assert graph.document.nodes["10"].inputs[0].link is None
    run(graph, "edit.paste")
    assert graph.document.nodes["12"].pos == (x + 20, y + 20)


def test_copies_land_in_the_middle_while_the_mouse_is_outside(graph):
    graph.select(["6"])
    run(graph, "edit.copy")
    point_at(graph, 5, 5)
    graph.viewer().pan_by(QPointF(-9000, 0))
    run(graph, "edit.paste")
    x, _ = graph.document.nodes["10"].pos
    assert graph.viewer().visible_scene().contains(x, graph.document.nodes["10"].pos[1])


def test_paste_with_links(graph):
    graph.select(["3"])
    run(graph, "edit.copy")
    run(graph, "edit.paste_linked")
    (copied,) = graph.selected_nodes()
    origins = [graph.document.links[s.link].origin for s in graph.document.nodes[copied].inputs]
    assert origins == ["4", "6", "7", "5"]


def test_a_group_is_copied_with_what_is_inside(graph):
    graph.select(groups=[1])
    run(graph, "edit.duplicate")
    nodes, groups = selected(graph)
    assert [graph.document.nodes[n].type for n in nodes] == ["CLIPTextEncode"] * 2
    (key,) = groups
    assert graph.document.groups[key].colour == "#335"
    assert graph.document.groups[key].bounding == (310, -50, 590, 300)


def test_cut_takes_what_was_copied(graph):
    graph.select(groups=[1])
    run(graph, "edit.cut")
    assert {"6", "7"}.isdisjoint(graph.document.nodes)
    assert not graph.document.groups
    run(graph, "edit.paste_linked")
    assert [
        graph.document.links[graph.document.nodes[n].inputs[0].link].origin for n in graph.selected_nodes()
    ] == [
        "4",
        "4",
    ]


def test_deleting_a_group_leaves_what_is_inside(graph):
    graph.select(groups=[1])
    run(graph, "edit.delete")
    assert not graph.document.groups
    assert len(graph.document.nodes) == 7


def test_selected_links_and_points_are_deleted(graph):
    graph.opened.do(AddReroute(1, (250, 60)), "Add reroute")
    graph.opened.do(AddReroute(2, (250, 160)), "Add reroute")
    graph.select(reroutes=[1])
    graph.pipes[2].setSelected(True)
    run(graph, "edit.delete")
    assert graph.document.links[1].reroute is None
    assert 2 not in graph.document.links
    assert not graph.document.reroutes


def test_select_all(graph):
    graph.opened.do(AddReroute(1, (250, 60)), "Add reroute")
    run(graph, "edit.select_all")
    assert selected(graph) == (list(graph.document.nodes), [1])
    assert graph.selected_reroutes() == [1]


def test_select_none(graph):
    run(graph, "edit.select_all")
    run(graph, "edit.select_none")
    assert not graph.selected_nodes()
    assert not graph.selected_groups()


def test_modes_and_flags_of_a_selected_group_are_those_of_its_nodes(graph):
    graph.select(groups=[1])
    run(graph, "node.bypass")
    run(graph, "node.collapse")
    assert {n.id for n in graph.document.nodes.values() if n.mode == 4 and n.collapsed} == {"6", "7"}
    run(graph, "node.bypass")
    assert {n.mode for n in graph.document.nodes.values()} == {0}


def test_a_new_group_is_selected(graph):
    graph.select(["3", "8"])
    run(graph, "node.group")
    assert selected(graph) == ([], [2])
    assert {*graph.chosen().nodes} == {"3", "8"}


def test_nodes_are_aligned_by_the_size_they_are_drawn_with(graph):
    graph.select(["3", "9"])
    run(graph, "node.align_bottom")
    bottoms = [item.sceneBoundingRect().bottom() for key, item in graph.nodes.items() if key in ("3", "9")]
    assert bottoms[0] == pytest.approx(bottoms[1])


def test_what_is_aligned_already_is_no_step(graph):
    graph.select(["3", "9"])
    run(graph, "node.align_left")
    run(graph, "node.align_left")
    assert graph.opened.history.undo_labels == ["Align left"]


def test_arranged_nodes_do_not_overlap_as_they_are_drawn(graph):
    run(graph, "node.arrange")
    boxes = [item.mapRectToScene(item.outline()) for item in graph.nodes.values()]
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_rename_and_add_are_left_to_the_editors(graph, said):
    calls: list[tuple[object, ...]] = []
    graph.editors = SimpleNamespace(
        rename=lambda key: calls.append(("node", key)), rename_group=lambda key: calls.append(("group", key))
    )
    graph.search = SimpleNamespace(open=lambda pos, port: calls.append((pos, port)))
    graph.select(["3"])
    run(graph, "node.rename")
    graph.select(groups=[1])
    run(graph, "node.rename")
    place = point_at(graph, 200, 300)
    run(graph, "node.add")
    assert calls == [("node", "3"), ("group", 1), (place, None)]
    graph.select(["3", "4"])
    run(graph, "node.rename")
    assert said == ["Select one node or one group first."]


def test_the_view_follows(graph):
    viewer = graph.viewer()
    run(graph, "view.zoom_1")
    assert viewer.zoom() == 1
    run(graph, "view.zoom_in")
    assert viewer.zoom() > 1
    run(graph, "view.zoom_out")
    run(graph, "view.zoom_out")
    assert viewer.zoom() < 1
    graph.select(["3"])
    run(graph, "view.fit")
    node = graph.nodes["3"].sceneBoundingRect()
    assert viewer.visible_scene().contains(node)
    assert not viewer.visible_scene().contains(graph.nodes["4"].sceneBoundingRect())
    run(graph, "view.all")
    assert all(viewer.visible_scene().contains(item.sceneBoundingRect()) for item in graph.nodes.values())
    assert graph.opened.history.undo_labels == []


def test_refresh_finds_new_files(graph, said, folders):
    row = next(row for row in graph.nodes["4"].face.rows if row.name == "ckpt_name")
    assert row.problem
    place = folders.places("checkpoints")[0]
    place.mkdir(parents=True, exist_ok=True)
    (place / "sd15.safetensors").touch()
    run(graph, "view.refresh")
    row = next(row for row in graph.nodes["4"].face.rows if row.name == "ckpt_name")
    assert not row.problem
    assert len(said) == 1


def hold(text=None, urls=(), image=None):
    mime = QMimeData()
    if text is not None:
        mime.setText(text)
    if urls:
        mime.setUrls([QUrl(url) for url in urls])
    if image is not None:
        mime.setImageData(image)
    QGuiApplication.clipboard().setMimeData(mime)


@pytest.mark.parametrize("text", ["hello", '{"a": 1}', json.dumps(workflow([])), ""])
def test_pasting_what_is_no_graph_changes_nothing(graph, said, text):
    hold(text)
    before = shot(graph)
    run(graph, "edit.paste")
    assert shot(graph) == before
    assert len(said) == 1
    assert graph.opened.history.undo_labels == []


def test_pasting_tells_what_could_not_be_used(graph, said):
    form = text_to_image()
    form["links"].append("nonsense")
    hold(json.dumps(form))
    run(graph, "edit.paste")
    assert len(graph.document.nodes) == 14
    assert "nonsense" in said[0]


def test_pasted_files_are_treated_as_dropped_ones(graph):
    dropped: list[tuple[object, ...]] = []
    graph.files_dropped.connect(lambda *what: dropped.append(what))
    place = point_at(graph, 100, 100)
    hold(urls=["file:///a.png", "https://example.org/b.png"])
    run(graph, "edit.paste")
    graph.select(["3"])
    run(graph, "edit.paste")
    assert dropped == [([Path("/a.png")], place, ""), ([Path("/a.png")], place, "3")]


def picture(colour=0x123456):
    image = QImage(6, 4, QImage.Format.Format_RGB32)
    image.fill(colour)
    return image


def test_a_pasted_picture_gets_a_node_that_loads_it(graph, folders):
    before = shot(graph)
    place = point_at(graph, 300, 400)
    hold(image=picture())
    run(graph, "edit.paste")
    (node_id,) = graph.selected_nodes()
    node = graph.document.nodes[node_id]
    assert node.type == "LoadImage"
    assert (node.pos[0], node.pos[1] - 30) == whole(place)
    (file,) = folders.input.iterdir()
    assert node.widgets == (file.name,)
    saved = QImage(str(file))
    assert (saved.size(), saved.pixel(5, 3)) == (picture().size(), picture().pixel(5, 3))
    assert not any(row.problem for row in graph.nodes[node_id].face.rows)
    run(graph, "edit.undo")
    assert shot(graph) == before


def test_a_pasted_picture_goes_into_the_selected_loader(graph, folders):
    hold(image=picture())
    run(graph, "edit.paste")
    (loader,) = graph.selected_nodes()
    hold(image=picture(0xFFFFFF))
    run(graph, "edit.paste")
    assert len(graph.nodes) == 8
    assert graph.document.nodes[loader].widgets[0] in {file.name for file in folders.input.iterdir()}
    run(graph, "edit.paste")
    assert len(list(folders.input.iterdir())) == 2  # the same picture is kept once
    assert graph.opened.history.undo_labels == ["Paste picture"] * 2


def test_a_picture_that_cannot_be_kept_changes_nothing(graph, said, folders):
    folders.input.rmdir()
    folders.input.write_text("a file where the folder should be")
    hold(image=picture())
    before = shot(graph)
    run(graph, "edit.paste")
    assert shot(graph) == before
    assert said[0].startswith("The picture cannot be kept")


def test_addresses_of_other_places_are_not_pasted(graph, said):
    hold(urls=["https://example.org/b.png"])
    before = shot(graph)
    run(graph, "edit.paste")
    assert shot(graph) == before
    assert "nothing on the clipboard" in said[0]


def test_copies_go_from_one_document_into_another(graph, qtbot, open_document):
    other = CanvasGraph(open_document(read_document(workflow([])).document), DARK, Settings())
    qtbot.addWidget(other.viewer())
    run(graph, "edit.select_all")
    run(graph, "edit.copy")
    run(other, "edit.paste")
    assert len(other.nodes) == 7
    assert len(other.pipes) == 9
    assert len(other.groups) == 1
    other.close()


def test_a_command_ends_what_the_mouse_is_doing(graph):
    viewer = graph.viewer()
    start = viewer.mapFromScene(graph.nodes["7"].mapToScene(graph.nodes["7"].title_rect().center()))
    before = shot(graph)
    QTest.mousePress(viewer.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for by in (10, 60):
        QTest.mouseMove(viewer.viewport(), start + QPoint(by, by))
    assert viewer.gesture is not None
    run(graph, "edit.delete")
    QTest.mouseMove(viewer.viewport(), start + QPoint(90, 90))
    QTest.mouseRelease(viewer.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(90, 90))
    assert "7" not in graph.document.nodes
    run(graph, "edit.undo")
    assert shot(graph) == before
    assert graph.nodes["7"].pos().x() == 600


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # of menus, without a display
def test_menus_grey_what_has_nothing_to_act_on(graph):
    def enabled() -> dict[str, bool]:
        menu = menus.open_at(graph.viewer(), Hit(QPointF(-500, -500)), QPoint(10, 10))
        found = {action.text().partition("\t")[0]: action.isEnabled() for action in menu.actions()}
        menu.close()
        return found

    assert enabled()["Select All"]
    run(graph, "edit.clear")
    after = enabled()
    assert not after["Select All"]
    assert not after["Arrange All"]
    assert after["Paste"]
