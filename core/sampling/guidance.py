"""Guidance: what conditioning entries make of one latent, and how positive and negative are combined."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from core.sampling.interface import Area, Conditioning, Predictor, Request
from core.sampling.regions import cropped, matched, placed, repeated, weight
from core.sampling.samplers.common import GuidedDenoiser

_MOST_ROWS = 8
"""Latents in one network call. More would not be faster, and memory grows with each."""

_MOST_REPEATS = 4
"""How often a short text may be repeated to the length of a longer one before two calls are cheaper."""

Check: TypeAlias = Callable[[], None]
"""Asked before every network call; raises to stop the run."""


class Guider(Protocol):
    """Conditionings and the rule that combines them, ready to meet a latent."""

    @property
    def predictor(self) -> Predictor:
        """The network."""
        ...

    def denoiser(
        self, noise: Tensor, latent: Tensor, noise_mask: Tensor | None, check: Check | None
    ) -> GuidedDenoiser:
        """The denoiser for latents like this one."""
        ...


@dataclass(frozen=True, slots=True)
class Cfg:
    """Classifier-free guidance: away from the negative, towards the positive.

    Source: Ho and Salimans 2022, Equation 6.

    Attributes:
        predictor: The network.
        positive: What the picture shall show.
        negative: What it shall not show. Not evaluated where cfg is 1.
        cfg: How far to go from the negative to the positive and beyond.
    """

    predictor: Predictor
    positive: Conditioning
    negative: Conditioning
    cfg: float

    def denoiser(
        self, noise: Tensor, latent: Tensor, noise_mask: Tensor | None, check: Check | None = None
    ) -> GuidedDenoiser:
        """The denoiser for latents like this one."""
        ensemble = Ensemble(self.predictor, [self.positive, self.negative], noise, latent, noise_mask, check)
        return _CfgDenoiser(ensemble, self.cfg)


@dataclass(frozen=True, slots=True)
class _CfgDenoiser:
    ensemble: Ensemble
    cfg: float

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        if math.isclose(self.cfg, 1.0):
            return self.ensemble(x, sigma, (0,))[0]
        return self.both(x, sigma)[0]

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        cond, uncond = self.ensemble(x, sigma, (0, 1))
        return torch.lerp(uncond, cond, self.cfg), uncond


class _Entry(NamedTuple):
    """A placed conditioning entry with its network inputs.

    It counts while lowest <= sigma <= highest.
    """

    side: int
    area: Area | None
    weight: Tensor | float
    highest: float
    lowest: float
    inputs: Mapping[str, Tensor]

    @property
    def alone_is_enough(self) -> bool:
        """Whether, as the only entry, its result needs no weighing."""
        return self.area is None and isinstance(self.weight, float) and self.weight > 0


class _Call(NamedTuple):
    """Entries that go through the network together, by number, and their joined inputs."""

    numbers: Sequence[int]
    inputs: Mapping[str, Tensor]


class Ensemble:
    """Several lists of conditioning entries, evaluated together for one latent.

    The first list is the positive one. An area of one list is run for the others too.

    Args:
        predictor: The network.
        sides: The lists.
        noise: Starting noise [B,C,h,w].
        latent: The latent being changed, in the network's units.
        noise_mask: Where it may change, [B,1,h,w].
        check: Asked before every network call.
    """

    def __init__(
        self,
        predictor: Predictor,
        sides: Sequence[Conditioning],
        noise: Tensor,
        latent: Tensor,
        noise_mask: Tensor | None,
        check: Check | None,
    ) -> None:
        self._predictor = predictor
        self._check = check
        self._entries = _entries(predictor, sides, noise, latent, noise_mask)
        self._has_ranges = any(entry.lowest > 0 or entry.highest < math.inf for entry in self._entries)
        self._calls: dict[tuple[int, ...], list[_Call]] = {}

    def __call__(self, x: Tensor, sigma: Tensor, sides: Sequence[int]) -> list[Tensor]:
        """The denoised latent of each of the asked lists; 0 where none of its entries counts."""
        active = self._active(sigma, sides)
        if active not in self._calls:
            self._calls[active] = _calls([(number, self._entries[number]) for number in active], x)
        outputs: dict[int, Tensor] = {}
        for call in self._calls[active]:
            outputs |= self._evaluate(call, x, sigma)
        return [
            _blended([(self._entries[n], outputs[n]) for n in active if self._entries[n].side == side], x)
            for side in sides
        ]

    def _active(self, sigma: Tensor, sides: Sequence[int]) -> tuple[int, ...]:
        # Reading the level waits for the device: only where some entry depends on it.
        level = float(sigma[0]) if self._has_ranges else None
        return tuple(
            number
            for number, entry in enumerate(self._entries)
            if entry.side in sides and (level is None or entry.lowest <= level <= entry.highest)
        )

    def _evaluate(self, call: _Call, x: Tensor, sigma: Tensor) -> dict[int, Tensor]:
        if self._check is not None:
            self._check()
        count = len(call.numbers)
        parts = torch.cat([cropped(x, self._entries[number].area) for number in call.numbers])
        denoised = self._predictor.denoise(parts, sigma.repeat(count), call.inputs)
        return dict(zip(call.numbers, denoised.chunk(count), strict=True))


def _entries(
    predictor: Predictor,
    sides: Sequence[Conditioning],
    noise: Tensor,
    latent: Tensor,
    noise_mask: Tensor | None,
) -> list[_Entry]:
    located = [placed(side, *noise.shape[-2:]) for side in sides]
    for i in range(len(located)):
        for j in range(len(located)):
            if i != j:
                located[j] = matched(located[j], located[i])
    schedule = predictor.schedule
    entries: list[_Entry] = []
    for number, side in enumerate(located):
        request = Request(noise, latent, noise_mask, positive=number == 0)
        for cond in side:
            highest = schedule.percent_to_sigma(cond.start) if cond.start > 0 else math.inf
            lowest = schedule.percent_to_sigma(cond.end)
            inputs = _prepared(predictor.inputs(cond, request), noise.shape[0], cond.area)
            entries.append(_Entry(number, cond.area, weight(cond, noise), highest, lowest, inputs))
    return entries


def _prepared(inputs: Mapping[str, Tensor], batch: int, area: Area | None) -> dict[str, Tensor]:
    """The inputs repeated to the batch, the spatial one cropped to the area."""
    full = {name: repeated(value, batch) for name, value in inputs.items()}
    if "concat" in full:
        full["concat"] = cropped(full["concat"], area)
    return full


def _calls(entries: Iterable[tuple[int, _Entry]], x: Tensor) -> list[_Call]:
    """The entries in as few network calls as their shapes and the memory allow."""
    room = max(1, _MOST_ROWS // x.shape[0])
    groups: list[list[tuple[int, _Entry]]] = []
    for number, entry in entries:
        for group in groups:
            if len(group) < room and _fits(group, entry, x):
                group.append((number, entry))
                break
        else:
            groups.append([(number, entry)])
    return [
        _Call([number for number, _ in group], _joined([entry.inputs for _, entry in group]))
        for group in groups
    ]


def _fits(group: Sequence[tuple[int, _Entry]], entry: _Entry, x: Tensor) -> bool:
    first = group[0][1]
    if cropped(x, first.area).shape != cropped(x, entry.area).shape:
        return False
    if _shapes(first.inputs) != _shapes(entry.inputs):
        return False
    lengths = [_length(other.inputs) for _, other in group] + [_length(entry.inputs)]
    return math.lcm(*lengths) <= _MOST_REPEATS * min(lengths)


def _shapes(inputs: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Shapes that have to agree: all but the number of tokens."""
    return {
        name: (value.shape[0], *value.shape[2:]) if name == "context" else tuple(value.shape)
        for name, value in inputs.items()
    }


def _length(inputs: Mapping[str, Tensor]) -> int:
    return inputs["context"].shape[1] if "context" in inputs else 1


def _joined(inputs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    if len(inputs) == 1:
        return dict(inputs[0])
    tokens = math.lcm(*(_length(one) for one in inputs))
    return {
        name: torch.cat(
            [
                one[name].repeat(1, tokens // _length(one), 1) if name == "context" else one[name]
                for one in inputs
            ]
        )
        for name in inputs[0]
    }


def _blended(results: Sequence[tuple[_Entry, Tensor]], x: Tensor) -> Tensor:
    """The mean of what the entries say about each cell, by weight."""
    if len(results) == 1 and results[0][0].alone_is_enough:
        return results[0][1]
    total = torch.zeros_like(x)
    weights = torch.full_like(x[:, :1], 1e-37)
    for entry, denoised in results:
        cropped(total, entry.area).add_(denoised * entry.weight)
        cropped(weights, entry.area).add_(entry.weight)
    return total / weights
