"""What the kinds of LoRA do to one weight: the formulas alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Parts: TypeAlias = Mapping[str, Tensor]
"""The tensors of an adapter by what they are, as `lora_up`, `alpha` or `hada_w1_a`."""


def merged(weight: Tensor, parts: Parts, strength: float) -> Tensor:
    """A weight with an adapter merged into it.

    Works on the meta device too, which tells whether the two fit each other without reading any values.

    Args:
        weight: [out,in] or [out,in,h,w], or a vector; float32.
        parts: Of any shape that can be reshaped to that of the weight; float32.
        strength: 0 leaves the weight as it is, 1 is what was trained. A replacement knows no strength.

    Raises:
        LookupError: The parts are not those of a known kind.
        RuntimeError: They do not fit each other or the weight.
    """
    if "set_weight" in parts:
        return parts["set_weight"].reshape(weight.shape)
    if "oft_blocks" in parts:
        # The strength counts twice for rotations: so does ComfyUI.
        change = strength * (_rotated(weight, parts) - weight)
    else:
        change = _change(parts).reshape(weight.shape)
        if "dora_scale" in parts:
            change = _rescaled(weight, change, parts["dora_scale"]) - weight
    return weight + strength * change


def _change(parts: Parts) -> Tensor:
    kind = next((kind for mark, kind in _KINDS.items() if mark in parts), None)
    if kind is None:
        raise KeyError(f"no kind of adapter has the parts {', '.join(parts)}")
    return kind(parts)


def _difference(parts: Parts) -> Tensor:
    return parts["diff"]


def _low_rank(parts: Parts) -> Tensor:
    """Source: LoRA, arXiv 2106.09685; with a middle part, LoCon of LyCORIS, arXiv 2309.14859."""
    up, down = parts["lora_up"], parts["lora_down"]
    scale = _scale(parts, down)
    if "lora_mid" not in parts:
        return up.flatten(1) @ down.flatten(1) * scale
    return torch.einsum("or,rskl,si->oikl", up.flatten(1), parts["lora_mid"], down.flatten(1)) * scale


def _hadamard(parts: Parts) -> Tensor:
    """Source: LoHa of LyCORIS, arXiv 2309.14859."""
    first = _factor(parts, "hada_w1", "hada_t1")
    return first * _factor(parts, "hada_w2", "hada_t2") * _scale(parts, parts["hada_w1_b"])


def _kronecker(parts: Parts) -> Tensor:
    """Source: LoKr of LyCORIS, arXiv 2309.14859."""
    small, large = (_factor(parts, name, "lokr_t2") for name in ("lokr_w1", "lokr_w2"))
    decomposed = next((parts[name] for name in ("lokr_w2_b", "lokr_w1_b") if name in parts), None)
    product = torch.kron(small.reshape(*small.shape, *(1,) * (large.ndim - small.ndim)), large)
    return product if decomposed is None else product * _scale(parts, decomposed)


_KINDS: Mapping[str, Callable[[Parts], Tensor]] = {
    "lora_up": _low_rank,
    "hada_w1_a": _hadamard,
    "lokr_w1": _kronecker,
    "lokr_w1_a": _kronecker,
    "diff": _difference,
}


def _factor(parts: Parts, name: str, core: str) -> Tensor:
    """A matrix given in full, as the product of two, or as those two around a core."""
    if name in parts:
        return parts[name]
    a, b = parts[f"{name}_a"], parts[f"{name}_b"]
    if core in parts and name != "lokr_w1":
        return torch.einsum("rskl,ro,si->oikl", parts[core], a, b)
    return a @ b


def _scale(parts: Parts, inner: Tensor) -> Tensor | float:
    """Alpha over the rank, which is the first side of the inner matrix; 1 without alpha."""
    return parts["alpha"].reshape(()) / inner.shape[0] if "alpha" in parts else 1.0


def _rescaled(weight: Tensor, change: Tensor, scale: Tensor) -> Tensor:
    """The changed weight with the norms that were trained.

    Norms of rows are those of the weight before the change, unlike in the paper.

    Source: DoRA, arXiv 2402.09353; the behaviour of ComfyUI.
    """
    changed = weight + change
    if scale.shape[0] == weight.shape[0]:
        norms = weight.flatten(1).norm(dim=1).reshape(-1, *(1,) * (weight.ndim - 1))
    else:
        norms = changed.transpose(0, 1).flatten(1).norm(dim=1).reshape(1, -1, *(1,) * (weight.ndim - 2))
    return changed * (scale.reshape(norms.shape) / (norms + torch.finfo(weight.dtype).eps))


def _rotated(weight: Tensor, parts: Parts) -> Tensor:
    """The rows of a weight turned block by block, not further than alpha allows.

    Source: OFT, arXiv 2306.07280.
    """
    blocks = parts["oft_blocks"]
    count, size, _ = blocks.shape
    skew = blocks - blocks.transpose(1, 2)
    if "alpha" in parts:
        limit = parts["alpha"].reshape(()) * weight.shape[0]
        skew = skew * torch.where(limit > 0, (limit / skew.norm()).clamp(max=1), 1)
    one = torch.eye(size, device=blocks.device)
    turn = (one + skew) @ torch.linalg.inv(one - skew)
    rows = weight.reshape(count, size, -1)
    return torch.einsum("knm,kni->kmi", turn, rows).reshape(weight.shape)
