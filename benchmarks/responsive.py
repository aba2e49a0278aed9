"""How long the window stands still while the executor works. Run with `python -m benchmarks.responsive`.

A timer of 5 ms ticks on the GUI thread; the gap between two ticks is how long it could do nothing else. The
whole program is there, with the ready graph and its seeded checkpoint. Without `--show` no display is needed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
TICK_MS = 5
PATIENCE = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="on the display instead of offscreen")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    if not arguments.show:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from helpers.seeded_models import write_ready_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_ready_checkpoint(root / "models")
        (root / "input").mkdir()
        measure(root, arguments.device)


def measure(root: Path, device: str) -> None:
    from PySide6.QtCore import QEventLoop, Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from app.application import Program
    from app.log import LogStore
    from app.profile import Profile

    application = QApplication(sys.argv[:1])
    options = argparse.Namespace(
        profile=root / "profile",
        models=[root / "models"],
        extra_model_paths=[],
        input=root / "input",
        output=root / "output",
        device=device,
        files=[],
    )
    program = Program(application, options, Profile(options.profile), LogStore())
    window, queue, executor = program.window, program.services.queue, program.services.executor
    is_up: list[object] = []
    executor.ready.connect(is_up.append)
    executor.failed.connect(is_up.append)

    def phase(name: str, is_over: Callable[[], object], each: Callable[[], object] = lambda: None) -> None:
        started = time.perf_counter()
        ticks: list[float] = []
        loop = QEventLoop()

        def tick() -> None:
            ticks.append(time.perf_counter())
            if len(ticks) % 3 == 0:
                each()
            if is_over() or ticks[-1] - started > PATIENCE:
                loop.quit()

        timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(tick)
        timer.start()
        loop.exec()
        gaps = sorted((b - a) * 1000 for a, b in pairwise(ticks))
        late = sum(gap > 50 for gap in gaps)
        longest = "".join(f"{gap:7.0f}" for gap in gaps[:-6:-1])
        print(f"{name:32}{time.perf_counter() - started:8.1f}{longest}{late:9}", flush=True)

    def run(times: int) -> Callable[[], bool]:
        count = len(queue.ended) + times
        for _ in range(times):
            window.do("run.queue")
        return lambda: len(queue.ended) >= count

    def pan() -> None:
        viewer = window.canvas.viewer()
        bar = viewer.horizontalScrollBar()
        bar.setValue(bar.value() + (2 if int(time.perf_counter()) % 2 else -2))

    def seconds(count: float) -> Callable[[], bool]:
        end = time.perf_counter() + count
        return lambda: time.perf_counter() > end

    print(f"{'':32}{'':8}  longest gaps, ms")
    print(f"{'':32}{'seconds':>8}{'1st':>7}{'2nd':>7}{'3rd':>7}{'4th':>7}{'5th':>7}{'over 50':>9}")
    program.show([])
    phase("window comes up", lambda: window.canvas is not None)
    phase("torch is loaded", lambda: is_up)
    phase("nothing happens", seconds(2))
    phase("the canvas is moved", seconds(2), pan)
    phase("first run, loading the model", run(1))
    phase("five runs", run(5))
    phase("five runs, the canvas is moved", run(5), pan)
    states = {job.state.value for job in queue.ended}
    print(f"{len(queue.ended)} runs ended as: {', '.join(states)}")
    program.end()


if __name__ == "__main__":
    main()
