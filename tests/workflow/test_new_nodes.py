from __future__ import annotations

import pytest

from core.folders import Folders
from core.nodes.registry import builtin
from core.nodes.spec import InputSpec, NodeSpec, OutputSpec, Text
from core.workflow.comfy_json import read_document, write_document
from core.workflow.document import GraphDocument
from core.workflow.layout import ROW_HEIGHT, SLOT_HEIGHT, TEXT_HEIGHT
from core.workflow.new_nodes import SPECIAL, fitting_size, new_node, special_node
from core.workflow.operations import AddNode
from core.workflow.widgets import layout

SPECS = {spec.class_type: spec for spec in builtin()}


def spec(*inputs: InputSpec, outputs: int = 0, title: str = "T") -> NodeSpec:
    return NodeSpec("T", title, "", "", inputs, tuple(OutputSpec(f"o{i}", "X") for i in range(outputs)), None)


@pytest.mark.parametrize("name", SPECS)
def test_every_node_type_starts_with_a_value_for_every_widget(name):
    made = new_node("7", SPECS[name])
    assert [s.name for s in made.inputs] == [s.name for s in SPECS[name].inputs if not s.has_widget]
    assert [s.type for s in made.outputs] == [s.type for s in SPECS[name].outputs]
    found = layout(made, SPECS[name])
    assert list(found.places) == [s.name for s in SPECS[name].inputs if s.has_widget]
    assert list(found.controls) == [s.name for s in SPECS[name].inputs if s.after_run]
    assert found.unused == 0
    assert 210 <= made.size[0] <= 400
    assert made.properties == {"Node name for S&R": name}


@pytest.mark.parametrize("name", SPECS)
def test_new_nodes_are_read_back_as_they_are(name):
    document = GraphDocument()
    document.apply(AddNode(new_node("7", SPECS[name], (10, 20))))
    assert read_document(write_document(document)).document == document


def test_choices_start_with_what_is_offered_first(tmp_path):
    for name in ("b.safetensors", "a.safetensors"):
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / name).touch()
    folders = Folders([tmp_path], shipped=None)
    assert new_node("1", SPECS["CheckpointLoaderSimple"], folders=folders).widgets == ("a.safetensors",)
    assert new_node("1", SPECS["VAELoader"], folders=folders).widgets != ("a.safetensors",)
    sampler = new_node("1", SPECS["KSampler"], folders=folders, values={"scheduler": "karras"})
    assert sampler.widgets == (0, "fixed", 20, 8.0, "euler", "karras", 1.0)


def test_given_values_and_linked_inputs():
    made = new_node("1", SPECS["KSampler"], values={"seed": 5}, linked=["seed"])
    assert isinstance(made.widgets, tuple)
    assert made.widgets[0] == 5
    seed = next(socket for socket in made.inputs if socket.name == "seed")
    assert (seed.type, seed.widget, seed.link) == ("INT", "seed", None)


def test_size_grows_with_sockets_rows_texts_and_words():
    socket, number = InputSpec("a", "X"), InputSpec("n", "INT", default=1)
    text = InputSpec("t", "STRING", widget=Text(multiline=True))
    small = new_node("1", spec()).size
    assert new_node("1", spec(socket, socket, outputs=3)).size[1] - small[1] == 3 * SLOT_HEIGHT
    assert new_node("1", spec(number, socket)).size[1] - small[1] == ROW_HEIGHT + SLOT_HEIGHT
    assert new_node("1", spec(text)).size == (400, small[1] + TEXT_HEIGHT)
    assert new_node("1", spec(title="W" * 30)).size[0] == 270
    assert new_node("1", spec(title="W" * 300)).size[0] == 400


def test_sockets_of_values_take_no_slot_of_their_own():
    number = InputSpec("n", "INT", default=1)
    assert new_node("1", spec(number), linked=["n"]).size == new_node("1", spec(number)).size


@pytest.mark.parametrize("kind", SPECIAL)
def test_nodes_that_no_registry_has(kind):
    made = special_node("3", kind, (5, 6))
    assert (made.id, made.type, made.pos) == ("3", kind, (5, 6))
    document = GraphDocument()
    document.apply(AddNode(made))
    assert read_document(write_document(document)).document == document
    assert builtin().interface(kind) is None


def test_unknown_types_are_sized_by_what_their_file_shows():
    note = special_node("1", "Note")
    assert note.widgets == ("",)
    reroute = special_node("1", "Reroute")
    assert (len(reroute.inputs), len(reroute.outputs)) == (1, 1)
    assert fitting_size(reroute, None)[1] > SLOT_HEIGHT
