"""`darkroom template`: what it lists and shows, what it makes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.templates import NAMES, find, own_templates, path_of
from core.errors import DarkroomError
from core.nodes.registry import builtin
from core.workflow.json_text import DEPTH_LIMIT
from core.workflow.open import read_workflow
from core.workflow.prompt_json import write_prompt
from core.workflow.template import KEY, describe


def darkroom(profile: Path, *words: str | Path) -> int:
    return main(["template", *map(str, words), "--profile", str(profile)])


def own(profile: Path, name: str, /, **described: Any) -> Path:
    form = json.loads(path_of("lora").read_bytes())
    form["extra"][KEY] = described
    file = profile / "templates" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(form), encoding="utf-8")
    return file


def test_the_list_has_the_programs_and_the_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own(tmp_path, "mine", name="Mine", description="My\x1b[31m own.")
    own(tmp_path, "broken", name=7)
    assert darkroom(tmp_path, "list") == 0
    said = capsys.readouterr()
    names = [line.split()[0] for line in said.out.splitlines()]
    assert names == [*NAMES, "mine"]
    assert "\x1b" not in said.out
    assert "broken.json: the template is broken at name" in said.err
    assert str(tmp_path / "templates") in said.err


def test_the_list_as_json_has_all_of_every_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = own(tmp_path, "mine", name="Mine")
    ghost = {"name": "x", "type": "INT", "label": "X", "targets": ["99.x"]}
    own(tmp_path, "ghost", name="Ghost", parameters=[ghost])
    assert darkroom(tmp_path, "list", "--json") == 0
    said = capsys.readouterr()
    listed = {entry["template"]: entry for entry in json.loads(said.out)}
    assert list(listed) == [*NAMES, "mine"]
    assert listed["mine"]["file"] == str(file)
    (steps,) = (p for p in listed["text_to_image"]["parameters"] if p["name"] == "steps")
    assert steps == {
        "name": "steps",
        "type": "INT",
        "label": "Steps",
        "description": "",
        "min": 1,
        "max": 10000,
        "targets": ["5.steps"],
        "default": 20,
    }
    assert "no node '99'" in said.err


def test_show_tells_names_defaults_and_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert darkroom(tmp_path, "show", "hires_fix") == 0
    said = capsys.readouterr().out
    assert said.startswith("Hires Fix (version 1)\nA small picture, enlarged and refined.\n")
    assert '  prompt="a red boat at sea"' in said
    assert "Seed (INT, 0 to 18446744073709551615) -> 5.seed, 9.seed" in said
    assert darkroom(tmp_path, "show", path_of("hires_fix"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "Hires Fix"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "hires_fx"), "neither a template nor a file 'hires_fx'; there are hires_fix"),
        (("show", "nowhere.json"), "nowhere.json cannot be read"),
        (("run", "inpant"), "there are inpaint"),
        (("save", "nowhere.json", "--as", "x"), "nowhere.json cannot be read"),
        (("save", path_of("lora"), "--as", "lora"), "'lora' comes with Darkroom"),
        (("save", path_of("lora"), "--as", "x", "--param", "a=99.cfg"), "--param a: there is no node '99'"),
        (("save", path_of("lora"), "--as", "x", "--param", "a=6.cgf"), "did you mean cfg"),
        (("save", path_of("lora"), "--as", "x", "--param", "a=6.model"), "a link feeds it"),
        (("save", path_of("lora"), "--as", "x", "--name", "n" * 300), "the template is broken at name"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom(tmp_path, *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "templates").exists()


@pytest.mark.parametrize("argument", ["--param=cfg", "--param=cfg=6", "--set=1=2"])
def test_malformed_arguments(tmp_path: Path, argument: str) -> None:
    command = "run" if argument.startswith("--set") else "save"
    with pytest.raises(SystemExit) as stop:
        darkroom(tmp_path, command, "lora", argument)
    assert stop.value.code == 2


def test_a_workflow_becomes_a_template_of_the_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "prompt.json"
    graph = read_workflow(path_of("hires_fix")).to_prompt(builtin()).graph
    source.write_text(json.dumps(write_prompt(graph)), encoding="utf-8")
    parameters = ("--param", "Text prompt=2.text", "--param", "steps=5.steps", "--param", "steps=9.steps")
    words = ("--as", "big", *parameters, "--description", "Large.", "--version", "2")
    assert darkroom(tmp_path, "save", source, *words) == 0
    file = tmp_path / "templates/big.json"
    assert capsys.readouterr().out.strip() == str(file)
    document = read_workflow(file).document
    assert document is not None, "it is a file of the editor"
    made = describe(document, "big.json")
    assert made is not None
    assert (made.name, made.description, made.version) == ("Big", "Large.", "2")
    assert [(p.name, p.label, p.targets) for p in made.parameters] == [
        ("text_prompt", "Text prompt", ["2.text"]),
        ("steps", "Steps", ["5.steps", "9.steps"]),
    ]
    assert find("big", tmp_path / "templates") == file
    assert darkroom(tmp_path, "show", "big") == 0


def test_saving_changes_nothing_else_of_the_workflow(tmp_path: Path) -> None:
    target = tmp_path / "copy.json"
    assert darkroom(tmp_path, "save", path_of("lora"), "--as", target, "--param", "cfg=6.cfg") == 0
    before, after = (json.loads(file.read_bytes()) for file in (path_of("lora"), target))
    assert after["extra"].pop(KEY)["parameters"][0]["targets"] == ["6.cfg"]
    del before["extra"][KEY]
    assert after == before


def test_own_templates_come_before_those_of_the_program(tmp_path: Path) -> None:
    file = own(tmp_path, "lora", name="My LoRA")
    assert find("lora", tmp_path / "templates") == file
    assert find("inpaint", tmp_path / "templates") == path_of("inpaint")


def test_files_of_strangers_are_data(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "deep.json").write_text("[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1))
    (folder / "list.json").write_text("[]")
    (folder / "plain.json").write_text('{"nodes": [], "extra": {}}')
    (folder / "text.json").write_bytes(b"\xff\xfe\0")
    (folder / "folder.json").mkdir()
    found, broken = own_templates(folder)
    assert found == []
    reasons = {file.path.stem: file.reason for file in broken}
    assert "levels deep" in reasons["deep"]
    assert "is no template" in reasons["list"]
    assert "is no template" in reasons["plain"]
    assert set(reasons) == {"deep", "list", "plain", "text", "folder"}
    with pytest.raises(DarkroomError):
        find("plan", folder)
