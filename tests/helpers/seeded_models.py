"""The seeded model files that the reference graphs name."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.golden import ROOT

from tools.seeded_checkpoint import write


def write_models(folder: Path) -> None:
    """Writes every file of `golden/workflows/models.json` below `folder`."""
    for name, facts in json.loads((ROOT / "workflows/models.json").read_text(encoding="utf-8")).items():
        constants = facts.get("set", {})
        write(ROOT / facts["layout"], folder / name, facts["seed"], facts["dtype"], constants)


def write_ready_checkpoint(folder: Path) -> None:
    """Writes the checkpoint of the ready graph, as `dev.py run` does, below `folder`."""
    write(ROOT / "layouts/e2e_sd15.json", folder / "checkpoints/darkroom_seeded.safetensors", seed=1)
