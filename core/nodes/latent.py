"""Nodes that make, change, encode and decode latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from core.nodes.api import (
    Choice,
    Context,
    FileChoice,
    Folders,
    Prompt,
    Range,
    Shown,
    Text,
    WorkflowInfo,
    node,
)
from core.nodes.input_files import content_hash, require_input
from core.nodes.types import Image, Latent, Mask, Vae

if TYPE_CHECKING:
    from torch import Tensor

Side = Annotated[int, Range(16, 16384, step=8)]
OptionalSide = Annotated[int, Range(0, 16384, step=8)]
Method = Annotated[str, Choice(("nearest-exact", "bilinear", "area", "bicubic", "bislerp"))]
Crop = Annotated[str, Choice(("disabled", "center"))]


@node("EmptyLatentImage", category="latent", title="Empty Latent Image")
def empty(*, width: Side = 512, height: Side = 512, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """A latent to make new pictures from, sized in pixels.

    Args:
        batch_size: How many pictures to make at once.
    """
    import torch

    return {"samples": torch.zeros(batch_size, 4, height // 8, width // 8)}


@node("LatentUpscale", category="latent", title="Upscale Latent")
def upscale(
    *,
    samples: Latent,
    upscale_method: Method,
    width: OptionalSide = 512,
    height: OptionalSide = 512,
    crop: Crop,
) -> Latent:
    """A latent in another size, in pixels. A side of 0 follows from the other one; both 0 change nothing."""
    from core.media.resample import complete_size, resize

    if width == 0 and height == 0:
        return samples
    old = samples["samples"]
    width, height = complete_size((old.shape[-1], old.shape[-2]), width, height, least=64)
    resized = resize(old, width // 8, height // 8, upscale_method, crop)
    return {**samples, "samples": resized}


@node("LatentUpscaleBy", category="latent", title="Upscale Latent By")
def upscale_by(
    *, samples: Latent, upscale_method: Method, scale_by: Annotated[float, Range(0.01, 8.0, step=0.01)] = 1.5
) -> Latent:
    """A latent `scale_by` times as wide and high."""
    from core.media.resample import resize

    old = samples["samples"]
    width, height = (max(1, round(side * scale_by)) for side in (old.shape[-1], old.shape[-2]))
    return {**samples, "samples": resize(old, width, height, upscale_method)}


@node("SetLatentNoiseMask", category="latent/inpaint", title="Set Latent Noise Mask")
def set_noise_mask(*, samples: Latent, mask: Mask) -> Latent:
    """A latent that sampling changes only where the mask is white."""
    return {**samples, "noise_mask": _one_channel(mask)}


@node("VAEDecode", category="latent", title="VAE Decode")
def decode(*, ctx: Context, samples: Latent, vae: Vae) -> Image:
    """The pictures that a latent stands for."""
    return vae.decode(samples["samples"], check=ctx.check_cancelled)


@node("VAEEncode", category="latent", title="VAE Encode")
def encode(*, ctx: Context, pixels: Image, vae: Vae) -> Latent:
    """Pictures as a latent."""
    return {"samples": vae.encode(pixels, check=ctx.check_cancelled)}


@node("VAEEncodeForInpaint", category="latent/inpaint", title="VAE Encode (for Inpainting)")
def encode_for_inpaint(
    *,
    ctx: Context,
    pixels: Image,
    vae: Vae,
    mask: Mask,
    grow_mask_by: Annotated[int, Range(0, 64, step=1)] = 6,
) -> Latent:
    """Pictures as a latent whose masked part is greyed out and will be made anew.

    Args:
        mask: White where the picture is to be replaced.
        grow_mask_by: Pixels by which the replaced part is wider than the greyed one, for a seamless edge.
    """
    from core.media.resample import resize
    from core.sampling.regions import repeated

    height, width = pixels.shape[1:3]
    masks = resize(_one_channel(mask), width, height, "bilinear")
    kept = 1.0 - repeated(masks, len(pixels)).movedim(1, -1).round()
    samples = vae.encode((pixels - 0.5) * kept + 0.5, check=ctx.check_cancelled)
    return {"samples": samples, "noise_mask": _grow(_cropped(masks, vae.downscale), grow_mask_by).round()}


@node("LoadLatent", category="_for_testing", title="LoadLatent")
def load_latent(
    *, folders: Folders, latent: Annotated[str, FileChoice("input", accepts=("latent",))]
) -> Latent:
    """A latent from a file of the input folder.

    Args:
        latent: A `.latent` file.
    """
    from core.media import latents

    return {"samples": latents.load_latent(folders.resolve("input", latent))}


@load_latent.fingerprint
def _(latent: str, folders: Folders) -> str:
    return content_hash(folders, latent)


@load_latent.validate
def _(latent: str, folders: Folders) -> None:
    require_input(folders, latent, input="latent")


@node("SaveLatent", category="_for_testing", title="SaveLatent", output=True)
def save_latent(
    *,
    folders: Folders,
    samples: Latent,
    filename_prefix: Annotated[str, Text()] = "latents/ComfyUI",
    prompt: Prompt,
    extra_pnginfo: WorkflowInfo,
) -> Shown[None]:
    """Saves a latent with its graph to the output folder.

    Args:
        filename_prefix: Start of the file name; may contain subfolders.
    """
    from core.media import latents
    from core.media.picture_text import graph_texts

    texts = graph_texts(prompt, extra_pnginfo)
    saved = latents.save_latent(samples["samples"], folders.output, filename_prefix, texts=texts)
    return Shown(None, latents=saved)


def _one_channel(mask: Tensor) -> Tensor:
    """A mask [B,H,W] as [B,1,H,W]."""
    return mask.reshape(-1, 1, *mask.shape[-2:])


def _cropped(masks: Tensor, factor: int) -> Tensor:
    """Masks [B,1,H,W] cut around the middle to sides that are a multiple, as the VAE cuts pictures."""
    height, width = (side // factor * factor for side in masks.shape[2:])
    y, x = (masks.shape[2] - height) // 2, (masks.shape[3] - width) // 2
    return masks[..., y : y + height, x : x + width]


def _grow(mask: Tensor, pixels: int) -> Tensor:
    """A mask [B,1,H,W] widened by about half of `pixels` on every side."""
    from torch.nn.functional import max_pool2d, pad

    if pixels == 0:
        return mask
    before, after = pixels // 2, (pixels - 1) // 2
    return max_pool2d(pad(mask.round(), (before, after, before, after)), pixels, stride=1)
