"""What tests of the window use: a registry, folders of their own, open documents. No thread may be left."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.documents import OpenDocument
from app.executor import ExecutorThread
from app.garbage import collect
from core.folders import Folders
from core.nodes.registry import Registry, builtin
from core.workflow.document import GraphDocument
from core.workflow.open import read_workflow

TEXT_TO_IMAGE: Final = Path(__file__).parents[1] / "helpers/text_to_image.json"
"""The ready graph, laid out as these tests expect it."""

# Nothing takes that long; on a busy machine five seconds, the usual limit, can pass without a turn.
for wait in (QtBot.waitUntil, QtBot.waitSignal, QtBot.waitActive, QtBot.waitExposed):
    wait.__kwdefaults__["timeout"] = 30_000


@pytest.fixture
def registry() -> Registry:
    return builtin()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Empty folders of this test's own."""
    places = {name: tmp_path / name for name in ("models", "input", "output", "temp")}
    for place in places.values():
        place.mkdir()
    return Folders(
        [places["models"]],
        input=places["input"],
        output=places["output"],
        temp=places["temp"],
        shipped=None,
    )


@pytest.fixture
def open_document(qapp: object, registry: Registry, folders: Folders) -> Callable[..., OpenDocument]:
    """Opens a document: a given one, or a text-to-image graph."""
    del qapp

    def opened(document: GraphDocument | None = None) -> OpenDocument:
        if document is None:
            document = read_workflow(TEXT_TO_IMAGE).to_document(registry).document
        return OpenDocument(document, registry, folders, name="Test")

    return opened


@pytest.fixture(scope="session", autouse=True)
def clipboard_emptied() -> Iterator[None]:
    """Qt's platform without a screen crashes at exit while its clipboard holds what Python has made."""
    yield
    if QGuiApplication.instance() is not None:
        QGuiApplication.clipboard().clear()


@pytest.fixture(autouse=True)
def no_thread_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    executors: list[ExecutorThread] = []
    start = ExecutorThread.start

    def start_and_note(executor: ExecutorThread) -> None:
        executors.append(executor)
        start(executor)

    monkeypatch.setattr(ExecutorThread, "start", start_and_note)
    yield
    deadline = time.monotonic() + 30
    while (left := [*_pythons(before), *_running(executors)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"threads left: {left}"


@pytest.fixture(autouse=True)
def garbage_stays_on_this_thread() -> Iterator[None]:
    """As in the program: see `app.garbage`."""
    was_enabled = gc.isenabled()
    gc.disable()
    yield
    collect()
    if was_enabled:
        gc.enable()


def _pythons(before: set[threading.Thread]) -> list[str]:
    """Names of the threads of Python that a test has started. `Dummy` ones stand for Qt's, dead or alive."""
    started = (thread for thread in threading.enumerate() if thread not in before and thread.is_alive())
    return [thread.name for thread in started if not thread.name.startswith("Dummy")]


def _running(executors: list[ExecutorThread]) -> list[str]:
    return [executor.objectName() for executor in executors if isValid(executor) and executor.isRunning()]
