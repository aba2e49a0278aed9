"""Which process a job belongs to, and whether that process still lives."""

from __future__ import annotations

import os
from typing import Final

import psutil

_CLOCK_SECONDS: Final = 30.0
"""How far the moment of a process's start seems to move when the system's clock is set."""


def this_process() -> str:
    """A name for this process that no other one will ever have: its number and the moment of its start."""
    process = psutil.Process()
    return f"{process.pid}-{process.create_time():.2f}"


def is_alive(owner: str) -> bool:
    """Whether the process of that name still runs. It is never asked of this one."""
    number, _, start = owner.partition("-")
    try:
        process = psutil.Process(int(number))
        is_same = process.pid != os.getpid() and abs(process.create_time() - float(start)) < _CLOCK_SECONDS
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:  # somebody else's, which cannot have been ours
        return False
