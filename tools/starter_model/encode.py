"""Encodes the pictures with the trained VAE.

python -m tools.starter_model.encode WORK --count 20000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from tools.starter_model.networks import LATENT_SCALE, new_vae
from tools.starter_model.render import open_pictures
from tools.starter_model.training import device

_BATCH = 4


def main() -> None:
    """Writes the latents of the first pictures, in the UNet's units."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    where = device()
    latents = encoded(
        finished_vae(arguments.work, where), open_pictures(arguments.work)[: arguments.count], where
    )
    np.save(arguments.work / "latents.npy", (latents * LATENT_SCALE).half().numpy())


def finished_vae(work: Path, where: torch.device) -> AutoencoderKL:
    """The VAE as it ships."""
    vae = new_vae()
    vae.load_state_dict(torch.load(work / "vae_finished.pt", map_location="cpu"))
    return vae.to(where, memory_format=torch.channels_last)


def as_input(pictures: npt.NDArray[np.uint8], where: torch.device) -> Tensor:
    """Pictures [N,h,w,3] as a VAE takes them: [N,3,h,w], -1..1."""
    x = torch.from_numpy(np.array(pictures)).to(where).permute(0, 3, 1, 2)
    return x.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def encoded(vae: AutoencoderKL, pictures: npt.NDArray[np.uint8], where: torch.device) -> Tensor:
    """Latents [N,4,h/8,w/8] of pictures, in the VAE's units."""
    parts: list[Tensor] = []
    for start in range(0, len(pictures), _BATCH):
        with torch.autocast(where.type, torch.bfloat16):
            latent = vae.encode(as_input(pictures[start : start + _BATCH], where)).latent_dist.mode()
        parts.append(latent.float().cpu())
    return torch.cat(parts)


if __name__ == "__main__":
    main()
