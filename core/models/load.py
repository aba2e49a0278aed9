"""Model files to the values that nodes pass on. Weights are checked here, and read when first needed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import nn

from core.errors import ModelError
from core.models import assemble, autoencoder, clip_pair, clip_vision, detect
from core.models.assemble import Convert
from core.models.cache import Handle, ModelCache
from core.models.clip_pair import ImageTextEncoder
from core.models.clip_vision import ImageEncoder
from core.models.diffusion import DiffusionModel
from core.models.files import Check, Tensors, WeightFile, key_of, open_again, open_weights
from core.models.memory import denoiser_type, vae_type
from core.models.text.clip import ClipText
from core.models.text.encoder import TextEncoder, recognise_text_encoder
from core.models.vae import Vae, kl_vae

_TEXT_PREFIXES = ("cond_stage_model.", "conditioner.", "text_encoders.")


def load_diffusion_model(path: Path, cache: ModelCache) -> DiffusionModel:
    """The denoiser of a file, which may hold other parts besides.

    Raises:
        ModelError: The file cannot be read, is damaged, or holds no denoiser of a known kind.
    """
    return _denoiser(open_weights(path), cache)


def load_vae(path: Path, cache: ModelCache) -> Vae:
    """The VAE of a file: a VAE file of the original or the diffusers layout, or a checkpoint.

    Raises:
        ModelError: The file cannot be read, is damaged, or holds no VAE of a known kind.
    """
    return _vae(open_weights(path), cache)


def load_image_encoder(path: Path, cache: ModelCache) -> ImageEncoder:
    """The image encoder of a CLIP or SigLIP file, which may hold a text encoder besides.

    Raises:
        ModelError: The file cannot be read, is damaged, or holds no image encoder of a known kind.
    """
    return _image_encoder(open_weights(path), cache)


def load_image_text_encoder(path: Path, cache: ModelCache) -> ImageTextEncoder:
    """Both encoders of a CLIP file.

    Raises:
        ModelError: The file cannot be read, is damaged, or lacks one of them.
    """
    file = open_weights(path)
    images = _image_encoder(file, cache)
    text = clip_pair.recognise_text(file, images.vision)
    weights = _handle(
        file,
        cache,
        text.kind.name,
        clip_vision.without_vision,
        text.build,
        text.convert,
        denoiser_type(cache.device),
    )
    return ImageTextEncoder(images, text, weights.resident)


def _image_encoder(file: WeightFile, cache: ModelCache) -> ImageEncoder:
    found = clip_vision.recognise(file)
    dtype = denoiser_type(cache.device)
    weights = _handle(file, cache, "clip_vision", dict, found.build, found.convert, dtype)
    return ImageEncoder(found, weights.resident)


def _denoiser(file: WeightFile, cache: ModelCache) -> DiffusionModel:
    architecture = detect.recognise(file)
    weights = _handle(
        file,
        cache,
        "denoiser",
        detect.denoiser_tensors,
        architecture.build,
        architecture.convert,
        denoiser_type(cache.device),
    )
    return DiffusionModel(weights, architecture, architecture.schedule)


def _text_encoder(file: WeightFile, architecture: str, cache: ModelCache) -> TextEncoder:
    dtype = denoiser_type(cache.device)

    def weights(clip: ClipText) -> Handle[nn.Module]:
        return _handle(file, cache, clip.kind.name, dict, clip.build, clip.convert, dtype)

    return recognise_text_encoder(file.tensors, architecture, file.path.name, weights)


def _vae(file: WeightFile, cache: ModelCache) -> Vae:
    found = autoencoder.recognise(file)
    weights = _handle(
        file, cache, "vae", autoencoder.vae_tensors, found.build, found.convert, vae_type(cache.device)
    )
    return kl_vae(weights, found.channels, found.downscale)


def _handle(
    file: WeightFile,
    cache: ModelCache,
    kind: str,
    select: Callable[[Tensors], Tensors],
    build: Callable[[], nn.Module],
    convert: Convert,
    dtype: torch.dtype,
) -> Handle[nn.Module]:
    """A handle on a part of a file, its names and shapes verified."""
    key = key_of(file.path, kind)
    hollow = assemble.empty(build)
    tensors = hollow.state_dict()
    origins = assemble.verify(hollow, convert, select(file.tensors), file.path.name)

    def load(device: torch.device, check: Check) -> nn.Module:
        network = assemble.empty(build)
        restore(network, tensors, device, check)
        return network

    def restore(network: nn.Module, names: Collection[str], device: torch.device, check: Check) -> None:
        opened = open_again(key)
        source = select(opened.tensors)
        assemble.fill(network, convert, source, opened, names, dtype=dtype, device=device, check=check)

    return Handle(cache, key, assemble.nbytes(hollow, dtype), load, restore, tensors, origins)


class Checkpoint(NamedTuple):
    """What a checkpoint holds."""

    model: DiffusionModel
    clip: TextEncoder
    vae: Vae


def load_checkpoint(path: Path, cache: ModelCache) -> Checkpoint:
    """The denoiser, text encoders and VAE of a checkpoint.

    For text encoders or a VAE that the file does not hold stands something that says so when it is used.

    Raises:
        ModelError: The file cannot be read, is damaged, or a part of it is of no known kind.
    """
    file = open_weights(path)
    model = _denoiser(file, cache)
    clip: Any = Absent(f"{path.name} holds no text encoder: load one with the Load CLIP node")
    # Files whose text encoder was cut out often keep small pieces of it.
    if _has(file, _TEXT_PREFIXES, "token_embedding.weight"):
        clip = _text_encoder(file, model.architecture.name, cache)
    vae: Any = Absent(f"{path.name} holds no VAE: load one with the Load VAE node")
    if _has(file, (autoencoder.PREFIX,)):
        vae = _vae(file, cache)
    return Checkpoint(model, clip, vae)


class Absent:
    """Stands for a part that a file does not hold: whoever uses it is told."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModelError(self._message)


def _has(file: WeightFile, prefixes: tuple[str, ...], ending: str = "") -> bool:
    return any(name.startswith(prefixes) and name.endswith(ending) for name in file.tensors)
