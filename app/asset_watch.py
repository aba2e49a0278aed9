"""Has every file that a job reads or makes registered by its content, beside all other work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, JobFacts, JobQueue
from app.keeper import Keeper
from core.errors import DarkroomError
from core.folders import Folders, relative_name, split_annotation
from core.graph import PromptGraph

if TYPE_CHECKING:
    from app.keeper import Stores

Item = TypeVar("Item")

_SLICE_SECONDS: Final = 0.05
"""How long files are looked at before something else may be done."""
_LONGEST_NAME: Final = 1024


class AssetWatch(QObject):
    """Registers files as jobs come and go; those that came and went meanwhile are found when it looks.

    Signals:
        changed: Files were registered, or are missing from now on.
    """

    changed = Signal()

    def __init__(
        self, keeper: Keeper, queue: JobQueue, folders: Folders, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._folders = folders
        self._is_looking = False
        queue.job_started.connect(self._on_started)
        queue.job_ended.connect(self._on_ended)

    @property
    def places(self) -> tuple[Path, ...]:
        """The folders that are looked through, with all below them."""
        return self._folders.directory("input"), self._folders.directory("output")

    def start(self) -> None:
        """Looks through the folders, a few files at a time. While it does, it does not begin anew."""
        if not self._is_looking:
            self._is_looking = True
            look = partial(_is_news, self.places)
            _InSlices(self._keeper, look, self._on_looked, self._on_not_looked).go_on()

    def find_again(self, digest: str, places: Sequence[Path], then: Callable[[Path | None], object]) -> None:
        """Looks through folders for a missing file.

        Args:
            digest: Hash of its asset.
            then: Called with where it is; with None if it is in none of them.
        """

        def look(stores: Stores) -> Iterator[Path | None]:
            for place in places:
                for path in stores.assets.look_for(digest, place):
                    yield path
                    if path is not None:
                        return

        def on_slice(seen: Sequence[Path | None], is_done: bool) -> None:
            path = next(filter(None, seen), None)
            if path is not None:
                self.changed.emit()
            if is_done:
                then(path)

        _InSlices(self._keeper, look, on_slice, self._keeper.complained.emit).go_on()

    def _on_looked(self, seen: Sequence[bool], is_done: bool) -> None:
        self._is_looking = not is_done
        if any(seen):
            self.changed.emit()

    def _on_not_looked(self, reason: str) -> None:
        self._is_looking = False
        self._keeper.complained.emit(reason)

    def _on_started(self, job: Job) -> None:
        self._keeper.ask(partial(_register_read, job.graph, self._folders), self._on_registered)

    def _on_ended(self, job: JobFacts) -> None:
        output = self._folders.directory("output")
        made = [path for path in job.pictures if path.is_relative_to(output)]
        if made:
            self._keeper.ask(partial(_register_made, made, job), self._on_registered)

    def _on_registered(self, _: None) -> None:
        self.changed.emit()


class _InSlices(Generic[Item]):
    """Work for the keeper that may take long, in slices, between which it does other things.

    Args:
        begin: Gives the items of the work, one by one, on the thread of the keeper.
        on_slice: Called after each slice with its items, and whether they were the last.
        refused: Called with the reason if it cannot go on.
    """

    def __init__(
        self,
        keeper: Keeper,
        begin: Callable[[Stores], Iterator[Item]],
        on_slice: Callable[[Sequence[Item], bool], object],
        refused: Callable[[str], object],
    ) -> None:
        self._keeper = keeper
        self._begin = begin
        self._on_slice = on_slice
        self._refused = refused
        self._items: Iterator[Item] | None = None

    def go_on(self) -> None:
        """Has the next slice done, and all that follow."""
        self._keeper.ask(self._slice, self._on_done, self._refused)

    def _slice(self, stores: Stores) -> tuple[list[Item], bool]:
        self._items = self._items or self._begin(stores)
        until = time.perf_counter() + _SLICE_SECONDS
        done: list[Item] = []
        for item in self._items:
            done.append(item)
            if time.perf_counter() > until:
                return done, False
        return done, True

    def _on_done(self, outcome: tuple[list[Item], bool]) -> None:
        items, is_done = outcome
        self._on_slice(items, is_done)
        if not is_done:
            self.go_on()


def _is_news(places: Sequence[Path], stores: Stores) -> Iterator[bool]:
    """Of each file in some folders, whether there is something new about it."""
    from core.store.assets import Sight

    for place in places:
        for found in stores.assets.scan(place):
            yield found.sight is not Sight.KNOWN


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
