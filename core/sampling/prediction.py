"""Prediction types: how a network's output becomes a denoised latent, and how noise is put on a latent.

`sigma` is [B] or a single value, on the device of the latents.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


def spread(sigma: Tensor, x: Tensor) -> Tensor:
    """The noise levels [B] in a shape that multiplies x [B,...]."""
    return sigma.reshape(-1, *[1] * (x.ndim - 1))


@dataclass(frozen=True, slots=True)
class Eps:
    """The network predicts the noise.

    Source: Ho et al. 2020, in the variance-exploding form of Karras et al. 2022, Table 1.
    """

    sigma_data: float = 1.0

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What the network is shown."""
        return x / (spread(sigma, x) ** 2 + self.sigma_data**2).sqrt()

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The denoised latent that the network's output stands for."""
        return x - output * spread(sigma, x)

    def noised(self, sigma: Tensor, noise: Tensor, latent: Tensor, full: bool) -> Tensor:
        """The latent with noise of strength sigma; `full` where sigma is as high as the schedule goes."""
        sigma = spread(sigma, noise)
        return noise * ((1 + sigma**2).sqrt() if full else sigma) + latent

    def unnoised(self, sigma: Tensor, x: Tensor) -> Tensor:
        """x in the scale of a clean latent, for a run that stopped at sigma."""
        del sigma
        return x


@dataclass(frozen=True, slots=True)
class V(Eps):
    """The network predicts the velocity between noise and latent.

    Source: Salimans and Ho 2022, Section 4.
    """

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The denoised latent that the network's output stands for."""
        sigma = spread(sigma, x)
        variance = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / variance - output * sigma * self.sigma_data / variance.sqrt()


@dataclass(frozen=True, slots=True)
class Edm(Eps):
    """The network predicts a mix of noise and latent of constant size.

    Source: Karras et al. 2022, Equation 7.
    """

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The denoised latent that the network's output stands for."""
        sigma = spread(sigma, x)
        variance = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / variance + output * sigma * self.sigma_data / variance.sqrt()


@dataclass(frozen=True, slots=True)
class Flow(Eps):
    """The network predicts noise minus latent; sigma is the share of noise, 0..1.

    Source: Liu et al. 2022, Equation 1.
    """

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What the network is shown."""
        del sigma
        return x

    def noised(self, sigma: Tensor, noise: Tensor, latent: Tensor, full: bool) -> Tensor:
        """The latent with the share sigma of it replaced by noise."""
        del full
        sigma = spread(sigma, noise)
        return sigma * noise + (1 - sigma) * latent

    def unnoised(self, sigma: Tensor, x: Tensor) -> Tensor:
        """x in the scale of a clean latent, for a run that stopped at sigma."""
        return x / (1 - spread(sigma, x))


@dataclass(frozen=True, slots=True)
class CosmosFlow(Eps):
    """A flow network driven in the sigma range of EDM: its share of noise is sigma / (sigma + 1)."""

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What the network is shown."""
        return x / (spread(sigma, x) + 1)

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The denoised latent that the network's output stands for."""
        sigma = spread(sigma, x)
        share = sigma / (sigma + 1)
        return x * (1 - share) - output * share

    def noised(self, sigma: Tensor, noise: Tensor, latent: Tensor, full: bool) -> Tensor:
        """The latent with noise of strength sigma."""
        del full
        return noise * spread(sigma, noise) + latent
