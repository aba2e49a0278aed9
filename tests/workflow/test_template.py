"""What makes a workflow a template: its description, and the values that are given by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.workflows import instance, subgraph, workflow

from core.errors import WorkflowError
from core.graph import Link
from core.nodes.registry import builtin
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable, Setting
from core.workflow.targets import Target, declared
from core.workflow.template import KEY, Parameter, describe, parameter_for, put_description, read_description
from resources import READY_GRAPH

STEPS = {"name": "steps", "type": "INT", "label": "Steps", "min": 1, "max": 50, "targets": ["5.steps"]}
WORDS = {"name": "words", "type": "STRING", "label": "Words", "targets": ["2.text", "3.text"]}
METHOD = {
    "name": "method",
    "type": "COMBO",
    "label": "Method",
    "choices": ["euler", "heun"],
    "targets": ["5.sampler_name"],
}


def template(*parameters: dict[str, Any], **fields: Any) -> Runnable:
    form = json.loads(READY_GRAPH.read_bytes())
    form["extra"][KEY] = {"name": "Mine", "parameters": list(parameters), **fields}
    return Runnable(read_workflow(json.dumps(form).encode(), "mine.json"), builtin())


def ready() -> Runnable:
    return Runnable(read_workflow(READY_GRAPH), builtin())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "NUMBER"}, "parameters[0].type"),
        ({"name": "9 lives"}, "parameters[0].name"),
        ({"label": ""}, "parameters[0].label"),
        ({"targets": []}, "parameters[0].targets"),
        ({"targets": ["steps"]}, "'steps' is not NODE.INPUT"),
        ({"min": "1"}, "parameters[0].min"),
        ({"min": float("inf")}, "parameters[0].min"),
        ({"min": 51}, "its min 51 is more than its max 50"),
        ({"choices": ["a"]}, "INT has no choices"),
        ({"type": "STRING"}, "STRING has no min or max"),
    ],
)
def test_a_broken_parameter_is_told_with_its_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkflowError) as error:
        read_description({"name": "Mine", "parameters": [STEPS | change]}, "mine.json")
    assert "mine.json: the template is broken at parameters[0]" in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "name: Field required"),
        ([], "its start"),
        ("text", "found 'text'"),
        ({"name": "Mine", "parameters": [STEPS, STEPS]}, "two of them are called 'steps'"),
        ({"name": "Mine", "format": 2}, "made by a newer Darkroom"),
        ({"name": 7, "parameters": [7] * 9}, "(and 5 more)"),
    ],
)
def test_a_broken_description_is_told(form: object, words: str) -> None:
    with pytest.raises(WorkflowError) as error:
        read_description(form, "mine.json")
    assert words in str(error.value)


def test_fields_of_later_versions_are_kept() -> None:
    form = {"name": "Mine", "parameters": [STEPS | {"unit": "steps"}], "authors": ["me"]}
    document = read_document(json.loads(READY_GRAPH.read_bytes())).document
    put_description(document, read_description(form, "mine.json"))
    written = write_document(document)["extra"][KEY]
    assert written["authors"] == ["me"]
    assert written["parameters"][0]["unit"] == "steps"
    again = describe(read_document(json.loads(json.dumps(written_in(document)))).document, "mine.json")
    assert again is not None
    assert again.parameters[0].limits == "1 to 50"


def written_in(document: Any) -> dict[str, Any]:
    return write_document(document)


def test_a_plain_workflow_is_no_template() -> None:
    form = json.loads(READY_GRAPH.read_bytes())
    del form["extra"][KEY]
    assert describe(read_document(form).document, "plain.json") is None


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (STEPS, "7", 7),
        (STEPS, " 50 ", 50),
        (STEPS | {"type": "FLOAT"}, "7", 7),
        (STEPS | {"type": "FLOAT"}, "1.5", 1.5),
        (WORDS, "7", "7"),
        (WORDS, "", ""),
        (METHOD, "heun", "heun"),
        ({"name": "on", "type": "BOOLEAN", "label": "On", "targets": ["1.on"]}, "true", True),
        ({"name": "file", "type": "COMBO", "label": "File", "targets": ["1.ckpt_name"]}, "x.ckpt", "x.ckpt"),
    ],
)
def test_texts_are_read_by_the_type(parameter: dict[str, Any], text: str, value: object) -> None:
    read = Parameter.model_validate(parameter).read(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("parameter", "text", "words"),
    [
        (STEPS, "51", "steps is 51; it takes a whole number, 1 to 50"),
        (STEPS, "0", "1 to 50"),
        (STEPS, "7.5", "steps takes a whole number, 1 to 50; '7.5' is not"),
        (STEPS, "true", "'true' is not"),
        (STEPS, "many", "'many' is not"),
        (STEPS | {"type": "FLOAT"}, "NaN", "'NaN' is not"),
        (STEPS | {"type": "FLOAT", "max": None}, "0.5", "at least 1"),
        (METHOD, "huen", "did you mean 'heun'?"),
        (METHOD, "xyz", "there are 'euler', 'heun'"),
        ({"name": "on", "type": "BOOLEAN", "label": "On", "targets": ["1.on"]}, "yes", "true or false"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_limits(
    parameter: dict[str, Any], text: str, words: str
) -> None:
    with pytest.raises(WorkflowError) as error:
        Parameter.model_validate(parameter).read(text)
    assert words in str(error.value)


def test_a_parameter_reaches_all_its_targets_in_both_graphs() -> None:
    runnable = template(STEPS, WORDS)
    values = runnable.values([Setting("words", "a red boat"), Setting("steps", "9"), Setting("5.cfg", "2")])
    graph, stored = runnable.graph_with(values), runnable.workflow_with(values)
    assert stored is not None
    again = compile_document(read_document(stored).document, builtin()).graph
    for made in (graph, again):
        assert made.nodes["2"].inputs["text"] == made.nodes["3"].inputs["text"] == "a red boat"
        assert (made.nodes["5"].inputs["steps"], made.nodes["5"].inputs["cfg"]) == (9, 2)
    assert runnable.graph.nodes["5"].inputs["steps"] == 20, "the file itself is as it was"
    assert stored["extra"][KEY]["name"] == "Mine", "a picture opens as a template too"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting("step", "3"), "'Mine' has no parameter 'step'; did you mean steps?"),
        (Setting("steps", "300"), "steps=300: steps is 300"),
        (Setting("ghost", "3"), "the parameter 'ghost' is for 77.steps: there is no node '77'"),
        (Setting("5.stepz", "3"), "KSampler has no input 'stepz'; did you mean steps"),
    ],
)
def test_a_wrong_setting_is_told(setting: Setting, words: str) -> None:
    ghost = STEPS | {"name": "ghost", "targets": ["77.steps"]}
    with pytest.raises(WorkflowError) as error:
        template(STEPS, WORDS, ghost).values([setting])
    assert words in str(error.value)


def test_parameters_of_what_is_no_template() -> None:
    form = json.loads(READY_GRAPH.read_bytes())
    del form["extra"][KEY]
    runnable = Runnable(read_workflow(json.dumps(form).encode(), "plain.json"), builtin())
    with pytest.raises(WorkflowError, match=r"plain\.json is no template"):
        runnable.values([Setting("prompt", "x")])


def test_a_broken_description_does_not_keep_the_graph_from_running() -> None:
    runnable = template(STEPS | {"type": "NUMBER"})
    assert runnable.graph_with(runnable.values([Setting("5.steps", "3")])).nodes["5"].inputs["steps"] == 3


def parameter(label: str, *places: str) -> Parameter:
    runnable, targets = ready(), list(map(Target.parse, places))
    specs = [declared(target, runnable.graph, runnable.registry) for target in targets]
    return parameter_for(label, targets, specs, [runnable.present(target) for target in targets])


def test_a_new_parameter_takes_type_and_limits_from_its_inputs() -> None:
    steps = parameter("steps", "5.steps")
    assert (steps.name, steps.label, steps.type, steps.min, steps.max) == ("steps", "Steps", "INT", 1, 10_000)
    assert (parameter("CFG", "5.cfg").type, parameter("CFG", "5.cfg").label) == ("FLOAT", "CFG")
    side = parameter("Size, in pixels", "4.width", "4.height")
    assert (side.name, side.targets) == ("size_in_pixels", ["4.width", "4.height"])
    assert parameter("File", "1.ckpt_name").choices is None


@pytest.mark.parametrize(
    ("label", "places", "words"),
    [
        ("both", ["5.cfg", "5.steps"], "different types"),
        ("link", ["5.model"], "5.model has no value of its own"),
        ("123", ["5.cfg"], "begin with a letter"),
        ("x", ["99.cfg"], "no node '99'"),
    ],
)
def test_what_makes_no_parameter(label: str, places: list[str], words: str) -> None:
    with pytest.raises(WorkflowError, match=words):
        parameter(label, *places)


def test_what_an_input_has_now() -> None:
    runnable = ready()
    assert runnable.present(Target("5", "steps")) == 20
    assert runnable.present(Target("5", "model")) is None
    assert isinstance(runnable.graph.nodes["5"].inputs["model"], Link)


def test_a_value_inside_a_subgraph_changes_what_runs_and_leaves_no_wrong_editor_form() -> None:
    inside = workflow([instance(4, ["a"])], modern=True, definitions=subgraph())
    runnable = Runnable(read_workflow(json.dumps(inside).encode()), builtin())
    values = runnable.values([Setting("4:2.filename_prefix", "other")])
    assert runnable.graph_with(values).nodes["4:2"].inputs["filename_prefix"] == "other"
    assert runnable.workflow_with(values) is None
    assert runnable.workflow_with({}) is not None
