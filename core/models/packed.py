"""Layers that keep their weights in the order the processor's kernels read them.

PyTorch reorders the weights of convolutions and large matrices on every call, which takes most of the time
of small pictures. Reordered once, they give the same numbers up to rounding; it costs a copy of the weights
and the time of about ten calls. The operators are private to PyTorch: a probe decides whether they are used.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_OPERATORS: Any = torch.ops.mkldnn

_CALLS_BEFORE = 3
"""Calls with inputs of one shape after which more are expected; a short run is over before it pays."""


def keep_packed(network: nn.Module, room: Callable[[], int]) -> None:
    """Let a network on the host keep reordered copies of its float32 weights, as long as there is room.

    Args:
        room: Bytes of host memory that may be taken, asked before each copy.
    """
    for layer in network.modules():
        kind = _KINDS.get(type(layer))
        if kind is not None and "forward" not in vars(layer) and _suits(layer) and _works():
            layer.forward = kind(layer, room)


class _Packed:
    """Stands in for the `forward` of a layer; the order of the weights suits one shape of input."""

    def __init__(self, layer: Any, room: Callable[[], int]) -> None:
        # The layer holds this object: held in turn, it would stay in memory after its network is evicted.
        self._layer = weakref.proxy(layer)
        self._forward: Callable[[Any, Tensor], Tensor] = type(layer).forward
        self._room = room
        self._lock = threading.Lock()
        self._shape: torch.Size | None = None
        self._calls = 0
        self._source: Callable[[], Tensor | None] = lambda: None
        self._weight: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        weight = self._ready(x)
        return self._forward(self._layer, x) if weight is None else self.run(x, weight)

    def _ready(self, x: Tensor) -> Tensor | None:
        """The reordered weights, where inputs like x are frequent; runs that share the network take turns."""
        with self._lock:
            weight = self._layer.weight
            if x.shape != self._shape or weight is not self._source():
                # Not held: a weight that is replaced would stay in memory until the next call.
                self._shape, self._source = x.shape, weakref.ref(weight)
                self._calls, self._weight = 0, None
            self._calls += 1
            # Half of the room is left to what the network computes.
            if self._calls == _CALLS_BEFORE and weight.nbytes < self._room() // 2:
                self._weight = self.pack(x)
            return self._weight

    def pack(self, x: Tensor) -> Tensor:
        """The weights in the order that suits inputs like x."""
        raise NotImplementedError

    def run(self, x: Tensor, weight: Tensor) -> Tensor:
        """What the layer makes of x, with reordered weights."""
        raise NotImplementedError


class _Convolution(_Packed):
    def pack(self, x: Tensor) -> Tensor:
        layer = self._layer
        return _OPERATORS._reorder_convolution_weight(
            layer.weight, layer.padding, layer.stride, layer.dilation, layer.groups, x.shape
        )

    def run(self, x: Tensor, weight: Tensor) -> Tensor:
        layer = self._layer
        return _OPERATORS._convolution_pointwise(
            x,
            weight,
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
    def pack(self, x: Tensor) -> Tensor:
        return _OPERATORS._reorder_linear_weight(self._layer.weight, x.numel() // x.shape[-1])

    def run(self, x: Tensor, weight: Tensor) -> Tensor:
        return _OPERATORS._linear_pointwise(x, weight, self._layer.bias, "none", [], "")


_KINDS: dict[type[nn.Module], type[_Packed]] = {nn.Conv2d: _Convolution, nn.Linear: _Linear}


def _suits(layer: Any) -> bool:
    weight: Tensor = layer.weight
    is_plain = getattr(layer, "padding_mode", "zeros") == "zeros"
    return is_plain and weight.device.type == "cpu" and weight.dtype == torch.float32


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
    stand_in = _KINDS[type(layer)](layer, lambda: 0)
    return torch.allclose(stand_in.run(x, stand_in.pack(x)), layer(x), rtol=1e-4, atol=1e-5)
