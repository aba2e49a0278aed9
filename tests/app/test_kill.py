"""Killed at any moment, the program loses at most the last second, and no file is damaged.

This is about edits and saving of documents; runs are killed in `test_kill_runs.py`, changes of the queue and
migrations in `tests/store/test_store_kill.py`. `DARKROOM_KILLS=200` in the environment does it for longer.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from app.documents import OpenDocument
from app.profile import Profile
from app.session import Session
from core.folders import Folders
from core.nodes.registry import Registry, builtin
from core.workflow.document import GraphDocument
from core.workflow.open import read_workflow
from core.workflow.operations import SetExtra
from resources import READY_GRAPH

KILLS = int(os.environ.get("DARKROOM_KILLS", 50))
SEED = int(os.environ.get("DARKROOM_KILLS_SEED", 1))
LONGEST = 1.5
"""Seconds from the first edit to the kill."""


@dataclass(frozen=True)
class Killed:
    """A program that was killed: its folder, when, and number and time of each edit it had acknowledged."""

    folder: Path
    at: float
    edits: list[tuple[int, float]]

    @property
    def certain(self) -> int:
        """Number of the last edit that must not be lost."""
        return max((number for number, time in self.edits if time < self.at - 1), default=0)

    @property
    def last(self) -> int:
        """The highest number an edit can have: the last one may not have been acknowledged."""
        return max((number for number, _ in self.edits), default=0) + 1


def work(folder: Path) -> None:
    """What the killed program does: edits two documents without a pause, and saves one again and again."""
    from PySide6.QtCore import QCoreApplication, QTimer

    application = QCoreApplication([])
    session = Session(Profile(folder / "profile"), builtin(), Folders([folder]))
    session.conflict.connect(lambda *_: end("a conflict, although nobody else writes"))
    session.reported.connect(lambda *told: end(str(told)))
    sys.excepthook = lambda *error: end(str(error))
    session.open_file(folder / "work/graph.json")
    session.settle()
    (opened,) = session.documents
    documents = [opened, session.new()]
    number = 0

    def edit() -> None:
        nonlocal number
        number += 1
        for document in documents:
            document.do(SetExtra("number", number), "Count")
        sys.stdout.write(f"{number} {time.time()}\n")
        sys.stdout.flush()
        if number % 7 == 0:
            session.save(opened)

    timer = QTimer(interval=4)
    timer.timeout.connect(edit)
    timer.start()
    QTimer.singleShot(20_000, lambda: end("nobody killed it"))
    application.exec()


def end(message: str) -> NoReturn:
    """Ends the program at once: the test finds the message where it expects a number."""
    os.write(1, f"{message}\n".encode())
    os._exit(1)


def killed(folder: Path, seconds: float) -> Killed:
    """Starts the program and kills it that long after its first edit."""
    (folder / "work").mkdir(parents=True)
    shutil.copy(READY_GRAPH, folder / "work/graph.json")
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    at = time.time()
    process.kill()
    lines = [first, *process.communicate()[0].splitlines(keepends=True)]
    words = [line.split() for line in lines if line.endswith("\n")]
    return Killed(folder, at, [(int(number), float(when)) for number, when in words])


def number_in(document: GraphDocument | None) -> int:
    assert document is not None
    return document.header.extra.get("number", 0)


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> list[Killed]:
    root, moments = tmp_path_factory.mktemp("killed"), random.Random(SEED)
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(killed, root / str(i), moments.uniform(0, LONGEST)) for i in range(KILLS)]
        return [victim.result() for victim in started]


@pytest.fixture
def next_start(
    qapp: object, registry: Registry, folders: Folders
) -> Iterator[Callable[[Killed], list[OpenDocument]]]:
    """The documents that are open after the next start."""
    del qapp
    sessions: list[Session] = []

    def start(victim: Killed) -> list[OpenDocument]:
        sessions.append(Session(Profile(victim.folder / "profile"), registry, folders))
        sessions[-1].restore()
        sessions[-1].settle()
        return sessions[-1].documents

    yield start
    for session in sessions:
        session.shut_down()
        session.deleteLater()


@pytest.mark.slow
def test_nothing_older_than_a_second_is_lost_and_no_file_is_damaged(
    victims: list[Killed], next_start: Callable[[Killed], list[OpenDocument]]
) -> None:
    original = read_workflow(READY_GRAPH).document
    assert original is not None
    assert sum(victim.certain > 0 for victim in victims) > KILLS / 5, "too few lived long enough"
    saves = 0
    for victim in victims:
        file = victim.folder / "work/graph.json"
        saved = read_workflow(file)
        assert saved.remarks == ()
        assert number_in(saved.document) <= victim.last
        saves += number_in(saved.document) > 0
        strange = [entry.name for entry in file.parent.iterdir() if entry != file]
        assert all(name.startswith(".") and name.endswith(".part") for name in strange)

        documents = {opened.name: opened for opened in next_start(victim)}
        numbers = {name: number_in(opened.document) for name, opened in documents.items()}
        for name in ("graph.json", "Untitled"):
            assert victim.certain <= numbers.get(name, 0) <= victim.last
        if opened := documents.get("graph.json"):
            assert numbers["graph.json"] >= number_in(saved.document)
            assert opened.path == file
            assert opened.is_dirty or opened.document == saved.document
            assert list(opened.document.nodes.values()) == list(original.nodes.values())
        assert not list((victim.folder / "profile").rglob("recovery/**/*.part"))
        assert not list((victim.folder / "profile").rglob("*.damaged"))
    assert saves > KILLS / 2, "saving was hardly tried"


if __name__ == "__main__":
    work(Path(sys.argv[1]))
