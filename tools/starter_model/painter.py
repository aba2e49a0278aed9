"""Makes pictures of prompts with the functions that the program's own nodes call."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import resources
from core.media.images import to_picture
from core.models.cache import ModelCache
from core.models.load import load_checkpoint
from core.sampling.interface import Cond
from core.sampling.names import SAMPLERS, SCHEDULERS
from core.sampling.sample import ksampler
from tools.starter_model.scenes import SIDE, Pixels

SHIPPED = resources.path("models", "checkpoints", "darkroom_starter.safetensors")
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What a KSampler node is set to."""

    steps: int = 20
    cfg: float = 4.0
    sampler: str = "dpmpp_2m"
    scheduler: str = "karras"


class Painter:
    """A checkpoint and how it is used.

    Args:
        device: `auto`, `cpu`, `cuda`, ...
    """

    def __init__(self, checkpoint: Path, settings: Settings, device: str = "auto") -> None:
        self._model, self._clip, self._vae = load_checkpoint(checkpoint, ModelCache(device))
        self._settings = settings
        self._encoded = functools.cache(self._clip.encode)

    def __call__(
        self,
        prompts: Sequence[str],
        *,
        seed: int,
        negatives: Sequence[str] | None = None,
        pictures: Pixels | None = None,
        denoise: float = 1.0,
    ) -> Pixels:
        """Pictures [N,256,256,3] of prompts; each has noise of its own, however many are made at once.

        Args:
            negatives: For each, what it shall not show.
            pictures: For each, the picture [256,256,3] to start from.
            denoise: Share of the schedule to run.
        """
        cells = SIDE // self._vae.downscale
        made: list[Pixels] = []
        for start in range(0, len(prompts), _BATCH):
            part = slice(start, start + _BATCH)
            count = len(prompts[part])
            latent = torch.zeros(count, self._vae.channels, cells, cells)
            if pictures is not None:
                latent = self._vae.encode(torch.from_numpy(pictures[part]).float() / 255)
            with self._model.resident() as predictor:
                latent = ksampler(
                    predictor,
                    self._conditioning(prompts[part]),
                    self._conditioning([""] * count if negatives is None else negatives[part]),
                    seed=seed,
                    steps=self._settings.steps,
                    cfg=self._settings.cfg,
                    sampler=self._settings.sampler,
                    scheduler=self._settings.scheduler,
                    latent=latent,
                    batch_index=range(start, start + count),
                    denoise=denoise,
                    device=predictor.device,
                )
            made += [np.asarray(to_picture(image)) for image in self._vae.decode(latent).numpy()]
        return np.stack(made)

    def _conditioning(self, prompts: Sequence[str]) -> list[Cond]:
        """One entry with a text for each picture of a batch."""
        return [Cond(torch.cat([self._encoded(prompt).embedding for prompt in prompts]))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `painter_of` and a seed need to a command line."""
    usual = Settings()
    parser.add_argument("checkpoint", type=Path, nargs="?", default=SHIPPED, help="default: the shipped one")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--cfg", type=float, default=usual.cfg)
    parser.add_argument("--sampler", choices=SAMPLERS, default=usual.sampler, metavar="NAME")
    parser.add_argument("--scheduler", choices=SCHEDULERS, default=usual.scheduler, metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings on a command line."""
    return Settings(arguments.steps, arguments.cfg, arguments.sampler, arguments.scheduler)


def painter_of(arguments: argparse.Namespace) -> Painter:
    """The painter that a command line asks for; ends the program if there is no such file."""
    if not arguments.checkpoint.is_file():
        raise SystemExit(f"there is no {arguments.checkpoint}: name the checkpoint to use")
    return Painter(arguments.checkpoint, settings_of(arguments), arguments.device)
