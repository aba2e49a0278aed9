"""Drawing, moving and cutting links with the mouse. Each gesture is one undo step."""

from __future__ import annotations

from itertools import pairwise

import pytest
from helpers.canvas import ALT, CTRL, RIGHT, SHIFT, Mouse, field, links, ports, steps, undone
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.linking import Fits


def test_drag_from_an_output_to_an_occupied_input_replaces_its_link(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    negative = ports(graph.nodes["5"])["negative"]
    mouse.drag(graph.nodes["2"].ports_out[0], negative)
    assert ("2", 0, "5", "negative") in links(graph)
    assert ("3", 0, "5", "negative") not in links(graph)
    assert steps(graph) == ["Connect"]
    assert undone(graph, before)


def test_drag_from_a_free_input_to_an_output(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(ports(graph.nodes["5"])["model"], CTRL | ALT)
    assert steps(graph) == ["Disconnect"]
    mouse.drag(ports(graph.nodes["5"])["model"], graph.nodes["1"].ports_out[0])
    assert ("1", 0, "5", "model") in links(graph)
    assert steps(graph) == ["Connect", "Disconnect"]


def test_dragging_the_end_of_a_link_moves_it_and_keeps_its_output(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    sampler = ports(graph.nodes["5"])
    mouse.drag(sampler["negative"], sampler["positive"])
    assert ("3", 0, "5", "positive") in links(graph)
    assert not [k for k in links(graph) if k[3] == "negative"]
    assert steps(graph) == ["Move link"]
    assert undone(graph, before)


def test_a_link_that_is_moved_keeps_its_points(graph: CanvasGraph, mouse: Mouse) -> None:
    link = next(k.id for k in graph.document.links.values() if k.origin == "3")
    graph.add_reroutes_by_user({link: graph.pipes[link].middle()})
    before = graph.document.snapshot()
    sampler = ports(graph.nodes["5"])
    mouse.drag(sampler["negative"], sampler["positive"])
    assert ("3", 0, "5", "positive") in links(graph)
    assert graph.document.links[link].reroute is not None
    assert graph.document.reroutes == before.reroutes
    assert undone(graph, before)


def test_an_end_let_go_on_empty_canvas_is_disconnected(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag(ports(graph.nodes["5"])["negative"], (840, 620))
    assert ("3", 0, "5", "negative") not in links(graph)
    assert steps(graph) == ["Disconnect"]
    assert undone(graph, before)


def test_an_end_put_back_changes_nothing(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    negative = ports(graph.nodes["5"])["negative"]
    mouse.drag(negative, (840, 620), negative)
    assert graph.document == before
    assert steps(graph) == []
    assert all(pipe.isVisible() for pipe in graph.pipes.values())


def test_shift_moves_all_links_of_an_output_at_once(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.drag(graph.nodes["2"].ports_out[0], ports(graph.nodes["5"])["negative"])
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["2"].ports_out[0], graph.nodes["3"].ports_out[0], held=SHIFT)
    assert [k for k in links(graph) if k[2] == "5" and k[0] in "23"] == [
        ("3", 0, "5", "negative"),
        ("3", 0, "5", "positive"),
    ]
    assert steps(graph)[0] == "Move links"
    assert undone(graph, before)


def test_ctrl_alt_click_takes_all_links_of_a_socket_away(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.click(graph.nodes["1"].ports_out[1], CTRL | ALT)
    assert not [k for k in links(graph) if k[:2] == ("1", 1)]
    assert steps(graph) == ["Disconnect"]
    assert undone(graph, before)


def test_a_drop_near_a_socket_snaps_to_the_nearest_that_fits(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(ports(graph.nodes["5"])["latent_image"], CTRL | ALT)
    latent = ports(graph.nodes["5"])["latent_image"].centre()
    output = graph.nodes["4"].ports_out[0]
    mouse.press(output)
    mouse.move(latent + QPointF(-30, 5))
    live = mouse.viewer.live_link
    assert live.isVisible()
    assert live.path().pointAtPercent(0.5).x() < latent.x()
    assert ports(graph.nodes["5"])["model"].dimmed
    assert not ports(graph.nodes["5"])["latent_image"].dimmed
    mouse.release(latent + QPointF(-30, 5))
    assert ("4", 0, "5", "latent_image") in links(graph)
    assert not any(p.dimmed for node in graph.nodes.values() for p in node.ports())


def test_a_drop_on_a_body_takes_the_first_free_input_that_fits(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(ports(graph.nodes["5"])["negative"], CTRL | ALT)
    sampler = graph.nodes["5"]
    mouse.drag(graph.nodes["2"].ports_out[0], sampler.mapToScene(sampler.title_rect().center()))
    assert ("2", 0, "5", "negative") in links(graph)
    assert steps(graph) == ["Connect", "Disconnect"]


def test_a_drop_on_a_body_without_a_free_input_is_refused(
    graph: CanvasGraph, mouse: Mouse, said: list[str]
) -> None:
    sampler = graph.nodes["5"]
    mouse.drag(graph.nodes["2"].ports_out[0], sampler.mapToScene(sampler.title_rect().center()))
    assert said == ["KSampler has no free input that takes CONDITIONING."]
    assert steps(graph) == []


def test_a_drop_on_a_value_row_gives_it_a_socket(graph: CanvasGraph, mouse: Mouse) -> None:
    node_id = graph.add_by_user("PrimitiveInt", QPointF(420, 720))
    assert node_id is not None
    before = graph.document.snapshot()
    mouse.drag(graph.nodes[node_id].ports_out[0], field(graph.nodes["5"], "steps", 0.3))
    assert (node_id, 0, "5", "steps") in links(graph)
    assert graph.document.nodes["5"].inputs[-1].widget == "steps"
    assert steps(graph)[0] == "Connect"
    assert undone(graph, before)


def test_wrong_types_are_refused_with_both_names(graph: CanvasGraph, mouse: Mouse, said: list[str]) -> None:
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["1"].ports_out[2], ports(graph.nodes["5"])["positive"])
    assert said == ["VAE does not fit positive of KSampler, which takes CONDITIONING."]
    assert graph.document == before
    assert steps(graph) == []


def test_a_loop_is_refused(graph: CanvasGraph, mouse: Mouse, said: list[str]) -> None:
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["5"].ports_out[0], ports(graph.nodes["5"])["latent_image"])
    assert said == ["That link would make a loop: KSampler would wait for its own result."]
    assert graph.document == before


def test_a_click_on_a_socket_leaves_nothing_hanging(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(graph.nodes["1"].ports_out[0])
    assert mouse.viewer.gesture is None
    mouse.click(ports(graph.nodes["5"])["model"])
    assert steps(graph) == []
    assert ("1", 0, "5", "model") in links(graph)


@pytest.mark.parametrize("start", ["output", "input"])
def test_escape_ends_a_link_that_is_being_drawn(graph: CanvasGraph, mouse: Mouse, start: str) -> None:
    before = graph.document.snapshot()
    sampler = ports(graph.nodes["5"])
    begin = graph.nodes["2"].ports_out[0] if start == "output" else sampler["positive"]
    mouse.drag(begin, sampler["negative"], cancel=True)
    assert graph.document == before
    assert steps(graph) == []
    assert mouse.viewer.gesture is None
    assert all(pipe.isVisible() for pipe in graph.pipes.values())
    assert not any(p.dimmed for node in graph.nodes.values() for p in node.ports())


def test_a_drop_on_empty_canvas_offers_nodes_that_fit(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.drag(graph.nodes["4"].ports_out[0], (840, 640))
    popup = graph.search.popup
    assert popup.isVisible()
    assert not mouse.viewer.live_link.isVisible()
    popup.cancel()
    assert mouse.viewer.gesture is None
    assert steps(graph) == []


def test_the_first_node_that_fits_is_added_and_linked_by_enter(
    graph: CanvasGraph, mouse: Mouse, qtbot: QtBot
) -> None:
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["4"].ports_out[0], (840, 640))
    entry = graph.search.popup.findChild(QLineEdit)
    assert entry is not None
    qtbot.waitUntil(entry.hasFocus)
    QTest.keyClick(entry, Qt.Key.Key_Return)
    (made,) = graph.document.nodes.keys() - before.nodes.keys()
    assert [k[:3] for k in links(graph) if made in (k[0], k[2])] == [("4", 0, made)]
    assert len(steps(graph)) == 1
    assert undone(graph, before)


def test_ctrl_right_drag_cuts_links(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag((850, 60), (850, 400), held=CTRL, button=RIGHT)
    assert not [k for k in links(graph) if k[3] in ("positive", "negative")]
    assert steps(graph) == ["Cut links"]
    assert not mouse.viewer.slicer.isVisible()
    assert undone(graph, before)


def test_shift_right_drag_gives_links_points(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag((850, 60), (850, 400), held=SHIFT, button=RIGHT)
    document = graph.document
    with_points = [k for k in document.links.values() if k.reroute is not None]
    assert len(with_points) >= 2
    assert all(abs(point.pos[0] - 850) < 2 for point in document.reroutes.values())
    assert links(graph) == sorted(
        (k.origin, k.origin_slot, k.target, before.input(k.target, k.target_slot).name)
        for k in before.live_links()
    )
    assert steps(graph) == ["Add reroute"]
    assert undone(graph, before)


def test_escape_ends_a_cut(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag((850, 60), (850, 400), held=CTRL, button=RIGHT, cancel=True)
    assert graph.document == before
    assert not mouse.viewer.slicer.isVisible()


def test_double_click_gives_a_link_a_point_that_can_be_dragged(graph: CanvasGraph, mouse: Mouse) -> None:
    link = next(k.id for k in graph.document.links.values() if k.origin == "4")
    middle = next(pos for pos in graph.pipes[link].points() if pos.x() > 830)  # right of the other nodes
    mouse.double_click(middle)
    (point,) = graph.document.reroutes.values()
    assert point.links == (link,)
    assert (QPointF(*point.pos) - middle).manhattanLength() < 3
    before = graph.document.snapshot()
    mouse.drag(QPointF(*point.pos), QPointF(*point.pos) + QPointF(20, 100))
    moved = graph.document.reroutes[point.id].pos
    assert abs(moved[1] - point.pos[1] - 100) < 2
    assert steps(graph) == ["Move reroute", "Add reroute"]
    assert undone(graph, before)


def test_a_node_dropped_on_a_link_is_put_into_it(graph: CanvasGraph, mouse: Mouse) -> None:
    node_id = graph.add_by_user("ImageInvert", QPointF(1100, 600))
    assert node_id is not None
    before = graph.document.snapshot()
    link = next(k.id for k in graph.document.links.values() if k.target == "7")
    middle = graph.pipes[link].middle()
    item = graph.nodes[node_id]
    mouse.drag(item, middle + QPointF(0, -10))
    into = graph.document.nodes[node_id]
    assert {k[:3] for k in links(graph) if node_id in (k[0], k[2])} == {("6", 0, node_id), (node_id, 0, "7")}
    assert into.pos != before.nodes[node_id].pos
    assert steps(graph)[0] == "Insert node into link"
    assert undone(graph, before)


def test_alt_keeps_a_node_out_of_a_link(graph: CanvasGraph, mouse: Mouse) -> None:
    node_id = graph.add_by_user("ImageInvert", QPointF(1100, 600))
    assert node_id is not None
    link = next(k.id for k in graph.document.links.values() if k.target == "7")
    middle = graph.pipes[link].middle() + QPointF(0, -10)
    mouse.press(graph.nodes[node_id])
    mouse.move(middle)
    mouse.move(middle, ALT)
    mouse.release(middle, ALT)
    assert not [k for k in links(graph) if node_id in (k[0], k[2])]
    assert steps(graph)[0] == "Move node"


def test_a_diamond_of_many_levels_is_checked_at_once(graph: CanvasGraph, mouse: Mouse) -> None:
    """Each node takes from the one before it twice: 2^40 ways through 40 nodes."""
    names = [graph.add_by_user("ImageBlend", QPointF(x * 10.0, 1000)) for x in range(40)]
    chain = [graph.nodes[name] for name in names if name is not None]
    for one, next_one in pairwise(chain):
        pairs = [(one.ports_out[0], port) for port in next_one.ports_in[:2]]
        graph.viewer().connection_changed.emit([], pairs)
    last, first = chain[-1], chain[0]
    fits = Fits(graph.document, [last.ports_out[0]], ())
    assert not fits(first.ports_in[0])
    assert "loop" in fits.why_not(first.ports_in[0])


def test_losing_the_focus_forgets_held_keys(graph: CanvasGraph, mouse: Mouse) -> None:
    viewer = mouse.viewer
    viewer.setFocus()
    QTest.keyPress(viewer, Qt.Key.Key_Space)
    QTest.keyPress(viewer, Qt.Key.Key_Alt)
    viewer.clearFocus()
    before = viewer.visible_scene()
    mouse.drag(graph.nodes["4"], (600, 700))
    assert viewer.visible_scene() == before
    assert steps(graph) == ["Move node"]


def test_a_node_is_not_put_into_a_link_where_it_would_make_a_loop(graph: CanvasGraph, mouse: Mouse) -> None:
    """It takes from the sampler already; the link it is dropped on leads to the sampler."""
    node_id = graph.add_by_user("LatentBlend", QPointF(1100, 600))
    assert node_id is not None
    blend = graph.nodes[node_id]
    pair = (graph.nodes["5"].ports_out[0], ports(blend)["samples1"])
    graph.viewer().connection_changed.emit([], [pair])
    link = next(k.id for k in graph.document.links.values() if k.origin == "4")
    before = links(graph)
    middle = next(pos for pos in graph.pipes[link].points() if pos.x() > 830)
    mouse.drag(blend, middle)
    assert links(graph) == before
    assert steps(graph)[:2] == ["Move node", "Connect"]
    graph.viewer().connection_changed.emit([pair], [])
    mouse.drag(blend, (1100, 640), middle)
    assert ("4", 0, node_id, "samples1") in links(graph)
