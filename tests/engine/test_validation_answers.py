"""Problems carry what ComfyUI's answers to a queued prompt say: checked against observed answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.comfy_errors import node_errors
from helpers.toy_nodes import graph_of, stand_ins

from core.engine.validate import validate
from core.folders import Folders
from core.nodes.interface import facts
from core.nodes.spec import FileChoice

OBSERVED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["steps"][0]
    for path in sorted((Path(__file__).parents[1] / "golden" / "protocol").glob("*.json"))
}


@pytest.fixture
def folders(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    (checkpoints / "sub").mkdir(parents=True)
    (checkpoints / "e2e_sd15_a.safetensors").touch()
    (checkpoints / "sub" / "e2e_sd15_b.safetensors").touch()
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


@pytest.mark.parametrize("name", sorted(OBSERVED))
def test_answer(name, folders):
    registry = stand_ins()
    request, response = OBSERVED[name]["request"]["json"], OBSERVED[name]["response"]
    targets = request.get("partial_execution_targets")
    validation = validate(graph_of(request["prompt"]), registry, folders, targets)

    def input_config(class_type, input_name):
        declared = registry.get(class_type).by_name[input_name]
        if isinstance(declared.widget, FileChoice):
            return [declared.widget.options(folders), {}]
        entry = dict(facts(registry.get(class_type))["inputs"]["required"][input_name])
        entry.pop("wire", None)
        wire, options = entry.pop("type"), entry.pop("options", None)
        return [wire if options is None else options, entry]

    assert node_errors(validation, input_config) == response["json"]["node_errors"]
    assert bool(validation.outputs) == (response["status"] == 200)
    if response["status"] == 400:
        kinds = {problem.kind for problem in validation.problems}
        kind = response["json"]["error"]["type"]
        assert ("no_output" in kinds) == (kind == "prompt_no_outputs")
        assert ("unknown_node_type" in kinds) == (kind == "invalid_prompt")
