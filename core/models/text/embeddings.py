"""Textual inversion: the vectors that `embedding:name` in a prompt stands for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from core.models.files import is_pickle, open_weights, read_pickle

FindFile: TypeAlias = Callable[[str], Path | None]
"""The file of an embedding's name, with or without its ending; None if there is none."""

_log = logging.getLogger(__name__)


def read_vectors(path: Path, key: str, width: int) -> Tensor | None:
    """The vectors [N,width] float32 that a file holds for one text encoder; None if none are that wide.

    Args:
        path: A safetensors or PyTorch file: one tensor per encoder (`clip_l`, `clip_g`, ...), AUTOMATIC1111's
            `emb_params` or `string_to_param`, or a list of such.
        key: The encoder's name in files that serve several.
        width: The encoder's width.

    Raises:
        ModelError: The file cannot be read or would run code when loaded.
    """
    content = read_pickle(path) if is_pickle(path) else open_weights(path).tensors
    named = _named_tensors(content)
    fitting = [(name, _rows(tensor)) for name, tensor in named if tensor.shape[-1] == width]
    if not fitting:
        widths = sorted({tensor.shape[-1] for _, tensor in named})
        _log.warning("the embedding %s is %s wide and the text encoder %d", path.name, widths, width)
        return None
    if isinstance(content, list):
        return torch.cat([rows for _, rows in fitting])
    return dict(reversed(fitting)).get(key, fitting[0][1])


def _rows(tensor: Tensor) -> Tensor:
    return tensor.detach().reshape(-1, tensor.shape[-1]).float()


def _named_tensors(content: Any) -> list[tuple[str, Tensor]]:
    parts = cast("list[Any]", content if isinstance(content, list) else [content])
    named: list[tuple[str, Tensor]] = []
    for part in parts:
        entries = part.get("string_to_param", part) if isinstance(part, Mapping) else {}
        if isinstance(entries, Mapping):
            items = cast("Mapping[Any, Any]", entries).items()
            named += [(str(name), value) for name, value in items if isinstance(value, Tensor) and value.ndim]
    return named
