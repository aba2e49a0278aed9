"""Nodes that load model files."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from core.nodes.api import Context, FileChoice, Folders, Range, node
from core.nodes.types import Clip, ClipVision, Model, Vae

Strength = Annotated[float, Range(-100.0, 100.0, step=0.01)]


class Loaded(NamedTuple):
    """What a checkpoint holds."""

    model: Model
    clip: Clip
    vae: Vae


@node("CheckpointLoaderSimple", category="loaders", title="Load Checkpoint")
def load_checkpoint(
    *, ctx: Context, folders: Folders, ckpt_name: Annotated[str, FileChoice("checkpoints")]
) -> Loaded:
    """Loads a checkpoint: the denoiser, the text encoder and the VAE in one file.

    Args:
        ckpt_name: A file of the `checkpoints` folder.

    Returns:
        model: Denoises latents.
        clip: Encodes text.
        vae: Turns pictures into latents and back.
    """
    from core.models import load
    from core.models.cache import ModelCache

    return Loaded(*load.load_checkpoint(folders.resolve("checkpoints", ckpt_name), ctx.service(ModelCache)))


class WithLora(NamedTuple):
    """A model and its text encoder, changed by a LoRA."""

    model: Model
    clip: Clip


@node("LoraLoader", category="loaders", title="Load LoRA")
def load_lora(
    *,
    folders: Folders,
    model: Model,
    clip: Clip,
    lora_name: Annotated[str, FileChoice("loras")],
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
) -> WithLora:
    """Changes a denoiser and its text encoder by a LoRA; several of these nodes in a row add up.

    Args:
        model: The denoiser that the LoRA was made for.
        clip: The text encoder that belongs to it.
        lora_name: A file of the `loras` folder.
        strength_model: How much the denoiser changes: 1 is what was trained, 0 nothing, below 0 the opposite.
        strength_clip: How much the text encoder changes.

    Returns:
        model: The changed denoiser.
        clip: The changed text encoder.
    """
    from core.models.lora import read_lora

    if not strength_model and not strength_clip:
        return WithLora(model, clip)
    lora = read_lora(folders.resolve("loras", lora_name))
    return WithLora(lora.on_model(model, strength_model), lora.on_clip(clip, strength_clip))


@node("LoraLoaderModelOnly", category="loaders", title="LoraLoaderModelOnly")
def load_lora_model_only(
    *,
    folders: Folders,
    model: Model,
    lora_name: Annotated[str, FileChoice("loras")],
    strength_model: Strength = 1.0,
) -> Model:
    """Changes a denoiser by a LoRA and leaves the text encoder alone; several of these nodes in a row add up.

    Args:
        model: The denoiser that the LoRA was made for.
        lora_name: A file of the `loras` folder.
        strength_model: How much the denoiser changes: 1 is what was trained, 0 nothing, below 0 the opposite.
    """
    from core.models.lora import read_lora

    if not strength_model:
        return model
    return read_lora(folders.resolve("loras", lora_name)).on_model(model, strength_model)


@node("VAELoader", category="loaders", title="Load VAE")
def load_vae(
    *, ctx: Context, folders: Folders, vae_name: Annotated[str, FileChoice("vae", extra=("pixel_space",))]
) -> Vae:
    """Loads a VAE.

    Args:
        vae_name: A file of the `vae` folder; `pixel_space` passes pictures through unchanged.
    """
    from core.models import load
    from core.models.cache import ModelCache
    from core.models.vae import pixel_space

    if vae_name == "pixel_space":
        return pixel_space()
    return load.load_vae(folders.resolve("vae", vae_name), ctx.service(ModelCache))


@node("CLIPVisionLoader", category="loaders", title="Load CLIP Vision")
def load_clip_vision(
    *, ctx: Context, folders: Folders, clip_name: Annotated[str, FileChoice("clip_vision")]
) -> ClipVision:
    """Loads an image encoder.

    Args:
        clip_name: A file of the `clip_vision` folder, of CLIP or SigLIP, with or without its text encoder.
    """
    from core.models import load
    from core.models.cache import ModelCache

    return load.load_image_encoder(folders.resolve("clip_vision", clip_name), ctx.service(ModelCache))
