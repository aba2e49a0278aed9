"""Networks with their weights in place, never holding the weights twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from core.errors import WeightsMismatch
from core.models.files import Check, Tensors, WeightFile

_TRIM_EVERY = 256 * 1024**2

Convert = Callable[[Tensors], Mapping[str, Tensor | None]]
M = TypeVar("M", bound=nn.Module)


def never() -> None:
    """The check of a load that nothing can stop."""


def empty(build: Callable[[], M]) -> M:
    """A network without values: its shapes alone."""
    with torch.device("meta"):
        return build().eval().requires_grad_(requires_grad=False)


def verify(network: nn.Module, convert: Convert, tensors: Tensors, file: str) -> dict[str, str]:
    """Compare the tensors of a file with what a network needs; reads names and shapes only.

    Args:
        network: As `empty` gives it.
        convert: Renames the tensors for the network.
        file: Name of the file, for the message.

    Returns:
        For tensors of the network that are one of the file, its name there.

    Raises:
        WeightsMismatch: A tensor is missing or has another shape.
    """
    hollow = {name: tensor.to("meta") for name, tensor in tensors.items()}
    origin = {id(tensor): name for name, tensor in hollow.items()}
    found = _converted(convert, hollow, file)
    for name, expected in network.state_dict().items():
        if name not in found:
            raise WeightsMismatch(
                f"{file} has no tensor for {name}: it is incomplete or pruned; download it again"
            )
        tensor = found[name]
        if tensor.shape != expected.shape:
            raise WeightsMismatch(
                f"{file}: the tensor {origin.get(id(tensor), name)} has the shape {tuple(tensor.shape)}, "
                f"the network needs {tuple(expected.shape)}; the file is damaged or of another network"
            )
    return {name: origin[id(tensor)] for name, tensor in found.items() if id(tensor) in origin}


def fill(
    network: nn.Module,
    convert: Convert,
    tensors: Tensors,
    file: WeightFile,
    names: Iterable[str],
    *,
    dtype: torch.dtype,
    device: torch.device,
    check: Check = never,
) -> None:
    """Give a network its weights, or some of them, one tensor after the other.

    Args:
        names: The tensors of the network that are wanted.
        check: Called before each tensor; may raise `Cancelled`.
    """
    source = _converted(convert, tensors, file.path.name)
    read = 0
    for name in names:
        check()
        tensor = source.pop(name)
        # A copy even where nothing changes: the file may be replaced while the network is in use.
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        put(network, name, tensor.to(device=device, dtype=kind, copy=True))
        read += tensor.nbytes
        if read > _TRIM_EVERY:
            file.trim()
            read = 0
    file.trim()


def put(network: nn.Module, name: str, value: Tensor) -> None:
    """Give a network one tensor of its `state_dict` anew; the old one is let go, not written to."""
    place, _, own = name.rpartition(".")
    module = network.get_submodule(place)
    is_parameter = isinstance(getattr(module, own), nn.Parameter)
    setattr(module, own, nn.Parameter(value, requires_grad=False) if is_parameter else value)


def _converted(convert: Convert, tensors: Tensors, file: str) -> dict[str, Tensor]:
    try:
        converted = convert(tensors)
    except KeyError as error:
        raise WeightsMismatch(
            f"{file} has no tensor {error.args[0]}: it is incomplete or pruned; download it again"
        ) from error
    # Some converters write None for what they miss.
    return {name: tensor for name, tensor in converted.items() if tensor is not None}


def nbytes(network: nn.Module, dtype: torch.dtype) -> int:
    """The memory of a network's weights in a type."""
    return sum(
        tensor.numel() * (dtype.itemsize if tensor.is_floating_point() else tensor.itemsize)
        for tensor in network.state_dict().values()
    )
