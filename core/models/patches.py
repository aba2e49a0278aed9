"""Changes to the weights of a network, as data: applied when it is used with them, undone when it is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import nn

from core.models.adapters import Parts, merged
from core.models.assemble import put
from core.models.files import Check, Key

Targets: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of a tensor of a network and the adapter that changes it."""
Restore: TypeAlias = Callable[[nn.Module, Collection[str], torch.device, Check], None]
"""Reads the weights of these names into a network anew, onto a device."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What one file changes in one network. Equal ones are of the same file and strength.

    Attributes:
        key: The file.
        strength: How much of it.
        targets: What of the network changes, and which adapter of the file changes it.
        read: Opens the file: the parts of its adapters by name.
    """

    key: Key
    strength: float
    targets: Targets = field(compare=False, repr=False)
    read: Callable[[], Mapping[str, Parts]] = field(compare=False, repr=False)


def replace(
    network: nn.Module,
    old: Iterable[Patch],
    new: Iterable[Patch],
    restore: Restore,
    device: torch.device,
    check: Check,
) -> None:
    """Take some patches back and apply others; a network that this leaves unfinished is of no more use.

    Weights are read from their file again rather than computed back or kept twice, so that they are the same
    to the last bit and take no memory.

    Args:
        device: Where the network is.
        check: Called before each weight; may raise `Cancelled`.
    """
    changed = dict.fromkeys(name for patch in old for name, _ in patch.targets)
    if changed:
        restore(network, changed, device, check)
    _apply(network, new, device, check)


def _apply(network: nn.Module, patches: Iterable[Patch], device: torch.device, check: Check) -> None:
    """Each to the result of the one before; weights are rounded to their type once, at the end."""
    steps: dict[str, list[tuple[Parts, float]]] = {}
    for patch in patches:
        adapters = patch.read()
        for name, adapter in patch.targets:
            steps.setdefault(name, []).append((adapters[adapter], patch.strength))
    for name, changes in steps.items():
        check()
        weight = network.get_parameter(name)
        value = weight.float()
        for parts, strength in changes:
            placed = {part: tensor.to(device, torch.float32) for part, tensor in parts.items()}
            value = merged(value, placed, strength)
        put(network, name, value.to(weight.dtype))
