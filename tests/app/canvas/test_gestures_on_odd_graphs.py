"""Gestures on graphs that are unlike the ready one, or that change while the mouse is down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from helpers.canvas import ALT, MIDDLE, NONE, Mouse, links, steps, undone
from PySide6.QtCore import QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyledItemDelegate
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK
from core.workflow.document import Batch
from core.workflow.operations import MoveNodes, PutGroup, ResizeNode, SetFlag, SetTitle
from core.workflow.records import Group
from core.workflow.wiring import AddReroute

PROMPTS = Group(1, "Prompts", (400, -10, 440, 510))
"""A group around both prompts of the ready graph."""


def test_what_is_dragged_goes_by_whole_units(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.opened.do(Batch((PutGroup(PROMPTS), AddReroute(1, (300, 700)))), "Prepare")
    graph.select(["4"], [1], [1])
    start = graph.nodes["4"].mapToScene(graph.nodes["4"].title_rect().center())
    mouse.drag(start, start + QPointF(33.3, 47.7))
    document = graph.document
    moved = [document.nodes["4"].pos, document.groups[1].bounding[:2], document.reroutes[1].pos]
    assert steps(graph)[0] == "Move group"
    assert all(value == int(value) for pos in moved for value in pos)


def test_fractions_of_a_file_stay_and_a_drag_back_is_no_step(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.opened.do(MoveNodes({"4": (420.25, 540.75)}), "Prepare")
    start = graph.nodes["4"].mapToScene(graph.nodes["4"].title_rect().center())
    mouse.drag(start, start + QPointF(30, 40), start)
    assert steps(graph) == ["Prepare"]
    mouse.drag(start, start + QPointF(30, 40))
    x, y = graph.document.nodes["4"].pos
    assert (x % 1, y % 1) == (0.25, 0.75)


def test_a_resized_node_has_a_whole_size(graph: CanvasGraph, mouse: Mouse) -> None:
    corner = graph.nodes["2"].mapToScene(graph.nodes["2"].resize_rect().center())
    mouse.drag(corner, corner + QPointF(33.3, 47.7))
    assert steps(graph) == ["Resize node"]
    assert all(value == int(value) for value in graph.document.nodes["2"].size)


def test_a_copy_of_a_group_has_what_is_inside(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.opened.do(PutGroup(PROMPTS), "Group")
    before = graph.document.snapshot()
    title = graph.groups[1].mapToScene(graph.groups[1].title_rect().center())
    mouse.drag(title, title + QPointF(0, 400), held=ALT)
    made = graph.document.nodes.keys() - before.nodes.keys()
    assert sorted(graph.document.nodes[key].type for key in made) == ["CLIPTextEncode", "CLIPTextEncode"]
    assert len(graph.document.groups) == 2
    assert steps(graph)[0] == "Duplicate"
    assert undone(graph, before)


def test_an_edit_while_a_node_is_resized_is_not_lost_from_sight(graph: CanvasGraph, mouse: Mouse) -> None:
    node = graph.nodes["2"]
    corner = node.mapToScene(node.resize_rect().center())
    mouse.press(corner)
    mouse.move(corner + QPointF(30, 30))
    graph.opened.do(SetTitle("2", "Another"), "Rename")  # as a run does that sets a seed
    mouse.move(corner + QPointF(40, 40))
    assert node.record.title == "Another"
    mouse.release(corner + QPointF(40, 40))
    assert node.record is graph.document.nodes["2"]
    assert node.record.title == "Another"


def test_an_edit_while_a_group_is_resized_is_not_lost_from_sight(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.opened.do(PutGroup(PROMPTS), "Group")
    group = graph.groups[1]
    corner = group.mapToScene(group.resize_rect().center())
    mouse.press(corner)
    mouse.move(corner + QPointF(30, 30))
    graph.opened.do(PutGroup(replace(PROMPTS, bounding=(400, -10, 600, 700))), "Resize")
    graph.viewer().cancel_gesture()
    assert (group.size.width(), group.size.height()) == (600, 700)
    mouse.release(corner)


@pytest.mark.parametrize("place", [QPointF(0, -15), QPointF(30, -15), QPointF(-6, -15)])
def test_a_link_to_a_collapsed_node_takes_the_first_free_input_that_fits(
    graph: CanvasGraph, mouse: Mouse, place: QPointF
) -> None:
    graph.opened.do(SetFlag(("5",), "collapsed", True), "Collapse")
    number = next(k.id for k in graph.document.links.values() if k.target == "5" and k.origin == "3")
    graph.delete_links_by_user([number])
    before = graph.document.snapshot()
    assert ("3", 0, "5", "negative") not in links(graph)
    mouse.drag(graph.nodes["3"].ports_out[0], graph.nodes["5"].mapToScene(place))
    assert ("3", 0, "5", "negative") in links(graph)
    assert len(links(graph)) == len(before.links) + 1


@pytest.mark.parametrize("width", [90, 150, 210])
def test_a_collapsed_node_is_not_wider_than_it_was(graph: CanvasGraph, width: float) -> None:
    graph.opened.do(Batch((SetTitle("4", "A title " * 6), ResizeNode("4", (width, 106)))), "Prepare")
    open_width = graph.nodes["4"].body().width()
    graph.collapse_by_user("4")
    assert graph.nodes["4"].outline().width() <= open_width


def test_groups_with_one_frame_stay_so_however_often_all_is_arranged(graph: CanvasGraph) -> None:
    around, again = PutGroup(PROMPTS), PutGroup(replace(PROMPTS, key=2))
    graph.opened.do(Batch((around, again)), "Group")
    graph.actions.run("node.arrange", graph)
    first = [group.bounding for group in graph.document.groups.values()]
    assert first[0] == first[1]
    graph.actions.run("node.arrange", graph)
    assert [group.bounding for group in graph.document.groups.values()] == first


def test_the_middle_button_pans_also_right_after_another_click(graph: CanvasGraph, mouse: Mouse) -> None:
    viewer = graph.viewer()
    before = viewer.visible_scene().topLeft()
    mouse.click((700, 700), button=MIDDLE)
    at = mouse.at((700, 700))
    QTest.mouseDClick(viewer.viewport(), MIDDLE, NONE, at)  # what Qt makes of a second press
    mouse.move((800, 700))
    assert viewer.gesture is not None
    mouse.release((800, 700), button=MIDDLE)
    assert viewer.visible_scene().left() < before.x() - 50


def test_a_canvas_that_is_closed_ends_what_the_mouse_does(
    qtbot: QtBot, open_document: Callable[..., OpenDocument]
) -> None:
    canvas = CanvasGraph(open_document(), DARK, Settings())
    viewer = canvas.viewer()
    qtbot.addWidget(viewer)
    viewer.resize(1300, 700)
    viewer.show()
    mouse = Mouse(canvas)
    mouse.press(canvas.nodes["4"])
    mouse.move((900, 800))
    assert viewer.gesture is not None
    canvas.close()
    assert viewer.gesture is None
    assert not canvas.opened.history.undo_labels


def test_the_popup_is_painted_by_one_and_the_same_after_many_openings(graph: CanvasGraph) -> None:
    def painters() -> int:
        return len(graph.search.popup.findChildren(QStyledItemDelegate))

    graph.search.open(QPointF(700, 700))
    before = painters()
    for _ in range(5):
        graph.search.open(QPointF(700, 700))
    graph.search.close()
    assert painters() == before
