"""The tool bar and the status line of the window."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSpinBox,
    QStatusBar,
    QToolBar,
    QToolButton,
    QWidget,
)

from app import icons
from app.jobs import JobQueue
from app.theme import Theme
from app.ui import style
from app.ui.actions import Actions

_LEFT: Final = (
    ("run.cancel",),
    ("edit.undo", "edit.redo"),
    ("node.add", "edit.find", "view.fit"),
)
_PANELS: Final = (
    "window.library",
    "window.properties",
    "window.preview",
    "window.viewer",
    "window.queue",
    "window.timeline",
    "window.assets",
    "window.log",
)


class ToolBar(QToolBar):
    """What is needed most, and which panels are shown.

    Attributes:
        times: How many jobs one press of Run queues.
    """

    def __init__(self, actions: Actions, queue: JobQueue, theme: Theme) -> None:
        super().__init__("Tools")
        self.setObjectName("tools")
        self.setMovable(False)
        self._actions = actions
        self._queue = queue
        self.run = QToolButton()
        self.run.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.run.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        style.set_role(self.run, "primary")
        self.times = QSpinBox()
        self.times.setRange(1, 999)
        self.times.setPrefix("\N{MULTIPLICATION SIGN} ")
        self.times.setToolTip("How many jobs Run queues; each has the next seed where seeds change")
        self.times.setAccessibleName("Jobs to queue")
        self.times.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        style.indent(self.times)
        run = actions["run.queue"]
        self.run.clicked.connect(run.trigger)
        run.changed.connect(self._follow_run)
        self._switches: dict[str, QToolButton] = {}
        self._fill()
        self.set_theme(theme)
        queue.changed.connect(self._show_count)
        self._show_count()
        self._follow_run()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.run.setIcon(icons.icon("run", theme, theme.on_accent))
        for command_id, button in self._switches.items():
            button.setIcon(icons.switch_icon(self._actions.icon_name(command_id), theme))

    def _fill(self) -> None:
        self.addWidget(self.run)
        self.addWidget(self.times)
        for place, ids in enumerate(_LEFT):
            if place:
                self.addSeparator()
            for command_id in ids:
                self.addAction(self._actions[command_id])
        space = QWidget()
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(space)
        for command_id in _PANELS:
            self._add_switch(command_id)
        for action in self.actions():
            if button := self.widgetForAction(action):
                button.setAccessibleName(action.text().removesuffix("...") or button.accessibleName())

    def _add_switch(self, command_id: str) -> None:
        """A button of its own: the action has no icon, so that its menu entry shows a tick."""
        action = self._actions[command_id]
        button = QToolButton()
        button.setCheckable(True)
        style.set_role(button, "switch")
        button.setChecked(action.isChecked())
        action.changed.connect(lambda: button.setToolTip(action.toolTip()))
        button.setAccessibleName(action.text())
        button.clicked.connect(action.trigger)
        action.toggled.connect(button.setChecked)
        button.clicked.connect(lambda: button.setChecked(action.isChecked()))
        self._switches[command_id] = button
        self.addWidget(button)

    def _follow_run(self) -> None:
        action = self._actions["run.queue"]
        self.run.setEnabled(action.isEnabled())
        self.run.setToolTip(action.toolTip())

    def _show_count(self, _job: object = None) -> None:
        """The number of jobs that have not ended stands behind the word."""
        count = len(self._queue.pending) + (self._queue.running is not None)
        self.run.setText(f"Run ({count})" if count else "Run")
        self.run.setAccessibleName(f"Run, {count} in the queue" if count else "Run")
        self._actions["run.cancel"].setEnabled(self._queue.running is not None)
        self._actions["run.clear"].setEnabled(bool(self._queue.pending))


class StatusLine(QStatusBar):
    """A sentence at the left; at the right the run, the device and the zoom."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__()
        self._queue = queue
        self.device = QLabel()
        self.zoom = QLabel()
        self.job = QLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.setFixedWidth(self.fontMetrics().horizontalAdvance("m") * 10)
        self.progress.setAccessibleName("Progress of the run")
        style.set_role(self.progress, "slim")
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.job)
        row.addWidget(self.progress)
        self.job.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._box = box
        for widget in (box, self.device, self.zoom):
            self.addPermanentWidget(widget)
        self.zoom.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.zoom.setMinimumWidth(self.fontMetrics().horizontalAdvance("0000 %"))
        queue.changed.connect(self._show_job)
        self._show_job()

    def show_zoom(self, zoom: float | None) -> None:
        """Tells how large the canvas is shown."""
        self.zoom.setText("" if zoom is None else f"{zoom * 100:.0f} %")

    def _show_job(self, _job: object = None) -> None:
        job = self._queue.running
        self._box.setVisible(job is not None)
        if job is not None:
            self.job.setText(f"{job.name}: {job.node}" if job.node else job.name)
            self.progress.setRange(0, 1000 if job.progress is not None else 0)
            self.progress.setValue(round((job.progress or 0) * 1000))
