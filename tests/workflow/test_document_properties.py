"""Random documents and random edits."""

from __future__ import annotations

import json

from helpers.workflows import assert_sound, catalogue, node, workflow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.document import Batch
from core.workflow.from_prompt import document_from_prompt
from core.workflow.history import History
from core.workflow.operations import (
    AddNode,
    MoveNodes,
    PutGroup,
    RemoveGroups,
    RemoveNodes,
    SetColour,
    SetExtra,
    SetFlag,
    SetMode,
    SetTitle,
    SetWidget,
)
from core.workflow.prompt_json import read_prompt, write_prompt
from core.workflow.records import Group, InputSocket, Node, OutputSocket
from core.workflow.wiring import (
    AddInput,
    AddReroute,
    Connect,
    Disconnect,
    MoveReroutes,
    RemoveInput,
    RemoveReroute,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ids = st.integers(1, 7).map(str)
small = st.integers(0, 3)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
reachable = st.integers(-(10**8), 10**8) | st.floats(-1e8, 1e8)
points = st.tuples(reachable, reachable)
texts = st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
types = st.sampled_from(["IMAGE", "LATENT", "*", "IMAGE,MASK"])
kinds = st.sampled_from(
    ["KSampler", "Reroute", "Note", "PrimitiveNode", "Somebodys", "VAEDecode", "LoadImage"]
)
new_nodes = st.builds(
    Node,
    id=ids,
    type=kinds,
    pos=points,
    title=st.none() | texts,
    mode=st.sampled_from([0, 2, 4]),
    inputs=st.lists(st.builds(InputSocket, texts, types), max_size=4).map(tuple),
    outputs=st.lists(st.builds(OutputSocket, texts, types), max_size=3).map(tuple),
    widgets=st.lists(values, max_size=4).map(tuple) | st.dictionaries(texts, values, max_size=3),
)
edits = st.one_of(
    st.builds(AddNode, new_nodes),
    st.builds(AddNode, new_nodes),
    st.builds(Connect, ids, small, ids, small),
    st.builds(Connect, ids, small, ids, small),
    st.builds(Connect, ids, small, ids, small),
    st.builds(RemoveNodes, st.lists(ids, min_size=1, max_size=3)),
    st.builds(MoveNodes, st.dictionaries(ids, points, max_size=3)),
    st.builds(SetWidget, ids, small | texts, values),
    st.builds(SetMode, st.lists(ids, max_size=2), st.sampled_from([0, 2, 4])),
    st.builds(SetTitle, ids, st.none() | texts),
    st.builds(SetColour, st.lists(ids, max_size=2), st.none() | texts, st.none() | texts),
    st.builds(SetFlag, st.lists(ids, max_size=2), st.just("collapsed"), st.none() | st.booleans()),
    st.builds(Disconnect, st.lists(st.integers(1, 8), max_size=3)),
    st.builds(AddInput, ids, st.builds(InputSocket, texts, types)),
    st.builds(RemoveInput, ids, small),
    st.builds(PutGroup, st.builds(Group, st.integers(1, 3), texts)),
    st.builds(RemoveGroups, st.lists(st.integers(1, 3), max_size=2)),
    st.builds(AddReroute, st.integers(1, 8), points),
    st.builds(MoveReroutes, st.dictionaries(st.integers(1, 3), points, max_size=2)),
    st.builds(RemoveReroute, st.integers(1, 3)),
    st.builds(SetExtra, texts.filter(lambda name: name not in ("reroutes", "linkExtensions")), values),
)
operations = edits | st.lists(edits, max_size=4).map(lambda batch: Batch(tuple(batch)))
versions = st.sampled_from([0.4, 1])

sockets = {"name": texts, "type": types | st.lists(texts, max_size=2), "link": st.none() | st.integers(1, 9)}
node_forms = st.fixed_dictionaries(
    {"id": st.integers(1, 99), "type": kinds},
    optional={
        "pos": st.tuples(numbers, numbers).map(list) | st.fixed_dictionaries({"0": numbers, "1": numbers}),
        "size": values,
        "mode": st.integers(0, 4),
        "order": small,
        "title": texts,
        "color": texts,
        "flags": st.dictionaries(texts, values, max_size=2),
        "properties": st.dictionaries(texts, values, max_size=2),
        "inputs": st.lists(
            st.fixed_dictionaries({}, optional={**sockets, "localized_name": texts}), max_size=3
        ),
        "outputs": st.lists(
            st.fixed_dictionaries({"name": texts}, optional={"links": st.none() | st.lists(small)})
        ),
        "widgets_values": values,
        "somebodys": values,
    },
)
ends = {name: st.integers(1, 9) for name in ("id", "origin_id", "origin_slot", "target_id", "target_slot")}
link_objects = st.fixed_dictionaries({**ends, "type": types}, optional={"color": texts, "parentId": small})
link_lists = st.fixed_dictionaries(ends).map(lambda link: [*link.values(), "IMAGE"])


def forms(version):
    links = link_objects if version >= 1 else link_lists
    number = (lambda link: link["id"]) if version >= 1 else (lambda link: link[0])
    return st.fixed_dictionaries(
        {
            "nodes": st.lists(node_forms, max_size=5, unique_by=lambda node: node["id"]),
            "links": st.lists(links, max_size=5, unique_by=number),
            "version": st.just(version),
        },
        optional={
            "groups": st.lists(
                st.fixed_dictionaries({"title": texts}, optional={"id": small, "x": values}), max_size=3
            ),
            "extra": st.dictionaries(texts, values, max_size=2),
            "config": st.dictionaries(texts, values, max_size=2),
            "last_node_id": small,
            "definitions": values,
        },
    )


def edited(history, steps):
    for operation in steps:
        try:
            history.do(operation, "edit")
        except WorkflowError:
            continue


def start(version):
    """Five nodes that fit each other, wired in part, so that most edits have something to do."""
    wires = [("a", "IMAGE"), ("b", "*"), ("c", "LATENT")]
    kinds = ("KSampler", "Reroute", "PrimitiveNode", "Somebodys", "VAEDecode")
    nodes = [
        node(number, kind, wires, [("A", "IMAGE"), ("B", "*"), ("C", "LATENT")], [number, "x", None])
        for number, kind in enumerate(kinds, 1)
    ]
    links = [(1, 0, 2, 0), (1, 0, 3, 0), (2, 1, 4, 2), (4, 2, 1, 1), (3, 2, 3, 2)]
    document = read_document(workflow(nodes, *links, modern=version >= 1)).document
    for edit in (PutGroup(Group(1)), AddReroute(1, (0, 0)), AddReroute(1, (1, 1)), AddReroute(2, (2, 2))):
        document.apply(edit)
    return document


@QUICK
@given(versions, st.lists(operations, max_size=25))
def test_undo_all_and_redo_all(version, steps):
    document = start(version)
    history = History(document)
    states = [write_document(document)]
    for operation in steps:
        before = write_document(document)
        try:
            history.do(operation, "edit")
        except WorkflowError:
            assert write_document(document) == before
            continue
        assert_sound(document)
        states.append(write_document(document))
        if len(history.undo_labels) < len(states) - 1:
            assert json.dumps(states.pop()) == json.dumps(before)  # nothing was changed: no step
    for state in reversed(states[:-1]):
        history.undo()
        assert json.dumps(write_document(document)) == json.dumps(state)
    assert document == start(version)
    for state in states[1:]:
        history.redo()
        assert json.dumps(write_document(document)) == json.dumps(state)
    assert not history.redo()


@QUICK
@given(versions, st.lists(operations, max_size=25))
def test_edited_documents_are_read_as_they_were(version, steps):
    document = start(version)
    edited(History(document), steps)
    again = read_document(json.loads(json.dumps(write_document(document))))
    assert again.document == document
    assert again.remarks == ()


@QUICK
@given(versions.flatmap(forms))
def test_random_files_are_written_as_they_were_read(form):
    before = json.dumps(form)
    document = read_document(form).document
    assert json.dumps(write_document(document)) == before
    assert read_document(write_document(document)).document == document


@QUICK
@given(versions.flatmap(forms), st.lists(operations, max_size=10))
def test_edits_of_random_files_are_undone(form, steps):
    document = read_document(form).document
    history = History(document)
    edited(history, steps)
    while history.undo():
        pass
    assert document == read_document(form).document
    assert json.dumps(write_document(document)) == json.dumps(form)


@QUICK
@given(st.lists(operations, max_size=25))
def test_whatever_compiles_comes_back_from_the_canvas(steps):
    document = start(0.4)
    edited(History(document), steps)
    graph = compile_document(document, catalogue()).graph
    if graph.nodes:
        assert read_prompt(json.loads(json.dumps(write_prompt(graph)))) == graph
    canvas = document_from_prompt(graph, catalogue()).document
    links = {key: dict(node.links()) for key, node in graph.nodes.items()}
    again = compile_document(canvas, catalogue()).graph
    assert {key: dict(node.links()) for key, node in again.nodes.items()} == links
