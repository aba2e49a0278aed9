from __future__ import annotations

import json

import pytest
from helpers.workflows import (
    INNER,
    assert_sound,
    catalogue,
    instance,
    node,
    subgraph,
    text_to_image,
    with_group_node,
    with_instance,
    workflow,
)

from core.errors import WorkflowError
from core.graph import Link
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.document import GraphDocument
from core.workflow.fragment import Fragment, insert, read_fragment, take
from core.workflow.prompt_json import write_prompt

POINTS = [
    {"id": 1, "pos": [5, 5], "linkIds": [1, 2]},
    {"id": 2, "pos": [15, 15], "linkIds": [1], "parentId": 1},
]
ENDS = [{"id": 1, "parentId": 2}, {"id": 2, "parentId": 1}]


def make(**more) -> GraphDocument:
    """Text to image with two reroutes on link 1 and two groups."""
    groups = [
        {"title": "A", "bounding": [-10, -80, 400, 300], "color": "#335", "font_size": 24},
        {"title": "B", "bounding": [0, 0, 9, 9]},
    ]
    extra = {"reroutes": POINTS, "linkExtensions": ENDS, "ds": {"scale": 2}}
    form = text_to_image(groups=groups, extra=extra, **more)
    for index, entry in enumerate(form["nodes"]):
        entry["pos"] = [300 * index, 10 * index]
    return read_document(form).document


def put(document: GraphDocument, fragment: Fragment, at=None, linked=False):
    inserted = insert(document, fragment, at, linked)
    inverse = document.apply(inserted.operation)
    return inserted, inverse


def again(fragment: Fragment) -> Fragment:
    """The fragment after it went through text."""
    return read_fragment(json.dumps(fragment.to_json()), catalogue())


def test_links_inside_are_kept_and_others_cut():
    part = take(make(), ["4", "6", "3"]).document
    assert list(part.nodes) == ["4", "6", "3"]
    assert_sound(part)
    assert {(link.origin, link.target) for link in part.links.values()} == {
        ("4", "6"),
        ("4", "3"),
        ("6", "3"),
    }


def test_new_ids_are_free_and_the_first_copy_is_left_alone():
    document, same = make(), make()
    inserted, inverse = put(document, take(document, ["4", "6"]))
    assert inserted.nodes == ("10", "11")
    assert (document.header.last_node_id, document.header.last_link_id) == (11, 10)
    assert document.links[10].target == "11"
    assert_sound(document)
    redo = document.apply(inverse)
    assert document == same
    document.apply(redo)
    assert list(document.nodes)[-2:] == ["10", "11"]


def test_values_titles_colours_modes_and_flags_travel():
    form = text_to_image()
    form["nodes"][4] |= {
        "title": "T",
        "color": "#123",
        "bgcolor": "#456",
        "mode": 4,
        "flags": {"pinned": True},
    }
    form["nodes"][4]["somebodys"] = [1]
    document = read_document(form).document
    inserted, _ = put(document, again(take(document, ["3"])))
    copy = write_document(document)["nodes"][-1]
    assert copy["id"] == int(inserted.nodes[0]) == 10
    for name in ("title", "color", "bgcolor", "mode", "flags", "somebodys", "widgets_values", "size"):
        assert copy[name] == form["nodes"][4][name]


@pytest.mark.parametrize("modern", [False, True])
def test_points_travel_with_their_links(modern):
    if modern:
        form = text_to_image(version=1) | {"reroutes": POINTS}
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        form["links"] = [dict(zip(names, row, strict=True)) for row in form["links"]]
        form["links"][0]["parentId"], form["links"][1]["parentId"] = 2, 1
        document = read_document(form).document
    else:
        document = make()
    inserted, _ = put(document, again(take(document, ["4", "6"])))
    first, second = inserted.reroutes
    link = next(link for link in document.links.values() if link.target == inserted.nodes[1])
    assert link.reroute == second
    assert document.reroutes[second].parent == first
    assert document.reroutes[first].links == document.reroutes[second].links == (link.id,)
    assert read_document(json.loads(json.dumps(write_document(document)))).document == document


def test_groups_travel_with_what_they_have():
    document = make()
    inserted, _ = put(document, again(take(document, ["4"], [1])), (1000, 2000))
    (key,) = inserted.groups
    assert key == 3
    group = document.groups[key]
    assert (group.title, group.colour, group.extra) == ("A", "#335", {"font_size": 24})
    assert group.bounding == (1000, 2000, 400, 300)
    assert document.nodes[inserted.nodes[0]].pos == (1010, 2080)


def test_lands_with_its_top_left_at_the_point_and_never_on_its_like():
    document = make()
    fragment = take(document, ["6", "7"])
    assert fragment.corner == (300, -20)
    places = [document.nodes[put(document, fragment, (50.3, 60.7))[0].nodes[0]].pos for _ in range(3)]
    assert places == [(50, 91), (70, 111), (90, 131)]


def test_stays_where_it_was_without_a_point():
    document = make()
    inserted, _ = put(document, take(document, ["6"]))
    assert document.nodes[inserted.nodes[0]].pos == document.nodes["6"].pos


def test_incoming_links_are_made_again_only_when_asked():
    document = make()
    fragment = again(take(document, ["3", "8"]))
    inserted, _ = put(document, fragment)
    assert [s.link for s in document.nodes[inserted.nodes[0]].inputs] == [None] * 4
    inserted, inverse = put(document, fragment, linked=True)
    sampler, decode = (document.nodes[node_id] for node_id in inserted.nodes)
    assert [document.links[s.link].origin for s in sampler.inputs] == ["4", "6", "7", "5"]
    assert [document.links[s.link].origin for s in decode.inputs] == [sampler.id, "4"]
    assert_sound(document)
    document.apply(inverse)
    assert_sound(document)


def test_incoming_links_need_the_node_they_came_from():
    fragment = take(make(), ["3"])
    elsewhere = read_document(workflow([node(4, "Other", (), [("MODEL", "MODEL")])])).document
    inserted, _ = put(elsewhere, fragment, linked=True)
    assert all(s.link is None for s in elsewhere.nodes[inserted.nodes[0]].inputs)
    fewer = read_document(workflow([node(4, "CheckpointLoaderSimple")])).document
    put(fewer, fragment, linked=True)
    assert not fewer.links
    others = read_document(workflow([node(4, "CheckpointLoaderSimple", (), [("V", "VAE")])])).document
    put(others, fragment, linked=True)
    assert not others.links


def test_nonsense_about_incoming_links_is_left_aside():
    form = take(make(), ["3"]).to_json()
    rows = [1, [], ["4", "X", 0, "3", True], [4, "X", 0, "3", 0], ["4", "CheckpointLoaderSimple", 9, "3", 9]]
    form["extra"]["darkroom"] = {"incoming": [*rows, ["4", "CheckpointLoaderSimple", 0, "99", 0]]}
    document = make()
    put(document, read_fragment(json.dumps(form), catalogue()), linked=True)
    assert len(document.links) == len(make().links)
    form["extra"]["darkroom"] = "x"
    assert read_fragment(json.dumps(form), catalogue()).incoming == ()


def test_a_whole_workflow_goes_in():
    document = GraphDocument()
    form = text_to_image()
    put(document, read_fragment(json.dumps(form), catalogue()), (0, 0))
    assert len(document.nodes) == 7
    assert_sound(document)
    one, other = (compile_document(d, catalogue()).graph for d in (document, read_document(form).document))
    kinds = [[(n.class_type, len(list(n.links()))) for n in graph.nodes.values()] for graph in (one, other)]
    assert kinds[0] == kinds[1]


def test_an_api_prompt_goes_in():
    graph = compile_document(make(), catalogue()).graph
    document = GraphDocument()
    inserted, _ = put(document, read_fragment(json.dumps(write_prompt(graph)), catalogue()), (0, 900))
    assert_sound(document)
    fresh = compile_document(document, catalogue()).graph.nodes
    assert [node.class_type for node in fresh.values()] == [node.class_type for node in graph.nodes.values()]
    values = [{k: v for k, v in n.inputs.items() if not isinstance(v, Link)} for n in graph.nodes.values()]
    for node_id, expected in zip(inserted.nodes, values, strict=True):
        assert expected.items() <= fresh[node_id].inputs.items()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty"),
        ("{}", "holds no graph"),
        ('{"nodes": [', "not valid JSON"),
        ('{"nodes": [3]}', r"nodes\[0\] is not a node"),
        ("[1]", "expected a JSON object"),
    ],
)
def test_text_that_is_no_graph(text, message):
    with pytest.raises(WorkflowError, match=message):
        read_fragment(text, catalogue())


def test_what_a_text_could_not_give_is_remarked():
    form = text_to_image()
    form["links"].append("nonsense")
    fragment = read_fragment("\n  " + json.dumps(form), catalogue())
    assert [str(remark) for remark in fragment.remarks] == [
        "links[9]: 'nonsense' is not a link; it is left out"
    ]
    assert not fragment.is_empty


def test_links_that_lead_nowhere_do_not_travel():
    form = text_to_image()
    form["links"] += [[50, 4, 0, 99, 0, "MODEL"], [51, 4, 9, 3, 0, "MODEL"]]
    form["nodes"][1]["inputs"][0]["link"] = 77
    form["nodes"][2]["inputs"][0]["link"] = 3  # the sampler's link, not this node's
    document = GraphDocument()
    put(document, read_fragment(json.dumps(form), catalogue()), (0, 0))
    assert_sound(document)


def test_points_with_a_broken_chain_travel_as_far_as_they_can():
    points = [
        {"id": 1, "pos": [0, 0], "linkIds": [1], "parentId": 2},
        {"id": 2, "pos": [0, 0], "linkIds": [], "parentId": 1},
        {"id": 3, "pos": [0, 0], "linkIds": [2], "parentId": 99},
    ]
    ends = [{"id": 1, "parentId": 1}, {"id": 2, "parentId": 3}, {"id": 3, "parentId": 88}]
    document = read_document(text_to_image(extra={"reroutes": points, "linkExtensions": ends})).document
    inserted, _ = put(document, take(document, list(document.nodes)))
    assert len(inserted.reroutes) == 3
    fresh = [document.links[number] for number in document.links if number > 9]
    assert [link.reroute for link in fresh[:3]] == [4, 6, None]
    assert document.reroutes[6].parent is None


def test_a_subgraph_brings_its_definition():
    document = GraphDocument()
    source = read_document(with_instance()).document
    put(document, again(take(source, ["1", "12"])))
    assert document.header.fields["definitions"]["subgraphs"][0]["id"] == INNER
    assert any(
        n.class_type == "ImageInvert" for n in compile_document(document, catalogue()).graph.nodes.values()
    )


def test_definitions_that_are_not_used_stay_behind():
    source = read_document(with_instance()).document
    assert "definitions" not in take(source, ["1"]).to_json()


def test_the_same_definition_is_shared():
    document = read_document(with_instance()).document
    inserted, _ = put(document, again(take(document, ["12"])))
    assert document.nodes[inserted.nodes[0]].type == INNER
    assert len(document.header.fields["definitions"]["subgraphs"]) == 1


def test_another_definition_of_the_same_name_gets_its_own():
    document = read_document(with_instance()).document
    other = read_document(with_instance(definitions=subgraph(name="Other"))).document
    fragment = again(take(other, ["12"]))
    kinds = {document.nodes[put(document, fragment)[0].nodes[0]].type for _ in range(2)}
    assert len(kinds) == 1
    assert kinds != {INNER}
    first, second = document.header.fields["definitions"]["subgraphs"]
    assert (first["id"], second["id"], second["name"]) == (INNER, *kinds, "Other")
    compile_document(document, catalogue())


def test_a_definition_that_uses_a_renamed_one_is_renamed_too():
    def nested(inner_name):
        outer = {"id": "outer", "name": "Outer", "nodes": [instance(1)], "links": []}
        definitions = {"subgraphs": [outer, *subgraph(name=inner_name)["subgraphs"]]}
        return read_document(workflow([node(1, "outer")], modern=True, definitions=definitions)).document

    document = nested("Here")
    inserted, inverse = put(document, again(take(nested("There"), ["1"])))
    forms = {form["id"]: form for form in document.header.fields["definitions"]["subgraphs"]}
    outer = forms[document.nodes[inserted.nodes[0]].type]
    assert outer["id"] != "outer"
    assert forms[outer["nodes"][0]["type"]]["name"] == "There"
    assert forms[forms["outer"]["nodes"][0]["type"]]["name"] == "Here"
    document.apply(inverse)
    assert document == nested("Here")


@pytest.mark.parametrize("separator", ["/", ">"])
def test_a_group_node_brings_its_definition(separator):
    source = read_document(with_group_node(separator)).document
    document = GraphDocument()
    put(document, again(take(source, ["12"])))
    assert list(document.header.extra["groupNodes"]) == ["Mine"]
    assert len(compile_document(document, catalogue()).graph.nodes) == 2
    changed = with_group_node(separator)
    changed["extra"]["groupNodes"]["Mine"]["nodes"][2]["widgets_values"][0] = 99
    inserted, _ = put(document, again(take(read_document(changed).document, ["12"])))
    assert document.nodes[inserted.nodes[0]].type == f"workflow{separator}Mine 2"
    assert list(document.header.extra["groupNodes"]) == ["Mine", "Mine 2"]


def test_nothing_taken_is_nothing_put_in():
    document = make()
    fragment = take(document, [])
    assert fragment.is_empty
    assert fragment.corner == (0, 0)
    inserted, _ = put(document, fragment, (5, 5))
    assert (inserted.nodes, inserted.groups) == ((), ())
    assert document == make()


def test_ids_beyond_the_largest_number():
    document = make(last_node_id=10**18)
    for _ in range(2):
        put(document, take(document, list(document.nodes)))
    assert len(document.nodes) == 28
    assert_sound(document)
