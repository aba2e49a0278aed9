from __future__ import annotations

import copy

import pytest
from helpers.workflows import node, text_to_image, workflow

from core.errors import WorkflowError
from core.nodes.registry import builtin
from core.workflow import edits, placing
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.document import GraphDocument, Operation
from core.workflow.layout import arrange
from core.workflow.new_nodes import new_node, special_node
from core.workflow.operations import AddNode, PutGroup, SetFlag
from core.workflow.records import BYPASSED, MUTED, Group
from core.workflow.wiring import AddReroute, chain


def make(**more) -> GraphDocument:
    """Text to image; the nodes 200 x 100 and side by side."""
    form = text_to_image(**more)
    for index, entry in enumerate(form["nodes"]):
        entry["pos"] = [300 * index, 10 * index]
    return read_document(form).document


def apply(document: GraphDocument, operation: Operation) -> GraphDocument:
    """The document after the edit, which can be undone and redone."""
    before = copy.deepcopy(write_document(document))
    inverse = document.apply(operation)
    after = copy.deepcopy(write_document(document))
    again = document.apply(inverse)
    assert write_document(document) == before
    document.apply(again)
    assert write_document(document) == after
    return document


# --- links


def test_a_link_to_a_socket():
    document = apply(make(), edits.link(make(), "6", 0, "3", "negative", builtin()))
    assert document.links[document.nodes["3"].inputs[2].link].origin == "6"
    assert len(document.nodes["3"].inputs) == 4


def test_a_link_to_a_value_adds_its_socket():
    document = make()
    document.apply(AddNode(new_node("20", builtin().get("PrimitiveInt"), values={"value": 7})))
    apply(document, edits.link(document, "20", 0, "3", "seed", builtin()))
    socket = document.nodes["3"].inputs[4]
    assert (socket.name, socket.type, socket.widget) == ("seed", "INT", "seed")
    assert document.links[socket.link].origin == "20"
    assert compile_document(document, builtin()).graph.nodes["3"].inputs["seed"] == ("20", 0)
    apply(document, edits.link(document, "20", 0, "3", "seed", builtin()))
    assert len(document.nodes["3"].inputs) == 5


def test_a_link_to_a_value_of_an_unknown_node():
    widgets = {"strength": 1}
    document = read_document(
        workflow([node(1, "Somebodys", widgets=widgets), node(2, "A", (), [("X", "X")])])
    )
    document = apply(document.document, edits.link(document.document, "2", 0, "1", "strength", builtin()))
    assert document.nodes["1"].inputs[0].type == "*"
    assert len(list(document.live_links())) == 1


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (("4", 9, "3", "seed"), "has no output 9"),
        (("4", 0, "99", "seed"), "has no node '99'"),
        (("4", 0, "3", "nothing"), "has no input 'nothing' that a link can feed"),
        (("4", 0, "3", "seed"), "MODEL from node 4 does not fit input 'seed'"),
    ],
)
def test_links_that_are_refused(link, message):
    document = make()
    with pytest.raises(WorkflowError, match=message):
        document.apply(edits.link(document, *link, builtin()))
    assert document == make()


def test_a_primitive_takes_the_first_value_it_feeds():
    document = make()
    document.apply(AddNode(special_node("20", "PrimitiveNode")))
    apply(document, edits.link(document, "20", 0, "3", "cfg", builtin()))
    primitive = document.nodes["20"]
    assert primitive.widgets == (8, "fixed")
    assert primitive.outputs[0].type == "FLOAT"
    assert primitive.outputs[0].extra == {"widget": {"name": "cfg"}}
    assert compile_document(document, builtin()).graph.nodes["3"].inputs["cfg"] == 8
    with pytest.raises(WorkflowError, match="does not fit"):
        document.apply(edits.link(document, "20", 0, "6", "text", builtin()))


def test_a_primitive_that_feeds_a_socket_takes_nothing():
    document = make()
    document.apply(AddNode(special_node("20", "PrimitiveNode")))
    apply(document, edits.link(document, "20", 0, "3", "model", builtin()))
    assert document.nodes["20"].widgets == ()


def test_points_go_where_the_course_of_the_link_is_nearest():
    document = make()  # link 1 runs from node 4 at x 200 to node 6 at x 300
    for pos in ((250.0, 60.0), (280.0, 60.0), (210.0, 55.0), (265.0, 60.0)):
        apply(document, edits.reroute(document, 1, pos))
    assert [point.pos[0] for point in chain(document, document.links[1])] == [210, 250, 265, 280]
    assert all(point.links == (1,) for point in document.reroutes.values())
    with pytest.raises(WorkflowError, match="has no link 77"):
        document.apply(edits.reroute(document, 77, (0, 0)))


def test_links_that_share_a_point_share_those_before_it():
    document = make()
    document.apply(AddReroute(1, (250, 60)))
    form = write_document(document)
    form["extra"]["reroutes"][0]["linkIds"] = [1, 2]
    form["extra"]["linkExtensions"].append({"id": 2, "parentId": 1})
    document = read_document(form).document
    apply(document, edits.reroute(document, 2, (220, 55)))
    assert [[p.id for p in chain(document, document.links[n])] for n in (1, 2)] == [[2, 1], [2, 1]]
    assert document.reroutes[2].links == (1, 2)


# --- deleting


def test_delete_takes_everything_at_once():
    document = make(groups=[{"title": "G", "bounding": [0, 0, 9, 9]}])
    for link in (1, 2, 4):
        document.apply(AddReroute(link, (0, 0)))
    apply(document, edits.delete(document, ["6", "5"], [1], [1, 2], [2, 9, 6, 77]))
    assert set(document.nodes) == {"4", "7", "3", "8", "9"}
    assert set(document.links) == {3, 5, 7, 8}
    assert not document.reroutes
    assert not document.groups


def test_delete_nothing():
    document = make()
    assert document.apply(edits.delete(document)).is_void(document)
    assert document == make()


def test_clear_takes_what_is_broken_too():
    form = text_to_image(groups=[{"title": "G"}])
    form["links"].append([50, 99, 0, 98, 0, "X"])
    form["extra"] = {"reroutes": [{"id": 4, "pos": [0, 0]}], "ds": {}}
    document = read_document(form).document
    apply(document, edits.clear(document))
    assert not (document.nodes or document.links or document.groups or document.reroutes)
    assert document.header.extra == {"ds": {}}


# --- modes and flags


def test_a_mode_is_taken_back_when_all_have_it():
    document = make()
    apply(document, edits.toggle_mode(document, ["3"], BYPASSED))
    apply(document, edits.toggle_mode(document, ["3", "4"], BYPASSED))
    assert {document.nodes[n].mode for n in ("3", "4")} == {BYPASSED}
    apply(document, edits.toggle_mode(document, ["3", "4"], MUTED))
    apply(document, edits.toggle_mode(document, ["3", "4"], MUTED))
    assert {document.nodes[n].mode for n in ("3", "4")} == {0}


def test_a_flag_is_taken_back_when_all_have_it():
    document = make()
    apply(document, edits.toggle_flag(document, ["3"], "collapsed"))
    apply(document, edits.toggle_flag(document, ["3", "4"], "collapsed"))
    assert document.nodes["3"].collapsed and document.nodes["4"].collapsed
    apply(document, edits.toggle_flag(document, ["3", "4"], "collapsed"))
    assert document.nodes["3"].flags == document.nodes["4"].flags == {}


# --- places


def places(document: GraphDocument, axis: int, ids: list[str]) -> list[float]:
    return [document.nodes[node_id].pos[axis] for node_id in ids]


@pytest.mark.parametrize(
    ("edge", "axis", "expected"),
    [
        ("left", 0, [0, 0, 0]),
        ("top", 1, [0, 0, 0]),
        ("right", 0, [600, 550, 600]),
        ("bottom", 1, [20, 70, 20]),
    ],
)
def test_align(edge, axis, expected):
    document, ids = make(), ["4", "6", "7"]
    apply(document, placing.align(document, ids, edge, {"6": (250, 50)}))
    assert places(document, axis, ids) == expected
    assert places(document, 1 - axis, ids) == places(make(), 1 - axis, ids)


def test_pinned_nodes_stay():
    document = make()
    document.apply(SetFlag(["7"], "pinned", True))
    apply(document, placing.align(document, ["4", "6", "7"], "left", {}))
    assert places(document, 0, ["4", "6", "7"]) == [0, 0, 600]


def test_distribute():
    document, ids = make(), ["4", "6", "7", "5"]
    apply(document, placing.distribute(document, ids, "across", {"6": (300, 100)}))
    assert places(document, 0, ids) == pytest.approx([0, 266.667, 633.333, 900], abs=0.01)
    apply(document, placing.distribute(document, ids, "down", {}))
    assert places(document, 1, ids) == [0, 10, 20, 30]
    apply(document, placing.distribute(document, ["4"], "across", {}))
    assert places(document, 0, ["4"]) == [0]


def test_a_group_goes_around_titles_groups_and_points():
    document = make()
    operation = placing.group_around(document, ["4"], [], [], {"4": (400, 300)})
    apply(document, operation)
    assert document.groups[1].bounding == (-10, -70, 420, 380)
    document.apply(AddReroute(1, (-100, 500)))
    apply(document, placing.group_around(document, [], [1], [1], {}))
    assert document.groups[2].bounding == (-110, -110, 530, 620)
    assert placing.contents(document, 2, {}) == placing.Contents(("4",), (1,), (1,))
    assert placing.contents(document, 1, {"4": (400, 311)}).nodes == ()


def test_arrange_all():
    document = make(
        groups=[{"title": "Texts", "bounding": [290, -80, 530, 420]}, {"bounding": [9e3, 0, 1, 1]}]
    )
    document.apply(AddReroute(1, (250, 60)))
    document.apply(PutGroup(Group(7, "Both", (280, -130, 560, 500))))
    sizes = {"6": (400.0, 300.0)}
    apply(document, placing.arrange_all(document, sizes))
    columns = {n: document.nodes[n].pos[0] for n in document.nodes}
    for link in document.links.values():
        assert columns[link.origin] < columns[link.target]
    boxes = [placing.node_box(record, sizes) for record in document.nodes.values()]
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            apart = (one.right, other.right) <= (other.left, one.left)
            beside = one.right <= other.left or other.right <= one.left
            assert apart or beside or one.bottom <= other.top or other.bottom <= one.top
    assert {"6", "7"} <= set(placing.contents(document, 1, sizes).nodes)
    assert 1 in placing.contents(document, 7, sizes).groups
    assert document.groups[2].bounding[0] == 9e3
    x, y = document.nodes["6"].pos
    assert document.reroutes[1].pos == (x - 50, y + 50)
    assert min(columns.values()) == 0


def test_arranging_again_changes_nothing():
    document = make()
    document.apply(placing.arrange_all(document, {}))
    same = copy.deepcopy(write_document(document))
    document.apply(placing.arrange_all(document, {}))
    assert write_document(document) == same


def test_pinned_nodes_are_not_arranged():
    document = make()
    document.apply(SetFlag(["9"], "pinned", True))
    apply(document, placing.arrange_all(document, {}))
    assert document.nodes["9"].pos == make().nodes["9"].pos


def test_an_empty_graph_is_arranged():
    document = GraphDocument()
    document.apply(placing.arrange_all(document, {}))
    assert document == GraphDocument()


def test_links_between_columns_do_not_cross_needlessly():
    names = ["a", "b", "x", "y"]  # y takes from a, x from b
    places = arrange(dict.fromkeys(names, (10, 10)), {"a": [], "b": [], "x": ["b"], "y": ["a"]})
    assert places["y"][1] < places["x"][1]
    assert places["a"][1] < places["b"][1]
