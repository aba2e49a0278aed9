"""The autoencoders of Stable Diffusion and Flux (AutoencoderKL), from original and from diffusers files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.errors import UnknownArchitecture, WeightsMismatch
from core.models.architecture import count, shape
from core.models.files import Tensors, WeightFile, below
from core.models.metadata import VAE_GROUPS, Metadata, groups

PREFIX = "first_stage_model."

# Names that diffusers gave up, still found in files.
_OLD_NAMES = (
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
)


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """One autoencoder, every size read off its tensors but for the groups of its norms.

    Attributes:
        channels: Channels of a latent.
        widths: Width of each level, outermost first.
        quant: Whether latents pass a 1x1 convolution on their way in and out.
        original: Whether the file has the original names; else those of diffusers.
        groups: Of its group norms.
    """

    channels: int
    widths: tuple[int, ...]
    layers_per_block: int
    quant: bool
    original: bool
    groups: int

    @property
    def downscale(self) -> int:
        """Pixels per latent cell and side."""
        return 2 ** (len(self.widths) - 1)

    def build(self) -> nn.Module:
        """The diffusers class for these sizes."""
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

        return AutoencoderKL(**self.config())

    def config(self) -> dict[str, Any]:
        """The arguments of the diffusers class."""
        levels = len(self.widths)
        return {
            "latent_channels": self.channels,
            "block_out_channels": self.widths,
            "layers_per_block": self.layers_per_block,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "use_quant_conv": self.quant,
            "use_post_quant_conv": self.quant,
            "norm_num_groups": self.groups,
        }

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of diffusers."""
        if not self.original:
            return {_renamed(name): tensor for name, tensor in tensors.items()}
        from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

        return convert_ldm_vae_checkpoint(dict(tensors), self.config())


def vae_tensors(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of the VAE without their prefix in a checkpoint, and without leftovers of training."""
    found = below(tensors, PREFIX) or tensors
    parts = re.compile(r"(encoder|decoder|quant_conv|post_quant_conv)\.")
    return {name: tensor for name, tensor in found.items() if parts.match(name)}


def recognise(file: WeightFile) -> Autoencoder:
    """The autoencoder in a file.

    Raises:
        UnknownArchitecture: It holds none, or one of another kind.
        WeightsMismatch: A tensor that every one of them has is missing, or the metadata cannot be true of it.
    """
    tensors = vae_tensors(file.tensors)
    if "decoder.conv_in.weight" not in tensors or len(shape(tensors, "decoder.conv_in.weight")) != 4:
        raise UnknownArchitecture(
            f"{file.path.name} holds no image VAE of a kind Darkroom knows (SD 1 to 3, SDXL, Flux)"
        )
    try:
        return _read(tensors, file.metadata)
    except WeightsMismatch as error:
        raise WeightsMismatch(f"{file.path.name}: {error}") from error


def _read(tensors: Tensors, metadata: Metadata) -> Autoencoder:
    original = "encoder.down.0.block.0.conv1.weight" in tensors
    level, block = ("encoder.down.", "block") if original else ("encoder.down_blocks.", "resnets")
    levels = count(tensors, level)
    widths = tuple(shape(tensors, f"{level}{i}.{block}.0.conv1.weight")[0] for i in range(levels))
    return Autoencoder(
        channels=shape(tensors, "decoder.conv_in.weight")[1],
        widths=widths,
        layers_per_block=count(tensors, f"{level}0.{block}."),
        quant="quant_conv.weight" in tensors,
        original=original,
        groups=groups(metadata, VAE_GROUPS, widths),
    )


def _renamed(name: str) -> str:
    if ".attentions." in name:
        for old, new in _OLD_NAMES:
            name = name.replace(old, new)
    return name
