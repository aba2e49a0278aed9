from __future__ import annotations

import pytest
from helpers.workflows import text_to_image

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document
from core.workflow.document import Patch
from core.workflow.history import History
from core.workflow.operations import MoveNodes, RemoveNodes, SetMode, SetTitle, SetWidget


@pytest.fixture
def document():
    return read_document(text_to_image()).document


@pytest.fixture
def history(document):
    return History(document)


def title(document):
    return document.nodes["3"].title


def test_undo_and_redo(document, history):
    history.do(SetTitle("3", "a"), "Rename")
    history.do(SetTitle("3", "b"), "Rename again")
    assert history.undo_labels == ["Rename again", "Rename"]
    assert history.undo()
    assert title(document) == "a"
    assert history.redo_labels == ["Rename again"]
    assert history.undo()
    assert title(document) is None
    assert not history.undo()
    assert history.redo() and history.redo()
    assert title(document) == "b"
    assert not history.redo()


def test_a_new_step_forgets_what_could_be_redone(document, history):
    history.do(SetTitle("3", "a"), "A")
    history.undo()
    history.do(SetTitle("3", "b"), "B")
    assert history.redo_labels == []
    assert not history.redo()


def test_edits_of_one_gesture_are_one_step(document, history):
    for x in range(100):
        history.do(MoveNodes({"3": (x, 0)}), "Move node", ("move", "3"))
    assert history.undo_labels == ["Move node"]
    history.undo()
    assert document == read_document(text_to_image()).document
    history.redo()
    assert document.nodes["3"].pos == (99, 0)


def test_a_long_gesture_keeps_one_inverse(history):
    for value in range(1000):
        history.do(SetWidget("3", 0, value), "Seed", "seed")
    assert len(history._undo[0].operations) == 1
    assert isinstance(history._undo[0].operations[0], Patch)


def test_a_gesture_over_several_nodes_is_undone_whole(document, history):
    for node in ("3", "4", "3", "5"):
        history.do(SetMode([node], 2), "Mute", "mute")
    history.do(RemoveNodes(["4"]), "Mute", "mute")
    history.do(MoveNodes({"5": (1, 1)}), "Mute", "mute")
    assert history.undo_labels == ["Mute"]
    history.undo()
    assert document == read_document(text_to_image()).document
    history.redo()
    assert "4" not in document.nodes


def test_another_key_another_step(history):
    history.do(SetWidget("3", 0, 1), "Seed", ("3", 0))
    history.do(SetWidget("3", 2, 9), "Steps", ("3", 2))
    history.do(SetWidget("3", 2, 8), "Steps", ("3", 2))
    history.do(SetWidget("3", 0, 2), "Seed", ("3", 0))
    assert history.undo_labels == ["Seed", "Steps", "Seed"]


def test_no_key_never_merges(history):
    history.do(SetWidget("3", 0, 1), "Seed")
    history.do(SetWidget("3", 0, 2), "Seed")
    assert len(history.undo_labels) == 2


@pytest.mark.parametrize("end", ["stop_merging", "mark_clean"])
def test_the_end_of_a_gesture(history, end):
    history.do(SetWidget("3", 0, 1), "Seed", "seed")
    getattr(history, end)()
    history.do(SetWidget("3", 0, 2), "Seed", "seed")
    assert len(history.undo_labels) == 2


def test_undo_ends_a_gesture(document, history):
    history.do(SetWidget("3", 0, 1), "Seed", "seed")
    history.stop_merging()
    history.do(SetWidget("3", 0, 2), "Seed", "seed")
    history.undo()
    history.do(SetWidget("3", 0, 3), "Seed", "seed")
    history.undo()
    assert document.nodes["3"].widgets[0] == 1


def test_clean_mark(history):
    assert history.is_clean
    history.do(SetTitle("3", "a"), "A")
    assert not history.is_clean
    history.mark_clean()
    assert history.is_clean
    history.undo()
    assert not history.is_clean
    history.redo()
    assert history.is_clean


def test_clean_state_that_was_left_for_good(history):
    history.do(SetTitle("3", "a"), "A")
    history.mark_clean()
    history.undo()
    history.do(SetTitle("3", "b"), "B")
    assert not history.is_clean
    history.undo()
    assert not history.is_clean


def test_limit(document):
    history = History(document, limit=3)
    for number in range(10):
        history.do(SetTitle("3", str(number)), str(number))
    assert history.undo_labels == ["9", "8", "7"]
    while history.undo():
        pass
    assert title(document) == "6"
    assert not history.is_clean, "the first state can no longer be reached"


def test_refused_edit_is_no_step(document, history):
    history.do(SetTitle("3", "a"), "A")
    history.undo()
    with pytest.raises(WorkflowError):
        history.do(SetTitle("99", "x"), "X")
    assert history.undo_labels == []
    assert history.redo_labels == ["A"]


def test_what_changes_nothing_is_no_step(document, history):
    history.do(SetTitle("3", "a"), "Rename")
    history.undo()
    history.do(SetMode(["3", "4"], 0), "Run")
    history.do(MoveNodes({}), "Move")
    history.do(SetWidget("3", 0, 42), "Seed")
    assert history.undo_labels == []
    assert history.redo_labels == ["Rename"]
    assert history.is_clean
    history.do(SetWidget("3", 0, 42.0), "Seed")
    assert history.undo_labels == ["Seed"]  # files tell 42 from 42.0


def test_a_cancelled_gesture_leaves_nothing_behind(document, history):
    history.do(SetTitle("3", "a"), "Rename")
    history.mark_clean()
    assert not history.cancel("drag")
    for value in (43, 44):
        history.do(SetWidget("3", 0, value), "Seed", "drag")
    assert not history.cancel("another drag")
    assert history.cancel("drag")
    assert document.nodes["3"].widgets[0] == 42
    assert history.undo_labels == ["Rename"]
    assert history.redo_labels == []
    assert history.is_clean
    history.do(SetWidget("3", 0, 43), "Seed", "drag")
    history.stop_merging()
    assert not history.cancel("drag")  # it was ended before


def test_a_gesture_that_leads_back_is_no_step(document):
    heard: list[int] = []
    history = History(document, on_step=lambda: heard.append(len(history.undo_labels)))
    for value in (1, 2, 42):
        history.do(SetWidget("3", 0, value), "Seed", "seed")
    history.stop_merging()
    assert history.undo_labels == []
    assert history.is_clean
    assert heard == [1, 1, 1, 0]
    for node in ("3", "4", "3", "4"):
        history.do(SetMode([node], 0 if document.nodes[node].mode else 2), "Mute", "mute")
    history.do(SetWidget("3", 0, 1), "Mute", "mute")
    history.stop_merging()
    assert history.undo_labels == ["Mute"]
    history.undo()
    assert document == read_document(text_to_image()).document


def test_every_change_of_the_steps_is_told(document):
    heard: list[tuple[int, int]] = []
    history = History(
        document, on_step=lambda: heard.append((len(history.undo_labels), len(history.redo_labels)))
    )
    history.do(SetTitle("3", "a"), "A")
    history.do(SetTitle("3", "a"), "Nothing")
    history.do(SetTitle("3", "b"), "B", "key")
    assert history.cancel("key")
    assert history.undo() and history.redo()
    assert not history.redo()
    assert heard == [(1, 0), (2, 0), (1, 0), (0, 1), (1, 0)]
