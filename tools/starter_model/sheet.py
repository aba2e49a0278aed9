"""Makes the contact sheet of the documentation: pictures of fixed prompts, each with its words below.

python -m tools.starter_model.sheet --output docs/starter_model.jpg
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tools.starter_model.painter import add_arguments, painter_of
from tools.starter_model.scenes import Pixels

PROMPTS = (
    "a red house on a sunny day",
    "a yellow sun on a blue background",
    "a white boat at sea",
    "a green tree in the snow",
    "a purple flower on a white background",
    "an orange moon at night",
    "a brown mountain at sunset",
    "a pink heart on a black background",
    "a blue star in a forest, watercolour",
    "a large red circle on a yellow background, mosaic",
    "a small black triangle on a pink background",
    "a green square on an orange background, outlined drawing",
    "a white cloud under a blue sky",
    "a purple mountain by the sea, watercolour painting",
    "mosaic of a blue flower on a sunny day",
    "line art of an orange house in the snow",
    "a huge yellow star at night",
    "a tiny red boat on the ocean",
    "a big brown tree in the evening",
    "a little pink cloud at dusk",
    "a red heart on the left on a white background",
    "a blue circle on the right on a yellow background",
    "a green triangle at the top on a purple background",
    "an orange square at the bottom on a black background",
    "a black moon in the centre on a red background",
    "two red hearts on a white background",
    "three yellow stars at night",
    "two blue flowers on a sunny day, watercolour",
    "three orange trees in the snow",
    "two purple boats at sea",
    "a red square left of a blue circle on a white background",
    "a yellow sun above a green tree on a sunny day",
    "a small white house in front of a large brown mountain at sunset",
    "a pink heart above a black square on an orange background",
    "a green circle right of an orange triangle on a black background",
    "a white moon above a red house at night",
    "a yellow boat below a white cloud by the sea",
    "a purple star next to a green star on a pink background, mosaic",
    "a blue mountain in the woods, tile mosaic",
    "cartoon of a yellow flower in a forest",
    "watercolor painting of a red sun at sunset",
    "a black tree in winter, line art",
    "a brown house in front of trees, picture made of tiles",
    "a pink star under the stars, outlined drawing",
    "orange circle, sunset",
    "white heart, brown background, mosaic",
    "purple house, snow, watercolour",
    "at night, a green mountain",
)
_COLUMNS = 8
_SIDE = 160
_GAP = 8
_LINES = 3
_LINE = 13
_LETTERS = 28  # to a line
_PAPER = (250, 250, 250)
_INK = (30, 30, 30)


def main() -> None:
    """Writes the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, default=Path("docs/starter_model.jpg"))
    arguments = parser.parse_args()
    pictures = painter_of(arguments)(PROMPTS, seed=arguments.seed)
    sheet(pictures, PROMPTS).save(arguments.output, quality=90, optimize=True)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


def sheet(pictures: Pixels, prompts: Sequence[str]) -> Image.Image:
    """Pictures [N,H,W,3] in rows, each with its prompt below."""
    wide, high = _SIDE + _GAP, _SIDE + _GAP + _LINES * _LINE
    rows = -(-len(prompts) // _COLUMNS)
    result = Image.new("RGB", (_COLUMNS * wide + _GAP, rows * high + _GAP), _PAPER)
    canvas, font = ImageDraw.Draw(result), ImageFont.load_default(size=11)
    for number, (picture, prompt) in enumerate(zip(pictures, prompts, strict=True)):
        x, y = _GAP + number % _COLUMNS * wide, _GAP + number // _COLUMNS * high
        result.paste(Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (x, y))
        for line, words in enumerate(textwrap.wrap(prompt, _LETTERS)):
            canvas.text((x, y + _SIDE + 3 + line * _LINE), words, _INK, font)
    return result


if __name__ == "__main__":
    main()
