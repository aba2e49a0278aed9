"""Makes the pictures of the gallery of templates: what each of them makes on the model that ships.

python tools/template_pictures.py [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.templates import NAMES, PICTURE_SUFFIX, path_of  # noqa: E402 - the program is in the folder above

_SIDE: Final = 256
_GAP: Final = 4
_MOST: Final = 9


def main() -> int:
    """Runs the templates and writes a picture beside the file of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help="all if none is named")
    names = parser.parse_args().names or NAMES
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            pictures = _made(name, Path(folder))
        target = path_of(name).with_suffix(PICTURE_SUFFIX)
        _beside_each_other(pictures).save(target, quality=88, optimize=True)
        print(f"{target}: {len(pictures)} pictures, {target.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


def _made(name: str, folder: Path) -> list[Image.Image]:
    """What a template makes, in order."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "app.cli", "template", "run", name, "--device", "cpu"]
    places = ["--output", folder / "output", "--profile", folder / "profile", "--report", report]
    subprocess.run([*command, *map(str, places)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    outputs = json.loads(report.read_text(encoding="utf-8"))["outputs"].values()
    shown = [picture for output in outputs for picture in output.get("images", ())]
    files = [picture["filename"] for picture in shown if picture["type"] == "output"]
    return [Image.open(folder / "output" / file).convert("RGB") for file in files]


def _beside_each_other(pictures: list[Image.Image]) -> Image.Image:
    """One square picture of all, or of the first ones."""
    columns = math.ceil(math.sqrt(min(len(pictures), _MOST)))
    rows = math.ceil(min(len(pictures), _MOST) / columns)
    width, height = ((_SIDE - (count - 1) * _GAP) // count for count in (columns, rows))
    result = Image.new("RGB", (_SIDE, _SIDE))
    for place, picture in enumerate(pictures[: columns * rows]):
        corner = (place % columns * (width + _GAP), place // columns * (height + _GAP))
        result.paste(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS), corner)
    return result


if __name__ == "__main__":
    sys.exit(main())
