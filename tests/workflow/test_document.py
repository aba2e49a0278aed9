from __future__ import annotations

import pytest
from helpers.workflows import text_to_image

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document, write_document
from core.workflow.document import Batch, Changed, GraphDocument, Operation
from core.workflow.operations import (
    AddNode,
    MoveNodes,
    PutGroup,
    RemoveGroups,
    RemoveNodes,
    ResizeNode,
    SetColour,
    SetExtra,
    SetFlag,
    SetMode,
    SetProperty,
    SetTitle,
    SetWidget,
)
from core.workflow.records import DocumentLink, Group, InputSocket, Node, OutputSocket, Reroute
from core.workflow.wiring import (
    AddInput,
    AddReroute,
    Connect,
    Disconnect,
    MoveLink,
    MoveReroutes,
    RemoveInput,
    RemoveReroute,
)


def make(**more) -> GraphDocument:
    """Text to image, with a group and two reroutes on link 1."""
    reroutes = [
        {"id": 1, "pos": [0, 0], "linkIds": [1, 2]},
        {"id": 2, "pos": [1, 1], "linkIds": [1], "parentId": 1},
    ]
    ends = [{"id": 1, "parentId": 2}, {"id": 2, "parentId": 1}]
    extra = {"ds": {"scale": 1}, "reroutes": reroutes, "linkExtensions": ends}
    groups = [{"title": "G", "bounding": [0, 0, 9, 9], "color": "#fff"}]
    return read_document(text_to_image(extra=extra, groups=groups, **more)).document


EDITS: dict[str, Operation] = {
    "add": AddNode(Node("30", "Note")),
    "remove first": RemoveNodes(["4"]),
    "remove several": RemoveNodes(["6", "3", "9"]),
    "remove all": RemoveNodes(["4", "6", "7", "5", "3", "8", "9"]),
    "move": MoveNodes({"4": (1, 2), "9": (3, 4)}),
    "resize": ResizeNode("4", (1, 2)),
    "widget": SetWidget("3", 0, 43),
    "mode": SetMode(["3", "4"], 4),
    "title": SetTitle("3", "T"),
    "colour": SetColour(["3"], "#123", "#456"),
    "flag": SetFlag(["3"], "collapsed", True),
    "property": SetProperty("3", "x", [1]),
    "connect": Connect("6", 0, "3", 2),
    "connect again": Connect("4", 1, "6", 0),
    "move link": MoveLink(4, "6", 0, "3", 2),
    "move link with points": MoveLink(1, "4", 1, "7", 0),
    "disconnect": Disconnect([1, 4]),
    "add input": AddInput("3", InputSocket("seed", "INT", widget="seed")),
    "remove input": RemoveInput("3", 1),
    "new group": PutGroup(Group(5)),
    "same group": PutGroup(Group(1, "Other")),
    "remove group": RemoveGroups([1]),
    "add reroute": AddReroute(1, (7, 7)),
    "add reroute before another": AddReroute(1, (7, 7), before=1),
    "move reroute": MoveReroutes({1: (3, 3)}),
    "remove reroute": RemoveReroute(1),
    "extra": SetExtra("ds", {"scale": 2}),
    "forget extra": SetExtra("ds", None),
    "batch": Batch((Disconnect([5]), RemoveNodes(["7"]), AddNode(Node("7", "Note")), SetTitle("7", "x"))),
}


@pytest.mark.parametrize("name", EDITS)
def test_inverse_restores_everything_and_its_inverse_redoes_it(name):
    document, same = make(), make()
    form = write_document(document)
    inverse = document.apply(EDITS[name])
    assert document != same
    edited = write_document(document)
    assert edited != form
    again = document.apply(inverse)
    assert document == same
    assert write_document(document) == form
    assert list(document.nodes) == list(same.nodes)
    document.apply(again)
    assert write_document(document) == edited


REFUSED: dict[str, tuple[Operation, str]] = {
    "id taken": (AddNode(Node("3", "Note")), "already has a node '3'"),
    "added with a link": (AddNode(Node("30", "X", inputs=(InputSocket("a", "X", 1),))), "connect it after"),
    "remove unknown": (RemoveNodes(["4", "99"]), "has no node '99'"),
    "move unknown": (MoveNodes({"4": (0, 0), "99": (0, 0)}), "has no node '99'"),
    "widget place": (SetWidget("3", 7, 0), r"node 3 \(KSampler\) has no widget value 7"),
    "negative widget place": (SetWidget("3", -1, 0), "has no widget value -1"),
    "widget name": (SetWidget("3", "seed", 0), "has no widget value 'seed'"),
    "no output": (Connect("4", 3, "3", 0), r"node 4 \(CheckpointLoaderSimple\) has no output 3, only 3"),
    "no input": (Connect("4", 0, "3", -1), r"node 3 \(KSampler\) has no input -1, only 4"),
    "type": (
        Connect("4", 1, "3", 0),
        "CLIP from node 4 does not fit input 'model' of node 3, which takes MODEL",
    ),
    "no link": (Disconnect([1, 77]), "has no link 77"),
    "move no link": (MoveLink(77, "4", 0, "3", 0), "has no link 77"),
    "move to another type": (MoveLink(1, "4", 1, "3", 0), "CLIP from node 4 does not fit input 'model'"),
    "no group": (RemoveGroups([9]), "has no group 9"),
    "no reroute": (MoveReroutes({9: (0, 0)}), "has no reroute 9"),
    "reroute of no link": (AddReroute(77, (0, 0)), "has no link 77"),
    "batch": (
        Batch((RemoveNodes(["4"]), Batch((SetTitle("3", "x"), SetTitle("4", "x"))))),
        "has no node '4'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_edit_changes_nothing(name):
    document = make()
    heard: list[Changed] = []
    document.subscribe(heard.append)
    operation, message = REFUSED[name]
    with pytest.raises(WorkflowError, match=message):
        document.apply(operation)
    assert document == make()
    assert write_document(document) == write_document(make())
    assert heard == []


def test_an_input_has_one_link():
    document = make()
    document.apply(Connect("7", 0, "3", 1))
    assert document.nodes["3"].inputs[1].link == 10
    assert 4 not in document.links
    assert document.nodes["6"].outputs[0].links == ()
    assert document.nodes["7"].outputs[0].links == (5, 10)
    assert document.links[10] == DocumentLink(10, "7", 0, "3", 1, "CONDITIONING")


def test_a_node_can_feed_itself():
    socket = Node("30", "Loop", inputs=(InputSocket("a", "X"),), outputs=(OutputSocket("A", "X"),))
    document = GraphDocument([socket])
    undo = [document.apply(Connect("30", 0, "30", 0)), document.apply(Connect("30", 0, "30", 0))]
    assert (document.nodes["30"].inputs[0].link, document.nodes["30"].outputs[0].links) == (2, (2,))
    for inverse in reversed(undo):
        document.apply(inverse)
    assert document == GraphDocument([socket])


def test_wildcard_sockets_take_anything():
    document = make()
    document.apply(
        AddNode(Node("30", "Reroute", inputs=(InputSocket("", "*"),), outputs=(OutputSocket("", "*"),)))
    )
    document.apply(Connect("4", 0, "30", 0))
    document.apply(Connect("30", 0, "3", 0))
    assert document.nodes["3"].inputs[0].link == 11


def test_removed_nodes_take_their_links_and_reroutes():
    document = make()
    document.apply(RemoveNodes(["6"]))
    assert 1 not in document.links
    assert document.nodes["4"].outputs[1].links == (2,)
    assert document.nodes["3"].inputs[1].link is None
    assert document.reroutes == {1: Reroute(1, (0, 0), (2,))}


def test_later_inputs_keep_their_links_when_one_is_removed():
    document = make()
    document.apply(RemoveInput("3", 0))
    inputs = {socket.name: socket.link for socket in document.nodes["3"].inputs}
    assert inputs == {"positive": 4, "negative": 5, "latent_image": 6}
    assert [document.links[n].target_slot for n in (4, 5, 6)] == [0, 1, 2]
    assert len(list(document.live_links())) == len(document.links)


def test_removed_reroute_hands_over_to_the_one_before():
    document = make()
    document.apply(RemoveReroute(2))
    assert document.links[1].reroute == 1
    document.apply(RemoveReroute(1))
    assert document.links[1].reroute is None
    assert not document.reroutes


def test_listeners_hear_once_of_all_that_was_touched():
    document = make()
    heard: list[Changed] = []
    stop = document.subscribe(heard.append)
    inverse = document.apply(Batch((MoveNodes({"4": (1, 1)}), RemoveNodes(["9"]), PutGroup(Group(7)))))
    assert heard == [Changed(frozenset({"4", "8", "9"}), frozenset({9}), frozenset({7}))]
    document.apply(inverse)
    assert heard[1] == heard[0]
    document.apply(Batch(()))
    assert len(heard) == 2
    stop()
    document.apply(SetTitle("4", "x"))
    assert len(heard) == 2


def test_new_ids_were_never_used():
    document = make()
    assert document.new_node_id() == "10"
    document.apply(AddNode(Node("10", "Note")))
    document.apply(RemoveNodes(["10"]))
    assert document.new_node_id() == "11"


def test_new_ids_are_free_beyond_the_largest_number():
    document = make(last_node_id=10**18)
    for _ in range(3):
        document.apply(AddNode(Node(document.new_node_id(), "Note")))
    assert len(document.nodes) == 10


def test_links_that_lead_nowhere_are_not_live():
    form = text_to_image()
    form["links"] += [[50, 4, 0, 99, 0, "MODEL"], [51, 4, 9, 3, 0, "MODEL"], [52, 4, 0, 3, 0, "MODEL"]]
    live = {link.id for link in read_document(form).document.live_links()}
    assert live == set(range(1, 10))


def test_equality():
    assert make() == make()
    assert make() != make(version=1)
    assert make() != object()
    moved = make()
    moved.apply(MoveNodes({"4": (1, 1)}))
    assert moved != make()
    with pytest.raises(TypeError):
        hash(make())


def test_order_counts():
    nodes = [Node("1", "A"), Node("2", "A")]
    assert GraphDocument(nodes) != GraphDocument(nodes[::-1])
