"""Reads the reference numbers under `tests/golden`."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(ROOT))

from seeded_weights import seeded_state_dict  # noqa: E402


class Case(NamedTuple):
    """One case of a family: its facts, and its tensors by short name."""

    facts: dict[str, Any]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    @property
    def name(self) -> str:
        return self.facts["name"]


@functools.cache
def manifest(family: str) -> dict[str, Any]:
    """Everything the JSON of a family says."""
    return json.loads((ROOT / f"{family}.json").read_text(encoding="utf-8"))


@functools.cache
def _tensors(family: str) -> dict[str, Tensor]:
    facts = manifest(family)
    return load_file(ROOT / facts["tensors_file"]) if "tensors_file" in facts else {}


def load_family(family: str) -> Iterator[Case]:
    """The cases of a family."""
    tensors = _tensors(family)
    for facts in manifest(family)["cases"]:
        named = {**facts.get("inputs", {}), **facts.get("input_tensors", {})}
        yield Case(
            facts,
            {short: tensors[key] for short, key in named.items()},
            {short: tensors[key] for short, key in facts.get("outputs", {}).items()},
        )


def seeded(layout: str, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of `layouts/<layout>.json`, named as in an original checkpoint."""
    shapes = json.loads((ROOT / "layouts" / f"{layout}.json").read_text(encoding="utf-8"))
    return {key: torch.from_numpy(np.array(value)) for key, value in seeded_state_dict(shapes, seed).items()}


def close(result: Tensor, expected: Tensor, rtol: float, atol: float) -> bool:
    """Whether `result` is within the tolerance of a manifest: absolute plus relative to the largest value."""
    assert result.shape == expected.shape, f"shape {tuple(result.shape)}, expected {tuple(expected.shape)}"
    error = (result.float() - expected.float()).abs().max()
    return bool(error <= atol + rtol * expected.float().abs().max())
