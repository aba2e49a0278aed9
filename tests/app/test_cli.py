"""The command line: what it prints, writes and answers."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.golden import ROOT
from PIL import Image
from safetensors.torch import load_file

from app.cli import main
from core.nodes.registry import builtin
from core.workflow.open import read_workflow
from resources import path as resource

TEMPLATE = resource("templates", "text_to_image.json")
CHECKPOINT = "1.ckpt_name=e2e_sd15_a.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "workflows/inputs", tmp_path / "input")
    return tmp_path


def darkroom(folder: Path, model_root: Path, *arguments: str | Path) -> tuple[int, Any]:
    """Exit status and report of `darkroom run`."""
    places = ["--models", model_root, "--input", folder / "input", "--output", folder / "output"]
    report = folder / "report.json"
    status = main([str(a) for a in ("run", *arguments, *places, "--device", "cpu", "--report", report)])
    return status, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


def write_prompt(folder: Path, prompt: dict[str, Any], name: str = "prompt.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(prompt), encoding="utf-8")
    return file


INVERT: dict[str, Any] = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "n_a.png"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
}


@pytest.mark.slow
def test_ready_graph_becomes_a_picture_that_opens_again(
    folder: Path, model_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--set", CHECKPOINT, "--set", "4.width=64", "--set", "4.height=64", "--set", "5.steps=2")
    status, report = darkroom(folder, model_root, TEMPLATE, *settings)
    assert status == 0
    assert report["status"] == "success"
    assert report["executed"][-1] == "7"
    assert report["cached"] == []
    assert set(report["seconds"]) == set(report["executed"])
    assert set(report["versions"]) >= {"darkroom", "torch", "python"}
    saved = report["outputs"]["7"]["images"]
    assert saved == [{"filename": "darkroom_00001_.png", "subfolder": "", "type": "output"}]

    picture = folder / "output/darkroom_00001_.png"
    assert capsys.readouterr().out.strip() == str(picture)
    with Image.open(picture) as opened:
        assert opened.size == (64, 64)
    made, template = read_workflow(picture), read_workflow(TEMPLATE)
    assert made.document is not None
    assert template.document is not None
    assert made.document.nodes["4"].widgets == (64, 64, 1)
    assert made.document.links == template.document.links
    assert made.prompt is not None
    assert made.prompt.nodes["5"].inputs["steps"] == 2

    # The picture runs again, from the graph inside it, to the same pixels.
    status, report = darkroom(folder, model_root, picture)
    assert status == 0
    again = folder / "output/darkroom_00002_.png"
    with Image.open(picture) as first, Image.open(again) as second:
        assert first.tobytes() == second.tobytes()
    reopened = read_workflow(again)
    assert reopened.document == made.document
    assert reopened.prompt == made.prompt


def test_set_and_dump(folder: Path, model_root: Path) -> None:
    dumped = folder / "sub" / "inverted.safetensors"
    file = write_prompt(folder, INVERT)
    status, report = darkroom(folder, model_root, file, "--set", "1.image=n_b.png", "--dump", f"2.0={dumped}")
    assert status == 0
    assert report["outputs"]["3"]["images"][0]["filename"] == "x_00001_.png"
    tensors = load_file(dumped)
    assert set(tensors) == {"value"}
    with Image.open(folder / "input/n_b.png") as picture:
        assert tuple(tensors["value"].shape) == (1, picture.height, picture.width, 3)


def test_latents_are_dumped_by_key(folder: Path, model_root: Path) -> None:
    prompt = {
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 32, "batch_size": 2}},
        "2": {"class_type": "SaveLatent", "inputs": {"samples": ["1", 0], "filename_prefix": "a/b"}},
    }
    dumped = folder / "latent.safetensors"
    status, report = darkroom(folder, model_root, write_prompt(folder, prompt), "--dump", f"1.0={dumped}")
    assert status == 0
    assert tuple(load_file(dumped)["samples"].shape) == (2, 4, 4, 8)
    assert report["outputs"]["2"]["latents"][0]["subfolder"] == "a"


def test_several_files_share_one_process(folder: Path, model_root: Path) -> None:
    first = write_prompt(folder, INVERT, "first.json")
    second = write_prompt(
        folder, {**INVERT, "4": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}}}
    )
    status, reports = darkroom(folder, model_root, first, folder / "missing.json", second)
    assert status == 2
    assert [report["status"] for report in reports] == ["success", "error", "success"]
    assert "missing.json" in reports[1]["errors"][0]["message"]
    assert reports[2]["executed"] == ["4"]
    assert reports[2]["cached"] == ["1", "2", "3"]


def test_a_failing_branch_leaves_the_others(folder: Path, model_root: Path) -> None:
    (folder / "input/broken.png").write_bytes((folder / "input/n_a.png").read_bytes()[:60])
    broken = {
        "5": {"class_type": "LoadImage", "inputs": {"image": "broken.png"}},
        "6": {"class_type": "PreviewImage", "inputs": {"images": ["5", 0]}},
    }
    status, report = darkroom(folder, model_root, write_prompt(folder, INVERT | broken))
    assert status == 1
    assert report["status"] == "partial"
    assert "3" in report["outputs"]
    (error,) = report["errors"]
    assert (error["node_id"], error["class_type"], error["inputs"]) == (
        "5",
        "LoadImage",
        {"image": "'broken.png'"},
    )
    assert "broken.png" in error["message"]


def test_a_graph_that_cannot_run_says_everything(
    folder: Path, model_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "e2e_sd15_b.safetensors"}},
        "2": {"class_type": "VAEDecode", "inputs": {"samples": ["9", 0], "vae": ["1", 2]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
        "4": {"class_type": "KSampelr", "inputs": {}},
    }
    status, report = darkroom(folder, model_root, write_prompt(folder, prompt))
    assert status == 1
    assert report["status"] == "error"
    kinds = {(error["node_id"], error["kind"]) for error in report["errors"]}
    assert kinds >= {("1", "not_a_choice"), ("2", "bad_link"), ("3", "missing_input")}
    message = capsys.readouterr().err
    assert "e2e_sd15_a.safetensors" in message, "a near name is offered"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"[1, 2]", "list"),
        (b"{}", "no graph"),
        (b'{"nodes": 3}', "nodes"),
        (b"[" * 100_000 + b"]" * 100_000, "deep"),
        (b"not json at all", "not a picture"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no graph"),
    ],
)
def test_unreadable_files(
    folder: Path, model_root: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "strange.json"
    file.write_bytes(content)
    status, report = darkroom(folder, model_root, file)
    assert status == 2
    assert report["status"] == "error"
    message = capsys.readouterr().err
    assert "strange.json" in message
    assert words in message


class Bomb:
    """Pickled, it says that a file is to be made when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("damage", "name"), [("cut", "cut.safetensors"), ("lies", "lies.safetensors"), ("code", "code.ckpt")]
)
def test_models_of_strangers_that_are_broken_or_evil(
    folder: Path, model_root: Path, damage: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (model_root / "checkpoints/e2e_sd15_a.safetensors").read_bytes()
    contents = {
        "cut": whole[: len(whole) // 2],
        "lies": (1 << 60).to_bytes(8, "little") + whole[8:],
        "code": pickle.dumps({"state_dict": Bomb(folder / "executed")}),
    }
    file = folder / "own/checkpoints" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(contents[damage])
    settings = ("--models", folder / "own", "--set", f"1.ckpt_name={name}")
    status, report = darkroom(folder, model_root, TEMPLATE, *settings)
    assert status == 1
    assert report["errors"]
    message = capsys.readouterr().err
    assert name in message
    assert "Traceback" not in message
    assert not (folder / "executed").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "9.image=a.png"), "no node '9'"),
        (("--set", "1.imgae=a.png"), "did you mean image"),
        (("--dump", "2.7={folder}/x.safetensors"), "no output 7"),
        (("--dump", "8.0={folder}/x.safetensors"), "node '8' did not run"),
        (("--device", "cuda:99"), "cuda"),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--models", "{folder}/nowhere"), "nowhere"),
    ],
)
def test_wrong_arguments(
    folder: Path,
    model_root: Path,
    arguments: tuple[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    option, value = arguments
    places = [
        "--models",
        str(model_root),
        "--input",
        str(folder / "input"),
        "--output",
        str(folder / "output"),
    ]
    file = str(write_prompt(folder, INVERT))
    assert main(["run", file, *places, "--device", "cpu", option, value.format(folder=folder)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("argument", ["--set=1=2", "--set=nothing", "--dump=1.x=f", "--dump=1.0="])
def test_malformed_arguments(folder: Path, argument: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", str(write_prompt(folder, INVERT)), argument])
    assert stop.value.code == 2


def test_a_node_that_fails_is_told_before_a_dump_of_what_it_did_not_make(
    folder: Path, model_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "input/n_a.png").write_bytes((folder / "input/n_a.png").read_bytes()[:60])
    dumped = folder / "dump.safetensors"
    status, report = darkroom(folder, model_root, write_prompt(folder, INVERT), "--dump", f"2.0={dumped}")
    assert status == 1
    assert [error["node_id"] for error in report["errors"]] == ["1", None]
    assert "n_a.png cannot be read" in capsys.readouterr().err
    assert not dumped.exists()


def test_a_wrong_setting_spoils_only_the_file_it_does_not_fit(folder: Path, model_root: Path) -> None:
    extra = {"9": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}, "_meta": {"title": "[/b]"}}}
    first, second = write_prompt(folder, INVERT, "first.json"), write_prompt(folder, INVERT | extra)
    status, reports = darkroom(folder, model_root, first, second, "--set", "9.images=x")
    assert status == 2
    assert "no node '9'" in reports[0]["errors"][0]["message"]
    assert reports[1]["status"] == "partial", "a link is not a value"


def test_a_mistake_of_the_program_is_told_as_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("what nobody thought of")

    monkeypatch.setattr("app.files.read_workflow", broken)
    monkeypatch.setattr("platformdirs.user_log_path", lambda *a, **k: folder / "log")
    assert main(["inspect", "x.json"]) == 1
    (file,) = (folder / "log").iterdir()
    message = capsys.readouterr().err
    assert "what nobody thought of" in message
    assert str(file) in message
    assert "Traceback" not in message
    assert "in broken" in file.read_text("utf-8")
    monkeypatch.setenv("DARKROOM_TRACE", "1")
    with pytest.raises(RuntimeError):
        main(["inspect", "x.json"])


@pytest.mark.parametrize(
    ("error", "status", "words"), [(KeyboardInterrupt, 130, "cancelled"), (MemoryError, 1, "memory ran out")]
)
def test_what_may_happen_at_any_time(
    error: type[BaseException],
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("app.files.read_workflow", stop)
    assert main(["inspect", "x.json"]) == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nodes"], ["nodes", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "app.cli", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_characters_the_terminal_does_not_have_are_escaped(folder: Path, model_root: Path) -> None:
    file = write_prompt(folder, INVERT)
    command = [sys.executable, "-m", "app.cli", "run", file, "--set", "3.filename_prefix=gr\u00fcn"]
    command += ["--input", folder / "input", "--output", folder / "output", "--device", "cpu"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(b"gr\\xfcn_00001_.png")


def test_output_stays_in_its_folder(folder: Path, model_root: Path) -> None:
    file = write_prompt(folder, INVERT)
    status, report = darkroom(folder, model_root, file, "--set", "3.filename_prefix=../../escaped")
    assert status == 1
    assert "escaped" in report["errors"][0]["message"]
    assert not list(folder.parent.rglob("escaped*"))


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.slow
def test_interrupt_cancels_within_a_step(folder: Path, model_root: Path) -> None:
    report = folder / "report.json"
    settings = [CHECKPOINT, "5.steps=10000", "4.width=64", "4.height=64"]
    command = [sys.executable, "-m", "app.cli", "run", TEMPLATE, "--models", model_root, "--device", "cpu"]
    command += ["--output", folder / "output", "--report", report]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = os.environ | {"FORCE_COLOR": "1"}  # progress is told as on a terminal
    words = [str(part) for part in command]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = b""
    while b"KSampler" not in said and (more := process.stderr.read1()):
        said += more
    assert process.poll() is None, said
    process.send_signal(signal.SIGINT)  # it would run for many minutes
    process.communicate(timeout=100)
    assert process.returncode == 130
    assert json.loads(report.read_text(encoding="utf-8"))["status"] == "cancelled"


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Takes the place of the window: the options it was opened with."""
    from app import application

    opened: list[Any] = []
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(application, "main", lambda options: opened.append(options) or 0)
    return opened


@pytest.mark.slow
def test_without_a_display_the_ready_graph_runs_and_it_is_said(
    folder: Path, model_root: Path, no_display: None, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", CHECKPOINT, "--set", "4.width=64", "--set", "4.height=64", "--set", "5.steps=1"]
    places = ["--models", str(model_root), "--output", str(folder / "output"), "--device", "cpu"]
    assert main(["--profile", str(folder / "profile"), *places, *settings]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(folder / "output/darkroom_00001_.png")
    assert "no display found: running the ready graph without a window" in said.err
    assert not (folder / "profile").exists()


@pytest.mark.parametrize("option", [[], ["--headless"]])
def test_files_run_where_no_window_is_or_is_wanted(
    folder: Path,
    option: list[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if option:
        monkeypatch.setenv("DISPLAY", ":99")
    else:
        request.getfixturevalue("no_display")
    file = str(write_prompt(folder, INVERT))
    places = ["--input", str(folder / "input"), "--output", str(folder / "output"), "--device", "cpu"]
    assert main([file, *option, *places]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(folder / "output/x_00001_.png")
    assert "running the file without a window" in said.err
    assert ("no display" in said.err) == (not option)


def test_with_a_display_words_are_files_for_the_window(folder: Path, window: list[Any]) -> None:
    assert main([]) == 0
    assert main(["a.json", "--models", str(folder), "./run", "--profile", "p", "--device", "cpu"]) == 0
    first, second = window
    assert first.files == []
    assert second.files == [Path("a.json"), Path("run")]
    assert (second.models, second.profile, second.device) == ([folder], Path("p"), "cpu")


def test_commands_open_no_window(window: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes"]) == 0
    assert window == []
    assert "KSampler" in capsys.readouterr().out


def test_options_of_a_run_are_refused_for_the_window(
    window: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", "5.steps=1"]) == 2
    assert "--set goes with --headless" in capsys.readouterr().err
    assert window == []


def test_help_tells_of_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(command in said for command in ("run", "convert", "inspect", "nodes", "--headless"))


@pytest.mark.slow
def test_without_a_window_qt_is_not_loaded(folder: Path) -> None:
    code = "import sys; from app.cli import main; main(sys.argv[1:]); print('PySide6' in sys.modules)"
    command = [sys.executable, "-c", code, "--headless", str(folder / "missing.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "missing.json" in done.stderr


def test_convert_both_ways(folder: Path) -> None:
    api, editor, back = folder / "api.json", folder / "editor.json", folder / "back.json"
    assert main(["convert", str(TEMPLATE), str(api), "--to", "api"]) == 0
    assert main(["convert", str(api), str(editor), "--to", "editor"]) == 0
    assert main(["convert", str(editor), str(back), "--to", "api"]) == 0
    assert json.loads(back.read_text("utf-8")) == json.loads(api.read_text("utf-8"))
    assert read_workflow(editor).document is not None


def test_inspect(folder: Path, model_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "e2e_sd15_a.safetensors"}},
        "2": {"class_type": "SomePackNode", "inputs": {"model": ["1", 0]}},
        "3": {"class_type": "VAELoader", "inputs": {"vae_name": "gone.safetensors"}},
    }
    file = write_prompt(folder, prompt)
    assert main(["inspect", str(file), "--models", str(model_root)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["format"] == "api"
    assert facts["nodes"] == {"CheckpointLoaderSimple": 1, "SomePackNode": 1, "VAELoader": 1}
    assert facts["unknown_nodes"] == ["SomePackNode"]
    assert {model["name"]: bool(model["path"]) for model in facts["models"]} == {
        "e2e_sd15_a.safetensors": True,
        "gone.safetensors": False,
    }
    assert {"unknown_node_type"} <= {problem["kind"] for problem in facts["problems"]}


def test_inspect_tells_of_a_name_that_leads_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_prompt(
        folder, {"1": {"class_type": "VAELoader", "inputs": {"vae_name": "../../secret.safetensors"}}}
    )
    assert main(["inspect", str(file)]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["name"], model["path"]) == ("../../secret.safetensors", None)


def test_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == builtin().names()
    assert main(["nodes"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(builtin().names())
