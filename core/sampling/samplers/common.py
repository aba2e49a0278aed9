"""What every sampler is handed, and the pieces that several of them share.

Letters are those of the papers: x the latent, sigma its noise level, eta the share of noise put back at each
step, lambda half the logarithm of the signal-to-noise ratio.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.sampling.interface import OnStep
from core.sampling.noise import AncestralNoise, BrownianNoise
from core.sampling.schedule import Schedule

Floats: TypeAlias = npt.NDArray[np.float64]

_QUADRATURE: tuple[Floats, Floats] = np.polynomial.legendre.leggauss(32)


class GuidedDenoiser(Protocol):
    """A denoiser that can also tell what it would say without the prompt."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised latent."""
        ...

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The denoised latent, and that of the negative conditioning alone."""
        ...


class Ancestral(NamedTuple):
    """A step that goes below its target and adds noise to come back up."""

    down: float
    scale: float
    up: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """The denoiser of one run as samplers see it, with what they may need besides.

    Attributes:
        denoiser: The guided network.
        schedule: Its noise schedule.
        seed: Of the noise added on the way.
        total: Number of steps to report.
        on_step: Told of every step; may raise to stop the run.
    """

    denoiser: GuidedDenoiser
    schedule: Schedule
    seed: int
    total: int
    on_step: OnStep | None = None

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """The denoised latent."""
        return self.denoiser(x, x.new_full((x.shape[0],), sigma))

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """The denoised latent, and that of the negative conditioning alone."""
        return self.denoiser.both(x, x.new_full((x.shape[0],), sigma))

    def step(self, i: int, x: Tensor, sigma: float) -> Tensor:
        """The denoised latent at the start of step i, which is reported."""
        denoised = self(x, sigma)
        self.report(i, denoised, x)
        return denoised

    def step_both(self, i: int, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """As `both`, at the start of step i, which is reported."""
        denoised, uncond = self.both(x, sigma)
        self.report(i, denoised, x)
        return denoised, uncond

    def report(self, i: int, denoised: Tensor, x: Tensor) -> None:
        """Tells of step i."""
        if self.on_step is not None:
            self.on_step(i, self.total, denoised, x)

    def noise(self, x: Tensor) -> AncestralNoise:
        """Independent draws shaped like x."""
        return AncestralNoise(x, self.seed)

    def brownian(self, x: Tensor, sigmas: Sequence[float], on_device: bool) -> BrownianNoise:
        """Increments of one Brownian path over the levels of a run."""
        lowest = min(sigma for sigma in sigmas if sigma > 0)
        return BrownianNoise(x, lowest, max(sigmas), self.seed, on_device=on_device)

    def ancestral(self, sigma: float, sigma_next: float, eta: float) -> Ancestral:
        """How far to go down and how much noise to add, to land at sigma_next.

        Source: Song et al. 2020, Equation 16, in the form of k-diffusion; flow models keep signal and noise
        summing to one, so their signal is scaled as well.
        """
        if not self.schedule.is_flow:
            down, up = ancestral_step(sigma, sigma_next, eta)
            return Ancestral(down, 1.0, up)
        down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
        scale = (1 - sigma_next) / (1 - down)
        return Ancestral(down, scale, max(sigma_next**2 - (scale * down) ** 2, 0.0) ** 0.5)

    def alpha(self, sigma: float) -> float:
        """The share of signal at a noise level."""
        return 1 - sigma if self.schedule.is_flow else 1.0

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        """Lambda of a noise level."""
        return -(sigma.logit() if self.schedule.is_flow else sigma.log())

    def sigma_at(self, half_log_snr: Tensor) -> Tensor:
        """The noise level of a lambda."""
        return (-half_log_snr).sigmoid() if self.schedule.is_flow else (-half_log_snr).exp()

    def lambdas(self, sigmas: Sequence[float]) -> list[float]:
        """Lambda of every level; infinite at 0."""
        return self.half_log_snr(torch.tensor(sigmas)).tolist()

    def with_finite_snr(self, sigmas: Sequence[float]) -> list[float]:
        """The levels with a first of pure noise lowered a little: its signal-to-noise ratio would be 0."""
        if not self.schedule.is_flow or sigmas[0] < 1:
            return list(sigmas)
        first = float(np.float32(self.schedule.percent_to_sigma(1e-4)))
        # Steps can be so fine that the second level lies above that.
        return [max(first, (1 + sigmas[1]) / 2), *sigmas[1:]]


Sampler: TypeAlias = Callable[[Sampling, Tensor, Sequence[float]], Tensor]
"""(denoiser, x [B,C,h,w], sigmas) -> x at the last sigma."""


def steps(sigmas: Sequence[float]) -> Iterator[tuple[int, float, float]]:
    """(index, sigma, next sigma) of every step."""
    return ((i, sigma, sigma_next) for i, (sigma, sigma_next) in enumerate(itertools.pairwise(sigmas)))


def toward(denoised: Tensor, x: Tensor, sigma: float, target: float) -> Tensor:
    """x moved from sigma to the target level along the straight line to the denoised latent."""
    return torch.lerp(denoised, x, target / sigma)


def slope(x: Tensor, sigma: float, denoised: Tensor) -> Tensor:
    """The derivative of x by sigma. Source: Karras et al. 2022, Equation 3."""
    return (x - denoised) / sigma


def ancestral_step(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """The level to step down to, and the strength of the noise that leads back to sigma_next."""
    up = min(sigma_next, eta * sigma_next * (1 - (sigma_next / sigma) ** 2) ** 0.5)
    return (sigma_next**2 - up**2) ** 0.5, up


def decayed(
    denoiser: Sampling, x: Tensor, denoised: Tensor, sigma: float, target: float, h: float, eta: float
) -> Tensor:
    """x moved to the target level: exact, apart from the noise, where the denoised latent does not change.

    Source: Lu et al. 2022 (DPM-Solver++), Equation 9, and Xue et al. 2023 (SA-Solver), Equation 7; h is the
    difference in lambda.
    """
    kept = target / sigma * math.exp(-h * eta)
    return kept * x - denoiser.alpha(target) * math.expm1(-h * (eta + 1)) * denoised


def added_noise(h: float, eta: float) -> float:
    """The strength, as a share of sigma, of the noise that a stretch h of lambda adds."""
    return (-math.expm1(-2 * h * eta)) ** 0.5


def lagrange_integrals(
    nodes: Sequence[float], start: float, end: float, weight: Callable[[Floats], Floats] | None = None
) -> list[float]:
    """For each node, the integral over start..end of the polynomial that is 1 there and 0 at the others.

    Args:
        nodes: Where the polynomials are pinned.
        start: Lower end.
        end: Upper end.
        weight: Multiplies the polynomials; None for 1.
    """
    points, areas = _QUADRATURE
    t: Floats = start + (points + 1) / 2 * (end - start)
    areas = areas / 2 * (end - start) * (1 if weight is None else weight(t))

    def weighted_polynomial(node: float) -> Floats:
        return math.prod([(t - other) / (node - other) for other in nodes if other != node], start=areas)

    return [float(weighted_polynomial(node).sum()) for node in nodes]
