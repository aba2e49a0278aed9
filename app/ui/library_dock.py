"""The node library: every node type by category, to be dragged or put on the canvas."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from PySide6.QtCore import QByteArray, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDockWidget,
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.canvas.face import category_words
from app.canvas.fuzzy import Key, rank
from app.canvas.viewer import NODE_MIME
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from core.nodes.registry import Registry
from core.nodes.spec import NodeSpec
from core.workflow.new_nodes import SPECIAL

_TYPE: Final = Qt.ItemDataRole.UserRole
Branches: TypeAlias = dict[str, QTreeWidgetItem]
_BEST: Final = 60
"""Matches that are shown while searching."""

_CANNOT_RUN: Final = "Darkroom cannot run this node yet; it can be placed, saved and opened."


class LibraryTree(QTreeWidget):
    """The tree. Its leaves can be dragged to the canvas."""

    def mimeTypes(self) -> list[str]:
        """What its entries are carried as."""
        return [NODE_MIME]

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        """The node type that is dragged."""
        data = QMimeData()
        for item in items:
            if class_type := item.data(0, _TYPE):
                data.setData(NODE_MIME, QByteArray(str(class_type).encode()))
        return data

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        """Drags a node type; categories stay where they are."""
        items = [item for item in self.selectedItems() if item.data(0, _TYPE)]
        if not items:
            return
        drag = QDrag(self)
        drag.setMimeData(self.mimeData(items))
        drag.setPixmap(self._label(items[0].text(0)))
        drag.exec(supportedActions)

    def _label(self, text: str) -> QPixmap:
        """What hangs on the pointer meanwhile."""
        metrics, ratio = self.fontMetrics(), self.devicePixelRatioF()
        size = QSize(metrics.horizontalAdvance(text) + 20, metrics.height() + 10)
        pixmap = QPixmap(size * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(0, 0, 0, 0))
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        painter.setBrush(self.palette().button())
        painter.setPen(self.palette().color(self.palette().ColorRole.Highlight))
        box = pixmap.rect().size() / ratio
        painter.drawRoundedRect(1, 1, box.width() - 2, box.height() - 2, 5, 5)
        painter.setPen(self.palette().color(self.palette().ColorRole.Text))
        painter.drawText(0, 0, box.width(), box.height(), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return pixmap


class LibraryDock(QDockWidget):
    """All node types by category, found by typing.

    Signals:
        add_wanted: Name of a node type that is to be put in the middle of the canvas.
    """

    add_wanted = Signal(str)

    def __init__(self, registry: Registry, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Node Library", parent)
        self.setObjectName("library")
        self._theme = theme
        self._specs = {spec.class_type: spec for spec in (*registry, *registry.interface_only())}
        self._known = frozenset(registry.names())
        self._keys = [_key(spec) for spec in self._specs.values()]
        self.search = QLineEdit()
        self.others = QToolButton()
        self.tree = LibraryTree()
        self._empty = EmptyState("search", "No node matches", "", theme)
        self._pages = QStackedWidget()
        self._build()
        self._fill()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        self._empty.set_theme(theme)
        self._set_icons()
        self._fill()

    def _fill(self) -> None:
        """Shows what the search asks for: all by category, or the best matches as a list."""
        query = self.search.text().strip()
        self.tree.clear()
        if query:
            self._fill_matches(query)
        else:
            self._fill_categories()
        found = self.tree.topLevelItemCount() > 0
        hidden = "" if self.others.isChecked() else "Nodes that cannot run yet are hidden."
        self._empty.set_text("No node matches", hidden or "Try another word.")
        self._pages.setCurrentIndex(0 if found else 1)

    def _fill_matches(self, query: str) -> None:
        specs = list(self._specs.values())
        found = [specs[place] for place in rank(query, self._keys)]
        found = sorted(self._shown(found), key=self._is_strange)
        for spec in found[:_BEST]:
            self.tree.addTopLevelItem(self._leaf(spec))
        self.tree.setRootIsDecorated(False)
        if first := self.tree.topLevelItem(0):
            self.tree.setCurrentItem(first)

    def _fill_categories(self) -> None:
        """All by category: first what can run, then what cannot."""
        self.tree.setRootIsDecorated(True)
        branches: Branches = {}
        shown = self._shown(self._specs.values())
        runs = self._runnable_categories()
        for spec in sorted(shown, key=lambda s: (self._is_strange(s), _order(_category(s), runs), s.title)):
            self._branch(_category(spec), branches, runs).addChild(self._leaf(spec))
        self._add_special()
        for path, branch in branches.items():
            branch.setExpanded(path in runs and "/" not in path)

    def _branch(
        self, path: str, branches: dict[str, QTreeWidgetItem], runs: frozenset[str]
    ) -> QTreeWidgetItem:
        if path in branches:
            return branches[path]
        parent, _, name = path.rpartition("/")
        item = QTreeWidgetItem([category_words(name).capitalize()])
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        if path not in runs:
            item.setForeground(0, QColor(self._theme.text_dim))
        if parent:
            self._branch(parent, branches, runs).addChild(item)
        else:
            self.tree.addTopLevelItem(item)
        branches[path] = item
        return item

    def _add_special(self) -> None:
        branch = QTreeWidgetItem(["Layout"])
        branch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        for class_type, title in SPECIAL.items():
            item = QTreeWidgetItem([title])
            item.setData(0, _TYPE, class_type)
            item.setIcon(0, _dot(self._theme.text_dim))
            branch.addChild(item)
        self.tree.addTopLevelItem(branch)

    def _leaf(self, spec: NodeSpec) -> QTreeWidgetItem:
        item = QTreeWidgetItem([spec.title])
        item.setData(0, _TYPE, spec.class_type)
        item.setToolTip(0, self._tip(spec))
        colour = self._theme.socket(spec.outputs[0].type) if spec.outputs else self._theme.text_dim
        if self._is_strange(spec):
            item.setForeground(0, QColor(self._theme.text_dim))
            colour = style.mixed(colour, self._theme.panel, 0.35)
        item.setIcon(0, _dot(colour))
        return item

    def _tip(self, spec: NodeSpec) -> str:
        parts = [f"<b>{html.escape(spec.title)}</b>"]
        if spec.title != spec.class_type:
            parts.append(html.escape(spec.class_type))
        if spec.description:
            parts.append(html.escape(spec.description.strip()).replace("\n", "<br>"))
        inputs = ", ".join(f"{i.name}" for i in spec.inputs if not i.has_widget)
        outputs = ", ".join(o.name for o in spec.outputs)
        parts += [f"<i>{word}:</i> {html.escape(t)}" for word, t in (("in", inputs), ("out", outputs)) if t]
        if self._is_strange(spec):
            parts.append(_CANNOT_RUN)
        return "".join(f"<p style='margin:2px'>{part}</p>" for part in parts)

    def _shown(self, specs: Iterable[NodeSpec]) -> list[NodeSpec]:
        return [s for s in specs if self.others.isChecked() or not self._is_strange(s)]

    def _is_strange(self, spec: NodeSpec) -> bool:
        return spec.class_type not in self._known

    def _runnable_categories(self) -> frozenset[str]:
        paths = [_category(self._specs[name]) for name in self._known]
        return frozenset("/".join(p.split("/")[: n + 1]) for p in paths for n in range(p.count("/") + 1))

    def _activate(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and (class_type := item.data(0, _TYPE)):
            self.add_wanted.emit(str(class_type))

    def _build(self) -> None:
        self.search.setPlaceholderText("Search nodes")
        self.search.setAccessibleName("Search nodes")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(lambda: self._activate(self.tree.currentItem()))
        self.others.setCheckable(True)
        style.set_role(self.others, "switch")
        self.others.setChecked(True)
        self.others.setToolTip("Show nodes that Darkroom cannot run yet")
        self.others.setAccessibleName("Show nodes that cannot run yet")
        self.others.toggled.connect(self._fill)
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName("Node types")
        self.tree.setDragEnabled(True)
        self.tree.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.tree.setIndentation(self.fontMetrics().height())
        self.tree.setUniformRowHeights(True)
        self.tree.itemActivated.connect(self._activate)
        self._set_icons()
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 6, 8, 6)
        bar.addWidget(self.search, 1)
        bar.addWidget(self.others)
        self._pages.addWidget(self.tree)
        self._pages.addWidget(self._empty)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self._pages, 1)
        self.setWidget(body)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """From the search line the arrows lead into the list."""
        if self.search.hasFocus() and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.tree.setFocus()
        else:
            super().keyPressEvent(event)

    def _set_icons(self) -> None:
        self.others.setIcon(icons.switch_icon("filter", self._theme))


def _category(spec: NodeSpec) -> str:
    return spec.category or "other"


def _order(category: str, runs: frozenset[str]) -> tuple[object, ...]:
    """Categories with something to run first; those for trying out last."""
    top = category.partition("/")[0]
    return top.startswith("_"), top not in runs, category


def _key(spec: NodeSpec) -> Key:
    return Key(spec.title, f"{spec.class_type} {category_words(spec.category)}")


@functools.cache
def _dot(colour: str) -> QIcon:
    return QIcon(icons.pixmap("dot", colour, 32, 2.0))
