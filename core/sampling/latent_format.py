"""Latent formats: how an autoencoder's latents are scaled for a network, and what colours they stand for."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

import resources


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """Channels, scale and colours of one kind of latent.

    Attributes:
        name: The name families refer to.
        channels: Channels of a latent.
        dimensions: Axes after the channels: 1 for sound, 2 for pictures, 3 for video.
        scale: Factor into the network's units.
        shift: Subtracted before scaling.
        mean: Mean of each channel, subtracted before scaling; None where the shift is one number.
        std: Deviation of each channel, divided by.
        rgb_factors: Red, green and blue of each channel, for previews; None where no picture can be shown.
        rgb_bias: Red, green and blue of a latent of zeros.
        taesd: Start of the file name of the small preview decoder.
    """

    name: str
    channels: int
    dimensions: int = 2
    scale: float = 1.0
    shift: float = 0.0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    rgb_factors: tuple[tuple[float, ...], ...] | None = None
    rgb_bias: tuple[float, ...] | None = None
    taesd: str | None = None

    def into_model(self, latent: Tensor) -> Tensor:
        """An autoencoder's latent [B,C,...] in the network's units."""
        if self.mean is None or self.std is None:
            return (latent - self.shift) * self.scale
        return (latent - _channels(self.mean, latent)) * self.scale / _channels(self.std, latent)

    def out_of_model(self, latent: Tensor) -> Tensor:
        """A network's latent [B,C,...] in the autoencoder's units."""
        if self.mean is None or self.std is None:
            return latent / self.scale + self.shift
        return latent * _channels(self.std, latent) / self.scale + _channels(self.mean, latent)


def _channels(values: tuple[float, ...], latent: Tensor) -> Tensor:
    return latent.new_tensor(values).reshape(1, -1, *[1] * (latent.ndim - 2))


@functools.cache
def latent_formats() -> Mapping[str, LatentFormat]:
    """Every known format by name."""
    text = resources.path("latent_formats.json").read_text(encoding="utf-8")
    return {name: _read(name, facts) for name, facts in json.loads(text).items()}


def latent_format(name: str) -> LatentFormat:
    """The format of that name.

    Raises:
        ValueError: No such format.
    """
    formats = latent_formats()
    if name not in formats:
        raise ValueError(f"unknown latent format {name!r}; known are {', '.join(formats)}")
    return formats[name]


def _read(name: str, facts: Mapping[str, object]) -> LatentFormat:
    return LatentFormat(name, **{key: _frozen(value) for key, value in facts.items()})  # pyright: ignore[reportArgumentType]


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
