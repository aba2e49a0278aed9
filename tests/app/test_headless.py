"""What `darkroom run` makes of its settings, and what it shows on a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import headless
from app.cli import main
from app.status import FAILED, WRONG_INPUT
from app.terminal import Terminal
from core.errors import Problem
from core.events import NodeProgress, NodeStarted
from core.folders import Folders
from core.graph import PromptGraph, PromptNode
from core.nodes.registry import builtin
from core.workflow.comfy_json import read_document
from core.workflow.compile import compile_document
from core.workflow.runnable import Setting
from resources import path as resource

TEMPLATE = resource("templates", "text_to_image.json")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("2.text=a=b\nc", "a=b\nc"),
        ("2.text=7", "7"),
        ("2.text=", ""),
        ("4.width=128", 128),
        ("4.width=007", "007"),
        ("5.cfg=1.5", 1.5),
        ("5.seed=[1, 2]", [1, 2]),
        ("5.seed=true", True),
        ("5.seed=" + "[" * 5000, "[" * 5000),
        ("5.seed=" + "[" * 300 + "]" * 300, "[" * 300 + "]" * 300),
    ],
)
def test_settings_are_read_by_the_type_of_their_input(setting: str, value: object) -> None:
    place, _, text = setting.partition("=")
    graph, workflow = headless.graph_of(TEMPLATE, [Setting(place, text)], builtin())
    node_id, name = place.split(".")
    assert graph.nodes[node_id].inputs[name] == value
    assert workflow is not None
    again = compile_document(read_document(workflow).document, builtin()).graph
    assert again.nodes[node_id].inputs[name] == value, "both graphs agree"


def test_a_setting_overrules_a_link_in_both_graphs(tmp_path: Path) -> None:
    workflow = {
        "nodes": [
            {"id": 1, "type": "PrimitiveInt", "outputs": [{"name": "INT", "type": "INT", "links": [1]}]}
            | {"widgets_values": [96, "fixed"]},
            {"id": 2, "type": "EmptyLatentImage", "widgets_values": [512, 512, 1]}
            | {"inputs": [{"name": "width", "type": "INT", "link": 1, "widget": {"name": "width"}}]},
        ],
        "links": [[1, 1, 0, 2, 0, "INT"]],
        "version": 0.4,
    }
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps(workflow), encoding="utf-8")
    graph, stored = headless.graph_of(file, [Setting("2.width", "64")], builtin())
    assert graph.nodes["2"].inputs["width"] == 64
    assert stored is not None
    again = compile_document(read_document(stored).document, builtin()).graph
    assert again.nodes["2"].inputs["width"] == 64


def test_titles_of_strangers_do_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # draw the bar here too
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal("[/b].json", Folders())
    node = PromptNode("Unknown", {}, "[/b] :smile:\x1b[31m")
    terminal.show_graph(PromptGraph({"1": node}), builtin())
    place = ("run", "1", "1")
    with terminal:
        terminal.on_event(NodeStarted(*place))
        terminal.on_event(NodeProgress(*place, 1, 2))
    terminal.complain([Problem("cycle", "it is broken", "1")])
    printed = capsys.readouterr().err
    assert "[/b].json: [/b] :smile: [31m (node 1): it is broken" in printed
    assert "\x1b[31m" not in printed


def two_branches(folder: Path) -> Path:
    """One branch that fails, one that does not."""
    prompt = {
        "sum": {"class_type": "MathsExpression", "inputs": {"expression": "1 / (2 - 2)"}},
        "lost": {"class_type": "PreviewAny", "inputs": {"source": ["sum", 0]}},
        "three": {"class_type": "PrimitiveInt", "inputs": {"value": 3}},
        "shown": {"class_type": "PreviewAny", "inputs": {"source": ["three", 0]}},
    }
    file = folder / "prompt.json"
    file.write_text(json.dumps(prompt), encoding="utf-8")
    return file


@pytest.mark.slow
def test_a_failing_branch_leaves_the_others_and_all_is_profiled(tmp_path: Path) -> None:
    report, trace = tmp_path / "report.json", tmp_path / "trace.json"
    words = ["run", str(two_branches(tmp_path)), "--report", str(report), "--trace", str(trace)]
    assert main([*words, "--device", "cpu"]) == FAILED
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["status"], told["outputs"]) == ("partial", {"shown": {"text": ["3"]}})
    states = {node["node_id"]: (node["state"], node["reason"]) for node in told["profile"]["nodes"]}
    assert states["sum"] == ("failed", "it is new")
    assert states["shown"] == ("executed", "it is new")
    spans = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
    assert {span["args"]["node"] for span in spans} == {"sum", "three", "shown"}


@pytest.mark.slow
def test_a_run_can_be_stopped_at_its_first_error(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ["run", str(two_branches(tmp_path)), "--report", str(report), "--stop-at-first-error"]
    assert main([*words, "--device", "cpu"]) == FAILED
    assert json.loads(report.read_text(encoding="utf-8"))["status"] == "error"


def test_a_trace_is_of_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(two_branches(tmp_path))
    assert main(["run", file, file, "--trace", str(tmp_path / "trace.json")]) == WRONG_INPUT
    assert "--trace works with one FILE only" in capsys.readouterr().err
