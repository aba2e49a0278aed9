"""The program with its window, but for what runs graphs: its executor is never started."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app.application import Program
from app.documents import OpenDocument
from app.log import LogStore
from app.profile import Profile
from core.folders import Folders


class Parts:
    """The window and what it works with; `end` takes all of it down."""

    def __init__(self, root: Path, folders: Folders) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._application = application
        self._before = application.font(), application.palette(), application.styleSheet()
        options = Namespace(
            models=list(folders.models),
            extra_model_paths=[],
            input=folders.input,
            output=folders.output,
            device="cpu",
        )
        self.program = Program(application, options, Profile(root), LogStore())
        self.window, given = self.program.window, self.program.services
        given.executor.start = lambda *_: None
        self.settings, self.session, self.pictures = given.settings, given.session, given.pictures
        self.queue, self.executor, self.bridge = given.queue, given.executor, given.bridge
        self.dialogs: list[object] = []
        self.window.dialog_opened.connect(self.dialogs.append)

    def ready_graph(self) -> OpenDocument:
        """The ready graph, opened."""
        self.session.open_ready_graph()
        self.session.settle()
        return self.session.documents[-1]

    def end(self) -> None:
        """Takes everything down, and gives the application its looks back."""
        self.program.end()
        font, palette, sheet = self._before
        self._application.setStyleSheet(sheet)
        self._application.setPalette(palette)
        self._application.setFont(font)
