from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QBuffer, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.jobs import Job, JobQueue, JobState
from app.pictures import Pictures, halved
from app.theme import DARK, LIGHT
from app.ui.picture_view import PictureView
from app.ui.result_viewer import ResultViewer
from core.graph import PromptGraph
from core.media.picture_text import graph_texts, png_info

PROMPT = {"1": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 12}}}
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


class Desk:
    """A viewer with a queue whose jobs end as the test says."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot, self.folder = qtbot, folder
        self.queue = JobQueue()
        self.pictures = Pictures()
        self.viewer = ResultViewer(self.queue, self.pictures, DARK)
        self.said: list[str] = []
        self.viewer.message.connect(self.said.append)
        qtbot.addWidget(self.viewer)
        self.viewer.resize(500, 500)
        with qtbot.waitExposed(self.viewer):
            self.viewer.show()

    def picture(self, name: str, size: tuple[int, int] = (64, 32), colour: str = "#ff0000") -> Path:
        path = self.folder / f"{name}.png"
        Image.new("RGB", size, colour).save(path, pnginfo=png_info(graph_texts(PROMPT)))
        return path

    def end_job(self, *paths: Path) -> None:
        self.queue.add(Job("document", "Job", PromptGraph(), {}))
        self.queue.start_next()
        job = self.queue.running
        assert job is not None
        self.queue.update(job.id, pictures=paths)
        self.queue.end(job.id, JobState.DONE)

    def shows(self, path: Path) -> None:
        """Waits until it is what is seen."""
        size = QImage(str(path)).size()
        self.qtbot.waitUntil(
            lambda: (
                self.viewer.path == path
                and self.viewer.view.isVisible()
                and self.viewer.view.image_size == size
            )
        )

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.viewer.view, key)


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(qtbot, tmp_path)
    yield desk
    desk.pictures.stop()


def test_without_results_it_says_what_will_be_here(desk: Desk) -> None:
    assert desk.viewer.empty.isVisible()
    for name in ("previous", "next", "fit", "copy", "save_as", "open", "full_screen"):
        assert not desk.viewer.action(name).isEnabled()
    desk.press(Qt.Key.Key_Right)
    desk.press(Qt.Key.Key_Return)
    desk.viewer.full_screen()
    assert desk.viewer.path is None


def test_results_come_and_are_gone_through(desk: Desk) -> None:
    a, b, c = (desk.picture(name, (64 + index, 32)) for index, name in enumerate("abc"))
    desk.end_job(a)
    desk.shows(a)
    desk.end_job(b, c)
    desk.shows(b)
    assert desk.viewer.place.text() == "2 / 3"
    desk.press(Qt.Key.Key_Right)
    desk.shows(c)
    assert not desk.viewer.action("next").isEnabled()
    desk.press(Qt.Key.Key_Right)
    desk.press(Qt.Key.Key_Left)
    desk.press(Qt.Key.Key_Left)
    desk.shows(a)
    newest = desk.picture("d", (99, 32))
    desk.end_job(newest, a)
    assert desk.viewer.path == a, "who looks at something is not taken away from it"
    assert desk.viewer.place.text() == "1 / 4"
    assert desk.viewer.action("next").isEnabled()


def test_other_pictures_are_shown_by_themselves(desk: Desk) -> None:
    result, other = desk.picture("a"), desk.picture("input", (70, 32))
    desk.end_job(result)
    desk.shows(result)
    desk.viewer.show_pictures([other])
    desk.shows(other)
    assert desk.viewer.place.text() == "1 / 1"
    desk.end_job(desk.picture("c"))
    assert desk.viewer.path == other
    desk.viewer.show_pictures([result])
    assert desk.viewer.place.text() == "1 / 2"
    desk.viewer.show_pictures([])
    assert desk.viewer.path == result


def test_a_file_that_is_gone_is_told_in_the_view(desk: Desk) -> None:
    path = desk.picture("a")
    desk.end_job(path)
    desk.shows(path)
    path.unlink()
    desk.viewer.show_pictures([path])
    desk.qtbot.waitUntil(desk.viewer.empty.isVisible)
    assert any("no longer there" in label.text() for label in desk.viewer.empty.findChildren(QLabel))
    assert not desk.viewer.action("fit").isEnabled()
    desk.viewer.save_as(desk.folder / "copy.png")
    assert "was not saved" in desk.said[-1]


def test_zoom_by_keys_and_buttons(desk: Desk) -> None:
    path = desk.picture("a", (100, 50))
    desk.end_job(path)
    desk.shows(path)
    view = desk.viewer.view
    ratio = view.devicePixelRatioF()
    assert view.fits
    assert view.zoom == pytest.approx(view.width() / 100 * ratio)
    desk.press(Qt.Key.Key_1)
    assert view.zoom == 1.0
    assert desk.viewer.zoom.text() == "100 %"
    desk.press(Qt.Key.Key_Plus)
    assert view.zoom == 1.25
    desk.viewer.action("zoom_out").trigger()
    assert view.zoom == 1.0
    QTest.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert view.fits
    QTest.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert view.zoom == 1.0
    desk.press(Qt.Key.Key_0)
    assert view.fits


def told(desk: Desk) -> list[str]:
    return [text.toPlainText() for text in desk.viewer.facts.findChildren(QPlainTextEdit)]


def test_the_facts_of_the_picture(desk: Desk) -> None:
    path = desk.picture("a")
    desk.end_job(path)
    desk.shows(path)
    assert not desk.viewer.facts.isVisible()
    desk.press(Qt.Key.Key_I)
    desk.qtbot.waitUntil(lambda: "64 × 32" in told(desk))
    labels = [label.text() for label in desk.viewer.facts.findChildren(QLabel)]
    texts = told(desk)
    assert texts[labels.index("Size")] == "64 × 32"
    assert texts[labels.index("Seed")] == "42"
    folder = desk.viewer.facts.findChildren(QPlainTextEdit)[labels.index("Folder")]
    low = folder.height()
    desk.viewer.resize(200, 500)  # long paths are broken, not cut off
    desk.qtbot.waitUntil(lambda: folder.height() > low)
    desk.qtbot.waitUntil(lambda: folder.verticalScrollBar().maximum() == 0)
    assert desk.viewer.facts.horizontalScrollBar().maximum() == 0
    other = desk.picture("b", (70, 30))
    desk.viewer.show_pictures([other])
    desk.shows(other)
    desk.qtbot.waitUntil(lambda: "70 × 30" in told(desk))
    assert "b.png" in told(desk)
    desk.viewer.action("facts").trigger()
    assert not desk.viewer.facts.isVisible()


def test_save_as_copies_the_file_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path, target = desk.picture("a"), desk.folder / "copy.png"
    desk.end_job(path)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.viewer.action("save_as").trigger()
    assert target.read_bytes() == path.read_bytes()
    assert str(target) in desk.said[-1]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    desk.viewer.action("save_as").trigger()
    assert len(desk.said) == 1


def test_copy_gives_the_file_and_its_pixels(desk: Desk) -> None:
    path = desk.picture("a")
    desk.end_job(path)
    desk.shows(path)
    desk.viewer.activateWindow()
    desk.viewer.view.setFocus()
    desk.qtbot.waitUntil(desk.viewer.view.hasFocus)
    QTest.keyClick(desk.viewer.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert [url.toLocalFile() for url in data.urls()] == [str(path)]
    image = data.imageData()
    assert isinstance(image, QImage)
    assert image.pixelColor(0, 0).name() == "#ff0000"


def test_without_metadata_nothing_of_the_graph_goes_along(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = desk.picture("a"), desk.folder / "plain.png"
    desk.end_job(path)
    desk.shows(path)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.viewer.action("save_plain").trigger()
    assert b"KSampler" in path.read_bytes()
    assert b"KSampler" not in target.read_bytes()
    assert QImage(str(target)) == QImage(str(path))
    desk.viewer.action("copy_plain").trigger()
    data = QGuiApplication.clipboard().mimeData()
    assert not data.urls()
    copied = data.imageData()
    assert isinstance(copied, QImage)
    assert copied.pixelColor(0, 0).name() == "#ff0000"
    written = QBuffer()
    assert copied.save(written, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert b"KSampler" not in written.data().data()
    other = desk.folder / "a.bmp"
    Image.new("RGB", (4, 4)).save(other)
    desk.viewer.show_pictures([other])
    desk.shows(other)
    target.unlink()
    desk.viewer.action("save_plain").trigger()
    assert "a.bmp is none of these" in desk.said[-1]
    assert not target.exists()


def test_a_picture_that_fits_is_dragged_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.picture("a", (100, 50))
    desk.end_job(path)
    desk.shows(path)
    dragged: list[list[str]] = []

    def exec_(drag: object, *_: object) -> Qt.DropAction:
        dragged.append([url.toLocalFile() for url in drag.mimeData().urls()])  # type: ignore[attr-defined]
        return Qt.DropAction.CopyAction

    monkeypatch.setattr("app.ui.result_viewer.QDrag.exec", exec_)
    drag(desk.viewer.view, QPoint(100, 100), QPoint(160, 130))
    assert dragged == [[str(path)]]
    desk.viewer.view.zoom_to(20)
    drag(desk.viewer.view, QPoint(100, 100), QPoint(160, 130))
    assert len(dragged) == 1, "where there is something to move it is moved"


def drag(view: PictureView, start: QPoint, end: QPoint) -> None:
    QTest.mousePress(view, LEFT, NONE, start)
    QTest.mouseMove(view, (start + end) / 2)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, LEFT, NONE, end)


def test_its_workflow_is_asked_for(desk: Desk) -> None:
    asked: list[Path] = []
    desk.viewer.open_requested.connect(asked.append)
    path = desk.picture("a")
    desk.end_job(path)
    desk.viewer.action("open").trigger()
    assert asked == [path]


def test_its_folder_is_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.picture("a")
    desk.end_job(path)
    shown: list[str] = []

    def open_url(url: object) -> bool:
        shown.append(url.toLocalFile())  # type: ignore[attr-defined]
        return len(shown) == 1

    monkeypatch.setattr("app.ui.result_viewer.QDesktopServices.openUrl", open_url)
    desk.viewer.action("folder").trigger()
    assert (shown, desk.said) == ([str(desk.folder)], [])
    desk.viewer.action("folder").trigger()
    assert "could not be shown" in desk.said[0]


@pytest.mark.parametrize("leave", [Qt.Key.Key_Escape, Qt.Key.Key_F11, Qt.Key.Key_Return])
def test_full_screen(desk: Desk, leave: Qt.Key) -> None:
    a, b = desk.picture("a"), desk.picture("b", (70, 30))
    desk.end_job(b, a)
    desk.shows(b)
    desk.press(Qt.Key.Key_F11)
    full = desk.viewer._full
    assert full is not None
    assert full.isFullScreen()
    QTest.keyClick(full.view, Qt.Key.Key_Right)
    desk.qtbot.waitUntil(lambda: full.view.image_size.toTuple() == (64, 32))
    QTest.keyClick(full.view, Qt.Key.Key_1)
    assert full.view.zoom == 1.0
    QTest.keyClick(full.view, leave)
    assert desk.viewer._full is None


def test_another_theme(desk: Desk) -> None:
    path = desk.picture("a")
    desk.end_job(path)
    desk.shows(path)
    desk.viewer.set_theme(LIGHT)
    corner = desk.viewer.view.grab().toImage().pixelColor(0, 0).name()
    assert corner == LIGHT.canvas


@pytest.fixture
def view(qtbot: QtBot) -> PictureView:
    view = PictureView(DARK)
    qtbot.addWidget(view)
    view.resize(200, 100)
    with qtbot.waitExposed(view):
        view.show()
    return view


def gradient(width: int, height: int) -> QImage:
    """A picture whose pixels say where they are."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    for x in range(width):
        for y in range(height):
            image.setPixel(x, y, 0xFF000000 | (x % 256) << 16 | (y % 256) << 8)
    return image


def test_the_wheel_zooms_at_the_pointer(view: PictureView) -> None:
    view.show_image(gradient(200, 100))
    view.actual()
    place = QPointF(150, 20)
    before = view._to_picture(place)
    event = QWheelEvent(
        place, view.mapToGlobal(place), QPoint(), QPoint(0, 600), Qt.MouseButton.NoButton, NONE,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    view.wheelEvent(event)
    assert view.zoom > 2
    after = view._to_picture(place)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=1)


def test_dragging_moves_the_picture_but_not_out_of_sight(view: PictureView) -> None:
    view.show_image(gradient(200, 100))
    view.zoom_to(4)
    assert view._to_picture(QPointF(100, 50)) == QPointF(100, 50)
    drag(view, QPoint(50, 50), QPoint(90, 30))
    assert view._to_picture(QPointF(100, 50)) == QPointF(90, 55)
    drag(view, QPoint(0, 0), QPoint(199, 99))
    for _ in range(5):
        drag(view, QPoint(0, 0), QPoint(199, 99))
    assert view._to_picture(QPointF(0, 0)) == QPointF(0, 0)


def test_actual_pixels_are_those_of_the_picture(view: PictureView) -> None:
    view.show_image(gradient(400, 300))
    view.actual()
    ratio = view.devicePixelRatioF()
    seen = view.grab().toImage()
    assert (seen.pixel(1, 0) >> 16 & 255) - (seen.pixel(0, 0) >> 16 & 255) == 1
    assert (seen.pixel(0, 1) >> 8 & 255) - (seen.pixel(0, 0) >> 8 & 255) == 1
    assert ratio == view.zoom / view._scale


def test_large_pictures_are_painted_from_a_half_of_about_their_size(view: PictureView) -> None:
    levels = halved(gradient(1600, 800))
    view.show_levels(levels)
    assert view._level_for(200).width() == 200
    assert view._level_for(201).width() == 400
    assert view._level_for(5000).width() == 1600


def test_what_is_transparent_shows_a_pattern(view: PictureView) -> None:
    image = QImage(200, 100, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    view.show_image(image)
    seen = view.grab().toImage()
    assert {seen.pixelColor(x, 2).name() for x in range(100)} == {DARK.entry, DARK.hover}


def test_a_resized_view_keeps_fitting_or_keeps_its_middle(view: PictureView) -> None:
    view.show_image(gradient(200, 100))
    view.resize(400, 200)
    assert view.zoom == pytest.approx(2 * view.devicePixelRatioF())
    view.zoom_to(8)
    middle = view._centre
    view.resize(300, 150)
    assert view._centre == middle
    assert view.zoom == 8
    view.show_image(gradient(200, 100))
    assert view.zoom == 8, "the next picture of that size is seen in the same place"
    view.show_image(gradient(100, 100))
    assert view.fits
    view.clear()
    view.zoom_by(1)
    view.fit()
    view.grab()
