"""The panels around the canvas: where they belong, shown and hidden, all of them out of the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QTabBar,
    QTabWidget,
    QToolButton,
    QWidget,
)

from app import icons
from app.theme import Theme
from app.ui import style
from app.ui.actions import Actions
from app.ui.window_layout import WindowLayout

_AREA: Final = Qt.DockWidgetArea


class Panels(QObject):
    """The panels of a window.

    Args:
        docks: The panels, by the id of the command that shows them.
        bars: What gives way with them in focus mode.
    """

    def __init__(
        self,
        window: QMainWindow,
        docks: Mapping[str, QDockWidget],
        bars: Callable[[], tuple[QWidget, ...]],
        actions: Actions,
        layout: WindowLayout,
        theme: Theme,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._docks = docks
        self._bars = bars
        self._actions = actions
        self._layout = layout
        self._theme = theme
        self._before_focus: QByteArray | None = None
        self._titles = QTimer(self, interval=0, singleShot=True)
        self._titles.timeout.connect(self._show_titles)
        self._sizes = QTimer(self, interval=0, singleShot=True)
        self._sizes.timeout.connect(self._size)
        options = QMainWindow.DockOption
        window.setDockOptions(
            options.AnimatedDocks
            | options.AllowNestedDocks
            | options.AllowTabbedDocks
            | options.GroupedDragging
        )
        window.setTabPosition(_AREA.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        window.setCorner(Qt.Corner.BottomRightCorner, _AREA.RightDockWidgetArea)
        window.setCorner(Qt.Corner.BottomLeftCorner, _AREA.LeftDockWidgetArea)
        for command_id, dock in docks.items():
            dock.toggleViewAction().toggled.connect(actions[command_id].setChecked)
            dock.topLevelChanged.connect(actions[floating(command_id)].setChecked)
            for signal in (dock.dockLocationChanged, dock.topLevelChanged, dock.visibilityChanged):
                signal.connect(self._titles.start)

    def save(self) -> None:
        """Remembers how they lie, in focus mode how they lay before it."""
        self._layout.save(self._before_focus)

    def restore(self) -> None:
        """Lays them as they lay at the end of the last session on these screens."""
        if not self._layout.restore():
            self.reset()

    def switch(self, command_id: str) -> None:
        """Shows a panel, brings it to the front of its tabs, or hides it if it is there already."""
        dock = self._docks[command_id]
        if is_in_front(dock):
            dock.hide()
        else:
            self.bring_up(dock)
        self._actions[command_id].setChecked(not dock.isHidden())

    def switch_floating(self, command_id: str) -> None:
        """Makes a panel a window of its own, or puts it back: not every desktop lets it be dragged."""
        dock = self._docks[command_id]
        dock.setFloating(not dock.isFloating())
        self.bring_up(dock)

    def menu_of(self, dock: QDockWidget) -> QMenu:
        """What can be done with a panel as a whole."""
        command_id = next(name for name, one in self._docks.items() if one is dock)
        menu = QMenu(self._window)
        menu.addAction(self._actions[floating(command_id)])
        menu.addAction("Close", dock.close)
        return menu

    def bring_up(self, dock: QDockWidget) -> None:
        """Shows a panel in front of those that share its place."""
        dock.show()
        dock.raise_()

    def switch_focus(self) -> None:
        """Leaves nothing but the canvas, or gives everything back as it was."""
        if self._before_focus is None:
            self._before_focus = self._layout.panels()
            for part in (*self._docks.values(), *self._bars()):
                part.hide()
        else:
            self._show_bars()
            self._layout.put_panels(self._before_focus)
            self._before_focus = None
        self._actions["window.focus"].setChecked(self._before_focus is not None)

    def reset(self) -> None:
        """Puts all panels where they belong."""
        docks = self._docks
        library, timeline = docks["window.library"], docks["window.timeline"]
        others = docks["window.assets"], docks["window.log"]
        preview, properties = docks["window.preview"], docks["window.properties"]
        for dock in docks.values():
            dock.setFloating(False)
            self._window.removeDockWidget(dock)
        self._window.addDockWidget(_AREA.LeftDockWidgetArea, library)
        self._window.addDockWidget(_AREA.RightDockWidgetArea, preview)
        self._window.addDockWidget(_AREA.RightDockWidgetArea, properties)
        self._window.tabifyDockWidget(preview, docks["window.viewer"])
        self._window.tabifyDockWidget(properties, docks["window.queue"])
        self._window.addDockWidget(_AREA.BottomDockWidgetArea, timeline)
        for dock in others:
            self._window.tabifyDockWidget(timeline, dock)
        for dock in docks.values():
            dock.setVisible(dock not in (timeline, *others))
        preview.raise_()
        properties.raise_()
        self._show_bars()
        self._before_focus = None
        self._actions["window.focus"].setChecked(False)
        self._window.installEventFilter(self)
        self._sizes.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Sizes the panels with the window, until the user takes hold of what separates them."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Resize):
            self._sizes.start()
        elif event.type() == QEvent.Type.MouseButtonPress:
            watched.removeEventFilter(self)
        return False

    def _size(self) -> None:
        """Gives the panels the sizes they start with; the canvas keeps about half of a small window."""
        docks, window = self._docks, self._window
        if not window.isVisible() or self._before_focus is not None:
            return
        em, width = window.fontMetrics().height(), window.width()
        widths = [min(em * 16, width * 27 // 100), min(em * 20, width * 33 // 100)]
        window.resizeDocks(
            [docks["window.library"], docks["window.preview"]], widths, Qt.Orientation.Horizontal
        )
        window.resizeDocks(
            [docks["window.preview"], docks["window.properties"]], [45, 55], Qt.Orientation.Vertical
        )

    def _show_bars(self) -> None:
        for bar in self._bars():
            bar.show()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        for dock in self._docks.values():
            if isinstance(bar := dock.titleBarWidget(), TitleBar):
                bar.set_theme(theme)

    def _show_titles(self) -> None:
        """Panels that lie behind tabs are named there; those that float have the title of their window."""
        self._give_tabs_menus()
        for dock in self._docks.values():
            beside = [d for d in self._window.tabifiedDockWidgets(dock) if not d.isHidden()]
            wanted = None if dock.isFloating() else Untitled if beside else TitleBar
            bar: QWidget | None = dock.titleBarWidget()
            if type(bar) is (wanted or type(None)):
                continue
            new = Untitled() if wanted is Untitled else TitleBar(dock, self._theme) if wanted else None
            dock.setTitleBarWidget(new)  # pyright: ignore[reportArgumentType] - None gives Qt's own back
            if bar:
                bar.deleteLater()

    def _give_tabs_menus(self) -> None:
        """Qt makes the bars of tabs as they are needed, and keeps them."""
        for bar in self._window.findChildren(QTabBar):
            is_of_panels = not isinstance(bar.parentWidget(), QTabWidget)
            if is_of_panels and bar.contextMenuPolicy() != Qt.ContextMenuPolicy.CustomContextMenu:
                bar.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
                bar.customContextMenuRequested.connect(partial(self._show_menu, bar))

    def _show_menu(self, bar: QTabBar, place: QPoint) -> None:
        title = bar.tabText(bar.tabAt(place))
        for dock in self._docks.values():
            if dock.windowTitle() == title:
                menu = self.menu_of(dock)
                menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
                menu.popup(bar.mapToGlobal(place))


def is_in_front(dock: QDockWidget) -> bool:
    """Whether a panel can be seen. Qt lays those behind tabs outside of what holds them."""
    return dock.isVisible() and (dock.isFloating() or dock.window().rect().intersects(dock.geometry()))


def floating(command_id: str) -> str:
    """The command that floats the panel which another command shows."""
    return command_id.replace("window.", "window.float_")


class Untitled(QWidget):
    """The title of a panel that needs none."""


class TitleBar(QWidget):
    """The title of a panel that is docked by itself. The panel is moved by it."""

    def __init__(self, dock: QDockWidget, theme: Theme) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        label = QLabel(dock.windowTitle())
        style.set_role(label, "dim")
        self._float, self._close = QToolButton(), QToolButton()
        for button, name in ((self._float, "Float"), (self._close, "Close")):
            button.setToolTip(name)
            button.setAccessibleName(f"{name} {dock.windowTitle()}")
            style.set_role(button, "slim")
        self._float.clicked.connect(lambda: dock.setFloating(True))
        self._close.clicked.connect(dock.close)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 4, 3)
        row.setSpacing(0)
        row.addWidget(label, 1)
        row.addWidget(self._float)
        row.addWidget(self._close)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        for button, name in ((self._float, "external"), (self._close, "close")):
            button.setIcon(icons.icon(name, theme, theme.text_dim))
