"""The log panel: filter, search, copy, clear, following the newest line."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest

from app.log import LogStore
from app.theme import DARK, LIGHT
from app.ui.log_dock import LogDock


@pytest.fixture
def store() -> LogStore:
    return LogStore()


@pytest.fixture
def logger(store: LogStore) -> logging.Logger:
    logger = logging.Logger("darkroom.test")
    logger.addHandler(store)
    return logger


@pytest.fixture
def dock(store: LogStore, qtbot: Any) -> LogDock:
    dock = LogDock(store, DARK)
    qtbot.addWidget(dock)
    dock.resize(600, 300)
    dock.show()
    return dock


def shown(dock: LogDock) -> list[str]:
    return [str(dock.lines.index(row).data()) for row in range(dock.lines.rowCount())]


def test_what_was_logged_before_is_there(store: LogStore, logger: logging.Logger, qtbot: Any) -> None:
    logger.info("early")
    dock = LogDock(store, DARK)
    qtbot.addWidget(dock)
    assert len(shown(dock)) == 1
    assert shown(dock)[0].endswith("info early")


def test_new_records_of_any_thread_appear(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    thread = threading.Thread(target=lambda: [logger.info("line %d", n) for n in range(300)])
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(shown(dock)) == 300)
    assert shown(dock)[-1].endswith("line 299")


def test_level_and_words_filter(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.debug("the finest detail")
    logger.info("a model was loaded")
    logger.error("a model is missing")
    logger.warning("odd")
    qtbot.waitUntil(lambda: len(shown(dock)) == 3)
    dock.level.setCurrentIndex(dock.level.findText("Everything"))
    assert len(shown(dock)) == 4
    dock.level.setCurrentIndex(dock.level.findText("Errors"))
    assert [line.split(maxsplit=2)[2] for line in shown(dock)] == ["a model is missing"]
    dock.level.setCurrentIndex(dock.level.findText("Everything"))
    QTest.keyClicks(dock.search, "MODEL load")
    assert [line.split(maxsplit=2)[2] for line in shown(dock)] == ["a model was loaded"]
    logger.info("nothing to do with it")
    logger.info("loading the model again")
    qtbot.waitUntil(lambda: len(shown(dock)) == 2)


def test_a_record_of_several_lines_keeps_them(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.error("it failed\nTraceback\n  in f")
    qtbot.waitUntil(lambda: len(shown(dock)) == 3)
    assert shown(dock)[2].endswith("  in f")


def test_malformed_records_are_marked(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.info("%d", "x")
    qtbot.waitUntil(lambda: len(shown(dock)) == 1)
    assert "(malformed)" in shown(dock)[0]


def test_levels_have_colours_of_the_theme(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.error("bad")
    qtbot.waitUntil(lambda: len(shown(dock)) == 1)
    assert dock.lines.index(0).data(Qt.ItemDataRole.ForegroundRole) == QColor(DARK.danger)
    dock.set_theme(LIGHT)
    assert dock.lines.index(0).data(Qt.ItemDataRole.ForegroundRole) == QColor(LIGHT.danger)


def test_copy_takes_the_selection_or_all(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.info("one")
    logger.info("two")
    qtbot.waitUntil(lambda: len(shown(dock)) == 2)
    QTest.mouseClick(dock.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "\n".join(shown(dock))
    dock.view.setCurrentIndex(dock.lines.index(1))
    dock.view.setFocus()
    QTest.keyClick(dock.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == shown(dock)[1]


def test_clear_leaves_the_empty_state(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    logger.info("one")
    qtbot.waitUntil(lambda: dock.clear.isEnabled())
    QTest.mouseClick(dock.clear, Qt.MouseButton.LeftButton)
    assert shown(dock) == []
    assert not dock.view.isVisible()
    assert not dock.copy.isEnabled()
    logger.info("two")
    qtbot.waitUntil(lambda: dock.view.isVisible())


def test_the_newest_line_is_followed_if_wanted(dock: LogDock, logger: logging.Logger, qtbot: Any) -> None:
    bar = dock.view.verticalScrollBar()
    for number in range(200):
        logger.info("%d", number)
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    dock.follow.setChecked(False)
    bar.setValue(0)
    logger.info("one more")
    qtbot.waitUntil(lambda: len(shown(dock)) == 201)
    assert bar.value() == 0
