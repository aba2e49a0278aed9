"""The UNets of Stable Diffusion 1, 2 and XL, in the layout of their original files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.errors import UnknownArchitecture
from core.models import inputs
from core.models.architecture import count, shape
from core.models.files import Tensors, WeightFile
from core.models.metadata import DENOISER_GROUPS, groups, with_preview
from core.sampling.interface import Cond, Request
from core.sampling.latent_format import LatentFormat, latent_format
from core.sampling.schedule import ContinuousEdm, Discrete, Schedule

_SD1_HEADS = 8
_HEAD_WIDTH = 64
_LATENT_CHANNELS = 4
_VARIANTS = {4: "", 8: "_ip2p", 9: "_inpaint"}
_V_MARK = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_V_SPREAD = 0.09


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the shapes of the tensors tell.

    Attributes:
        channels: Width of each level, outermost first.
        depths: Transformer blocks per attention of each level; 0 for a level without.
        middle_depth: Transformer blocks in the middle.
        context: Width of the text embedding.
        vector: Width of the vector input; 0 where there is none.
        linear: Whether the projections around a transformer are matrices; else 1x1 convolutions.
    """

    in_channels: int
    out_channels: int
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    middle_depth: int
    layers_per_block: int
    context: int
    vector: int
    linear: bool


@dataclass(frozen=True, slots=True)
class UNet:
    """One UNet of the Stable Diffusion line.

    Attributes:
        groups: Of its group norms.
    """

    base: Literal["sd15", "sd2", "sdxl", "sdxl_refiner"]
    sizes: Sizes
    schedule: Schedule
    latent_format: LatentFormat
    groups: int

    @property
    def name(self) -> str:
        """Which network: base and variant, as `sd15_inpaint`."""
        return self.base + _VARIANTS[self.sizes.in_channels]

    def build(self) -> nn.Module:
        """The diffusers class for these sizes."""
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

        return UNet2DConditionModel(**self.config())

    def config(self) -> dict[str, Any]:
        """The arguments of the diffusers class."""
        sizes = self.sizes
        # The class takes the depth of its middle from the last level.
        depths = (*sizes.depths[:-1], sizes.depths[-1] or sizes.middle_depth)
        config: dict[str, Any] = {
            "in_channels": sizes.in_channels,
            "out_channels": sizes.out_channels,
            "block_out_channels": sizes.channels,
            "layers_per_block": sizes.layers_per_block,
            "down_block_types": tuple("CrossAttnDownBlock2D" if d else "DownBlock2D" for d in sizes.depths),
            "up_block_types": tuple(
                "CrossAttnUpBlock2D" if d else "UpBlock2D" for d in reversed(sizes.depths)
            ),
            "transformer_layers_per_block": depths,
            "cross_attention_dim": sizes.context,
            # Despite its name, the number of heads.
            "attention_head_dim": tuple(self._heads(width) for width in sizes.channels),
            "use_linear_projection": sizes.linear,
            "norm_num_groups": self.groups,
        }
        if sizes.vector:
            # The vector comes finished, size embeddings included.
            config |= {
                "class_embed_type": "projection",
                "projection_class_embeddings_input_dim": sizes.vector,
            }
        return config

    def _heads(self, width: int) -> int:
        return _SD1_HEADS if self.base == "sd15" else max(1, width // _HEAD_WIDTH)

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of diffusers."""
        from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

        prefixed = {f"model.diffusion_model.{name}": tensor for name, tensor in tensors.items()}
        return convert_ldm_unet_checkpoint(prefixed, self.config())

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        """`context`, and what the variant reads besides: `vector`, `concat`."""
        result = {"context": inputs.context(cond, request, self.sizes.context)}
        if self.sizes.vector:
            vector = inputs.refiner_vector if self.base == "sdxl_refiner" else inputs.sdxl_vector
            result["vector"] = vector(cond, request, self.sizes.vector)
        match _VARIANTS[self.sizes.in_channels]:
            case "_inpaint":
                result["concat"] = inputs.inpaint_concat(cond, request, self.latent_format)
            case "_ip2p":
                result["concat"] = inputs.edit_concat(cond, request)
            case _:
                pass
        return result

    def forward(
        self, network: nn.Module, x: Tensor, timestep: Tensor, inputs: Mapping[str, Tensor]
    ) -> Tensor:
        """The raw prediction."""
        if "concat" in inputs:
            x = torch.cat([x, inputs["concat"]], dim=1)
        return network(x, timestep, inputs["context"], class_labels=inputs.get("vector"), return_dict=False)[
            0
        ]


def recognise(tensors: Tensors, file: WeightFile) -> UNet | None:
    """The UNet these tensors make up; None if they are something else.

    Args:
        tensors: Those of the denoiser, without their prefix.
        file: All of the file: some fine-tunes leave marks beside the network, or state things in words.

    Raises:
        UnknownArchitecture: A UNet, of a kind that is not supported.
        WeightsMismatch: A tensor that every UNet has is missing, or what is stated cannot be.
    """
    if "input_blocks.0.0.weight" not in tensors or "out.2.weight" not in tensors:
        return None
    if any("time_stack" in name or "time_mixer" in name for name in tensors):
        raise UnknownArchitecture("this is a video UNet (SVD or alike), which is not supported yet")
    sizes = _sizes(tensors)
    base = _base(sizes)
    if sizes.in_channels not in _VARIANTS or sizes.out_channels != _LATENT_CHANNELS:
        raise UnknownArchitecture(
            f"this UNet takes {sizes.in_channels} channels and gives {sizes.out_channels}; "
            "known are 4 (text to image), 8 (instruct pix2pix) and 9 (inpainting), giving 4"
        )
    return UNet(
        base,
        sizes,
        _schedule(base, sizes, tensors, file.tensors),
        with_preview(file.metadata, latent_format("SDXL" if base.startswith("sdxl") else "SD15")),
        groups(file.metadata, DENOISER_GROUPS, sizes.channels),
    )


def _base(sizes: Sizes) -> Literal["sd15", "sd2", "sdxl", "sdxl_refiner"]:
    if not sizes.vector:
        return "sd2" if sizes.linear else "sd15"
    if sizes.depths[0]:
        raise UnknownArchitecture(
            "this is an SD 2 UNet that reads image embeddings (unCLIP), not supported yet"
        )
    return "sdxl" if sizes.depths[-1] else "sdxl_refiner"


def _schedule(base: str, sizes: Sizes, tensors: Tensors, file: Tensors) -> Schedule:
    if base == "sdxl" and "edm_mean" in file and "edm_std" in file:
        raise UnknownArchitecture(
            "this is Playground 2.5, whose latents have their own scale; not supported yet"
        )
    if base == "sdxl" and "edm_vpred.sigma_max" in file:
        low = float(file["edm_vpred.sigma_min"]) if "edm_vpred.sigma_min" in file else 0.002
        return ContinuousEdm("v", sigma_min=low, sigma_max=float(file["edm_vpred.sigma_max"]))
    if "v_pred" in file:
        return Discrete("v", zsnr="ztsnr" in file)
    if base == "sd2" and sizes.in_channels == _LATENT_CHANNELS and _V_MARK in tensors:
        spread = float(tensors[_V_MARK].float().std(unbiased=False))
        return Discrete("v" if spread > _V_SPREAD else "eps")
    return Discrete("eps")


def _sizes(tensors: Tensors) -> Sizes:
    channels: list[int] = []
    depths: list[int] = []
    layers: list[int] = []
    for index in range(1, count(tensors, "input_blocks.")):
        block = f"input_blocks.{index}"
        if f"{block}.0.op.weight" in tensors:
            continue
        if index == 1 or f"input_blocks.{index - 1}.0.op.weight" in tensors:
            channels.append(shape(tensors, f"{block}.0.out_layers.3.weight")[0])
            depths.append(count(tensors, f"{block}.1.transformer_blocks."))
            layers.append(0)
        layers[-1] += 1
    middle_depth = count(tensors, "middle_block.1.transformer_blocks.")
    if not middle_depth or len(set(layers)) != 1:
        raise UnknownArchitecture(
            "this UNet has parts cut out of it (SSD-1B, Segmind Vega, KOALA or alike): not supported yet"
        )
    return Sizes(
        in_channels=shape(tensors, "input_blocks.0.0.weight")[1],
        out_channels=shape(tensors, "out.2.weight")[0],
        channels=tuple(channels),
        depths=tuple(depths),
        middle_depth=middle_depth,
        layers_per_block=layers[0],
        context=shape(tensors, "middle_block.1.transformer_blocks.0.attn2.to_k.weight")[1],
        vector=shape(tensors, "label_emb.0.0.weight")[1] if "label_emb.0.0.weight" in tensors else 0,
        linear=len(shape(tensors, "middle_block.1.proj_in.weight")) == 2,
    )
