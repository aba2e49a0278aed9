"""Measures whether the starter model draws what it is asked for, in combinations that it was never shown.

python -m tools.starter_model.evaluate --count 200 --report report.json --require 95,80,55
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from tools.starter_model.captions import plain_caption
from tools.starter_model.classifier import Seen, facts, read
from tools.starter_model.painter import Painter, add_arguments, painter_of, settings_of
from tools.starter_model.scenes import COLOURS, SHAPES, STYLES, Pixels, Scene, draw, random_scene

_FIELDS = ("background", "colour", "shape", "style")
_REQUIRED = _FIELDS[:3]
_DENOISE = (0.3, 0.6, 0.9)
_LEAST_DIFFERENCE = 0.02  # of the range of a channel; the same seed again gives 0


def main(words: Sequence[str] | None = None) -> int:
    """Makes pictures, judges them, says how they are; 1 if that is not enough.

    Args:
        words: Of the command line; None for those of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=200, help="prompts")
    parser.add_argument("--effects", type=int, default=72, help="prompts for each of the three effects")
    parser.add_argument("--report", type=Path, help="JSON file to write")
    parser.add_argument("--pictures", type=Path, help="folder to write pictures to, named by their prompts")
    parser.add_argument(
        "--require",
        type=_percentages,
        metavar="PERCENT,PERCENT,PERCENT",
        help="least share right of backgrounds, colours and shapes; the effects are required then too",
    )
    arguments = parser.parse_args(words)
    if min(arguments.count, arguments.effects) < 1:
        parser.error("--count and --effects must be 1 or more")
    painter = painter_of(arguments)
    report: dict[str, Any] = {
        "checkpoint": arguments.checkpoint.name,
        "settings": asdict(settings_of(arguments)),
        "seed": arguments.seed,
    }
    report |= _judge(painter, arguments.count, arguments.seed, arguments.pictures)
    _print_shares(report["shares"])
    report["effects"] = _effects(painter, arguments.effects, arguments.seed)
    _print_effects(report["effects"])
    failures = [] if arguments.require is None else shortfalls(report, arguments.require)
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"not enough: {failure}")
    return 1 if failures else 0


def _percentages(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(_REQUIRED) or not all(0 <= value <= 100 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not three percentages such as 95,80,55")
    return values


def unseen_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes of one thing, each in a combination that training never shows."""
    rng = random.Random(f"evaluate {seed}")
    return [random_scene(rng, held_out=True, single=True) for _ in range(count)]


# What is asked for and what is there -----------------------------------------------------------------------


class Share(TypedDict):
    """How many of some pictures are right, and between what the share is with 95 % confidence; of 1."""

    count: int
    share: float
    low: float
    high: float


def share(right: Iterable[bool]) -> Share:
    """How many are right.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    values = list(right)
    count, z = len(values), 1.96
    p = sum(values) / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return Share(count=count, share=p, low=max(0.0, middle - spread), high=min(1.0, middle + spread))


def _judge(painter: Painter, count: int, seed: int, folder: Path | None) -> dict[str, Any]:
    scenes = unseen_scenes(count, seed)
    prompts = [plain_caption(scene) for scene in scenes]
    started = time.monotonic()
    pictures = painter(prompts, seed=seed)
    seconds = (time.monotonic() - started) / count
    print(f"{count} pictures, {seconds:.2f} s each", flush=True)
    if folder is not None:
        _write_pictures(folder, pictures, prompts)
    asked, seen = [facts(scene) for scene in scenes], read(pictures)
    return {
        "seconds_per_picture": round(seconds, 3),
        "shares": shares_right(asked, seen),
        "pictures": [
            {"prompt": prompt, "asked": a._asdict(), "seen": s._asdict()}
            for prompt, a, s in zip(prompts, asked, seen, strict=True)
        ],
    }


def shares_right(asked: Sequence[Seen], seen: Sequence[Seen]) -> dict[str, dict[str, Share]]:
    """Group of pictures -> field -> share of the group in which the field is what was asked for."""
    pairs = list(zip(asked, seen, strict=True))
    groups = {"all": pairs}
    groups |= {style: [pair for pair in pairs if pair[0].style == style] for style in STYLES}
    groups |= {shape: [pair for pair in pairs if pair[0].shape == shape] for shape in SHAPES}
    return {
        name: {field: share(getattr(a, field) == getattr(s, field) for a, s in members) for field in _FIELDS}
        for name, members in groups.items()
        if members
    }


def _write_pictures(folder: Path, pictures: Pixels, prompts: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (picture, prompt) in enumerate(zip(pictures, prompts, strict=True)):
        Image.fromarray(picture).save(folder / f"{number:03} {prompt}.png")


# Effects --------------------------------------------------------------------------------------------------


def _effects(painter: Painter, count: int, seed: int) -> dict[str, Any]:
    scenes = unseen_scenes(count, seed)
    return {
        "seed": _effect_of_seed(painter, scenes, seed),
        "negative": _effect_of_negative(painter, scenes, seed),
        "denoise": _effect_of_denoise(painter, scenes, seed),
    }


def _effect_of_seed(painter: Painter, scenes: Sequence[Scene], seed: int) -> dict[str, float]:
    """How far pictures of the same prompts are from one another: for each pixel and channel, of its range."""
    prompts = [plain_caption(scene) for scene in scenes]
    first, second = (painter(prompts, seed=s).astype(np.float32) / 255 for s in (seed, seed + 1))
    differences = np.abs(first - second).mean((1, 2, 3))
    return {"mean_difference": float(differences.mean()), "least_difference": float(differences.min())}


def _effect_of_negative(painter: Painter, scenes: Sequence[Scene], seed: int) -> dict[str, Share]:
    """How many things keep the colour that they have when none is asked for.

    The negative prompt is that colour, or, to see what any word does, one that the thing does not have.
    """
    rng = random.Random(seed)
    prompts = [_without_colour(scene) for scene in scenes]
    before = [seen.colour for seen in read(painter(prompts, seed=seed))]
    others = [rng.choice([other for other in COLOURS if other != colour]) for colour in before]

    def kept(negatives: Sequence[str]) -> Share:
        after = read(painter(prompts, seed=seed, negatives=negatives))
        return share(seen.colour == colour for seen, colour in zip(after, before, strict=True))

    return {"kept_against_it": kept(before), "kept_against_another": kept(others)}


def _without_colour(scene: Scene) -> str:
    return plain_caption(replace(scene, things=(replace(scene.things[0], colour=""),)))


def _effect_of_denoise(painter: Painter, scenes: Sequence[Scene], seed: int) -> dict[str, float]:
    """For each denoise, the mean PSNR in dB to the picture that was begun with, under another prompt."""
    rng = random.Random(seed)
    begun = np.stack([draw(random_scene(rng, single=True), rng)[0] for _ in scenes])
    prompts = [plain_caption(scene) for scene in scenes]
    return {
        str(denoise): _psnr(painter(prompts, seed=seed, pictures=begun, denoise=denoise), begun)
        for denoise in _DENOISE
    }


def _psnr(pictures: Pixels, others: Pixels) -> float:
    errors = np.square((pictures.astype(np.float32) - others) / 255).mean((1, 2, 3))
    return float(-10 * np.log10(np.maximum(errors, 1e-10)).mean())


# The report -----------------------------------------------------------------------------------------------


def shortfalls(report: dict[str, Any], required: Sequence[float]) -> list[str]:
    """What a report falls short of, a sentence each.

    Args:
        required: Percentages of right backgrounds, colours and shapes.
    """
    found: list[str] = []
    for field, least in zip(_REQUIRED, required, strict=True):
        percent = 100 * report["shares"]["all"][field]["share"]
        if percent < least:
            found.append(f"{field}: {percent:.1f} % are right, {least:g} % are required")
    effects = report["effects"]
    difference = effects["seed"]["mean_difference"]
    if difference < _LEAST_DIFFERENCE:
        found.append(f"another seed changes pictures by {difference:.3f}, less than {_LEAST_DIFFERENCE}")
    negative = effects["negative"]
    if negative["kept_against_it"]["high"] >= negative["kept_against_another"]["low"]:
        found.append("a colour as negative prompt removes that colour no more surely than another word does")
    left = list(effects["denoise"].values())
    if any(later >= earlier for earlier, later in itertools.pairwise(left)):
        found.append(f"more denoise does not leave less of a picture: PSNR {_decibels(left)}")
    return found


def _print_shares(shares: dict[str, dict[str, Share]]) -> None:
    print(f"\n{'% right':<12}{'of':>4}  " + "".join(f"{field:<16}" for field in _FIELDS))
    for name, fields in shares.items():
        cells = "".join(f"{_percent(fields[field]):<16}" for field in _FIELDS)
        print(f"{name:<12}{fields[_FIELDS[0]]['count']:>4}  {cells}", flush=True)


def _print_effects(effects: dict[str, Any]) -> None:
    seed, negative, denoise = effects["seed"], effects["negative"], effects["denoise"]
    least = seed["least_difference"]
    print(f"\nanother seed: pictures differ by {seed['mean_difference']:.3f} of the range, least {least:.3f}")
    print(f"colour kept with it as negative prompt: {_percent(negative['kept_against_it'])} %")
    print(f"colour kept with another one as negative prompt: {_percent(negative['kept_against_another'])} %")
    print(f"likeness to the first picture at denoise {', '.join(denoise)}: {_decibels(denoise.values())}")


def _percent(part: Share) -> str:
    return f"{100 * part['share']:.1f} ({100 * part['low']:.0f}-{100 * part['high']:.0f})"


def _decibels(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f} dB" for value in values)


if __name__ == "__main__":
    raise SystemExit(main())
