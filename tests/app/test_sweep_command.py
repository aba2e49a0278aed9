"""`darkroom sweep`: cells, index, grids, what is made again and what is not."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import sweep as command
from app.cli import main
from app.runs import make_runner
from core.engine.context import RunOptions
from core.engine.run import Runner, RunReport
from core.events import Listener
from core.graph import PromptGraph
from core.models.cache import ModelCache
from core.workflow.open import read_workflow

GRAPH: dict[str, Any] = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "red.png"}},
    "2": {
        "class_type": "ImageScaleBy",
        "inputs": {"image": ["1", 0], "upscale_method": "nearest-exact", "scale_by": 1.0},
    },
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
}
IMAGES = "1.image=red.png,blue.png"
SCALES = "2.scale_by=1,2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    for name in ("red", "blue", "green"):
        Image.new("RGB", (32, 16), name).save(tmp_path / f"input/{name}.png")
    (tmp_path / "graph.json").write_text(json.dumps(GRAPH), encoding="utf-8")
    return tmp_path


def sweep(folder: Path, *words: str, output: str = "out") -> int:
    places = ["--input", folder / "input", "--output", folder / output, "--profile", folder / "profile"]
    return main(["sweep", str(folder / "graph.json"), *map(str, places), "--device", "cpu", *words])


def axes(*texts: str) -> list[str]:
    return [word for text in texts for word in ("--axis", text)]


def index_of(folder: Path, output: str = "out") -> dict[str, Any]:
    return json.loads((folder / output / "sweep.json").read_text(encoding="utf-8"))


def size_of_grid(folder: Path) -> tuple[int, int]:
    with Image.open(folder / "out/grid.png") as picture:
        return picture.size


class Watched(Runner):
    """A runner that notes what it ran; `stop_at` sends Ctrl+C before that run."""

    ran: list[PromptGraph]
    stop_at: int | None

    def run(
        self, graph: PromptGraph, options: RunOptions | None = None, on_event: Listener | None = None
    ) -> RunReport:
        self.ran.append(graph)
        if len(self.ran) == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return super().run(graph, options, on_event)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """Every runner that sweeps make from now on."""
    monkeypatch.setattr(Watched, "ran", [], raising=False)
    monkeypatch.setattr(Watched, "stop_at", None, raising=False)

    def make(*arguments: Any) -> Runner:
        runner = make_runner(*arguments)
        return Watched(runner._registry, runner._context)

    monkeypatch.setattr(command, "make_runner", make)
    return Watched


def test_each_cell_is_a_picture_with_its_own_graph(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    index = index_of(folder)
    assert [axis["name"] for axis in index["axes"]] == ["1.image", "2.scale_by"]
    assert [cell["place"] for cell in index["cells"]] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    for cell in index["cells"]:
        assert (cell["status"], cell["error"]) == ("done", None)
        assert cell["seconds"] > 0
        (name,) = cell["files"]
        opened = read_workflow(folder / "out" / name).prompt
        assert opened is not None
        assert opened.nodes["1"].inputs["image"] == cell["values"]["1.image"]
        assert opened.nodes["2"].inputs["scale_by"] == cell["values"]["2.scale_by"]
        with Image.open(folder / "out" / name) as picture:
            assert picture.width == 32 * cell["values"]["2.scale_by"]
    assert index["grids"] == ["grid.png"]
    printed = capsys.readouterr().out.split()
    assert len(printed) == 5
    assert printed[-1] == str(folder / "out/grid.png")


def test_the_grid_has_the_first_axis_across_and_the_second_down(folder: Path) -> None:
    assert sweep(folder, *axes("1.image=red.png,blue.png,green.png", SCALES)) == 0
    with Image.open(folder / "out/grid.png") as picture:
        pixels = np.asarray(picture)
    places = {
        name: np.argwhere((pixels == colour).all(axis=-1))
        for name, colour in {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0)}.items()
    }
    assert {name: len(found) for name, found in places.items()} == dict.fromkeys(places, 32 * 16 * 5)
    assert places["red"][:, 1].max() < places["blue"][:, 1].min() < places["green"][:, 1].min()
    assert len({tuple(np.ptp(found, axis=0)) for found in places.values()}) == 1


def test_a_third_axis_makes_a_grid_for_each_of_its_values(folder: Path) -> None:
    assert sweep(folder, *axes(IMAGES, SCALES, "3.filename_prefix=a,b")) == 0
    assert index_of(folder)["grids"] == ["grid_1.png", "grid_2.png"]
    assert Counter(file.name[0] for file in (folder / "out").glob("*.png")) == {"a": 4, "b": 4, "g": 2}


def test_many_values_of_one_axis_are_laid_out_in_rows(folder: Path) -> None:
    assert sweep(folder, *axes("2.scale_by=0.5..1.6:0.1")) == 0
    with Image.open(folder / "out/grid.png") as picture:
        assert picture.width < 5 * 80, "twelve of them stand in four columns"


def test_what_is_done_is_not_made_again(
    folder: Path, watched: type[Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert len(watched.ran) == 4
    capsys.readouterr()
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert len(watched.ran) == 4
    assert "4 of 4 cells are done already" in capsys.readouterr().err
    lost = index_of(folder)["cells"][2]["files"][0]
    (folder / "out" / lost).unlink()
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert len(watched.ran) == 5, "a picture that is gone is made again"
    assert watched.ran[-1].nodes["1"].inputs["image"] == "blue.png"


def test_more_values_are_made_beside_what_is_there(
    folder: Path, watched: type[Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    before = {str(cell["values"]): cell for cell in index_of(folder)["cells"]}
    narrow = size_of_grid(folder)[0]
    watched.ran.clear()
    capsys.readouterr()
    assert sweep(folder, *axes("1.image=red.png,green.png,blue.png", SCALES)) == 0
    assert "4 of 6 cells are done already" in capsys.readouterr().err
    assert [graph.nodes["1"].inputs["image"] for graph in watched.ran] == ["green.png"] * 2
    index = index_of(folder)
    assert index["axes"][0]["values"] == ["red.png", "green.png", "blue.png"]
    assert [cell["place"] for cell in index["cells"]] == [[i, j] for i in range(3) for j in range(2)]
    for cell in index["cells"]:
        known = before.get(str(cell["values"]))
        assert known is None or cell == known | {"place": cell["place"]}
        (name,) = cell["files"]
        opened = read_workflow(folder / "out" / name).prompt
        assert opened is not None
        assert opened.nodes["1"].inputs["image"] == cell["values"]["1.image"]
    assert len({cell["files"][0] for cell in index["cells"]}) == 6
    assert size_of_grid(folder)[0] > narrow


def test_a_further_axis_takes_in_what_is_there(folder: Path, watched: type[Watched]) -> None:
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert sweep(folder, *axes(IMAGES, SCALES, "3.filename_prefix=x,y")) == 0
    assert [graph.nodes["3"].inputs["filename_prefix"] for graph in watched.ran] == ["x"] * 4 + ["y"] * 4
    assert index_of(folder)["grids"] == ["grid_1.png", "grid_2.png"]
    assert not (folder / "out/grid.png").exists(), "the grid of the smaller sweep has gone"


def test_axes_in_another_order_need_another_grid_only(folder: Path, watched: type[Watched]) -> None:
    assert sweep(folder, *axes("1.image=red.png,blue.png,green.png", SCALES)) == 0
    before = size_of_grid(folder)
    assert sweep(folder, *axes(SCALES, "1.image=green.png,blue.png,red.png")) == 0
    assert len(watched.ran) == 6
    assert size_of_grid(folder) != before


def test_what_failed_may_be_left_out(folder: Path, watched: type[Watched]) -> None:
    assert sweep(folder, *axes("1.image=red.png,nowhere.png")) == 1
    assert sweep(folder, *axes("1.image=red.png,blue.png")) == 0
    assert [graph.nodes["1"].inputs["image"] for graph in watched.ran] == [
        "red.png",
        "nowhere.png",
        "blue.png",
    ]
    assert [cell["status"] for cell in index_of(folder)["cells"]] == ["done", "done"]


def test_an_index_deletes_nothing_but_grids(folder: Path) -> None:
    assert sweep(folder, *axes(IMAGES)) == 0
    index = index_of(folder)
    index["grids"] = ["x_00001_.png", "../input/green.png", "grid.png"]
    (folder / "out/sweep.json").write_text(json.dumps(index))
    assert sweep(folder, *axes(IMAGES)) == 0
    assert (folder / "out/x_00001_.png").exists()
    assert (folder / "input/green.png").exists()
    assert index_of(folder)["grids"] == ["grid.png"]


def test_another_sweep_does_not_go_into_the_same_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(folder, *axes(IMAGES)) == 0
    before = index_of(folder)
    for other in (axes("1.image=red.png"), [*axes(IMAGES), "--set", "2.scale_by=2"]):
        assert sweep(folder, *other) == 2
        said = capsys.readouterr().err
        assert "holds another sweep" in said
        assert "over 1.image, and" in said
    assert index_of(folder) == before


def test_without_a_folder_another_sweep_gets_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platformdirs.user_pictures_path", lambda: folder / "pictures")
    words = ["sweep", str(folder / "graph.json"), "--input", str(folder / "input"), "--device", "cpu"]
    home = folder / "pictures/Darkroom"
    assert main([*words, *axes("1.image=red.png")]) == 0
    assert main([*words, *axes("1.image=blue.png")]) == 0
    assert f"this one is in {home / 'graph_sweep_2'}" in capsys.readouterr().err
    assert main([*words, *axes("1.image=blue.png")]) == 0
    assert main([*words, *axes("1.image=red.png,green.png")]) == 0
    assert sorted(place.name for place in home.iterdir()) == ["graph_sweep", "graph_sweep_2"]
    assert len(index_of(home, "graph_sweep")["cells"]) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": 3}'])
def test_an_index_that_cannot_be_read_is_told(
    folder: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "out").mkdir()
    (folder / "out/sweep.json").write_text(content)
    assert sweep(folder, *axes(IMAGES)) == 2
    assert "sweep.json" in capsys.readouterr().err
    assert (folder / "out/sweep.json").read_text() == content


def test_an_index_does_not_lead_out_of_its_folder(folder: Path) -> None:
    assert sweep(folder, *axes(IMAGES)) == 0
    index = index_of(folder)
    index["cells"][0]["files"] = ["../input/red.png"]
    (folder / "out/sweep.json").write_text(json.dumps(index))
    assert sweep(folder, *axes(IMAGES)) == 2


def test_a_cell_that_fails_leaves_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "input/cut.png").write_bytes((folder / "input/red.png").read_bytes()[:50])
    images = "1.image=red.png,cut.png,nowhere.png,blue.png"
    assert sweep(folder, *axes(images)) == 1
    cells = index_of(folder)["cells"]
    assert [cell["status"] for cell in cells] == ["done", "failed", "failed", "done"]
    assert "node 1: " in cells[1]["error"]
    assert "cut.png" in cells[1]["error"]
    assert "nowhere.png" in cells[2]["error"]
    assert "2 of 4 cells failed" in capsys.readouterr().err
    assert (folder / "out/grid.png").exists()
    (folder / "input/cut.png").write_bytes((folder / "input/green.png").read_bytes())
    (folder / "input/nowhere.png").write_bytes((folder / "input/green.png").read_bytes())
    assert sweep(folder, *axes(images)) == 0, "they are tried again"


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_an_interrupt_keeps_what_is_there(
    folder: Path, watched: type[Watched], capsys: pytest.CaptureFixture[str]
) -> None:
    watched.stop_at = 3
    assert sweep(folder, *axes(IMAGES, SCALES)) == 130
    states = Counter(cell["status"] for cell in index_of(folder)["cells"])
    assert states == {"done": 2, "pending": 2}
    assert not (folder / "out/grid.png").exists()
    assert "the same command goes on from here" in capsys.readouterr().err
    watched.stop_at = None
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert len(watched.ran) == 5
    assert len(list((folder / "out").glob("x_*.png"))) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_cell_is_told_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Counter[str]] = []
    write = command.IndexFile.write

    def written(index: command.IndexFile) -> None:
        write(index)
        seen.append(Counter(cell["status"] for cell in index_of(folder)["cells"]))

    monkeypatch.setattr(command.IndexFile, "write", written)
    assert sweep(folder, *axes(IMAGES, SCALES)) == 0
    assert [states["done"] for states in seen] == [0, 1, 2, 3, 4, 4]


def test_a_dry_run_tells_the_order_and_makes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(folder, *axes(SCALES, "1.image=red.png,nowhere.png"), "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1/4 2.scale_by=1, 1.image=red.png"
    assert lines[1] == "2/4 2.scale_by=2, 1.image=red.png"
    assert lines[2].startswith("3/4 2.scale_by=1, 1.image=nowhere.png: cannot run: node 1 (LoadImage)")
    assert not (folder / "out").exists()


def test_a_dry_run_needs_no_torch(folder: Path) -> None:
    code = f"""import sys; from app.cli import main
main({["sweep", str(folder / "graph.json"), "--input", str(folder / "input"), "--dry-run", *axes(IMAGES)]!r})
assert "torch" not in sys.modules"""
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "a sweep needs an axis"),
        (axes("9.image=a"), "the axis 9.image: there is no node '9'"),
        (axes("prompt=a"), "is no template"),
        (axes(IMAGES, IMAGES), "for the same input"),
    ],
)
def test_wrong_words(folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(folder, *words) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "out").exists()


def starter(folder: Path, *words: str) -> int:
    """A sweep on the model that comes with the program."""
    empty = folder / "empty"
    empty.mkdir()
    places = ["--models", str(empty), "--output", str(folder / "out"), "--profile", str(folder)]
    return main(["sweep", *words, *places, "--device", "cpu", "--set", "steps=3"])


@pytest.mark.slow
def test_models_take_turns_as_rarely_as_can_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    make = ModelCache._make

    def noted(cache: ModelCache, handle: Any, check: Any) -> Any:
        made.append(handle.version)
        return make(cache, handle, check)

    monkeypatch.setattr(ModelCache, "_make", noted)
    assert starter(folder, "lora", *axes("cfg=2,4", "strength=0.5,1")) == 0
    assert len(made) == len(set(made)) == 4, "the denoiser in two strengths, the text encoder, the VAE"
    files = [file for cell in index_of(folder)["cells"] for file in cell["files"]]
    assert files == [f"darkroom_0000{number}_.png" for number in (1, 3, 2, 4)], "the strength changes last"


@pytest.mark.slow
def test_a_cell_runs_again_from_the_graph_inside_it(folder: Path) -> None:
    assert starter(folder, "text_to_image", *axes("prompt~red=blue,green", "seed=seeds:2")) == 0
    cells = index_of(folder)["cells"]
    assert [cell["values"] for cell in cells] == [
        {"prompt~red": colour, "seed": seed} for colour in ("blue", "green") for seed in (20261120, 20261121)
    ]
    pictures = [folder / "out" / cell["files"][0] for cell in cells]
    assert len({picture.read_bytes() for picture in pictures}) == 4
    places = ["--models", str(folder / "empty"), "--output", str(folder / "again"), "--device", "cpu"]
    assert main(["run", str(pictures[3]), *places]) == 0
    (again,) = (folder / "again").iterdir()
    first, second = (np.array(Image.open(file)).astype(int) for file in (pictures[3], again))
    assert np.abs(first - second).max() <= 2
    document = read_workflow(pictures[3]).document
    assert document is not None
    assert document.nodes["2"].widgets == ("a green boat at sea",)
