"""The transformer of Stable Diffusion 3 and 3.5, in the layout of its original files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import pad

from core.errors import ModelError
from core.models import inputs
from core.models.architecture import count, shape
from core.models.files import Tensors, WeightFile
from core.sampling.interface import Cond, Request
from core.sampling.latent_format import LatentFormat, latent_format
from core.sampling.schedule import DiscreteFlow, Schedule

_HEAD_WIDTH = 64


@dataclass(frozen=True, slots=True)
class SD3:
    """One transformer of the SD3 line, every size read off its tensors.

    Attributes:
        positions: Side of the position table, in patches.
        dual_layers: Layers with a second attention over the picture alone.
    """

    channels: int
    patch: int
    hidden: int
    depth: int
    context: int
    vector: int
    positions: int
    dual_layers: tuple[int, ...]
    qk_norm: bool
    name: str = "sd3"

    @property
    def schedule(self) -> Schedule:
        """A flow, shifted towards noise."""
        return DiscreteFlow(shift=3.0)

    @property
    def latent_format(self) -> LatentFormat:
        """Channels and scale of its latents."""
        return latent_format("SD3")

    def build(self) -> nn.Module:
        """The diffusers class for these sizes."""
        from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

        return SD3Transformer2DModel(
            sample_size=self.positions * self.patch,
            patch_size=self.patch,
            in_channels=self.channels,
            out_channels=self.channels,
            num_layers=self.depth,
            attention_head_dim=_HEAD_WIDTH,
            num_attention_heads=self.hidden // _HEAD_WIDTH,
            joint_attention_dim=self.context,
            caption_projection_dim=self.hidden,
            pooled_projection_dim=self.vector,
            pos_embed_max_size=self.positions,
            dual_attention_layers=self.dual_layers,
            qk_norm="rms_norm" if self.qk_norm else None,
        )

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of diffusers."""
        from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

        # The converter empties what it is given.
        return convert_sd3_transformer_checkpoint_to_diffusers(dict(tensors))

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        """`tokens` and, as `vector`, the pooled text."""
        return {
            "tokens": inputs.context(cond, request, self.context),
            "vector": inputs.pooled(cond, request, self.vector),
        }

    def forward(
        self, network: nn.Module, x: Tensor, timestep: Tensor, inputs: Mapping[str, Tensor]
    ) -> Tensor:
        """The raw prediction; sides that are no multiple of the patch are wrapped around, then cut again.

        Raises:
            ModelError: The latent is larger than the position table.
        """
        height, width = x.shape[-2:]
        if max(height, width) > self.positions * self.patch:
            limit = self.positions * self.patch * 8
            raise ModelError(
                f"this network makes pictures of at most {limit} pixels a side; choose a smaller size"
            )
        x = pad(x, (0, -width % self.patch, 0, -height % self.patch), mode="circular")
        output = network(x, inputs["tokens"], inputs["vector"], timestep, return_dict=False)[0]
        return output[..., :height, :width]


def recognise(tensors: Tensors, file: WeightFile) -> SD3 | None:
    """The SD3 transformer these tensors make up; None if they are something else.

    Raises:
        WeightsMismatch: A tensor that every SD3 transformer has is missing.
    """
    del file
    if not any(name.startswith("joint_blocks.") for name in tensors):
        return None
    hidden, channels, patch, _ = shape(tensors, "x_embedder.proj.weight")
    return SD3(
        channels=channels,
        patch=patch,
        hidden=hidden,
        depth=count(tensors, "joint_blocks."),
        context=shape(tensors, "context_embedder.weight")[1],
        vector=shape(tensors, "y_embedder.mlp.0.weight")[1],
        positions=math.isqrt(shape(tensors, "pos_embed")[1]),
        dual_layers=tuple(sorted({int(n.split(".")[1]) for n in tensors if ".x_block.attn2." in n})),
        qk_norm="joint_blocks.0.x_block.attn.ln_q.weight" in tensors,
    )
