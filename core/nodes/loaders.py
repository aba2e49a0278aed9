"""Nodes that load model files."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from core.nodes.api import Context, FileChoice, Folders, node
from core.nodes.types import Clip, Model, Vae


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
