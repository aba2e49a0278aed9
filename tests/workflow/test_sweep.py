"""Axes and cells of sweeps: how they are written, in which order they run, what makes them the same."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.templates import path_of
from core.errors import WorkflowError
from core.nodes.registry import builtin
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable, Setting
from core.workflow.sweep import MOST_CELLS, Sweep, digest_of, plan, read_axis

LORA = "2.lora_name=a.safetensors,b.safetensors"
CHECKPOINT = "1.ckpt_name=a.safetensors,b.safetensors"


def runnable(name: str = "lora") -> Runnable:
    return Runnable(read_workflow(path_of(name)), builtin())


def values(argument: str, **settings: str) -> tuple[object, ...]:
    graph = runnable()
    given = graph.values([Setting(place.replace("__", "."), text) for place, text in settings.items()])
    return read_axis(argument, graph, given).values


def sweep(*axes: str, graph: Runnable | None = None, settings: dict[Any, Any] | None = None) -> Sweep:
    graph, given = graph or runnable(), settings or {}
    return plan(graph, given, [read_axis(axis, graph, given) for axis in axes])


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("6.cfg=4,6,8.5", (4, 6, 8.5)),
        ("6.cfg=0..1:0.25", (0, 0.25, 0.5, 0.75, 1.0)),
        ("6.cfg=.1...3:.1", (0.1, 0.2, 0.3)),
        ("6.steps=1..5", (1, 2, 3, 4, 5)),
        ("6.steps=5..1:2", (5, 3, 1)),
        ("6.steps=3, 10..12 ,20", (3, 10, 11, 12, 20)),
        ("6.steps=7..7", (7,)),
        ("2.strength_model=-1..1", (-1, 0, 1)),
        ("6.seed=seeds:3", (20261120, 20261121, 20261122)),
        ("seed=seeds:2", (20261120, 20261121)),
        ("3.text=a red house,a blue boat", ("a red house", "a blue boat")),
        ('3.text="a house, mosaic",a boat', ("a house, mosaic", "a boat")),
        ("3.text=1..5", ("1..5",)),
        ("3.text=,x", ("", "x")),
        ("3.text=", ("",)),
        ("3.text=a=b", ("a=b",)),
        ("prompt=x,y", ("x", "y")),
        ("6.sampler_name=euler,heun", ("euler", "heun")),
    ],
)
def test_how_axes_are_written(argument: str, expected: tuple[object, ...]) -> None:
    assert values(argument) == expected


def test_seeds_count_from_the_one_that_is_set() -> None:
    assert values("6.seed=seeds:2", **{"6__seed": "5"}) == (5, 6)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("6.cfg", "is not NODE.INPUT=VALUE"),
        ("=4", "is not NODE.INPUT=VALUE"),
        ("3.text~=4", "is not NODE.INPUT=VALUE"),
        ("66.cfg=4", "no node '66'"),
        ("6.cgf=4", "did you mean cfg"),
        ("promt=4", "did you mean prompt"),
        ("6.cfg=4,4", "the value 4 is there twice"),
        ("6.cfg=red", "it takes FLOAT, which 'red' is not"),
        ("6.steps=0..1:0.25", "it takes INT, which 0.25 is not"),
        ("6.cfg=0..1:0", "its step is 0"),
        ("6.steps=1..99999999", "more than"),
        ("6.seed=seeds:0", "counts on from a whole number"),
        ("steps=0", "steps is 0; it takes a whole number, 1 to 10000"),
        ("6.cfg~4=5", "words can be replaced in texts only"),
        ('3.text="a', "no list of values"),
        ("3.text=@nowhere.txt", "nowhere.txt cannot be read"),
        ("6.model=1", "it takes MODEL from a link"),
    ],
)
def test_a_wrong_axis_is_told(argument: str, words: str) -> None:
    with pytest.raises(WorkflowError) as error:
        sweep(argument)
    assert words in str(error.value)


def test_values_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("\ufeffa red house, mosaic\n\n  a blue boat\n", encoding="utf-8")
    assert values(f"3.text=@{file}") == ("a red house, mosaic", "a blue boat")
    file.write_text("4\n6..7\n", encoding="utf-8")
    assert values(f"6.cfg=@{file}") == (4, 6, 7)
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(WorkflowError, match="not text in UTF-8"):
        values(f"3.text=@{file}")
    file.write_text("\n")
    with pytest.raises(WorkflowError, match="no line with a value"):
        values(f"3.text=@{file}")


def texts(made: Sweep) -> list[object]:
    return [cell.graph.nodes["3"].inputs["text"] for cell in made.cells]


def test_words_of_a_prompt_are_replaced() -> None:
    assert texts(sweep("3.text~blue=red,green,blue")) == [
        f"a {c} boat at sea" for c in ("red", "green", "blue")
    ]
    assert texts(sweep(r"3.text~blue=\1")) == [r"a \1 boat at sea"], "a replacement is no pattern"
    both = sweep("3.text~blue=red,green", "prompt~boat=house,tree")
    assert texts(both)[0] == "a red house at sea"
    assert texts(both)[-1] == "a green tree at sea"


def test_words_are_replaced_in_the_values_of_another_axis() -> None:
    made = sweep("3.text~red=blue,red", "3.text=a red house,red and redder")
    assert texts(made) == ["a blue house", "blue and redder", "a red house", "red and redder"]


def test_words_that_do_not_occur_are_told() -> None:
    with pytest.raises(WorkflowError, match="'boa' does not occur in 'a blue boat at sea'"):
        sweep("3.text~boa=x")


@pytest.mark.parametrize(
    "axes",
    [
        ("6.cfg=1,2", "cfg=3,4"),
        ("2.strength_model=0,1", "strength=0,1"),
        ("6.cfg=1,2", "6.cfg=1,2"),
        ("3.text~blue=a,b", "3.text~blue=c,d"),
    ],
)
def test_two_axes_for_one_input_are_refused(axes: tuple[str, ...]) -> None:
    with pytest.raises(WorkflowError, match="are for the same input"):
        sweep(*axes)


def test_too_many_cells_are_refused() -> None:
    with pytest.raises(WorkflowError, match=f"make 1000000 cells; a sweep may have {MOST_CELLS}"):
        sweep("6.seed=seeds:1000", "6.steps=1..1000")


def test_cells_are_laid_out_as_the_axes_are_given() -> None:
    made = sweep("6.cfg=4,6", LORA, "6.steps=1,2,3")
    assert [cell.place for cell in made.cells] == [
        (a, b, c) for a in (0, 1) for b in (0, 1) for c in range(3)
    ]
    last = made.cells[-1].graph.nodes
    assert last["6"].inputs["cfg"] == 6
    assert last["6"].inputs["steps"] == 3
    assert last["2"].inputs["lora_name"] == "b.safetensors"


def changes(made: Sweep, axis: int) -> int:
    """How often an axis changes from one cell that runs to the next."""
    return sum(one.place[axis] != other.place[axis] for one, other in pairwise(made.in_order))


def test_models_are_changed_as_rarely_as_can_be() -> None:
    made = sweep("6.cfg=4,6,8", LORA, "prompt=x,y", CHECKPOINT, "strength=0.5,1")
    assert sorted(cell.place for cell in made.in_order) == sorted(cell.place for cell in made.cells)
    assert [changes(made, axis) for axis in (3, 1, 4, 2)] == [1, 3, 7, 15]
    assert changes(made, 0) == len(made.cells) - 1, "what is cheapest to change changes each time"


def test_axes_that_cost_the_same_stay_as_they_are_given() -> None:
    made = sweep("6.cfg=4,6", "6.steps=1,2")
    assert [cell.place for cell in made.in_order] == [cell.place for cell in made.cells]


def graphs(made: Sweep) -> set[str]:
    return {digest_of(cell.graph) for cell in made.cells}


def test_cells_are_recognised_in_other_sweeps() -> None:
    first = graphs(sweep("6.cfg=4,6", LORA))
    assert len(first) == 4
    assert graphs(sweep(LORA, "6.cfg=6,4")) == first
    assert first < graphs(sweep("6.cfg=4,6,8", LORA))
    assert len(first & graphs(sweep("6.cfg=4,7", LORA))) == 2
    other = runnable().values([Setting("6.steps", "9")])
    assert first.isdisjoint(graphs(sweep("6.cfg=4,6", LORA, settings=other)))


def test_titles_and_places_do_not_make_another_graph() -> None:
    form = json.loads(path_of("lora").read_bytes())
    for node in form["nodes"]:
        node |= {"title": "Renamed", "pos": [0, 0]}
    moved = Runnable(read_workflow(json.dumps(form).encode()), builtin())
    assert graphs(sweep("6.cfg=4,6", graph=moved)) == graphs(sweep("6.cfg=4,6"))


def test_labels() -> None:
    graph = runnable()
    assert read_axis("6.cfg=4,6", graph, {}).label(1) == "cfg: 6"
    assert read_axis("prompt=x", graph, {}).label(0) == "Prompt: x"
    assert read_axis("prompt~blue=red", graph, {}).label(0) == "blue -> red"
