"""What the trainings have in common: command line, rate, averaged weights, and a state to go on from."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

_SAVE_EVERY = 300.0  # seconds


def command_line(description: str | None, steps: int, seed: int = 1) -> argparse.ArgumentParser:
    """The arguments that every training takes: the folder it works in, steps in all, seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for everything that training makes")
    parser.add_argument("--steps", type=int, default=steps, help="of the whole training")
    parser.add_argument("--seed", type=int, default=seed)
    return parser


def device() -> torch.device:
    """The accelerator if there is one."""
    # On processors the fused attention is slow backwards where heads are many and narrow: 0.29 s for 0.15 s.
    torch.backends.cuda.enable_flash_sdp(torch.cuda.is_available())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dice(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step: the same whether training was interrupted before or not."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def cosine(rate: float, step: int, steps: int, warm_up: int) -> float:
    """The rate of a step: it rises over the first ones, then falls to a hundredth along half a wave."""
    return rate * min(1, (step + 1) / warm_up) * (0.505 + 0.495 * math.cos(math.pi * step / steps))


class Training:
    """The state of one training, kept in a file.

    Attributes:
        step: How many updates were made.
        curve: Facts of some steps, for the record.
    """

    def __init__(self, file: Path, networks: Mapping[str, nn.Module], *, average: float = 0.998) -> None:
        self._file = file
        self._average = average
        self._parameters = {
            f"{part}.{name}": parameter
            for part, network in networks.items()
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
        }
        self._averages = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._optimiser = torch.optim.AdamW(
            self._parameters.values(), betas=(0.9, 0.99), weight_decay=1e-4, fused=True
        )
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self._seconds = 0.0
        self._started = self._saved = time.monotonic()
        if file.is_file():
            self._load()

    @property
    def seconds(self) -> float:
        """How long this training has taken, interruptions not counted."""
        return self._seconds + time.monotonic() - self._started

    def update(self, loss: Tensor, rate: float) -> None:
        """One step down the slope of a loss; saves now and then."""
        loss.backward()
        parameters = list(self._parameters.values())
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.step += 1
        kept = min(self._average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._averages.values()), parameters, 1 - kept)
        if time.monotonic() - self._saved > _SAVE_EVERY:
            self.save()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the networks have their averaged weights."""
        with torch.no_grad():
            own = {name: p.clone() for name, p in self._parameters.items()}
            for name, parameter in self._parameters.items():
                parameter.copy_(self._averages[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(own[name])

    def note(self, **facts: float) -> None:
        """Adds a point to the curve and says it."""
        point = {"step": self.step, "seconds": round(self.seconds), **facts}
        self.curve.append(point)
        print("  ".join(f"{name} {value:.6g}" for name, value in point.items()), flush=True)

    def save(self) -> None:
        """Writes the state; a file that is there is whole."""
        self._saved = time.monotonic()
        unfinished = self._file.with_suffix(".unfinished")
        state = {
            "parameters": dict(self._parameters),
            "averages": self._averages,
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
        }
        torch.save(state, unfinished)
        unfinished.replace(self._file)

    def _load(self) -> None:
        state = torch.load(self._file, map_location="cpu")
        with torch.no_grad():
            # What was only needed for training is not in a file that `unpack` made.
            for name in state["parameters"].keys() & self._parameters.keys():
                self._parameters[name].copy_(state["parameters"][name])
                self._averages[name].copy_(state["averages"][name])
        if "optimiser" not in state:
            return
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self._seconds, self.curve = state["step"], state["seconds"], state["curve"]


def write_start(file: Path, part: str, tensors: Mapping[str, Tensor]) -> None:
    """Writes the file of a training that begins with these weights of a network."""
    values = {f"{part}.{name}": value.float() for name, value in tensors.items()}
    torch.save({"parameters": values, "averages": values}, file)


def averages(file: Path, part: str) -> dict[str, Tensor]:
    """The averaged weights of a network in the file of a training."""
    prefix = f"{part}."
    state = torch.load(file, map_location="cpu")["averages"]
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
