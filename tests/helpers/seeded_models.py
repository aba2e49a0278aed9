"""The seeded model files that the reference graphs name."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.golden import ROOT

from tools.seeded_checkpoint import write


def write_models(folder: Path) -> None:
    """Writes every file of `golden/workflows/models.json` below `folder`."""
    for name, facts in json.loads((ROOT / "workflows/models.json").read_text(encoding="utf-8")).items():
        write(ROOT / facts["layout"], folder / name, facts["seed"], facts["dtype"])
