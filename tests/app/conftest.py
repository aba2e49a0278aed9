"""What tests of the window use: a registry, folders of their own, open documents. No thread may be left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication

from app.documents import OpenDocument
from core.folders import Folders
from core.nodes.registry import Registry, builtin
from core.workflow.document import GraphDocument
from core.workflow.open import read_workflow
from resources import path


@pytest.fixture
def registry() -> Registry:
    return builtin()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Empty folders of this test's own."""
    places = {name: tmp_path / name for name in ("models", "input", "output", "temp")}
    for place in places.values():
        place.mkdir()
    return Folders([places["models"]], input=places["input"], output=places["output"], temp=places["temp"])


@pytest.fixture
def open_document(qapp: object, registry: Registry, folders: Folders) -> Callable[..., OpenDocument]:
    """Opens a document: a given one, or the ready graph."""
    del qapp

    def opened(document: GraphDocument | None = None) -> OpenDocument:
        if document is None:
            document = read_workflow(path("templates", "text_to_image.json")).to_document(registry).document
        return OpenDocument(document, registry, folders, name="Test")

    return opened


@pytest.fixture(scope="session", autouse=True)
def clipboard_emptied() -> Iterator[None]:
    """Qt's platform without a screen crashes at exit while its clipboard holds what Python has made."""
    yield
    if QGuiApplication.instance() is not None:
        QGuiApplication.clipboard().clear()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while (left := _running(before)) and time.monotonic() < deadline:
        left[0].join(0.1)
    assert not left, f"threads left: {[thread.name for thread in left]}"


def _running(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that a test has started; those of pools that Qt or torch keep for good do not count."""
    return [
        t
        for t in threading.enumerate()
        if t not in before and t.is_alive() and not t.name.startswith("Dummy")
    ]
