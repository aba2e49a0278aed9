"""Makes a folder to go on training in from a checkpoint, where the one it was trained in is lost.

Afterwards `render` and `encode` fill the folder with pictures again, and each training goes on from the
checkpoint's weights; the optimiser starts afresh.

    python -m tools.starter_model.unpack resources/models/checkpoints/darkroom_starter.safetensors WORK
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from core.models import autoencoder, detect
from core.models.files import open_weights
from tools.starter_model.export import TABLE
from tools.starter_model.networks import TEXT
from tools.starter_model.train_text import Words
from tools.starter_model.training import write_start


def main() -> None:
    """Writes the files of the trainings that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    unpack(arguments.checkpoint, arguments.work)


def unpack(checkpoint: Path, work: Path) -> None:
    """Writes the networks of a checkpoint as the trainings keep theirs."""
    work.mkdir(parents=True, exist_ok=True)
    file = open_weights(checkpoint)
    denoiser = detect.recognise(file).convert(detect.denoiser_tensors(file.tensors))
    vae_tensors = autoencoder.vae_tensors(file.tensors)
    vae = autoencoder.recognise(file).convert(vae_tensors)
    text = TEXT.convert(file.tensors)
    words = Words()
    text[TABLE] = words.small_table(text[TABLE])
    write_start(work / "denoiser.pt", "denoiser", denoiser)
    write_start(work / "text.pt", "text", text)
    torch.save({name: value.float() for name, value in vae.items()}, work / "vae_finished.pt")


if __name__ == "__main__":
    main()
