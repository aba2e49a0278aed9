from __future__ import annotations

import time

import pytest
from helpers.workflows import (
    IMAGE,
    catalogue,
    instance,
    invert,
    load,
    node,
    reroute,
    save,
    subgraph,
    text_to_image,
    with_group_node,
    with_instance,
    workflow,
)

from core.errors import WorkflowError
from core.graph import Link
from core.workflow.comfy_json import read_document
from core.workflow.compile import Given, compile_document, source_of


def compiled(form):
    return compile_document(read_document(form).document, catalogue())


def graph(form):
    return compiled(form).graph.nodes


def test_text_to_image():
    nodes = graph(text_to_image())
    assert list(nodes) == ["4", "6", "7", "5", "3", "8", "9"]
    assert nodes["3"].class_type == "KSampler"
    assert nodes["3"].inputs == {
        "model": Link("4", 0),
        "seed": 42,
        "steps": 20,
        "cfg": 8,
        "sampler_name": "euler",
        "scheduler": "normal",
        "positive": Link("6", 0),
        "negative": Link("7", 0),
        "latent_image": Link("5", 0),
        "denoise": 1,
    }
    assert nodes["6"].inputs == {"text": "a {red|green} door", "clip": Link("4", 1)}, (
        "chosen only when queued"
    )


def test_titles_are_kept_and_notes_are_not():
    form = workflow([load(1, title="Mine"), node(2, "Note", widgets=["hi"]), node(3, "MarkdownNote")])
    assert [(key, entry.title) for key, entry in graph(form).items()] == [("1", "Mine")]


def test_muted_node_goes_with_what_hangs_on_it():
    nodes = graph(workflow([load(1), invert(2, mode=2), save()], (1, 0, 2, 0), (2, 0, 9, 0)))
    assert nodes.keys() == {"1", "9"}
    assert nodes["9"].inputs == {"filename_prefix": "x"}


def test_bypassed_node_passes_the_input_of_the_same_position_on():
    mask = [("destination", "IMAGE"), ("source", "IMAGE"), ("mask", "MASK")]
    composite = node(3, "ImageCompositeMasked", mask, [IMAGE], [0, 0, False], mode=4)
    nodes = graph(workflow([load(1), load(2), composite, save()], (1, 0, 3, 0), (2, 0, 3, 1), (3, 0, 9, 0)))
    assert nodes.keys() == {"1", "2", "9"}
    assert nodes["9"].inputs["images"] == Link("1", 0)


def test_bypassed_node_passes_the_first_input_of_the_type_on():
    two = node(3, "Two", [("mask", "MASK"), ("image", "IMAGE"), ("other", "IMAGE")], [IMAGE], mode=4)
    form = workflow([load(1), load(2), two, save()], (1, 1, 3, 0), (1, 0, 3, 1), (2, 0, 3, 2), (3, 0, 9, 0))
    assert graph(form)["9"].inputs["images"] == Link("1", 0)


def test_second_output_of_a_bypassed_node_prefers_its_own_position():
    pair = [("positive", "CONDITIONING"), ("negative", "CONDITIONING")]
    both = node(3, "LTXVConditioning", pair, [("p", "CONDITIONING"), ("n", "CONDITIONING")], [25.0], mode=4)
    form = text_to_image()
    form = workflow(
        [*form["nodes"][:3], both, node(10, "ConditioningCombine", [("conditioning_1", "CONDITIONING")])],
        *((6, 0, 3, 0), (7, 0, 3, 1), (3, 1, 10, 0)),
    )
    form["nodes"][1]["inputs"][0]["link"] = form["nodes"][2]["inputs"][0]["link"] = None
    assert graph(form)["10"].inputs["conditioning_1"] == Link("7", 0)


def test_bypassed_node_without_a_fitting_input_passes_nothing_on():
    other = node(2, "VAEDecode", [("samples", "LATENT"), ("vae", "VAE")], [IMAGE], mode=4)
    assert "images" not in graph(workflow([other, save()], (2, 0, 9, 0)))["9"].inputs


def test_chain_of_bypassed_and_rerouted_nodes():
    form = workflow(
        [load(1), reroute(2), invert(3, mode=4), reroute(4), reroute(5), save()],
        *((1, 0, 2, 0), (2, 0, 3, 0), (3, 0, 4, 0), (4, 0, 5, 0), (5, 0, 9, 0)),
    )
    assert graph(form)["9"].inputs["images"] == Link("1", 0)


def test_reroute_of_nothing():
    nodes = graph(workflow([reroute(1), save()], (1, 0, 9, 0)))
    assert "images" not in nodes["9"].inputs


def test_reroutes_in_a_ring_lead_nowhere():
    nodes = graph(workflow([reroute(1), reroute(2), save()], (1, 0, 2, 0), (2, 0, 1, 0), (2, 0, 9, 0)))
    assert "images" not in nodes["9"].inputs


def test_native_reroutes_change_nothing():
    form = workflow([load(1), save()], (1, 0, 9, 0), modern=True)
    form["links"][0]["parentId"] = 1
    form["reroutes"] = [{"id": 1, "pos": [5, 5], "linkIds": [1]}]
    assert graph(form)["9"].inputs["images"] == Link("1", 0)


def test_long_chains_do_not_recurse():
    count = 5000
    form = workflow(
        [load(1), *(reroute(n) for n in range(2, count)), save(count)],
        *((n, 0, n + 1, 0) for n in range(1, count)),
    )
    assert graph(form)[str(count)].inputs["images"] == Link("1", 0)


def test_primitive_gives_its_value_to_the_widgets_it_feeds():
    width = {"name": "width", "type": "INT", "link": None, "widget": {"name": "width"}}
    primitive = node(1, "PrimitiveNode", (), [("INT", "INT")], [768, "fixed"])
    form = workflow(
        [primitive, node(2, "EmptyLatentImage", [width], [("LATENT", "LATENT")], [512, 512, 1])], (1, 0, 2, 0)
    )
    assert graph(form) == {"2": graph(form)["2"]}
    assert graph(form)["2"].inputs == {"width": 768, "height": 512, "batch_size": 1}


def test_linked_widget_takes_the_link_and_later_values_keep_their_places():
    seed = {"name": "seed", "type": "INT", "link": None, "widget": {"name": "seed"}}
    form = text_to_image()
    sampler = form["nodes"][4]
    sampler["inputs"].append(seed)
    form["nodes"].append(node(20, "PrimitiveInt", (), [("INT", "INT")], [7, "fixed"]))
    form["links"].append([99, 20, 0, 3, 4, "INT"])
    seed["link"] = 99
    inputs = graph(form)["3"].inputs
    assert (inputs["seed"], inputs["steps"], inputs["denoise"]) == (Link("20", 0), 20, 1)


def test_widget_whose_link_comes_to_nothing_keeps_its_own_value():
    width = {"name": "width", "type": "INT", "link": None, "widget": {"name": "width"}}
    latent = node(2, "EmptyLatentImage", [width], [("LATENT", "LATENT")], [512, 512, 1])
    muted = node(1, "PrimitiveInt", (), [("INT", "INT")], [7, "fixed"], mode=2)
    assert graph(workflow([muted, latent], (1, 0, 2, 0)))["2"].inputs["width"] == 512


def test_values_stored_by_name():
    form = workflow([node(1, "KSampler", widgets={"seed": 5, "control_after_generate": "fixed", "steps": 9})])
    inputs = graph(form)["1"].inputs
    assert (inputs["seed"], inputs["steps"]) == (5, 9)
    assert "control_after_generate" not in inputs


@pytest.mark.parametrize("control", [["randomize"], [True], []])
def test_control_after_a_seed_in_files_of_any_age(control):
    inputs = graph(workflow([node(1, "KSampler", widgets=[5, *control, 9, 7, "euler", "normal", 0.5])]))[
        "1"
    ].inputs
    assert inputs == {
        "seed": 5, "steps": 9, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.5
    }  # fmt: skip


def test_missing_values_are_filled_in_with_a_remark():
    result = compiled(workflow([node(1, "VAEEncodeForInpaint", [("pixels", "IMAGE")])]))
    assert result.graph.nodes["1"].inputs == {"grow_mask_by": 6}
    assert [str(remark) for remark in result.remarks] == [
        "node 1 (VAEEncodeForInpaint): the file has no value for 'grow_mask_by'; 6 is used"
    ]


def test_values_that_belong_nowhere_are_remarked_upon():
    result = compiled(workflow([node(1, "EmptyLatentImage", widgets=[512, 512, 1, 99])]))
    assert result.graph.nodes["1"].inputs == {"width": 512, "height": 512, "batch_size": 1}
    assert "1 widget value" in str(result.remarks[0])


def test_unknown_node_type_keeps_links_and_the_values_its_sockets_name():
    sockets = [("image", "IMAGE")] + [
        {"name": name, "type": "INT", "link": None, "widget": {"name": name}} for name in ("seed", "size")
    ]
    form = workflow([load(1), node(2, "Somebodys", sockets, [IMAGE], [5, "fixed", 64])], (1, 0, 2, 0))
    assert graph(form)["2"].inputs == {"image": Link("1", 0), "seed": 5, "size": 64}


def test_unknown_node_type_with_nameless_values_is_remarked_upon():
    result = compiled(workflow([node(2, "Somebodys", widgets=[5, 6])]))
    assert result.graph.nodes["2"].inputs == {}
    assert "2 widget values are not used" in str(result.remarks[0])


def test_links_to_nowhere_count_as_none():
    form = workflow([load(1), save()], (1, 0, 9, 0))
    form["links"] = [[1, 77, 0, 9, 0, "IMAGE"]]
    assert "images" not in graph(form)["9"].inputs
    form["links"] = []
    assert "images" not in graph(form)["9"].inputs


def test_subgraph_is_flattened():
    nodes = graph(with_instance())
    assert list(nodes) == ["1", "12:1", "12:2", "9"]
    assert nodes["12:1"].inputs == {"image": Link("1", 0)}
    assert nodes["12:2"].inputs == {"images": Link("12:1", 0), "filename_prefix": "inner"}
    assert nodes["9"].inputs["images"] == Link("12:1", 0)


def test_subgraph_takes_the_values_given_on_its_node():
    assert graph(with_instance(widgets=["outer"]))["12:2"].inputs["filename_prefix"] == "outer"


@pytest.mark.parametrize("owner", ["-1", "2"])
def test_subgraph_takes_promoted_values(owner):
    form = with_instance(widgets=["outer"], properties={"proxyWidgets": [[owner, "filename_prefix"]]})
    assert graph(form)["12:2"].inputs["filename_prefix"] == "outer"


def test_two_nodes_of_one_subgraph_keep_their_values_apart():
    form = workflow([instance(1, ["a"]), instance(2, ["b"])], modern=True, definitions=subgraph())
    nodes = graph(form)
    assert [nodes[key].inputs["filename_prefix"] for key in ("1:2", "2:2")] == ["a", "b"]


def test_bypassed_and_muted_subgraphs():
    assert graph(with_instance(mode=4))["9"].inputs["images"] == Link("1", 0)
    assert graph(with_instance(mode=2)).keys() == {"1", "9"}


def test_subgraph_whose_input_is_its_output():
    straight = {
        "id": 3,
        "origin_id": -10,
        "origin_slot": 0,
        "target_id": -20,
        "target_slot": 0,
        "type": "IMAGE",
    }
    nodes = graph(with_instance(definitions=subgraph(links=[straight])))
    assert nodes["9"].inputs["images"] == Link("1", 0)


def test_subgraph_in_a_subgraph():
    outer = {
        "id": "outer",
        "name": "Outer",
        "nodes": [instance(5)],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 5, "target_slot": 0, "type": "IMAGE"},
            {"id": 2, "origin_id": 5, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
        ],
    }
    outer["nodes"][0]["inputs"][0]["link"] = 1
    definitions = {"subgraphs": [*subgraph()["subgraphs"], outer]}
    form = workflow(
        [load(1), node(12, "outer", [("image", "IMAGE")], [IMAGE]), save()],
        *((1, 0, 12, 0), (12, 0, 9, 0)),
        modern=True,
        definitions=definitions,
    )
    nodes = graph(form)
    assert nodes["12:5:1"].inputs == {"image": Link("1", 0)}
    assert nodes["9"].inputs["images"] == Link("12:5:1", 0)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (["outermost"], ["inner"], "outermost"),
        ([None], ["inner"], "inner"),
        ([], ["inner"], "inner"),
        (["outermost"], [], "outermost"),
        ([None], [], "inner"),
    ],
)
@pytest.mark.parametrize("owner", ["-1", "2"])
def test_values_promoted_through_several_levels(outer, inner, expected, owner):
    promoted = {"proxyWidgets": [[owner, "filename_prefix"]]}
    definition = {
        "id": "outer",
        "name": "Outer",
        "nodes": [instance(5, inner, properties=promoted)],
        "links": [],
    }
    form = workflow(
        [node(12, "outer", widgets=outer, properties={"proxyWidgets": [["5", "filename_prefix"]]})],
        modern=True,
        definitions={"subgraphs": [*subgraph()["subgraphs"], definition]},
    )
    assert graph(form)["12:5:2"].inputs["filename_prefix"] == expected


def test_subgraph_that_contains_itself_is_refused():
    definitions = subgraph(nodes=[instance(5)], links=[])
    with pytest.raises(WorkflowError, match="contains itself"):
        graph(with_instance(definitions=definitions))


def test_subgraphs_that_double_at_every_level_are_refused():
    started = time.perf_counter()
    levels = [
        {"id": f"g{n}", "nodes": [node(1, f"g{n + 1}"), node(2, f"g{n + 1}")], "links": []} for n in range(31)
    ]
    with pytest.raises(WorkflowError, match="nodes"):
        graph(workflow([node(1, "g0")], modern=True, definitions={"subgraphs": levels}))
    assert time.perf_counter() - started < 60


def test_broken_subgraph_is_named():
    with pytest.raises(WorkflowError, match=r"node 12 .* inside it is broken: nodes\[0\] has no type"):
        graph(with_instance(definitions=subgraph(nodes=[{"id": 1}])))


@pytest.mark.parametrize("separator", "/>")
def test_group_node_of_older_files_is_flattened(separator):
    nodes = graph(with_group_node(separator))
    assert nodes.keys() == {"1", "12:0", "12:2", "9"}
    assert nodes["12:0"].inputs == {"image": Link("1", 0)}
    assert (nodes["12:2"].inputs["seed"], nodes["12:2"].inputs["sampler_name"]) == (5, "euler")
    assert nodes["9"].inputs["images"] == Link("12:0", 0)


def test_group_node_without_its_definition_stays_an_unknown_node():
    assert graph(workflow([node(1, "workflow/Gone")]))["1"].class_type == "workflow/Gone"


def test_group_node_shows_only_the_sockets_it_says():
    steps = {"name": "steps", "type": "INT", "link": None, "widget": {"name": "steps"}}
    members = [
        node(0, "Somebodys", [steps, ("image", "IMAGE"), ("hidden", "IMAGE")], [IMAGE, IMAGE], index=0),
        node(0, "Somebodys", [("mask", "MASK")], [("MASK", "MASK")], index=1),
    ]
    config = {"0": {"input": {"hidden": {"visible": False}}, "output": {"0": {"visible": False}}}}
    inputs = [("image", "IMAGE"), ("mask", "MASK"), ("steps", "INT")]
    form = workflow(
        [
            load(1),
            node(2, "PrimitiveInt", (), [("INT", "INT")], [7, "fixed"]),
            node(12, "workflow>Mine", inputs, [IMAGE, ("MASK", "MASK")]),
            save(),
        ],
        *((1, 0, 12, 0), (1, 1, 12, 1), (2, 0, 12, 2), (12, 0, 9, 0)),
        extra={"groupNodes": {"Mine": {"nodes": members, "links": [], "config": config}}},
    )
    nodes = graph(form)
    assert nodes["12:0"].inputs == {"image": Link("1", 0), "steps": Link("2", 0)}
    assert nodes["12:1"].inputs == {"mask": Link("1", 1)}
    assert nodes["9"].inputs["images"] == Link("12:0", 1)


def sources(form):
    """What each link of the document itself carries, by the node and input it ends in."""
    document = read_document(form).document
    return {(link.target, link.target_slot): source_of(document, link.id) for link in document.links.values()}


def test_what_a_link_carries_is_what_the_compiled_graph_has_there():
    document = read_document(text_to_image()).document
    nodes = compile_document(document, catalogue()).graph.nodes
    assert document.links
    for link in document.links.values():
        name = document.input(link.target, link.target_slot).name
        assert source_of(document, link.id) == nodes[link.target].inputs[name]


def test_a_link_behind_bypassed_and_rerouted_nodes_carries_what_the_node_before_them_made():
    form = workflow(
        [load(1), invert(2, mode=4), reroute(3), save()], (1, 0, 2, 0), (2, 0, 3, 0), (3, 0, 9, 0)
    )
    assert set(sources(form).values()) == {Link("1", 0)}


def test_a_link_of_a_primitive_carries_its_value():
    form = workflow([node(1, "PrimitiveNode", (), [("INT", "INT")], [7, "fixed"]), load(2), reroute(3)])
    form["links"] = [[1, 1, 0, 3, 0, "INT"]]
    form["nodes"][0]["outputs"][0]["links"] = [1]
    form["nodes"][2]["inputs"][0]["link"] = 1
    assert sources(form) == {("3", 0): Given(7)}


def test_a_link_of_a_muted_node_carries_nothing():
    assert sources(workflow([load(1, mode=2), save()], (1, 0, 9, 0))) == {("9", 0): None}


def test_a_link_out_of_a_subgraph_carries_what_a_node_inside_made():
    form = with_instance()
    nodes = compile_document(read_document(form).document, catalogue()).graph.nodes
    assert sources(form) == {("12", 0): Link("1", 0), ("9", 0): Link("12:1", 0)}
    assert nodes["9"].inputs["images"] == Link("12:1", 0)
