"""What a weight file is, from the names and shapes of its tensors and, where they cannot tell, its metadata.

Its own name is never asked.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from core.errors import ModelError, UnknownArchitecture
from core.models import sd3, unet
from core.models.architecture import Architecture
from core.models.files import Tensors, WeightFile, below

DENOISER = "model.diffusion_model."

_FAMILIES: tuple[Callable[[Tensors, WeightFile], Architecture | None], ...] = (
    sd3.recognise,
    unet.recognise,
)

# First match wins: part of a tensor name, what such a file is, what to do with it.
_OTHERS = (
    ("lora_down.", "a LoRA", "load it with the Load LoRA node, on top of a checkpoint"),
    ("lora_A.", "a LoRA", "load it with the Load LoRA node, on top of a checkpoint"),
    ("hada_w1_a", "a LoRA (LoHa)", "load it with the Load LoRA node, on top of a checkpoint"),
    ("lokr_w", "a LoRA (LoKr)", "load it with the Load LoRA node, on top of a checkpoint"),
    ("input_hint_block.", "a ControlNet", "load it with the Load ControlNet Model node"),
    ("controlnet_cond_embedding.", "a ControlNet", "load it with the Load ControlNet Model node"),
    ("emb_params", "a textual inversion", "put it into the embeddings folder and name it in the prompt"),
    ("string_to_param", "a textual inversion", "put it into the embeddings folder and name it in the prompt"),
    ("image_proj", "an IP-Adapter", "load it with a node for IP-Adapters"),
    ("double_blocks.", "a Flux or Hunyuan Video network", "this family is not supported yet"),
    (
        "single_transformer_blocks.",
        "a Flux network in the layout of diffusers",
        "this family is not supported yet",
    ),
    ("time_stack", "a video network (SVD)", "this family is not supported yet"),
    (
        "down_blocks.0.resnets.0.time_emb_proj",
        "a UNet in the layout of diffusers",
        "use the single-file version",
    ),
    (
        "transformer_blocks.0.attn.add_q_proj",
        "a transformer in the layout of diffusers",
        "use the single-file version",
    ),
    ("decoder.up.0.block.0", "a VAE alone", "load it with the Load VAE node"),
    ("decoder.up_blocks.0.resnets.0", "a VAE alone", "load it with the Load VAE node"),
    ("vision_model.encoder", "an image encoder", "load it with the Load CLIP Vision node"),
    ("visual.transformer.resblocks", "an image encoder", "load it with the Load CLIP Vision node"),
    ("text_model.encoder", "a text encoder alone", "load it with the Load CLIP node"),
    ("transformer.resblocks", "a text encoder alone", "load it with the Load CLIP node"),
    ("SelfAttention.q", "a T5 text encoder alone", "load it with the Load CLIP node"),
    (".rdb1.", "an upscaler", "load it with the Load Upscale Model node"),
    (".RDB1.", "an upscaler", "load it with the Load Upscale Model node"),
)


def denoiser_tensors(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of the denoiser, without the prefix they have in a checkpoint."""
    return below(tensors, DENOISER) or dict(tensors)


def recognise(file: WeightFile) -> Architecture:
    """The denoiser in a file.

    Raises:
        UnknownArchitecture: It holds no denoiser, or one of an unknown kind.
        WeightsMismatch: It holds a part of one, or its metadata cannot be true of it.
    """
    found = denoiser_tensors(file.tensors)
    try:
        for family in _FAMILIES:
            architecture = family(found, file)
            if architecture is not None:
                return architecture
    except ModelError as error:
        raise type(error)(f"{file.path.name}: {error}") from error
    raise UnknownArchitecture(f"{file.path.name} {describe(file.tensors)}")


def describe(tensors: Tensors) -> str:
    """What a file without a known denoiser seems to be, as the rest of a sentence, and what to do with it."""
    for part, kind, advice in _OTHERS:
        if any(part in name for name in tensors):
            return f"seems to be {kind}: {advice}"
    some = ", ".join(list(tensors)[:3])
    return f"is of no kind Darkroom knows ({len(tensors)} tensors, such as {some}): check where it came from"
