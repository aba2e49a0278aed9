"""Trains the UNet on the latents of the pictures and the states of the text encoder.

python -m tools.starter_model.train_denoiser WORK --steps 10000
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d

from core.sampling.schedule import Discrete
from tools.starter_model.captions import caption
from tools.starter_model.networks import new_denoiser, text_states
from tools.starter_model.render import open_masks, read_scenes
from tools.starter_model.train_text import Words, read_text_encoder
from tools.starter_model.training import Training, command_line, device, dice

_BATCH = 32
_RATE = 1.2e-3
_WARM_UP = 200
_SIGMAS = Discrete("v").table
UNCONDITIONAL = 0.1  # share of pictures that get an empty caption
_OFFSET = 0.1  # spread of the noise's mean: the schedule's last step still shows the mean of a picture
# Steps with little noise are hard to get right and change little that is seen: they count less, as with Hang
# et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy". Unlike there, those with much
# noise count in full: they decide what goes where.
_SNR_LIMIT = 5.0
_THING_WEIGHT = 3.0  # how much more a thing counts than what is behind it
_EDGE_WEIGHT = 6.0  # and its outline: few places show which shape it is
_DETAIL_WEIGHT = 4.0  # and what is small in the ground, as a star at night
# Things that take longest to learn are shown more often.
_SHARES = {"star": 2.0, "tree": 2.0, "sun": 1.5, "moon": 1.5, "circle": 1.5}


def main() -> None:
    """Trains for the steps of the command line, goes on where it was interrupted."""
    parser = command_line(__doc__, steps=10_000)
    parser.add_argument(
        "--decay", type=float, default=0.35, help="last share of it, in which the rate falls to 0"
    )
    parser.add_argument("--rate", type=float, default=_RATE)
    arguments = parser.parse_args()
    where = device()
    torch.manual_seed(arguments.seed)
    words = Words()
    text = read_text_encoder(arguments.work / "text.pt", words).to(where)
    unet = _with_silent_blocks(new_denoiser()).to(where, memory_format=torch.channels_last)
    training = Training(arguments.work / "denoiser.pt", {"denoiser": unet}, average=0.999)
    examples = Examples(arguments.work, words)
    losses: list[float] = []
    while training.step < arguments.steps:
        left = 1 - training.step / arguments.steps
        rate = arguments.rate * min(1, (training.step + 1) / _WARM_UP, 0.01 + left / arguments.decay)
        rng = dice(arguments.seed, training.step)
        latents, weights, ids = (part.to(where) for part in examples.batch(rng, training.step))
        loss = denoising_loss(unet, text, latents, weights, ids, rng)
        training.update(loss, rate)
        losses.append(loss.item())
        if training.step % 200 == 0:
            training.note(loss=sum(losses) / len(losses))
            losses.clear()
    training.save()


def _with_silent_blocks(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The UNet with blocks that add nothing yet, as Dhariwal and Nichol (2021) start theirs."""
    for name, parameter in unet.named_parameters():
        if name.rsplit(".", 1)[0].endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(parameter)
    return unet


class Examples:
    """The encoded pictures with their scenes."""

    def __init__(self, work: Path, words: Words) -> None:
        self._latents = np.load(work / "latents.npy", mmap_mode="r")
        self._masks = open_masks(work)
        self._scenes = read_scenes(work)
        self._words = words
        shown = self._scenes[: len(self._latents)]
        self._shares = torch.tensor([_SHARES.get(scene.things[0].shape, 1.0) for scene in shown])

    def batch(self, rng: torch.Generator, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents [B,4,h,w] in the UNet's units, weights [B,1,h,w] with mean 1, caption ids [B,L]."""
        chosen = torch.multinomial(self._shares, _BATCH, generator=rng).tolist()
        latents = torch.from_numpy(self._latents[chosen]).float()
        inside = torch.from_numpy(self._masks[chosen]).float().div(255)[:, None]
        outline = max_pool2d(inside, 3, 1, 1) + max_pool2d(-inside, 3, 1, 1)
        around = avg_pool2d(latents, 5, 1, 2, count_include_pad=False)
        detail = (latents - around).abs().mean(1, keepdim=True).clamp(max=1) * (1 - inside)
        weights = 1 + _THING_WEIGHT * inside + _EDGE_WEIGHT * outline + _DETAIL_WEIGHT * detail
        weights = weights / weights.mean((1, 2, 3), keepdim=True)
        numbers = random.Random(step)
        captions = [
            "" if numbers.random() < UNCONDITIONAL else caption(self._scenes[i], numbers) for i in chosen
        ]
        ids = self._words.some_unknown(self._words(captions), rng)
        return latents.contiguous(memory_format=torch.channels_last), weights, ids


def denoising_loss(
    unet: nn.Module, text: nn.Module, latents: Tensor, weights: Tensor, ids: Tensor, rng: torch.Generator
) -> Tensor:
    """How wrong the velocity is that the UNet predicts, for one noise level per picture."""
    count, where = len(latents), latents.device
    # One noise level from each of as many equal ranges: less chance in a batch.
    step = (
        (torch.randperm(count, generator=rng) + torch.rand(count, generator=rng)) / count * len(_SIGMAS)
    ).long()
    # How much of the picture is left of it.
    kept = (1 / (1 + _SIGMAS[step] ** 2)).to(where)[:, None, None, None]
    noise = torch.randn(latents.shape, generator=rng) + _OFFSET * torch.randn(count, 4, 1, 1, generator=rng)
    noise = noise.to(where)
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    velocity = kept.sqrt() * noise - (1 - kept).sqrt() * latents
    weight = (_SNR_LIMIT * (1 - kept)).clamp(max=1).flatten()
    with torch.autocast(where.type, torch.bfloat16):
        states = text_states(text, ids)
        predicted = unet(noisy, step.to(where), states, return_dict=False)[0]
    error = ((predicted.float() - velocity).square() * weights).mean((1, 2, 3))
    return (error * weight).mean()


if __name__ == "__main__":
    main()
