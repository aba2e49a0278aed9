"""The window: tabs of documents, panels around them, and what the commands do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from PySide6.QtCore import QPointF, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.caches import policy_of
from app.canvas.face import Row
from app.canvas.graph import CanvasGraph
from app.commands import template_command
from app.documents import OpenDocument
from app.jobs import Job, JobFacts, JobState, Pause, Recovered
from app.queueing import queue_document
from app.services import Services
from app.templates import NAMES, Broken, Template, path_of
from app.theme import Theme
from app.ui import drops
from app.ui.about import About
from app.ui.actions import Actions
from app.ui.assets_dock import AssetsDock
from app.ui.bars import StatusLine, ToolBar
from app.ui.command_palette import CommandPalette
from app.ui.document_tabs import DocumentTabs
from app.ui.empty_state import EmptyCanvas, Welcome
from app.ui.file_commands import FileCommands
from app.ui.find_bar import FindBar
from app.ui.job_details import JobDetails
from app.ui.keys_dialog import KeysDialog
from app.ui.library_dock import LibraryDock
from app.ui.log_dock import LogDock
from app.ui.messages import Level, MessageArea
from app.ui.panels import Panels, floating
from app.ui.preview_dock import PreviewDock
from app.ui.properties_dock import PropertiesDock
from app.ui.queue_dock import QueueDock
from app.ui.result_viewer import ResultViewer
from app.ui.settings_dialog import SettingsDialog
from app.ui.template_gallery import TemplateGallery
from app.ui.timeline_dock import TimelineDock
from app.ui.window_layout import WindowLayout
from core.workflow.document import GraphDocument

_SAID_MS: Final = 8000
_SETTINGS: Final = {"view.minimap": "minimap", "view.snap": "snap_to_grid", "view.badges": "badges"}
"""Commands that switch a setting on and off, and its name."""


_DOCKS: Final = (
    QueueDock, PreviewDock, ResultViewer, PropertiesDock, LibraryDock, TimelineDock, AssetsDock, LogDock,
)  # fmt: skip

Dock = TypeVar("Dock", bound=QDockWidget)


class MainWindow(QMainWindow):
    """Puts all parts together. It holds no logic of its own: documents, queue and settings do.

    Attributes:
        commands: The actions of all commands.
        handlers: What the commands do that are not the canvas's own.
        docks: The panels, by the id of the command that shows them.
        panels: Shows, hides and lays them out.
        tabs: The open documents.
        messages: What happened, above the canvas.
        files: Opening, saving, closing.

    Signals:
        dialog_opened: A dialog or a box that has just been opened.
    """

    dialog_opened = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._random = Random()
        self._canvases: dict[str, CanvasGraph] = {}
        self._recent_types: list[str] = []
        self._find_bars: dict[str, FindBar] = {}
        self._hints: dict[str, EmptyCanvas] = {}
        self._may_close = False
        self._preview_seconds = services.executor.preview_seconds
        theme = self.theme
        self.files = FileCommands(services.session, self)
        self.commands = Actions(theme, services.settings.settings.keys, self)
        self.docks = self._make_docks()
        layout = WindowLayout(self, services.profile.layout_file)
        self.panels = Panels(self, self.docks, self._bars, self.commands, layout, theme)
        self.handlers = self._make_handlers()
        self.tabs = DocumentTabs(theme)
        self.messages = MessageArea(theme)
        self.welcome = Welcome(theme)
        self.status = StatusLine(services.queue)
        self.tools = ToolBar(self.commands, services.queue, theme)
        self.command_palette = CommandPalette(self, self.commands, theme)
        self._recent = QMenu("Open Recent", self)
        self._pages = QStackedWidget()
        self._arrange()
        self._connect_services()
        self._connect_parts()
        self.panels.restore()
        self._obey_settings()
        self._show_executor("Loading torch...", "Runs start as soon as torch is loaded.")
        self._on_tab()
        self._tell_problems()

    @property
    def theme(self) -> Theme:
        """The colours in use."""
        return self._services.look.theme

    @property
    def canvas(self) -> CanvasGraph | None:
        """The canvas whose tab is in front; None while no document is open."""
        page = self.tabs.currentWidget()
        return next((c for c in self._canvases.values() if c.viewer() is page), None)

    def canvas_of(self, opened: OpenDocument) -> CanvasGraph:
        """The canvas of an open document."""
        return self._canvases[opened.key]

    def dock(self, kind: type[Dock]) -> Dock:
        """The panel of a kind."""
        return next(dock for dock in self.docks.values() if isinstance(dock, kind))

    def open_paths(self, paths: Iterable[Path]) -> None:
        """Opens files, each in its tab."""
        self.files.open(paths)

    def do(self, command_id: str) -> None:
        """Does what a command says. What is being typed into a node counts."""
        canvas = self.canvas
        if canvas is not None:
            canvas.editors.close()
        if handler := self.handlers.get(command_id):
            handler()
        elif canvas is not None:
            canvas.actions.run(command_id, canvas)

    def say(self, sentence: str) -> None:
        """Shows a sentence in the status line for a while."""
        self.status.showMessage(sentence, _SAID_MS)

    # Parts

    def _make_handlers(self) -> Mapping[str, Callable[[], object]]:
        session, queue, files = self._services.session, self._services.queue, self.files
        return {
            "file.new": session.new,
            "file.templates": self._show_templates,
            **{template_command(name): partial(session.open_template, path_of(name)) for name in NAMES},
            "file.open": files.choose,
            "file.save": partial(self._with_document, files.save),
            "file.save_as": partial(self._with_document, files.save_as),
            "file.export_prompt": partial(self._with_document, files.export_prompt),
            "file.close": partial(self._with_document, files.close),
            "file.settings": self._show_settings,
            "file.quit": self.close,
            "edit.find": self._find,
            "run.queue": partial(self._with_document, self._run_times),
            "run.queue_next": partial(self._with_document, partial(self._run, front=True)),
            "run.cancel": queue.cancel_current,
            "run.pause": lambda: queue.set_paused(queue.pause is Pause.NONE),
            "run.clear": queue.clear_pending,
            "view.palette": lambda: self.command_palette.show_all(),
            **{name: partial(self._switch_setting, name) for name in _SETTINGS},
            **{name: partial(self.panels.switch, name) for name in self.docks},
            **{floating(name): partial(self.panels.switch_floating, name) for name in self.docks},
            "window.focus": self.panels.switch_focus,
            "window.reset": self.panels.reset,
            "window.next_tab": lambda: self.tabs.turn(1),
            "window.previous_tab": lambda: self.tabs.turn(-1),
            "viewer.full_screen": self.dock(ResultViewer).full_screen,
            "help.keys": self._show_keys,
            "help.about": self._show_about,
        }

    def _make_docks(self) -> dict[str, QDockWidget]:
        given, theme = self._services, self.theme
        return {
            "window.queue": QueueDock(given.queue, given.pictures, theme, self),
            "window.preview": PreviewDock(given.bridge, given.pictures, theme, self),
            "window.viewer": ResultViewer(given.queue, given.pictures, theme, self),
            "window.properties": PropertiesDock(theme, self),
            "window.library": LibraryDock(given.registry, theme, self),
            "window.timeline": TimelineDock(given.registry, theme, self),
            "window.assets": AssetsDock(given.keeper, given.assets, theme, self),
            "window.log": LogDock(given.log, theme, self),
        }

    def _bars(self) -> tuple[QWidget, ...]:
        return self.tools, self.status, self.menuBar(), self.tabs.tabBar()

    def _arrange(self) -> None:
        self.setAcceptDrops(True)
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(self.tabs)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.messages)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(middle)
        self.addToolBar(self.tools)
        self.setStatusBar(self.status)
        menus = self.commands.fill(self.menuBar())
        menus["File"].insertMenu(self.commands["file.save"], self._recent)
        menus["File"].aboutToShow.connect(self._services.session.look_for_recent)
        menus["File"].aboutToShow.connect(self._services.session.look_for_templates)
        self._recent.setToolTipsVisible(True)
        self._fill_recent()

    def _connect_services(self) -> None:
        given, session = self._services, self._services.session
        session.opened.connect(self._on_opened)
        session.activated.connect(self._on_activated)
        session.closed.connect(self._on_closed)
        session.saved.connect(self._on_saved)
        session.reported.connect(self._on_reported)
        session.recent_changed.connect(self._fill_recent)
        session.templates_found.connect(self._list_own_templates)
        given.executor.ready.connect(self._on_ready)
        given.executor.failed.connect(self._on_executor_failed)
        given.queue.job_ended.connect(self._on_job_ended)
        given.queue.job_queued.connect(self._on_job_queued)
        given.queue.changed.connect(self._show_pause)
        given.queue.refused.connect(partial(self.messages.tell, Level.WARNING))
        given.queue.recovered.connect(self._on_recovered)
        given.keeper.complained.connect(partial(self.messages.tell, Level.WARNING))
        given.look.changed.connect(self._on_theme)
        self._unsubscribe = given.settings.subscribe(self._obey_settings)

    def _connect_parts(self) -> None:
        session = self._services.session
        self.commands.triggered.connect(self.do)
        self.files.all_settled.connect(self._close_now)
        self.files.dialog_opened.connect(self.dialog_opened)
        self.tabs.currentChanged.connect(self._on_tab)
        self.tabs.new_wanted.connect(session.new)
        self.tabs.close_wanted.connect(self._on_close_wanted)
        self.tabs.moved.connect(self._on_tab_moved)
        self.welcome.new_wanted.connect(session.open_ready_graph)
        self.welcome.templates_wanted.connect(self._show_templates)
        self.welcome.empty_wanted.connect(session.new)
        self.welcome.open_wanted.connect(self.files.choose)
        self.welcome.file_wanted.connect(session.open_file)
        self.dock(LibraryDock).add_wanted.connect(self._add_node)
        self.dock(ResultViewer).open_requested.connect(session.open_file)
        self.dock(ResultViewer).message.connect(self.say)
        self.dock(TimelineDock).node_wanted.connect(self._show_node)
        self.dock(TimelineDock).dialog_opened.connect(self.dialog_opened)
        self.dock(TimelineDock).message.connect(self.say)
        self.dock(TimelineDock).complained.connect(partial(self.messages.tell, Level.WARNING))
        self.dock(AssetsDock).picked.connect(self._show_pictures)
        self.dock(AssetsDock).open_requested.connect(session.open_file)
        self.dock(AssetsDock).message.connect(self.say)
        self.dock(AssetsDock).complained.connect(partial(self.messages.tell, Level.WARNING))
        self.dock(AssetsDock).dialog_opened.connect(self.dialog_opened)
        self.dock(QueueDock).picked.connect(self._show_pictures)
        self.dock(QueueDock).open_requested.connect(self._open_job)
        self.dock(QueueDock).node_wanted.connect(self._show_failed_node)
        self.dock(QueueDock).details_wanted.connect(self._show_details)
        self._services.bridge.pictures_made.connect(self._services.pictures.forget)
        self.commands["view.refresh"].triggered.connect(self._services.pictures.clear)
        self.commands["view.refresh"].triggered.connect(self._services.assets.start)

    # Documents

    def _on_opened(self, opened: OpenDocument) -> None:
        given = self._services
        canvas = CanvasGraph(
            opened,
            self.theme,
            given.settings.settings,
            self,
            recent=self._recent_types,
            thumbnails=given.pictures,  # pyright: ignore[reportArgumentType] - its signal is that of an object
            values=given.executor,  # pyright: ignore[reportArgumentType] - its signal is that of an object
        )
        viewer = canvas.viewer()
        self._canvases[opened.key] = canvas
        self._hints[opened.key] = EmptyCanvas(canvas, self.theme)
        self.commands.attach(viewer)
        viewer.setAccessibleName(f"Canvas of {opened.name}")
        viewer.view_changed.connect(self._show_zoom)
        opened.titled.connect(partial(self._show_title, opened))
        opened.refused.connect(partial(self.messages.tell, Level.WARNING))
        opened.stepped.connect(self._show_steps)
        canvas.message.connect(self.say)
        canvas.view_requested.connect(partial(self._view_node, opened))
        canvas.run_requested.connect(partial(self._run_to, opened))
        canvas.files_dropped.connect(partial(self._on_files_dropped, opened))
        canvas.editors.pick_file.connect(partial(self._pick_file, opened))
        self.tabs.addTab(viewer, opened.name)
        self._show_title(opened)
        self._pages.setCurrentWidget(self.tabs)
        self.tabs.setCurrentWidget(viewer)
        viewer.setFocus()

    def _on_activated(self, opened: OpenDocument) -> None:
        self.tabs.setCurrentWidget(self._canvases[opened.key].viewer())

    def _on_closed(self, opened: OpenDocument) -> None:
        canvas = self._canvases.pop(opened.key)
        self._find_bars.pop(opened.key, None)
        del self._hints[opened.key]
        if self.tabs.currentWidget() is canvas.viewer():
            self.dock(PropertiesDock).show_canvas(None)
            self.dock(TimelineDock).show_document(None)
        self.tabs.removeTab(self.tabs.indexOf(canvas.viewer()))
        canvas.close()
        if not self._canvases:
            self._pages.setCurrentWidget(self.welcome)

    def _on_tab(self, _index: int = -1) -> None:
        canvas = self.canvas
        self._services.session.make_current(canvas.opened if canvas else None)
        self.dock(PropertiesDock).show_canvas(canvas)
        self.dock(TimelineDock).show_document(canvas.opened if canvas else None)
        self.commands.set_canvas_there(canvas is not None)
        self._show_steps()
        self._show_window_title()
        self._show_zoom()
        if canvas is not None:
            canvas.viewer().setFocus()

    def _on_tab_moved(self, _start: int, end: int) -> None:
        page = self.tabs.widget(end)
        moved = next((c.opened for c in self._canvases.values() if c.viewer() is page), None)
        if moved is not None:
            self._services.session.move(moved, end)

    def _on_close_wanted(self, page: QWidget) -> None:
        for canvas in tuple(self._canvases.values()):
            if canvas.viewer() is page:
                canvas.editors.close()
                self.files.close(canvas.opened)

    def _on_saved(self, opened: OpenDocument) -> None:
        self.say(f"Saved {opened.path}")

    def _on_reported(self, title: str, sentences: list[str]) -> None:
        self.messages.tell(Level.WARNING, title, sentences)

    def _with_document(self, act: Callable[[OpenDocument], object]) -> None:
        if canvas := self.canvas:
            act(canvas.opened)

    def _find(self) -> None:
        if canvas := self.canvas:
            key = canvas.opened.key
            if key not in self._find_bars:
                self._find_bars[key] = FindBar(canvas)
            self._find_bars[key].open_bar()

    def _show_title(self, opened: OpenDocument) -> None:
        tip = str(opened.path) if opened.path else "Not saved yet"
        self.tabs.show_title(self.canvas_of(opened).viewer(), opened.name, tip, opened.is_dirty)
        self._show_window_title()

    def _show_window_title(self) -> None:
        opened = self.canvas.opened if self.canvas else None
        self.setWindowTitle(f"{opened.name}[*] - Darkroom" if opened else "Darkroom[*]")
        self.setWindowModified(opened is not None and opened.is_dirty)

    def _show_steps(self) -> None:
        self.commands.show_steps(self.canvas.opened if self.canvas else None)

    def _show_zoom(self) -> None:
        self.status.show_zoom(self.canvas.viewer().zoom() if self.canvas else None)

    def _fill_recent(self) -> None:
        session = self._services.session
        self._recent.clear()
        for path in session.recent_files():
            entry = self._recent.addAction(path.name.replace("&", "&&"))
            entry.setToolTip(str(path))
            entry.setEnabled(not session.is_missing(path))
            entry.triggered.connect(partial(self._open_recent, path))
        self._recent.setEnabled(not self._recent.isEmpty())
        self.welcome.set_recent([p for p in session.recent_files() if not session.is_missing(p)])

    def _open_recent(self, path: Path, _checked: bool = False) -> None:
        self._services.session.open_file(path)

    def _list_own_templates(self, own: list[Template], broken: list[Broken]) -> None:
        """Puts the user's templates behind those of the program."""
        menu = self.commands.menu_with(template_command(NAMES[-1]))
        for action in menu.actions()[len(NAMES) :]:
            menu.removeAction(action)
            action.deleteLater()
        if own or broken:
            menu.addSeparator()
        for template in own:
            entry = menu.addAction(template.title.replace("&", "&&"))
            entry.setToolTip(template.description or str(template.path))
            entry.triggered.connect(partial(self._open_own_template, template.path))
        for file in broken:
            entry = menu.addAction(file.path.stem.replace("&", "&&"))
            entry.setToolTip(file.reason)
            entry.setEnabled(False)

    def _open_own_template(self, path: Path, _checked: bool = False) -> None:
        self._services.session.open_template(path)

    # Running

    def _run(self, opened: OpenDocument, *, front: bool = False, nodes: Sequence[str] = ()) -> None:
        queue_document(opened, self._services.queue, self._random, front, nodes)

    def _run_to(self, opened: OpenDocument, nodes: Sequence[str]) -> None:
        self._run(opened, nodes=nodes)

    def _run_times(self, opened: OpenDocument) -> None:
        """Queues as many jobs as the tool bar says, as one undo step."""
        gesture = object()
        for _ in range(self.tools.times.value()):
            if queue_document(opened, self._services.queue, self._random, gesture=gesture) is None:
                return

    def _on_ready(self, device: str) -> None:
        self._show_executor(f"Ready on {device}", "")

    def _on_executor_failed(self, reason: str) -> None:
        self._show_executor("Cannot run", "Nothing can run; the message above the canvas says why.")
        self.messages.tell(Level.ERROR, "Nothing can run", [reason])

    def _show_executor(self, state: str, waits_for: str) -> None:
        self.status.device.setText(state)
        self.dock(QueueDock).executor_state(waits_for)

    def _on_job_queued(self, job: JobFacts) -> None:
        pending = self._services.queue.pending
        is_first = len(pending) > 1 and pending[0].id == job.id
        self.say(f"{job.name} runs next" if is_first else f"{job.name} is queued")

    def _on_recovered(self, found: Recovered) -> None:
        """Tells why what was there last time does not run by itself."""
        if found.pause in (Pause.CRASHED, Pause.LEFT):
            ended = "ended unexpectedly" if found.pause is Pause.CRASHED else "was closed while a job ran"
            again = [
                f"{name} was interrupted; it runs again from its beginning" for name in found.interrupted
            ]
            remedy = ("Resume", partial(self._services.queue.set_paused, False))
            self.messages.tell(Level.WARNING, f"Darkroom {ended}; the queue is paused", again, remedy)

    def _show_pause(self, _job: object = None) -> None:
        self.commands["run.pause"].setChecked(self._services.queue.pause is not Pause.NONE)

    def _on_job_ended(self, job: JobFacts) -> None:
        if job.state in (JobState.FAILED, JobState.PARTIAL):
            remedy = ("Show Node", partial(self._show_failed_node, job)) if job.failed_node else None
            title = f"{job.name} did not run to its end"
            self.messages.tell(Level.ERROR, title, job.message.splitlines(), remedy)
        elif job.state is JobState.DONE:
            self.say(f"{job.name} is done in {job.seconds:.1f} s" if job.seconds else f"{job.name} is done")

    def _show_failed_node(self, job: JobFacts) -> None:
        """Brings the node at which a job failed to the middle of its canvas."""
        opened = self._services.session.find(job.document_key)
        if opened is None:
            self.say(f"{job.name} is closed; the queue can open the workflow of the job again.")
        else:
            self.tabs.setCurrentWidget(self.canvas_of(opened).viewer())
            self._show_node(job.failed_node)

    def _show_node(self, node_id: str) -> None:
        """Selects a node of the document in front and brings it to the middle."""
        canvas = self.canvas
        if canvas is None or node_id not in canvas.nodes:
            self.say("That node is no longer in the graph.")
            return
        canvas.select([node_id])
        canvas.viewer().centre_on(node_id)
        canvas.viewer().setFocus()

    def _show_pictures(self, paths: Sequence[Path], index: int = 0) -> None:
        self.dock(ResultViewer).show_pictures(paths, index)
        self.panels.bring_up(self.dock(ResultViewer))

    def _view_node(self, opened: OpenDocument, node_id: str) -> None:
        if pictures := opened.run.of(node_id).pictures:
            self._show_pictures(list(pictures))
        else:
            self.say("This node has made no picture yet.")

    def _open_job(self, job: Job) -> None:
        self._services.session.open_workflow(job.workflow, job.name)

    # Files and nodes from elsewhere

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Takes files that may hold a workflow, anywhere on the window."""
        if drops.files_of(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Opens the files; models go to the middle of the canvas."""
        files, canvas = drops.files_of(event.mimeData()), self.canvas
        self.files.open(file for file in files if not drops.is_model(file))
        if models := [file for file in files if drops.is_model(file)]:
            canvas = canvas or self.canvas_of(self._services.session.new())
            self._on_files_dropped(canvas.opened, models, canvas.viewer().visible_scene().center(), "")
        event.acceptProposedAction()

    def _on_files_dropped(self, opened: OpenDocument, files: list[Path], pos: QPointF, node_id: str) -> None:
        problems = drops.take_files(self._services.session, self.canvas_of(opened), files, pos, node_id)
        for problem in problems:
            self.messages.tell(Level.WARNING, problem)

    def _pick_file(self, opened: OpenDocument, node_id: str, row: Row) -> None:
        dialog = QFileDialog(self, f"Choose a file for {row.label}")

        def chosen(name: str) -> None:
            drops.load_into(self._services.session, opened, node_id, row, Path(name))

        dialog.fileSelected.connect(chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self.dialog_opened.emit(dialog)

    def _add_node(self, class_type: str) -> None:
        if canvas := self.canvas:
            canvas.add_by_user(class_type, canvas.viewer().visible_scene().center())
            canvas.viewer().setFocus()

    # Settings and panels

    def _obey_settings(self) -> None:
        settings = self._services.settings.settings
        self.commands.set_keys(settings.keys)
        for command_id, name in _SETTINGS.items():
            self.commands[command_id].setChecked(bool(getattr(settings, name)))
        for canvas in self._canvases.values():
            canvas.set_settings(settings)
        executor = self._services.executor
        executor.preview_seconds = self._preview_seconds if settings.previews else None
        executor.stop_at_first_error = settings.stop_at_first_error
        executor.cache_policy = policy_of(settings, self._services.profile.results_dir)
        if problem := self._services.settings.problem:
            self.messages.tell(Level.WARNING, problem)

    def _switch_setting(self, command_id: str) -> None:
        name = _SETTINGS[command_id]
        settings = self._services.settings
        settings.change(**{name: not getattr(settings.settings, name)})

    def _on_theme(self) -> None:
        theme = self.theme
        for part in (self.commands, self.panels, self.tabs, self.messages, self.welcome, self.tools):
            part.set_theme(theme)
        self.command_palette.set_theme(theme)
        for kind in _DOCKS:
            self.dock(kind).set_theme(theme)
        for canvas in self._canvases.values():
            canvas.set_theme(theme)
        for part in (*self._hints.values(), *self.findChildren(JobDetails)):
            part.set_theme(theme)

    # Dialogs

    def _show_templates(self) -> None:
        given = self._services
        gallery = TemplateGallery(given.session, given.registry, given.folders, self.theme, self)
        gallery.chosen.connect(self._open_filled)
        self._show_dialog(gallery)

    def _open_filled(self, document: GraphDocument, run: bool) -> None:
        opened = self._services.session.open_document(document)
        if run:
            self._run(opened)

    def _show_settings(self) -> None:
        given = self._services
        dialog = SettingsDialog(given.settings, given.folders, given.profile.results_dir, self)
        dialog.keys_wanted.connect(self._show_keys)
        self._show_dialog(dialog)

    def _show_keys(self) -> None:
        self._show_dialog(KeysDialog(self._services.settings, self.theme, self))

    def _show_about(self) -> None:
        self._show_dialog(About(self.status.device.text(), self))

    def _show_details(self, job: JobFacts) -> None:
        """Shows all that is kept of a job, beside other jobs that are shown."""
        for dialog in self.findChildren(JobDetails):
            if dialog.job_id == job.id and dialog.isVisible():
                dialog.raise_()
                dialog.activateWindow()
                return
        given = self._services
        dialog = JobDetails(job, given.queue, given.pictures, given.registry, self.theme, self)
        dialog.picked.connect(self._show_pictures)
        dialog.open_requested.connect(self._open_job)
        self._show_dialog(dialog)

    def _show_dialog(self, dialog: QDialog) -> None:
        """Shows a dialog beside which the work can go on."""
        dialog.finished.connect(dialog.deleteLater)
        dialog.show()
        self.dialog_opened.emit(dialog)

    def _tell_problems(self) -> None:
        for warning in self._services.folders.warnings:
            self.messages.tell(Level.WARNING, warning)

    # The end

    def closeEvent(self, event: QCloseEvent) -> None:
        """Asks once about unsaved changes, and remembers the layout."""
        if canvas := self.canvas:
            canvas.editors.close()
        if not self._may_close and not self.files.settle_all():
            event.ignore()
            return
        self.panels.save()
        self.dock(ResultViewer).leave_full_screen()
        event.accept()

    def shut_down(self) -> None:
        """Hides the window and lets go of the documents; it is of no use any more."""
        self.hide()
        self.dock(ResultViewer).leave_full_screen()
        self._unsubscribe()
        self.dock(PropertiesDock).show_canvas(None)
        self.dock(TimelineDock).show_document(None)
        for canvas in self._canvases.values():
            canvas.close()
        self._canvases.clear()

    def _close_now(self) -> None:
        self._may_close = True
        self.close()
