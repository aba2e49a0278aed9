"""What nodes show of their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.canvas.face import Face, RowKind, choices, make_face, shown
from core.folders import Folders
from core.nodes.interface import read_catalogue
from core.nodes.registry import Registry, builtin
from core.nodes.spec import InputSpec, Toggle
from core.workflow.document import GraphDocument
from core.workflow.new_nodes import new_node
from core.workflow.operations import SetWidget
from core.workflow.records import DocumentLink, Header, InputSocket, Node, OutputSocket
from core.workflow.widgets import at

MakeFace = Callable[..., Face]


@pytest.fixture
def face_of(registry: Registry, folders: Folders) -> MakeFace:
    """The face of a node alone in a document, or of the first of several."""

    def made(*nodes: Node, links: tuple[DocumentLink, ...] = (), header: Header | None = None) -> Face:
        document = GraphDocument(nodes, links, header=header)
        return make_face(nodes[0], document, registry, folders)

    return made


def sampler(registry: Registry, **values: Any) -> Node:
    return new_node("1", registry.interface("KSampler"), values=values)  # pyright: ignore[reportArgumentType]


def row(face: Face, name: str) -> Any:
    return next(row for row in face.rows if row.name == name)


def test_a_sampler_shows_its_sockets_and_rows(registry: Registry, face_of: MakeFace) -> None:
    face = face_of(sampler(registry, sampler_name="euler", scheduler="normal"))
    assert face.title == "KSampler"
    assert [socket.label for socket in face.inputs] == ["model", "positive", "negative", "latent_image"]
    assert [socket.type for socket in face.outputs] == ["LATENT"]
    assert [(row.name, row.kind) for row in face.rows] == [
        ("seed", RowKind.INT),
        ("seed", RowKind.AFTER_RUN),
        ("steps", RowKind.INT),
        ("cfg", RowKind.FLOAT),
        ("sampler_name", RowKind.CHOICE),
        ("scheduler", RowKind.CHOICE),
        ("denoise", RowKind.FLOAT),
    ]
    assert face.known
    assert not face.placeholder
    assert [row.problem for row in face.rows] == [""] * 7


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (8.0, RowKind.FLOAT, "8.0"),
        (8, RowKind.FLOAT, "8"),
        (1e-05, RowKind.FLOAT, "1e-05"),
        (0.1 + 0.2, RowKind.FLOAT, "0.30000000000000004"),
        (2**64 - 1, RowKind.INT, "18446744073709551615"),
        (20.0, RowKind.INT, "20"),
        ("a\nb", RowKind.LONG_TEXT, "a\nb"),
        (True, RowKind.TOGGLE, "true"),
        (None, RowKind.OTHER, ""),
        ([1, "é"], RowKind.OTHER, '[1, "é"]'),
        (float("inf"), RowKind.INT, "inf"),
    ],
)
def test_values_are_shown_as_users_write_them(value: object, kind: RowKind, text: str) -> None:
    assert shown(value, kind) == text


def test_a_toggle_shows_the_words_of_its_type() -> None:
    spec = InputSpec("add_noise", "BOOLEAN", widget=Toggle("enable", "disable"))
    assert [shown(value, RowKind.TOGGLE, spec) for value in (True, False)] == ["enable", "disable"]


def test_choices_hold_the_present_value_even_if_nobody_knows_it(
    registry: Registry, folders: Folders, face_of: MakeFace
) -> None:
    face = face_of(sampler(registry, sampler_name="of_a_pack", scheduler="karras"))
    unknown, known = row(face, "sampler_name"), row(face, "scheduler")
    assert choices(unknown, folders)[0] == "of_a_pack"
    assert "euler" in choices(unknown, folders)
    assert "'of_a_pack' is not one of the choices" in unknown.problem
    assert choices(known, folders).count("karras") == 1
    after = next(row for row in face.rows if row.kind is RowKind.AFTER_RUN)
    assert choices(after, folders) == ["fixed", "increment", "decrement", "randomize"]


def test_a_missing_file_is_a_problem_until_it_is_there(
    registry: Registry, folders: Folders, face_of: MakeFace
) -> None:
    spec = registry.interface("CheckpointLoaderSimple")
    assert spec
    node = new_node("1", spec, values={"ckpt_name": "sd/model.safetensors"})
    assert "no file 'sd/model.safetensors'" in face_of(node).rows[0].problem
    file = folders.models[0] / "checkpoints" / "sd" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    assert face_of(node).rows[0].problem == ""
    empty = new_node("1", spec, values={"ckpt_name": ""})
    assert "No file is chosen" in face_of(empty).rows[0].problem


def test_a_linked_row_has_no_problem_and_no_socket_of_its_own(registry: Registry, face_of: MakeFace) -> None:
    node = sampler(registry, sampler_name="of_a_pack", scheduler="karras")
    socket = InputSocket("sampler_name", "COMBO", 7, widget="sampler_name")
    node = replace(node, inputs=(*node.inputs, socket))
    origin = Node("2", "PrimitiveNode", outputs=(OutputSocket("COMBO", "COMBO", (7,)),))
    face = face_of(node, origin, links=(DocumentLink(7, "2", 0, "1", 4, "COMBO"),))
    fed = row(face, "sampler_name")
    assert (fed.slot, fed.linked, fed.problem) == (4, True, "")
    assert "sampler_name" not in [socket.label for socket in face.inputs]
    # A link that the document lacks feeds nothing.
    assert not row(face_of(node), "sampler_name").linked


def test_optional_inputs_are_told_by_the_type_or_by_the_file(registry: Registry, face_of: MakeFace) -> None:
    spec = registry.interface("ControlNetApplyAdvanced")
    assert spec
    optional = {entry.name for entry in spec.inputs if not entry.required}
    face = face_of(new_node("1", spec))
    assert {socket.label for socket in face.inputs if not socket.required} == optional & {
        socket.label for socket in face.inputs
    }
    sockets = (InputSocket("a", "IMAGE"), InputSocket("b", "MASK", extra={"shape": 7}))
    unknown = face_of(Node("1", "OfAPack", inputs=sockets))
    assert [socket.required for socket in unknown.inputs] == [True, False]


def test_a_type_known_by_its_interface_keeps_names_and_values(registry: Registry, face_of: MakeFace) -> None:
    name = next(name for name, spec in read_catalogue().items() if registry.get(name) is None and spec.inputs)
    spec = registry.interface(name)
    assert spec
    face = face_of(new_node("1", spec))
    assert not face.known
    assert not face.placeholder
    assert face.title == spec.title


def test_an_unknown_type_shows_what_its_file_has(face_of: MakeFace) -> None:
    node = Node(
        "1",
        "OfAPack",
        inputs=(InputSocket("image", "IMAGE"),),
        outputs=(OutputSocket("", "IMAGE"),),
        widgets=(3, "abc", {"a": 1}),
    )
    face = face_of(node)
    assert face.placeholder
    assert not face.known
    assert face.title == "OfAPack"
    assert [row.text for row in face.rows] == ["3", "abc", '{"a": 1}']
    assert {row.kind for row in face.rows} == {RowKind.OTHER}
    assert face.outputs[0].label == "IMAGE"


def test_newer_files_tell_names_and_types_of_unknown_nodes(face_of: MakeFace) -> None:
    node = Node(
        "1",
        "OfAPack",
        inputs=(
            InputSocket("steps", "INT", widget="steps"),
            InputSocket("text", "STRING", widget="text"),
            InputSocket("flag", "BOOLEAN", widget="flag"),
        ),
        widgets=(3, "a\nb", "no toggle"),
    )
    face = face_of(node)
    assert [(row.name, row.kind) for row in face.rows] == [
        ("steps", RowKind.INT),
        ("text", RowKind.LONG_TEXT),
        ("flag", RowKind.OTHER),
    ]
    assert face.inputs == ()


def test_notes_are_their_text(face_of: MakeFace) -> None:
    face = face_of(Node("1", "MarkdownNote", widgets=("# Title\ntext",)))
    assert face.note
    assert face.title == "Markdown Note"
    assert [(row.kind, row.text, row.takes_link) for row in face.rows] == [
        (RowKind.LONG_TEXT, "# Title\ntext", False)
    ]
    assert face_of(Node("1", "Note")).rows == ()


def test_an_old_reroute_is_of_the_type_that_runs_through_it(face_of: MakeFace) -> None:
    node = Node("1", "Reroute", inputs=(InputSocket("", "*"),), outputs=(OutputSocket("", "VAE"),))
    face = face_of(node)
    assert face.reroute
    assert [socket.type for socket in (*face.inputs, *face.outputs)] == ["VAE", "VAE"]


def test_a_primitive_is_edited_as_what_it_feeds(registry: Registry, face_of: MakeFace) -> None:
    node = sampler(registry)
    node = replace(node, inputs=(*node.inputs, InputSocket("steps", "INT", 7, widget="steps")))
    primitive = Node(
        "2", "PrimitiveNode", outputs=(OutputSocket("INT", "INT", (7,)),), widgets=(20, "increment")
    )
    link = DocumentLink(7, "2", 0, "1", 4, "INT")
    face = face_of(primitive, node, links=(link,))
    value, control = face.rows
    assert (value.kind, value.label, value.place) == (RowKind.INT, "steps", 0)
    assert value.spec is node_input(registry, "steps")
    assert (control.kind, control.text, control.place) == (RowKind.AFTER_RUN, "increment", 1)
    alone = face_of(replace(primitive, outputs=(OutputSocket("INT", "INT"),)))
    assert (alone.title, alone.rows[0].kind, alone.rows[0].spec) == ("Primitive", RowKind.INT, None)


def node_input(registry: Registry, name: str) -> object:
    spec = registry.interface("KSampler")
    assert spec
    return spec.input(name)


def test_a_subgraph_has_the_name_of_its_definition(face_of: MakeFace) -> None:
    key = "7d0c9a52-1b7f-4c5f-9a70-1a8e4cbb6a2e"
    header = Header(fields={"definitions": {"subgraphs": [{"id": key, "name": "Upscale twice"}]}})
    node = Node(
        "1",
        key,
        inputs=(InputSocket("image", "IMAGE"), InputSocket("steps", "INT", widget="steps")),
        outputs=(OutputSocket("IMAGE", "IMAGE"),),
        widgets=(12, "abc"),
        properties={"proxyWidgets": [["-1", "steps"], ["5", "text"]]},
    )
    face = face_of(node, header=header)
    assert face.title == "Upscale twice"
    assert face.subgraph
    assert face.known
    assert not face.placeholder
    assert [socket.label for socket in face.inputs] == ["image"]
    assert [(row.name, row.text, row.slot) for row in face.rows] == [
        ("steps", "12", 1),
        ("text", "abc", None),
    ]
    assert face_of(node).placeholder


def test_a_group_node_shows_the_values_of_its_members(face_of: MakeFace) -> None:
    members = [
        {"type": "EmptyLatentImage", "widgets_values": [512, 512, 1]},
        {"type": "VAEDecode"},
        {"type": "CLIPTextEncode", "widgets_values": ["a"]},
    ]
    header = Header(extra={"groupNodes": {"Both": {"nodes": members}}})
    face = face_of(Node("1", "workflow/Both", widgets=(640, 480, 2, "a cat")), header=header)
    assert face.title == "Both"
    assert [(row.name, row.place, row.text) for row in face.rows] == [
        ("width", 0, "640"),
        ("height", 1, "480"),
        ("batch_size", 2, "2"),
        ("text", 3, "a cat"),
    ]


@pytest.mark.parametrize(
    "definitions",
    [None, [], {"subgraphs": None}, {"subgraphs": [3, {"id": 1}]}, {"subgraphs": [{"id": "t", "name": 4}]}],
)
def test_broken_definitions_leave_a_placeholder_or_a_graph(face_of: MakeFace, definitions: object) -> None:
    header = Header(fields={"definitions": definitions}, extra={"groupNodes": [1]})
    assert face_of(Node("1", "t", widgets=(1,)), header=header).title == "t"
    assert face_of(Node("1", "workflow/x", widgets=(1,)), header=header).placeholder


def test_a_chosen_picture_is_shown(registry: Registry, folders: Folders, face_of: MakeFace) -> None:
    spec = registry.interface("LoadImage")
    assert spec
    node = new_node("1", spec, values={"image": "cat.png"})
    assert face_of(node).pictures == ()
    file = Path(folders.input) / "cat.png"
    file.touch()
    assert face_of(node).pictures == (file,)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
_TYPES = [*read_catalogue(), "Note", "MarkdownNote", "Reroute", "PrimitiveNode", "OfAPack"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    class_type=st.sampled_from(_TYPES),
    values=st.lists(_JSON, max_size=8) | st.dictionaries(st.text(max_size=8), _JSON, max_size=6),
    sockets=st.lists(st.tuples(st.text(max_size=6), st.sampled_from(["INT", "IMAGE", "*"])), max_size=4),
)
def test_any_values_in_any_node_are_shown(
    folders: Folders, class_type: str, values: Any, sockets: list[tuple[str, str]]
) -> None:
    """Every row tells where its value is, and putting the value back there changes nothing."""
    node = Node(
        "1",
        class_type,
        inputs=tuple(InputSocket(name, wire, widget=name) for name, wire in sockets),
        outputs=(OutputSocket("x", "INT"),),
        widgets=tuple(values) if isinstance(values, list) else values,
    )
    document = GraphDocument([node])
    face = make_face(node, document, builtin(), folders)
    for shown_row in face.rows:
        assert isinstance(shown_row.text, str)
        value = at(node, shown_row.place)
        assert value is shown_row.value or class_type in ("Note", "MarkdownNote")
        document.apply(SetWidget("1", shown_row.place, value))
        if shown_row.kind in (RowKind.CHOICE, RowKind.AFTER_RUN):
            assert shown_row.text in choices(shown_row, folders)
