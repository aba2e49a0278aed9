from __future__ import annotations

import pytest
from helpers.workflows import catalogue, text_to_image

from core.errors import WorkflowError
from core.graph import Link, PromptGraph, PromptNode
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.from_prompt import document_from_prompt
from core.workflow.layout import arrange, columns
from core.workflow.prompt_json import read_prompt, write_prompt

PROMPT = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "Mine"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}, "is_changed": ["x"]},
}


def test_read():
    assert read_prompt(PROMPT) == PromptGraph(
        {
            "1": PromptNode("LoadImage", {"image": "a.png"}, "Mine"),
            "2": PromptNode("ImageInvert", {"image": Link("1", 0)}),
        }
    )


def test_written_as_it_was_read():
    without_change = {key: {k: v for k, v in n.items() if k != "is_changed"} for key, n in PROMPT.items()}
    assert write_prompt(read_prompt(PROMPT)) == without_change


def test_request():
    assert read_prompt({"prompt": PROMPT, "client_id": "x"}) == read_prompt(PROMPT)


def test_node_called_prompt():
    graph = read_prompt({"prompt": {"class_type": "A", "inputs": {}}})
    assert list(graph.nodes) == ["prompt"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["1", 0], Link("1", 0)),
        ([1, 0], Link("1", 0)),
        (["gone", 3], Link("gone", 3)),
        ([7, 0], [7, 0]),
        ([512, 768], [512, 768]),
        ([True, 0], [True, 0]),
        (["1", True], ["1", True]),
        (["1", 0.5], ["1", 0.5]),
        (["1", 0, 0], ["1", 0, 0]),
        ({"__value__": ["1", 0]}, ["1", 0]),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_links_and_values(value, expected):
    inputs = read_prompt({"1": {"class_type": "A", "inputs": {"x": value}}}).nodes["1"].inputs
    assert inputs == {"x": expected}
    assert isinstance(inputs["x"], Link) is isinstance(expected, Link)
    again = read_prompt(write_prompt(PromptGraph({"1": PromptNode("A", inputs)})))
    assert again.nodes["1"].inputs == inputs


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([], "x.json is not a prompt: expected a JSON object, found []"),
        ({}, "x.json is empty"),
        ({"1": 5}, "x.json: node '1' is not an object: 5"),
        ({"1": {"inputs": {}}}, "x.json: node '1' needs a class_type that is text, found None"),
        ({"1": {"class_type": "A", "inputs": []}}, "node '1' (A) needs inputs that are an object, found []"),
    ],
)
def test_what_is_no_prompt_is_named(form, message):
    with pytest.raises(WorkflowError) as caught:
        read_prompt(form, "x.json")
    assert message in str(caught.value)


def test_opens_on_the_canvas_and_compiles_to_itself():
    graph = compile_document(read_document(text_to_image()).document, catalogue()).graph
    opened = document_from_prompt(graph, catalogue())
    assert opened.remarks == ()
    assert compile_document(opened.document, catalogue()).graph == graph
    assert len(list(opened.document.live_links())) == len(opened.document.links) == 9
    assert opened.document.nodes["3"].widgets == (42, "fixed", 20, 8, "euler", "normal", 1), "the seed stays"
    assert read_document(write_document(opened.document)).document == opened.document


def test_unknown_types_and_ids_like_paths_survive_the_canvas():
    form = {
        "a:1": {"class_type": "Somebodys", "inputs": {"n": 3, "list": [1, 2, 3]}},
        "b": {"class_type": "Other", "inputs": {"x": ["a:1", 2]}},
    }
    graph = read_prompt(form)
    assert compile_document(document_from_prompt(graph, catalogue()).document, catalogue()).graph == graph


def test_what_has_no_place_on_the_canvas_is_named():
    form = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png", "upload": "image"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["9", 0]}},
    }
    remarks = [str(remark) for remark in document_from_prompt(read_prompt(form), catalogue()).remarks]
    assert remarks == [
        "node 1 (LoadImage): it has no place for the value of 'upload'; it is left out",
        "node 2 (ImageInvert): input 'image' is linked to ['9', 0], which does not exist",
    ]


def test_absurd_slot_makes_no_absurd_node():
    form = {"1": {"class_type": "A", "inputs": {}}, "2": {"class_type": "A", "inputs": {"x": ["1", 10**12]}}}
    opened = document_from_prompt(read_prompt(form), catalogue())
    assert len(opened.document.nodes["1"].outputs) <= 1000
    assert "does not exist" in str(opened.remarks[0])


def test_columns_go_by_depth():
    assert columns({"c": ["b", "a"], "b": ["a"], "a": [], "d": ["gone"]}) == {"c": 2, "b": 1, "a": 0, "d": 0}


def test_columns_of_a_cycle_end():
    assert columns({"a": ["b"], "b": ["a"], "c": []}) == {"a": 0, "b": 0, "c": 0}


def test_arranged_nodes_do_not_overlap():
    sizes = {key: (100 + 10 * index, 50 + 7 * index) for index, key in enumerate("abcdef")}
    places = arrange(sizes, {"a": [], "b": [], "c": ["a"], "d": ["a", "c"], "e": ["b"], "f": []})
    boxes = [(x, y, x + sizes[key][0], y + sizes[key][1]) for key, (x, y) in places.items()]
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert places["d"][0] > places["c"][0] > places["a"][0]
