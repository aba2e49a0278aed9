"""Problems of prompt graphs: all of them, clearly told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Annotated

import pytest
from helpers.toy_nodes import graph_of, quick, toy_registry, toys

from core.engine.validate import validate
from core.errors import InputError
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.api import Choice, FileChoice, NodeId, Shown, node
from core.nodes.registry import Registry
from core.nodes.types import AnyValue, Image, Mask


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for name in ("dream_v1.safetensors", "other.safetensors"):
        (tmp_path / "checkpoints" / name).touch()
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@node("Everything", category="toy", output=True)
def everything(
    *,
    number: int = 0,
    share: float = 0.5,
    words: str = "",
    flag: bool = False,
    image: Image | None = None,
    colour: Annotated[str, Choice(("red", "green"))] = "red",
    free: Annotated[str, Choice(("red",), open=True)] = "red",
    file: Annotated[str, FileChoice("checkpoints")] = "other.safetensors",
    either: int | float = 1,
    anything: AnyValue | None = None,
) -> Shown[None]:
    return Shown(None, given=[number, share, words, flag])


@node("MakeMask", category="toy")
def make_mask() -> Mask:
    return "mask"


GOOD = {
    "number": 1,
    "share": 0.5,
    "words": "",
    "flag": False,
    "colour": "red",
    "free": "red",
    "file": "other.safetensors",
    "either": 1,
}


def check(graph, folders, targets=None):
    return validate(graph, toy_registry(lambda _, /, **a: None, everything, make_mask), folders, targets)


def problems_of(folders, **changes):
    return check(quick(e=("Everything", {**GOOD, **changes})), folders).problems


def test_everything_wrong_is_found_at_once(folders):
    graph = quick(
        a=("TConst", {"value": 5000}),
        b=("TAdd", {"a": ["a", 0]}),
        c=("TOut", {"value": ["nowhere", 0]}),
        d=("TOut", {"value": ["b", 7]}),
        e=("TNothing", {}),
        f=("TOut", {"value": ["e", 0]}),
    )
    validation = check(graph, folders)
    found = [(p.node_id, p.kind) for p in validation.problems]
    assert found == [
        ("a", "out_of_range"),
        ("b", "missing_input"),
        ("c", "bad_link"),
        ("d", "bad_link"),
        ("e", "unknown_node_type"),
    ]
    assert validation.outputs == ()
    assert validation.dependent_outputs("a") == ["d"]
    assert validation.dependent_outputs("e") == ["f"]


def test_valid_outputs_remain(folders):
    graph = quick(
        a=("TConst", {"value": 1}),
        good=("TOut", {"value": ["a", 0]}),
        bad=("TAdd", {"a": ["a", 0], "b": "many"}),
        behind=("TAdd", {"a": ["bad", 0], "b": 1}),
        lost=("TOut", {"value": ["behind", 0]}),
    )
    validation = check(graph, folders)
    assert validation.outputs == ("good",)
    assert [p.node_id for p in validation.problems] == ["bad"]
    assert set(validation.nodes) == {"a", "good"}


def test_sources_come_first_whatever_the_order_of_the_file(folders):
    graph = quick(
        c=("TOut", {"value": ["b", 0]}), b=("TAdd", {"a": ["a", 0], "b": 1}), a=("TConst", {"value": 1})
    )
    assert list(check(graph, folders).nodes) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "given", "converted"),
    [
        ("number", "16", 16),
        ("number", 8.9, 8),
        ("number", True, 1),
        ("number", " 7 ", 7),
        ("share", "0.25", 0.25),
        ("share", 2, 2.0),
        ("words", 12, "12"),
        ("words", 1.5, "1.5"),
        ("flag", 1, True),
        ("flag", 0, False),
        ("flag", "", False),
        ("flag", "yes", True),
        ("flag", "False", False),
        ("flag", "true", True),
        ("either", 2.5, 2.5),
        ("anything", [1, "two", {"three": None}], [1, "two", {"three": None}]),
        ("free", "violet", "violet"),
    ],
)
def test_constants_are_converted(folders, name, given, converted):
    graph = quick(e=("Everything", {**GOOD, name: given}))
    validation = check(graph, folders)
    assert validation.problems == ()
    result = validation.nodes["e"].constants[name]
    assert (result, type(result)) == (converted, type(converted))


@pytest.mark.parametrize(
    ("name", "given", "kind", "words"),
    [
        ("number", "wide", "wrong_type", "'wide'"),
        ("number", "8.9", "wrong_type", "'8.9'"),
        ("number", [1], "wrong_type", "INT"),
        ("number", None, "missing_input", "'number'"),
        ("number", math.nan, "wrong_type", "nan"),
        ("number", math.inf, "wrong_type", "inf"),
        ("number", "9" * 5000, "wrong_type", "..."),
        ("share", math.nan, "wrong_type", "finite"),
        ("share", "nan", "wrong_type", "FLOAT"),
        ("share", "1e999", "wrong_type", "1e999"),
        ("share", 10**400, "wrong_type", "FLOAT"),
        pytest.param("number", 10**9000, "wrong_type", "too long", id="long"),
        pytest.param("anything", [10**9000], "wrong_type", "bits", id="long in a list"),
        ("words", ["a"], "wrong_type", "STRING"),
        ("words", {"a": 1}, "wrong_type", "STRING"),
        ("flag", [True], "wrong_type", "BOOLEAN"),
        ("image", 5, "wrong_type", "IMAGE from a link"),
        ("image", ["2"], "bad_link", "[node id, output number]"),
        ("colour", "gren", "not_a_choice", "did you mean 'green'"),
        ("colour", "xyz", "not_a_choice", "'red', 'green'"),
        ("colour", 5, "not_a_choice", "5"),
        ("file", "dream_v2.safetensors", "not_a_choice", "did you mean 'dream_v1.safetensors'"),
        ("anything", [1, [math.nan]], "wrong_type", "finite"),
        ("anything", {1: 2}, "wrong_type", "keys"),
        ("anything", object(), "wrong_type", "object"),
        ("undeclared", math.inf, "wrong_type", "finite"),
    ],
)
def test_wrong_constants_are_named(folders, name, given, kind, words):
    (problem,) = problems_of(folders, **{name: given})
    assert (problem.kind, problem.node_id, problem.input) == (kind, "e", name)
    assert words in problem.message
    assert len(problem.message) < 400


def test_depth_of_constants_is_limited(folders):
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    (problem,) = problems_of(folders, anything=deep)
    assert problem.kind == "wrong_type"
    assert "nested" in problem.message


def test_range_names_the_limit(folders):
    graph = quick(a=("TConst", {"value": 1001}), b=("TConst", {"value": -1001}), o=("TGather", {}))
    graph = PromptGraph({**graph.nodes, "p": PromptNode("TOut", {"value": Link("a", 0)})})
    (problem,) = check(graph, folders).problems
    assert problem.message == "the input 'value' is 1001; the most is 1000"
    assert problem.details == {"received_value": 1001, "bound": "max", "limit": 1000}


def test_type_mismatch_names_both_ends(folders):
    graph = quick(m=("MakeMask", {}), e=("Everything", {**GOOD, "image": ["m", 0]}))
    (problem,) = check(graph, folders).problems
    assert problem.kind == "link_mismatch"
    assert problem.message == "the input 'image' takes IMAGE, output 0 of node m (MakeMask) gives MASK"
    assert problem.details["linked_node"] == ["m", 0]


@pytest.mark.parametrize("slot", [1, -1])
def test_slots_out_of_range(folders, slot):
    graph = quick(a=("TConst", {"value": 1}), o=("TOut", {"value": ["a", slot]}))
    (problem,) = check(graph, folders).problems
    assert (problem.kind, problem.details["reason"]) == ("bad_link", "slot")


@pytest.mark.parametrize(
    "link", [Link(["a"], 0), Link("a", "0"), Link("a", None), Link("a", True), Link(1, 0)]
)
def test_malformed_links(folders, link):
    graph = PromptGraph({"a": PromptNode("TConst", {"value": 1}), "o": PromptNode("TOut", {"value": link})})
    validation = check(graph, folders)
    (problem,) = validation.problems
    assert (problem.kind, problem.details["reason"]) == ("bad_link", "malformed")
    assert validation.dependent_outputs("o") == ["o"]


def test_near_names_of_unknown_types(folders):
    (problem,) = check(quick(a=("tconts", {})), folders).problems[:1]
    assert "did you mean" in problem.message
    assert "TConst" in problem.details["near"]


def test_unknown_nodes_count_unless_they_surely_are_no_outputs(folders):
    known = replace(toys()["TAdd"].spec, class_type="LaterAdd", function=None)
    later = replace(toys()["TOut"].spec, class_type="LaterOut", function=None)
    registry = Registry([toys()["TOut"].spec], {"LaterAdd": known, "LaterOut": later})
    graph = quick(
        o=("TOut", {"value": 1}),
        a=("LaterAdd", {"a": 1, "b": 1}),
        b=("LaterOut", {"value": 1}),
        c=("Huh", {}),
    )
    validation = validate(graph, registry, folders)
    assert [(p.node_id, p.kind) for p in validation.problems] == [
        ("b", "unknown_node_type"),
        ("c", "unknown_node_type"),
    ]
    assert "cannot run it yet" in validation.problems[0].message
    assert validate(graph, registry, folders, ["o"]).problems == ()


def test_no_output(folders):
    validation = check(quick(a=("TConst", {"value": 1})), folders)
    assert [p.kind for p in validation.problems] == ["no_output"]
    assert "SaveImage" in validation.problems[0].message
    assert [p.kind for p in check(PromptGraph(), folders).problems] == ["no_output"]
    unknown = check(quick(a=("Nobody", {})), folders)
    assert [p.kind for p in unknown.problems] == ["unknown_node_type", "no_output"]
    assert "that can run" in unknown.problems[1].message, "the unknown node may be the output"


def test_targets(folders):
    graph = quick(
        a=("TConst", {"value": 1}),
        x=("TOut", {"value": ["a", 0]}),
        y=("TOut", {"value": ["gone", 0]}),
    )
    assert check(graph, folders, ["x"]).problems == ()
    assert check(graph, folders, ["a"]).outputs == ("a",)
    both = check(graph, folders, ["x", "missing"])
    assert both.outputs == ("x",)
    assert [(p.kind, "'missing'" in p.message) for p in both.problems] == [("no_output", True)]


def test_links_to_undeclared_inputs_are_ignored(folders):
    graph = quick(
        a=("TConst", {"value": 1}),
        bad=("TConst", {"value": "x"}),
        o=("TOut", {"value": ["a", 0], "more": ["bad", 0]}),
    )
    assert check(graph, folders).outputs == ("o",)


def test_inputs_cannot_replace_hidden_ones(folders):
    graph = quick(h=("THidden", {"value": 1, "uid": "other"}), o=("TOut", {"value": ["h", 0]}))
    assert check(graph, folders).nodes["h"].constants == {"value": 1}


def test_inputs_of_any_number(folders):
    graph = quick(
        g=("TGather", {"first": "1", "in2": "2", "in3": ["c", 0]}),
        c=("TConst", {"value": 1}),
        o=("TOut", {"value": ["g", 0]}),
        bad=("TGather", {"first": 1, "in2": "two"}),
        p=("TOut", {"value": ["bad", 0]}),
    )
    validation = check(graph, folders)
    assert validation.nodes["g"].constants == {"first": 1, "in2": 2}
    assert [(p.node_id, p.input) for p in validation.problems] == [("bad", "in2")]


def test_own_check_sees_ids_folders_and_linked_inputs_as_none(folders):
    seen = {}

    @node("Own", category="toy", output=True)
    def own(*, uid: NodeId, a: int, b: int, c: int | None = None) -> None: ...

    @own.validate
    def _(uid, a, places: Folders, **others):
        seen.update(uid=uid, a=a, places=places, others=others)

    registry = toy_registry(lambda _, /, **a: None, own)
    graph = quick(k=("TConst", {"value": 1}), o=("Own", {"a": ["k", 0], "b": 3}))
    assert validate(graph, registry, folders).problems == ()
    assert seen == {"uid": "o", "a": None, "places": folders, "others": {"b": 3}}


def test_own_check_that_fails_is_a_problem(folders):
    @node("Own", category="toy", output=True)
    def own(*, a: int, b: int) -> None: ...

    @own.validate
    def _(a):
        if a == 1:
            raise InputError("one is too few", input="a")
        raise ZeroDivisionError("oh")

    registry = Registry([own.spec])
    (first,) = validate(quick(o=("Own", {"a": 1, "b": 1})), registry, folders).problems
    assert (first.kind, first.input, first.message) == ("rejected", "a", "one is too few")
    (second,) = validate(quick(o=("Own", {"a": 2, "b": 1})), registry, folders).problems
    assert (second.kind, second.input) == ("rejected", None)
    assert "ZeroDivisionError: oh" in second.message
    (third,) = validate(quick(o=("Own", {"a": "x", "b": 1})), registry, folders).problems
    assert third.kind == "wrong_type", "not asked about values known to be wrong"


def test_cycles_are_named_with_their_nodes(folders):
    graph = quick(
        a=("TAdd", {"a": ["c", 0], "b": 1}),
        b=("TAdd", {"a": ["a", 0], "b": ["b2", 0]}),
        b2=("TAdd", {"a": ["b", 0], "b": 1}),
        c=("TAdd", {"a": ["b", 0], "b": 1}),
        o=("TOut", {"value": ["c", 0]}),
        s=("TAdd", {"a": ["s", 0], "b": 1}),
        p=("TOut", {"value": ["s", 0]}),
        fine=("TOut", {"value": 1}),
    )
    validation = check(graph, folders)
    assert validation.outputs == ("fine",)
    cycles = [p for p in validation.problems if p.kind == "cycle"]
    assert len(cycles) == len(validation.problems) == 2
    assert sorted(cycles[0].details["nodes"]) in (["a", "b", "c"], ["b", "b2"])
    assert cycles[1].details["nodes"] == ["s"]
    assert "s -> s" in cycles[1].message


def test_problems_are_plain_data(folders):
    graph = quick(
        a=("TConst", {"value": 5000}),
        b=("TOut", {"value": ["a", 3]}),
        c=("Everything", {**GOOD, "colour": "x"}),
    )
    for problem in check(graph, folders).problems:
        json.dumps(dict(problem.details))
        assert str(problem).startswith(f"node {problem.node_id} (")
    assert graph_of({}) == PromptGraph()
