"""Writes a checkpoint of seeded weights: a real file of any layout, to try and test without a download.

The pictures it makes show nothing, but they are always the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/golden"))

from seeded_weights import seeded_state_dict  # noqa: E402


def main() -> None:
    """Writes the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layout", type=Path, help="JSON object: tensor name -> shape")
    parser.add_argument("output", type=Path, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float16")
    arguments = parser.parse_args()
    write(arguments.layout, arguments.output, arguments.seed, arguments.dtype)
    print(f"made {arguments.output} with seeded weights")


def write(
    layout: Path, output: Path, seed: int = 0, dtype: str = "float16", constants: Mapping[str, float] = {}
) -> None:
    """Writes the tensors of a layout into one file; a file that is there is whole.

    Args:
        constants: Ending of a name -> what such tensors are filled with instead.
    """
    tensors = seeded_state_dict(json.loads(layout.read_text(encoding="utf-8")), seed)
    for name, tensor in tensors.items():
        for ending, value in constants.items():
            if name.endswith(ending):
                tensors[name] = np.full_like(tensor, value)
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_suffix(".unfinished")
    # Made arrays again: computing with a tensor of no axes has left a number.
    typed = {k: np.asarray(v, dtype if v.dtype == np.float32 else v.dtype) for k, v in tensors.items()}
    save_file(typed, unfinished)
    unfinished.replace(output)


if __name__ == "__main__":
    main()
