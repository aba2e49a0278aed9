"""Seeded model files: those that the reference graphs name, and stand-ins for those that templates name."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.golden import ROOT
from PIL import Image

from tools.seeded_checkpoint import write


def write_models(folder: Path) -> None:
    """Writes every file of `golden/workflows/models.json` below `folder`."""
    for name, facts in json.loads((ROOT / "workflows/models.json").read_text(encoding="utf-8")).items():
        write(ROOT / facts["layout"], folder / name, facts["seed"], facts["dtype"], facts.get("set", {}))


def write_ready_checkpoint(folder: Path) -> None:
    """Writes a checkpoint of seeded weights below `folder`, under the name that the templates ask for."""
    write(ROOT / "layouts/e2e_sd15.json", folder / "checkpoints/darkroom_starter.safetensors", seed=1)


def write_starter_files(folder: Path) -> None:
    """Writes stand-ins for all files that the templates name, below `models` and `input` of `folder`."""
    write_ready_checkpoint(folder / "models")
    write(ROOT / "layouts/e2e_lora_sd15.json", folder / "models/loras/darkroom_starter_neon.safetensors")
    scene = Image.linear_gradient("L").convert("RGB")
    masked = scene.copy()
    masked.putalpha(Image.new("L", scene.size, 255))
    masked.paste((0, 0, 0, 0), (96, 96, 192, 192))
    (folder / "input").mkdir(parents=True, exist_ok=True)
    scene.save(folder / "input/starter_scene.png")
    masked.save(folder / "input/starter_scene_mask.png")
