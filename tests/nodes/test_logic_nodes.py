"""Nodes that compare and choose; what is not chosen is not computed."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import quick

from core.nodes.api import Blocked
from core.nodes.logic import (
    boolean_logic,
    boolean_not,
    compare_numbers,
    compare_texts,
    first_given,
    impact_compare,
    index_switch,
    keep_best,
    pass_if,
)


@pytest.mark.parametrize(
    ("comparison", "less", "equal", "more"),
    [
        ("==", False, True, False),
        ("!=", True, False, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_numbers(comparison, less, equal, more):
    results = [compare_numbers(a=a, comparison=comparison, b=2.0) for a in (1, 2, 3)]
    assert results == [less, equal, more]
    near = [compare_numbers(a=a, comparison=comparison, b=2.0, tolerance=0.5) for a in (1, 1.6, 2.5, 3)]
    assert near == [less, equal, equal, more]


def test_what_is_no_number_is_said():
    with pytest.raises(ValueError, match="'one' is no number"):
        compare_numbers(a="one", b=1.0)


@pytest.mark.parametrize(
    ("comparison", "b", "holds"),
    [
        ("equals", "red House", False),
        ("equals", "Red House", True),
        ("contains", "d H", True),
        ("starts with", "Red", True),
        ("ends with", "house", False),
        ("matches", r"^\w+ \w+$", True),
        ("matches", "house", False),
    ],
)
def test_texts(comparison, b, holds):
    assert compare_texts(a="Red House", comparison=comparison, b=b) is holds
    if not holds:
        assert compare_texts(a="Red House", comparison=comparison, b=b, case_sensitive=False)


def test_conditions():
    pairs = [(a, b) for a in (False, True) for b in (False, True)]
    table = {
        word: [boolean_logic(a=a, operation=word, b=b) for a, b in pairs] for word in ("and", "or", "xor")
    }
    assert table == {
        "and": [False, False, False, True],
        "or": [False, True, True, True],
        "xor": [False, True, True, False],
    }
    assert boolean_not(value=False)


def test_impact_compare():
    assert impact_compare(cmp="a <= b", a=1, b=1.5)
    assert impact_compare(cmp="tt", a=None, b=None)
    with pytest.raises(TypeError, match="a str and a int have no order"):
        impact_compare(cmp="a < b", a="x", b=1)


def test_first_given():
    assert first_given(any_02=0, any_04=5) == 0
    assert first_given(any_07=3, any_06=2) == 2
    assert first_given() is None


def test_gate():
    assert pass_if(value="x", condition=True) == ("x",)
    assert pass_if(value="x", condition=False, reason="not good enough") == Blocked("not good enough")


def test_best():
    assert keep_best(value="a", score=0.1) == ("a", 0.1)
    assert keep_best(value="b", score=0.2, best="a", best_score=0.1) == ("b", 0.2)
    assert keep_best(value="b", score=0.1, best="a", best_score=0.1) == ("a", 0.1)


SWITCHES = [
    ("LazySwitch", "condition", "on_true", "on_false"),
    ("ComfySwitchNode", "switch", "on_true", "on_false"),
    ("ImpactConditionalBranch", "cond", "tt_value", "ff_value"),
    ("easy ifElse", "boolean", "on_true", "on_false"),
]


@pytest.mark.parametrize(("kind", "condition", "on_true", "on_false"), SWITCHES)
@pytest.mark.parametrize("holds", [True, False])
def test_only_the_chosen_branch_is_computed(run_graph, calls, kind, condition, on_true, on_false, holds):
    graph = quick(
        yes=("TText", {"text": "yes"}),
        no=("TText", {"text": "no"}),
        less=("NumberCompare", {"a": 1, "comparison": "<" if holds else ">", "b": 2, "tolerance": 0}),
        switch=(kind, {condition: ["less", 0], on_true: ["yes", 0], on_false: ["no", 0]}),
        out=("TOut", {"value": ["switch", 0]}),
    )
    report, _ = run_graph(graph)
    word = "yes" if holds else "no"
    assert report.outputs["out"]["value"] == [repr(word)]
    assert [arguments["text"] for name, arguments in calls if name == "TText"] == [word]


def test_a_failing_branch_that_is_not_chosen_does_no_harm(run_graph):
    graph = quick(
        bad=("TFail", {"value": 1, "fail": True}),
        switch=("LazySwitch", {"condition": True, "on_true": 5, "on_false": ["bad", 0]}),
        out=("TOut", {"value": ["switch", 0]}),
    )
    report, _ = run_graph(graph)
    assert (report.status, report.outputs["out"]["value"]) == ("success", ["5"])


def test_only_the_value_of_the_index_is_computed(run_graph, calls):
    values = {f"value{number}": [f"t{number}", 0] for number in (0, 1, 9)}
    texts = {f"t{number}": ("TText", {"text": str(number)}) for number in (0, 1, 9)}
    for index in (1, 9):
        graph = quick(
            **texts,
            switch=("LazyIndexSwitch", {"index": index, **values}),
            out=("TOut", {"value": ["switch", 0]}),
        )
        report, _ = run_graph(graph)
        assert report.outputs["out"]["value"] == [repr(str(index))]
    assert [arguments["text"] for name, arguments in calls if name == "TText"] == ["1", "9"]
    with pytest.raises(ValueError, match="the index is 3, but nothing is linked to value3"):
        index_switch(index=3, value0=1)


def test_nothing_behind_a_closed_gate_runs(run_graph, calls):
    graph = quick(
        text=("TText", {"text": "x"}),
        gate=("PassIf", {"value": ["text", 0], "condition": False, "reason": "too bad"}),
        out=("TOut", {"value": ["gate", 0]}),
        other=("TOut", {"value": ["text", 0]}),
    )
    report, _ = run_graph(graph)
    assert dict(report.blocked) == {"out": "too bad"}
    assert "out" not in report.outputs
    assert report.outputs["other"]["value"] == ["'x'"]
