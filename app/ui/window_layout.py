"""Where the window was and how its panels lay, remembered for each set of screens."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QRect, QSettings, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

_VERSION: Final = 3
"""Raised when panels are added or renamed: older layouts no longer fit."""

_FIRST_SHARE: Final = 0.9
"""How much of the screen the window takes at first, in each direction, up to `_FIRST_LIMIT`."""
_FIRST_LIMIT: Final = QSize(2200, 1400)


class WindowLayout:
    """Keeps and restores the layout of a window.

    Args:
        file: Where it is kept.
    """

    def __init__(self, window: QMainWindow, file: Path) -> None:
        self._window = window
        self._file = QSettings(str(file), QSettings.Format.IniFormat)

    def restore(self) -> bool:
        """Whether there was a layout for the screens that are connected now. The window is on them then."""
        self._file.beginGroup(screens())
        geometry, state = self._file.value("geometry"), self._file.value("panels")
        self._file.endGroup()
        if not isinstance(geometry, QByteArray) or not isinstance(state, QByteArray):
            self._place_first()
            return False
        self._window.restoreGeometry(geometry)
        self._bring_back()
        return self._window.restoreState(state, _VERSION)

    def save(self, panels: QByteArray | None = None) -> None:
        """Keeps the layout as it is.

        Args:
            panels: How the panels lay, if that is not how they lie now.
        """
        self._file.beginGroup(screens())
        self._file.setValue("geometry", self._window.saveGeometry())
        self._file.setValue("panels", panels or self.panels())
        self._file.endGroup()
        self._file.sync()

    def panels(self) -> QByteArray:
        """How the panels lie now."""
        return self._window.saveState(_VERSION)

    def put_panels(self, panels: QByteArray) -> None:
        """Lays the panels as they were."""
        self._window.restoreState(panels, _VERSION)

    def _place_first(self) -> None:
        """In the middle of the main screen, with some of the desktop left around it."""
        if not QGuiApplication.screens():
            return
        room = QGuiApplication.primaryScreen().availableGeometry()
        size = (room.size() * _FIRST_SHARE).boundedTo(_FIRST_LIMIT)
        self._window.resize(size)
        self._window.move(room.center() - QRect(room.topLeft(), size).center() + room.topLeft())

    def _bring_back(self) -> None:
        """Never leaves the window where no screen is."""
        frame = self._window.frameGeometry()
        title = QRect(frame.topLeft(), QSize(frame.width(), 40))
        seen = [screen.availableGeometry().intersected(title) for screen in QGuiApplication.screens()]
        if not any(part.width() >= 80 and part.height() >= 20 for part in seen):
            self._place_first()


def screens() -> str:
    """A name for the screens that are connected and how they stand to each other."""
    facts = sorted(
        f"{screen.name()} {screen.geometry().getRect()} {screen.devicePixelRatio()}"
        for screen in QGuiApplication.screens()
    )
    return "screens-" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
