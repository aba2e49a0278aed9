"""Time from the command to a window that can be used. Run with `python -m benchmarks.startup`.

Usable: the ready graph is on the canvas, everything has been painted, and the event loop has nothing left
to do. torch is still loading then; how long that takes by itself stands beside it.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SERVER = ("xvfb-run", "-a", "-s", "-screen 0 1920x1080x24")


class _Watch(logging.Handler):
    """Prints the time once the window is up and has a document, and closes it."""

    _turns = 0

    def emit(self, record: logging.LogRecord) -> None:
        from PySide6.QtCore import QTimer

        if record.getMessage() == "The window is up":
            self._timer = QTimer(interval=0)
            self._timer.timeout.connect(self._look)
            self._timer.start()

    def _look(self) -> None:
        """Runs when no event waits; what the last turn has changed has been painted by the next one."""
        from PySide6.QtWidgets import QApplication

        from app.ui.main_window import MainWindow

        (window,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)]
        if window.canvas is None:
            return
        self._turns += 1
        if self._turns == 3:
            self._timer.stop()
            print(time.time(), "torch" in sys.modules, flush=True)
            window.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        logging.getLogger("app.application").addHandler(_Watch())
        from app.cli import main as darkroom

        sys.exit(darkroom(["--profile", str(options.child / "profile"), "--models", str(options.child)]))
    print(f"{'seconds':28}{'median':>8}{'best':>8}{'worst':>8}")
    _show("window, offscreen", [_start([], "offscreen") for _ in range(options.runs)])
    if shutil.which(_SERVER[0]):
        _show("window, X server", [_start(_SERVER, "xcb") for _ in range(options.runs)])
    imported = "import time; start = time.time(); import torch; print(time.time() - start)"
    _show("import torch", [float(_said([sys.executable, "-c", imported])) for _ in range(options.runs)])


def _start(server: Sequence[str], platform: str) -> float:
    """Seconds from the command to the window; that of the X server does not count."""
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, "-m", "benchmarks.startup", "--child", folder]
        shell = ["sh", "-c", 'date +%s.%N; exec "$@"', "sh", *child]
        lines = _said([*server, *shell], QT_QPA_PLATFORM=platform).splitlines()
    up, has_torch = lines[1].split()
    if has_torch == "True":
        print("torch was loaded before the window could be used")
    return float(up) - float(lines[0])


def _said(command: Sequence[str], **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def _show(name: str, seconds: Sequence[float]) -> None:
    print(f"{name:28}{statistics.median(seconds):8.2f}{min(seconds):8.2f}{max(seconds):8.2f}", flush=True)


if __name__ == "__main__":
    main()
