"""Noise: where a run starts from, and what stochastic samplers add on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from core.optional import library


def starting_noise(shape: Sequence[int], seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """Standard normal noise of `shape` [B,...], float32 on the CPU, the same on every machine.

    Args:
        shape: Shape of the latent.
        seed: Unsigned 64-bit.
        batch_index: For each item, the draw it takes: equal indices share their noise.

    Raises:
        ValueError: The indices are not one per item, or negative.
    """
    generator = _generator(seed, torch.device("cpu"))
    if batch_index is None:
        return torch.randn(*shape, generator=generator)
    if len(batch_index) != shape[0] or min(batch_index) < 0:
        raise ValueError(
            f"batch_index {list(batch_index)} must hold {shape[0]} indices of 0 or more, one per latent"
        )
    # Each draw is made on its own: the generator's stream depends on how much is asked for at once.
    wanted = set(batch_index)
    draws: dict[int, Tensor] = {}
    for index in range(max(batch_index) + 1):
        draw = torch.randn(1, *shape[1:], generator=generator)
        if index in wanted:
            draws[index] = draw
    return torch.cat([draws[index] for index in batch_index])


class AncestralNoise:
    """Independent draws for ancestral samplers.

    The seed is the run's own, so that on the CPU the first draw repeats the starting noise, as in the runs
    people want to reproduce.
    """

    def __init__(self, x: Tensor, seed: int) -> None:
        self._like = x
        self._generator = _generator(seed, x.device)

    def __call__(self) -> Tensor:
        """The next draw, shaped like x."""
        like = self._like
        return torch.randn(like.shape, generator=self._generator, device=like.device, dtype=like.dtype)


class BrownianNoise:
    """Increments of one Brownian path over the noise levels: equal spans give equal noise.

    Args:
        x: What the noise is added to.
        sigma_min: Lowest level ever asked for.
        sigma_max: Highest level ever asked for.
        seed: Of the path.
        on_device: Draw on the device of x instead of the CPU: faster there, but other noise.
    """

    def __init__(
        self, x: Tensor, sigma_min: float, sigma_max: float, seed: int, *, on_device: bool = False
    ) -> None:
        start = torch.zeros_like(x) if on_device else torch.zeros_like(x, device="cpu")
        self._device = x.device
        # The tree rounds its ends and complains of questions beyond them.
        self._ends = round(sigma_min, 6), round(sigma_max, 6)
        torchsde = library("torchsde", "this sampler")
        self._tree = torchsde.BrownianTree(sigma_min, start, sigma_max, entropy=seed)

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        """The noise of going from one level to the next, scaled to unit variance."""
        low, high = sorted((sigma, sigma_next))
        bottom, top = self._ends
        increment = cast(Tensor, self._tree(max(low, bottom), min(high, top)))
        spread = (torch.tensor(sigma_next) - torch.tensor(sigma)).abs().sqrt()
        return ((increment if sigma < sigma_next else -increment) / spread).to(self._device)


def _generator(seed: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)
