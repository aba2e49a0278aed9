"""The graphs that come with the program: sound, tidy, and run as they are on the model beside them."""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import resources
from app.cli import main
from app.templates import NAMES, PICTURE_SUFFIX, SUFFIX, path_of, templates
from core.engine.validate import validate
from core.folders import Folders
from core.nodes.registry import builtin
from core.workflow.document import GraphDocument
from core.workflow.layout import TITLE_HEIGHT
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable
from core.workflow.template import Description, Parameter
from resources import READY_GRAPH
from tools.starter_model.captions import caption
from tools.starter_model.scenes import random_scene

JUDGED = frozenset({"text_to_image", "image_to_image", "inpaint", "hires_fix", "area_composition", "lora"})
"""Those that `tests/test_starter_model.py` runs, to judge what they paint."""

MADE = {
    "variations": (4, (256, 256)),
    "negative_prompt": (2, (256, 256)),
    "denoise_strengths": (3, (256, 256)),
    "restyle": (1, (256, 256)),
    "masked_variation": (1, (256, 256)),
    "enlarge": (1, (384, 384)),
    "wide_picture": (1, (512, 256)),
    "prompt_blend": (1, (256, 256)),
    "prompt_mix": (1, (256, 256)),
    "prompt_change": (1, (256, 256)),
    "cfg_scales": (3, (256, 256)),
    "samplers": (3, (256, 256)),
    "quality_gate": (1, (256, 256)),
    "lora_strengths": (3, (256, 256)),
}
"""What the others save: how many pictures, of what size."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A user who has nothing but the program."""
    empty = tmp_path_factory.mktemp("empty")
    return Folders([empty], input=empty, output=empty)


def runnable(name: str) -> tuple[Runnable, Description]:
    found = Runnable(read_workflow(path_of(name)), builtin())
    description = found.description()
    assert description is not None
    return found, description


def document(name: str) -> GraphDocument:
    found = read_workflow(path_of(name)).document
    assert found is not None
    return found


def test_every_file_is_a_template_and_the_first_is_the_ready_graph() -> None:
    files = sorted(file.name for file in resources.path("templates").iterdir())
    assert files == sorted(name + suffix for name in NAMES for suffix in (SUFFIX, PICTURE_SUFFIX))
    assert path_of(NAMES[0]) == READY_GRAPH


def test_titles_and_descriptions_fit_a_menu() -> None:
    assert len({template.title for template in templates()}) == len(NAMES)
    for template in templates():
        assert template.title == template.title.strip() != ""
        assert template.description.endswith(".")
        assert len(template.description) < 70


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_nothing_to_complain_of(name: str, folders: Folders) -> None:
    opened, registry = read_workflow(path_of(name)), builtin()
    compiled = opened.to_prompt(registry)
    assert opened.remarks == ()
    assert compiled.remarks == ()
    assert validate(compiled.graph, registry, folders).problems == ()


@pytest.mark.parametrize("name", NAMES)
def test_nodes_are_apart_and_groups_hold_whole_nodes(name: str) -> None:
    found = document(name)
    places = [(*node.pos, *node.size) for node in found.nodes.values()]
    boxes = [(x, y - TITLE_HEIGHT, x + width, y + height) for x, y, width, height in places]
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (a, b)
    for group in found.groups.values():
        x, y, w, h = group.bounding
        inside = [b for b in boxes if x <= b[0] and y + 30 <= b[1] and b[2] <= x + w and b[3] <= y + h]
        touched = [b for b in boxes if b[0] < x + w and x < b[2] and b[1] < y + h and y < b[3]]
        assert inside == touched != []


@pytest.mark.parametrize("name", NAMES)
def test_links_never_lead_back(name: str) -> None:
    found = document(name)
    for link in found.links.values():
        assert found.node(link.origin).pos[0] <= found.node(link.target).pos[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_set_has_a_default_that_fits(name: str) -> None:
    found, description = runnable(name)
    assert description.parameters
    for parameter in description.parameters:
        now = [found.present(target) for target in found.targets_of(parameter)]
        assert now[0] is not None
        assert parameter.read(str(now[0])) == now[0]
        assert len(set(now)) == 1, "one value, so one default"


def other(parameter: Parameter, present: object) -> str:
    """A value that a parameter does not have now."""
    if isinstance(present, int | float):
        return str(present + 1 if parameter.max is None or present + 1 <= parameter.max else parameter.min)
    return f"another {present}"


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_changes_its_targets_and_nothing_else(name: str) -> None:
    found, description = runnable(name)
    for parameter in description.parameters:
        targets = found.targets_of(parameter)
        value = parameter.read(other(parameter, found.present(targets[0])))
        changed = found.graph_with(dict.fromkeys(targets, value))
        differing = {
            (node_id, key)
            for node_id, node in changed.nodes.items()
            for key, new in node.inputs.items()
            if new != found.graph.nodes[node_id].inputs.get(key)
        }
        assert differing == {(target.node_id, target.input) for target in targets}


def test_prompts_are_in_words_that_the_model_knows() -> None:
    rng = random.Random(1)
    known = {word for _ in range(3000) for word in re.findall(r"\w+", caption(random_scene(rng), rng))}
    for name in NAMES:
        for node in document(name).nodes.values():
            if node.type == "CLIPTextEncode" and isinstance(node.widgets, tuple):
                assert set(re.findall(r"\w+", str(node.widgets[0]))) <= known, name


@pytest.fixture(scope="module")
def reports(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every template that is not judged elsewhere, all run by one command."""
    report = tmp_path_factory.mktemp("report") / "report.json"
    places = ["--models", folders.models[0], "--input", folders.input, "--output", folders.output]
    named = [word for name in MADE for word in ("--template", name)]
    words = ["run", *named, *places, "--device", "cpu", "--report", report]
    assert main([str(word) for word in words]) == 0
    return dict(zip(MADE, json.loads(report.read_text(encoding="utf-8")), strict=True))


def test_every_template_is_run_by_a_test() -> None:
    assert JUDGED | MADE.keys() == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_template_runs_on_the_model_that_ships(
    name: str, reports: dict[str, Any], folders: Folders
) -> None:
    (output,) = reports[name]["outputs"].values()
    pictures: list[Image.Image] = []
    for saved in output["images"]:
        with Image.open(folders.output / saved["filename"]) as picture:
            pictures.append(picture.convert("RGB"))
    count, size = MADE[name]
    assert [picture.size for picture in pictures] == [size] * count
    assert len({picture.tobytes() for picture in pictures}) == count, "they are there to be compared"
    assert all(len(picture.getcolors(1 << 24) or ()) > 1000 for picture in pictures), "none of them is blank"


@pytest.mark.slow
def test_a_template_runs_with_other_values(folders: Folders, tmp_path: Path) -> None:
    places = ["--models", folders.models[0], "--output", tmp_path / "output", "--profile", tmp_path]
    values = ["prompt=a blue boat at sea", "steps=2", "width=128", "seed=7"]
    words = ["template", "run", "text_to_image", *places, "--device", "cpu"]
    words += [word for value in values for word in ("--set", value)]
    assert main([str(word) for word in words]) == 0
    (file,) = (tmp_path / "output").iterdir()
    with Image.open(file) as picture:
        assert picture.size == (128, 256)
    opened = read_workflow(file)
    assert opened.prompt is not None
    assert opened.document is not None
    assert opened.prompt.nodes["5"].inputs["steps"] == 2
    assert opened.document.nodes["2"].widgets == ("a blue boat at sea",)
    assert Runnable(opened, builtin()).description() == runnable("text_to_image")[1]


def test_a_template_of_another_name_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["run", "--template", "qqq", "--profile", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "'qqq'" in said
    assert all(name in said for name in NAMES)


def test_a_run_of_nothing_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert "name a file, or a template" in capsys.readouterr().err
