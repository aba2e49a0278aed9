"""Draws the pictures that the templates begin with.

python -m tools.starter_model.examples resources/input
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from tools.starter_model.scenes import SIDE, Scene, Thing, draw

_HOLE = (44, 56, 212, 226)


def main() -> None:
    """Writes a picture, and the same with a hole that is to be painted anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene((Thing("house", "red", place="centre"),), "day")
    picture = Image.fromarray(draw(scene, random.Random(7))[0])
    picture.save(folder / "starter_scene.png", optimize=True)
    hole = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(hole).rounded_rectangle(_HOLE, radius=24, fill=255)
    # Where a picture is transparent is where it is to be painted.
    picture.putalpha(ImageOps.invert(hole))
    picture.save(folder / "starter_scene_mask.png", optimize=True)


if __name__ == "__main__":
    main()
