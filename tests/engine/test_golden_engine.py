"""The engine against what was observed of the peer, scenario by scenario."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from helpers.comfy_errors import node_errors
from helpers.toy_nodes import graph_of, stand_ins, toy_registry, toys
from PIL import Image

from core.engine.context import RunContext, RunOptions
from core.engine.run import Runner
from core.engine.validate import validate
from core.engine.values import summarise
from core.errors import GraphError
from core.events import NodeBlocked, NodeCached, NodeFinished, NodeStarted, RunStarted
from core.folders import Folders
from core.nodes.registry import builtin

GOLDEN = Path(__file__).parents[1] / "golden" / "engine"
SCENARIOS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(GOLDEN.glob("*.json"))
    if path.stem != "nodes"
}
TOYS = json.loads((GOLDEN / "nodes.json").read_text(encoding="utf-8"))
SEEN_ELSEWHERE = {"change_seed", "load_image_replaced", "save_image_rerun", "txt2img_edits"}


@pytest.fixture
def folders(tmp_path):
    checkpoints, loras, inputs = tmp_path / "checkpoints", tmp_path / "loras", tmp_path / "input"
    for folder in (checkpoints, loras, inputs):
        folder.mkdir()
    (checkpoints / "e2e_sd15_a.safetensors").touch()
    (loras / "e2e_lora_a.safetensors").touch()
    return Folders([tmp_path], input=inputs, output=tmp_path / "out", temp=tmp_path / "temp", shipped=None)


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - SEEN_ELSEWHERE))
def test_scenario(name, folders):
    calls = []
    registry = toy_registry(lambda function, **arguments: calls.append([function, arguments]))
    runner = Runner(registry, RunContext(folders))
    for step in SCENARIOS[name]["steps"]:
        calls.clear()
        if step["expect"]["status"] == 400:
            check_refusal(runner, step)
        else:
            report = check_step(runner, folders, step)
            assert report.outputs == step["expect"]["outputs"]
        assert matches(step["expect"], "calls", calls, multiset)
        validation = validate(graph_of(step["prompt"]), registry, folders, targets_of(step))
        assert node_errors(validation, input_config) == step["expect"].get("node_errors", {})


def test_scenario_with_real_nodes(folders):
    runner = Runner(builtin(), RunContext(folders))
    for step in SCENARIOS["load_image_replaced"]["steps"]:
        for file, content in step.get("input_files", {}).items():
            colour = int(content.removeprefix("png:"))
            Image.new("RGB", (8, 8), (colour, 0, 0)).save(folders.input / file)
        report = check_step(runner, folders, {**step, "input_files": {}})
        (picture,) = report.outputs["3"]["images"]
        (expected,) = step["expect"]["outputs"]["3"]["images"]
        assert picture["filename"].endswith(expected["filename"].removeprefix("<temp>"))
        assert (picture["type"], picture["subfolder"]) == ("temp", "")


@pytest.mark.parametrize("name", sorted(SEEN_ELSEWHERE))
def test_scenario_with_real_interfaces(name, folders):
    runner = Runner(stand_ins(), RunContext(folders))
    for step in SCENARIOS[name]["steps"]:
        check_step(runner, folders, step)


def test_toys_are_declared_as_described():
    known = toys()
    for name in TOYS:
        spec, facts = known[name].spec, TOYS[name]
        described = [(o["name"], o["type"], o["is_list"]) for o in facts["outputs"]]
        assert [(o.name, o.type, o.is_list) for o in spec.outputs] == described, name
        for required in (True, False):
            inputs = facts["inputs"].get("required" if required else "optional", {})
            for input_name, entry in inputs.items():
                if (name, input_name) == ("TSleep", "seconds"):
                    continue
                declared = spec.by_name[input_name]
                wire = "COMBO" if isinstance(entry["type"], list) else entry["type"]
                assert (declared.type, declared.required) == (wire, required), (name, input_name)
                assert declared.lazy == entry.get("lazy", False)
                assert declared.raw_link == entry.get("rawLink", False)
                if "min" in entry:
                    assert (declared.widget.min, declared.widget.max) == (entry["min"], entry["max"])


def check_step(runner, folders, step):
    for file, content in step.get("input_files", {}).items():
        (folders.input / file).write_text(content)
    request, expected = step.get("request", {}), step["expect"]
    events = []
    options = RunOptions(
        targets=targets_of(step),
        extra_pnginfo=request.get("extra_data", {}).get("extra_pnginfo", {}),
        stop_at_first_error=True,
    )
    report = runner.run(graph_of(step["prompt"]), options, events.append)

    cached_at_start = next(e.cached for e in events if isinstance(e, RunStarted))
    started = [e.node_id for e in events if isinstance(e, NodeStarted | NodeBlocked)]
    told = [e.node_id for e in events if is_told(e, cached_at_start)]
    assert report.status == expected["result"] or (report.status == "partial" and report.left_out)
    assert sorted(cached_at_start) == expected["cached"]
    assert matches(expected, "executing", started, list)
    shown = {e.node_id: e.display_id for e in events if isinstance(e, NodeStarted)}
    assert {key: value for key, value in shown.items() if key != value} == expected.get("display", {})
    assert matches(expected, "executed_events", told, sorted)
    errors = expected.get("errors", [])
    assert [describe(error) for error in report.errors] == [describe_observed(error) for error in errors]
    for error in errors:
        ran = set(report.executed) | {e.node_id for e in events if isinstance(e, NodeCached)}
        assert set(error["executed"]) == ran - set(cached_at_start)
    return report


def check_refusal(runner, step):
    with pytest.raises(GraphError) as caught:
        runner.run(graph_of(step["prompt"]))
    assert caught.value.problems


def targets_of(step):
    return step.get("request", {}).get("partial_execution_targets")


def is_told(event, cached_at_start):
    """Whether the peer sends a result for this: something is shown, or an equal node had run meanwhile."""
    is_ephemeral = isinstance(event, NodeCached) and event.display_id != event.node_id
    if isinstance(event, NodeCached) and event.node_id not in cached_at_start and not is_ephemeral:
        return True
    return isinstance(event, NodeCached | NodeFinished) and event.shown is not None


def matches(expected, name, found, normal):
    if name in expected:
        return normal(found) == normal(expected[name])
    if f"{name}_any_order" in expected:
        return multiset(found) == multiset(expected[f"{name}_any_order"])
    return any(normal(found) == normal(variant) for variant in expected[f"{name}_variants"])


def multiset(items):
    return Counter(json.dumps(item, sort_keys=True) for item in items)


def describe(error):
    return error.node_id, error.class_type, str(error), error.kind, error.inputs


def describe_observed(error):
    message = error["exception_message"].removesuffix("\n")
    inputs = summarise(error["current_inputs"])
    return error["node_id"], error["node_type"], message, error["exception_type"], inputs


def input_config(class_type, name):
    entry = dict(TOYS[class_type]["inputs"]["required"][name])
    return [entry.pop("type"), entry]
