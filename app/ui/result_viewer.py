"""The result viewer: finished pictures, what is known about them, and where they can go from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QDesktopServices,
    QDrag,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QLabel,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.jobs import JobFacts, JobQueue
from app.picture_facts import Fact
from app.pictures import Levels, Pictures
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.facts_panel import FactsPanel
from app.ui.picture_view import PictureView
from core.errors import DarkroomError
from core.media.outputs import write_whole
from core.media.strip import without_texts

_DRAG_ICON: Final = 128
_VIEW, _EMPTY = 0, 1


class ResultViewer(QDockWidget):
    """Shows the results of this session one at a time, or any other pictures.

    Signals:
        open_requested: Path of a picture whose workflow is to be opened.
        message: A sentence for the status bar.
    """

    open_requested = Signal(object)
    message = Signal(str)

    def __init__(
        self, queue: JobQueue, pictures: Pictures, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__("Result Viewer", parent)
        self.setObjectName("viewer")
        self._pictures = pictures
        self._theme = theme
        self._results: list[Path] = []
        self._paths: list[Path] = self._results
        self._index = -1
        self._levels: Levels = ()
        self._full: _FullScreen | None = None
        self.view = PictureView(theme)
        self.view.setAccessibleName("Picture")
        self.facts = FactsPanel("About this picture")
        self.empty = EmptyState("viewer", *_NOTHING, theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.view)
        self.pages.addWidget(self.empty)
        self.pages.setCurrentIndex(_EMPTY)
        self.place, self.zoom = QLabel(), QLabel()
        self._actions: dict[str, QAction] = {}
        self.tools = self._toolbar()
        self.setWidget(self._inner())
        self.view.zoomed.connect(self._on_zoomed)
        self.view.activated.connect(self._toggle_fit)
        self.view.drag_wanted.connect(self._drag)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._show_menu)
        pictures.opened.connect(self._on_opened)
        pictures.facts_found.connect(self._on_facts)
        queue.job_ended.connect(self._on_job_ended)
        self._show_current()

    @property
    def path(self) -> Path | None:
        """The picture that is shown."""
        return self._paths[self._index] if 0 <= self._index < len(self._paths) else None

    def action(self, name: str) -> QAction:
        """One of the viewer's actions: `fit`, `actual`, `copy`, `save_as`, ..."""
        return self._actions[name]

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        self.view.set_theme(theme)
        self.empty.set_theme(theme)
        for name, action in self._actions.items():
            action.setIcon(icons.icon(_ICONS[name], theme))

    def show_pictures(self, paths: Sequence[Path], index: int = 0) -> None:
        """Shows one of these pictures. Previous and next go through all results if it is one of them."""
        if not paths:
            return
        path = paths[index]
        self._paths = self._results if path in self._results else list(paths)
        self._go_to(self._paths.index(path))

    def step(self, by: int) -> None:
        """Shows the next picture, or the one before."""
        if self._paths:
            self._go_to(min(max(self._index + by, 0), len(self._paths) - 1))

    def full_screen(self) -> None:
        """Shows the picture over the whole screen, or no longer."""
        if self._full is not None:
            self.leave_full_screen()
        elif self._levels:
            self._full = _FullScreen(self, self._theme)
            self._full.closed.connect(self._on_full_closed)
            self._full.view.show_levels(self._levels)
            self._full.showFullScreen()

    def leave_full_screen(self) -> None:
        """Shows the picture over the whole screen no longer."""
        if self._full is not None:
            self._full.close()

    def save_as(self, target: Path) -> None:
        """Copies the picture's file as it is, with all that is stored in it."""
        if self.path is None:
            return
        try:
            write_whole(target, self.path.read_bytes())
        except (DarkroomError, OSError) as error:
            self.message.emit(f"{self.path.name} was not saved: {error}")
        else:
            self.message.emit(f"Saved {target}")

    def save_plain(self, target: Path) -> None:
        """Saves the picture without what is stored about how it was made."""
        if self.path is None:
            return
        try:
            write_whole(target, without_texts(self.path.read_bytes(), self.path.name))
        except (DarkroomError, OSError) as error:
            self.message.emit(f"{self.path.name} was not saved: {error}")
        else:
            self.message.emit(f"Saved {target}, without metadata")

    def plain_data(self) -> QMimeData:
        """The picture's pixels and nothing else."""
        data = QMimeData()
        if self._levels:
            data.setImageData(_without_texts(self._levels[0]))
        return data

    def mime_data(self) -> QMimeData:
        """The picture as others take it: its file, and its pixels."""
        data = QMimeData()
        if self.path is not None:
            data.setUrls([QUrl.fromLocalFile(str(self.path))])
        if self._levels:
            data.setImageData(self._levels[0])
        return data

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the viewer, as `_KEYS` lists them."""
        if not self.press(event):
            super().keyPressEvent(event)

    def press(self, event: QKeyEvent) -> bool:
        """Does what a key stands for; whether it stands for anything."""
        name = _KEYS.get(Qt.Key(event.key()))
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        shifted = event.modifiers() == Qt.KeyboardModifier.ShiftModifier and event.text() == "+"
        if name is None or not (plain or shifted):
            return False
        self._actions[name].trigger()
        return True

    # Making of.

    def _toolbar(self) -> QToolBar:
        tools = QToolBar()
        size = self.fontMetrics().height()
        tools.setIconSize(QSize(size, size))
        for label in (self.place, self.zoom):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            style.set_role(label, "dim")
        self.zoom.setMinimumWidth(self.fontMetrics().horizontalAdvance("3200 %"))
        self._add(tools, "previous", "Previous Picture (Left)", partial(self.step, -1))
        tools.addWidget(self.place)
        self._add(tools, "next", "Next Picture (Right)", partial(self.step, 1))
        tools.addSeparator()
        self._add(tools, "zoom_out", "Zoom Out (-)", lambda: self._view().zoom_by(-1))
        tools.addWidget(self.zoom)
        self._add(tools, "zoom_in", "Zoom In (+)", lambda: self._view().zoom_by(1))
        self._add(tools, "fit", "Fit (0)", lambda: self._view().fit())
        self._add(tools, "actual", "Actual Pixels (1)", lambda: self._view().actual())
        tools.addSeparator()
        self._add(tools, "facts", "About This Picture (I)", self._toggle_facts)
        self._actions["facts"].setCheckable(True)
        self._add(tools, "save_as", "Save As...", self._ask_where_to_save)
        self._add(tools, "copy", "Copy", self._copy, QKeySequence(QKeySequence.StandardKey.Copy))
        self._add(
            None, "save_plain", "Save without Metadata...", partial(self._ask_where_to_save, plain=True)
        )
        self._add(None, "copy_plain", "Copy without Metadata", self._copy_plain)
        self._add(tools, "open", "Open Its Workflow", self._open_workflow)
        self._add(tools, "folder", "Show in Folder", self._show_folder)
        self._add(tools, "full_screen", "Full Screen (Enter)", self.full_screen)
        return tools

    def _add(
        self,
        tools: QToolBar | None,
        name: str,
        text: str,
        do: Callable[[], object],
        key: QKeySequence | None = None,
    ) -> None:
        """Makes an action; one without tools stands in the menu only."""
        action = QAction(icons.icon(_ICONS[name], self._theme), text, self)
        action.triggered.connect(lambda _checked=False: do())
        if key is not None:
            action.setShortcut(key)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.view.addAction(action)
        if tools is not None:
            tools.addAction(action)
        self._actions[name] = action

    def _inner(self) -> QWidget:
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.pages)
        parts.addWidget(self.facts)
        parts.setStretchFactor(0, 3)
        parts.setStretchFactor(1, 1)
        parts.setChildrenCollapsible(False)
        self.facts.hide()
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tools)
        column.addWidget(parts, 1)
        return inner

    # What is shown.

    def _on_job_ended(self, job: JobFacts) -> None:
        """Adds what was made, and shows it unless the user looks at something else."""
        new = [path for path in job.pictures if path not in self._results]
        is_at_newest = self._paths is self._results and self._index == len(self._results) - 1
        self._results += new
        if new and is_at_newest:
            self._go_to(len(self._results) - len(new))
        else:
            self._show_place()

    def _go_to(self, index: int) -> None:
        self._index = index
        self._show_current()

    def _show_current(self) -> None:
        self._show_place()
        path = self.path
        for name in ("save_as", "save_plain", "copy", "open", "folder", "full_screen", *_VIEWING):
            self._actions[name].setEnabled(path is not None)
        if path is None:
            return
        self.place.setToolTip(str(path))
        self._pictures.open(path)

    def _show_place(self) -> None:
        count = len(self._paths)
        self.place.setText(f"{self._index + 1} / {count}" if count else "")
        self._actions["previous"].setEnabled(self._index > 0)
        self._actions["next"].setEnabled(self._index < count - 1)

    def _on_opened(self, path: Path, levels: Levels | str) -> None:
        if path != self.path:
            return
        if isinstance(levels, str):
            self._levels = ()
            self.view.clear()
            self.empty.set_text("This picture cannot be shown", levels)
            self.pages.setCurrentIndex(_EMPTY)
            self.zoom.clear()
        else:
            self._levels = levels
            self.view.show_levels(levels)
            self.pages.setCurrentIndex(_VIEW)
        for name in _VIEWING:
            self._actions[name].setEnabled(bool(self._levels))
        if self._full is not None:
            self._full.view.show_levels(self._levels)
        self._show_facts()

    def _show_facts(self) -> None:
        if not self.facts.isHidden() and self.path is not None:
            self._pictures.find_facts(self.path)

    def _on_facts(self, path: Path, facts: Sequence[Fact]) -> None:
        if path == self.path:
            size = self.view.image_size
            pixels = [Fact("Size", f"{size.width()} × {size.height()}")] if self._levels else []
            self.facts.show_facts([*pixels, *facts])

    def _toggle_facts(self) -> None:
        self.facts.setVisible(self.facts.isHidden())
        self._actions["facts"].setChecked(not self.facts.isHidden())
        self._show_facts()

    def _toggle_fit(self) -> None:
        if self.view.fits:
            self.view.actual()
        else:
            self.view.fit()

    def _on_zoomed(self, zoom: float) -> None:
        self.zoom.setText(f"{zoom:.0%}".replace("%", " %"))

    def _view(self) -> PictureView:
        """The view that the user looks at."""
        return self.view if self._full is None else self._full.view

    def _on_full_closed(self) -> None:
        self._full = None
        self.view.setFocus()

    # Where it goes.

    def _ask_where_to_save(self, *, plain: bool = False) -> None:
        if self.path is None:
            return
        start = str(Path.home() / self.path.name)
        kinds = f"Picture (*{self.path.suffix});;All files (*)"
        name, _ = QFileDialog.getSaveFileName(self, "Save Picture As", start, kinds)
        if name:
            (self.save_plain if plain else self.save_as)(Path(name))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setMimeData(self.mime_data())
        self.message.emit("Picture copied")

    def _copy_plain(self) -> None:
        QGuiApplication.clipboard().setMimeData(self.plain_data())
        self.message.emit("Picture copied without metadata")

    def _drag(self) -> None:
        drag = QDrag(self.view)
        drag.setMimeData(self.mime_data())
        if self._levels and self.path is not None:
            small = self._pictures.thumbnail(self.path, _DRAG_ICON)
            if small is not None:
                drag.setPixmap(small.scaled(_DRAG_ICON, _DRAG_ICON, Qt.AspectRatioMode.KeepAspectRatio))
        drag.exec(Qt.DropAction.CopyAction)

    def _open_workflow(self) -> None:
        self.open_requested.emit(self.path)

    def _show_folder(self) -> None:
        if self.path is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.path.parent))):
            self.message.emit(f"The folder could not be shown: {self.path.parent}")

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        for name in ("fit", "actual", "full_screen", "", *_TAKING, "", "open", "folder"):
            if name:
                menu.addAction(self._actions[name])
            else:
                menu.addSeparator()
        menu.exec(self.view.mapToGlobal(place))
        menu.deleteLater()


def _without_texts(image: QImage) -> QImage:
    """The same pixels; Qt keeps the texts of a PNG with the picture and would write them again."""
    size = image.size()
    plain = QImage(image.constBits(), size.width(), size.height(), image.bytesPerLine(), image.format())
    return plain.copy()


class _FullScreen(QWidget):
    """The picture over the whole screen; Esc, F11 or Enter leave it."""

    closed = Signal()

    def __init__(self, viewer: ResultViewer, theme: Theme) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Darkroom")
        self._viewer = viewer
        self.view = PictureView(theme)
        self.view.setAccessibleName("Picture")
        self.view.activated.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.view.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leaves, or does what the key does in the viewer."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif not self._viewer.press(event):
            super().keyPressEvent(event)

    def hideEvent(self, event: object) -> None:
        """Tells that it is over."""
        del event
        self.closed.emit()


_NOTHING: Final = ("No results yet", "Finished pictures appear here. Those of the queue can be shown again.")
_VIEWING: Final = ("zoom_out", "zoom_in", "fit", "actual", "full_screen", "copy_plain")
_TAKING: Final = ("save_as", "save_plain", "copy", "copy_plain")
_KEYS: Final = {
    Qt.Key.Key_Left: "previous",
    Qt.Key.Key_PageUp: "previous",
    Qt.Key.Key_Right: "next",
    Qt.Key.Key_PageDown: "next",
    Qt.Key.Key_Plus: "zoom_in",
    Qt.Key.Key_Equal: "zoom_in",
    Qt.Key.Key_Minus: "zoom_out",
    Qt.Key.Key_0: "fit",
    Qt.Key.Key_1: "actual",
    Qt.Key.Key_I: "facts",
    Qt.Key.Key_Return: "full_screen",
    Qt.Key.Key_Enter: "full_screen",
    Qt.Key.Key_F11: "full_screen",
}
_ICONS: Final = {
    "previous": "chevron-left",
    "next": "chevron-right",
    "zoom_out": "zoom-out",
    "zoom_in": "zoom-in",
    "fit": "fit",
    "actual": "zoom-1",
    "facts": "info",
    "save_as": "save-as",
    "copy": "copy",
    "save_plain": "save-as",
    "copy_plain": "copy",
    "open": "open",
    "folder": "folder",
    "full_screen": "full-screen",
}
