"""Nodes that make lists and take them apart, alone and in runs."""

from __future__ import annotations

import pytest
from helpers.toy_nodes import quick

from core.nodes.lists import (
    LONGEST,
    even_steps,
    from_lines,
    item_of,
    length_of,
    list_of,
    number_range,
    slice_of,
)


def test_ranges():
    assert number_range(start=2, stop=8, step=3) == ([2, 5], [2.0, 5.0])
    assert number_range(start=3, stop=0, step=-1).INT == [3, 2, 1]
    assert number_range(start=3, stop=0, step=1).INT == []
    assert even_steps(first=0.0, last=1.0, count=3).FLOAT == [0.0, 0.5, 1.0]
    assert even_steps(first=4.0, last=9.0, count=1) == ([4], [4.0])
    assert even_steps(first=0.1, last=0.7, count=4).FLOAT[-1] == 0.7
    assert even_steps(first=0.0, last=1.0, count=0).INT == []


def test_ranges_have_limits():
    with pytest.raises(ValueError, match="step of a range cannot be 0"):
        number_range(start=0, stop=1, step=0)
    with pytest.raises(ValueError, match="may have 100,000 items"):
        number_range(start=0, stop=2**62, step=1)
    with pytest.raises(ValueError, match="may have 100,000 items"):
        from_lines(text="\n" * (LONGEST + 2), skip_empty=False)


def test_taking_apart():
    items = ["a", "b", "c"]
    assert item_of(items=items, index=-1) == ("c",)
    assert length_of(items=[]) == (0,)
    assert slice_of(items=items, start=1, count=0) == (["b", "c"],)
    assert slice_of(items=items, start=-2, count=1) == (["b"],)
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"has 3 items, and none with the index {index}"):
            item_of(items=items, index=index)


def test_making():
    assert from_lines(text=" red \n\nblue\n", skip_empty=True) == (["red", "blue"],)
    assert from_lines(text="a\n\nb", skip_empty=False) == (["a", "", "b"],)
    assert list_of(item1=[1], item3=[2, 3], item7=[4]) == ([1, 2, 3, 4],)


def test_nodes_run_for_each_item(run_graph):
    graph = quick(
        numbers=("ListRange", {"start": 1, "stop": 4, "step": 1}),
        more=("TAdd", {"a": ["numbers", 0], "b": 10}),
        all=("ListOf", {"item1": ["more", 0], "item2": 5}),
        last=("ListItem", {"items": ["all", 0], "index": -1}),
        count=("ListLength", {"items": ["all", 0]}),
        text=("TextJoin", {"texts": ["all", 0], "delimiter": "+"}),
        o1=("TOut", {"value": ["last", 0]}),
        o2=("TOut", {"value": ["count", 0]}),
        o3=("TOut", {"value": ["text", 0]}),
    )
    report, _ = run_graph(graph)
    assert report.status == "success", report.errors
    assert [report.outputs[name]["value"] for name in ("o1", "o2", "o3")] == [["5"], ["4"], ["'11+12+13+5'"]]
