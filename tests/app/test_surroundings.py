"""Odd surroundings that must not stop a command: terminals without a size, no version control, no home."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from resources import READY_GRAPH

fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))

ROOT = Path(__file__).parents[2]
SHOW = """
import sys
from helpers.toy_nodes import quick, toy_registry
from app.terminal import Terminal
from core.engine.context import RunContext
from core.engine.run import Runner
from core.folders import Folders

graph = quick(s=("TSleep", {"value": 1, "steps": 50}), f=("TFail", {"value": ["s", 0], "fail": True}),
              o=("TOut", {"value": ["s", 0]}), p=("TOut", {"value": ["f", 0]}))
terminal = Terminal("a name that is longer than any terminal of two columns.png", Folders())
terminal.show_graph(graph, toy_registry())
with terminal:
    report = Runner(toy_registry(), RunContext(Folders())).run(graph, None, terminal.on_event)
terminal.sum_up(report)
print("END", report.status)
"""


def in_terminal(rows: int, columns: int, **environment: str) -> str:
    """What a run shows on a terminal that says it has this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    known["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW], stdin=theirs, stdout=theirs, stderr=theirs, env=known | environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # what Linux says once the other end is closed
            break
        if not more:
            break
        shown += more
    os.close(ours)
    assert process.wait(60) == 0, shown.decode(errors="replace")
    return shown.decode(errors="replace")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(0, 0), (1, 1), (24, 2), (65535, 65535)])
def test_terminals_of_any_size(size: tuple[int, int]) -> None:
    shown = in_terminal(*size)
    assert "END partial" in shown
    assert "this node fails on purpose" in shown


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["", "0", "-7", "many", "99999999999999999999"])
def test_terminals_that_lie_about_their_size(columns: str) -> None:
    assert "END partial" in in_terminal(24, 80, COLUMNS=columns, LINES=columns, TERM="dumb")


@pytest.mark.slow
def test_without_version_control_and_without_a_home(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, "-m", "app.cli", "inspect", str(READY_GRAPH)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    assert json.loads(made.stdout)["unknown_nodes"] == []


def test_no_code_asks_version_control() -> None:
    asking = [
        str(file)
        for folder in ("app", "core", "resources")
        for file in (ROOT / folder).rglob("*.py")
        if "subprocess" in file.read_text(encoding="utf-8") and '"git"' in file.read_text(encoding="utf-8")
    ]
    assert asking == []


def test_a_command_that_prints_into_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a console, as under pythonw, there is no standard output."""
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["inspect", "no such file.json"]) == 2
