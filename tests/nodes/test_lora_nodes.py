"""Graphs with LoRA: run after one another in one program, with files that change or do not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.golden import ROOT, seeded
from helpers.running import make_runner
from helpers.weights import half, write
from safetensors.torch import save_file

from core.engine.run import Runner, RunReport
from core.workflow.prompt_json import read_prompt

from tools.seeded_checkpoint import write as write_seeded  # isort: skip - on the path since conftest


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    models = tmp_path / "models"
    write_seeded(ROOT / "layouts/e2e_sd15.json", models / "checkpoints/sd15.safetensors", 1)
    write_seeded(ROOT / "layouts/e2e_lora_sd15.json", models / "loras/a.safetensors", 11)
    write_seeded(ROOT / "layouts/e2e_lora_conv_sd15.json", models / "loras/b.safetensors", 12)
    return make_runner(tmp_path)


def run(runner: Runner, *loras: tuple[str, float]) -> RunReport:
    """Text to image in two steps, with LoRAs one behind the other."""
    prompt: dict[str, Any] = {
        "load": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}}
    }
    model, clip = ["load", 0], ["load", 1]
    for name, strength in loras:
        node = f"lora {name} {strength}"
        inputs = {"lora_name": name, "strength_model": strength, "strength_clip": strength}
        prompt[node] = {"class_type": "LoraLoader", "inputs": {"model": model, "clip": clip, **inputs}}
        model, clip = [node, 0], [node, 1]
    sampling = {"seed": 1, "steps": 2, "cfg": 5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1}
    prompt |= {
        "text": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": clip}},
        "empty": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "sample": {
            "class_type": "KSampler",
            "inputs": {
                "model": model,
                "positive": ["text", 0],
                "negative": ["text", 0],
                "latent_image": ["empty", 0],
                **sampling,
            },
        },
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sample", 0], "vae": ["load", 2]}},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}},
    }
    return runner.run(read_prompt(prompt))


def latent(report: RunReport) -> torch.Tensor:
    assert report.status == "success", report.errors
    return report.value("sample", 0)["samples"]


def test_models_with_and_without_lora_take_turns(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    # Reordered weights differ in the last bits, and which layers have them depends on the runs before.
    monkeypatch.setattr("core.models.packed._works", lambda: False)
    plain = latent(run(runner))
    a = latent(run(runner, ("a.safetensors", 0.7)))
    both = latent(run(runner, ("a.safetensors", 0.7), ("b.safetensors", 1.0)))
    assert all(not torch.allclose(x, y, atol=1e-2) for x, y in ((plain, a), (a, both), (plain, both)))
    assert torch.equal(latent(run(runner)), plain)
    assert torch.equal(latent(run(runner, ("a.safetensors", 0.7))), a)
    assert torch.equal(latent(run(runner, ("a.safetensors", 0.7), ("b.safetensors", 1.0))), both)
    assert torch.equal(latent(run(runner, ("a.safetensors", 0.0))), plain)


def test_replaced_lora_is_read_anew(runner: Runner, tmp_path: Path) -> None:
    before = latent(run(runner, ("a.safetensors", 1.0)))
    assert run(runner, ("a.safetensors", 1.0)).executed == ()
    path = tmp_path / "models/loras/a.safetensors"
    save_file(half(seeded("e2e_lora_sd15", seed=5)), path)
    os.utime(path, ns=(1, 1))
    report = run(runner, ("a.safetensors", 1.0))
    assert set(report.executed) >= {"lora a.safetensors 1.0", "text", "sample"}
    assert "load" not in report.executed
    assert not torch.allclose(latent(report), before, atol=1e-2)


def test_lora_for_another_model_fails_its_node_by_name(runner: Runner, tmp_path: Path) -> None:
    write(tmp_path / "models/loras", "e2e_lora_sdxl")
    report = run(runner, ("e2e_lora_sdxl.safetensors", 1.0))
    assert report.status == "error"
    (error,) = report.errors
    assert error.node_id == "lora e2e_lora_sdxl.safetensors 1.0"
    assert "e2e_lora_sdxl.safetensors does not fit the denoiser (sd15)" in str(error)
    assert "made for SDXL" in str(error)
    # At strength 0 nobody looks at the file.
    assert run(runner, ("e2e_lora_sdxl.safetensors", 0.0)).status == "success"
