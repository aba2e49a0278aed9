"""Moving, resizing, selecting, duplicating and editing with mouse and keys. Each gesture is one undo step."""

from __future__ import annotations

import pytest
from helpers.canvas import ALT, CTRL, LEFT, MIDDLE, NONE, RIGHT, SHIFT, Mouse, field, steps, undone
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.canvas.graph import CanvasGraph
from app.canvas.viewer import NODE_MIME
from app.commands import BY_ID
from core.workflow.operations import PutGroup, RemoveNodes, SetFlag
from core.workflow.records import Group

EMPTY = (700.0, 700.0)
"""A point without anything; so is all around it."""


@pytest.fixture
def group(graph: CanvasGraph) -> int:
    """A group around both prompts."""
    graph.opened.do(PutGroup(Group(1, "Prompts", (400, -10, 440, 510))), "Group")
    return 1


def pos(graph: CanvasGraph, node: str) -> tuple[float, float]:
    return graph.document.nodes[node].pos


# --- moving


def test_drag_moves_a_node(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["4"], graph.nodes["4"].mapToScene(QPointF(157, -15)) + QPointF(70, 140))
    x, y = pos(graph, "4")
    assert abs(x - 490) < 3
    assert abs(y - 680) < 3
    assert steps(graph) == ["Move node"]
    assert graph.nodes["4"].pos() == QPointF(x, y)
    assert undone(graph, before)
    assert graph.selected_nodes() == ["4"]


def test_drag_moves_all_that_is_selected(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.click(graph.nodes["2"])
    mouse.click(graph.nodes["3"], SHIFT)
    start = graph.nodes["3"].mapToScene(graph.nodes["3"].title_rect().center())
    mouse.drag(start, start + QPointF(0, 70))
    assert steps(graph) == ["Move nodes"]
    assert pos(graph, "2")[1] - 60 == pos(graph, "3")[1] - 300 == pytest.approx(70, abs=2)
    assert undone(graph, before)


def test_shift_while_dragging_snaps_to_the_grid(graph: CanvasGraph, mouse: Mouse) -> None:
    start = graph.nodes["4"].mapToScene(graph.nodes["4"].title_rect().center())
    mouse.press(start)
    mouse.move(start + QPointF(33, 47))
    mouse.move(start + QPointF(33, 47), SHIFT)
    mouse.release(start + QPointF(33, 47), SHIFT)
    x, y = pos(graph, "4")
    assert (x % 10, y % 10) == (0, 0)
    assert (x, y) != (420, 540)


def test_pinned_nodes_stay(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.opened.do(SetFlag(["4"], "pinned", True), "Pin")
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["4"], EMPTY)
    graph.select(["2", "4"])
    start = graph.nodes["2"].mapToScene(graph.nodes["2"].title_rect().center())
    assert graph.document == before
    mouse.drag(start, start + QPointF(0, -70))
    assert pos(graph, "4") == before.nodes["4"].pos
    assert pos(graph, "2") != before.nodes["2"].pos


def test_escape_puts_everything_back(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.drag(graph.nodes["4"], EMPTY, cancel=True)
    assert graph.document == before
    assert steps(graph) == []
    assert graph.nodes["4"].pos() == QPointF(420, 540)


def test_undo_with_the_mouse_still_down_ends_the_gesture(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    node = graph.add_by_user("ImageInvert", QPointF(500, 760))
    assert node is not None
    mouse.press(graph.nodes[node])
    mouse.move((700, 800))
    graph.opened.undo()
    assert mouse.viewer.gesture is None
    mouse.move((720, 820))
    mouse.release((720, 820))
    assert graph.document == before
    graph.opened.redo()
    pipe = next(pipe for pipe in graph.pipes.values())
    mouse.press(pipe.input_port)  # pyright: ignore[reportArgumentType] - it is one of ours
    mouse.move((700, 800))
    graph.opened.do(RemoveNodes(["5"]), "Delete")
    mouse.release((700, 800))
    assert steps(graph) == ["Delete", "Add Invert Image"]


def test_the_setting_snaps_to_the_grid(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.set_settings(graph.settings.model_copy(update={"snap_to_grid": True}))
    start = graph.nodes["4"].mapToScene(graph.nodes["4"].title_rect().center())
    mouse.drag(start, start + QPointF(33, 47))
    assert pos(graph, "4") in {(450, 590), (450, 580), (460, 590)}


def test_a_group_takes_what_is_inside_along(graph: CanvasGraph, mouse: Mouse, group: int) -> None:
    before = graph.document.snapshot()
    mouse.drag((600, 0), (600, 70))
    assert graph.document.groups[group].bounding[1] == pytest.approx(60, abs=2)
    assert pos(graph, "2")[1] == pytest.approx(130, abs=2)
    assert pos(graph, "3")[1] == pytest.approx(370, abs=2)
    assert pos(graph, "4") == before.nodes["4"].pos
    assert steps(graph)[0] == "Move group"
    assert undone(graph, before)


def test_arrows_move_by_the_grid_and_are_undone_at_once(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.click(graph.nodes["4"])
    for _ in range(3):
        mouse.key(Qt.Key.Key_Right)
    mouse.key(Qt.Key.Key_Down, SHIFT)
    assert pos(graph, "4") == (450, 640)
    assert steps(graph) == ["Move node"]
    assert undone(graph, before)


def test_alt_drag_duplicates(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    start = graph.nodes["4"].mapToScene(graph.nodes["4"].title_rect().center())
    mouse.drag(start, start + QPointF(0, 140), held=ALT)
    (made,) = graph.document.nodes.keys() - before.nodes.keys()
    assert graph.document.nodes[made].type == "EmptyLatentImage"
    assert pos(graph, made)[1] == pytest.approx(680, abs=2)
    assert graph.selected_nodes() == [made]
    assert steps(graph) == ["Duplicate"]
    assert undone(graph, before)


# --- resizing


def test_the_corner_resizes_a_node(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    corner = graph.nodes["2"].mapToScene(graph.nodes["2"].resize_rect().center())
    mouse.drag(corner, corner + QPointF(-70, -35))
    width, height = graph.document.nodes["2"].size
    assert width == pytest.approx(330, abs=3)
    assert height == pytest.approx(145, abs=3)
    assert steps(graph) == ["Resize node"]
    assert undone(graph, before)


def test_a_node_is_never_smaller_than_what_it_shows(graph: CanvasGraph, mouse: Mouse) -> None:
    corner = graph.nodes["5"].mapToScene(graph.nodes["5"].resize_rect().center())
    mouse.drag(corner, (890, 70))
    size = graph.document.nodes["5"].size
    body = graph.nodes["5"].body()
    assert size == (body.width(), body.height())
    assert size[0] >= 100
    assert size[1] >= 7 * 20


def test_the_corner_resizes_a_group(graph: CanvasGraph, mouse: Mouse, group: int) -> None:
    before = graph.document.snapshot()
    corner = QPointF(835, 495)
    mouse.drag(corner, corner + QPointF(-14, 140))
    assert graph.document.groups[group].bounding == pytest.approx((400, -10, 426, 650), abs=3)
    assert steps(graph)[0] == "Resize group"
    assert undone(graph, before)
    mouse.drag(QPointF(821, 635), corner, cancel=True)
    assert graph.groups[group].size.height() == pytest.approx(650, abs=3)


# --- selecting


def test_clicks_select(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(graph.nodes["2"])
    assert graph.selected_nodes() == ["2"]
    mouse.click(graph.nodes["3"], CTRL)
    assert graph.selected_nodes() == ["2", "3"]
    mouse.click(graph.nodes["2"], SHIFT)
    assert graph.selected_nodes() == ["3"]
    mouse.click(EMPTY)
    assert graph.selected_nodes() == []
    link = next(pipe for pipe in graph.pipes.values() if graph.document.links[pipe.link_id].target == "7")
    mouse.click(link.middle())
    assert graph.selected_links() == [link.link_id]
    assert steps(graph) == []


def test_ctrl_drag_selects_what_it_touches(graph: CanvasGraph, mouse: Mouse) -> None:
    view = mouse.viewer.visible_scene()
    mouse.drag(EMPTY, (430, 400), held=CTRL)
    assert set(graph.selected_nodes()) == {"3", "4"}
    mouse.drag((1200, 650), (1240, 400), held=CTRL)
    assert graph.selected_nodes() == []
    graph.select(["1"])
    mouse.drag(EMPTY, (430, 400), held=SHIFT)
    assert set(graph.selected_nodes()) == {"1", "3", "4"}
    mouse.drag((1200, 650), (1240, 300), held=CTRL, cancel=True)
    assert set(graph.selected_nodes()) == {"1", "3", "4"}
    assert mouse.viewer.visible_scene() == view


def test_dragging_empty_canvas_selects_if_the_settings_say_so(graph: CanvasGraph, mouse: Mouse) -> None:
    graph.set_settings(graph.settings.model_copy(update={"drag_empty": "select"}))
    mouse.drag(EMPTY, (430, 400))
    assert set(graph.selected_nodes()) == {"3", "4"}


# --- the view


def test_dragging_empty_canvas_pans(graph: CanvasGraph, mouse: Mouse) -> None:
    corner = mouse.viewer.visible_scene().topLeft()
    mouse.drag(EMPTY, (630, 630))
    moved = mouse.viewer.visible_scene().topLeft() - corner
    assert moved.x() == pytest.approx(70, abs=3)
    assert moved.y() == pytest.approx(70, abs=3)


def test_middle_button_and_space_pan_anywhere(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    for button in (MIDDLE, LEFT):
        corner = mouse.viewer.visible_scene().topLeft()
        if button == LEFT:
            QTest.keyPress(mouse.viewer, Qt.Key.Key_Space)
        mouse.drag(graph.nodes["4"], EMPTY, button=button)
        assert mouse.viewer.visible_scene().topLeft() != corner
    QTest.keyRelease(mouse.viewer, Qt.Key.Key_Space)
    assert graph.document == before
    mouse.drag(graph.nodes["4"], graph.nodes["4"].pos() + QPointF(200, 100))
    assert steps(graph) == ["Move node"]


def test_ctrl_shift_drag_zooms(graph: CanvasGraph, mouse: Mouse) -> None:
    zoom = mouse.viewer.zoom()
    at = mouse.at(EMPTY)
    mouse.drag(EMPTY, (700, 560), held=CTRL | SHIFT)
    assert mouse.viewer.zoom() > 1.2 * zoom
    moved = mouse.at(EMPTY) - at
    assert max(abs(moved.x()), abs(moved.y())) <= 2
    assert graph.selected_nodes() == []


def test_dragging_near_the_edge_pans(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot) -> None:
    before = mouse.viewer.visible_scene()
    edge = before.topRight() + QPointF(-4, 300)
    mouse.press(graph.nodes["4"])
    mouse.move(edge)
    qtbot.waitUntil(lambda: mouse.viewer.visible_scene().left() > before.left() + 50)
    mouse.release(mouse.viewer.visible_scene().topRight() + QPointF(-4, 300))
    assert pos(graph, "4")[0] > before.right() - 200
    assert steps(graph) == ["Move node"]


def test_the_mouse_pointer_tells_what_can_be_done(graph: CanvasGraph, mouse: Mouse) -> None:
    item, shape = graph.nodes["5"], Qt.CursorShape
    places = {
        shape.CrossCursor: item.ports_out[0].centre(),
        shape.SizeFDiagCursor: item.mapToScene(item.resize_rect().center()),
        shape.SizeHorCursor: field(item, "steps"),
        shape.PointingHandCursor: field(item, "scheduler"),
        shape.IBeamCursor: field(graph.nodes["2"], "text"),
        shape.ArrowCursor: QPointF(*EMPTY),
    }
    for wanted, place in places.items():
        QTest.mouseMove(mouse.viewer.viewport(), mouse.at(place))
        assert mouse.viewer.viewport().cursor().shape() == wanted


def test_the_socket_under_the_mouse_lights_up(graph: CanvasGraph, mouse: Mouse) -> None:
    first, other = graph.nodes["4"].ports_out[0], graph.nodes["5"].ports_out[0]
    viewport = mouse.viewer.viewport()
    for lit, dark in ((first, other), (other, first)):
        QTest.mouseMove(viewport, mouse.at(lit))
        assert lit.hovered
        assert not dark.hovered
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    assert not other.hovered


# --- editing


def test_double_click_on_empty_canvas_opens_the_search(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.double_click(EMPTY)
    assert graph.search.popup.isVisible()
    graph.search.popup.cancel()


def test_double_click_on_titles_renames(graph: CanvasGraph, mouse: Mouse, group: int) -> None:
    mouse.double_click(graph.nodes["4"])
    assert graph.editors.is_open
    QTest.keyClicks(QApplication.focusWidget(), "Size")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert graph.document.nodes["4"].title == "Size"
    mouse.double_click((600, 0))
    QTest.keyClicks(QApplication.focusWidget(), "Words")
    mouse.click(EMPTY)
    assert graph.document.groups[group].title == "Words"
    assert steps(graph)[:2] == ["Rename group", "Rename node"]


def test_the_arrow_in_the_title_collapses(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    arrow = graph.nodes["5"].mapToScene(QPointF(12, -15))
    mouse.click(arrow)
    assert graph.document.nodes["5"].collapsed
    mouse.click(arrow)
    assert not graph.document.nodes["5"].collapsed
    assert steps(graph) == ["Expand", "Collapse"]
    graph.opened.undo()
    graph.opened.undo()
    assert graph.document == before


def test_a_click_on_a_value_edits_it(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    mouse.click(field(graph.nodes["5"], "steps"))
    assert graph.editors.is_open
    QTest.keyClicks(QApplication.focusWidget(), "4*5")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert graph.document.nodes["5"].widgets[2] == 20
    assert len(steps(graph)) == 1
    assert undone(graph, before)


def test_arrows_of_a_number_step_it(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(field(graph.nodes["5"], "steps", 0.98))
    assert graph.document.nodes["5"].widgets[2] == 13
    mouse.double_click(field(graph.nodes["5"], "steps", 0.02))
    assert graph.document.nodes["5"].widgets[2] == 11
    assert not graph.editors.is_open


def test_dragging_a_number_changes_it_in_one_step(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    start = field(graph.nodes["5"], "steps")
    mouse.drag(start, start + QPointF(30, 0), start + QPointF(60, 0))
    assert graph.document.nodes["5"].widgets[2] > 12
    assert pos(graph, "5") == before.nodes["5"].pos
    assert len(steps(graph)) == 1
    assert undone(graph, before)


def test_escape_gives_a_dragged_number_back(graph: CanvasGraph, mouse: Mouse) -> None:
    before = graph.document.snapshot()
    start = field(graph.nodes["5"], "steps")
    mouse.drag(start, start + QPointF(60, 0), cancel=True)
    assert graph.document == before
    assert steps(graph) == []


def test_enter_edits_the_first_value_of_the_selected_node(graph: CanvasGraph, mouse: Mouse) -> None:
    mouse.click(graph.nodes["4"])
    mouse.key(Qt.Key.Key_Return)
    assert graph.editors.is_open
    graph.editors.close()


def test_ctrl_shift_click_asks_for_the_output(graph: CanvasGraph, mouse: Mouse) -> None:
    asked = QSignalSpy(graph.view_requested)
    mouse.click(graph.nodes["7"], CTRL | SHIFT)
    assert [asked.at(0)[0]] == ["7"]
    assert graph.selected_nodes() == []


# --- menus

no_window_manager = pytest.mark.qt_log_ignore("This plugin does not support")
"""Without a screen, popups cannot be raised; Qt says so."""


def open_menu(graph: CanvasGraph, qtbot: QtBot) -> QMenu:
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def labels(menu: QMenu) -> list[str]:
    return [action.text().partition("\t")[0] for action in menu.actions() if not action.isSeparator()]


def choose(menu: QMenu, label: str) -> None:
    action = next(a for a in menu.actions() if a.text().partition("\t")[0] == label)
    QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(action).center())


@no_window_manager
def test_right_click_offers_what_can_be_done(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot) -> None:
    mouse.click(graph.nodes["2"], button=RIGHT)
    menu = open_menu(graph, qtbot)
    assert graph.selected_nodes() == ["2"]
    assert {"Copy", "Bypass", "Colour", "Delete"} <= set(labels(menu))
    choose(menu, BY_ID["node.bypass"].label)
    assert graph.document.nodes["2"].mode == 4
    mouse.click(EMPTY, button=RIGHT)
    menu = open_menu(graph, qtbot)
    assert labels(menu)[0] == "Add Node..."
    choose(menu, BY_ID["edit.select_all"].label)
    assert len(graph.selected_nodes()) == 7


@no_window_manager
def test_the_menu_key_is_for_what_is_selected(graph: CanvasGraph, qtbot: QtBot) -> None:
    graph.select(["2"])
    viewer = graph.viewer()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), QPoint(5, 5))
    QApplication.sendEvent(viewer.viewport(), event)
    menu = open_menu(graph, qtbot)
    choose(menu, BY_ID["node.mute"].label)
    assert graph.document.nodes["2"].mode == 2


@no_window_manager
def test_a_group_s_menu(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot, group: int) -> None:
    mouse.click((600, 0), button=RIGHT)
    choose(open_menu(graph, qtbot), "Select Contents")
    assert graph.selected_nodes() == ["2", "3"]
    mouse.click((600, 0), button=RIGHT)
    choose(open_menu(graph, qtbot), "Delete")
    assert group not in graph.document.groups
    assert len(graph.document.nodes) == 7


@no_window_manager
def test_right_click_on_links_and_sockets(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot) -> None:
    link = next(k.id for k in graph.document.links.values() if k.target == "7")
    mouse.click(graph.pipes[link].middle(), button=RIGHT)
    choose(open_menu(graph, qtbot), "Delete Link")
    assert link not in graph.document.links
    mouse.click(graph.nodes["1"].ports_out[1], button=RIGHT)
    choose(open_menu(graph, qtbot), "Disconnect")
    assert not [k for k in graph.document.links.values() if (k.origin, k.origin_slot) == ("1", 1)]
    assert steps(graph) == ["Disconnect", "Delete link"]


@no_window_manager
def test_colours_of_the_menu(graph: CanvasGraph, mouse: Mouse, qtbot: QtBot) -> None:
    mouse.click(graph.nodes["2"], button=RIGHT)
    menu = open_menu(graph, qtbot)
    colours = next(a.menu() for a in menu.actions() if a.text() == "Colour")
    assert isinstance(colours, QMenu)
    colours.actions()[1].trigger()
    menu.close()
    assert graph.document.nodes["2"].colour is not None
    assert steps(graph) == ["Change colour"]


# --- from elsewhere


def drop(graph: CanvasGraph, data: QMimeData, place: QPoint) -> bool:
    """Whether the canvas takes what is dropped."""
    viewport = graph.viewer().viewport()
    action, button = Qt.DropAction.CopyAction, LEFT
    enter = QDragEnterEvent(place, action, data, button, NONE)
    QApplication.sendEvent(viewport, enter)
    if enter.isAccepted():
        QApplication.sendEvent(viewport, QDropEvent(QPointF(place), action, data, button, NONE))
    return enter.isAccepted()


def test_a_node_from_the_library_is_added_where_it_is_dropped(graph: CanvasGraph, mouse: Mouse) -> None:
    data = QMimeData()
    data.setData(NODE_MIME, b"ImageInvert")
    assert drop(graph, data, mouse.at(EMPTY))
    (made,) = graph.selected_nodes()
    assert graph.document.nodes[made].type == "ImageInvert"
    assert (QPointF(*pos(graph, made)) - QPointF(*EMPTY)).manhattanLength() < 4
    assert steps(graph) == ["Add Invert Image"]


def test_files_are_passed_on_with_the_node_they_were_dropped_on(graph: CanvasGraph, mouse: Mouse) -> None:
    dropped = QSignalSpy(graph.files_dropped)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/tmp/a.png"), QUrl("https://example.org/b.png")])
    assert drop(graph, data, mouse.at(graph.nodes["7"]))
    files, _, node = dropped.at(0)
    assert [str(path) for path in files] == ["/tmp/a.png"]
    assert node == "7"
    nothing = QMimeData()
    nothing.setText("words")
    assert not drop(graph, nothing, mouse.at(EMPTY))
