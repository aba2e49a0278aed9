"""Real files of other people, where they lie beside the repository."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from helpers.workflows import catalogue

from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import Compiled, compile_document
from core.workflow.from_prompt import document_from_prompt
from core.workflow.open import read_workflow
from core.workflow.prompt_json import read_prompt, write_prompt

FOLDER = Path(__file__).parents[3] / "shared/workflows"
PROMPTS = sorted(FOLDER.glob("*.prompt.json"))
EDITOR = sorted(set(FOLDER.glob("*.json")) - set(PROMPTS))
WITH_PROMPT = [path for path in EDITOR if path.with_suffix(".prompt.json").exists()]
PICTURES = sorted((FOLDER / "files").glob("*"))

pytestmark = pytest.mark.skipif(not EDITOR, reason="the real workflows are not part of the repository")

BUTTONS = {"upload", "choose file to upload", "video-preview"}
"""Widgets that only the web editor has and older versions of it wrote into prompts."""

DIFFERENT = {
    "flux2__flux2_example": "two node types are unknown: the file does not name all of their widget values",
    "stable_cascade__stable_cascade__inpaint_controlnet": "saved after five nodes were made one group node",
}


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", EDITOR, ids=lambda path: path.stem)
def test_written_as_it_was_read(path):
    form = read(path)
    before = copy.deepcopy(form)
    document = read_document(form, path.name).document
    written = write_document(document)
    assert json.dumps(written) == json.dumps(before), "same keys in the same order, same values"
    assert read_document(written).document == document
    assert form == before, "reading and writing change nothing of what they were given"


@pytest.mark.parametrize("path", EDITOR + PROMPTS + PICTURES, ids=lambda path: path.name)
def test_opens_without_a_remark(path):
    opened = read_workflow(path)
    assert opened.remarks == ()
    assert opened.to_prompt(catalogue()).graph.nodes
    assert opened.to_document(catalogue()).document.nodes


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_carry_the_same_graphs_as_the_files(path):
    opened = read_workflow(path)
    editor = FOLDER / f"{path.stem}.json"
    if editor.exists():
        assert opened.document == read_document(read(editor)).document
        assert opened.prompt == read_prompt(read(editor.with_suffix(".prompt.json")))


def facts(graph, ignored):
    return {
        key: (node.class_type, {n: v for n, v in node.inputs.items() if (key, n) not in ignored})
        for key, node in graph.nodes.items()
    }


def filled_in(compiled: Compiled):
    """The values that the editor file lacks, as its nodes had fewer widgets then, and that were filled in."""
    return {
        (key, name)
        for remark in compiled.remarks
        for key, node in compiled.graph.nodes.items()
        for name in node.inputs
        if remark.place.startswith(f"node {key} ") and f"no value for {name!r}" in remark.message
    }


@pytest.mark.parametrize("path", WITH_PROMPT, ids=lambda path: path.stem)
def test_compiles_to_the_prompt_beside_it(path):
    stored = read_prompt(read(path.with_suffix(".prompt.json")))
    compiled = compile_document(read_document(read(path)).document, catalogue())
    lacking = filled_in(compiled)
    ignored = {
        (key, name)
        for key, node in stored.nodes.items()
        for name in node.inputs
        if name in BUTTONS and catalogue().interface(node.class_type).input(name) is None
    } | lacking
    assert all(name not in stored.nodes[key].inputs for key, name in lacking if key in stored.nodes)
    if path.stem in DIFFERENT:
        assert facts(compiled.graph, ignored) != facts(stored, ignored), "take it off the list"
    else:
        assert facts(compiled.graph, ignored) == facts(stored, ignored)


def test_nearly_all_compile_to_the_prompt_beside_them():
    assert len(DIFFERENT) <= 0.05 * len(WITH_PROMPT)
    assert {path.stem for path in WITH_PROMPT} >= DIFFERENT.keys()


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_prompts_survive_the_way_to_the_canvas_and_back(path):
    graph = read_prompt(read(path))
    opened = document_from_prompt(graph, catalogue())
    compiled = compile_document(opened.document, catalogue()).graph
    assert list(compiled.nodes) == list(graph.nodes)
    for key, node in graph.nodes.items():
        kept = {name: value for name, value in node.inputs.items() if name not in BUTTONS}
        again = compiled.nodes[key].inputs
        assert {name: again.get(name) for name in kept} == kept


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_prompts_are_written_as_they_were_read(path):
    form = read(path)
    written = write_prompt(read_prompt(form))
    assert {k: (n["class_type"], n["inputs"]) for k, n in written.items()} == {
        k: (n["class_type"], n["inputs"]) for k, n in form.items()
    }
