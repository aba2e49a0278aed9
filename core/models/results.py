"""The values of outputs as bytes, for the cache on disk: tensors, and the rest as JSON in their header."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from core.sampling.interface import Area, Cond

_FORM: Final = "darkroom_result"
_PLAIN: Final = (str, int, float, bool, type(None))


class _NotStorable(Exception):
    """A value is neither data nor a tensor."""


class ResultFiles:
    """The `core.engine.disk_cache.Codec` of images, masks, latents, conditionings and plain values."""

    def encode(self, outputs: tuple[list[object], ...]) -> bytes | None:
        """The outputs as bytes; None if they hold something else, such as a model."""
        tensors: dict[str, Tensor] = {}
        try:
            form = [[_form_of(item, tensors) for item in output] for output in outputs]
        except _NotStorable:
            return None
        return safetensors.torch.save(tensors, {_FORM: json.dumps(form)})

    def decode(self, data: bytes) -> tuple[list[object], ...]:
        """The outputs again, on the host.

        Raises:
            ValueError: The bytes are damaged.
        """
        try:
            tensors = safetensors.torch.load(data)
            length = int.from_bytes(data[:8], "little")
            form = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_FORM])
            return tuple([_value_of(item, tensors) for item in output] for output in form)
        except (SafetensorError, KeyError, TypeError, LookupError) as error:
            raise ValueError(f"it is damaged ({error})") from error


def _form_of(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON, where `{"tensor": name}` stands for a tensor."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Area):
        return {"area": list(value)}
    if isinstance(value, tuple):
        return {"tuple": [_form_of(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_form_of(item, tensors) for item in value]
    if isinstance(value, Cond):
        values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"cond": _form_of(values, tensors)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"map": {key: _form_of(item, tensors) for key, item in value.items()}}
    raise _NotStorable


def _value_of(form: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(form, list):
        return [_value_of(item, tensors) for item in form]
    if not isinstance(form, dict):
        return form
    ((kind, inner),) = form.items()
    match kind:
        case "tensor":
            return tensors[inner]
        case "area":
            return Area(*inner)
        case "tuple":
            return tuple(_value_of(item, tensors) for item in inner)
        case "cond":
            return Cond(**_value_of(inner, tensors))
        case "map":
            return {key: _value_of(item, tensors) for key, item in inner.items()}
        case _:
            raise ValueError(f"nobody knows what {kind!r} is")
