"""The log is kept from any thread, whole, in order, and never longer than its limit."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QObject, Qt, QThread, Slot

from app.log import LogStore


@pytest.fixture
def logger(store: LogStore) -> logging.Logger:
    logger = logging.Logger("darkroom.test")
    logger.addHandler(store)
    return logger


@pytest.fixture
def store() -> LogStore:
    return LogStore(limit=100)


def test_records_are_kept_before_anyone_looks(logger: logging.Logger, store: LogStore) -> None:
    logger.info("one %s", "thing")
    logger.warning("another")
    assert [(r.number, r.level_name, r.text, r.source) for r in store.since(0)] == [
        (1, "INFO", "one thing", "darkroom.test"),
        (2, "WARNING", "another", "darkroom.test"),
    ]
    assert [r.text for r in store.since(1)] == ["another"]
    assert store.since(2) == []


def test_only_the_newest_are_kept(logger: logging.Logger, store: LogStore) -> None:
    for number in range(250):
        logger.info("%d", number)
    assert [r.text for r in store.since(0)] == [str(n) for n in range(150, 250)]
    assert [r.text for r in store.since(248)] == ["248", "249"]


def test_malformed_records_are_kept_and_marked(logger: logging.Logger, store: LogStore) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no words")

    wrong: list[tuple[Any, ...]] = [("%d apples", "three"), ("no place", 1, 2), (Broken(),), ("%s", Broken())]
    for arguments in wrong:
        logger.info(*arguments)
    records = store.since(0)
    assert len(records) == 4
    assert all(record.malformed for record in records)
    assert "%d apples" in records[0].text
    assert "three" in records[0].text
    assert "Broken that cannot be shown" in records[2].text


def test_a_record_that_logs_while_it_is_put_into_words_is_kept_once(
    logger: logging.Logger, store: LogStore
) -> None:
    class Chatty:
        def __repr__(self) -> str:
            logger.warning("%s is shown", self)
            return "chatty"

    logger.info("%s", Chatty())
    logger.info("next")
    assert [record.text for record in store.since(0)] == ["chatty", "next"]


def test_errors_keep_their_trace(logger: logging.Logger, store: LogStore) -> None:
    try:
        int("a reason")
    except ValueError:
        logger.exception("it failed")
    (record,) = store.since(0)
    assert record.text.startswith("it failed\nTraceback")
    assert record.text.endswith("'a reason'")
    logger.error("no error at hand", exc_info=True)
    assert store.since(1)[0].text == "no error at hand"


def test_every_thread_can_log(logger: logging.Logger) -> None:
    store = LogStore()
    logger.addHandler(store)

    def work(name: int) -> None:
        for number in range(500):
            logger.info("%d %d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = store.since(0)
    assert [record.number for record in records] == list(range(1, 2001))
    for name in range(4):
        own = [record.text for record in records if record.text.startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(500)]


def test_the_bell_rings_once_until_someone_looks_and_in_the_listener_s_thread(
    logger: logging.Logger, store: LogStore, qtbot: Any
) -> None:
    class Listener(QObject):
        def __init__(self) -> None:
            super().__init__()
            self.rings: list[QThread] = []

        @Slot()
        def ring(self) -> None:
            self.rings.append(QThread.currentThread())

    listener = Listener()
    store.arrived.connect(listener.ring, Qt.ConnectionType.QueuedConnection)
    thread = threading.Thread(target=lambda: [logger.info("x") for _ in range(50)])
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(listener.rings))
    application = QCoreApplication.instance()
    assert application is not None
    assert listener.rings == [application.thread()]
    assert len(store.since(0)) == 50
    logger.info("again")
    qtbot.waitUntil(lambda: len(listener.rings) == 2)


def test_clear_forgets_but_counts_on(logger: logging.Logger, store: LogStore) -> None:
    logger.info("old")
    store.clear()
    assert store.since(0) == []
    logger.info("new")
    assert [(r.number, r.text) for r in store.since(0)] == [(2, "new")]
    assert [r.text for r in store.since(1)] == ["new"]
