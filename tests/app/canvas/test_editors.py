"""Editing on the canvas with real keys: what is typed, dragged and chosen ends up in the document, once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from helpers.canvas import in_window
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.canvas import values
from app.canvas.editors import RowEditors
from app.canvas.face import Row, RowKind
from app.canvas.graph import CanvasGraph
from app.canvas.popup import ChoicePopup
from app.canvas.text_editor import weighted
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK
from core.nodes.spec import InputSpec, Range
from core.workflow import edits
from core.workflow.new_nodes import new_node
from core.workflow.operations import AddNode, MoveNodes, PutGroup, RemoveNodes, SetFlag, SetWidget
from core.workflow.records import Group, Node

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
Key = Qt.Key
LOADER, POSITIVE, LATENT, SAMPLER, SAVE = "1", "2", "4", "5", "7"


@pytest.fixture
def opened(open_document: Callable[..., OpenDocument]) -> OpenDocument:
    return open_document()


@pytest.fixture
def graph(opened: OpenDocument, qtbot: QtBot) -> Iterator[CanvasGraph]:
    """The ready graph in an active window, at zoom 1."""
    graph = CanvasGraph(opened, DARK, Settings())
    _window = in_window(graph, qtbot, 1600, 800)
    graph.viewer().set_zoom(1.0)
    graph.viewer().centre_at(QPointF(780, 300))
    graph.viewer().setFocus()
    yield graph
    graph.close()


@pytest.fixture
def editors(graph: CanvasGraph) -> RowEditors:
    return graph.editors


@pytest.fixture
def said(graph: CanvasGraph) -> list[str]:
    """What the status bar was told."""
    found: list[str] = []
    graph.message.connect(found.append)
    return found


def row_of(graph: CanvasGraph, node: str, name: str) -> int:
    return next(n for n, row in enumerate(graph.nodes[node].face.rows) if row.name == name)


def after_run_of(graph: CanvasGraph, node: str) -> int:
    return next(n for n, row in enumerate(graph.nodes[node].face.rows) if row.kind is RowKind.AFTER_RUN)


def value(graph: CanvasGraph, node: str, name: str) -> Any:
    return graph.nodes[node].face.rows[row_of(graph, node, name)].value


def steps(opened: OpenDocument) -> list[str]:
    return list(reversed(opened.history.undo_labels))


def line(graph: CanvasGraph) -> QLineEdit:
    found = [edit for edit in graph.viewer().viewport().findChildren(QLineEdit) if edit.isVisible()]
    assert len(found) == 1
    return found[0]


def box(graph: CanvasGraph) -> QPlainTextEdit:
    found = [edit for edit in graph.viewer().viewport().findChildren(QPlainTextEdit) if edit.isVisible()]
    assert len(found) == 1
    return found[0]


def popup(graph: CanvasGraph) -> ChoicePopup:
    found = [one for one in graph.viewer().window().findChildren(ChoicePopup) if one.isVisible()]
    assert len(found) == 1
    return found[0]


def replace_text(edit: QWidget, text: str) -> None:
    QTest.keyClick(edit, Key.Key_A, CTRL)
    QTest.keyClicks(edit, text)


def edit_number(graph: CanvasGraph, node: str, name: str, text: str, key: Key = Key.Key_Return) -> None:
    graph.editors.open(node, row_of(graph, node, name))
    edit = line(graph)
    replace_text(edit, text)
    QTest.keyClick(edit, key)


# --- numbers


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", ["steps", "cfg"])
def test_a_number_that_is_none_is_put_right_by_stepping_and_dragging(
    graph: CanvasGraph, opened: OpenDocument, number: float, name: str
) -> None:
    place = graph.nodes[SAMPLER].face.rows[row_of(graph, SAMPLER, name)].place
    for edit in ("step", "drag"):
        opened.do(SetWidget(SAMPLER, place, number), "Break")
        if edit == "step":
            graph.editors.step(SAMPLER, row_of(graph, SAMPLER, name), 1)
        else:
            graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, name))
            graph.editors.scrub_move(20)
            graph.editors.scrub_end(True)
        assert 8 < value(graph, SAMPLER, name) < 30


def test_after_a_run_stays_yes_or_no_where_the_file_has_it_so(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    row = after_run_of(graph, SAMPLER)
    opened.do(SetWidget(SAMPLER, graph.nodes[SAMPLER].face.rows[row].place, True), "Prepare")
    graph.editors.open(SAMPLER, row)
    QTest.keyClicks(QApplication.focusWidget(), "fixed")
    QTest.keyClick(QApplication.focusWidget(), Key.Key_Return)
    assert graph.nodes[SAMPLER].face.rows[row].value is False
    assert graph.nodes[SAMPLER].face.rows[row].text == "fixed"


def test_a_sum_is_worked_out_and_is_one_undo_step(graph: CanvasGraph, opened: OpenDocument) -> None:
    edit_number(graph, SAMPLER, "steps", "4*6")
    assert value(graph, SAMPLER, "steps") == 24
    assert not graph.editors.is_open
    assert graph.viewer().hasFocus()
    assert steps(opened) == ["Set steps"]
    opened.undo()
    assert value(graph, SAMPLER, "steps") == 12


def test_escape_leaves_the_value(graph: CanvasGraph, opened: OpenDocument) -> None:
    edit_number(graph, SAMPLER, "steps", "99", Key.Key_Escape)
    assert value(graph, SAMPLER, "steps") == 12
    assert steps(opened) == []
    assert graph.viewer().hasFocus()


def test_a_value_that_was_only_looked_at_is_no_step(graph: CanvasGraph, opened: OpenDocument) -> None:
    opened.do(SetWidget(LATENT, 0, 257), "Odd width of a file")
    graph.editors.open(LATENT, row_of(graph, LATENT, "width"))
    QTest.keyClick(line(graph), Key.Key_Return)
    assert value(graph, LATENT, "width") == 257
    assert steps(opened) == ["Odd width of a file"]


@pytest.mark.parametrize(
    ("node", "name", "text", "expected", "sentence"),
    [
        (SAMPLER, "steps", "0", 1, "'steps' goes from 1 to 10000: 0 became 1."),
        (LATENT, "width", "513", 512, "'width' goes in steps of 8: 513 became 512."),
        (LATENT, "width", "99999", 16384, "'width' goes from 16 to 16384: 99999 became 16384."),
        (SAMPLER, "steps", "7.6", 8, "'steps' is a whole number: 7.6 became 8."),
        (SAMPLER, "cfg", "6.123", 6.12, "'cfg' goes in steps of 0.01: 6.123 became 6.12."),
        (SAMPLER, "denoise", "1/3", 1 / 3, ""),
    ],
)
def test_a_value_that_does_not_fit_is_put_right_and_said(
    graph: CanvasGraph, said: list[str], node: str, name: str, text: str, expected: float, sentence: str
) -> None:
    edit_number(graph, node, name, text)
    assert value(graph, node, name) == expected
    assert type(value(graph, node, name)) is type(expected)
    assert said == ([sentence] if sentence else [])


def test_what_is_no_number_is_refused_and_can_be_put_right(
    graph: CanvasGraph, said: list[str], opened: OpenDocument
) -> None:
    edit_number(graph, SAMPLER, "steps", "twelve")
    assert said == ["'t' is not a number."]
    assert line(graph).hasFocus()
    replace_text(line(graph), "13")
    QTest.keyClick(line(graph), Key.Key_Return)
    assert value(graph, SAMPLER, "steps") == 13
    edit_number(graph, SAMPLER, "steps", "(", Key.Key_Tab)
    assert value(graph, SAMPLER, "steps") == 13
    assert steps(opened) == ["Set steps"]


def test_seeds_are_exact_to_the_last_bit(graph: CanvasGraph, said: list[str]) -> None:
    edit_number(graph, SAMPLER, "seed", "18446744073709551615")
    assert value(graph, SAMPLER, "seed") == 2**64 - 1
    edit_number(graph, SAMPLER, "seed", "9007199254740993")
    assert value(graph, SAMPLER, "seed") == 2**53 + 1
    assert said == []


def test_the_dice_draws_another_seed(graph: CanvasGraph) -> None:
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "seed"))
    edit = line(graph)
    before = edit.text()
    (dice,) = edit.actions()
    dice.trigger()
    drawn = edit.text()
    assert drawn != before
    QTest.keyClick(edit, Key.Key_Return)
    assert value(graph, SAMPLER, "seed") == int(drawn)
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "steps"))
    assert line(graph).actions() == []


def test_arrows_and_the_wheel_step_while_editing(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "cfg"))
    edit = line(graph)
    for key, held, expected in (
        (Key.Key_Up, Qt.KeyboardModifier.NoModifier, "6.6"),
        (Key.Key_Up, SHIFT, "6.61"),
        (Key.Key_Up, CTRL, "7.61"),
        (Key.Key_Down, Qt.KeyboardModifier.NoModifier, "7.51"),
        (Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, "6.51"),
    ):
        QTest.keyClick(edit, key, held)
        assert edit.text() == expected
    turn(edit, 240)
    assert edit.text() == "6.71"
    turn(edit, -60)
    assert edit.text() == "6.71"
    turn(edit, -60)
    assert edit.text() == "6.61"
    zoom = graph.viewer().zoom()
    assert steps(opened) == []
    QTest.keyClick(edit, Key.Key_Return)
    assert value(graph, SAMPLER, "cfg") == 6.61
    assert steps(opened) == ["Set cfg"]
    assert graph.viewer().zoom() == zoom


def turn(widget: QWidget, angle: int) -> None:
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(widget.mapToGlobal(QPoint(5, 5))),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_the_steps_at_the_ends_of_a_row(graph: CanvasGraph, opened: OpenDocument) -> None:
    width = row_of(graph, LATENT, "width")
    graph.editors.step(LATENT, width, 1)
    graph.editors.step(LATENT, width, 1)
    graph.editors.step(LATENT, width, -1)
    assert value(graph, LATENT, "width") == 264
    assert steps(opened) == ["Set width"] * 3
    sampler = row_of(graph, SAMPLER, "sampler_name")
    before = value(graph, SAMPLER, "sampler_name")
    graph.editors.step(SAMPLER, sampler, -1)
    assert value(graph, SAMPLER, "sampler_name") != before
    graph.editors.step(SAMPLER, sampler, 1)
    assert value(graph, SAMPLER, "sampler_name") == before


# --- dragging numbers


def test_dragging_a_number_is_one_step(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "cfg"))
    for dx in range(1, 41):
        graph.editors.scrub_move(dx)
    assert value(graph, SAMPLER, "cfg") == 7.5
    graph.editors.scrub_end(True)
    assert steps(opened) == ["Set cfg"]
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "cfg"))
    graph.editors.scrub_move(-8)
    graph.editors.scrub_end(True)
    assert steps(opened) == ["Set cfg"] * 2
    opened.undo()
    opened.undo()
    assert value(graph, SAMPLER, "cfg") == 6.5


def test_dragging_fine_and_coarse(graph: CanvasGraph) -> None:
    for name, options, expected in (
        ("cfg", {"fine": True}, 6.6),
        ("cfg", {"coarse": True}, 16.5),
        ("steps", {}, 22),
        ("steps", {"fine": True}, 13),
        ("steps", {"coarse": True}, 112),
    ):
        graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, name))
        graph.editors.scrub_move(40, **options)
        assert value(graph, SAMPLER, name) == expected
        graph.editors.scrub_end(False)


def test_changing_the_speed_while_dragging_does_not_jump(graph: CanvasGraph) -> None:
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "cfg"))
    graph.editors.scrub_move(40)
    assert value(graph, SAMPLER, "cfg") == 7.5
    graph.editors.scrub_move(44, fine=True)
    assert value(graph, SAMPLER, "cfg") == 7.51
    graph.editors.scrub_end(True)


def test_a_drag_that_is_cancelled_leaves_nothing(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "steps"))
    graph.editors.scrub_move(400)
    graph.editors.scrub_end(False)
    assert value(graph, SAMPLER, "steps") == 12
    assert steps(opened) == []
    assert opened.history.redo_labels == []
    assert not opened.is_dirty


def test_a_cancelled_drag_gives_the_value_back_whatever_happened_meanwhile(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "steps"))
    graph.editors.scrub_move(400)
    opened.do(MoveNodes({SAVE: (0.0, 0.0)}), "Move")
    graph.editors.scrub_end(False)
    assert value(graph, SAMPLER, "steps") == 12


def test_dragging_stops_at_the_limits(graph: CanvasGraph) -> None:
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "denoise"))
    graph.editors.scrub_move(400)
    assert value(graph, SAMPLER, "denoise") == 1.0
    graph.editors.scrub_move(-4000)
    assert value(graph, SAMPLER, "denoise") == 0.0
    graph.editors.scrub_end(True)


# --- going from row to row, and where editing ends


def test_tab_goes_to_the_next_row_and_back(graph: CanvasGraph, opened: OpenDocument) -> None:
    edit_number(graph, LATENT, "width", "640", Key.Key_Tab)
    replace_text(line(graph), "384")
    QTest.keyClick(line(graph), Key.Key_Backtab)
    assert line(graph).text() == "640"
    QTest.keyClick(line(graph), Key.Key_Tab)
    QTest.keyClick(line(graph), Key.Key_Tab)
    QTest.keyClick(line(graph), Key.Key_Tab)
    assert not graph.editors.is_open
    assert (value(graph, LATENT, "width"), value(graph, LATENT, "height")) == (640, 384)
    assert steps(opened) == ["Set width", "Set height"]


def test_tab_passes_through_popups(graph: CanvasGraph) -> None:
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "cfg"))
    QTest.keyClick(line(graph), Key.Key_Tab)
    first = popup(graph)
    assert first.current().text == "dpmpp_2m"
    QTest.keyClicks(first.findChild(QLineEdit), "euler")
    QTest.keyClick(first.findChild(QLineEdit), Key.Key_Tab)
    assert value(graph, SAMPLER, "sampler_name") == "euler"
    assert popup(graph).current().text == "karras"
    QTest.keyClick(popup(graph).findChild(QLineEdit), Key.Key_Tab)
    assert line(graph).text() == "1"


@pytest.mark.parametrize("way", ["focus", "pan", "zoom", "another editor", "close"])
def test_what_was_typed_is_kept_when_editing_ends_otherwise(graph: CanvasGraph, way: str) -> None:
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "steps"))
    replace_text(line(graph), "21")
    match way:
        case "focus":
            graph.viewer().setFocus()
        case "pan":
            graph.viewer().pan_by(QPointF(30, 0))
        case "zoom":
            graph.viewer().zoom_in()
        case "another editor":
            graph.editors.open(LATENT, row_of(graph, LATENT, "width"))
            graph.editors.close()
        case _:
            graph.editors.close()
    assert not graph.editors.is_open
    assert value(graph, SAMPLER, "steps") == 21


def test_a_shortcut_of_the_window_finds_the_value_written(graph: CanvasGraph) -> None:
    ran: list[int] = []
    shortcut = QShortcut(QKeySequence("Ctrl+Return"), graph.viewer().window())
    shortcut.activated.connect(lambda: ran.append(value(graph, SAMPLER, "steps")))
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "steps"))
    replace_text(line(graph), "30")
    QTest.keyClick(line(graph), Key.Key_Return, CTRL)
    assert ran == [30]
    graph.editors.open(POSITIVE, 0)
    shortcut.activated.disconnect()
    shortcut.activated.connect(lambda: ran.append(value(graph, POSITIVE, "text")))
    replace_text(box(graph), "a cat")
    QTest.keyClick(box(graph), Key.Key_Return, CTRL)
    assert ran == [30, "a cat"]
    assert box(graph).toPlainText() == "a cat"


def test_a_value_written_for_a_shortcut_is_shown_as_it_became(
    graph: CanvasGraph, opened: OpenDocument, said: list[str]
) -> None:
    graph.editors.open(LATENT, 0)
    replace_text(line(graph), "500+1")
    QTest.keyClick(line(graph), Key.Key_S, CTRL)
    assert (value(graph, LATENT, "width"), line(graph).text()) == (504, "504")
    x, y = opened.document.nodes[LATENT].pos
    opened.do(MoveNodes({LATENT: (x + 10, y)}), "Move")
    QTest.keyClick(line(graph), Key.Key_Return)
    assert steps(opened) == ["Set width", "Move"]
    assert said == ["'width' goes in steps of 8: 501 became 504."]


def test_an_editor_stays_readable_and_inside_the_view(graph: CanvasGraph) -> None:
    viewer = graph.viewer()
    for zoom in (0.3, 1.0, 3.0):
        viewer.set_zoom(zoom)
        for node, index in ((SAMPLER, 0), (POSITIVE, 0), (SAVE, 0)):
            graph.editors.open(node, index)
            edit = QApplication.focusWidget()
            assert isinstance(edit, QLineEdit | QPlainTextEdit)
            assert edit.fontMetrics().height() >= 12 * max(zoom, 1.0) * 0.9
            assert edit.height() >= edit.fontMetrics().height() + 4
            assert viewer.viewport().rect().contains(edit.geometry())
            graph.editors.close()


def test_an_editor_lies_over_its_field(graph: CanvasGraph) -> None:
    graph.viewer().set_zoom(2.0)
    index = row_of(graph, SAMPLER, "steps")
    graph.viewer().centre_on(SAMPLER)
    graph.editors.open(SAMPLER, index)
    item = graph.nodes[SAMPLER]
    field = graph.viewer().mapFromScene(item.mapRectToScene(item.field_rect(index))).boundingRect()
    got = line(graph).geometry()
    assert abs(got.center().y() - field.center().y()) <= 2
    assert abs(got.left() - field.left()) <= 2
    assert abs(got.width() - field.width()) <= 3


@pytest.mark.parametrize(("node", "index"), [(SAVE, 0), (POSITIVE, 0)])
def test_keys_that_mean_nothing_to_an_editor_do_not_reach_the_canvas(
    graph: CanvasGraph, opened: OpenDocument, node: str, index: int
) -> None:
    graph.select([node])
    graph.editors.open(node, index)
    edit = QApplication.focusWidget()
    assert isinstance(edit, QLineEdit | QPlainTextEdit)
    for key in (Key.Key_Up, Key.Key_Down, Key.Key_Left, Key.Key_PageUp, Key.Key_F5, Key.Key_Up):
        QTest.keyClick(edit, key)
        QTest.keyClick(edit, key, SHIFT)
    assert edit.hasFocus()
    assert steps(opened) == []


# --- other kinds of rows


def test_a_choice_is_made_in_the_popup(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "scheduler"))
    found = popup(graph)
    assert found.current().text == "karras"
    QTest.keyClicks(found.findChild(QLineEdit), "expo")
    QTest.keyClick(found.findChild(QLineEdit), Key.Key_Return)
    assert value(graph, SAMPLER, "scheduler") == "exponential"
    assert steps(opened) == ["Set scheduler"]
    assert graph.viewer().hasFocus()


def test_a_file_that_is_not_there_stays_until_another_is_chosen(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    graph.editors.open(LOADER, 0)
    current = popup(graph).current()
    assert (current.text, current.detail) == ("darkroom_seeded.safetensors", "not there")
    QTest.keyClick(popup(graph).findChild(QLineEdit), Key.Key_Return)
    assert value(graph, LOADER, "ckpt_name") == "darkroom_seeded.safetensors"
    assert steps(opened) == []


def test_the_word_after_a_seed_is_a_choice(graph: CanvasGraph) -> None:
    index = after_run_of(graph, SAMPLER)
    graph.editors.open(SAMPLER, index)
    assert [item.text for item in popup(graph).shown()] == ["fixed", "increment", "decrement", "randomize"]
    QTest.keyClicks(popup(graph).findChild(QLineEdit), "fix")
    QTest.keyClick(popup(graph).findChild(QLineEdit), Key.Key_Return)
    assert graph.nodes[SAMPLER].face.rows[index].value == "fixed"
    graph.editors.step(SAMPLER, index, 1)
    assert graph.nodes[SAMPLER].face.rows[index].value == "increment"


def test_a_file_from_elsewhere_is_asked_for(graph: CanvasGraph, opened: OpenDocument) -> None:
    opened.do(AddNode(Node("20", "LoadImage", widgets=("cat.png", "image"))), "Add")
    asked: list[tuple[str, str]] = []
    graph.editors.pick_file.connect(lambda node, row: asked.append((node, row.name)))
    graph.editors.open("20", 0)
    QTest.keyClicks(popup(graph).findChild(QLineEdit), "choose")
    QTest.keyClick(popup(graph).findChild(QLineEdit), Key.Key_Return)
    assert asked == [("20", "image")]
    graph.editors.set_value("20", graph.nodes["20"].face.rows[0], "dog.png")
    assert value(graph, "20", "image") == "dog.png"


def test_a_toggle_flips_at_once(graph: CanvasGraph, opened: OpenDocument) -> None:
    opened.do(AddNode(Node("20", "PrimitiveBoolean", widgets=(False,))), "Add")
    graph.editors.open("20", 0)
    assert value(graph, "20", "value") is True
    assert not graph.editors.is_open
    graph.editors.step("20", 0, -1)
    assert value(graph, "20", "value") is False
    assert steps(opened) == ["Add", "Set value", "Set value"]


def test_a_short_text(graph: CanvasGraph) -> None:
    graph.editors.open(SAVE, row_of(graph, SAVE, "filename_prefix"))
    replace_text(line(graph), "a/b 1+1")
    QTest.keyClick(line(graph), Key.Key_Enter)
    assert value(graph, SAVE, "filename_prefix") == "a/b 1+1"


def test_a_linked_row_says_what_feeds_it(graph: CanvasGraph, opened: OpenDocument, said: list[str]) -> None:
    spec = opened.registry.get("PrimitiveInt")
    assert spec is not None
    opened.do(AddNode(new_node("20", spec)), "Add")
    opened.do(edits.link(opened.document, "20", 0, SAMPLER, "steps", opened.registry), "Connect")
    graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "steps"))
    assert not graph.editors.is_open
    assert said == ["'steps' is fed by 'Int'. Take the link away to edit it here."]
    graph.editors.scrub_start(SAMPLER, row_of(graph, SAMPLER, "steps"))
    graph.editors.scrub_move(100)
    graph.editors.scrub_end(True)
    assert value(graph, SAMPLER, "steps") == 12


def test_a_value_of_unknown_type_is_not_edited(
    graph: CanvasGraph, opened: OpenDocument, said: list[str]
) -> None:
    opened.do(AddNode(Node("20", "NobodyKnowsThis", widgets=({"a": 1},))), "Add")
    graph.editors.open("20", 0)
    assert not graph.editors.is_open
    assert said == ["'This value' is kept as it is: its type is not known."]


# --- long texts


def test_a_long_text_is_written_as_it_is_typed_and_is_one_step(
    graph: CanvasGraph, opened: OpenDocument
) -> None:
    before = value(graph, POSITIVE, "text")
    graph.editors.open(POSITIVE, 0)
    replace_text(box(graph), "two")
    QTest.keyClick(box(graph), Key.Key_Return)
    QTest.keyClicks(box(graph), "lines")
    assert value(graph, POSITIVE, "text") == "two\nlines"
    QTest.keyClick(box(graph), Key.Key_Escape)
    assert not graph.editors.is_open
    assert steps(opened) == ["Set text"]
    opened.undo()
    assert value(graph, POSITIVE, "text") == before
    opened.redo()
    graph.editors.open(POSITIVE, 0)
    replace_text(box(graph), "again")
    graph.editors.close()
    assert steps(opened) == ["Set text", "Set text"]


def test_a_long_text_has_its_own_undo_while_it_is_edited(graph: CanvasGraph) -> None:
    before = value(graph, POSITIVE, "text")
    graph.editors.open(POSITIVE, 0)
    replace_text(box(graph), "x")
    QTest.keyClick(box(graph), Key.Key_Z, CTRL)
    assert box(graph).toPlainText() == before
    assert value(graph, POSITIVE, "text") == before


def test_undo_of_the_document_shows_in_the_open_text(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.open(POSITIVE, 0)
    opened.do(SetWidget(POSITIVE, 0, "from elsewhere"), "Other")
    assert box(graph).toPlainText() == "from elsewhere"


def test_the_node_of_an_open_editor_may_go_away(graph: CanvasGraph, opened: OpenDocument) -> None:
    for index in (0, row_of(graph, SAMPLER, "sampler_name")):
        graph.editors.open(SAMPLER, index)
        opened.do(RemoveNodes([SAMPLER]), "Delete")
        assert not graph.editors.is_open
        opened.undo()
    graph.editors.open(SAMPLER, 0)
    replace_text(line(graph), "5")
    opened.do(SetWidget(SAMPLER, 0, 7), "Next seed")
    assert not graph.editors.is_open
    assert value(graph, SAMPLER, "seed") == 7


def test_a_moved_node_takes_its_editor_along(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.open(LATENT, 0)
    before = line(graph).pos()
    x, y = opened.document.nodes[LATENT].pos
    opened.do(MoveNodes({LATENT: (x + 50, y - 30)}), "Move")
    assert line(graph).pos() == before + QPoint(50, -30)


def test_a_click_into_a_text_puts_the_cursor_there(graph: CanvasGraph) -> None:
    item = graph.nodes[POSITIVE]
    corner = item.mapToScene(item.field_rect(0).bottomRight() - QPointF(3, 3))
    graph.editors.open(POSITIVE, 0, corner)
    assert box(graph).textCursor().position() == len(value(graph, POSITIVE, "text"))


def test_ctrl_and_arrows_weigh_words(graph: CanvasGraph) -> None:
    graph.editors.open(POSITIVE, 0)
    edit = box(graph)
    edit.setPlainText("\N{CAT FACE} a red boat")
    cursor = edit.textCursor()
    cursor.setPosition(7)
    edit.setTextCursor(cursor)
    QTest.keyClick(edit, Key.Key_Up, CTRL)
    QTest.keyClick(edit, Key.Key_Up, CTRL)
    assert value(graph, POSITIVE, "text") == "\N{CAT FACE} a (red:1.1) boat"
    QTest.keyClick(edit, Key.Key_Down, CTRL)
    QTest.keyClick(edit, Key.Key_Down, CTRL)
    assert value(graph, POSITIVE, "text") == "\N{CAT FACE} a red boat"
    QTest.keyClick(edit, Key.Key_A, CTRL)
    QTest.keyClick(edit, Key.Key_Down, CTRL)
    QTest.keyClick(edit, Key.Key_Down, CTRL)
    assert value(graph, POSITIVE, "text") == "(\N{CAT FACE} a red boat:0.9)"


@pytest.mark.parametrize(
    ("marked", "change", "expected"),
    [
        ("a |red boat", "0.05", "a (|red:1.05) boat"),
        ("a re|d, boat", "0.05", "a (re|d:1.05), boat"),
        ("a (r|ed:1.2) boat", "0.05", "a (r|ed:1.25) boat"),
        ("a (r|ed:1.05) boat", "-0.05", "a r|ed boat"),
        ("a (r|ed) boat", "0.05", "a (r|ed:1.15) boat"),
        ("(a (r|ed:1.2) boat:0.9)", "0.05", "(a (r|ed:1.25) boat:0.9)"),
        ("(a (red:1.2) b|oat:0.9)", "0.05", "(a (red:1.2) b|oat:0.95)"),
        ("a [red boat] here", "0.05", "a ([red boat]:1.05) here"),
        ("a [red ]boat", "0.05", "a ([red]:1.05) boat"),
        ("a ([red boat]:1.5) here", "-0.05", "a ([red boat]:1.45) here"),
        ("a [(red boat:1.5)] here", "-0.05", "a ([red boat]:1.45) here"),
        ("([a (red:1.2) boat]:1.05)", "-0.05", "[a (red:1.2) boat]"),
        ("[a (red:1.2)] boat", "0.05", "([a (red:1.2)]:1.05) boat"),
        ("a [(red] boat", "0.05", None),
        (r"a \(r|ed\) boat", "0.05", r"a \((r|ed:1.05)\) boat"),
        ("a (r|ed:0.05) boat", "-0.1", "a (r|ed:0) boat"),
        ("a , | , b", "0.05", None),
        ("|", "0.05", None),
    ],
)
def test_weights(marked: str, change: str, expected: str | None) -> None:
    """`|` is the cursor, `[ ]` the selection."""
    start, end, text = places(marked)
    result = weighted(text, start, end, Decimal(change))
    if expected is None:
        assert result is None
        return
    assert result is not None
    new_start, new_end, new_text = places(expected)
    assert text[: result.first] + result.text + text[result.last :] == new_text
    assert (result.start, result.end) == (new_start, new_end)


def places(marked: str) -> tuple[int, int, str]:
    if "|" in marked:
        return marked.index("|"), marked.index("|"), marked.replace("|", "")
    start, end = marked.index("["), marked.index("]") - 1
    return start, end, re.sub(r"[\[\]]", "", marked)


# --- titles


def test_renaming_a_node(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.rename(SAMPLER)
    assert line(graph).text() == "KSampler"
    replace_text(line(graph), "  Main pass ")
    QTest.keyClick(line(graph), Key.Key_Return)
    assert graph.nodes[SAMPLER].face.title == "Main pass"
    graph.editors.rename(SAMPLER)
    replace_text(line(graph), "KSampler")
    QTest.keyClick(line(graph), Key.Key_Return)
    assert opened.document.nodes[SAMPLER].title is None
    assert steps(opened) == ["Rename node", "Rename node"]


def test_a_title_can_be_edited_while_its_node_changes(graph: CanvasGraph, opened: OpenDocument) -> None:
    graph.editors.rename(SAMPLER)
    replace_text(line(graph), "Main")
    opened.do(SetWidget(SAMPLER, 0, 7), "Next seed")
    opened.do(SetFlag([SAMPLER], "collapsed", True), "Collapse")
    assert line(graph).text() == "Main"
    QTest.keyClick(line(graph), Key.Key_Return)
    assert opened.document.nodes[SAMPLER].title == "Main"
    graph.editors.rename(SAMPLER)
    opened.do(RemoveNodes([SAMPLER]), "Delete")
    assert not graph.editors.is_open


def test_renaming_a_group(graph: CanvasGraph, opened: OpenDocument) -> None:
    opened.do(PutGroup(Group(1, "Old", (400, 20, 450, 500))), "Group")
    graph.editors.rename_group(1)
    replace_text(line(graph), "Prompts")
    QTest.keyClick(line(graph), Key.Key_Return)
    assert opened.document.groups[1].title == "Prompts"
    assert steps(opened) == ["Group", "Rename group"]


# --- values, without a window


def number_row(kind: RowKind, limits: Range | None) -> Row:
    spec = InputSpec("x", kind.value.upper(), widget=limits)
    return Row("x", "x", kind, 1, 0, "1", spec)


@pytest.mark.parametrize(
    ("kind", "limits", "given", "expected"),
    [
        (RowKind.INT, Range(0, 2**64 - 1), 2**64, 2**64 - 1),
        (RowKind.INT, Range(0, 2**64 - 1), 2**53 + 1, 2**53 + 1),
        (RowKind.INT, Range(3, 100, 10), 20, 23),
        (RowKind.INT, Range(3, 100, 10), 1, 3),
        (RowKind.INT, None, -5.5, -6),
        (RowKind.FLOAT, Range(0, 1, 0.1, 0.1), 0.30000000000000004, 0.3),
        (RowKind.FLOAT, Range(0, 1, 0.1), 0.123456, 0.123456),
        (RowKind.FLOAT, None, 7, 7.0),
    ],
)
def test_fitting(kind: RowKind, limits: Range | None, given: float, expected: float) -> None:
    result = values.fitted(number_row(kind, limits), given)
    assert result == expected
    assert type(result) is type(expected)


def test_stepping_adds_up_without_noise() -> None:
    row = number_row(RowKind.FLOAT, Range(0, 100, 0.1))
    now: float = 0.0
    for _ in range(37):
        now = values.stepped(row, now, values.step(row))
    assert now == 3.7


@pytest.mark.parametrize("what", ["line", "text", "popup", "title", "search"])
def test_a_canvas_can_be_closed_while_something_is_edited(
    open_document: Callable[..., OpenDocument], qtbot: QtBot, what: str
) -> None:
    opened = open_document()
    graph = CanvasGraph(opened, DARK, Settings())
    window = QWidget()
    qtbot.addWidget(window)
    graph.viewer().setParent(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    viewer = graph.viewer()
    match what:
        case "line":
            graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "steps"))
            replace_text(line(graph), "44")
        case "text":
            graph.editors.open(POSITIVE, 0)
        case "popup":
            graph.editors.open(SAMPLER, row_of(graph, SAMPLER, "scheduler"))
        case "title":
            graph.editors.rename(SAMPLER)
        case _:
            graph.search.open(QPointF())
    with qtbot.waitSignal(viewer.destroyed):
        graph.close()
    qtbot.waitUntil(lambda: not window.findChildren(ChoicePopup))
    opened.do(SetWidget(SAMPLER, 0, 5), "Later")
    QTest.mouseClick(window, Qt.MouseButton.LeftButton)


@pytest.mark.qt_log_ignore("^This plugin does not support")
@pytest.mark.parametrize(("node", "index"), [(SAVE, 0), (POSITIVE, 0)])
def test_the_menu_of_an_editor_does_not_end_it(
    graph: CanvasGraph, qtbot: QtBot, node: str, index: int
) -> None:
    graph.editors.open(node, index)
    edit = QApplication.focusWidget()
    assert isinstance(edit, QLineEdit | QPlainTextEdit)
    menu = edit.createStandardContextMenu()
    menu.popup(edit.mapToGlobal(QPoint(5, 5)))
    assert QApplication.activePopupWidget() is menu
    menu.close()
    assert graph.editors.is_open
    qtbot.waitUntil(edit.hasFocus)
    menu.deleteLater()
