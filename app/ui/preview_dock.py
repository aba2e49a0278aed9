"""The preview panel: the picture that is forming, large."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.bridge import Bridge
from app.jobs import JobFacts, JobState
from app.pictures import Levels, Pictures
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.picture_view import PictureView

_SAID: Final = {
    JobState.DONE: "Done",
    JobState.PARTIAL: "Done in part",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}


class PreviewDock(QDockWidget):
    """Shows the newest preview of the run, then its last picture until the next run has a preview."""

    def __init__(
        self, bridge: Bridge, pictures: Pictures, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__("Preview", parent)
        self.setObjectName("preview")
        self._bridge = bridge
        self._pictures = pictures
        self._result: Path | None = None
        self.view = PictureView(theme, smooth=True)
        self.view.setAccessibleName("Preview of the picture that is forming")
        self.title, self.steps = QLabel(), QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        style.set_role(self.bar, "slim")
        style.set_role(self.steps, "dim")
        self._empty = EmptyState(
            "preview", "No preview yet", "While a graph runs, the picture forms here step by step.", theme
        )
        self.pages = QStackedWidget()
        self.pages.addWidget(self._empty)
        self.pages.addWidget(self.view)
        self.footer = self._footer()
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.pages, 1)
        column.addWidget(self.footer)
        self.setWidget(inner)
        bridge.run_started.connect(self._on_started)
        bridge.node_started.connect(self._on_node)
        bridge.node_progress.connect(self._on_progress)
        bridge.node_preview.connect(self._on_preview)
        bridge.run_ended.connect(self._on_ended)
        pictures.opened.connect(self._on_opened)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.view.set_theme(theme)
        self._empty.set_theme(theme)

    def _footer(self) -> QWidget:
        footer = QWidget()
        line = QHBoxLayout()
        line.addWidget(self.title, 1)
        line.addWidget(self.steps)
        column = QVBoxLayout(footer)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        column.addWidget(self.bar)
        column.addLayout(line)
        footer.hide()
        return footer

    def _on_started(self, job_id: str) -> None:
        del job_id
        self._result = None
        self._say("Starting", "", 0, 0)

    def _on_node(self, job_id: str, node_id: str) -> None:
        self._say(self._bridge.title(job_id, node_id), "", 0, 0)

    def _on_progress(self, job_id: str, node_id: str, value: int, maximum: int) -> None:
        share = f" · {100 * value / maximum:.0f} %" if maximum > 0 else ""
        self._say(self._bridge.title(job_id, node_id), f"{value} of {maximum}{share}", value, maximum)

    def _on_preview(self, job_id: str, node_id: str, image: QImage) -> None:
        del job_id, node_id
        self._result = None
        self.view.show_image(image)
        self.pages.setCurrentIndex(1)

    def _on_ended(self, job_id: str, job: JobFacts) -> None:
        del job_id
        took = "" if job.seconds is None else f"{job.seconds:.1f} s"
        self._say(_SAID[job.state], took, int(job.state is JobState.DONE), 1)
        if job.pictures:
            self._result = job.pictures[-1]
            self._pictures.open(self._result)

    def _on_opened(self, path: Path, levels: Levels | str) -> None:
        if path == self._result and not isinstance(levels, str):
            self.view.show_levels(levels)
            self.pages.setCurrentIndex(1)

    def _say(self, title: str, steps: str, value: int, maximum: int) -> None:
        self.footer.show()
        self.title.setText(title)
        self.steps.setText(steps)
        self.bar.setRange(0, maximum)
        self.bar.setValue(value)
