"""LoRA files: which tensors of which network their adapters change.

A file calls a layer by its name in the original checkpoint or in diffusers, in one of several notations. All
of them are written down here, from the side of the network: what each of its layers may be called.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from torch import Tensor

from core.errors import UnknownArchitecture
from core.models.adapters import Parts, merged
from core.models.diffusion import DiffusionModel
from core.models.files import Key, Tensors, key_of, open_again
from core.models.patches import Patch, Targets
from core.models.text.encoder import TextEncoder

_log = logging.getLogger(__name__)

_TEXT = ("lora_te", "text_encoder")
_BARE = (
    *("alpha", "dora_scale", "oft_blocks", "set_weight", "diff"),
    *(f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
    *(f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
)
_ENDINGS: Mapping[str, tuple[str, str]] = {
    **{f".{part}": (".weight", part) for part in _BARE},
    **{f".{part}.weight": (".weight", part) for part in ("lora_up", "lora_down", "lora_mid")},
    **{
        f"{lora}{end}.weight": (".weight", part)
        for lora in (".lora", "_lora", ".lora_linear_layer")
        for end, part in ((".up", "lora_up"), (".down", "lora_down"))
    },
    **{
        f".lora_{side}{adapter}.weight": (".weight", part)
        for adapter in ("", ".default")
        for side, part in (("B", "lora_up"), ("A", "lora_down"))
    },
    ".w_norm": (".weight", "diff"),
    ".b_norm": (".bias", "diff"),
    ".diff_b": (".bias", "diff"),
}
"""How the name of a tensor goes on behind that of its layer -> which tensor of the layer, and what for."""

_ENDING = re.compile(f"({'|'.join(map(re.escape, sorted(_ENDINGS, key=len, reverse=True)))})$")

_WIDTHS = {768: "SD 1.x", 1024: "SD 2.x", 1280: "the SDXL refiner", 2048: "SDXL"}
"""Width of the text embedding -> what reads it."""
_READS_TEXT = re.compile(r"attn2[._](processor\.)?to_[kv]\b")
_MARKS = (
    ("lora_te2_", "SDXL"),
    ("text_encoder_2.", "SDXL"),
    ("double_blocks", "Flux"),
    ("single_transformer_blocks", "Flux"),
    ("joint_blocks", "SD3"),
    ("add_q_proj", "SD3 or Flux"),
)


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file.

    Attributes:
        key: The file as it was.
        denoiser: What it changes in denoisers: the parts of each adapter.
        text: What it changes in text encoders.
    """

    key: Key
    denoiser: Mapping[str, Parts]
    text: Mapping[str, Parts]

    def on_model(self, model: DiffusionModel, strength: float) -> DiffusionModel:
        """The denoiser with this LoRA; itself at strength 0.

        Raises:
            UnknownArchitecture: The file is made for other denoisers.
        """
        if not strength:
            return model
        if not self.denoiser:
            _log.warning("%s changes text encoders alone: it has no effect on a denoiser", self._file)
            return model
        weights = model.weights
        called = _denoiser_names(weights.tensors, weights.origins, is_peft=_is_peft(self.denoiser))
        targets = _targets(self.denoiser, called, weights.tensors)
        self._report(self.denoiser, targets, f"the denoiser ({model.architecture.name})")
        return model.patched(self._patch(strength, targets))

    def on_clip(self, clip: TextEncoder, strength: float) -> TextEncoder:
        """The text encoders with this LoRA; themselves at strength 0, or where it does not change any.

        Raises:
            UnknownArchitecture: The file is made for other text encoders.
        """
        if not strength or not self.text:
            return clip
        targets = [
            _targets(self.text, _text_names(number, part.weights.tensors), part.weights.tensors)
            for number, part in enumerate(clip.parts, 1)
        ]
        names = " and ".join(part.clip.kind.name for part in clip.parts)
        self._report(self.text, tuple(chain(*targets)), f"the text encoder ({names})")
        return clip.patched([self._patch(strength, own) for own in targets])

    @property
    def _file(self) -> str:
        return self.key.path.name

    def _patch(self, strength: float, targets: Targets) -> Patch:
        return Patch(self.key, strength, targets, partial(_read, self.key))

    def _report(self, adapters: Mapping[str, Parts], targets: Targets, network: str) -> None:
        """Say what of the file has no effect; refuse a file for another network.

        Layers of other networks may fit by chance, but not those that read the text embedding.
        """
        used = {adapter for _, adapter in targets}
        readers = set(filter(_READS_TEXT.search, adapters))
        if not used or (readers and not readers & used):
            raise UnknownArchitecture(
                f"{self._file} does not fit {network}: it seems to be made for "
                f"{_made_for({**self.denoiser, **self.text})}. Use it with a checkpoint of that kind, "
                "or choose another LoRA"
            )
        unused = [name for name in adapters if name not in used]
        if unused:
            _log.warning(
                "%s: %d of its %d layers fit nothing in %s and are left out, such as %s",
                *(self._file, len(unused), len(adapters), network, _layer(unused[0])),
            )


def read_lora(path: Path) -> Lora:
    """What a LoRA file holds; its weights are read when they are used.

    Raises:
        UnknownArchitecture: It holds no LoRA.
        ModelError: It cannot be read, or is damaged.
    """
    key = key_of(path, "lora")
    tensors = open_again(key).tensors
    adapters = _adapters(tensors)
    if not any(_ENDING.search(name) for name in tensors):
        some = ", ".join(list(tensors)[:3])
        raise UnknownArchitecture(
            f"{path.name} is no LoRA ({len(tensors)} tensors, such as {some}): "
            "if it is a whole model, load it with the Load Checkpoint node"
        )
    text = {name: parts for name, parts in adapters.items() if name.startswith(_TEXT)}
    return Lora(key, {name: parts for name, parts in adapters.items() if name not in text}, text)


def _read(key: Key) -> Mapping[str, Parts]:
    return _adapters(open_again(key).tensors)


def _adapters(tensors: Tensors) -> dict[str, dict[str, Tensor]]:
    """The parts of every adapter, called like its layer and, behind that, what it changes: weight or bias."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        ending = _ENDING.search(name)
        own, part = _ENDINGS[ending[1]] if ending else ("", "")
        found.setdefault((name[: ending.start()] if ending else name) + own, {})[part] = tensor
    return found


def _layer(adapter: str) -> str:
    return adapter.removesuffix(".weight").removesuffix(".bias")


def _is_peft(adapters: Iterable[str]) -> bool:
    """Whether a file calls layers as diffusers does today.

    In files with other notations besides, such names of attentions mean nothing: so they do to ComfyUI.
    """
    return not any(name.startswith("lora_unet_") or ".processor." in name for name in adapters)


def _denoiser_names(
    tensors: Iterable[str], origins: Mapping[str, str], *, is_peft: bool
) -> Iterator[tuple[str, str]]:
    """Pairs of what an adapter may be called and the tensor it changes."""
    for tensor in tensors:
        layer, _, own = tensor.rpartition(".")
        origin = origins.get(tensor, "").rpartition(".")[0]
        older = layer.replace(".to_", ".processor.to_").replace(".to_out.0", ".to_out")
        dotted = (older, layer) if is_peft else (older,)
        names = [prefix + name for prefix in ("unet.", "transformer.", "") for name in dotted]
        names += [f"{prefix}{layer.replace('.', '_')}" for prefix in ("lora_unet_", "lycoris_")]
        names += [f"lora_unet_{origin.replace('.', '_')}", f"diffusion_model.{origin}"]
        yield from ((f"{name}.{own}", tensor) for name in dict.fromkeys(names))


def _text_names(number: int, tensors: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of what an adapter of the first, second, ... text encoder may be called and the tensor."""
    for tensor in tensors:
        layer, _, own = tensor.rpartition(".")
        flat = layer.replace(".", "_")
        names = [f"lora_te{number}_{flat}", f"text_encoder_{number}.{layer}"]
        if number == 1:
            names += [f"lora_te_{flat}", f"text_encoder.{layer}"]
        yield from ((f"{name}.{own}", tensor) for name in names)


def _targets(adapters: Mapping[str, Parts], called: Iterable[tuple[str, str]], tensors: Tensors) -> Targets:
    return tuple(
        (tensor, name)
        for name, tensor in called
        if name in adapters and _fits(adapters[name], tensors[tensor])
    )


def _fits(parts: Parts, tensor: Tensor) -> bool:
    hollow = {part: value.to("meta").float() for part, value in parts.items()}
    try:
        return merged(tensor.to("meta").float(), hollow, 1.0).shape == tensor.shape
    except (LookupError, RuntimeError, ValueError):
        return False


def _made_for(adapters: Mapping[str, Parts]) -> str:
    """The models whose layers are called so, or that read text embeddings of that width; in words."""
    marked = next((kind for mark, kind in _MARKS if any(mark in name for name in adapters)), None)
    for name, parts in adapters.items():
        inner = next((parts[part] for part in ("lora_down", "hada_w1_b", "diff") if part in parts), None)
        if not marked and _READS_TEXT.search(name) and inner is not None and inner.ndim > 1:
            width = inner.shape[1]
            return _WIDTHS.get(width, f"a model whose text embedding is {width} wide")
    return marked or "another network"
