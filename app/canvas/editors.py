"""Editing values and titles on the canvas: one editor at a time, over what it edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QGraphicsItem, QLineEdit

from app import icons
from app.canvas import values
from app.canvas.face import NUMBERS, Row, RowKind, choices
from app.canvas.line_editor import LineEditor
from app.canvas.overlay import Overlay, in_view
from app.canvas.popup import ChoicePopup, PopupItem
from app.canvas.scrub import Scrub
from app.canvas.text_editor import TextEditor
from core.nodes.spec import FileChoice, Text
from core.workflow.after_run import draw
from core.workflow.document import Changed, Operation
from core.workflow.operations import PutGroup, SetTitle, SetWidget

if TYPE_CHECKING:
    from app.canvas.graph import CanvasGraph
    from app.canvas.node_item import NodeItem

_CHOICES: Final = frozenset({RowKind.CHOICE, RowKind.AFTER_RUN})
_BY_TAB: Final = NUMBERS | _CHOICES | {RowKind.TEXT, RowKind.LONG_TEXT}
_PICK_FILE: Final = object()
_MODES: Final = {
    "fixed": "stays as it is",
    "increment": "one step up",
    "decrement": "one step down",
    "randomize": "another one each time",
}


class RowEditors(QObject):
    """Edits the rows of nodes, and titles. Everything is written through the document's undo steps.

    Args:
        random: Draws seeds.

    Signals:
        pick_file: A file is to be chosen for a value: the id of the node and its row.
    """

    pick_file = Signal(str, object)

    def __init__(self, graph: CanvasGraph, random: Random | None = None) -> None:
        super().__init__(graph)
        self._graph = graph
        self._random = random or Random()
        self._editor: Overlay | None = None
        self._popup: ChoicePopup | None = None
        self._choosing = ""
        self._chosen: Callable[[Any], None] | None = None
        self._tabbed: Callable[[int], None] | None = None
        self._scrub: Scrub | None = None
        self._writing = False
        graph.viewer().view_changed.connect(self.close)
        graph.opened.edited.connect(self._on_edited)

    # --- opening and closing

    @property
    def is_open(self) -> bool:
        """Whether something is being edited."""
        return self._editor is not None or (self._popup is not None and self._popup.isVisible())

    def open(self, node_id: str, row_index: int, at: QPointF | None = None) -> None:
        """Starts to edit a row; a toggle flips at once.

        Args:
            at: Where the mouse is in the scene: in a text the cursor goes there.
        """
        self.close()
        found = self._editable(node_id, row_index)
        if found is None:
            return
        item, row = found
        match row.kind:
            case RowKind.TOGGLE:
                self.set_value(node_id, row, not row.value)
            case RowKind.CHOICE | RowKind.AFTER_RUN:
                self._open_choices(item, row_index, row)
            case RowKind.LONG_TEXT:
                self._open_text(item, row_index, row, at)
            case RowKind.INT | RowKind.FLOAT | RowKind.TEXT:
                self._open_line(item, row_index, row)
            case RowKind.OTHER:
                self._say(f"{row.label or 'This value'!r} is kept as it is: its type is not known.")

    def rename(self, node_id: str) -> None:
        """Starts to edit the title of a node."""
        self.close()
        item = self._graph.nodes.get(node_id)
        if item is None or item.face.reroute:
            return

        def commit(text: str) -> None:
            spec = self._graph.registry.interface(item.record.type)
            title = text.strip() or None
            own = None if spec is not None and title == spec.title else title
            if own != item.record.title:
                self._do(SetTitle(node_id, own), "Rename node")

        line = self._title_line(item.face.title)
        pixels = item.paints.title.font.pixelSize()
        self._show(
            Overlay(line, _over(item, item.title_rect), pixels, is_title=True, commit=commit, node_id=node_id)
        )

    def rename_group(self, key: int) -> None:
        """Starts to edit the title of a group."""
        self.close()
        item = self._graph.groups.get(key)
        if item is None:
            return

        def commit(text: str) -> None:
            if text.strip() != item.record.title:
                self._do(PutGroup(replace(item.record, title=text.strip())), "Rename group")

        line = self._title_line(item.record.title)
        pixels = item.font_pixels()
        self._show(
            Overlay(line, _over(item, item.title_rect), pixels, is_title=True, commit=commit, group=key)
        )

    def close(self, commit: bool = True) -> None:
        """Ends editing.

        Args:
            commit: What was typed is kept, if it can be.
        """
        if self._popup is not None:
            self._popup.cancel()
        editor, self._editor = self._editor, None
        if editor is None:
            return
        if commit:
            self._take(editor)
        had_focus = editor.remove()
        self._graph.opened.history.stop_merging()
        if had_focus:
            self._graph.viewer().setFocus()

    def commit(self) -> None:
        """Writes what has been typed so far and goes on editing: something else needs the value now."""
        editor = self._editor
        if editor is not None and self._take(editor) and isinstance(editor.widget, LineEditor):
            editor.widget.setText(editor.text)

    # --- changing values

    def set_value(self, node_id: str, row: Row, value: Any) -> None:
        """Writes a value as an undo step of its own, if it is another one."""
        self._graph.opened.history.stop_merging()
        self._write(node_id, row, value)
        self._graph.opened.history.stop_merging()

    def step(self, node_id: str, row_index: int, direction: int) -> None:
        """Goes to the next (1) or previous (-1) number or choice; a toggle flips."""
        self.close()
        found = self._editable(node_id, row_index)
        if found is None:
            return
        row = found[1]
        if row.kind in NUMBERS:
            self.set_value(
                node_id, row, values.stepped(row, values.present(row), values.step(row) * direction)
            )
        elif row.kind in _CHOICES:
            words = choices(row, self._graph.folders)
            place = words.index(row.text) + direction
            if 0 <= place < len(words):
                self.set_value(node_id, row, values.stored(row, words[place]))
        elif row.kind is RowKind.TOGGLE:
            self.set_value(node_id, row, not row.value)

    def scrub_start(self, node_id: str, row_index: int) -> None:
        """The mouse was pressed on a number, and drags it from here on."""
        self.close()
        found = self._editable(node_id, row_index)
        if found is not None and found[1].kind in NUMBERS:
            self._graph.opened.history.stop_merging()
            self._scrub = Scrub(node_id, found[1])

    def scrub_move(self, dx_pixels: float, fine: bool = False, coarse: bool = False) -> None:
        """The mouse is so many pixels right of where it was pressed.

        Args:
            fine: Shift: a tenth of the speed.
            coarse: Ctrl: ten times the speed.
        """
        if self._scrub is not None:
            value = self._scrub.moved(dx_pixels, fine=fine, coarse=coarse)
            self._write(self._scrub.node_id, self._scrub.row, value)

    def scrub_end(self, commit: bool) -> None:
        """The mouse was released. All of the drag is one undo step, or none."""
        scrub, self._scrub = self._scrub, None
        if scrub is None:
            return
        if not commit and not self._graph.opened.cancel((scrub.node_id, scrub.row.place)):
            self._write(scrub.node_id, scrub.row, scrub.row.value)
        self._graph.opened.history.stop_merging()

    # --- the editors

    def _open_line(self, item: NodeItem, index: int, row: Row) -> None:
        is_number = row.kind in NUMBERS
        line = LineEditor(self._graph.viewer().viewport(), steps=is_number)
        line.setText(row.text)
        line.setAccessibleName(row.label)
        widget = row.spec.widget if row.spec else None
        if isinstance(widget, Text):
            line.setPlaceholderText(widget.placeholder)
        if is_number:
            line.setAlignment(Qt.AlignmentFlag.AlignRight)
            line.stepped.connect(partial(self._step_text, line, row))
        if row.spec is not None and row.spec.after_run:
            self._add_dice(line, row)

        def commit(text: str) -> None:
            if is_number:
                value, remark = values.typed(row, text)
                self._write(item.id, row, value)
                if remark:
                    self._say(remark)
            else:
                self._write(item.id, row, text)

        line.done.connect(partial(self._go_on, item.id, index))
        area = _over(item, partial(item.field_rect, index))
        pixels = item.paints.row.font.pixelSize()
        self._show(Overlay(line, area, pixels, commit=commit, node_id=item.id, row=index))

    def _title_line(self, text: str) -> LineEditor:
        line = LineEditor(self._graph.viewer().viewport())
        line.setText(text)
        line.setAccessibleName("Title")
        line.done.connect(self._end)
        return line

    def _show(self, editor: Overlay) -> None:
        self._editor = editor
        line = editor.widget
        if isinstance(line, LineEditor):
            line.cancelled.connect(lambda: self.close(commit=False))
            line.used_elsewhere.connect(self.commit)
            line.selectAll()
        else:
            # What was typed stays: one undo step takes it back, and a long text is too dear to lose by a key.
            line.cancelled.connect(self.close)
        line.left.connect(self.close)
        editor.show(self._graph.viewer(), self._graph.theme)

    def _open_text(self, item: NodeItem, index: int, row: Row, at: QPointF | None) -> None:
        self._graph.opened.history.stop_merging()
        box = TextEditor(self._graph.viewer().viewport())
        box.setPlainText(row.text)
        box.setAccessibleName(row.label or "Text")
        box.textChanged.connect(lambda: self._write(item.id, row, box.toPlainText()))
        box.done.connect(partial(self._go_on, item.id, index))
        area = _over(item, partial(item.field_rect, index))
        texts = item.paints.note if item.face.note else item.paints.row
        self._show(Overlay(box, area, texts.font.pixelSize(), node_id=item.id, row=index))
        if at is not None:
            viewer = self._graph.viewer()
            place = box.viewport().mapFrom(viewer.viewport(), viewer.mapFromScene(at))
            box.setTextCursor(box.cursorForPosition(place))
        else:
            box.moveCursor(QTextCursor.MoveOperation.End)

    def _open_choices(self, item: NodeItem, index: int, row: Row) -> None:
        widget = row.spec.widget if row.spec else None
        entries = [self._entry(row, word) for word in choices(row, self._graph.folders)]
        if isinstance(widget, FileChoice) and widget.upload:
            entries.insert(0, PopupItem("Choose file...", data=_PICK_FILE, search="open browse upload"))
        popup = self._popup_of()

        def chosen(data: Any) -> None:
            if data is _PICK_FILE:
                self.pick_file.emit(item.id, row)
            elif data != row.text:
                self.set_value(item.id, row, values.stored(row, data))

        self._choosing = item.id
        self._chosen = chosen
        self._tabbed = partial(self._go_on, item.id, index)
        viewer = self._graph.viewer()
        area = in_view(viewer, item.mapRectToScene(item.field_rect(index)))
        below = viewer.viewport().mapToGlobal(area.bottomLeft() + QPoint(0, 2))
        popup.open_at(
            below,
            entries,
            title=row.label,
            current=row.text,
            placeholder="Type to search",
            width=area.width(),
        )

    def _popup_of(self) -> ChoicePopup:
        if self._popup is None:
            self._popup = ChoicePopup(self._graph.viewer(), self._graph.theme)
            self._popup.chosen.connect(self._on_chosen)
            self._popup.tabbed.connect(self._on_tabbed)
        self._popup.set_theme(self._graph.theme)
        return self._popup

    def _on_chosen(self, data: object) -> None:
        if self._chosen is not None:
            self._chosen(data)

    def _on_tabbed(self, way: int) -> None:
        if self._tabbed is not None:
            self._tabbed(way)

    @staticmethod
    def _entry(row: Row, word: str) -> PopupItem:
        is_missing = bool(row.problem) and word == row.text
        detail = "not there" if is_missing else _MODES.get(word, "") if row.kind is RowKind.AFTER_RUN else ""
        return PopupItem(word, detail, word, hint=row.problem if is_missing else "")

    def _add_dice(self, line: LineEditor, row: Row) -> None:
        icon = icons.icon("dice", self._graph.theme)
        action = line.addAction(icon, QLineEdit.ActionPosition.TrailingPosition)
        action.setToolTip("Another random seed")
        kind = int if row.kind is RowKind.INT else float
        action.triggered.connect(lambda: line.setText(str(draw(values.limits(row), self._random, kind))))

    def _step_text(self, line: LineEditor, row: Row, notches: int, fine: bool, coarse: bool) -> None:
        try:
            now = values.typed(row, line.text())[0]
        except ValueError:
            now = values.present(row)
        by = values.step(row, fine=fine, coarse=coarse) * notches
        line.setText(str(values.stepped(row, now, by)))
        line.selectAll()

    # --- what all editors share

    def _editable(self, node_id: str, index: int) -> tuple[NodeItem, Row] | None:
        """A row that can be edited now; what stands against it is said."""
        item = self._graph.nodes.get(node_id)
        if item is None or item.record.collapsed or not 0 <= index < len(item.face.rows):
            return None
        row = item.face.rows[index]
        if row.linked:
            self._say(
                f"{row.label!r} is fed by {self._feeder(item, row)}. Take the link away to edit it here."
            )
            return None
        return item, row

    def _feeder(self, item: NodeItem, row: Row) -> str:
        number = item.record.inputs[row.slot].link if row.slot is not None else None
        link = self._graph.document.links.get(number) if number is not None else None
        origin = self._graph.nodes.get(link.origin) if link else None
        return f"{origin.face.title!r}" if origin and origin.face.title else "a link"

    def _go_on(self, node_id: str, index: int, way: int) -> None:
        """Closes the editor, and after Tab opens the next row of the node."""
        editor = self._editor
        if editor is not None and not self._take(editor) and way == 0:
            return  # refused: it can be put right
        self.close(commit=False)
        item = self._graph.nodes.get(node_id)
        if way == 0 or item is None:
            return
        rows = item.face.rows
        places = range(index + 1, len(rows)) if way > 0 else range(index - 1, -1, -1)
        following = (n for n in places if rows[n].kind in _BY_TAB and not rows[n].linked)
        place = next(following, None)
        if place is not None:
            self.open(node_id, place)

    def _end(self, way: int) -> None:
        del way
        self.close()

    def _take(self, editor: Overlay) -> bool:
        """Whether what was typed could be written."""
        widget = editor.widget
        if not isinstance(widget, LineEditor) or editor.commit is None or widget.text() == editor.text:
            return True
        try:
            editor.commit(widget.text())
        except ValueError as refusal:
            self._say(str(refusal))
            widget.selectAll()
            return False
        item = self._graph.nodes.get(editor.node_id)
        is_row = item is not None and 0 <= editor.row < len(item.face.rows)
        editor.text = item.face.rows[editor.row].text if item and is_row else widget.text()
        return True

    def _write(self, node_id: str, row: Row, value: Any) -> None:
        item = self._graph.nodes.get(node_id)
        if item is None:
            return
        now = next((r for r in item.face.rows if r.place == row.place), row)
        if value == now.value and isinstance(value, bool) == isinstance(now.value, bool):
            return
        label = f"Set {row.label}" if row.label else "Edit text"
        self._do(SetWidget(node_id, row.place, value), label, (node_id, row.place))

    def _do(self, operation: Operation, label: str, key: tuple[object, ...] | None = None) -> None:
        self._writing = True
        try:
            self._graph.opened.do(operation, label, key)
        finally:
            self._writing = False

    def _on_edited(self, changed: Changed) -> None:
        """Something else has changed the document while an editor was open."""
        editor = self._editor
        if self._popup is not None and self._choosing not in self._graph.document.nodes:
            self._popup.cancel()
        if editor is None or self._writing:
            return
        if editor.group in changed.groups:
            self.close(commit=False)
        elif editor.node_id in changed.nodes:
            self._follow(editor)

    def _follow(self, editor: Overlay) -> None:
        """Shows what has become of what is being edited, or gives up."""
        item = self._graph.nodes.get(editor.node_id)
        if item is None or editor.row >= len(item.face.rows) or (item.record.collapsed and editor.row >= 0):
            self.close(commit=False)
            return
        row = item.face.rows[editor.row] if editor.row >= 0 else None
        widget = editor.widget
        if row is not None and (row.linked or (isinstance(widget, LineEditor) and row.text != editor.text)):
            self.close(commit=False)
            return
        if row is not None and isinstance(widget, TextEditor) and widget.toPlainText() != row.text:
            widget.setPlainText(row.text)
        self._place()

    def _say(self, sentence: str) -> None:
        self._graph.message.emit(sentence)

    def _place(self) -> None:
        if self._editor is not None:
            self._editor.place(self._graph.viewer(), self._graph.theme)


def _over(item: QGraphicsItem, area: Callable[[], QRectF]) -> Callable[[], QRectF]:
    """Where in the scene a part of an item is, whenever that is asked for."""
    return lambda: item.mapRectToScene(area())
