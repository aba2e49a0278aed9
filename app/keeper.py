"""The window's way to the database: asked beside the GUI thread, in order, answered on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from app.crash import describe
from core.errors import DarkroomError

if TYPE_CHECKING:
    from core.store.assets import AssetStore
    from core.store.database import Database
    from core.store.jobs import JobStore

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
_Answer: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept, in one database."""

    database: Database
    jobs: JobStore
    assets: AssetStore


class Keeper(QObject):
    """Keeps in memory: nothing outlives the program. What is asked is done at once.

    Args:
        log_dir: Where traces of our own mistakes are kept; None for the place that the system expects.

    Signals:
        complained: A sentence about something that could not be kept and that nobody else tells of.
    """

    complained = Signal(str)

    def __init__(self, parent: QObject | None = None, log_dir: Path | None = None) -> None:
        super().__init__(parent)
        self._log_dir = log_dir
        self._stores: Stores | None = None

    def ask(
        self,
        work: Callable[[Stores], Result],
        then: Callable[[Result], object] | None = None,
        refused: Callable[[str], object] | None = None,
    ) -> None:
        """Has something done; what was asked for earlier is done first.

        Args:
            work: What is done; it may be on another thread.
            then: Called with what came of it.
            refused: Called with the reason if it cannot be done; without it, `complained` tells.
        """
        self._stores = self._stores or _in_memory()
        self._answer(self._stores, work, then, refused)()

    def settle(self) -> None:
        """Waits until all that was asked for is done, with what came of it."""

    def close(self) -> None:
        """Lets go of all that was kept; what waits is found by the next program."""
        if self._stores is not None:
            self._stores.database.close()

    def _answer(
        self,
        stores: Stores,
        work: Callable[[Stores], Any],
        then: Callable[[Any], object] | None,
        refused: Callable[[str], object] | None,
    ) -> _Answer:
        """Does the work; what is to be called on the GUI thread."""
        refused = refused or self.complained.emit
        try:
            result = work(stores)
        except DarkroomError as error:
            return partial(refused, str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs this one thing, not the thread
            return partial(refused, describe(error, self._log_dir))
        return partial(then, result) if then else _nothing


class KeeperThread(Keeper):
    """Keeps in a file. A thread reads and writes it, and imports what that needs, after `start`.

    Whatever is wrong with the file, the window works: without it, all is kept in memory.

    Args:
        path: The file.
    """

    _woken = Signal()

    def __init__(self, path: Path, parent: QObject | None = None, log_dir: Path | None = None) -> None:
        super().__init__(parent, log_dir)
        self._path = path
        self._open_orders = 0
        self._orders: SimpleQueue[Callable[[Stores], _Answer] | None] = SimpleQueue()
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begins with what was asked for so far."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="keeper")
            self._thread.start()

    def ask(
        self,
        work: Callable[[Stores], Result],
        then: Callable[[Result], object] | None = None,
        refused: Callable[[str], object] | None = None,
    ) -> None:
        """Has something done on the thread; returns at once."""
        self._open_orders += 1
        self._orders.put(lambda stores: partial(self._close_order, self._answer(stores, work, then, refused)))

    def settle(self) -> None:
        """Waits until all that was asked for is done, with what came of it."""
        self.start()
        while self._open_orders:
            self._answers.get()()

    def close(self) -> None:
        """Does what is left to do, lets go of all jobs, and ends the thread. Nobody is told any more."""
        if self._thread is None and not self._open_orders:
            return
        self.start()
        self.ask(lambda stores: stores.jobs.release())
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join()

    # On the GUI thread.

    def _deliver(self) -> None:
        while True:
            try:
                answer = self._answers.get_nowait()
            except Empty:
                return
            answer()

    def _close_order(self, answer: _Answer) -> None:
        self._open_orders -= 1
        answer()

    # On the thread.

    def _work(self) -> None:
        try:
            stores = self._open()
        except Exception as error:  # noqa: BLE001 - a broken library raises anything, and the user must hear
            _log.exception("the queue cannot work")
            reason = str(error) or type(error).__name__
            stores = _unusable(f"a library that the queue needs cannot be loaded: {reason}; install it again")
        while (order := self._orders.get()) is not None:
            self._say(order(stores))
        with suppress(DarkroomError):
            stores.database.close()

    def _open(self) -> Stores:
        from core.store.database import open_database

        try:
            database = open_database(self._path)
        except DarkroomError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - the window works without the file
            reason = describe(error, self._log_dir)
        else:
            for remark in database.remarks:
                self._say(partial(self.complained.emit, remark))
            return _stores(database)
        self._say(
            partial(self.complained.emit, f"The queue and its history are not kept this time: {reason}")
        )
        return _in_memory()

    def _say(self, answer: _Answer) -> None:
        self._answers.put(answer)
        self._woken.emit()


def _in_memory() -> Stores:
    from core.store.database import memory_database

    return _stores(memory_database())


def _stores(database: Database) -> Stores:
    from core.store.assets import AssetStore
    from core.store.jobs import JobStore

    return Stores(database, JobStore(database), AssetStore(database))


def _unusable(reason: str) -> Stores:
    """Stores that refuse everything."""

    class Unusable:
        def __getattr__(self, name: str) -> NoReturn:
            raise DarkroomError(reason)

    refusing: Any = Unusable()
    return Stores(refusing, refusing, refusing)


def _nothing() -> None:
    """The answer nobody waits for."""
