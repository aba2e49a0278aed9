from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import pytest
from helpers.workflows import node, text_to_image, workflow

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document, write_document
from core.workflow.document import Batch
from core.workflow.operations import (
    AddNode,
    MoveNodes,
    PutGroup,
    RemoveNodes,
    SetColour,
    SetExtra,
    SetFlag,
    SetTitle,
    SetWidget,
)
from core.workflow.records import Group, Node
from core.workflow.wiring import AddReroute, Connect, Disconnect

SOCKET = {"name": "clip", "type": "CLIP", "link": None, "localized_name": "clip", "slot_index": 3}
ODDITIES = {
    "pos as object": {"pos": {"0": 1.5, "1": -2}},
    "pos with more numbers": {"pos": {"0": 1, "1": 2, "2": 0}},
    "size as object": {"size": {"0": 315, "1": 262}},
    "no widgets": {"widgets_values": None},
    "widgets by name": {"widgets_values": {"text": "x", "n": [1, 2, {"a": None}]}},
    "string id": {"id": "a:b"},
    "negative id": {"id": -7},
    "null title": {"title": None},
    "links are null": {"outputs": [{"name": "O", "type": "*", "links": None, "shape": 6}]},
    "list as type": {
        "inputs": [{"name": "s", "type": ["a", "b"], "link": None, "widget": {"name": "s", "config": []}}]
    },
    "number as type": {"inputs": [{"name": "s", "type": -1, "link": None}]},
    "unknown mode": {"mode": 1},
    "unknown fields": {"showAdvanced": True, "locked": {"deep": [1, 2.0, "x", None]}},
    "flags": {"flags": {"collapsed": True, "pinned": True, "other": 1}},
    "colours": {"color": "#232", "bgcolor": "#353", "boxcolor": "#fff", "shape": 1},
    "unknown socket fields": {"inputs": [SOCKET]},
    "properties as list": {"properties": []},
    "order as text": {"order": "first"},
    "pos as text": {"pos": "left"},
    "everything wrong": {
        "pos": 3,
        "size": [1],
        "flags": 1,
        "mode": "x",
        "inputs": 5,
        "outputs": {},
        "title": 4,
    },
}
TOP = {
    "unknown fields": {"id": "0f", "revision": 3, "models": [{"name": "x"}], "somebody": {"else": 1}},
    "groups": {
        "groups": [
            {"title": "A", "bounding": [1, 2, 3, 4], "color": "#3f789e", "font_size": 24, "locked": True},
            {"title": "B", "bounding": [1.5, 2, 3, 4], "id": 1, "flags": {}},
            {"title": "C", "bounding": [0, 0, 1, 1], "id": 1},
            {"bounding": [0, 0, 1, 1]},
            {"title": "D", "bounding": "here"},
        ]
    },
    "extra": {"extra": {"ds": {"scale": 0.7, "offset": [1, 2]}, "groupNodes": {}, "0246.VERSION": [0, 0, 4]}},
    "extra null": {"extra": None},
    "no config": {"config": None},
    "native reroutes": {
        "extra": {
            "reroutes": [
                {"id": 1, "pos": [1, 2], "linkIds": [1]},
                {"id": 2, "parentId": 1, "pos": [3, 4], "linkIds": [1]},
            ],
            "linkExtensions": [{"id": 1, "parentId": 2}],
        }
    },
    "last ids too low": {"last_node_id": 1, "last_link_id": 0},
    "definitions": {"definitions": {"subgraphs": [{"id": "x", "nodes": []}], "more": 1}},
}


def document(form):
    return read_document(form).document


def round_trip(form):
    before = copy.deepcopy(form)
    written = write_document(document(form))
    assert json.dumps(written) == json.dumps(before)
    assert document(written) == document(form)


@pytest.mark.parametrize("name", ODDITIES)
@pytest.mark.parametrize("modern", [False, True], ids=["0.4", "1.0"])
def test_nodes_are_written_as_they_were_read(name, modern):
    round_trip(workflow([node(1, "Somebodys") | ODDITIES[name]], modern=modern))


@pytest.mark.parametrize("name", TOP)
def test_documents_are_written_as_they_were_read(name):
    round_trip(text_to_image(**TOP[name]))


def test_version_1_is_written_as_it_was_read():
    form = text_to_image(modern=True)
    form["links"][0] |= {"parentId": 2, "color": "#fff"}
    form["reroutes"] = [{"id": 2, "pos": [3, 4], "linkIds": [1], "floating": {"slotType": "output"}}]
    form["floatingLinks"] = [{"id": 9, "origin_id": 4, "origin_slot": 0, "target_id": -1, "target_slot": -1}]
    form["state"] |= {"lastGroupId": 4, "lastRerouteId": 2}
    round_trip(form)
    assert document(form).links[1].reroute == 2


@pytest.mark.parametrize(
    "missing", ["links", "groups", "config", "extra", "last_node_id", "properties", "flags"]
)
def test_missing_fields_stay_missing(missing):
    form = workflow([node(1, "Note", widgets=["x"])])
    form.pop(missing, None)
    form["nodes"][0].pop(missing, None)
    round_trip(form)


def test_fields_are_read():
    form = text_to_image()
    form["nodes"][0] |= {"title": "T", "mode": 4, "color": "#111", "bgcolor": "#222", "order": 7}
    form["nodes"][0] |= {"pos": {"0": 3, "1": 4}, "size": [5, 6], "flags": {"collapsed": True}}
    first = document(form).nodes["4"]
    assert (first.title, first.mode, first.colour, first.background) == ("T", 4, "#111", "#222")
    assert (first.pos, first.size, first.collapsed, first.order) == ((3, 4), (5, 6), True, 7)
    assert first.widgets == ("sd15.safetensors",)
    assert [socket.links for socket in first.outputs] == [(3,), (1, 2), (8,)]
    assert first.extra == {}


def test_both_versions_say_the_same():
    old, new = document(text_to_image()), document(text_to_image(modern=True))
    assert old.nodes == new.nodes
    assert old.links == new.links


def test_documents_that_are_spelt_differently_are_equal():
    one, other = workflow([node(1, "Note")]), workflow([node(1, "Note")])
    one["nodes"][0] |= {"pos": {"0": 0, "1": 0}, "widgets_values": []}
    del other["nodes"][0]["inputs"]
    assert document(one) == document(other)


def test_only_what_was_edited_is_written_anew():
    form = text_to_image(**TOP["unknown fields"])
    form["nodes"][4]["pos"] = {"0": 1, "1": 2}
    form["nodes"][4]["somebodys"] = 1
    doc = document(form)
    doc.apply(SetWidget("3", 0, 43))
    expected = copy.deepcopy(form)
    expected["nodes"][4]["widgets_values"][0] = 43
    assert write_document(doc) == expected
    doc.apply(MoveNodes({"3": (9, 9)}))
    expected["nodes"][4]["pos"] = [9, 9]
    assert write_document(doc) == expected
    doc.apply(Batch((SetTitle("3", "New"), SetColour(["3"], "#123", None), SetFlag(["3"], "pinned", True))))
    expected["nodes"][4] |= {"title": "New", "color": "#123", "flags": {"pinned": True}}
    assert write_document(doc) == expected
    doc.apply(Batch((SetTitle("3", None), SetColour(["3"], None, None), SetFlag(["3"], "pinned", None))))
    del expected["nodes"][4]["title"], expected["nodes"][4]["color"]
    expected["nodes"][4]["flags"] = {}
    assert write_document(doc) == expected


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", None])
def test_edits_between_values_that_python_takes_for_equal_are_written(value):
    form = workflow([node(1, "Note", widgets=[1])])
    doc = document(form)
    doc.apply(SetWidget("1", 0, value))
    assert json.dumps(write_document(doc)["nodes"][0]["widgets_values"]) == json.dumps([value])


@pytest.mark.parametrize("modern", [False, True], ids=["0.4", "1.0"])
def test_edited_links_reroutes_and_groups_are_written_and_read_again(modern):
    doc = document(text_to_image(modern=modern))
    doc.apply(AddNode(replace(doc.nodes["8"], id="20", inputs=(), outputs=())))
    doc.apply(Disconnect([1]))
    doc.apply(Connect("4", 1, "6", 0))
    doc.apply(AddReroute(10, (5, 6)))
    doc.apply(PutGroup(Group(1, "All", (0, 0, 10, 10))))
    doc.apply(SetExtra("ds", {"scale": 2}))
    doc.apply(RemoveNodes(["7"]))
    written = write_document(doc)
    assert document(written) == doc
    where = written if modern else written["extra"]
    assert where["reroutes"] == [{"id": 1, "pos": [5, 6], "linkIds": [10]}]
    last = [4, 1, 6, 0, "CLIP"]
    if modern:
        names = ["origin_id", "origin_slot", "target_id", "target_slot", "type"]
        assert written["links"][-1] == {"id": 10, **dict(zip(names, last, strict=True)), "parentId": 1}
        assert written["state"] == {"lastNodeId": 20, "lastLinkId": 10}
    else:
        assert written["links"][-1] == [10, *last]
        assert where["linkExtensions"] == [{"id": 10, "parentId": 1}]
        assert (written["last_node_id"], written["last_link_id"]) == (20, 10)


def test_forgotten_extra_is_not_written():
    doc = document(text_to_image(extra={"ds": {"scale": 1}}))
    doc.apply(SetExtra("ds", None))
    assert write_document(doc)["extra"] == {}


def test_new_node_is_written_in_full():
    doc = document(workflow([]))
    doc.apply(AddNode(Node("1", "Note", (1, 2), widgets=("hi",))))
    assert write_document(doc)["nodes"] == [
        {"id": 1, "type": "Note", "pos": [1, 2], "size": [210, 60], "flags": {}, "order": 0, "mode": 0,
         "inputs": [], "outputs": [], "properties": {}, "widgets_values": ["hi"]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([], "x.json is not a workflow: expected a JSON object, found []"),
        (None, "expected a JSON object, found None"),
        ({}, 'it needs a list called "nodes" and has none'),
        ({"nodes": {}}, 'it needs a list called "nodes" and has {}'),
        ({"nodes": ["x"]}, "nodes[0] is not a node: expected an object, found 'x'"),
        ({"nodes": [{"type": "A"}]}, "nodes[0] has no id: found None"),
        ({"nodes": [{"id": 1, "type": "A"}, {"id": 2}]}, "nodes[1] has no type: found None"),
        ({"nodes": [{"id": True, "type": "A"}]}, "nodes[0] has no id: found True"),
        ({"nodes": [{"id": 1, "type": ["A"]}]}, "nodes[0] has no type: found ['A']"),
    ],
)
def test_what_is_no_workflow_is_named(form, message):
    with pytest.raises(WorkflowError) as caught:
        read_document(form, "x.json")
    assert message in str(caught.value)


def remarks(form):
    return [str(remark) for remark in read_document(form).remarks]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"pos": [math.nan, 1]},
            "node 1 (Note), position: [nan, 1] is not two usable numbers; [0, 0] is used",
        ),
        (
            {"pos": [math.inf, 1]},
            "node 1 (Note), position: [inf, 1] is not two usable numbers; [0, 0] is used",
        ),
        (
            {"pos": [1e300, 1]},
            "node 1 (Note), position: [1e+300, 1] is not two usable numbers; [0, 0] is used",
        ),
        ({"size": {"0": 1}}, "node 1 (Note), size: {'0': 1} is not two usable numbers; [210, 60] is used"),
        ({"mode": "off"}, "node 1 (Note), mode: 'off' is not a whole number; 0 is used"),
        ({"title": 3}, "node 1 (Note), title: 3 is not text; it is ignored"),
        ({"flags": 3}, "node 1 (Note), flags: 3 is not an object; it is ignored"),
        ({"inputs": {}}, "node 1 (Note), inputs: {} is not a list; it is ignored"),
        ({"inputs": [3]}, "node 1 (Note), input 0: 3 is not an object; it is ignored"),
        ({"widgets_values": "x"}, "node 1 (Note), widget values: 'x' is not a list; it is ignored"),
    ],
)
def test_fields_of_the_wrong_kind_are_replaced_and_named(fields, expected):
    assert remarks(workflow([node(1, "Note") | fields])) == [expected]


def test_links_to_nowhere_are_kept_and_named():
    form = text_to_image()
    form["links"] += [[50, 4, 0, 99, 0, "MODEL"], [51, 4, 7, 3, 0, "MODEL"]]
    form["nodes"][1]["inputs"].append({"name": "more", "type": "CLIP", "link": 88})
    found = remarks(form)
    assert [text.split(":")[0] for text in found] == [
        "link 50",
        "link 51",
        "node 6 (CLIPTextEncode), input 'more'",
    ]
    assert write_document(document(form)) == form


@pytest.mark.parametrize(
    "broken", [None, 5, [1, 2], [1, None, 0, 2, 0, "X"], [1, 4, "0", 2, 0, "X"], {"id": 1}]
)
def test_what_is_no_link_is_left_out_and_named(broken):
    form = text_to_image()
    form["links"].append(broken)
    assert "links[9]" in remarks(form)[0]
    assert len(document(form).links) == 9


def test_second_node_of_an_id_gets_another():
    form = text_to_image()
    form["nodes"].append(node(3, "Note", widgets=["second"]))
    doc = document(form)
    assert doc.nodes["10"].widgets == ("second",)
    assert doc.nodes["3"].type == "KSampler"
    assert "its id is taken; it is node 10 now" in remarks(form)[0]
    assert document(write_document(doc)) == doc


def test_second_link_of_an_id_is_left_out():
    form = text_to_image()
    form["links"].append([1, 4, 0, 3, 0, "MODEL"])
    assert "link 1 is there twice" in remarks(form)[0]


def test_unknown_version_is_guessed():
    form = text_to_image(modern=True)
    form["version"] = "newest"
    assert "read as 1" in remarks(form)[0]
    assert write_document(document(form)) == form
