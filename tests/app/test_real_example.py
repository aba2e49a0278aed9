"""A picture from the public examples runs, and what it makes opens to the same graph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.golden import ROOT
from safetensors.torch import load_file

from app.cli import main
from core.workflow.open import read_workflow

EXAMPLE = Path(__file__).parents[3] / "shared/workflows/files/img2img__img2img_workflow.png"


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the public examples are not beside the repository")
def test_image_to_image_from_a_picture(tmp_path: Path, model_root: Path) -> None:
    example = read_workflow(EXAMPLE)
    assert example.prompt is not None
    (loader,) = (n for n in example.prompt.nodes.values() if n.class_type == "CheckpointLoaderSimple")
    (source,) = (n for n in example.prompt.nodes.values() if n.class_type == "LoadImage")
    models, pictures = tmp_path / "models", tmp_path / "input"
    checkpoint = models / "checkpoints" / str(loader.inputs["ckpt_name"])
    checkpoint.parent.mkdir(parents=True)
    torch.save({"state_dict": load_file(model_root / "checkpoints/e2e_sd15_a.safetensors")}, checkpoint)
    pictures.mkdir()
    shutil.copyfile(ROOT / "workflows/inputs/in_a.png", pictures / str(source.inputs["image"]))

    report = tmp_path / "report.json"
    places = ["--models", str(models), "--input", str(pictures), "--output", str(tmp_path / "output")]
    assert main(["run", str(EXAMPLE), *places, "--device", "cpu", "--report", str(report)]) == 0
    outputs = json.loads(report.read_text("utf-8"))["outputs"]
    ((saved,),) = (shown["images"] for shown in outputs.values())
    made = read_workflow(tmp_path / "output" / saved["subfolder"] / saved["filename"])
    assert made.document == example.document
    assert made.prompt == example.prompt
