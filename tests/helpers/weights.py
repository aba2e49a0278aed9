"""Seeded weight files."""

from __future__ import annotations

from pathlib import Path

import torch
from helpers.golden import seeded
from safetensors.torch import save_file
from torch import Tensor


def half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with their floats stored as float16."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


def write(folder: Path, layout: str, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """A safetensors file in `folder` with the seeded weights of a layout."""
    tensors = seeded(layout, seed)
    path = folder / f"{layout}.safetensors"
    save_file(half(tensors) if dtype == torch.float16 else tensors, path)
    return path
