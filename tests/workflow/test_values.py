"""Seeds after a run, choices in text prompts."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from helpers.workflows import catalogue, node, text_to_image, workflow

from core.graph import Link, PromptGraph, PromptNode
from core.workflow.after_run import changes_after_run
from core.workflow.comfy_json import read_document
from core.workflow.widgets import layout, starting_values, values
from core.workflow.wildcards import choose, choose_all


def seed_after(control, value=10, **more):
    document = read_document(
        workflow([node(1, "KSampler", widgets=[value, control, 20, 8, "euler", "normal", 1], **more)])
    ).document
    operation = changes_after_run(document, catalogue(), Random(0))
    inverse = document.apply(operation) if operation else None
    after = document.nodes["1"].widgets[0]
    if inverse:
        document.apply(inverse)
        assert document.nodes["1"].widgets[0] == value
    return after


def test_modes():
    assert seed_after("fixed") == 10
    assert seed_after("increment") == 11
    assert seed_after("decrement") == 9
    assert seed_after("something") == 10


def test_limits():
    assert seed_after("decrement", 0) == 0
    assert seed_after("increment", 2**64 - 1) == 2**64 - 1
    assert seed_after("decrement", 2**64 - 1) == 2**64 - 2


@pytest.mark.parametrize("mode", ["randomize", True])
def test_random_seeds_are_whole_and_exact_in_a_double(mode):
    seed = seed_after(mode)
    assert isinstance(seed, int)
    assert 0 <= seed <= 2**50
    assert seed == seed_after(mode), "the random source decides"
    assert seed != 10


def test_text_is_left_alone():
    assert seed_after("increment", "many") == "many"


def test_nodes_that_do_not_run_keep_their_seeds():
    assert seed_after("increment", mode=2) == 10
    assert seed_after("increment", mode=4) == 10


def test_linked_seed_stays_and_the_primitive_counts():
    seed = {"name": "seed", "type": "INT", "link": None, "widget": {"name": "seed"}}
    sampler = node(1, "KSampler", [seed], (), [1, "increment", 20, 8, "euler", "normal", 1])
    primitive = node(2, "PrimitiveNode", (), [("INT", "INT")], [2**64 - 2, "increment"])
    document = read_document(workflow([sampler, primitive], (2, 0, 1, 0))).document
    for _ in range(3):
        operation = changes_after_run(document, catalogue(), Random(0))
        if operation:
            document.apply(operation)
    assert document.nodes["1"].widgets[0] == 1
    assert document.nodes["2"].widgets[0] == 2**64 - 1


def test_fractions_go_in_their_own_steps():
    cfg = {"name": "cfg", "type": "FLOAT", "link": None, "widget": {"name": "cfg"}}
    sampler = node(1, "KSampler", [cfg], (), [1, "fixed", 20, 8, "euler", "normal", 1])
    primitive = node(2, "PrimitiveNode", (), [("FLOAT", "FLOAT")], [7.5, "increment"])
    document = read_document(workflow([sampler, primitive], (2, 0, 1, 0))).document
    document.apply(changes_after_run(document, catalogue(), Random(0)))
    assert document.nodes["2"].widgets[0] == pytest.approx(7.6)


def test_nothing_to_change():
    assert changes_after_run(read_document(workflow([])).document, catalogue(), Random(0)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", {"plain"}),
        ("a {x|y} b", {"a x b", "a y b"}),
        ("{a|{b|c}}{d|}", {"ad", "a", "bd", "b", "cd", "c"}),
        (r"\{a\|b\} \n", {"{a|b} \\n"}),
        ("a | b }", {"a | b }"}),
        ("{a|b", {"a", "b"}),
        ("{}", {""}),
        ("a // b\nc /* {d\n|e} */ f", {"a \nc  f"}),
        ("\\", {"\\"}),
    ],
)
def test_choices(text, expected):
    random = Random(1)
    assert {choose(text, random) for _ in range(200)} == expected


def test_choices_are_even():
    random = Random(1)
    counts = Counter(choose("{a|b|c|d}", random) for _ in range(4000))
    assert min(counts.values()) > 900


def test_deep_choices_do_not_recurse():
    assert choose("{" * 100_000 + "x", Random(0)) == "x"


def test_only_texts_with_choices_are_chosen_from():
    graph = PromptGraph(
        {
            "1": PromptNode("CLIPTextEncode", {"text": "{a|b}", "clip": Link("2", 1)}, "T"),
            "2": PromptNode("CheckpointLoaderSimple", {"ckpt_name": "{a|b}"}),
            "3": PromptNode("Somebodys", {"text": "{a|b}"}),
        }
    )
    chosen = choose_all(graph, catalogue(), Random(0))
    assert chosen.nodes["1"].inputs["text"] in ("a", "b")
    assert chosen.nodes["1"].title == "T"
    assert (chosen.nodes["2"], chosen.nodes["3"]) == (graph.nodes["2"], graph.nodes["3"])
    assert graph.nodes["1"].inputs["text"] == "{a|b}"


def test_places_of_widget_values():
    document = read_document(text_to_image()).document
    found = layout(document.nodes["3"], catalogue().interface("KSampler"))
    assert found.places == {
        "seed": 0, "steps": 2, "cfg": 3, "sampler_name": 4, "scheduler": 5, "denoise": 6
    }  # fmt: skip
    assert found.controls == {"seed": 1}


def test_values_of_buttons_at_the_end_are_known():
    document = read_document(workflow([node(1, "LoadImageMask", widgets=["a.png", "red", "image"])])).document
    found = layout(document.nodes["1"], catalogue().interface("LoadImageMask"))
    assert values(document.nodes["1"], found) == {"image": "a.png", "channel": "red"}
    assert found.unused == 0


def test_starting_values():
    assert starting_values(catalogue().interface("KSampler"), {"seed": 3, "cfg": 5}) == (
        3, "fixed", 20, 5, "euler", "simple", 1.0
    )  # fmt: skip
