"""What can be told of the value of an output: what it is, how large, its range, and a small picture of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from core.engine.values import summarise
from core.nodes.api import Blocked

if TYPE_CHECKING:
    from torch import Tensor

    from core.events import Picture

# torch is imported where there are tensors to look at: the window describes plain values without it.

THUMBNAIL: Final = 192
"""The longer side of a thumbnail at most, in pixels."""
_MANY: Final = 2_000_000
"""So many numbers are looked at for the range; of more, a sample spread over all of them."""
_SHAPES: Final = 4
_TEXT: Final = 600
_PLAIN: Final = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Numbers:
    """The range of the numbers in tensors.

    Attributes:
        lowest, highest, mean: Of those that are finite; None if none is.
        has_nan, has_infinite: Whether there are numbers that are not finite.
        is_sample: Not all were looked at.
    """

    lowest: float | None
    highest: float | None
    mean: float | None
    has_nan: bool = False
    has_infinite: bool = False
    is_sample: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be told of a value.

    Attributes:
        kind: Its wire type.
        items: How many items the output has: one, unless its node ran over a list or gave one.
        text: What it is in words; empty where its shapes say it all.
        shapes: Those of its tensors: a picture's, a latent's samples', each embedding's.
        dtype, device: Of the first tensor; empty without one.
        size: Bytes of its tensors.
        numbers: Their range; None without tensors, and where tensors hold no numbers that can be compared.
        thumbnail: The first picture, mask or latent, [h,w,3]; None for all else.
        blocked: Why it keeps what is behind it from running; None where it does not.
    """

    kind: str
    items: int
    text: str = ""
    shapes: tuple[tuple[int, ...], ...] = ()
    dtype: str = ""
    device: str = ""
    size: int = 0
    numbers: Numbers | None = None
    thumbnail: Picture | None = None
    blocked: str | None = None

    def lines(self) -> list[str]:
        """All of it in words, but for the thumbnail; the kind first."""
        head = self.kind if self.items == 1 else f"{self.kind}, {self.items} items"
        if self.blocked is not None:
            return [head, f"Blocked: {self.blocked}" if self.blocked else "Blocked"]
        lines = [head, *([self.text] if self.text else [])]
        if self.shapes:
            more = f" and {len(self.shapes) - _SHAPES} more" if len(self.shapes) > _SHAPES else ""
            lines.append(", ".join(map(_product, self.shapes[:_SHAPES])) + more)
            lines.append(f"{self.dtype} on {self.device}, {in_bytes(self.size)}")
        return lines + (_in_words(self.numbers) if self.numbers else [])


def inspect(kind: str, items: Sequence[object]) -> Facts:
    """The facts of an output's value; this takes milliseconds, however large it is.

    Args:
        kind: The wire type of the output.
        items: Its items: `inspect(*report.output(node_id, slot))`.
    """
    reasons = [item.reason for item in items if isinstance(item, Blocked)]
    if reasons and len(reasons) == len(items):
        return Facts(kind, len(items), blocked=next(filter(None, reasons), ""))
    values = [item for item in items if not isinstance(item, Blocked)]
    tensors = [tensor for value in values for tensor in _tensors(value)]
    text = _described(kind, values, bool(tensors))
    if not tensors:
        return Facts(kind, len(items), text)
    return Facts(
        kind,
        len(items),
        text,
        shapes=tuple(tuple(tensor.shape) for tensor in tensors),
        dtype=str(tensors[0].dtype).removeprefix("torch."),
        device=str(tensors[0].device),
        size=sum(tensor.nbytes for tensor in tensors if _is_dense(tensor)),
        numbers=_numbers(tensors),
        thumbnail=_thumbnail(kind, values[0]),
    )


def in_bytes(size: float) -> str:
    """A number of bytes as people read it."""
    for unit in ("bytes", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _product(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _in_words(numbers: Numbers) -> list[str]:
    odd = [name for name, there in (("NaN", numbers.has_nan), ("infinity", numbers.has_infinite)) if there]
    lines = [f"Holds {' and '.join(odd)}"] if odd else []
    if numbers.lowest is not None:
        about = "about " if numbers.is_sample else ""
        words = f"{about}{numbers.lowest:.4g} to {numbers.highest:.4g}, mean {numbers.mean:.4g}"
        lines.insert(0, words)
    return lines


# Tensors


def _tensors(value: object, depth: int = 4) -> Iterator[Tensor]:
    """What a value is about: a picture, a latent's samples, the embeddings of a conditioning."""
    torch = sys.modules.get("torch")
    if torch is None or isinstance(value, _PLAIN):
        return
    if isinstance(value, torch.Tensor):
        yield cast("Tensor", value)
    elif isinstance(value, Mapping):
        if "samples" in value:
            yield from _tensors(value["samples"], 0)
    elif isinstance(value, list | tuple) and depth:
        for item in value:
            yield from _tensors(item, depth - 1)
    elif (embedding := getattr(value, "embedding", None)) is not None:
        yield from _tensors(embedding, 0)


def _is_dense(tensor: Tensor) -> bool:
    """Whether its numbers lie in memory one by one."""
    import torch

    return tensor.layout is torch.strided and not tensor.is_meta and not tensor.is_quantized


def _numbers(tensors: Sequence[Tensor]) -> Numbers | None:
    import torch

    there = [tensor for tensor in tensors if _is_dense(tensor) and not tensor.is_complex()]
    if not there:
        return None
    most = max(_MANY // len(there), 1)
    values = torch.cat([_sample(tensor.detach(), most) for tensor in there])
    finite = values[torch.isfinite(values)]
    facts = {
        "has_nan": bool(torch.isnan(values).any()),
        "has_infinite": bool(torch.isinf(values).any()),
        "is_sample": any(tensor.numel() > most for tensor in there),
    }
    if not finite.numel():
        return Numbers(None, None, None, **facts)
    return Numbers(finite.min().item(), finite.max().item(), finite.mean().item(), **facts)


def _sample(tensor: Tensor, most: int) -> Tensor:
    """At most so many of its numbers, in double precision on the host."""
    import torch

    total = tensor.numel()
    step = max(math.ceil(total / most), 1)
    while math.gcd(step, total) > 1 and step > 1:  # else it could meet with one colour only
        step += 1
    return tensor.reshape(-1)[::step].to("cpu").to(torch.float64)


# Pictures


def _thumbnail(kind: str, value: object) -> Picture | None:
    """A small picture of the first of a batch; None where there is nothing to be seen."""
    import numpy as np
    import torch

    found = _first(kind, value)
    if found is None:
        return None
    pixels, is_latent = found
    if not _is_dense(pixels) or pixels.is_complex() or not pixels.numel():
        return None
    small = torch.nan_to_num(_shrunk(pixels), 0.0, 1.0, 0.0)
    if is_latent:
        return _latent_colours(small)
    if pixels.dtype == torch.uint8:
        small = small / 255
    colours = small[:3] if len(small) >= 3 else small[:1].expand(3, -1, -1)
    return np.ascontiguousarray(colours.clamp(0, 1).mul(255).round().byte().movedim(0, -1).numpy())


def _first(kind: str, value: object) -> tuple[Tensor, bool] | None:
    """What can be seen of a value as [C,h,w], and whether it is a latent."""
    tensor = next(_tensors(value), None)
    if tensor is None or not len(tensor.shape) or not tensor.shape[0]:
        return None
    match kind, tensor.ndim:
        case "LATENT", 4:
            return tensor[0], True
        case "LATENT", 5 if tensor.shape[2]:
            return tensor[0, :, 0], True
        case "MASK", 2:
            return tensor[None], False
        case "MASK", 3:
            return tensor[0][None], False
        case "MASK", 4:
            return tensor[0], False
        case "IMAGE", 4:
            return tensor[0].movedim(-1, 0), False
        case "*", 4 if isinstance(value, Mapping):
            return tensor[0], True
        case "*", 4 if tensor.shape[-1] in (1, 3, 4):
            return tensor[0].movedim(-1, 0), False
        case _:
            return None


def _shrunk(pixels: Tensor) -> Tensor:
    """[C,h,w] on the host in float32, its longer side a thumbnail's at most."""
    import torch

    longest = max(pixels.shape[-2:])
    # What is far too large is thinned out before it is averaged, which keeps this quick.
    step = max(longest // (4 * THUMBNAIL), 1)
    small = pixels.detach()[:, ::step, ::step].to("cpu").to(torch.float32)
    height, width = small.shape[-2:]
    scale = THUMBNAIL / max(height, width)
    if scale >= 1:
        return small
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    return torch.nn.functional.interpolate(small[None], size, mode="area")[0]


def _latent_colours(latent: Tensor) -> Picture | None:
    """[C,h,w] in VAE units as colours: of four channels those of SD 1.5, else the first three, spread out."""
    import numpy as np

    from core.sampling.latent_format import latent_format
    from core.sampling.previews import preview

    sd15 = latent_format("SD15")
    if len(latent) == sd15.channels:
        return preview(sd15.into_model(latent[None]), sd15)
    colours = latent[:3] if len(latent) >= 3 else latent[:1].expand(3, -1, -1)
    low, high = colours.min(), colours.max()
    spread = (colours - low) / (high - low).clamp(min=1e-12)
    return np.ascontiguousarray(spread.mul(255).round().byte().movedim(0, -1).numpy())


# Words


def _described(kind: str, values: Sequence[object], has_tensors: bool) -> str:
    """What values are in words; empty for tensors that need none."""
    first = values[0] if values else None
    if kind in _MODELS and not isinstance(first, _PLAIN) and (words := _MODELS[kind](first)):
        return words
    if isinstance(first, Mapping) and has_tensors:
        return "with a noise mask" if "noise_mask" in first else ""
    if isinstance(first, list) and (has_tensors or kind == "CONDITIONING"):
        return "one entry" if len(first) == 1 else f"{len(first)} entries"
    if has_tensors:
        return ""
    if len(values) == 1 and isinstance(first, str):
        return first if len(first) <= _TEXT else first[:_TEXT] + "..."
    return summarise({"": list(values)})[""] if values else ""


def _model_words(value: Any) -> str:
    from core.models.diffusion import DiffusionModel

    if not isinstance(value, DiffusionModel):
        return ""
    return f"{value.architecture.name}, {in_bytes(value.weights.size)} of weights" + _patched(value.weights)


def _encoder_words(value: Any) -> str:
    from core.models.text.encoder import TextEncoder

    if not isinstance(value, TextEncoder) or not value.parts:
        return ""
    names = " and ".join(part.clip.kind.name for part in value.parts)
    skip = f", stops at layer {value.clip_skip}" if value.clip_skip is not None else ""
    return f"Text encoder {names}{skip}" + _patched(value.parts[0].weights)


def _vae_words(value: Any) -> str:
    from core.models.vae import Vae

    if not isinstance(value, Vae):
        return ""
    return f"VAE, {value.channels} channels, one cell for {value.downscale} × {value.downscale} pixels"


def _image_encoder_words(value: Any) -> str:
    from core.models.clip_vision import ImageEncoder

    if not isinstance(value, ImageEncoder):
        return ""
    side = value.vision.image_size
    return f"Image encoder {value.vision.kind.name}, looks at {side} × {side} pixels"


def _patched(weights: Any) -> str:
    count = len(getattr(weights, "patches", ()))
    return f", {count} {'patch' if count == 1 else 'patches'}" if count else ""


_MODELS: Final = {
    "MODEL": _model_words,
    "CLIP": _encoder_words,
    "VAE": _vae_words,
    "CLIP_VISION": _image_encoder_words,
}
