"""The node library: everything is in it, can be found, dragged and added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeWidgetItem, QTreeWidgetItemIterator

from app.canvas.viewer import NODE_MIME
from app.theme import DARK, LIGHT
from app.ui.library_dock import LibraryDock
from core.nodes.registry import Registry
from core.workflow.new_nodes import SPECIAL

TYPE = Qt.ItemDataRole.UserRole


@pytest.fixture
def dock(registry: Registry, qtbot: Any) -> LibraryDock:
    dock = LibraryDock(registry, DARK)
    qtbot.addWidget(dock)
    dock.resize(280, 600)
    dock.show()
    dock.activateWindow()
    qtbot.waitUntil(dock.isActiveWindow)
    return dock


def leaves(dock: LibraryDock) -> dict[str, QTreeWidgetItem]:
    return {str(item.data(0, TYPE)): item for item in items(dock) if item.data(0, TYPE)}


def items(dock: LibraryDock) -> Iterator[QTreeWidgetItem]:
    walk = QTreeWidgetItemIterator(dock.tree)
    while item := walk.value():
        yield item
        walk += 1


def path(item: QTreeWidgetItem) -> str:
    parent = item.parent()
    return f"{path(parent)}/{item.text(0)}" if parent else item.text(0)


def test_every_node_type_is_there_once(dock: LibraryDock, registry: Registry) -> None:
    strange = {spec.class_type for spec in registry.interface_only()}
    assert set(leaves(dock)) == {*registry.names(), *strange, *SPECIAL}
    assert path(leaves(dock)["KSampler"]) == "Sampling/KSampler"
    assert path(leaves(dock)["SaveLatent"]) == "For testing/SaveLatent"


def test_what_cannot_run_is_grey_says_why_and_can_be_left_out(dock: LibraryDock, registry: Registry) -> None:
    strange = next(registry.interface_only())
    item = leaves(dock)[strange.class_type]
    assert item.foreground(0).color() == QColor(DARK.text_dim)
    assert "cannot run" in item.toolTip(0)
    assert "cannot run" not in leaves(dock)["KSampler"].toolTip(0)
    QTest.mouseClick(dock.others, Qt.MouseButton.LeftButton)
    assert set(leaves(dock)) == {*registry.names(), *SPECIAL}


def test_typing_finds_the_best_first_and_enter_adds_it(dock: LibraryDock, qtbot: Any) -> None:
    QTest.keyClicks(dock.search, "ksamp")
    assert next(iter(leaves(dock))) == "KSampler"
    with qtbot.waitSignal(dock.add_wanted) as added:
        QTest.keyClick(dock.search, Qt.Key.Key_Return)
    assert added.args == ["KSampler"]
    dock.search.clear()
    assert "VAEDecode" in leaves(dock)


def test_what_can_run_comes_before_what_cannot(dock: LibraryDock, registry: Registry) -> None:
    QTest.keyClicks(dock.search, "image")
    found = list(leaves(dock))
    runs = [name in registry for name in found]
    assert runs == sorted(runs, reverse=True)
    assert True in runs
    assert False in runs


def test_nothing_found_says_so(dock: LibraryDock) -> None:
    QTest.keyClicks(dock.search, "zzzzqqqq")
    assert not dock.tree.isVisible()


def test_double_click_adds(dock: LibraryDock, qtbot: Any) -> None:
    item = leaves(dock)["KSampler"]
    parent = item.parent()
    assert parent is not None
    parent.setExpanded(True)
    dock.tree.scrollToItem(item)
    place = dock.tree.visualItemRect(item).center()
    QTest.mouseClick(dock.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(dock.add_wanted) as added:
        QTest.mouseDClick(dock.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert added.args == ["KSampler"]


def test_a_dragged_node_carries_its_type(dock: LibraryDock) -> None:
    data = dock.tree.mimeData([leaves(dock)["KSampler"]])
    assert data.data(NODE_MIME).data() == b"KSampler"
    assert data.formats() == [NODE_MIME]
    category = leaves(dock)["KSampler"].parent()
    assert category is not None
    assert not dock.tree.mimeData([category]).formats()
    assert not category.flags() & Qt.ItemFlag.ItemIsDragEnabled


def test_another_theme_keeps_the_search(dock: LibraryDock) -> None:
    QTest.keyClicks(dock.search, "ksampler")
    found = list(leaves(dock))
    dock.set_theme(LIGHT)
    assert list(leaves(dock)) == found


def test_tool_tip_tells_sockets(dock: LibraryDock) -> None:
    tip = leaves(dock)["KSampler"].toolTip(0)
    for word in ("model", "latent_image", "LATENT", "Denoises"):
        assert word in tip
