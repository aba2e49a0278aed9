"""Runs jobs the way the window does: a queue, an executor and a bridge, with open documents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from helpers.toy_nodes import quick

from app.bridge import Bridge
from app.documents import OpenDocument
from app.executor import ExecutorThread
from app.jobs import Job, JobQueue
from core.events import RunEvent
from core.folders import Folders
from core.graph import PromptGraph
from core.nodes.api import Context, node
from core.nodes.registry import Registry


@dataclass
class Works:
    """What `running` gives.

    Attributes:
        documents: Those that are open.
        events: All that the executor told.
        devices: What it runs on, once it is loaded.
    """

    queue: JobQueue
    executor: ExecutorThread
    bridge: Bridge
    documents: dict[str, OpenDocument]
    events: list[RunEvent] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    def add(self, graph: PromptGraph, key: str = "none", **more: Any) -> Job:
        job = Job(key, f"Job {len(self.queue.jobs)}", graph, {}, **more)
        self.queue.add(job)
        return job

    def is_ready(self) -> bool:
        """A condition to wait for: the signal may have come before anyone waits."""
        return bool(self.devices)

    def ended(self, *jobs: Job) -> Callable[[], bool]:
        """A condition to wait for."""
        ids = {job.id for job in jobs}
        return lambda: ids <= {job.id for job in self.queue.ended}

    def kinds(self, job: Job) -> list[str]:
        return [type(event).__name__ for event in self.events if event.run_id == job.id]


@contextmanager
def running(
    registry: Registry, folders: Folders, *, device: str = "cpu", start: bool = True
) -> Generator[Works]:
    """A started executor, stopped in the end."""
    queue = JobQueue()
    executor = ExecutorThread(queue, registry, folders, device)
    documents: dict[str, OpenDocument] = {}
    works = Works(queue, executor, Bridge(executor, queue, registry, folders, documents.get), documents)
    executor.happened.connect(works.events.append)
    executor.ready.connect(works.devices.append)
    if start:
        executor.start()
    try:
        yield works
    finally:
        executor.stop()


class Gate:
    """A node that waits until it is let go on, one step at a time, and looks whether it is cancelled."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.reached = 0

        @node("TGate", category="toy", output=True, cache="node")
        def gate(*, ctx: Context, value: int = 0, steps: int = 3) -> int:
            for index in range(steps):
                self.waiting.set()
                while not self.steps.acquire(timeout=0.01):
                    ctx.check_cancelled()
                self.reached += 1
                ctx.step(index, steps)
            return value

        self.node = gate

    def let_go_on(self, steps: int = 1) -> None:
        self.steps.release(steps)

    @staticmethod
    def graph(value: int = 0, steps: int = 3) -> PromptGraph:
        return quick(gate=("TGate", {"value": value, "steps": steps}))
