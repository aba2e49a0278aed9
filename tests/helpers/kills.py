"""Processes that are killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]


def numbers_said(script: str, folder: Path, rounds: int) -> list[int]:
    """Runs a script in a process that has no threads yet, and gives the numbers of its last words."""
    ran = subprocess.run(
        [sys.executable, script, "--rounds", str(rounds), "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return [int(number) for number in ran.stdout.split()[::2]]


def killed(live: Callable[[int], object], seconds: float, *, once_it_speaks: bool = False) -> tuple[int, str]:
    """The number of a process that was killed after some time, and what it had written until then.

    Args:
        live: What it does, given the file to write to. It is a copy of this process, with all its libraries.
        once_it_speaks: The time begins with its first line, however long that takes on a busy machine.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live_and_never_return(live, writing)
    os.close(writing)
    with os.fdopen(reading) as diary:
        text = diary.readline() if once_it_speaks else ""
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        text += diary.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended by itself; what it said stands above"
    return child, text


def _live_and_never_return(live: Callable[[int], object], writing: int) -> NoReturn:
    try:
        live(writing)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)
