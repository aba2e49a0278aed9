"""Trains the VAE and gives its latents mean 0 and spread 1.

python -m tools.starter_model.train_vae WORK --steps 9000
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor
from torch.nn.functional import avg_pool2d

from tools.starter_model.encode import as_input, encoded
from tools.starter_model.networks import LATENT_SCALE, new_vae
from tools.starter_model.render import open_pictures
from tools.starter_model.scenes import SIDE
from tools.starter_model.training import Training, averages, command_line, cosine, device, dice

_RATE = 2e-3
_KL = 1e-5
_NOISE = 0.05  # of a latent's spread: what the UNet gets wrong should not show
# Share of steps on which a latent of half the side has to decode to the picture of half the side.
_HALVED = 0.2
# Share of the training, side of a crop, crops in a batch.
_PHASES = ((0.5, 64, 12), (0.75, 128, 3), (1.0, SIDE, 1))
_TESTED = 32


def main() -> None:
    """Trains for the steps of the command line, goes on where it was interrupted."""
    arguments = command_line(__doc__, steps=9000).parse_args()
    where = device()
    torch.manual_seed(arguments.seed)
    vae = new_vae().to(where, memory_format=torch.channels_last)
    training = Training(arguments.work / "vae.pt", {"vae": vae})
    pictures = open_pictures(arguments.work)
    tested = tested_pictures(pictures, where)
    while training.step < arguments.steps:
        progress = training.step / arguments.steps
        rng = dice(arguments.seed, training.step)
        _, side, count = next(phase for phase in _PHASES if progress < phase[0])
        batch = as_input(_crops(pictures[:-_TESTED], side, count, rng), where)
        rate = cosine(_RATE, training.step, arguments.steps, warm_up=100)
        training.update(_loss(vae, batch, rng), rate)
        if training.step % 500 == 0:
            with training.averaged():
                training.note(psnr=psnr(vae, tested))
    training.save()
    finish(arguments.work, pictures, where)


def _crops(
    pictures: npt.NDArray[np.uint8], side: int, count: int, rng: torch.Generator
) -> npt.NDArray[np.uint8]:
    """Random parts, of two the one with more to see; on a grid of eight pixels, as the latents are."""

    def one() -> npt.NDArray[np.uint8]:
        index = int(torch.randint(len(pictures), (), generator=rng))
        y, x = (8 * torch.randint((SIDE - side) // 8 + 1, (2,), generator=rng)).tolist()
        return pictures[index, y : y + side, x : x + side]

    if side == SIDE:
        return np.stack([one() for _ in range(count)])
    return np.stack([max(one(), one(), key=np.std) for _ in range(count)])


def _loss(vae: AutoencoderKL, x: Tensor, rng: torch.Generator) -> Tensor:
    with torch.autocast(x.device.type, torch.bfloat16):
        posterior = vae.encode(x).latent_dist
        z = posterior.sample(rng)
        noise = torch.randn(z.shape, generator=rng).to(z)
        z = z + _NOISE * z.detach().float().std((0, 2, 3), keepdim=True) * noise
        if torch.rand((), generator=rng) < _HALVED:
            x, z = avg_pool2d(x, 2), avg_pool2d(z, 2)
        y = vae.decode(z).sample
    mean, variance = posterior.mean.float(), posterior.var.float()
    kl = 0.5 * (mean**2 + variance - 1 - posterior.logvar.float()).mean()
    return picture_loss(y.float() - x) + _KL * kl


def picture_loss(error: Tensor) -> Tensor:
    """How wrong a picture is; what is wrong about its edges counts twice."""
    edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (
        error[..., 1:, :] - error[..., :-1, :]
    ).abs().mean()
    return error.abs().mean() + error.square().mean() + 0.5 * edges


def tested_pictures(pictures: npt.NDArray[np.uint8], where: torch.device) -> Tensor:
    """Those that training never shows."""
    return as_input(pictures[-_TESTED:], where)


@torch.no_grad()
def psnr(vae: AutoencoderKL, x: Tensor) -> float:
    """How much of pictures is left after encoding and decoding, in dB."""
    errors: list[Tensor] = []
    for part in x.split(8):
        with torch.autocast(x.device.type, torch.bfloat16):
            y = vae.decode(vae.encode(part).latent_dist.mode()).sample
        errors.append((y.float().clamp(-1, 1) - part).square().mean() / 4)
    return -10 * math.log10(float(torch.stack(errors).mean()))


@torch.no_grad()
def finish(work: Path, pictures: npt.NDArray[np.uint8], where: torch.device) -> None:
    """Gives every latent channel mean 0 and spread 1, by way of the outermost convolutions."""
    vae = new_vae().to(where, memory_format=torch.channels_last)
    vae.load_state_dict(averages(work / "vae.pt", "vae"))
    z = encoded(vae, pictures[:: len(pictures) // 500], where)
    mean, spread = z.mean((0, 2, 3)).to(where), z.std((0, 2, 3)).to(where)
    factor = 1 / (LATENT_SCALE * spread)
    inward, outward = vae.quant_conv, vae.post_quant_conv
    inward.weight[:4] *= factor[:, None, None, None]
    inward.bias[:4] = (inward.bias[:4] - mean) * factor
    inward.bias[4:] += 2 * factor.log()
    outward.bias += (outward.weight[:, :, 0, 0] * mean).sum(1)
    outward.weight /= factor[None, :, None, None]
    torch.save(vae.state_dict(), work / "vae_finished.pt")
    print(f"finished: PSNR {psnr(vae, tested_pictures(pictures, where)):.2f} dB")


if __name__ == "__main__":
    main()
