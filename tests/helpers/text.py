"""Seeded text encoders and textual inversions of the reference numbers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from helpers.golden import manifest, seeded
from safetensors.torch import save_file
from torch import nn

from core.models import assemble
from core.models.text.clip import ClipText
from core.models.text.encoder import FAMILIES, Part, TextEncoder

from seeded_weights import unit_uniform  # isort: skip - on the path since helpers.golden

_LAYOUTS = {
    "sd1": {"text_sd1": ""},
    "sd2": {"text_sd2": ""},
    "sdxl": {"text_sdxl": ""},
    "sdxl_refiner": {"text_sdxl_refiner": ""},
    "sd3": {
        "text_clip_l_proj_file": "text_encoders.clip_l.transformer.",
        "text_clip_g_file": "text_encoders.clip_g.transformer.",
    },
}


class Held(NamedTuple):
    """A network that is always in memory."""

    network: nn.Module

    def resident(self, check: object = None) -> AbstractContextManager[nn.Module]:
        return nullcontext(self.network)


@cache
def golden_encoder(family: str) -> TextEncoder:
    """The tiny text encoders of a family, of the sizes that the manifest states."""
    tensors = {
        prefix + name: tensor
        for layout, prefix in _LAYOUTS[family].items()
        for name, tensor in seeded(layout).items()
    }
    rules = FAMILIES[family]
    parts = []
    for kind, prefixes in rules.encoders.items():
        sizes = manifest("text_encode")["configs"][kind.name]
        clip = ClipText(
            kind,
            prefixes[0],
            width=sizes["hidden_size"],
            mlp_width=sizes["intermediate_size"],
            layers=sizes["num_hidden_layers"],
            heads=sizes["num_attention_heads"],
            projected=sizes["projection_dim"] if kind.projects else None,
        )
        parts.append(Part(clip, Held(network(clip, tensors))))
    return TextEncoder(rules, tuple(parts))


def network(clip: ClipText, tensors: dict[str, torch.Tensor]) -> nn.Module:
    """A text encoder with its weights."""
    result = assemble.empty(clip.build)
    assemble.verify(result, clip.convert, tensors, "seeded")
    values = clip.convert(tensors)
    result.load_state_dict({name: values[name] for name in result.state_dict()}, assign=True)
    return result


def write_embeddings(folder: Path) -> None:
    """The textual inversions that the manifests describe."""
    for name, tensors in manifest("text_encode")["embedding_files"].items():
        values = {
            key: torch.from_numpy(0.3 * unit_uniform(f"embedding.{name}.{key}", tuple(entry["shape"]), 0))
            for key, entry in tensors.items()
        }
        save_file(values, folder / f"{name}.safetensors")
