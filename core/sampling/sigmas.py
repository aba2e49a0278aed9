"""Schedulers: named rules that choose the noise levels of a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core.optional import library
from core.sampling.names import SCHEDULERS
from core.sampling.schedule import Schedule

_MOST_STEPS = 1_000_000
_DROPS_PENULTIMATE = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})


def sigmas(
    schedule: Schedule, scheduler: str, steps: int, denoise: float = 1.0, sampler: str | None = None
) -> Tensor:
    """The noise levels of a run, highest first, ending in 0: float32 on the CPU.

    Args:
        schedule: The model's noise schedule.
        scheduler: One of `scheduler_names()`.
        steps: Steps to run. Some schedulers give fewer or more where the table is too coarse.
        denoise: Share of the schedule to run; 0 gives an empty list.
        sampler: The sampler to run; some are better off without the second to last level.

    Raises:
        ValueError: An unknown scheduler, less than one step, a share outside 0..1, or one far too small for
            that many steps.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    if not 0 <= denoise <= 1:
        raise ValueError(f"denoise is {denoise}; it must lie between 0 and 1")
    if scheduler not in _RULES:
        raise ValueError(f"unknown scheduler {scheduler!r}; known are {', '.join(SCHEDULERS)}")
    if denoise == 0:
        return torch.empty(0)
    # From 0.9999 on the whole schedule is run: sliders do not reach 1 exactly.
    total = steps if denoise > 0.9999 else int(steps / denoise)
    if total > _MOST_STEPS:
        raise ValueError(
            f"{steps} steps are too many for a denoise of {denoise:g}: raise it, or run fewer steps"
        )
    drop = sampler in _DROPS_PENULTIMATE
    levels = _RULES[scheduler](schedule, total + drop)
    if drop:
        levels = torch.cat([levels[:-2], levels[-1:]])
    return levels if total == steps else levels[-(steps + 1) :]


def simple(schedule: Schedule, steps: int) -> Tensor:
    """Evenly spaced entries of the table, from the top."""
    stride = len(schedule.table) / steps
    return _ending_in_zero(schedule.table[[-(1 + int(i * stride)) for i in range(steps)]])


def ddim_uniform(schedule: Schedule, steps: int) -> Tensor:
    """Every n-th entry of the table, counted from the bottom.

    Source: Song et al. 2020, Appendix D.2 (linear).
    """
    stride = max(len(schedule.table) // steps, 1)
    return _ending_in_zero(schedule.table[1::stride].flip(0))


def normal(schedule: Schedule, steps: int) -> Tensor:
    """Evenly spaced times, both ends included."""
    start, end = _time_ends(schedule)
    if math.isclose(float(schedule.sigma(end)), 0, abs_tol=1e-5):
        return _at_times(schedule, torch.linspace(float(start), float(end), steps + 1)[:-1])
    return _at_times(schedule, torch.linspace(float(start), float(end), steps))


def sgm_uniform(schedule: Schedule, steps: int) -> Tensor:
    """Evenly spaced times without the lowest."""
    start, end = _time_ends(schedule)
    return _at_times(schedule, torch.linspace(float(start), float(end), steps + 1)[:-1])


def karras(schedule: Schedule, steps: int, rho: float = 7.0) -> Tensor:
    """Levels whose rho-th roots are evenly spaced.

    Source: Karras et al. 2022, Equation 5.
    """
    low, high = schedule.sigma_min ** (1 / rho), schedule.sigma_max ** (1 / rho)
    return _ending_in_zero((high + torch.linspace(0, 1, steps) * (low - high)) ** rho)


def exponential(schedule: Schedule, steps: int) -> Tensor:
    """Levels whose logarithms are evenly spaced."""
    ends = math.log(schedule.sigma_max), math.log(schedule.sigma_min)
    return _ending_in_zero(torch.linspace(*ends, steps).exp())


def beta(schedule: Schedule, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """Table entries at quantiles of a beta distribution: denser at both ends.

    Source: Lee et al. 2024, "Beta Sampling is All You Need".
    """
    shares = 1 - np.linspace(0, 1, steps, endpoint=False)
    stats = library("scipy.stats", "the scheduler beta")
    quantiles = np.asarray(stats.beta.ppf(shares, alpha, beta))
    positions = np.rint(quantiles * (len(schedule.table) - 1)).astype(int)
    return _ending_in_zero(schedule.table[list(dict.fromkeys(positions.tolist()))])


def linear_quadratic(schedule: Schedule, steps: int, threshold: float = 0.025) -> Tensor:
    """Half of the steps on the first small part of the noise in even steps, the rest growing quadratically.

    Source: Polyak et al. 2024 (Movie Gen), Section 3.4.2.
    """
    if steps == 1:
        return torch.tensor([schedule.sigma_max, 0.0])
    half = steps // 2
    rest = steps - half
    excess = half - threshold * steps
    square = excess / (half * rest**2)
    slope = threshold / half - 2 * excess / rest**2
    curve = [square * i**2 + slope * i + square * half**2 for i in range(half, steps)]
    removed = [threshold * i / half for i in range(half)] + curve + [1.0]
    return torch.tensor([1 - share for share in removed]) * schedule.sigma_max


def kl_optimal(schedule: Schedule, steps: int) -> Tensor:
    """Levels whose arc tangents are evenly spaced.

    Source: Sabour et al. 2024 (Align Your Steps), Theorem 3.1. One step has no spacing: its level is not a
    number.
    """
    share = torch.arange(steps) / (steps - 1) if steps > 1 else torch.tensor([math.nan])
    angles = share * math.atan(schedule.sigma_min) + (1 - share) * math.atan(schedule.sigma_max)
    return _ending_in_zero(angles.tan())


def _ending_in_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels, levels.new_zeros(1)])


def _time_ends(schedule: Schedule) -> tuple[Tensor, Tensor]:
    return schedule.timestep(schedule.table[-1]), schedule.timestep(schedule.table[0])


def _at_times(schedule: Schedule, times: Tensor) -> Tensor:
    return _ending_in_zero(schedule.sigma(times))


_RULES: dict[str, Callable[[Schedule, int], Tensor]] = {
    rule.__name__: rule
    for rule in (
        simple,
        sgm_uniform,
        karras,
        exponential,
        ddim_uniform,
        beta,
        normal,
        linear_quadratic,
        kl_optimal,
    )
}
