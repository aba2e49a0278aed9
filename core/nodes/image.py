"""Nodes that load, save and change pictures."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from core.nodes.api import Choice, FileChoice, Folders, Prompt, Range, Shown, Text, WorkflowInfo, node
from core.nodes.input_files import content_hash, require_input
from core.nodes.types import Image, Mask

Method = Annotated[str, Choice(("nearest-exact", "bilinear", "area", "bicubic", "lanczos"))]
Side = Annotated[int, Range(0, 16384, step=1)]
InputPicture = Annotated[str, FileChoice("input", accepts=("image",), upload=True)]
InputMask = Annotated[str, FileChoice("input", upload=True)]


class Picture(NamedTuple):
    """A picture and what is transparent in it."""

    image: Image
    mask: Mask


@node("LoadImage", category="image", title="Load Image")
def load_image(*, folders: Folders, image: InputPicture) -> Picture:
    """Loads a picture of the input folder, upright; the frames of an animation become a batch.

    Args:
        image: A file name; `name [output]` takes it from the output folder.

    Returns:
        mask: 1 where the picture is transparent; 64x64 zeros where it has no transparency.
    """
    import torch

    from core.media import images

    loaded = images.load_image(folders.resolve("input", image))
    return Picture(torch.from_numpy(loaded.image), torch.from_numpy(loaded.mask))


@node("LoadImageMask", category="mask", title="Load Image (as Mask)")
def load_mask(
    *,
    folders: Folders,
    image: InputMask,
    channel: Annotated[str, Choice(("alpha", "red", "green", "blue"))],
) -> Mask:
    """One channel of a picture of the input folder as a mask.

    Args:
        channel: `alpha` gives 1 where the picture is transparent.
    """
    import torch

    from core.media import images

    return torch.from_numpy(images.load_mask(folders.resolve("input", image), channel))


@load_image.fingerprint
@load_mask.fingerprint
def _(image: str, folders: Folders) -> str:
    return content_hash(folders, image)


@load_image.validate
@load_mask.validate
def _(image: str, folders: Folders) -> None:
    require_input(folders, image, input="image")


@node("SaveImage", category="image", title="Save Image", output=True)
def save_image(
    *,
    folders: Folders,
    images: Image,
    filename_prefix: Annotated[str, Text()] = "ComfyUI",
    prompt: Prompt,
    extra_pnginfo: WorkflowInfo,
) -> Shown[None]:
    """Saves pictures to the output folder, each with its graph inside.

    Args:
        filename_prefix: Start of the file names; may contain subfolders, `%width%`, `%date%` and the like.
    """
    from core.media.images import save_images
    from core.media.picture_text import graph_texts

    texts = graph_texts(prompt, extra_pnginfo)
    saved = save_images(images.cpu().numpy(), folders.output, filename_prefix, texts=texts)
    return Shown(None, images=saved)


@node("PreviewImage", category="image", title="Preview Image", output=True)
def preview_image(
    *, folders: Folders, images: Image, prompt: Prompt, extra_pnginfo: WorkflowInfo
) -> Shown[None]:
    """Shows pictures without keeping them: they go to the temporary folder."""
    from core.media.images import save_images
    from core.media.picture_text import graph_texts

    texts = graph_texts(prompt, extra_pnginfo)
    saved = save_images(
        images.cpu().numpy(), folders.temp, "preview", kind="temp", texts=texts, compress_level=1
    )
    return Shown(None, images=saved)


@node("ImageScale", category="image/upscaling", title="Upscale Image")
def scale(
    *,
    image: Image,
    upscale_method: Method,
    width: Side = 512,
    height: Side = 512,
    crop: Annotated[str, Choice(("disabled", "center"))],
) -> Image:
    """Pictures in another size. A side of 0 follows from the other one; both 0 change nothing."""
    from core.media.resample import complete_size, resize

    if width == 0 and height == 0:
        return image
    width, height = complete_size((image.shape[2], image.shape[1]), width, height)
    return resize(image.movedim(-1, 1), width, height, upscale_method, crop).movedim(1, -1)


@node("ImageScaleBy", category="image/upscaling", title="Upscale Image By")
def scale_by(
    *, image: Image, upscale_method: Method, scale_by: Annotated[float, Range(0.01, 8.0, step=0.01)] = 1.0
) -> Image:
    """Pictures `scale_by` times as wide and high."""
    from core.media.resample import resize

    width, height = (max(1, round(side * scale_by)) for side in (image.shape[2], image.shape[1]))
    return resize(image.movedim(-1, 1), width, height, upscale_method).movedim(1, -1)


@node("ImageInvert", category="image", title="Invert Image")
def invert(*, image: Image) -> Image:
    """The colours of pictures inverted."""
    return 1.0 - image


@node("ImageBatch", category="image", title="Batch Images")
def batch(*, image1: Image, image2: Image) -> Image:
    """Both batches of pictures as one.

    Args:
        image2: Brought to the size of the first, cut around the middle.
    """
    import torch

    from core.media.resample import resize

    height, width = image1.shape[1:3]
    if image2.shape[1:3] != image1.shape[1:3]:
        image2 = resize(image2.movedim(-1, 1), width, height, "bilinear", "center").movedim(1, -1)
    return torch.cat((image1, image2))
