"""Set-up on machines that lack something: what it says, and that it goes on where it was interrupted."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dev

VERSION = collections.namedtuple("VERSION", "major minor micro")
DISK = collections.namedtuple("DISK", "total used free")


class Machine:
    """Stands in for the processes that set-up starts.

    Args:
        answers: Word of a command -> (exit status, what it prints).
    """

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.commands: list[str] = []

    def __call__(self, command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
        line = " ".join(map(str, command[1:]))
        self.commands.append(line)
        if "-m venv" in line:
            dev.PYTHON.parent.mkdir(parents=True, exist_ok=True)
            dev.PYTHON.touch()
        elif not dev.PYTHON.is_file():
            raise FileNotFoundError(str(command[0]))
        status, said = next((a for word, a in self.answers.items() if word in line), (0, sys.version + "\n"))
        return subprocess.CompletedProcess(command, status, said, said)

    def did(self, word: str) -> bool:
        return any(word in command for command in self.commands)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty clone in a folder with an awkward name, on a machine with room."""
    root = tmp_path / "größe [a] b"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    venv = root / ".venv"
    python = venv / dev.PYTHON.relative_to(dev.VENV)
    for name, value in {"ROOT": root, "VENV": venv, "PYTHON": python, "STAMP": venv / dev.STAMP.name}.items():
        monkeypatch.setattr(dev, name, value)
    monkeypatch.setattr(dev.shutil, "disk_usage", lambda path: DISK(10**12, 0, 10**12))
    return root


def set_up(monkeypatch: pytest.MonkeyPatch, **answers: tuple[int, str]) -> Machine:
    machine = Machine(answers)
    monkeypatch.setattr(dev.subprocess, "run", machine)
    dev.set_up()
    return machine


def test_the_second_time_nothing_is_done(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = set_up(monkeypatch)
    assert first.did("-m venv")
    assert first.did("pip install")
    assert not any(str(clone) in command for command in first.commands if "pip" in command), "pip reads [a]"
    assert set_up(monkeypatch).commands == []


@pytest.mark.parametrize("changed", ["packages", "folder", "python"])
def test_what_changed_is_installed_into_the_same_environment(
    clone: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    set_up(monkeypatch)
    if changed == "packages":
        (clone / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    elif changed == "folder":
        moved = clone.rename(clone.with_name("moved"))
        for name in ("VENV", "PYTHON", "STAMP"):
            monkeypatch.setattr(dev, name, moved / getattr(dev, name).relative_to(clone))
        monkeypatch.setattr(dev, "ROOT", moved)
    else:
        monkeypatch.setattr(dev.sys, "version", "3.99.0 (another)")
    again = set_up(monkeypatch)
    assert again.did("pip install")
    assert not again.did("-m venv")


@pytest.mark.parametrize("answer", [(1, "No module named pip"), (0, "3.10.1 (an older one)\n")])
def test_half_an_environment_is_made_again(
    clone: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    dev.PYTHON.parent.mkdir(parents=True)
    dev.PYTHON.touch()
    machine = Machine({"import pip": answer})
    monkeypatch.setattr(dev.subprocess, "run", machine)
    dev.set_up()
    assert machine.did("-m venv --clear")


def test_an_interrupted_installation_goes_on(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(dev.SetupFailed):
        set_up(monkeypatch, **{"pip install": (1, "")})
    again = set_up(monkeypatch)
    assert again.did("pip install")
    assert not again.did("-m venv")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"-m venv": (1, "ensurepip is not available")}, r"apt install python3\.\d+-venv"),
        ({"-m venv": (1, "No module named venv")}, r"apt install python3\.\d+-venv"),
        ({"-m venv": (1, "Permission denied")}, "Permission denied"),
        ({"pip install": (1, "")}, "network"),
        ({"import torch": (1, "ImportError: libgomp.so.1: cannot open")}, "install libgomp1"),
        ({"import torch": (1, "ImportError: libEGL.so.1: cannot open")}, "install libegl1"),
        ({"import torch": (1, "ImportError: DLL load failed while importing")}, "Visual C"),
        ({"import torch": (-11, "")}, "no message"),
    ],
)
def test_what_the_machine_lacks_is_named(
    clone: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, str]], words: str
) -> None:
    with pytest.raises(dev.SetupFailed, match=words):
        set_up(monkeypatch, **answers)
    assert not dev.STAMP.exists()


def test_a_full_disk_and_an_old_python_are_told_first(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.shutil, "disk_usage", lambda path: DISK(10**12, 10**12, 10**9))
    with pytest.raises(dev.SetupFailed, match=r"1\.0 GB are free"):
        set_up(monkeypatch)
    monkeypatch.setattr(dev.sys, "version_info", VERSION(3, 10, 4))
    with pytest.raises(dev.SetupFailed, match=r"this is 3\.10\.4"):
        set_up(monkeypatch)


def test_run_opens_the_window_on_folders_of_the_clone(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def darkroom(*arguments: Any) -> int:
        started.append([str(argument) for argument in arguments])
        return 7

    monkeypatch.setattr(dev, "DATA", clone / "data")
    monkeypatch.setattr(dev, "MODELS", clone / "data/models")
    monkeypatch.setattr(dev, "darkroom", darkroom)
    assert dev.run(["--headless"]) == 7
    assert dev.run([]) == 7
    places = [("--models", "models"), ("--input", "input"), ("--output", "output"), ("--profile", "profile")]
    expected = [word for option, name in places for word in (option, str(clone / "data" / name))]
    assert started == [[*expected, "--headless"], expected]
    assert (clone / "data/models").is_dir(), "the program refuses folders that are not there"


def test_interrupting_is_no_error_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "set_up", interrupted)
    monkeypatch.setattr(dev.sys, "argv", ["dev.py", "test"])
    assert dev.main() == 130
    assert "again" in capsys.readouterr().err
