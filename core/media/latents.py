"""`.latent` files: latents stored as safetensors together with the graph that made them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import WorkflowError
from core.media.outputs import SavedFile, save_files

_SAMPLES: Final = "latent_tensor"
_VERSION: Final = "latent_format_version_0"
_OLD_FACTOR: Final = 1 / 0.18215
"""Files without the version key hold latents scaled for Stable Diffusion 1."""


def load_latent(path: Path) -> Tensor:
    """The samples of a `.latent` file, float32.

    Raises:
        WorkflowError: It is no such file, or is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            keys = set(file.keys())
            if _SAMPLES not in keys:
                raise WorkflowError(f"{path} is not a latent: it has no tensor {_SAMPLES!r}")
            samples = file.get_tensor(_SAMPLES).to(torch.float32)
    except (SafetensorError, OSError) as error:
        raise WorkflowError(f"{path} cannot be read as a latent: {error}") from error
    if samples.ndim < 3 or samples.numel() == 0:
        raise WorkflowError(f"{path} holds no latent: its shape is {list(samples.shape)}, not [B,C,h,w]")
    return samples if _VERSION in keys else samples * _OLD_FACTOR


def save_latent(
    samples: Tensor,
    folder: Path,
    prefix: str,
    *,
    kind: str = "output",
    texts: Mapping[str, str] | None = None,
) -> list[SavedFile]:
    """Where the file went, the texts inside; its name as `save_files` makes it.

    Raises:
        InputError: The prefix is not allowed.
        DarkroomError: It cannot be written.
    """
    tensors = {_SAMPLES: samples.detach().cpu().contiguous(), _VERSION: torch.empty(0)}
    data = safetensors.torch.save(tensors, dict(texts) if texts else None)

    def write(file: BinaryIO) -> None:
        file.write(data)

    return save_files(folder, kind, prefix, ".latent", [write])
