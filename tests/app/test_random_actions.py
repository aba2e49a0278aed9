"""Long random sessions on the canvas: commands, values, and the mouse, at good places and anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from helpers.workflows import assert_sound
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QGraphicsItem

from app.canvas.actions import CanvasActions
from app.canvas.face import RowKind
from app.canvas.graph import CanvasGraph
from app.canvas.group_item import GroupItem
from app.canvas.node_item import NodeItem
from app.settings import Settings
from app.theme import DARK
from core.workflow.comfy_json import write_document
from core.workflow.open import read_workflow
from core.workflow.operations import SetColour, SetTitle

ACTIONS = CanvasActions()
COMMANDS = sorted(ACTIONS.handles - {"edit.clear", "node.rename", "view.refresh"})
FEW_NODES = 40
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NO, CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
HELD = (NO, NO, NO, CTRL, SHIFT, ALT, CTRL | SHIFT, CTRL | ALT)


class Person:
    """Someone who does things at random, all through what users have: commands, editors and the mouse."""

    def __init__(self, random: Random, graph: CanvasGraph) -> None:
        self.random = random
        self.graph = graph
        self.view = graph.viewer().viewport()
        self.done: list[str] = []
        self.deeds: list[Callable[[], None]] = [
            self.command,
            self.command,
            self.command,
            self.select,
            self.select,
            self.value,
            self.scrub,
            self.type_value,
            self.restyle,
            self.drag_node,
            self.drag_node,
            self.drag_group,
            self.draw_link,
            self.draw_link,
            self.draw_link,
            self.click_link,
            self.cross_links,
            self.nudge,
            self.add,
            self.anywhere,
            self.anywhere,
            self.interrupted,
        ]

    def act(self) -> None:
        deed = self.random.choice(self.deeds)
        self.done.append(deed.__name__)
        deed()
        self.close_popups()

    def close_popups(self) -> None:
        self.graph.editors.close()
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()

    # --- without the mouse

    def command(self) -> None:
        command = self.random.choice(COMMANDS)
        if (
            command in ("edit.paste", "edit.paste_linked", "edit.duplicate")
            and len(self.graph.nodes) > FEW_NODES
        ):
            command = "edit.delete"
        self.done[-1] += f" {command}"
        ACTIONS.run(command, self.graph)

    def select(self) -> None:
        tables: tuple[Any, ...] = (self.graph.nodes, self.graph.groups, self.graph.reroutes)
        share = self.random.choice([0.1, 0.2, 0.5])
        self.graph.select(*([key for key in table if self.random.random() < share] for table in tables))

    def value(self) -> None:
        node = self.node()
        if node is not None and node.face.rows:
            self.graph.editors.step(
                node.id, self.random.randrange(len(node.face.rows)), self.random.choice([-1, 1])
            )

    def scrub(self) -> None:
        node = self.node()
        if node is not None and node.face.rows:
            editors = self.graph.editors
            editors.scrub_start(node.id, self.random.randrange(len(node.face.rows)))
            for _ in range(3):
                editors.scrub_move(self.random.uniform(-100, 100), self.random.random() < 0.5)
            editors.scrub_end(self.random.random() < 0.8)

    def type_value(self) -> None:
        node = self.node()
        if node is None:
            return
        kinds = (RowKind.TEXT, RowKind.LONG_TEXT, RowKind.INT, RowKind.FLOAT)
        rows = [i for i, row in enumerate(node.face.rows) if row.kind in kinds and not row.linked]
        if rows:
            self.graph.viewer().centre_on(node.id)
            self.graph.editors.open(node.id, self.random.choice(rows))
            focus = QApplication.focusWidget()
            if focus is not None and focus is not self.graph.viewer():
                QTest.keyClicks(focus, self.random.choice(["7", "2*3", "x y", ""]))
            self.graph.editors.close(self.random.random() < 0.8)

    def restyle(self) -> None:
        node = self.node()
        if node is not None:
            title, colour = (
                SetTitle(node.id, self.random.choice(["T", None])),
                SetColour([node.id], "#123", None),
            )
            self.graph.opened.do(self.random.choice([title, colour]), "Restyle")

    def nudge(self) -> None:
        key = self.random.choice([Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down])
        QTest.keyClick(self.graph.viewer(), key, self.random.choice([NO, SHIFT]))

    def add(self) -> None:
        if len(self.graph.nodes) < FEW_NODES:
            kind = self.random.choice([*self.graph.registry.names(), "Reroute", "Note", "PrimitiveNode"])
            self.graph.add_by_user(kind, self.graph.viewer().mapToScene(self.spot()))

    # --- with the mouse

    def drag_node(self) -> None:
        node = self.node()
        if node is not None:
            start = node.mapToScene(
                node.title_rect().center() if not node.face.reroute else node.body().center()
            )
            self.drag(self.seen(start), self.spot(), held=self.random.choice([NO, NO, SHIFT, ALT]))

    def drag_group(self) -> None:
        group: GroupItem | None = self.pick(self.graph.groups)
        if group is not None:
            place = (
                group.title_rect().center() if self.random.random() < 0.7 else group.resize_rect().center()
            )
            self.drag(self.seen(group.mapToScene(place)), self.spot())

    def draw_link(self) -> None:
        """From an output to an input or a value, or to empty canvas, or from an input that is linked."""
        ports = [port for node in self.graph.nodes.values() for port in node.ports()]
        if not ports:
            return
        self.graph.viewer().fit()
        start = self.random.choice(ports)
        fitting = [p for p in ports if p.port_type != start.port_type and p.wire_type == start.wire_type]
        end = self.random.choice(fitting or ports)
        place = self.spot() if self.random.random() < 0.2 else self.seen(end.centre(), move=False)
        self.drag(self.seen(start.centre(), move=False), place, held=self.random.choice([NO, NO, SHIFT]))

    def click_link(self) -> None:
        pipe = self.pick(self.graph.pipes)
        if pipe is not None:
            middle = pipe.mapToScene(pipe.path().pointAtPercent(0.5))
            at = self.seen(middle)
            if self.random.random() < 0.6:
                self.double_click(at)
            else:
                QTest.mouseClick(self.view, LEFT, NO, at)

    def cross_links(self) -> None:
        self.drag(self.spot(), self.spot(), RIGHT, self.random.choice([CTRL, SHIFT]))

    def anywhere(self) -> None:
        """Whatever a button does there."""
        button, held = self.random.choice([LEFT, LEFT, LEFT, RIGHT, MIDDLE]), self.random.choice(HELD)
        kind = self.random.random()
        if kind < 0.5:
            self.drag(self.spot(), self.spot(), button, held)
        elif kind < 0.8:
            QTest.mouseClick(self.view, button, held, self.spot())
        else:
            self.double_click(self.spot(), held)

    def interrupted(self) -> None:
        """A key is pressed while the mouse drags something, or a run that begins draws the next seed."""
        node = self.node()
        if node is None:
            return
        port = self.random.choice([*node.ports(), None, None])
        corner = node.resize_rect() if self.random.random() < 0.5 else node.outline()
        place = port.centre() if port is not None else node.mapToScene(corner.center())
        held, start = self.random.choice(HELD), self.seen(place)
        QTest.mousePress(self.view, LEFT, held, start)
        self.move(self.spot(), LEFT, held)
        self.random.choice([self.command, self.restyle, self.value])()
        self.move(self.spot(), LEFT, held)
        QTest.mouseRelease(self.view, LEFT, held, self.spot())

    def drag(self, start: QPoint, end: QPoint, button: Any = LEFT, held: Any = NO) -> None:
        QTest.mousePress(self.view, button, held, start)
        for place in ((start + end) / 2, end):
            self.move(place, button, held)
        if self.random.random() < 0.05:
            QTest.keyClick(self.graph.viewer(), Qt.Key.Key_Escape)
        QTest.mouseRelease(self.view, button, held, end)

    def double_click(self, at: QPoint, held: Any = NO) -> None:
        QTest.mouseClick(self.view, LEFT, held, at)
        QTest.mouseDClick(self.view, LEFT, held, at)
        QTest.mouseRelease(self.view, LEFT, held, at)

    def move(self, place: QPoint, button: Any, held: Any) -> None:
        """Qt's own test events of moves tell of no buttons."""
        at = QPointF(place)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            at,
            QPointF(self.view.mapToGlobal(place)),
            Qt.MouseButton.NoButton,
            button,
            held,
        )
        QApplication.sendEvent(self.view, event)

    # --- places

    def pick(self, table: Any) -> Any:
        return self.random.choice(list(table.values())) if table else None

    def node(self) -> NodeItem | None:
        return self.pick(self.graph.nodes)

    def spot(self) -> QPoint:
        room: QRect = self.view.rect()
        return QPoint(self.random.randrange(room.width()), self.random.randrange(room.height()))

    def seen(self, place: QPointF, move: bool = True) -> QPoint:
        """A place of the scene in the view, which is moved there if it has to be."""
        viewer = self.graph.viewer()
        at = viewer.mapFromScene(place)
        if move and not self.view.rect().contains(at):
            viewer.centre_at(place)
            at = viewer.mapFromScene(place)
        return at


def is_at(item: QGraphicsItem, place: tuple[float, float]) -> bool:
    """Exact but for what Qt takes for equal: it leaves items where they are then."""
    return (item.pos().x(), item.pos().y()) == pytest.approx(place, rel=1e-11, abs=1e-9)


def assert_shown(graph: CanvasGraph) -> None:
    """The items are those of the document, and where it says they are."""
    document = graph.document
    assert {key: item.record for key, item in graph.nodes.items()} == dict(document.nodes)
    for key, item in graph.nodes.items():
        assert item.id == key
        assert is_at(item, document.nodes[key].pos)
        assert item.isVisible()
        slots = [port.slot for port in item.ports_in if port.slot is not None]
        assert sorted(slots) == list(range(len(document.nodes[key].inputs)))
        assert len(item.ports_out) == len(document.nodes[key].outputs)
    assert set(graph.pipes) == set(document.links)
    for key, pipe in graph.pipes.items():
        link = document.links[key]
        assert (pipe.output_port.node.id, pipe.output_port.slot) == (link.origin, link.origin_slot)
        assert (pipe.input_port.node.id, pipe.input_port.slot) == (link.target, link.target_slot)
        assert pipe.isVisible()
    assert {key: item.record for key, item in graph.groups.items()} == dict(document.groups)
    for key, item in graph.groups.items():
        assert is_at(item, document.groups[key].bounding[:2])
    assert set(graph.reroutes) == set(document.reroutes)
    for key, item in graph.reroutes.items():
        assert is_at(item, document.reroutes[key].pos)
    items = graph.viewer().scene().items()
    assert sum(isinstance(item, NodeItem) for item in items) == len(document.nodes)
    assert sum(isinstance(item, GroupItem) for item in items) == len(document.groups)


def text(graph: CanvasGraph) -> str:
    return json.dumps(write_document(graph.document))


def show(qtbot: Any, graph: CanvasGraph) -> CanvasGraph:
    viewer = graph.viewer()  # closing the graph deletes it, before qtbot would
    viewer.resize(1000, 700)
    with qtbot.waitExposed(viewer):
        viewer.show()
    viewer.setFocus()
    return graph


def shut(graph: CanvasGraph) -> None:
    graph.viewer().close()
    graph.close()


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # of menus, without a display
@pytest.mark.parametrize("seed", range(6))
def test_random_sessions(qtbot, open_document, tmp_path, seed):
    graph = show(qtbot, CanvasGraph(open_document(), DARK, Settings()))
    person = Person(Random(seed), graph)
    start = text(graph)
    try:
        for _ in range(200):
            person.act()
            assert_sound(graph.document)
            assert_shown(graph)
        end, steps = text(graph), len(graph.opened.history.undo_labels)
        assert steps > 20
        for _ in range(steps):
            ACTIONS.run("edit.undo", graph)
        assert text(graph) == start
        assert not ACTIONS.enabled("edit.undo", graph)
        assert_shown(graph)
        for _ in range(steps):
            ACTIONS.run("edit.redo", graph)
        assert text(graph) == end
        assert_shown(graph)
    except AssertionError:
        print("deeds:", person.done[-5:], "steps:", graph.opened.history.undo_labels[:3])  # noqa: T201
        raise
    file = tmp_path / "graph.json"
    file.write_text(end, encoding="utf-8")
    reopened = open_document(read_workflow(file).document)
    assert reopened.document == graph.document
    shut(graph)
    again = show(qtbot, CanvasGraph(reopened, DARK, Settings()))
    assert_shown(again)
    shut(again)
