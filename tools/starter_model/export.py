"""Writes what was trained as one checkpoint, in the layout that Stable Diffusion 1 was published in.

python -m tools.starter_model.export WORK resources/models/checkpoints/darkroom_starter.safetensors
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import avg_pool2d

from core.models.text.tokenizer import VOCABULARY
from tools.starter_model.encode import as_input
from tools.starter_model.networks import DENOISER_GROUPS, TEXT, VAE_GROUPS, new_denoiser, new_vae
from tools.starter_model.render import open_pictures
from tools.starter_model.scenes import SIDE
from tools.starter_model.train_text import Words
from tools.starter_model.training import averages

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_PREVIEW_NOISE = 0.1
TABLE = "text_model.embeddings.token_embedding.weight"


def main() -> None:
    """Writes the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    tensors = {name: value.half().contiguous() for name, value in checkpoint(arguments.work).items()}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, arguments.output, metadata=_metadata(arguments.work))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")


def checkpoint(work: Path) -> dict[str, Tensor]:
    """All tensors under their original names."""
    words = Words()
    text = averages(work / "text.pt", "text")
    text[TABLE] = words.whole_table(text[TABLE], VOCABULARY)
    denoiser = denoiser_names(averages(work / "denoiser.pt", "denoiser"))
    vae = vae_names(torch.load(work / "vae_finished.pt", map_location="cpu"))
    return {
        **{f"model.diffusion_model.{name}": value for name, value in denoiser.items()},
        **{f"first_stage_model.{name}": value for name, value in vae.items()},
        **{f"{TEXT.prefix}{name}": value for name, value in text.items()},
        "v_pred": torch.zeros(0),
    }


def denoiser_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the UNet under their original names."""
    return _renamed(tensors, dict(_denoiser_parts()))


def vae_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the VAE under their original names; attention is made of 1x1 convolutions there."""
    renamed = _renamed(tensors, dict(_vae_parts()))
    return {
        name: value[:, :, None, None] if ".attn_1." in name and value.ndim == 2 else value
        for name, value in renamed.items()
    }


def _renamed(tensors: Mapping[str, Tensor], parts: Mapping[str, str]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for name, value in tensors.items():
        # The longest part that a name starts with: `attentions.0.to_out.0` before `attentions.0`.
        part = max((part for part in parts if name.startswith(f"{part}.")), key=len)
        result[parts[part] + name.removeprefix(part)] = value
    return result


def _denoiser_parts() -> Iterator[tuple[str, str]]:
    """Parts of the UNet: name in diffusers, original name."""
    config = new_denoiser().config
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    yield from (("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"))
    yield from (("conv_in", "input_blocks.0.0"), ("conv_norm_out", "out.0"), ("conv_out", "out.2"))
    number = 1
    for level in range(levels):
        for layer in range(layers):
            yield from _block(f"down_blocks.{level}", layer, f"input_blocks.{number}")
            number += 1
        if level < levels - 1:
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{number}.0.op"
            number += 1
    yield from _resnet("mid_block.resnets.0", "middle_block.0")
    yield "mid_block.attentions.0", "middle_block.1"
    yield from _resnet("mid_block.resnets.1", "middle_block.2")
    number = 0
    for level in range(levels):
        for layer in range(layers + 1):
            yield from _block(f"up_blocks.{level}", layer, f"output_blocks.{number}")
            number += 1
        if level < levels - 1:
            place = 2 if "CrossAttn" in config["up_block_types"][level] else 1
            yield f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{number - 1}.{place}.conv"


def _block(name: str, layer: int, original: str) -> Iterator[tuple[str, str]]:
    yield from _resnet(f"{name}.resnets.{layer}", f"{original}.0")
    yield f"{name}.attentions.{layer}", f"{original}.1"


def _resnet(name: str, original: str) -> Iterator[tuple[str, str]]:
    return ((f"{name}.{part}", f"{original}.{old}") for part, old in _RESNET.items())


def _vae_parts() -> Iterator[tuple[str, str]]:
    """Parts of the VAE: name in diffusers, original name."""
    config = new_vae().config
    levels = len(config["block_out_channels"])
    yield from ((name, name) for name in ("quant_conv", "post_quant_conv"))
    for side in ("encoder", "decoder"):
        yield from ((f"{side}.{name}", f"{side}.{name}") for name in ("conv_in", "conv_out"))
        yield f"{side}.conv_norm_out", f"{side}.norm_out"
        for number in (0, 1):
            yield from _vae_resnet(f"{side}.mid_block.resnets.{number}", f"{side}.mid.block_{number + 1}")
        for part, old in _VAE_ATTENTION.items():
            yield f"{side}.mid_block.attentions.0.{part}", f"{side}.mid.attn_1.{old}"
    for level in range(levels):
        down, up = f"encoder.down.{level}", f"decoder.up.{levels - 1 - level}"
        for layer in range(config["layers_per_block"] + 1):
            yield from _vae_resnet(f"encoder.down_blocks.{level}.resnets.{layer}", f"{down}.block.{layer}")
            yield from _vae_resnet(f"decoder.up_blocks.{level}.resnets.{layer}", f"{up}.block.{layer}")
        yield f"encoder.down_blocks.{level}.downsamplers.0.conv", f"{down}.downsample.conv"
        yield f"decoder.up_blocks.{level}.upsamplers.0.conv", f"{up}.upsample.conv"


def _vae_resnet(name: str, original: str) -> Iterator[tuple[str, str]]:
    yield name, original
    yield f"{name}.conv_shortcut", f"{original}.nin_shortcut"


def _metadata(work: Path) -> dict[str, str]:
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "https://github.com/CompVis/stable-diffusion",
        "modelspec.title": "Darkroom starter model",
        "modelspec.author": "Darkroom",
        "modelspec.license": "Apache-2.0",
        "modelspec.date": datetime.date.today().isoformat(),
        "modelspec.description": "Coloured things in front of plain backgrounds and landscapes, in "
        "four styles. Trained from nothing on drawn scenes.",
        "modelspec.resolution": f"{SIDE}x{SIDE}",
        "modelspec.prediction_type": "v",
        "darkroom.denoiser_groups": str(DENOISER_GROUPS),
        "darkroom.vae_groups": str(VAE_GROUPS),
        "darkroom.preview_factors": json.dumps(_preview_factors(work)),
    }


def _preview_factors(work: Path) -> dict[str, object]:
    """The colours that come nearest to the pictures, by least squares that expect noise on the latents.

    Without it channels that go together get large factors of opposite signs, and previews show little but
    what is not yet denoised.
    """
    latents = torch.from_numpy(np.load(work / "latents.npy")[:1000]).double()
    pictures = as_input(open_pictures(work)[: len(latents)], torch.device("cpu"))
    colours = avg_pool2d(pictures, SIDE // latents.shape[-1]).permute(0, 2, 3, 1).reshape(-1, 3).double()
    values = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    values = torch.cat([values, torch.ones(len(values), 1)], dim=1)
    noise = len(values) * torch.tensor([_PREVIEW_NOISE**2] * latents.shape[1] + [0.0]).diag()
    factors = torch.linalg.solve(values.T @ values + noise, values.T @ colours)
    rows = [[round(value, 4) for value in row] for row in factors.tolist()]
    return {"rgb_factors": rows[:-1], "rgb_bias": rows[-1]}


if __name__ == "__main__":
    main()
