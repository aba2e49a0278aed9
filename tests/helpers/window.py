"""The window with all its parts, and nothing that runs graphs: its executor is never started."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from app.bridge import Bridge
from app.documents import OpenDocument
from app.executor import ExecutorThread
from app.jobs import JobQueue
from app.log import LogStore
from app.look import Look
from app.pictures import Pictures
from app.profile import Profile
from app.services import Services
from app.session import Session
from app.settings import SettingsFile
from app.ui.main_window import MainWindow
from core.folders import Folders
from core.nodes.registry import Registry


class Parts:
    """The window and what it works with; `end` takes all of it down."""

    def __init__(self, root: Path, registry: Registry, folders: Folders) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._application = application
        self._before = application.font(), application.palette(), application.styleSheet()
        profile = Profile(root)
        self.settings = SettingsFile(profile.settings_file)
        self.session = Session(profile, registry, folders)
        self.queue = JobQueue()
        self.executor = ExecutorThread(self.queue, registry, folders, "cpu")
        self.bridge = Bridge(self.executor, self.queue, registry, folders, self.session.find)
        self.pictures = Pictures()
        self.log = LogStore()
        self.look = Look(application, self.settings)
        self.services = Services(
            profile,
            self.settings,
            registry,
            folders,
            self.session,
            self.queue,
            self.executor,
            self.bridge,
            self.pictures,
            self.log,
            self.look,
        )
        self.window = MainWindow(self.services)
        self.dialogs: list[object] = []
        self.window.dialog_opened.connect(self.dialogs.append)

    def ready_graph(self) -> OpenDocument:
        """The ready graph, opened."""
        self.session.open_ready_graph()
        self.session.settle()
        return self.session.documents[-1]

    def end(self) -> None:
        """Takes everything down, and gives the application its looks back."""
        self.window.shut_down()
        self.session.shut_down()
        self.pictures.stop()
        self.look.close()
        for part in (self.window, self.bridge, self.executor, self.queue, self.session, self.pictures):
            part.deleteLater()
        self._application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        font, palette, sheet = self._before
        self._application.setStyleSheet(sheet)
        self._application.setPalette(palette)
        self._application.setFont(font)
