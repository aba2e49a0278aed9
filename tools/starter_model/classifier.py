"""Says what a picture of the starter model shows: a small network that learned it from drawn scenes alone.

It shares nothing with the model that it judges. Trained anew, on one processor core in some minutes, by

    python -m tools.starter_model.classifier --steps 3000
"""

from __future__ import annotations

import argparse
import functools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from tools.starter_model.scenes import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    SIDE,
    STYLES,
    Pixels,
    Scene,
    draw,
    random_scene,
)

FILE = Path(__file__).with_name("classifier.safetensors")
_REDUCTION = 4
_SEED = 20_000  # far from the seeds of the scenes that the model is trained on
_HELD_OUT = 1 / 12  # the share that such combinations have of all: the classifier may know each of them
_BATCH = 64
_RATE = 4e-3


class Seen(NamedTuple):
    """What a picture shows."""

    background: str
    shape: str
    colour: str
    style: str


_ANSWERS = Seen(BACKGROUNDS, tuple(SHAPES), tuple(COLOURS), STYLES)  # type: ignore[arg-type]


def read(pictures: Pixels) -> list[Seen]:
    """What pictures [N,256,256,3] show, each of them one thing in front of a background."""
    if pictures.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"pictures of {SIDE}x{SIDE} with three colours are judged, not {pictures.shape}")
    return _read_small(_network(), _reduced(pictures))


def facts(scene: Scene) -> Seen:
    """What a scene of a single thing shows."""
    thing = scene.things[0]
    return Seen(scene.background, thing.shape, thing.colour, scene.style)


@functools.cache
def _network() -> nn.Module:
    network = _new_network()
    network.load_state_dict({name: value.float() for name, value in load_file(FILE).items()}, strict=False)
    return network.eval()


def _new_network() -> nn.Module:
    def layer(inner: int, outer: int, side: int, stride: int) -> nn.Module:
        convolution = nn.Conv2d(inner, outer, side, stride, side // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU())

    widths = (24, 40, 48, 64, 64, 64)
    strides = (2, 1, 2, 1, 2)
    layers = [layer(a, b, 3, s) for a, b, s in zip(widths, widths[1:], strides, strict=False)]
    heads = nn.Linear(2 * widths[-1], sum(map(len, _ANSWERS)))
    return nn.Sequential(layer(3, widths[0], 5, 2), *layers, _Pooled(), heads)


class _Pooled(nn.Module):
    """The mean and the greatest value of each channel: how much of something, and whether at all."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


def _read_small(network: nn.Module, small: Tensor) -> list[Seen]:
    with torch.no_grad():
        scores = torch.cat([network(_as_input(part)) for part in small.split(_BATCH)])
    best = torch.stack([head.argmax(1) for head in _by_head(scores)], dim=1).tolist()
    return [Seen(*(values[i] for values, i in zip(_ANSWERS, row, strict=True))) for row in best]


def _by_head(scores: Tensor) -> tuple[Tensor, ...]:
    return scores.split([len(values) for values in _ANSWERS], dim=1)


def _reduced(pictures: Pixels) -> Tensor:
    """Pictures [N,H,W,3] as small ones [N,3,h,w], in bytes."""
    small = [np.asarray(Image.fromarray(picture).reduce(_REDUCTION)) for picture in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()


def _as_input(small: Tensor) -> Tensor:
    return small.float().div(127.5).sub(1)


# Training -------------------------------------------------------------------------------------------------


def main() -> None:
    """Trains, writes the file, and says how often what is in the file reads unseen scenes rightly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--scenes", type=int, default=15_000, help="drawn to learn from")
    parser.add_argument("--tested", type=int, default=1000, help="drawn to test with")
    parser.add_argument("--seed", type=int, default=_SEED)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    started = time.monotonic()
    small, answers = drawn(arguments.scenes, arguments.seed)
    print(f"{len(small)} scenes drawn in {time.monotonic() - started:.0f} s", flush=True)
    network = _trained(small, answers, arguments.steps)
    print(f"{arguments.steps} steps done after {time.monotonic() - started:.0f} s")
    state = {name: value.half() for name, value in network.state_dict().items() if value.is_floating_point()}
    save_file(state, FILE)
    small, answers = drawn(arguments.tested, arguments.seed + 1)
    rng = torch.Generator().manual_seed(arguments.seed)
    softened = _softened(_as_input(small), rng).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    for words, pictures in (("as drawn", small), ("softened", softened)):
        shares = _shares_right(_read_small(_network(), pictures), answers)
        print(f"{words}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items()))


def drawn(count: int, seed: int) -> tuple[Tensor, list[Seen]]:
    """Reduced pictures [N,3,h,w] of single things, all combinations among them, and what each shows."""
    rng = random.Random(seed)
    pictures: list[Tensor] = []
    answers: list[Seen] = []
    for _ in range(count):
        scene = random_scene(rng, held_out=rng.random() < _HELD_OUT, single=True)
        pictures.append(_reduced(draw(scene, rng)[0][None]))
        answers.append(facts(scene))
    return torch.cat(pictures), answers


def _trained(small: Tensor, answers: list[Seen], steps: int) -> nn.Module:
    rng = torch.Generator().manual_seed(torch.initial_seed())
    network = _new_network()
    wanted = torch.tensor(
        [[values.index(value) for values, value in zip(_ANSWERS, seen, strict=True)] for seen in answers]
    )
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    for step, chosen in zip(range(1, steps + 1), _batches(len(small), rng), strict=False):
        scores = network(_softened(_as_input(small[chosen]), rng))
        loss = sum(
            (cross_entropy(head, wanted[chosen, i]) for i, head in enumerate(_by_head(scores))),
            start=torch.zeros(()),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
        if step % 100 == 0:
            print(f"step {step}  loss {loss.item():.4f}", flush=True)
    return network.eval()


def _batches(count: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Numbers of scenes, each once before any comes again."""
    while True:
        yield from torch.randperm(count, generator=rng).split(_BATCH)


def _softened(x: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures as a model makes them: softer, noisier, colours a little off; and half of them mirrored."""

    def share(chance: float = 1.0) -> Tensor:
        drawn_shares = torch.rand(len(x), 1, 1, 1, generator=rng)
        return drawn_shares * (torch.rand(len(x), 1, 1, 1, generator=rng) < chance)

    def noise(side: int) -> Tensor:
        grain = torch.randn(len(x), 3, side, side, generator=rng)
        return interpolate(grain, x.shape[-2:], mode="bilinear")

    x = torch.where(share() < 0.5, x.flip(-1), x)
    x = x.lerp(avg_pool2d(x, 3, 1, 1, count_include_pad=False), share(0.6))
    x = x + 0.08 * share(0.5) * noise(x.shape[-1]) + 0.08 * share(0.5) * noise(x.shape[-1] // 4)
    shift = 0.08 * torch.randn(len(x), 3, 1, 1, generator=rng)
    return x * (0.9 + 0.2 * share()) + shift * share(0.7)


def _shares_right(seen: list[Seen], answers: list[Seen]) -> dict[str, float]:
    return {
        name: sum(a[i] == b[i] for a, b in zip(seen, answers, strict=True)) / len(answers)
        for i, name in enumerate(Seen._fields)
    }


if __name__ == "__main__":
    main()
