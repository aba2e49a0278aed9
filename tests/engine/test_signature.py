"""What makes two nodes equal for the cache."""

from __future__ import annotations

import json
import sys
from itertools import combinations

import pytest

from core.engine.signature import Signature, sign
from core.engine.validate import BoundNode
from core.folders import Folders
from core.graph import Link
from core.nodes.api import node
from core.nodes.types import AnyValue


@node("Anything", category="test")
def anything(*, value: AnyValue) -> AnyValue:
    return value


def signature(value: object, **extra: object) -> Signature:
    return sign({"1": BoundNode("1", anything.spec, {"value": value}, {}, extra)}, {}, Folders())["1"]


@pytest.mark.parametrize("value", ["text", "a" * 300, "\ud800", 2**80, -0.5, [1, ["two"]], {"a": [None]}])
def test_equal_values_that_are_other_objects_count_as_equal(value: object) -> None:
    copy = json.loads(json.dumps(value))
    assert signature(copy) == signature(value)
    assert signature([copy, copy]) == signature([copy, value]), "it counts who else refers to an object"


def test_names_that_python_shares_count_as_those_it_does_not() -> None:
    name = "".join(["na", "me"])
    assert signature(sys.intern("name")) == signature(name)
    assert signature({sys.intern("name"): 1}) == signature({name: 1})


def test_values_that_only_look_alike_are_told_apart() -> None:
    values: list[object] = [
        1,
        1.0,
        True,
        "1",
        [1],
        ["1"],
        [[1]],
        {"1": 1},
        None,
        0,
        0.0,
        -0.0,
        False,
        "",
        [],
        {},
    ]
    for first, second in combinations(values, 2):
        assert signature(first) != signature(second), (first, second)
    assert signature(1, more=2) != signature(1)


def test_the_order_of_keys_does_not_count() -> None:
    assert signature({"a": 1, "b": 2}) == signature({"b": 2, "a": 1})


def test_values_that_no_file_holds_have_signatures_too() -> None:
    class Name(str):
        pass

    assert signature(Name("a")) != signature(Name("b"))


def test_a_source_counts_with_its_slot() -> None:
    def of_link(slot: int) -> Signature:
        source = BoundNode("1", anything.spec, {"value": 1}, {}, {})
        reader = BoundNode("2", anything.spec, {}, {"value": Link("1", slot)}, {})
        return sign({"1": source, "2": reader}, {}, Folders())["2"]

    assert of_link(0) != of_link(1)
