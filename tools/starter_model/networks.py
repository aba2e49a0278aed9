"""The networks of the starter model: sizes that fit a small file and two processor cores.

All are the classes that any other checkpoint is loaded into, so what is trained here is what runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from core.models.text.chunks import chunks
from core.models.text.clip import CLIP_L, ClipText
from core.sampling.latent_format import latent_format

VAE_GROUPS = 4
DENOISER_GROUPS = 8
LATENT_SCALE = latent_format("SD15").scale
TEXT_WIDTH = 128
TEXT = ClipText(
    CLIP_L,
    prefix="cond_stage_model.transformer.",
    width=TEXT_WIDTH,
    mlp_width=4 * TEXT_WIDTH,
    layers=4,
    heads=2,
    projected=None,
)


def new_vae() -> AutoencoderKL:
    """Pixels to latents, 8x8 to one, and back."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=VAE_GROUPS,
    )


def new_denoiser() -> UNet2DConditionModel:
    """The UNet. Its outermost level is thin: most of the work is done on half the latent's side and below."""
    return UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        norm_num_groups=DENOISER_GROUPS,
    )


def new_text_encoder() -> nn.Module:
    """The CLIP text transformer with random weights."""
    network = TEXT.build()
    nn.init.normal_(network.get_submodule("text_model.embeddings.position_embedding").weight, std=0.02)
    return network


def text_states(network: nn.Module, ids: Tensor) -> Tensor:
    """What the UNet reads of prompts given as token ids [B,LENGTH]: [B,LENGTH,TEXT_WIDTH]."""
    model = network.get_submodule("text_model")
    embeddings = model.get_submodule("embeddings")
    x = embeddings.get_submodule("token_embedding")(ids)
    x = x + embeddings.get_submodule("position_embedding").weight[: ids.shape[1]]
    for block in model.get_submodule("encoder.layers").children():
        x = block(x, None, is_causal=True)
    return model.get_submodule("final_layer_norm")(x)


def padded_ids(prompts: Iterable[str]) -> Tensor:
    """Prompts as token ids [B,LENGTH], cut where they are longer."""
    first = (chunks(prompt, CLIP_L.padding, lambda _: None)[0] for prompt in prompts)
    return torch.tensor([[token.value for token in chunk] for chunk in first])
