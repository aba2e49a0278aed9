"""The search for nodes to add: what it offers, in which order, and what choosing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from helpers.canvas import Mouse, in_window, links, ports
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.popup import PopupItem
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK
from core.workflow.document import GraphDocument
from core.workflow.operations import RemoveNodes

Key = Qt.Key
AT = QPointF(100, 200)


@pytest.fixture
def opened(open_document: Callable[..., OpenDocument]) -> OpenDocument:
    return open_document()


@pytest.fixture
def graph(opened: OpenDocument, qtbot: QtBot) -> Iterator[CanvasGraph]:
    graph = CanvasGraph(opened, DARK, Settings())
    _window = in_window(graph, qtbot, 1000, 700)
    yield graph
    graph.close()


def items(graph: CanvasGraph) -> list[PopupItem]:
    return graph.search.popup.shown()


def titles(graph: CanvasGraph) -> list[str]:
    return [item.text for item in items(graph)]


def press(graph: CanvasGraph, text: str = "", key: Key = Key.Key_Return) -> None:
    line = graph.search.popup.findChild(QLineEdit)
    assert isinstance(line, QLineEdit)
    QTest.keyClicks(line, text)
    QTest.keyClick(line, key)


def find(graph: CanvasGraph, title: str) -> PopupItem:
    return next(item for item in items(graph) if item.text == title)


def test_all_nodes_are_offered_those_that_run_first(graph: CanvasGraph) -> None:
    graph.search.open(AT)
    found = items(graph)
    runs = [item for item in found if not item.dimmed]
    assert found[: len(runs)] == runs
    assert {item.data.class_type for item in runs} == {
        *graph.registry.names(),
        "Reroute",
        "Note",
        "MarkdownNote",
        "PrimitiveNode",
    }
    kept = found[len(runs) :]
    assert {item.data.class_type for item in kept} == {
        spec.class_type for spec in graph.registry.interface_only()
    }
    assert {item.detail for item in kept} == {"cannot run here yet"}
    assert find(graph, "KSampler").colour == DARK.socket("LATENT")
    assert find(graph, "KSampler").detail == "sampling"


def test_choosing_adds_the_node_there_in_one_step(graph: CanvasGraph, opened: OpenDocument) -> None:
    before = set(graph.nodes)
    graph.search.open(AT)
    press(graph, "vae dec")
    (new,) = set(graph.nodes) - before
    node = opened.document.nodes[new]
    assert (node.type, node.pos) == ("VAEDecode", (100, 200))
    assert graph.selected_nodes() == [new]
    assert opened.history.undo_labels == ["Add VAE Decode"]
    assert graph.viewer().hasFocus()
    opened.undo()
    assert set(graph.nodes) == before


def test_escape_adds_nothing(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.search.open(AT)
    press(graph, "vae dec", Key.Key_Escape)
    assert opened.history.undo_labels == []
    assert graph.search.popup.isHidden()


def test_nodes_are_found_by_the_names_of_files(graph: CanvasGraph) -> None:
    graph.search.open(AT)
    press(graph, "emptylatentimage")
    assert graph.opened.history.undo_labels == ["Add Empty Latent Image"]


def test_a_node_that_cannot_run_here_can_be_added_all_the_same(graph: CanvasGraph) -> None:
    spec = next(graph.registry.interface_only())
    graph.search.open(AT)
    press(graph, spec.class_type)
    (node,) = (n for n in graph.document.nodes.values() if n.type == spec.class_type)
    assert len(node.outputs) == len(spec.outputs)


@pytest.mark.parametrize("kind", ["Reroute", "Note", "PrimitiveNode"])
def test_nodes_of_no_registry(graph: CanvasGraph, kind: str) -> None:
    graph.search.open(AT)
    press(graph, kind)
    assert kind in {node.type for node in graph.document.nodes.values()}


def test_an_output_is_offered_the_nodes_that_take_it(graph: CanvasGraph, opened: OpenDocument) -> None:
    clip = graph.nodes["1"].ports_out[1]
    assert clip.wire_type == "CLIP"
    graph.search.open(AT, clip)
    runs = [item for item in items(graph) if not item.dimmed]
    assert [item.text for item in runs[:2]] == ["CLIP Text Encode (Prompt)", "Reroute"]
    assert "CLIP Set Last Layer" in titles(graph)
    assert not {"VAE Decode", "Note", "Primitive"} & set(titles(graph))
    assert runs[0].detail.startswith("\u2192 clip")
    before = opened.document
    links_before = links(graph)
    press(graph)
    new = graph.selected_nodes()[0]
    assert before.nodes[new].type == "CLIPTextEncode"
    assert set(links(graph)) - set(links_before) == {("1", 1, new, "clip")}
    socket = ports(graph.nodes[new])["clip"].centre()
    assert (socket.x(), socket.y()) == (AT.x(), AT.y())
    assert opened.history.undo_labels == ["Add CLIP Text Encode (Prompt)"]
    opened.undo()
    assert links(graph) == links_before
    assert new not in graph.nodes


def test_an_input_is_offered_the_nodes_that_give_it(graph: CanvasGraph, opened: OpenDocument) -> None:
    vae = ports(graph.nodes["6"])["vae"]
    graph.search.open(AT, vae)
    runs = [item for item in items(graph) if not item.dimmed]
    offered = {item.text for item in runs}
    assert {"Load Checkpoint", "Load VAE", "Reroute"} <= offered
    assert offered.isdisjoint({"Load Image", "KSampler", "Empty Latent Image"}), "they give something else"
    press(graph, "load vae")
    new = graph.selected_nodes()[0]
    assert (new, 0, "6", "vae") in links(graph)
    assert ("1", 2, "6", "vae") not in links(graph)
    end = graph.nodes[new].ports_out[0].centre()
    assert (end.x(), end.y()) == (AT.x(), AT.y())
    opened.undo()
    assert ("1", 2, "6", "vae") in links(graph)


def test_a_value_is_offered_what_can_feed_it_and_gets_its_socket(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    steps = ports(graph.nodes["5"])["steps"]
    assert steps.slot is None
    graph.search.open(AT, steps)
    assert {"Int", "Primitive", "Reroute"} <= set(titles(graph))
    press(graph, "primitive")
    new = graph.selected_nodes()[0]
    assert opened.document.nodes[new].widgets[0] == 12
    assert (new, 0, "5", "steps") in links(graph)
    opened.undo()
    assert ports(graph.nodes["5"])["steps"].slot is None
    graph.search.open(AT, ports(graph.nodes["5"])["steps"])
    press(graph, "Int")
    assert (graph.selected_nodes()[0], 0, "5", "steps") in links(graph)


def test_a_value_output_links_to_values_of_new_nodes(graph: CanvasGraph) -> None:
    graph.search.open(AT)
    press(graph, "PrimitiveInt")
    new = graph.selected_nodes()[0]
    graph.search.open(AT, graph.nodes[new].ports_out[0])
    press(graph, "empty latent image")
    latent = graph.selected_nodes()[0]
    assert (new, 0, latent, "width") in links(graph)


@pytest.mark.parametrize("socket", ["out", "in"])
def test_a_reroute_goes_on_either_end(graph: CanvasGraph, socket: str) -> None:
    port = graph.nodes["1"].ports_out[0] if socket == "out" else ports(graph.nodes["5"])["model"]
    graph.search.open(AT, port)
    press(graph, "reroute")
    new = graph.selected_nodes()[0]
    assert (("1", 0, new, "") if socket == "out" else (new, 0, "5", "model")) in links(graph)


def test_what_was_used_last_is_offered_first(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.search.open(AT)
    assert titles(graph)[0] == "KSampler"
    press(graph, "load vae")
    graph.search.open(AT)
    press(graph, "invert image")
    graph.search.open(AT)
    assert titles(graph)[:3] == ["Invert Image", "Load VAE", "KSampler"]
    press(graph, key=Key.Key_Escape)
    empty = OpenDocument(GraphDocument(), opened.registry, opened.folders)
    other = CanvasGraph(empty, DARK, Settings(), recent=graph.recent)
    other.search.open(AT)
    assert titles(other)[0] == "Invert Image"
    other.close()


def test_a_node_that_went_away_meanwhile_is_not_linked(graph: CanvasGraph, opened: OpenDocument) -> None:
    refused: list[str] = []
    opened.refused.connect(refused.append)
    graph.search.open(AT, graph.nodes["1"].ports_out[0])
    before = set(graph.nodes) - {"1"}
    opened.do(RemoveNodes(["1"]), "Delete")
    press(graph)
    assert set(graph.nodes) == before
    assert len(refused) == 1


def test_a_link_let_go_on_empty_canvas_and_enter_add_what_fits(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    graph.viewer().fit()
    latent = graph.nodes["5"].ports_out[0]
    before = links(graph)
    Mouse(graph).drag(latent, (900.0, 600.0))
    assert graph.search.popup.isVisible()
    assert links(graph) == before
    press(graph, "vae decode")
    new = graph.selected_nodes()[0]
    assert set(links(graph)) - set(before) == {("5", 0, new, "samples")}
    assert opened.history.undo_labels == ["Add VAE Decode"]


def test_a_double_click_on_empty_canvas_opens_it_there(graph: CanvasGraph) -> None:
    graph.viewer().fit()
    Mouse(graph).double_click((900.0, 600.0))
    assert graph.search.popup.isVisible()
    press(graph, "load vae")
    x, y = graph.document.nodes[graph.selected_nodes()[0]].pos
    assert abs(x - 900) <= 2 and abs(y - 600) <= 2


def test_a_press_on_the_canvas_ends_it(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.viewer().fit()
    graph.search.open(AT)
    Mouse(graph).click((-30.0, -40.0))
    assert graph.search.popup.isHidden()
    assert opened.history.undo_labels == []


def test_categories_are_words(graph: CanvasGraph) -> None:
    graph.search.open(AT)
    QTest.keyClicks(graph.search.popup.findChild(QLineEdit), "savelatent")
    first = items(graph)[0]
    assert (first.text, first.detail) == ("SaveLatent", "for testing")
