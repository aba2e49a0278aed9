"""Time and memory of loading a full-size SD 1.5 checkpoint (float16, seeded weights), and of a sampling step.

    python benchmarks/load.py [--steps N] [--size PIXELS] [--keep FILE]

Each row is measured in a process of its own. "Cold" means that the file was dropped from the page cache first
(Linux only). "Peak" is the highest resident memory less what the process held after its imports.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "golden")]

GOLDEN = ROOT / "tests" / "golden"


def write_checkpoint(path: Path, layout: str) -> None:
    """A float16 safetensors file of a layout, written tensor by tensor."""
    import numpy as np
    from seeded_weights import seeded_tensor

    shapes = json.loads((GOLDEN / "layouts" / f"{layout}.json").read_text(encoding="utf-8"))
    header, offset = {}, 0
    for name, shape in shapes.items():
        whole = name.endswith("position_ids")
        size = int(np.prod(shape)) * (8 if whole else 2)
        header[name] = {
            "dtype": "I64" if whole else "F16",
            "shape": shape,
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            value = seeded_tensor(name, tuple(shape))
            file.write((value if value.dtype == np.int64 else value.astype(np.float16)).tobytes())


def measure(path: Path, steps: int, size: int) -> dict[str, float]:
    """Load all parts at once; then, if `steps` is not 0, sample."""
    import psutil
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: F401 - imports are not what is measured
    from transformers import CLIPTextModelWithProjection  # noqa: F401

    from core.models.cache import ModelCache
    from core.models.load import load_checkpoint
    from core.sampling.sample import ksampler

    process = psutil.Process()
    before = process.memory_info().rss
    cache = ModelCache("cpu")
    with ExitStack() as held:
        start = time.perf_counter()
        model, clip, vae = load_checkpoint(path, cache)
        checked = time.perf_counter()
        held.enter_context(model.resident())
        held.enter_context(clip.parts[0].weights.resident())
        held.enter_context(vae.resident(lambda: None))
        loaded = time.perf_counter()
        result = {
            "seconds": loaded - start,
            "until checked": checked - start,
            "model": sum(entry.size for entry in cache.entries()),
            "peak": _peak(process) - before,
            "after": process.memory_info().rss - before,
        }
        if steps:
            conditioning = [clip.encode("a photo of a red fox in the snow")]
            times: list[float] = []
            with model.resident() as predictor:
                ksampler(
                    predictor,
                    conditioning,
                    [clip.encode("")],
                    seed=0,
                    steps=steps,
                    cfg=7.0,
                    sampler="euler",
                    scheduler="normal",
                    latent=torch.zeros(1, 4, size // 8, size // 8),
                    on_step=lambda *_: times.append(time.perf_counter()),
                )
            seconds = [later - earlier for earlier, later in itertools.pairwise(times)]
            result |= {"step": statistics.median(seconds), "slowest": max(seconds)}
        return result


def floor(path: Path) -> dict[str, float]:
    """What this machine needs at least: every tensor read and cast, and the rate of its convolutions."""
    import torch
    from safetensors import safe_open

    start = time.perf_counter()
    with safe_open(path, "pt") as file:
        cast = [file.get_tensor(name).float() for name in file.keys()]  # noqa: SIM118 - no mapping
    result = {"seconds": time.perf_counter() - start}
    del cast
    layer, x = torch.nn.Conv2d(320, 320, 3, padding=1), torch.randn(2, 320, 64, 64)
    with torch.no_grad():
        layer(x)
        start = time.perf_counter()
        for _ in range(10):
            layer(x)
        operations = 10 * 2 * 2 * 320 * 320 * 9 * 64 * 64
        result["rate"] = operations / (time.perf_counter() - start)
    return result


def _peak(process) -> int:
    if sys.platform == "win32":
        return process.memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def child(path: Path, kind: str, *, cold: bool = False, steps: int = 0, size: int = 512) -> dict[str, float]:
    with path.open("rb") as file:
        if cold and hasattr(os, "posix_fadvise"):
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        elif not cold:
            while file.read(1 << 24):
                pass
    arguments = [kind, str(path), "--steps", str(steps), "--size", str(size)]
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(path: Path, steps: int, size: int) -> None:
    gb = 1e9
    print(f"file: {path.stat().st_size / gb:.2f} GB float16")
    print(
        f"{'':8}{'load s':>8}{'of it checks':>14}{'model GB':>10}{'peak GB':>9}{'peak/model':>12}{'after':>8}"
    )
    for name in ("cold", "warm"):
        row = child(path, "--measure", cold=name == "cold")
        print(
            f"{name:8}{row['seconds']:8.2f}{row['until checked']:14.2f}{row['model'] / gb:10.2f}"
            f"{row['peak'] / gb:9.2f}{row['peak'] / row['model']:12.2f}{row['after'] / gb:10.2f}"
        )
    least = child(path, "--floor")
    print(f"reading and casting every tensor, nothing else: {least['seconds']:.2f} s warm")
    print(f"one 3x3 convolution of 320 channels: {least['rate'] / 1e9:.0f} GFLOP/s")
    if steps > 1:
        row = child(path, "--measure", steps=steps, size=size)
        print(
            f"step at {size}x{size}, cfg 7, {steps - 1} after the first: "
            f"median {row['step']:.2f} s, slowest {row['slowest']:.2f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3, help="sampling steps; 0 leaves them out")
    parser.add_argument("--size", type=int, default=512, help="side of the sampled picture")
    parser.add_argument("--keep", type=Path, help="checkpoint to use again, or to write if it is not there")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.steps, arguments.size)))
        return
    if arguments.floor:
        print(json.dumps(floor(arguments.floor)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.keep or Path(folder) / "sd15.safetensors"
        if not path.exists():
            write_checkpoint(path, "full_sd15")
        table(path, arguments.steps, arguments.size)


if __name__ == "__main__":
    main()
