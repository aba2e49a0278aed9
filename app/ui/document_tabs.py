"""The tabs of the open documents."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QTabBar, QTabWidget, QToolButton, QWidget

from app import icons
from app.theme import Theme

_NARROWEST: Final = 11
_WIDEST: Final = 18
"""Widths of a tab, in heights of its text: it can be told apart, and leaves room for others."""


class TabBar(QTabBar):
    """Tabs that stay wide enough to be told apart; those that find no room are scrolled to."""

    def tabSizeHint(self, index: int) -> QSize:
        """As wide as the name, up to a limit."""
        size = super().tabSizeHint(index)
        return QSize(min(size.width(), _WIDEST * self.fontMetrics().height()), size.height())

    def minimumTabSizeHint(self, index: int) -> QSize:
        """What it is narrowed to."""
        size = self.tabSizeHint(index)
        return QSize(min(size.width(), _NARROWEST * self.fontMetrics().height()), size.height())


class DocumentTabs(QTabWidget):
    """A tab for each canvas; dots mark unsaved changes.

    Signals:
        new_wanted: The plus was clicked.
        close_wanted: The widget whose tab is to be closed.
        moved: A tab was dragged: from and to which place.
    """

    new_wanted = Signal()
    close_wanted = Signal(object)
    moved = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("documents")
        self.setTabBar(TabBar())
        self.setDocumentMode(True)
        self.setTabsClosable(True)
        self.setMovable(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)
        bar = self.tabBar()
        bar.setExpanding(False)
        bar.setAccessibleName("Open documents")
        bar.installEventFilter(self)
        bar.tabMoved.connect(self.moved)
        self.tabCloseRequested.connect(lambda index=0: self.close_wanted.emit(self.widget(index)))
        self.plus = QToolButton()
        self.plus.setToolTip("New document")
        self.plus.setAccessibleName("New document")
        self.plus.setAutoRaise(True)
        self.plus.clicked.connect(self.new_wanted)
        self.setCornerWidget(self.plus, Qt.Corner.TopRightCorner)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.plus.setIcon(icons.icon("plus", theme))

    def show_title(self, page: QWidget, name: str, tip: str, is_dirty: bool) -> None:
        """Names a tab."""
        index = self.indexOf(page)
        text = name.replace("&", "&&")
        self.setTabText(index, f"● {text}" if is_dirty else text)
        self.setTabToolTip(index, tip)
        side = QTabBar.ButtonPosition.RightSide
        close: QWidget | None = self.tabBar().tabButton(index, side)  # some desktops have it on the left
        if close:
            close.setToolTip("Close")
            close.setAccessibleName(f"Close {name}")

    def turn(self, steps: int) -> None:
        """Goes to the next tab, or the one before."""
        if self.count():
            self.setCurrentIndex((self.currentIndex() + steps) % self.count())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click with the middle button closes a tab; a double click beside the tabs opens a new one."""
        if isinstance(event, QMouseEvent):
            index = self.tabBar().tabAt(event.position().toPoint())
            released = event.type() == QEvent.Type.MouseButtonRelease
            if released and event.button() == Qt.MouseButton.MiddleButton and index >= 0:
                self.close_wanted.emit(self.widget(index))
                return True
            if event.type() == QEvent.Type.MouseButtonDblClick and index < 0:
                self.new_wanted.emit()
                return True
        return super().eventFilter(watched, event)
