"""The properties panel: what is selected can be read and changed, in undo steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.canvas.popup import ChoicePopup
from app.documents import OpenDocument
from app.run_status import NodeState
from app.theme import DARK
from app.ui.fields import ChoiceField, LongTextField, NumberField
from app.ui.properties_dock import FactsPage, ManyPage, NodePage, PropertiesDock
from app.ui.read_text import ReadText
from core.errors import NodeError
from core.workflow.operations import RemoveNodes, SetTitle, SetWidget
from core.workflow.records import BYPASSED, MUTED


class Canvas(QObject):
    """As much of a canvas as the panel uses."""

    selection_changed = Signal()

    def __init__(self, opened: OpenDocument) -> None:
        super().__init__()
        self.opened = opened
        self.ids: list[str] = []

    def selected_nodes(self) -> list[str]:
        return self.ids

    def select(self, *types: str) -> None:
        nodes = self.opened.document.nodes.values()
        self.ids = [node.id for node in nodes if node.type in types]
        self.selection_changed.emit()


@pytest.fixture
def canvas(open_document: Callable[[], OpenDocument]) -> Canvas:
    return Canvas(open_document())


@pytest.fixture
def dock(canvas: Canvas, qtbot: Any) -> PropertiesDock:
    dock = PropertiesDock(DARK)
    qtbot.addWidget(dock)
    dock.resize(320, 800)
    dock.show_canvas(canvas)  # type: ignore[arg-type]
    dock.show()
    dock.activateWindow()
    qtbot.waitUntil(dock.isActiveWindow)
    return dock


def node_page(dock: PropertiesDock) -> NodePage:
    assert isinstance(dock.page, NodePage)
    return dock.page


def value(canvas: Canvas, name: str) -> Any:
    from app.canvas.face import make_face

    opened = canvas.opened
    node = opened.document.node(canvas.ids[0])
    face = make_face(node, opened.document, opened.registry, opened.folders)
    return next(row.value for row in face.rows if row.name == name)


def test_nothing_selected_shows_the_document(dock: PropertiesDock, canvas: Canvas) -> None:
    assert isinstance(dock.page, FactsPage)
    document = canvas.opened.document
    assert dock.page.labels["Nodes"].text() == str(len(document.nodes))
    assert dock.page.labels["Links"].text() == str(len(document.links))
    canvas.opened.do(RemoveNodes([next(iter(document.nodes))]), "Delete")
    assert dock.page.labels["Nodes"].text() == str(len(document.nodes))
    assert dock.page.labels["Changes"].text() == "Unsaved"


def test_no_canvas_is_no_problem(dock: PropertiesDock) -> None:
    dock.show_canvas(None)
    assert dock.page.accessibleName() == "No document"


def test_numbers_take_sums_and_one_step_each(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    field = node_page(dock).fields["steps", False]
    assert isinstance(field, NumberField)
    before = value(canvas, "steps")
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "4*5+2")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert value(canvas, "steps") == 22
    assert field.text() == "22"
    canvas.opened.undo()
    assert value(canvas, "steps") == before
    assert field.text() == str(before)
    assert not canvas.opened.is_dirty


def test_numbers_keep_their_limits_and_refuse_what_is_none(
    dock: PropertiesDock, canvas: Canvas, qtbot: Any
) -> None:
    canvas.select("KSampler")
    field = node_page(dock).fields["steps", False]
    assert isinstance(field, NumberField)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "99999999")
    with qtbot.waitSignal(canvas.opened.refused) as told:
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert told.args == ["'steps' goes from 1 to 10000: 99999999 became 10000."]
    assert value(canvas, "steps") == 10_000
    field.selectAll()
    QTest.keyClicks(field, "ten")
    with qtbot.waitSignal(canvas.opened.refused):
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert value(canvas, "steps") == 10_000
    assert field.text() == "10000"


def test_large_seeds_stay_exact(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    field = node_page(dock).fields["seed", False]
    field.setFocus()
    assert isinstance(field, NumberField)
    field.selectAll()
    QTest.keyClicks(field, "18446744073709551615")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert value(canvas, "seed") == 2**64 - 1
    QTest.keyClick(field, Qt.Key.Key_Down)
    assert value(canvas, "seed") == 2**64 - 2


def test_typing_a_text_is_one_step_and_keeps_the_cursor(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("CLIPTextEncode")
    canvas.ids = canvas.ids[:1]
    canvas.selection_changed.emit()
    field = node_page(dock).fields["text", False]
    assert isinstance(field, LongTextField)
    before = value(canvas, "text")
    field.setFocus()
    cursor = field.textCursor()
    cursor.setPosition(3)
    field.setTextCursor(cursor)
    QTest.keyClicks(field, "abc")
    assert value(canvas, "text") == before[:3] + "abc" + before[3:]
    assert field.textCursor().position() == 6
    assert len(canvas.opened.history.undo_labels) == 1
    node_page(dock).title.setFocus()
    field.setFocus()
    QTest.keyClicks(field, "d")
    assert len(canvas.opened.history.undo_labels) == 2
    canvas.opened.undo()
    canvas.opened.undo()
    assert field.toPlainText() == value(canvas, "text") == before


def test_a_choice_is_made_in_the_popup(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    field = node_page(dock).fields["sampler_name", False]
    assert isinstance(field, ChoiceField)
    QTest.mouseClick(field, Qt.MouseButton.LeftButton)
    popup = dock.findChild(ChoicePopup)
    assert popup is not None
    line = QGuiApplication.focusObject()
    QTest.keyClicks(line, "heun")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert value(canvas, "sampler_name") == "heun"
    assert field.text_shown() == "heun"


def test_edits_by_others_are_shown(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    page = node_page(dock)
    row = next(key for key in page.fields if key[0] == "cfg")
    place = 3
    canvas.opened.do(SetWidget(canvas.ids[0], place, 3.5), "Set cfg")
    field = page.fields[row]
    assert isinstance(field, NumberField)
    assert field.text() == "3.5"
    assert node_page(dock) is page
    canvas.opened.do(SetTitle(canvas.ids[0], "My sampler"), "Rename")
    assert page.title.text() == "My sampler"


def test_title_mode_colour_and_flags(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    page = node_page(dock)
    page.title.setFocus()
    page.title.selectAll()
    QTest.keyClicks(page.title, "Second pass")
    QTest.keyClick(page.title, Qt.Key.Key_Return)
    node_id = canvas.ids[0]
    document = canvas.opened.document
    assert document.node(node_id).title == "Second pass"
    page.mode.setFocus()
    QTest.keyClick(page.mode, Qt.Key.Key_Down)
    assert document.node(node_id).mode == MUTED
    QTest.mouseClick(page.swatches[1], Qt.MouseButton.LeftButton)
    assert document.node(node_id).colour == page.swatches[1].colours[0]
    assert page.swatches[1].isChecked()
    page.collapsed.click()
    assert document.node(node_id).collapsed
    assert len(canvas.opened.history.undo_labels) == 4
    for _ in range(4):
        canvas.opened.undo()
    assert not canvas.opened.is_dirty
    assert not page.collapsed.isChecked()
    assert page.mode.currentText() == "Runs"


def test_several_nodes_are_changed_together(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler", "VAEDecode")
    page = dock.page
    assert isinstance(page, ManyPage)
    page.mode.setFocus()
    QTest.keyClick(page.mode, Qt.Key.Key_End)
    assert {canvas.opened.document.node(i).mode for i in canvas.ids} == {BYPASSED}
    assert len(canvas.opened.history.undo_labels) == 1
    canvas.opened.do(RemoveNodes(canvas.ids[:1]), "Delete")
    assert isinstance(dock.page, NodePage)


def test_a_linked_value_names_its_source(dock: PropertiesDock, canvas: Canvas) -> None:
    from dataclasses import replace

    from core.workflow.document import Delta, Patch
    from core.workflow.records import DocumentLink, InputSocket, Node, OutputSocket

    canvas.select("KSampler")
    document = canvas.opened.document
    sampler = document.node(canvas.ids[0])
    slot = len(sampler.inputs)
    source = Node("90", "PrimitiveInt", title="Steps", outputs=(OutputSocket("INT", "INT", (90,)),))
    socket = InputSocket("steps", "INT", 90, "steps")
    link = DocumentLink(90, "90", 0, sampler.id, slot, "INT")
    linked = replace(sampler, inputs=(*sampler.inputs, socket))
    canvas.opened.do(Patch(Delta({"90": source, sampler.id: linked}), Delta({90: link})), "Link")
    page = node_page(dock)
    assert ("steps", False) not in page.fields
    assert "← Steps" in [text.text() for text in page.findChildren(ReadText)]
    canvas.opened.undo()
    assert ("steps", False) in page.fields


def test_a_failure_is_shown_unfolded_and_copied(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("KSampler")
    page = node_page(dock)
    assert page.run.state.text() == "Has not run yet"
    error = NodeError(
        "the sizes do not fit",
        node_id=canvas.ids[0],
        class_type="KSampler",
        inputs={"steps": "20"},
        kind="ValueError",
    )
    error.__cause__ = ValueError("64 is not 32")
    canvas.opened.run.update(
        canvas.ids[0], state=NodeState.FAILED, message="the sizes do not fit", error=error
    )
    assert page.run.message.text() == "the sizes do not fit"
    assert not page.run.details.isVisible()
    page.run.more.click()
    assert page.run.details.isVisible()
    assert "ValueError: 64 is not 32" in page.run.details.toPlainText()
    page.run.copy.click()
    report = QGuiApplication.clipboard().text()
    assert report.startswith("the sizes do not fit")
    assert "steps = 20" in report
    canvas.opened.run.update(canvas.ids[0], state=NodeState.DONE, seconds=1.5, message="", error=None)
    assert page.run.state.text() == "Finished in 1.50 s"
    assert not page.run.details.isVisible()


def test_a_file_that_is_not_there_is_said(dock: PropertiesDock, canvas: Canvas) -> None:
    canvas.select("CheckpointLoaderSimple")
    texts = [text.text() for text in node_page(dock).findChildren(ReadText)]
    assert any("There is no file" in text for text in texts)


def test_long_words_are_broken_and_can_be_read_to_their_end(
    dock: PropertiesDock, canvas: Canvas, tmp_path: Path, qtbot: Any
) -> None:
    name = "a_file_name_without_any_break_in_it_" * 4 + ".json"
    canvas.opened.mark_saved(tmp_path / name)
    dock.resize(220, 800)

    def is_readable(text: ReadText) -> bool:
        inside = text.viewport().rect()
        last = text.textCursor()
        last.movePosition(last.MoveOperation.End)
        right = text.mapTo(dock.area.viewport(), inside.bottomRight()).x()
        return text.cursorRect(last).bottom() <= inside.bottom() + 1 and right < dock.area.viewport().width()

    assert isinstance(dock.page, FactsPage)
    file = dock.page.labels["File"]
    assert file.text().endswith(name)
    qtbot.waitUntil(lambda: is_readable(file))
    assert file.height() > 4 * file.fontMetrics().lineSpacing()
    canvas.select("KSampler")
    canvas.opened.run.update(canvas.ids[0], state=NodeState.FAILED, message=name)
    message = node_page(dock).run.message
    qtbot.waitUntil(lambda: message.height() > 4 * message.fontMetrics().lineSpacing())
    qtbot.waitUntil(lambda: is_readable(message))
    canvas.opened.run.update(canvas.ids[0], message="short")
    qtbot.waitUntil(lambda: message.height() < 2 * message.fontMetrics().lineSpacing())


def test_a_hidden_panel_catches_up_when_it_is_shown(dock: PropertiesDock, canvas: Canvas) -> None:
    dock.hide()
    canvas.select("KSampler")
    assert isinstance(dock.page, FactsPage)
    dock.show()
    assert node_page(dock).title.text() == "KSampler"
