"""Seeded model files: those that the reference graphs name, and a stand-in for the model that ships."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.golden import ROOT

from tools.seeded_checkpoint import write


def write_models(folder: Path) -> None:
    """Writes every file of `golden/workflows/models.json` below `folder`."""
    for name, facts in json.loads((ROOT / "workflows/models.json").read_text(encoding="utf-8")).items():
        write(ROOT / facts["layout"], folder / name, facts["seed"], facts["dtype"], facts.get("set", {}))


def write_ready_checkpoint(folder: Path) -> None:
    """Writes a checkpoint of seeded weights below `folder`, under the name that the templates ask for."""
    write(ROOT / "layouts/e2e_sd15.json", folder / "checkpoints/darkroom_starter.safetensors", seed=1)
