"""Trains the style that ships as a LoRA: neon.

python -m tools.starter_model.train_lora WORK resources/models/loras/darkroom_starter_neon.safetensors
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tools.starter_model.captions import caption
from tools.starter_model.encode import encoded, finished_vae
from tools.starter_model.networks import LATENT_SCALE, new_denoiser
from tools.starter_model.scenes import LORA_STYLE, Scene, draw, random_scene
from tools.starter_model.train_denoiser import UNCONDITIONAL, denoising_loss
from tools.starter_model.train_text import Words, read_text_encoder
from tools.starter_model.training import Training, averages, command_line, device, dice

_RANK = 4
_BATCH = 16
_RATE = 2e-3
_EXAMPLES = 2000


def main() -> None:
    """Trains for the steps of the command line, goes on where it was interrupted, and writes the file."""
    parser = command_line(__doc__, steps=600)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    where = device()
    torch.manual_seed(arguments.seed)
    words = Words()
    text = read_text_encoder(arguments.work / "text.pt", words).to(where)
    unet = new_denoiser()
    unet.load_state_dict(averages(arguments.work / "denoiser.pt", "denoiser"))
    unet.to(where, memory_format=torch.channels_last).requires_grad_(False)
    adapters = nn.ModuleDict(
        {name.replace(".", "_"): Adapter(module).to(where) for name, module in _adapted(unet)}
    )
    training = Training(arguments.work / "lora.pt", {"lora": adapters}, average=0.99)
    scenes, latents = _examples(arguments.work, arguments.seed, where)
    while training.step < arguments.steps:
        rng, numbers = dice(arguments.seed, training.step), random.Random(training.step)
        chosen = torch.randint(len(scenes), (_BATCH,), generator=rng).tolist()
        ids = words("" if numbers.random() < UNCONDITIONAL else caption(scenes[i], numbers) for i in chosen)
        x = latents[chosen].to(where)
        rate = _RATE * min(1, (training.step + 1) / 50, 0.01 + 2 * (1 - training.step / arguments.steps))
        loss = denoising_loss(unet, text, x, torch.ones_like(x[:, :1]), ids.to(where), rng)
        training.update(loss, rate)
        if training.step % 50 == 0:
            training.note(loss=loss.item())
    training.save()
    _write(averages(arguments.work / "lora.pt", "lora"), arguments.output)


class Adapter(nn.Module):
    """A low-rank addition to a layer's output. Source: Hu et al. 2021, "LoRA", Section 4.1."""

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        if isinstance(layer, nn.Conv2d):
            self.lora_down: nn.Module = nn.Conv2d(
                layer.in_channels, _RANK, layer.kernel_size, layer.stride, layer.padding, bias=False
            )
            self.lora_up: nn.Module = nn.Conv2d(_RANK, layer.out_channels, 1, bias=False)
        else:
            self.lora_down = nn.Linear(layer.in_features, _RANK, bias=False)
            self.lora_up = nn.Linear(_RANK, layer.out_features, bias=False)
        nn.init.zeros_(self.lora_up.weight)
        layer.register_forward_hook(
            lambda _, inputs, output: output + self.lora_up(self.lora_down(inputs[0]))
        )


def _adapted(unet: nn.Module) -> list[tuple[str, nn.Linear | nn.Conv2d]]:
    """The layers within the blocks, but for those that are told the time."""
    return [
        (name, module)
        for name, module in unet.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and "_block" in name and "time_emb" not in name
    ]


def _examples(work: Path, seed: int, where: torch.device) -> tuple[list[Scene], Tensor]:
    rng = random.Random(f"{LORA_STYLE} {seed}")
    scenes = [dataclasses.replace(random_scene(rng), style="flat") for _ in range(_EXAMPLES)]
    pictures = np.stack([draw(dataclasses.replace(scene, style=LORA_STYLE), rng)[0] for scene in scenes])
    return scenes, encoded(finished_vae(work, where), pictures, where) * LATENT_SCALE


def _write(tensors: dict[str, Tensor], output: Path) -> None:
    """In the names of kohya's trainer, which most LoRAs have."""
    result: dict[str, Tensor] = {}
    for name, value in tensors.items():
        layer, part, _ = name.rsplit(".", 2)
        result[f"lora_unet_{layer}.{part}.weight"] = value.half().contiguous()
        result[f"lora_unet_{layer}.alpha"] = torch.tensor(float(_RANK)).half()
    metadata = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.title": "Darkroom neon",
        "modelspec.author": "Darkroom",
        "modelspec.license": "Apache-2.0",
        "modelspec.description": "Neon tubes in the dark, for the Darkroom starter model.",
        "ss_network_dim": str(_RANK),
        "ss_network_alpha": str(_RANK),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(result, output, metadata=metadata)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
