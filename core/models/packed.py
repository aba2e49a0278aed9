"""Layers whose weights lie in the order the processor's kernels read them.

PyTorch reorders the weights of convolutions and large matrices on every call, which takes most of the time of
small pictures. Reordered once, they give the same numbers up to rounding; it costs a copy of the weights and
the time of about two steps. The operators are private to PyTorch: a probe decides whether they are used.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_OPERATORS: Any = torch.ops.mkldnn


@contextmanager
def packed(network: nn.Module, room: int) -> Generator[None]:
    """Run a network with reordered weights until the block ends; without, where that is not possible.

    Args:
        room: Bytes of host memory that the reordered copy may take.
    """
    layers = [layer for layer in network.modules() if type(layer) in _KINDS]
    if not _fits(layers, room) or not _works():
        yield
        return
    for layer in layers:
        layer.forward = _KINDS[type(layer)](layer)
    try:
        yield
    finally:
        for layer in layers:
            # What is left is the method of the class.
            vars(layer).pop("forward", None)


class _Packed:
    """Stands in for the `forward` of a layer; the order of the weights suits one shape of input."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._shape: torch.Size | None = None
        self._weight = torch.empty(0)

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape != self._shape:
            self._weight = self._pack(x)
            self._shape = x.shape
        return self._run(x)

    def _pack(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _run(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class _Convolution(_Packed):
    def _pack(self, x: Tensor) -> Tensor:
        layer = self._layer
        return _OPERATORS._reorder_convolution_weight(
            layer.weight, layer.padding, layer.stride, layer.dilation, layer.groups, x.shape
        )

    def _run(self, x: Tensor) -> Tensor:
        layer = self._layer
        return _OPERATORS._convolution_pointwise(
            x,
            self._weight,
            layer.bias,
            layer.padding,
            layer.stride,
            layer.dilation,
            layer.groups,
            "none",
            [],
            "",
        )


class _Linear(_Packed):
    def _pack(self, x: Tensor) -> Tensor:
        return _OPERATORS._reorder_linear_weight(self._layer.weight, x.numel() // x.shape[-1])

    def _run(self, x: Tensor) -> Tensor:
        return _OPERATORS._linear_pointwise(x, self._weight, self._layer.bias, "none", [], "")


_KINDS: dict[type[nn.Module], type[_Packed]] = {nn.Conv2d: _Convolution, nn.Linear: _Linear}


def _fits(layers: list[nn.Module], room: int) -> bool:
    """Whether these layers may be packed: float32 on the host, not packed yet, and room for a copy."""
    weights: list[Any] = [layer.weight for layer in layers]
    if not weights or any(w.device.type != "cpu" or w.dtype != torch.float32 for w in weights):
        return False
    if any(
        "forward" in vars(layer) or getattr(layer, "padding_mode", "zeros") != "zeros" for layer in layers
    ):
        return False
    return sum(w.nbytes for w in weights) <= room


@functools.cache
def _works() -> bool:
    """Whether this PyTorch and processor give the right numbers."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.linspace(-1, 1, 2 * 32 * 8 * 8).reshape(2, 32, 8, 8)
    try:
        with torch.no_grad():
            return _agrees(nn.Conv2d(32, 48, 3, stride=2, padding=1), x) and _agrees(nn.Linear(8, 24), x)
    except (RuntimeError, AttributeError, TypeError):
        return False


def _agrees(layer: nn.Module, x: Tensor) -> bool:
    return torch.allclose(_KINDS[type(layer)](layer)(x), layer(x), rtol=1e-4, atol=1e-5)
