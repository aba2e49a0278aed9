"""Trains the VAE's decoder further, on whole pictures. Latents stay as they are, and so does the UNet's work.

python -m tools.starter_model.train_decoder WORK --steps 4000
"""

from __future__ import annotations

import numpy as np
import torch

from tools.starter_model.encode import as_input, finished_vae
from tools.starter_model.networks import LATENT_SCALE
from tools.starter_model.render import open_pictures
from tools.starter_model.train_vae import picture_loss, psnr, tested_pictures
from tools.starter_model.training import Training, averages, command_line, cosine, device, dice

_RATE = 8e-4
_BATCH = 2
_NOISE = 0.05  # of a latent's spread, which is 1 in the UNet's units


def main() -> None:
    """Trains for the steps of the command line, goes on where it was interrupted; then changes the VAE."""
    arguments = command_line(__doc__, steps=4000, seed=2).parse_args()
    where = device()
    torch.manual_seed(arguments.seed)
    vae = finished_vae(arguments.work, where)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    training = Training(arguments.work / "decoder.pt", {"vae": vae})
    pictures, latents = open_pictures(arguments.work), np.load(arguments.work / "latents.npy", mmap_mode="r")
    tested = tested_pictures(pictures, where)
    while training.step < arguments.steps:
        rng = dice(arguments.seed, training.step)
        chosen = torch.randint(len(latents), (_BATCH,), generator=rng).tolist()
        target = as_input(pictures[chosen], where)
        z = torch.from_numpy(latents[chosen]).float()
        z = ((z + _NOISE * torch.randn(z.shape, generator=rng)) / LATENT_SCALE).to(where)
        with torch.autocast(where.type, torch.bfloat16):
            decoded = vae.decode(z.contiguous(memory_format=torch.channels_last)).sample
        rate = cosine(_RATE, training.step, arguments.steps, warm_up=50)
        training.update(picture_loss(decoded.float() - target), rate)
        if training.step % 250 == 0:
            with training.averaged():
                training.note(psnr=psnr(vae, tested))
    training.save()
    finished = vae.state_dict() | averages(arguments.work / "decoder.pt", "vae")
    torch.save(finished, arguments.work / "vae_finished.pt")


if __name__ == "__main__":
    main()
