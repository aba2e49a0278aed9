"""The properties panel: what is selected, with everything about it that can be changed."""

from __future__ import annotations

import html
import traceback
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QColor, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.canvas import values
from app.canvas.face import Face, Row, RowKind, choices, make_face, title_of
from app.canvas.menus import COLOURS
from app.documents import OpenDocument
from app.run_status import NodeState, NodeStatus
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.fields import Field, NumberField, WheelScrollsPanel, add_field, make_field
from app.ui.read_text import ReadText
from core.errors import NodeError
from core.workflow.document import Changed, Operation
from core.workflow.operations import SetColour, SetFlag, SetMode, SetTitle, SetWidget
from core.workflow.records import ALWAYS, BYPASSED, MUTED, Node

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph

_BURST_MS: Final = 1500
"""Edits of one field that follow each other faster than this are one undo step."""

_MODES: Final = (("Runs", ALWAYS), ("Muted", MUTED), ("Bypassed", BYPASSED))
_COLOURS: Final = (("Theme colour", None, None), *((name, *pair) for name, pair in COLOURS.items()))
_SWATCHES: Final = 5
"""Colours in a row: the panel is to be narrow."""

_STATES: Final = {
    NodeState.IDLE: "Has not run yet",
    NodeState.QUEUED: "Waits for its turn",
    NodeState.RUNNING: "Is running",
    NodeState.DONE: "Finished",
    NodeState.CACHED: "Result kept from an earlier run",
    NodeState.FAILED: "Failed",
    NodeState.BLOCKED: "Did not run",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the panel is about: some nodes of an open document."""

    opened: OpenDocument
    ids: tuple[str, ...]

    def nodes(self) -> list[Node]:
        """The nodes that are still there."""
        nodes = self.opened.document.nodes
        return [nodes[node_id] for node_id in self.ids if node_id in nodes]


class PropertiesDock(QDockWidget):
    """Shows the selected nodes, or the document while none is selected."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Properties", parent)
        self.setObjectName("properties")
        self._theme = theme
        self._canvas: CanvasGraph | None = None
        self._is_late = False
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(self.area)
        self._rebuild()

    @property
    def page(self) -> NodePage | ManyPage | FactsPage | EmptyState:
        """What it shows now."""
        return self.area.widget()  # pyright: ignore[reportReturnType] - only such pages are ever put in

    def show_canvas(self, canvas: CanvasGraph | None) -> None:
        """Shows what is selected on a canvas from now on; None while there is no canvas."""
        if self._canvas is not None:
            self._canvas.selection_changed.disconnect(self._on_selection)
            self._canvas.opened.edited.disconnect(self._on_edited)
            self._canvas.opened.titled.disconnect(self._on_titled)
            self._canvas.opened.run.changed.disconnect(self._on_run)
        self._canvas = canvas
        if canvas is not None:
            canvas.selection_changed.connect(self._on_selection)
            canvas.opened.edited.connect(self._on_edited)
            canvas.opened.titled.connect(self._on_titled)
            canvas.opened.run.changed.connect(self._on_run)
        self._rebuild()

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        self._rebuild()

    def showEvent(self, event: QShowEvent) -> None:
        """Shows what was selected meanwhile."""
        super().showEvent(event)
        if self._is_late:
            self._rebuild()

    def _on_selection(self) -> None:
        """A panel that nobody sees costs nothing."""
        if self.isVisible():
            self._rebuild()
        else:
            self._is_late = True

    def _rebuild(self) -> None:
        self._is_late = False
        if self._canvas is None:
            empty = EmptyState(
                "properties", "No document", "Open a document to see what it holds.", self._theme
            )
            self.area.setWidget(empty)
            return
        opened = self._canvas.opened
        there = opened.document.nodes
        selection = Selection(opened, tuple(i for i in self._canvas.selected_nodes() if i in there))
        match selection.ids:
            case ():
                page = FactsPage(opened)
            case (_,):
                page = NodePage(selection, self._theme)
            case _:
                page = ManyPage(selection, self._theme)
        self.area.setWidget(page)

    def _on_edited(self, changed: Changed) -> None:
        page = self.page
        if isinstance(page, FactsPage):
            page.refresh()
        elif isinstance(page, NodePage | ManyPage) and self._concerns(page.selection, changed):
            if len(page.selection.nodes()) != len(page.selection.ids):
                self._rebuild()
            else:
                page.refresh()

    def _concerns(self, selection: Selection, changed: Changed) -> bool:
        return bool(changed.links) or not changed.nodes.isdisjoint(selection.ids)

    def _on_titled(self) -> None:
        if isinstance(self.page, FactsPage):
            self.page.refresh()

    def _on_run(self, node_id: str) -> None:
        page = self.page
        if isinstance(page, NodePage) and page.selection.ids == (node_id,):
            page.show_run()


class FactsPage(QWidget):
    """What there is to know about a document as a whole."""

    def __init__(self, opened: OpenDocument) -> None:
        super().__init__()
        self._opened = opened
        self.labels = {
            name: _wrapped("") for name in ("File", "Nodes", "Links", "Groups", "Cannot run", "Changes")
        }
        self._title = _wrapped("heading")
        hint = QLabel("Select a node to see and change its values.")
        style.set_role(hint, "dim")
        hint.setWordWrap(True)
        form = QFormLayout()
        form.setVerticalSpacing(6)
        form.setHorizontalSpacing(14)
        for name, label in self.labels.items():
            caption = QLabel(name)
            caption.setAlignment(Qt.AlignmentFlag.AlignTop)  # where the first line of the text is
            style.set_role(caption, "dim")
            form.addRow(caption, label)
        self._form = form
        body = _column(self)
        body.addWidget(self._title)
        body.addSpacing(4)
        body.addLayout(form)
        body.addSpacing(10)
        body.addWidget(hint)
        body.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Counts anew."""
        opened, document = self._opened, self._opened.document
        types = Counter(node.type for node in document.nodes.values() if node.mode == ALWAYS)
        known = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
        strange = {t: n for t, n in types.items() if t not in opened.registry and t not in known}
        self._title.setText(opened.name)
        words = {
            "File": str(opened.path) if opened.path else "Not saved yet",
            "Nodes": str(len(document.nodes)),
            "Links": str(len(document.links)),
            "Groups": str(len(document.groups)),
            "Cannot run": "\n".join(f"{name} ({count})" for name, count in strange.items()),
            "Changes": "Unsaved" if opened.is_dirty else "All saved" if opened.path else "None",
        }
        for name, label in self.labels.items():
            label.setText(words[name])
        self._form.setRowVisible(self.labels["Cannot run"], bool(strange))


class _Page(QWidget):
    """What one node and several have in common: how they run and what they look like."""

    def __init__(self, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self.selection = selection
        self._theme = theme
        self._wheel = WheelScrollsPanel(self)
        self.mode = QComboBox()
        self.collapsed = QCheckBox("Collapsed")
        self.pinned = QCheckBox("Pinned")
        self.swatches: list[Swatch] = []

    def refresh(self) -> None:
        """Shows the nodes as they are now."""
        nodes = self.selection.nodes()
        modes = {node.mode for node in nodes}
        index = self.mode.findData(next(iter(modes))) if len(modes) == 1 else -1
        self.mode.setCurrentIndex(index)
        self.mode.setPlaceholderText("Several" if len(modes) > 1 else "Another")
        for box, flag in ((self.collapsed, "collapsed"), (self.pinned, "pinned")):
            states = {bool(node.flags.get(flag)) for node in nodes}
            box.setTristate(len(states) > 1)
            box.setCheckState(_check_state(states))
        colours = {(node.colour, node.background) for node in nodes}
        for swatch in self.swatches:
            swatch.setChecked(colours == {swatch.colours})

    def do(self, operation: Operation, label: str, key: Hashable | None = None) -> bool:
        """Edits the document."""
        return self.selection.opened.do(operation, label, key)

    def _node_section(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(_section("Node"))
        for words, mode in _MODES:
            self.mode.addItem(words, mode)
        self.mode.setAccessibleName("What the node does in a run")
        self.mode.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.mode.installEventFilter(self._wheel)
        self.mode.activated.connect(self._set_mode)
        flags = QHBoxLayout()
        for box, flag in ((self.collapsed, "collapsed"), (self.pinned, "pinned")):
            box.clicked.connect(lambda on=False, name=flag: self._set_flag(name, on))
            flags.addWidget(box)
        flags.addStretch(1)
        column.addWidget(self.mode)
        column.addLayout(flags)
        column.addLayout(self._swatch_grid())
        return column

    def _swatch_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2)
        for place, (name, title, body) in enumerate(_COLOURS):
            swatch = Swatch(name, title, body, self._theme)
            swatch.clicked.connect(partial(self._set_colour, swatch))
            self.swatches.append(swatch)
            grid.addWidget(swatch, place // _SWATCHES, place % _SWATCHES)
        grid.setColumnStretch(_SWATCHES, 1)
        return grid

    def _set_mode(self, index: int) -> None:
        words, mode = _MODES[index]
        verb = {"Runs": "Run", "Muted": "Mute", "Bypassed": "Bypass"}[words]
        self.do(SetMode(self.selection.ids, mode), f"{verb} node")

    def _set_flag(self, flag: str, on: bool) -> None:
        label = {"collapsed": ("Expand", "Collapse"), "pinned": ("Unpin", "Pin")}[flag][on]
        self.do(SetFlag(self.selection.ids, flag, True if on else None), f"{label} node")

    def _set_colour(self, swatch: Swatch, _on: bool = True) -> None:
        self.do(SetColour(self.selection.ids, *swatch.colours), "Colour node")
        self.refresh()


class ManyPage(_Page):
    """Several nodes: what can be set for all of them at once."""

    def __init__(self, selection: Selection, theme: Theme) -> None:
        super().__init__(selection, theme)
        self._title = QLabel()
        style.set_role(self._title, "heading")
        self._types = _wrapped("dim")
        body = _column(self)
        body.addWidget(self._title)
        body.addWidget(self._types)
        body.addLayout(self._node_section())
        body.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Shows the nodes as they are now."""
        super().refresh()
        nodes = self.selection.nodes()
        registry = self.selection.opened.registry
        counts = Counter(registry.title(node.type) for node in nodes)
        self._title.setText(f"{len(nodes)} nodes selected")
        self._types.setText(
            ", ".join(f"{name} × {n}" if n > 1 else name for name, n in counts.most_common(12))
        )


class NodePage(_Page):
    """One node: its title, what it is, its values, how its last run went."""

    def __init__(self, selection: Selection, theme: Theme) -> None:
        super().__init__(selection, theme)
        self.node_id = selection.ids[0]
        self.fields: dict[tuple[str, bool], Field] = {}
        self._shape: object = None
        self._burst = QTimer(self, singleShot=True, interval=_BURST_MS)
        self._burst.timeout.connect(selection.opened.history.stop_merging)
        self.title = QLineEdit()
        self.title.setAccessibleName("Title")
        style.set_role(self.title, "title")
        self.title.editingFinished.connect(self._rename)
        self._about = _wrapped("dim")
        self._trouble = _wrapped("warning")
        self._values = QWidget()
        self.run = RunBox(theme)
        body = _column(self)
        for widget in (self.title, self._about, self._trouble, self._values):
            body.addWidget(widget)
        body.addLayout(self._node_section())
        body.addWidget(_section("Last run"))
        body.addWidget(self.run)
        body.addStretch(1)
        self._body = body
        self.refresh()
        self.show_run()

    def refresh(self) -> None:
        """Shows the node as it is now; a field that is being typed into keeps its cursor."""
        super().refresh()
        node, face = self._node(), self._face()
        if not self.title.hasFocus():
            self.title.setText(face.title)
        self._about.setText(self._describe(node))
        self._trouble.setText(_trouble(face, node))
        self._trouble.setVisible(bool(self._trouble.text()))
        shape = tuple(
            (row.name, row.label, row.kind, row.place, row.linked, row.problem) for row in face.rows
        )
        if shape != self._shape:
            self._shape = shape
            self._rebuild_values(face.rows)
        for row in face.rows:
            if field := self.fields.get(_key(row)):
                field.show_row(row)

    def show_run(self) -> None:
        """Shows how its last run went."""
        self.run.show_status(self.selection.opened.run.of(self.node_id))

    def _node(self) -> Node:
        return self.selection.opened.document.node(self.node_id)

    def _face(self) -> Face:
        opened = self.selection.opened
        return make_face(self._node(), opened.document, opened.registry, opened.folders)

    def _describe(self, node: Node) -> str:
        spec = self.selection.opened.registry.interface(node.type)
        about = f"{node.type} · {node.id}"
        return f"{about}\n{spec.description.strip()}" if spec and spec.description else about

    def _rename(self) -> None:
        if not self.title.isModified():
            return
        self.title.setModified(False)
        wanted = self.title.text().strip() or None
        if wanted != self._node().title:
            self.do(SetTitle(self.node_id, wanted), "Rename node")
        self.title.setText(self._face().title)

    def _rebuild_values(self, rows: Sequence[Row]) -> None:
        """Makes the fields anew; the one that had the focus keeps it."""
        focused = next((key for key, field in self.fields.items() if field.hasFocus()), None)
        old, self._values = self._values, QWidget()
        self.fields = {}
        grid = QGridLayout(self._values)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(6)
        grid.setHorizontalSpacing(10)
        grid.setColumnStretch(1, 1)
        if rows:
            grid.addWidget(_section("Values"), 0, 0, 1, 2)
        for row in rows:
            self._add_row(grid, row)
        self._body.replaceWidget(old, self._values)
        old.hide()
        old.deleteLater()
        if focused in self.fields:
            self.fields[focused].setFocus()

    def _add_row(self, grid: QGridLayout, row: Row) -> None:
        label = QLabel(row.label or row.name)
        style.set_role(label, "dim")
        label.setToolTip(row.spec.tooltip if row.spec else "")
        if row.linked:
            at = grid.rowCount()
            grid.addWidget(label, at, 0)
            grid.addWidget(self._source_label(row), at, 1)
            return
        add_field(grid, label, self._make_field(row), row)
        if row.problem:
            problem = _wrapped("danger")
            problem.setText(row.problem)
            grid.addWidget(problem, grid.rowCount(), 0, 1, 2)

    def _make_field(self, row: Row) -> Field:
        folders = self.selection.opened.folders
        field = make_field(row, lambda: choices(row, folders), self._theme)
        field.setAccessibleName(row.label or row.name)
        if row.spec and row.spec.tooltip and not field.toolTip():
            field.setToolTip(f"<p>{html.escape(row.spec.tooltip)}</p>")
        field.edited.connect(partial(self._set, row))
        field.installEventFilter(self)
        if isinstance(field, NumberField):
            field.refused.connect(self.selection.opened.refused)
        self.fields[_key(row)] = field
        return field

    def _source_label(self, row: Row) -> ReadText:
        """Says where the value comes from instead."""
        document = self.selection.opened.document
        node = self._node()
        link = document.links.get(node.inputs[row.slot].link or 0) if row.slot is not None else None
        origin = document.nodes.get(link.origin) if link else None
        registry = self.selection.opened.registry
        name = title_of(origin, registry.interface(origin.type)) if origin else "a link"
        label = _wrapped("dim")
        label.setText(f"← {name}")
        return label

    def _set(self, row: Row, value: Any) -> None:
        key = ("property", self.node_id, row.place)
        operation = SetWidget(self.node_id, row.place, values.stored(row, value))
        if self.do(operation, f"Set {row.label or row.name}", key):
            self._burst.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ends a burst of edits when its field loses the focus."""
        if event.type() == QEvent.Type.FocusOut and self._burst.isActive():
            self._burst.stop()
            self.selection.opened.history.stop_merging()
        return super().eventFilter(watched, event)


class RunBox(QWidget):
    """How a node's last run went; what failed can be unfolded and copied."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.state = _wrapped("")
        self.message = _wrapped("danger")
        self.more = QToolButton()
        self.more.setText("Details")
        self.more.setCheckable(True)
        style.set_role(self.more, "fold")
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.copy = QToolButton()
        self.copy.setText("Copy")
        self.copy.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.copy.setIcon(icons.icon("copy", theme))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._report))
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the failure")
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.more.toggled.connect(self._fold)
        self._report = ""
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.more)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.state)
        column.addWidget(self.message)
        column.addLayout(buttons)
        column.addWidget(self.details)
        self._fold(False)

    def show_status(self, status: NodeStatus) -> None:
        """Shows a status, and what is known of an error."""
        words = _STATES[status.state]
        if status.seconds is not None and status.state is NodeState.DONE:
            words += f" in {status.seconds:.2f} s"
        if status.progress is not None and status.state is NodeState.RUNNING:
            words += f", {status.progress:.0%}"
        self.state.setText(words)
        self.message.setText(status.message)
        self.message.setVisible(bool(status.message))
        trace = _trace(status.error) if status.error else ""
        self._report = "\n\n".join(part for part in (status.message, trace) if part)
        self.details.setPlainText(trace)
        self.more.setVisible(bool(trace))
        self.copy.setVisible(bool(self._report))
        if not trace:
            self.more.setChecked(False)

    def _fold(self, on: bool) -> None:
        self.details.setVisible(on)
        self.more.setIcon(icons.icon("chevron-down" if on else "chevron-right", self._theme))


class Swatch(QToolButton):
    """A colour that can be given to nodes."""

    def __init__(self, name: str, title: str | None, body: str | None, theme: Theme) -> None:
        super().__init__()
        self.colours = (title, body)
        self.setCheckable(True)
        style.set_role(self, "swatch")
        self.setToolTip(name)
        self.setAccessibleName(name)
        colour = QColor(title or theme.node_title)
        self.setIcon(icons.icon("swatch", theme, colour.name()))


def _trace(error: NodeError) -> str:
    inputs = "\n".join(f"  {name} = {value}" for name, value in error.inputs.items())
    cause = error.__cause__
    lines = "".join(traceback.format_exception(cause)) if cause else error.kind
    return f"{lines.rstrip()}\n\nInputs of {error.class_type}:\n{inputs}" if inputs else lines.rstrip()


def _trouble(face: Face, node: Node) -> str:
    if face.placeholder:
        return f"Darkroom does not know {node.type}. It is kept as it came, and cannot run."
    if not face.known:
        return "Darkroom cannot run this node yet. It opens and saves as it is."
    return ""


def _key(row: Row) -> tuple[str, bool]:
    return row.name, row.kind is RowKind.AFTER_RUN


def _check_state(states: set[bool]) -> Qt.CheckState:
    if len(states) > 1:
        return Qt.CheckState.PartiallyChecked
    return Qt.CheckState.Checked if True in states else Qt.CheckState.Unchecked


def _column(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(12, 10, 12, 12)
    column.setSpacing(6)
    return column


def _section(text: str) -> QLabel:
    label = QLabel(text)
    label.setIndent(0)
    style.set_role(label, "section")
    return label


def _wrapped(role: str) -> ReadText:
    """Text that wraps anywhere it must and can be copied; the Tab key passes it by."""
    text = ReadText()
    text.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    style.set_role(text, role)
    return text
