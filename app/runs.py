"""What the commands that run graphs share: one runner for all of them, and facts for their reports."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final

from app.status import CANCELLED, FAILED, OK
from core.engine.context import CancelToken, RunContext
from core.engine.run import Runner, RunReport
from core.engine.values import show
from core.errors import NodeError, Problem
from core.folders import Folders
from core.nodes.registry import Registry

STATUS: Final[Mapping[str, int]] = {
    "success": OK,
    "partial": FAILED,
    "error": FAILED,
    "cancelled": CANCELLED,
}
PACKAGES: Final = ("darkroom", "torch", "diffusers", "transformers")


def make_context(folders: Folders, device: str) -> tuple[RunContext, str]:
    """What runs are lent, with one model cache for all of them, and the device it is on. Loads torch.

    Raises:
        DarkroomError: There is no such device.
    """
    from core.models.cache import ModelCache
    from core.models.memory import DeviceMeter

    models = ModelCache(device)
    context = RunContext(
        folders,
        {ModelCache: models},
        free_memory=lambda: models.evict_idle() > 0,
        meter=DeviceMeter(models.device),
    )
    return context, str(models.device)


def make_runner(registry: Registry, folders: Folders, device: str) -> Runner:
    """What runs graphs one after the other. Loads torch."""
    context, _ = make_context(folders, device)
    # What the imports made is never garbage; looking through it took a third of the time of small graphs.
    gc.collect()
    gc.freeze()
    return Runner(registry, context)


@contextmanager
def cancelled_by_interrupt(token: CancelToken) -> Generator[None]:
    """Ctrl+C ends the run at its next step; a second one ends the process."""

    def on_interrupt(number: int, frame: object) -> None:
        del number, frame
        token.cancel()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def errors_of(report: RunReport) -> list[dict[str, Any]]:
    """Everything that went wrong in a run."""
    problems = [problem_facts(problem) for problem in report.left_out]
    return problems + [_error_facts(error) for error in report.errors]


def facts(kind: str, message: str, **known: object) -> dict[str, Any]:
    """An error as reports tell it."""
    return {"node_id": None, "class_type": None, "kind": kind, "message": message, "inputs": {}} | known


def problem_facts(problem: Problem) -> dict[str, Any]:
    """A reason why a graph cannot run, as reports tell it."""
    value = problem.details.get("received_value", problem.details.get("linked_node"))
    inputs = {} if problem.input is None or value is None else {problem.input: show(value)}
    place = {"node_id": problem.node_id, "class_type": problem.class_type, "inputs": inputs}
    return facts(problem.kind, problem.message, **place)


def _error_facts(error: NodeError) -> dict[str, Any]:
    place = {"node_id": error.node_id, "class_type": error.class_type, "inputs": error.inputs}
    return facts(error.kind, str(error), **place)


def versions() -> dict[str, str]:
    """What the results were made with."""
    return {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES}
