from __future__ import annotations

from pathlib import Path

import pytest

from core.workflow.document import Changed
from core.workflow.operations import MoveNodes, RemoveNodes, SetTitle


@pytest.fixture
def opened(open_document):
    return open_document()


@pytest.fixture
def heard(opened):
    """What the document's signals say, in order."""
    said: list[object] = []
    opened.edited.connect(said.append)
    opened.titled.connect(lambda: said.append("titled"))
    opened.refused.connect(lambda sentence: said.append(sentence))
    opened.stepped.connect(lambda: said.append("stepped"))
    return said


def first(opened) -> str:
    return next(iter(opened.document.nodes))


def test_an_edit_is_told_as_what_it_touched(opened, heard):
    node = first(opened)
    assert opened.do(SetTitle(node, "T"), "Rename")
    assert heard == [Changed(nodes=frozenset({node})), "titled", "stepped"]
    opened.undo()
    opened.redo()
    assert heard.count(Changed(nodes=frozenset({node}))) == 3


def test_an_edit_that_does_not_fit_is_refused_with_a_sentence(opened, heard):
    assert not opened.do(RemoveNodes(["nobody"]), "Delete")
    assert heard == ["the workflow has no node 'nobody'"]
    assert not opened.is_dirty
    assert opened.history.undo_labels == []


def test_dirty_until_saved_and_again_after_undo(opened, heard, tmp_path):
    opened.do(SetTitle(first(opened), "T"), "Rename")
    assert opened.is_dirty
    opened.mark_saved(tmp_path / "graph.json")
    assert (opened.is_dirty, opened.name, opened.path) == (False, "graph.json", tmp_path / "graph.json")
    opened.undo()
    assert opened.is_dirty
    opened.redo()
    assert not opened.is_dirty
    assert heard.count("titled") == 4


def test_a_gesture_is_one_step_and_can_be_cancelled(opened, heard):
    node = first(opened)
    place = opened.document.nodes[node].pos
    for x in range(5):
        opened.do(MoveNodes({node: (x, -7)}), "Move node", "drag")
    assert opened.history.undo_labels == ["Move node"]
    assert not opened.cancel("another")
    assert opened.cancel("drag")
    assert opened.document.nodes[node].pos == place
    assert not opened.is_dirty
    assert heard[-2:] == ["titled", "stepped"]


def test_what_changes_nothing_is_no_step(opened, heard):
    node = first(opened)
    assert opened.do(MoveNodes({node: opened.document.nodes[node].pos}), "Move node")
    assert not opened.is_dirty
    assert "stepped" not in heard


def test_what_was_recovered_is_dirty_until_it_is_saved(opened):
    opened.mark_recovered()
    opened.undo()
    assert opened.is_dirty
    opened.mark_saved(Path("x.json"))
    assert not opened.is_dirty
