"""Memory over many small jobs, queued and kept as the window does. Run with `python -m benchmarks.soak`."""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
from pathlib import Path

import psutil
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEventLoop

from app.bridge import Bridge
from app.executor import ExecutorThread
from app.jobs import Job, JobQueue
from app.keeper import KeeperThread
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.registry import builtin

_AT_ONCE = 20
"""Jobs that wait at a time: what waits takes memory, and is not what is measured."""


def small_job(number: int) -> PromptGraph:
    """Twenty-two nodes: a picture loaded, changed, and shown, another one each time."""
    nodes = {"in": PromptNode("LoadImage", {"image": "picture.png"})}
    last = Link("in", 0)
    for index in range(18):
        nodes[f"a{index}"] = PromptNode("ImageInvert", {"image": last})
        last = Link(f"a{index}", 0)
    size = {"width": 32 + number % 64, "height": 48, "upscale_method": "bilinear", "crop": "disabled"}
    nodes["size"] = PromptNode("ImageScale", {"image": last, **size})
    nodes["again"] = PromptNode("ImageInvert", {"image": Link("size", 0)})
    nodes["out"] = PromptNode("PreviewImage", {"images": Link("again", 0)})
    return PromptGraph(nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--warm-up", type=int, default=200, help="jobs before memory is looked at")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QCoreApplication([])
    with tempfile.TemporaryDirectory() as folder:
        marks = run(Path(folder), arguments.jobs)
    del app
    after = [memory for number, memory in marks if number > arguments.warm_up]
    print(f"{'jobs':>6}{'MiB':>8}")
    for number, memory in marks:
        print(f"{number:6}{memory / 2**20:8.1f}")
    half = len(after) // 2
    first, second = statistics.median(after[:half]), statistics.median(after[half:])
    growth = (second - first) / first * 100
    print(f"after {arguments.warm_up} jobs: second half against first half {growth:+.2f} %", end=", ")
    print(f"largest against smallest {(max(after) - min(after)) / min(after) * 100:.2f} %")


def run(folder: Path, count: int) -> list[tuple[int, int]]:
    """Memory in bytes after every fiftieth job."""
    pictures = folder / "input"
    pictures.mkdir()
    Image.new("RGB", (64, 64), (200, 90, 20)).save(pictures / "picture.png")
    folders = Folders([folder], input=pictures, output=folder, temp=folder / "temp", shipped=None)
    registry, process = builtin(), psutil.Process()
    keeper = KeeperThread(folder / "darkroom.sqlite")
    queue = JobQueue(keeper)
    executor = ExecutorThread(queue, registry, folders, "cpu")
    bridge = Bridge(executor, queue, registry, folders, lambda _: None)
    marks: list[tuple[int, int]] = []
    queued = ended = 0
    loop = QEventLoop()

    def queue_more() -> None:
        nonlocal queued
        while queued < count and queued - ended < _AT_ONCE:
            queue.add(Job("soak", f"Job {queued}", small_job(queued), {}))
            queued += 1

    def on_ended(_job: object) -> None:
        nonlocal ended
        ended += 1
        if ended % 50 == 0:
            gc.collect()
            marks.append((ended, process.memory_info().rss))
        queue_more()
        if ended == count:
            loop.quit()

    queue.job_ended.connect(on_ended)
    queue.open()
    keeper.start()
    executor.start()
    queue_more()
    loop.exec()
    executor.stop()
    keeper.close()
    del bridge
    return marks


if __name__ == "__main__":
    main()
