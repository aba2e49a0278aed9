"""Noise schedules of model families: sigmas, timesteps, and the prediction type that goes with them.

Tables are float32 because the numbers of existing workflows are.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from core.sampling.prediction import CosmosFlow, Edm, Eps, Flow, V

ABOVE_ALL = 999999999.9
"""The sigma of the very start where a schedule has no upper end."""

_PREDICTIONS = {"eps": Eps, "v": V, "edm": Edm}


class Schedule(ABC):
    """The noise schedule and prediction type of a family.

    Attributes:
        table: Sigmas in rising order, [N] float32 on the CPU.
        prediction: How the network's output is read.
    """

    def __init__(self, table: Tensor, prediction: Eps) -> None:
        self.table = table
        self.prediction = prediction
        self.sigma_min = float(table[0])
        self.sigma_max = float(table[-1])

    @property
    def is_flow(self) -> bool:
        """Whether sigma is a share of noise, so that a latent fades out as noise comes in."""
        return isinstance(self.prediction, Flow)

    @abstractmethod
    def timestep(self, sigma: Tensor) -> Tensor:
        """The time value the network is told at noise level sigma."""

    @abstractmethod
    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a time value."""

    @abstractmethod
    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What the network is shown for x [B,...] at sigma [B]."""
        return self.prediction.scale_input(sigma, x)

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The denoised latent that the network's output for x at sigma [B] stands for."""
        return self.prediction.denoised(sigma, output, x)

    def noised(self, sigma: Tensor, noise: Tensor, latent: Tensor, full: bool = False) -> Tensor:
        """The latent with noise of level sigma; `full` where the run starts at the top of the schedule."""
        return self.prediction.noised(sigma, noise, latent, full)

    def unnoised(self, sigma: Tensor, x: Tensor) -> Tensor:
        """x in the scale of a clean latent, for a run that stopped at sigma."""
        return self.prediction.unnoised(sigma, x)

    def is_full(self, sigma: float) -> bool:
        """Whether a run from sigma starts from noise alone."""
        return sigma > self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)


class Discrete(Schedule):
    """A table from 1000 betas; times are table positions, and sigmas between them are interpolated.

    Args:
        prediction: What the network predicts.
        linear_start: First beta.
        linear_end: Last beta.
        beta_schedule: `linear` spaces the roots of the betas evenly, `sqrt_linear` the betas themselves (the
            names are those found in configuration files).
        timesteps: Length of the table.
        zsnr: Rescale so that the last step is noise alone.
    """

    def __init__(
        self,
        prediction: Literal["eps", "v"] = "eps",
        *,
        linear_start: float = 0.00085,
        linear_end: float = 0.012,
        beta_schedule: Literal["linear", "sqrt_linear"] = "linear",
        timesteps: int = 1000,
        zsnr: bool = False,
    ) -> None:
        betas = _betas(linear_start, linear_end, beta_schedule, timesteps)
        alphas_bar = torch.cumprod(1 - betas, dim=0)
        if zsnr:
            alphas_bar = _zero_terminal_snr(alphas_bar)
        sigmas = ((1 - alphas_bar) / alphas_bar).sqrt()
        super().__init__(sigmas.float(), _PREDICTIONS[prediction]())
        # Rounded once: the last bit decides which table entry is nearest to a level half-way between two.
        self._logs = {torch.device("cpu"): sigmas.log().float()}

    def _log_table(self, device: torch.device) -> Tensor:
        if device not in self._logs:
            self._logs[device] = self._logs[torch.device("cpu")].to(device)
        return self._logs[device]

    def timestep(self, sigma: Tensor) -> Tensor:
        """The position of the nearest table entry."""
        distance = sigma.log() - self._log_table(sigma.device).reshape(-1, *[1] * sigma.ndim)
        return distance.abs().argmin(dim=0)

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a table position, which may lie between two."""
        logs = self._log_table(timestep.device)
        t = timestep.float().clamp(0, len(logs) - 1)
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        return ((1 - weight) * logs[low] + weight * logs[high]).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        if percent <= 0:
            return ABOVE_ALL
        if percent >= 1:
            return 0.0
        return float(self.sigma(torch.tensor((1 - percent) * (len(self.table) - 1))))


def _betas(start: float, end: float, kind: str, count: int) -> Tensor:
    if kind == "sqrt_linear":
        return torch.linspace(start, end, count, dtype=torch.float64)
    return torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2


def _zero_terminal_snr(alphas_bar: Tensor) -> Tensor:
    """Source: Lin et al. 2023, Algorithm 1; the last entry is kept above 0 so that its sigma is finite."""
    roots = alphas_bar.sqrt()
    rescaled = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
    rescaled[-1] = 4.8973451890853435e-08
    return rescaled


class ContinuousEdm(Schedule):
    """A logarithmic range of sigmas; the time is a quarter of the logarithm.

    Source: Karras et al. 2022, Table 1.
    """

    def __init__(
        self,
        prediction: Literal["eps", "v", "edm"] = "edm",
        *,
        sigma_min: float = 0.002,
        sigma_max: float = 120.0,
        sigma_data: float = 1.0,
    ) -> None:
        super().__init__(_logarithmic(sigma_min, sigma_max), _PREDICTIONS[prediction](sigma_data))

    def timestep(self, sigma: Tensor) -> Tensor:
        """A quarter of the logarithm."""
        return 0.25 * sigma.log()

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a time value."""
        return (timestep / 0.25).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        return _logarithmic_percent(self, percent)


class CosmosRectifiedFlow(Schedule):
    """A flow network in the sigma range of EDM; the time is sigma / (sigma + 1)."""

    def __init__(self, *, sigma_min: float = 0.002, sigma_max: float = 80.0, sigma_data: float = 1.0) -> None:
        super().__init__(_logarithmic(sigma_min, sigma_max), CosmosFlow(sigma_data))

    def timestep(self, sigma: Tensor) -> Tensor:
        """The share of noise at noise level sigma."""
        return sigma / (sigma + 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a share of noise, at most the highest of the schedule."""
        top = self.sigma_max / (self.sigma_max + 1)
        return torch.where(timestep < top, timestep / (1 - timestep), self.sigma_max)

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        return _logarithmic_percent(self, percent)


def _logarithmic(sigma_min: float, sigma_max: float) -> Tensor:
    return torch.linspace(math.log(sigma_min), math.log(sigma_max), 1000).exp()


def _logarithmic_percent(schedule: Schedule, percent: float) -> float:
    if percent <= 0:
        return ABOVE_ALL
    if percent >= 1:
        return 0.0
    low, high = math.log(schedule.sigma_min), math.log(schedule.sigma_max)
    return math.exp(low + (1 - percent) * (high - low))


class DiscreteFlow(Schedule):
    """Flow times shifted towards noise: sigma = shift t / (1 + (shift - 1) t).

    Source: Esser et al. 2024, Equation 23.

    Args:
        shift: 1 leaves the times as they are.
        multiplier: The time value that the network takes for 1.
    """

    def __init__(self, *, shift: float = 1.0, multiplier: float = 1000.0) -> None:
        self._shift = shift
        self._multiplier = multiplier
        super().__init__(self.sigma(torch.arange(1, 1001) / 1000 * multiplier), Flow())

    def timestep(self, sigma: Tensor) -> Tensor:
        """The noise level in the network's units of time."""
        return sigma * self._multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        """The shifted time."""
        t = timestep / self._multiplier
        return self._shift * t / (1 + (self._shift - 1) * t)

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        t = 1 - min(max(percent, 0.0), 1.0)
        return self._shift * t / (1 + (self._shift - 1) * t)


class FluxFlow(Schedule):
    """Flow times shifted exponentially: sigma = e^mu / (e^mu + 1/t - 1); the time is sigma itself.

    Source: the reference program of FLUX.1.

    Args:
        shift: mu.
    """

    def __init__(self, *, shift: float = 1.15) -> None:
        self._scale = math.exp(shift)
        super().__init__(self.sigma(torch.arange(1, 10001) / 10000), Flow())

    def timestep(self, sigma: Tensor) -> Tensor:
        """The noise level."""
        return sigma

    def sigma(self, timestep: Tensor) -> Tensor:
        """The shifted time."""
        return self._scale / (self._scale + (1 / timestep - 1))

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        if percent >= 1:
            return 0.0
        return self._scale / (self._scale + 1 / (1 - max(percent, 0.0)) - 1)


class Cascade(Schedule):
    """The cosine schedule of Stable Cascade; times run 0..1.

    Source: Nichol and Dhariwal 2021, Equation 17; the shift of log-SNR is that of Hoogeboom et al. 2023.

    Args:
        shift: Factor on the side of the picture; 1 leaves the schedule as it is.
    """

    _OFFSET = 8e-3

    def __init__(self, *, shift: float = 1.0) -> None:
        self._shift = shift
        self._first = torch.cos(torch.tensor([self._OFFSET / (1 + self._OFFSET) * math.pi * 0.5])) ** 2
        super().__init__(self.sigma(torch.arange(1, 10001) / 10000), Eps())

    def timestep(self, sigma: Tensor) -> Tensor:
        """The share of the cosine at noise level sigma; the shift is left out of it."""
        alphas_bar = (1 / (sigma**2 + 1)).clamp(0, 1)
        angle = (alphas_bar * self._first.to(sigma.device)).sqrt().acos()
        return angle / (math.pi * 0.5) * (1 + self._OFFSET) - self._OFFSET

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a time 0..1."""
        angle = (timestep + self._OFFSET) / (1 + self._OFFSET) * math.pi * 0.5
        alphas_bar = torch.cos(angle) ** 2 / self._first.to(timestep.device)
        if self._shift != 1:
            log_snr = (alphas_bar / (1 - alphas_bar)).log() + 2 * math.log(1 / self._shift)
            alphas_bar = log_snr.sigmoid()
        alphas_bar = alphas_bar.clamp(0.0001, 0.9999)
        return ((1 - alphas_bar) / alphas_bar).sqrt()

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after a share 0..1 of the schedule."""
        if percent <= 0:
            return ABOVE_ALL
        if percent >= 1:
            return 0.0
        return float(self.sigma(torch.tensor(1 - percent)))
