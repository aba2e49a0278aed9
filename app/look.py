"""Which look the program has now: as the settings say, and as the desktop does where they leave it to it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from app.settings import SettingsFile
from app.theme import DARK, LIGHT, Theme
from app.ui import style


class Look(QObject):
    """Keeps palette, style sheet and text size of the program as the settings and the desktop ask.

    Attributes:
        theme: The colours in use.

    Signals:
        changed: The theme is another one; what paints with it itself has to repaint.
    """

    changed = Signal()

    def __init__(self, application: QApplication, settings: SettingsFile) -> None:
        super().__init__(application)
        self._application = application
        self._settings = settings
        self._shown: tuple[Theme, float] | None = None
        self.theme = DARK
        application.styleHints().colorSchemeChanged.connect(self._update)
        self._unsubscribe = settings.subscribe(self._update)
        self._update()

    def close(self) -> None:
        """Follows nothing any more."""
        self._unsubscribe()
        self._application.styleHints().colorSchemeChanged.disconnect(self._update)

    def _update(self, _scheme: object = None) -> None:
        settings = self._settings.settings
        theme = {"dark": DARK, "light": LIGHT}.get(settings.theme) or self._of_desktop()
        if self._shown == (theme, settings.text_scale):
            return
        self._shown = theme, settings.text_scale
        style.apply(self._application, theme, settings.text_scale)
        if theme is not self.theme:
            self.theme = theme
            self.changed.emit()

    def _of_desktop(self) -> Theme:
        """Desktops that do not say are taken for dark ones: pictures are judged best on a dark ground."""
        is_light = self._application.styleHints().colorScheme() == Qt.ColorScheme.Light
        return LIGHT if is_light else DARK
