"""Which process a job belongs to, and whether that process still lives."""

from __future__ import annotations

import os

import psutil


def this_process() -> str:
    """A name for this process that no other one will ever have: number and moment of its start."""
    return _named(psutil.Process(os.getpid()))


def is_alive(owner: str) -> bool:
    """Whether the process of that name still runs."""
    number = owner.partition("-")[0]
    try:
        process = psutil.Process(int(number))
        return _named(process) == owner and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:  # somebody else's, who cannot have been ours
        return False


def _named(process: psutil.Process) -> str:
    return f"{process.pid}-{process.create_time():.2f}"
