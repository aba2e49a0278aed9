"""The gallery of all files that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from helpers.window import Parts
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.asset_watch import AssetWatch
from app.jobs import JobQueue
from app.keeper import Keeper
from app.theme import DARK, LIGHT
from app.ui.assets_dock import AssetGallery, AssetsDock
from app.ui.drops import files_of
from app.ui.panels import is_in_front
from app.ui.result_viewer import ResultViewer
from core.folders import Folders
from core.store.records import Asset

LEFT: Final = Qt.MouseButton.LeftButton
NONE: Final = Qt.KeyboardModifier.NoModifier
CTRL: Final = Qt.KeyboardModifier.ControlModifier


def picture(path: Path, colour: str) -> Path:
    Image.new("RGB", (32, 32), colour).save(path)
    return path


class Desk:
    """The panel, with a keeper that does at once what it is asked."""

    def __init__(self, qtbot: QtBot, folders: Folders) -> None:
        self.qtbot = qtbot
        self.output = folders.directory("output")
        self.keeper = Keeper()
        self.watch = AssetWatch(self.keeper, JobQueue(self.keeper), folders)
        self.dock = AssetGallery(self.keeper, self.watch, DARK)
        self.picked: list[tuple[list[Path], int]] = []
        self.opened: list[Path] = []
        self.said: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[QFileDialog] = []
        self.dock.picked.connect(lambda paths, place: self.picked.append((paths, place)))
        self.dock.open_requested.connect(self.opened.append)
        self.dock.message.connect(self.said.append)
        self.dock.complained.connect(self.complaints.append)
        self.dock.dialog_opened.connect(self.dialogs.append)
        qtbot.addWidget(self.dock)
        self.dock.resize(340, 600)

    def show(self) -> None:
        self.dock.show()
        self.qtbot.waitUntil(self.dock.isActiveWindow)
        self.dock.rows.reload()  # what the look at the disk has found is shown a little later

    def names(self) -> list[str]:
        rows = self.dock.rows
        return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]

    def at(self, row: int) -> QPoint:
        return self.dock.view.visualRect(self.dock.rows.index(row, 0)).center()

    def click(self, row: int, *, twice: bool = False, keys: Qt.KeyboardModifier = NONE) -> None:
        for act in (QTest.mouseClick, QTest.mouseDClick) if twice else (QTest.mouseClick,):
            act(self.dock.view.viewport(), LEFT, keys, self.at(row))

    def choose(self, text: str) -> None:
        """Does what an entry of the menu says."""
        menu = self.dock.menu_of(self.dock.selected())
        next(action for action in menu.actions() if action.text() == text).trigger()

    def asset(self, row: int) -> Asset:
        return self.dock.rows.asset(self.dock.rows.index(row, 0))

    def lose(self, name: str) -> None:
        (self.output / name).unlink()
        self.watch.start()
        self.dock.rows.reload()


@pytest.fixture
def desk(qtbot: QtBot, folders: Folders) -> Iterator[Desk]:
    desk = Desk(qtbot, folders)
    yield desk
    desk.keeper.close()


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Three pictures, the last one of which came last."""
    for name, colour in (("red", "#ff0000"), ("green", "#00ff00"), ("blue", "#0000ff")):
        picture(desk.output / f"{name}.png", colour)
        desk.watch.start()
    desk.show()
    return desk


def test_without_files_it_says_what_comes_here(desk: Desk) -> None:
    desk.show()
    assert desk.dock.empty.isVisible()
    assert desk.dock.empty.accessibleName() == "No files yet"
    picture(desk.output / "a.png", "#ff0000")
    QTest.mouseClick(desk.dock.refresh, LEFT)
    desk.qtbot.waitUntil(lambda: desk.names() == ["a.png"])
    assert not desk.dock.empty.isVisible()


def test_all_files_are_shown_the_newest_first(filled: Desk) -> None:
    assert filled.names() == ["blue.png", "green.png", "red.png"]
    assert filled.dock.panel.name.text() == "3 files"
    place = filled.dock.view.visualRect(filled.dock.rows.index(1, 0))
    image = filled.dock.view.viewport().grab().toImage()
    assert image.pixelColor(place.center() - QPoint(0, 10)).green() > 240


def test_what_is_hidden_reads_nothing(desk: Desk) -> None:
    picture(desk.output / "a.png", "#ff0000")
    desk.watch.start()
    assert desk.names() == []
    desk.dock._on_came()
    assert desk.names() == []
    desk.show()
    assert desk.names() == ["a.png"]


def test_more_come_when_they_are_scrolled_to(desk: Desk) -> None:
    for number in range(130):
        (desk.output / f"{number:03}.txt").write_text(str(number))
    desk.watch.start()
    desk.show()
    assert desk.dock.rows.rowCount() == 100
    assert desk.dock.panel.name.text() == "130 files"
    desk.dock.view.scrollToBottom()
    desk.qtbot.waitUntil(lambda: desk.dock.rows.rowCount() == 130)
    assert desk.names()[-1] == "000.txt"
    desk.dock.rows.reload()
    assert desk.dock.rows.rowCount() == 130, "they stay"


def test_files_are_found_by_name_and_tag(filled: Desk) -> None:
    filled.click(2)
    QTest.keyClicks(filled.dock.panel.tags, "warm,  for  May, warm,")
    QTest.keyClick(filled.dock.panel.tags, Qt.Key.Key_Return)
    assert filled.asset(2).tags == ("for May", "warm")
    QTest.keyClicks(filled.dock.line, "MAY")
    filled.qtbot.waitUntil(lambda: filled.names() == ["red.png"])
    filled.dock.line.setText("een")
    QTest.keyClick(filled.dock.line, Qt.Key.Key_Return)
    assert filled.names() == ["green.png"]
    filled.dock.line.setText("nothing like it")
    QTest.keyClick(filled.dock.line, Qt.Key.Key_Return)
    assert filled.dock.empty.accessibleName() == "Nothing found"
    assert filled.dock.empty.isVisible()


def test_tags_and_a_note_are_kept_also_when_another_file_is_chosen(filled: Desk) -> None:
    panel = filled.dock.panel
    filled.click(0)
    assert panel.name.text() == "blue.png"
    QTest.mouseClick(panel.note, LEFT)
    QTest.keyClicks(panel.note, "too cold")
    filled.dock.rows.reload()
    assert panel.note.text() == "too cold", "what is being typed stays"
    filled.click(1)
    assert (panel.name.text(), panel.note.text()) == ("green.png", "")
    assert filled.asset(0).user == {"note": "too cold"}
    filled.click(0)
    assert panel.note.text() == "too cold"
    panel.note.selectAll()
    QTest.keyClick(panel.note, Qt.Key.Key_Delete)
    filled.dock.view.selectionModel().clearSelection()
    assert filled.asset(0).user == {}
    assert filled.asset(1).tags == ()


def test_of_several_only_the_number_is_told(filled: Desk) -> None:
    filled.click(0)
    assert filled.dock.panel.tags.isVisible()
    filled.click(2, keys=CTRL)
    assert filled.dock.panel.name.text() == "2 files selected"
    assert not filled.dock.panel.tags.isVisible()
    filled.choose("Copy Paths")
    wanted = [str(filled.output / name) for name in ("blue.png", "red.png")]
    assert QGuiApplication.clipboard().text().splitlines() == wanted


def test_a_picture_is_looked_at_among_the_others(filled: Desk) -> None:
    wanted = [filled.output / f"{name}.png" for name in ("blue", "green", "red")]
    filled.click(1, twice=True)
    assert filled.picked == [(wanted, 1)]
    filled.click(2)
    QTest.keyClick(filled.dock.view, Qt.Key.Key_Return)
    filled.choose("Show")
    assert filled.picked[1:] == [(wanted, 2)] * 2
    filled.choose("Open Its Workflow")
    assert filled.opened == [wanted[2]]


def test_its_folder_is_shown(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(asked.append(url)))
    filled.click(0)
    filled.choose("Show in Folder")
    assert [url.toLocalFile() for url in asked] == [str(filled.output)]
    assert filled.said == [f"The folder could not be shown: {filled.output}"]


def test_files_are_dragged_as_files(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    dragged: list[QMimeData] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: dragged.append(drag.mimeData()))
    filled.click(0)
    filled.click(1, keys=CTRL)
    viewport, start = filled.dock.view.viewport(), filled.at(1)
    QTest.mousePress(viewport, LEFT, NONE, start)
    for step in (10, 30, 60):
        QTest.mouseMove(viewport, start + QPoint(step, step))
    QTest.mouseRelease(viewport, LEFT, NONE, start + QPoint(60, 60))
    paths = [Path(url.toLocalFile()) for url in dragged[0].urls()]
    assert paths == [filled.output / "blue.png", filled.output / "green.png"]
    assert files_of(dragged[0]) == paths, "so the canvas takes them"


def test_missing_files_are_told_and_found_again(filled: Desk, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "elsewhere.png").write_bytes((filled.output / "red.png").read_bytes())
    filled.lose("red.png")
    filled.lose("blue.png")
    QTest.keyClick(filled.dock.shown, Qt.Key.Key_Down)
    assert filled.names() == ["blue.png", "red.png"]
    filled.click(1, twice=True)
    assert filled.said == ["red.png is missing. Its menu has it found again."]
    assert filled.picked == []
    assert filled.dock.panel.facts.text().splitlines()[1] == f"Missing. It was {filled.output / 'red.png'}"
    filled.choose("Find Again")
    assert len(filled.complaints) == 1
    assert filled.complaints[0].startswith("red.png is not in ")
    filled.choose("Find Again in Folder...")
    dialog = filled.dialogs[0]
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile(str(away))
    dialog.accept()
    assert filled.said[-1] == f"Found {away / 'elsewhere.png'}"
    filled.qtbot.waitUntil(lambda: filled.names() == ["blue.png"])
    QTest.keyClick(filled.dock.shown, Qt.Key.Key_Up)
    assert filled.names() == ["blue.png", "green.png", "elsewhere.png"]


def test_missing_files_are_not_dragged(filled: Desk) -> None:
    filled.lose("red.png")
    flags = [filled.dock.rows.index(row, 0).flags() for row in (0, 2)]
    assert [bool(flag & Qt.ItemFlag.ItemIsDragEnabled) for flag in flags] == [True, False]


def test_where_nothing_is_missing_that_is_said(filled: Desk) -> None:
    QTest.keyClick(filled.dock.shown, Qt.Key.Key_Down)
    assert filled.dock.empty.accessibleName() == "Nothing is missing"


def test_the_selection_stays_when_others_come(filled: Desk) -> None:
    filled.click(1)
    picture(filled.output / "new.png", "#ffffff")
    filled.watch.start()
    filled.qtbot.waitUntil(lambda: filled.names()[0] == "new.png")
    assert [asset.name for asset in filled.dock.selected()] == ["green.png"]


def test_the_panel_is_beside_the_files_where_there_is_more_room(filled: Desk) -> None:
    dock = filled.dock
    for width, height in ((340, 600), (1200, 340), (340, 600)):
        dock.resize(width, height)
        filled.qtbot.waitUntil(
            lambda is_wide=width > 1000: (dock.panel.x() > dock.view.x()) is is_wide  # type: ignore[misc]
        )


# --- in the window


@pytest.fixture
def parts(qapp: object, tmp_path: Path, folders: Folders) -> Iterator[Parts]:
    del qapp
    picture(folders.directory("output") / "made.png", "#ff0000")
    parts = Parts(tmp_path / "profile", folders)
    parts.window.resize(1200, 800)
    parts.window.show()
    yield parts
    parts.end()


def test_in_the_window_it_is_hidden_at_first_and_uses_the_others(
    parts: Parts, folders: Folders, qtbot: Any
) -> None:
    window, made = parts.window, folders.directory("output") / "made.png"
    with qtbot.waitSignal(parts.queue.recovered):  # the keeper starts once the window has been painted
        pass
    dock = window.dock(AssetsDock)
    assert dock.isHidden()
    assert dock.gallery is None, "what nobody sees costs nothing"
    window.commands["window.assets"].trigger()
    qtbot.waitUntil(lambda: is_in_front(dock))
    gallery = dock.gallery
    assert gallery is not None
    qtbot.waitUntil(lambda: gallery.rows.rowCount() == 1)
    view = gallery.view
    place = view.visualRect(gallery.rows.index(0, 0)).center()
    for act in (QTest.mouseClick, QTest.mouseDClick):
        act(view.viewport(), LEFT, NONE, place)
    assert window.dock(ResultViewer).path == made
    made.unlink()
    parts.session.new()
    window.commands["view.refresh"].trigger()
    qtbot.waitUntil(lambda: not gallery.rows.asset(gallery.rows.index(0, 0)).places)
    parts.settings.change(theme="light")
    assert view._painter.theme == LIGHT
