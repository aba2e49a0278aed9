"""VAEs as values that nodes pass on: pictures to latents and back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from core.models.assemble import never
from core.models.cache import Handle
from core.models.files import Check
from core.models.tiles import three_ways

_TILE = 512
_OVERLAP = 64
_COLOURS = 3


class Coder(Protocol):
    """An autoencoder in place. Pictures are [B,3,H,W] in -1..1, latents [B,C,h,w]."""

    def encode(self, x: Tensor) -> Tensor:
        """The latent of pictures."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of a latent."""
        ...


@dataclass(frozen=True, slots=True)
class Vae:
    """An autoencoder, light to copy; its weights are shared and may be anywhere.

    Attributes:
        channels: Channels of its latents.
        downscale: Pixels per latent cell and side.
        resident: The autoencoder on the compute device, until the block ends.
        make_room: Evicts other models when memory runs out.
    """

    channels: int
    downscale: int
    resident: Callable[[Check], AbstractContextManager[Coder]]
    make_room: Callable[[], object]

    def encode(self, pixels: Tensor, check: Check = never) -> Tensor:
        """The latent [B,C,h,w] of pictures [B,H,W,3] in 0..1: the mode, never a sample.

        Sides that are no multiple of `downscale` are cropped around the middle, and channels after the third
        (transparency) are left out. Tiled where memory runs out.

        Args:
            check: Called before each picture; may raise `Cancelled`.

        Raises:
            ValueError: There are no pictures, or they are too small or without colours.
        """
        x = self._signal(pixels)
        with self.resident(check) as coder:
            try:
                return _one_by_one(coder.encode, x, check)
            except RuntimeError as error:
                _raise_unless_full(error)
            self.make_room()
            return self._encode_tiles(coder, x, _TILE, _OVERLAP, check)

    def decode(self, latent: Tensor, check: Check = never) -> Tensor:
        """The pictures [B,H,W,3] in 0..1 of a latent [B,C,h,w]. Tiled where memory runs out.

        Args:
            check: Called before each picture; may raise `Cancelled`.

        Raises:
            ValueError: The latent is empty, or has other channels than this VAE makes.
        """
        self._expect(latent)
        with self.resident(check) as coder:
            try:
                return _pixels(_one_by_one(coder.decode, latent, check))
            except RuntimeError as error:
                _raise_unless_full(error)
            self.make_room()
            return _pixels(self._decode_tiles(coder, latent, _TILE, _OVERLAP, check))

    def encode_tiled(
        self, pixels: Tensor, tile: int = _TILE, overlap: int = _OVERLAP, check: Check = never
    ) -> Tensor:
        """`encode`, with less memory and slightly other numbers.

        Args:
            tile: Side of a tile in pixels.
            overlap: Pixels by which tiles overlap.
            check: Called before each tile; may raise `Cancelled`.

        Raises:
            ValueError: The overlap is half a tile or more.
        """
        if overlap * 2 >= tile:
            raise ValueError(f"an overlap of {overlap} is too much for tiles of {tile}: use less than half")
        with self.resident(check) as coder:
            return self._encode_tiles(coder, self._signal(pixels), tile, overlap, check)

    def decode_tiled(
        self, latent: Tensor, tile: int = _TILE, overlap: int = _OVERLAP, check: Check = never
    ) -> Tensor:
        """`decode`, with less memory and slightly other numbers.

        Args:
            tile: Side of a tile in pixels.
            overlap: Pixels by which tiles overlap; a quarter of the tile where that is less.
            check: Called before each tile; may raise `Cancelled`.
        """
        self._expect(latent)
        with self.resident(check) as coder:
            return _pixels(self._decode_tiles(coder, latent, tile, min(overlap, tile // 4), check))

    def _encode_tiles(self, coder: Coder, x: Tensor, tile: int, overlap: int, check: Check) -> Tensor:
        scale = 1 / self.downscale
        return three_ways(
            coder.encode, x, tile=tile, overlap=overlap, scale=scale, channels=self.channels, check=check
        )

    def _decode_tiles(self, coder: Coder, z: Tensor, tile: int, overlap: int, check: Check) -> Tensor:
        tile, overlap = tile // self.downscale, overlap // self.downscale
        return three_ways(
            coder.decode, z, tile=tile, overlap=overlap, scale=self.downscale, channels=_COLOURS, check=check
        )

    def _signal(self, pixels: Tensor) -> Tensor:
        """Pictures [B,H,W,C] as [B,3,h,w] in -1..1, cropped to whole latent cells."""
        count, height, width, channels = pixels.shape
        if not count or channels < _COLOURS:
            raise ValueError(
                f"{count} pictures of {channels} channels cannot be encoded: give at least one, "
                f"of {_COLOURS} channels (red, green, blue)"
            )
        if min(height, width) < self.downscale:
            raise ValueError(f"a picture of {width}x{height} is too small for this VAE: enlarge it first")
        y, x = height % self.downscale, width % self.downscale
        cropped = pixels[:, y // 2 : y // 2 + height - y, x // 2 : x // 2 + width - x, :_COLOURS]
        return cropped.movedim(-1, 1).float() * 2 - 1

    def _expect(self, latent: Tensor) -> None:
        if latent.ndim != 4 or not latent.numel():
            raise ValueError(
                f"a latent of shape {tuple(latent.shape)} holds no pictures: "
                "this VAE decodes [B,C,h,w], none of them 0"
            )
        if latent.shape[1] != self.channels:
            raise ValueError(
                f"the latent has {latent.shape[1]} channels, this VAE decodes {self.channels}: "
                "use the VAE that belongs to the model"
            )


def _one_by_one(function: Callable[[Tensor], Tensor], samples: Tensor, check: Check) -> Tensor:
    results: list[Tensor] = []
    for index in range(len(samples)):
        check()
        results.append(function(samples[index : index + 1]))
    return torch.cat(results)


def _pixels(x: Tensor) -> Tensor:
    return ((x + 1) / 2).clamp(0, 1).movedim(1, -1).contiguous()


def _raise_unless_full(error: RuntimeError) -> None:
    # PyTorch has a class for a full accelerator, but only a sentence for a full host.
    if not isinstance(error, torch.OutOfMemoryError) and "not enough memory" not in str(error):
        raise error


@dataclass(frozen=True, slots=True)
class KlCoder:
    """A resident AutoencoderKL; takes and gives float32 on the host."""

    network: Any

    def encode(self, x: Tensor) -> Tensor:
        """The mode of the posterior."""
        with torch.no_grad():
            return self.network.encode(self._ready(x)).latent_dist.mode().float().cpu()

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of a latent."""
        with torch.no_grad():
            return self.network.decode(self._ready(z), return_dict=False)[0].float().cpu()

    def _ready(self, samples: Tensor) -> Tensor:
        weight = next(self.network.parameters())
        return samples.to(weight.device, weight.dtype)


def kl_vae(weights: Handle[nn.Module], channels: int, downscale: int) -> Vae:
    """The VAE whose weights a handle stands for."""

    @contextmanager
    def resident(check: Check) -> Generator[Coder]:
        with weights.resident(check) as network:
            yield KlCoder(network)

    return Vae(channels, downscale, resident, weights.cache.evict_idle)


class _Identity:
    def encode(self, x: Tensor) -> Tensor:
        return x

    def decode(self, z: Tensor) -> Tensor:
        return z


def pixel_space() -> Vae:
    """A VAE that changes nothing, for networks that work on pixels: its latents are pictures in -1..1."""
    return Vae(_COLOURS, 1, lambda check: nullcontext(_Identity()), lambda: 0)
