"""Has every file that a job reads or makes registered by its content, beside all other work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from app.jobs import Job, JobFacts, JobQueue
from app.keeper import Keeper
from core.errors import DarkroomError
from core.folders import Folders, relative_name, split_annotation
from core.graph import PromptGraph

if TYPE_CHECKING:
    from app.keeper import Stores
    from core.store.assets import Found

_SLICE_SECONDS: Final = 0.05
"""How long files are looked at before something else may be done."""
_LONGEST_NAME: Final = 1024


class AssetWatch(QObject):
    """Registers files as jobs come and go; those that came and went meanwhile are found when it starts."""

    def __init__(
        self, keeper: Keeper, queue: JobQueue, folders: Folders, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._folders = folders
        self._look: Iterator[Found] | None = None
        self._left = [folders.directory("output"), folders.directory("input")]
        queue.job_started.connect(self._on_started)
        queue.job_ended.connect(self._on_ended)

    def start(self) -> None:
        """Looks through the folders, a few files at a time."""
        self._keeper.ask(self._look_on, self._on_looked)

    def _on_looked(self, is_done: bool) -> None:
        if not is_done:
            self.start()

    def _on_started(self, job: Job) -> None:
        self._keeper.ask(partial(_register_read, job.graph, self._folders))

    def _on_ended(self, job: JobFacts) -> None:
        output = self._folders.directory("output")
        made = [path for path in job.pictures if path.is_relative_to(output)]
        if made:
            self._keeper.ask(partial(_register_made, made, job))

    def _look_on(self, stores: Stores) -> bool:
        """Whether all has been seen. On the thread of the keeper."""
        until = time.perf_counter() + _SLICE_SECONDS
        while time.perf_counter() < until:
            if self._look is None:
                if not self._left:
                    return True
                self._look = stores.assets.scan(self._left.pop())
            if next(self._look, None) is None:
                self._look = None
        return False


def _register_made(paths: list[Path], job: JobFacts, stores: Stores) -> None:
    facts = {"job": job.id, "document": job.name, "seeds": list(job.seeds), "models": list(job.models)}
    for path in paths:
        if path.is_file():  # the user may have taken it away at once
            stores.assets.register(path, facts)


def _register_read(graph: PromptGraph, folders: Folders, stores: Stores) -> None:
    for path in dict.fromkeys(_files_named(graph, folders)):
        stores.assets.register(path)


def _files_named(graph: PromptGraph, folders: Folders) -> Iterator[Path]:
    """The files of the input and output folders that a graph names."""
    for node in graph.nodes.values():
        for value in node.inputs.values():
            if isinstance(value, str) and "." in value and len(value) < _LONGEST_NAME:
                name, kind = split_annotation(value)
                try:
                    path = folders.directory(kind) / relative_name(name)
                    if path.is_file():
                        yield path
                except (DarkroomError, OSError, ValueError):  # a text that is no name of a file
                    continue
