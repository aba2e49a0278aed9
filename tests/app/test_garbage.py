"""Where garbage is collected."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import ClassVar

from pytestqt.qtbot import QtBot

from app.garbage import Garbage


class Ring:
    """Refers to itself, and remembers the thread it ended on."""

    ended_on: ClassVar[list[threading.Thread]] = []

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        self.ended_on.append(threading.current_thread())


def test_rings_end_on_the_gui_thread_whoever_needs_memory(qapp: object, qtbot: QtBot) -> None:
    del qapp
    Ring.ended_on.clear()
    garbage = Garbage()
    assert not gc.isenabled()
    gone = weakref.ref(Ring())
    thread = threading.Thread(target=lambda: [[[]] for _ in range(50_000)])
    thread.start()
    thread.join()
    kept = [[[]] for _ in range(5000)]
    qtbot.waitUntil(lambda: gone() is None)
    assert len(kept) == 5000
    assert Ring.ended_on == [threading.main_thread()]
    garbage.end()
