"""The graphs that come with the program: sound, tidy, and run as they are."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.seeded_models import write_starter_files

import resources
from app.cli import main
from app.templates import NAMES, path_of, templates
from core.engine.validate import validate
from core.folders import Folders
from core.nodes.registry import builtin
from core.workflow.document import GraphDocument
from core.workflow.layout import TITLE_HEIGHT
from core.workflow.open import read_workflow
from resources import READY_GRAPH


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for the files that templates name, below `models` and `input`."""
    folder = tmp_path_factory.mktemp("starter")
    write_starter_files(folder)
    return folder


def document(name: str) -> GraphDocument:
    found = read_workflow(path_of(name)).document
    assert found is not None
    return found


def test_every_file_is_a_template_and_the_first_is_the_ready_graph() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in resources.path("templates").iterdir())
    assert path_of(NAMES[0]) == READY_GRAPH


def test_titles_and_descriptions_fit_a_menu() -> None:
    assert len({template.title for template in templates()}) == len(NAMES)
    for _, title, description in templates():
        assert title == title.strip() != ""
        assert description.endswith(".")
        assert len(description) < 70


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_nothing_to_complain_of(name: str, starter: Path) -> None:
    opened, registry = read_workflow(path_of(name)), builtin()
    compiled = opened.to_prompt(registry)
    assert opened.remarks == ()
    assert compiled.remarks == ()
    folders = Folders([starter / "models"], input=starter / "input", shipped=None)
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


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_template_runs_by_its_name(name: str, starter: Path, tmp_path: Path) -> None:
    samplers = [node.id for node in document(name).nodes.values() if node.type == "KSampler"]
    steps = [word for node in samplers for word in ("--set", f"{node}.steps=2")]
    places = ["--models", starter / "models", "--input", starter / "input", "--output", tmp_path / "output"]
    report = tmp_path / "report.json"
    words = ["run", "--template", name, *places, *steps, "--device", "cpu", "--report", report]
    assert main([str(word) for word in words]) == 0
    shown: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["outputs"]
    saved = [image for output in shown.values() for image in output["images"] if image["type"] == "output"]
    assert [image["filename"] for image in saved] == ["darkroom_00001_.png"]


def test_a_template_of_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "--template", "portrait"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "portrait" in said
    assert all(name in said for name in NAMES)


def test_a_run_of_nothing_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert "name a file, or a template" in capsys.readouterr().err
