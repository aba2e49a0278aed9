"""Draws the scenes that training shows, once, into a folder.

python -m tools.starter_model.render WORK --count 30000
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tools.starter_model.scenes import SIDE, Scene, Thing, draw, random_scene

MASK_SIDE = SIDE // 8
_PART = 500


def main() -> None:
    """Draws what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for everything that training makes")
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    count = arguments.count // _PART * _PART
    arguments.work.mkdir(parents=True, exist_ok=True)
    _pictures(arguments.work, "w+", count)
    _masks(arguments.work, "w+", count)
    with ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [
            pool.submit(_draw_part, arguments.work, start, count, arguments.seed)
            for start in range(0, count, _PART)
        ]
        scenes = [scene for job in jobs for scene in job.result()]
    text = json.dumps([dataclasses.asdict(scene) for scene in scenes])
    (arguments.work / "scenes.json").write_text(text, encoding="utf-8")


def read_scenes(work: Path) -> list[Scene]:
    """What the pictures show, in their order."""
    facts = json.loads((work / "scenes.json").read_text(encoding="utf-8"))
    return [Scene(**{**fact, "things": tuple(Thing(**thing) for thing in fact["things"])}) for fact in facts]


def open_pictures(work: Path) -> npt.NDArray[np.uint8]:
    """All pictures [N,SIDE,SIDE,3], mapped."""
    return _pictures(work, "r", len(read_scenes(work)))


def open_masks(work: Path) -> npt.NDArray[np.uint8]:
    """Where their things are [N,MASK_SIDE,MASK_SIDE], 255 inside; mapped."""
    return _masks(work, "r", len(read_scenes(work)))


def _draw_part(work: Path, start: int, count: int, seed: int) -> list[Scene]:
    pictures, masks = _pictures(work, "r+", count), _masks(work, "r+", count)
    rng = random.Random(f"{seed} {start}")
    scenes: list[Scene] = []
    for index in range(start, start + _PART):
        scene = random_scene(rng)
        picture, inside = draw(scene, rng)
        pictures[index] = picture
        masks[index] = np.asarray(Image.fromarray(inside).reduce(SIDE // MASK_SIDE))
        scenes.append(scene)
    return scenes


def _pictures(work: Path, mode: str, count: int) -> npt.NDArray[np.uint8]:
    return np.memmap(work / "pictures.bin", np.uint8, mode, shape=(count, SIDE, SIDE, 3))  # type: ignore[call-overload]


def _masks(work: Path, mode: str, count: int) -> npt.NDArray[np.uint8]:
    return np.memmap(work / "masks.bin", np.uint8, mode, shape=(count, MASK_SIDE, MASK_SIDE))  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
