from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.picture_facts import facts_of
from app.pictures import PictureProblem, Pictures, halved, read_scaled, read_whole
from core.media.picture_text import graph_texts, png_info


@pytest.fixture
def pictures(qapp: object) -> Iterator[Pictures]:
    del qapp
    pictures = Pictures()
    yield pictures
    pictures.stop()


def make(path: Path, size: tuple[int, int] = (300, 200), colour: str = "red") -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def shown(pictures: Pictures, path: Path, size: int, qtbot: QtBot) -> tuple[int, int]:
    """The size of a thumbnail once it is there."""
    qtbot.waitUntil(lambda: pictures.thumbnail(path, size) is not None and not pictures._asked)
    pixmap = pictures.thumbnail(path, size)
    assert pixmap is not None
    return pixmap.width(), pixmap.height()


def test_a_thumbnail_comes_and_stays(pictures: Pictures, tmp_path: Path, qtbot: QtBot) -> None:
    path = make(tmp_path / "a.png")
    with qtbot.waitSignal(pictures.ready) as ready:
        assert pictures.thumbnail(path, 100) is None
    assert ready.args == [path]
    path.unlink()
    pixmap = pictures.thumbnail(path, 100)
    assert pixmap is not None
    assert (pixmap.width(), pixmap.height()) == (128, 85)
    assert pixmap.toImage().pixelColor(5, 5) == QColor("red")
    assert pictures.thumbnail(path, 128) is not None, "near sizes share one"


def test_another_size_is_shown_until_the_right_one_is_there(
    pictures: Pictures, tmp_path: Path, qtbot: QtBot
) -> None:
    path = make(tmp_path / "a.png")
    assert shown(pictures, path, 64, qtbot) == (64, 42)
    smaller = pictures.thumbnail(path, 256)
    assert smaller is not None
    assert smaller.width() == 64
    assert shown(pictures, path, 256, qtbot) == (256, 170)
    assert shown(pictures, path, 9000, qtbot) == (300, 200), "never larger than it is"


def test_what_was_not_looked_at_for_long_makes_room(tmp_path: Path, qtbot: QtBot, qapp: object) -> None:
    del qapp
    paths = [make(tmp_path / f"{number}.png", (64, 64)) for number in range(4)]
    pictures = Pictures(kept_bytes=3 * 64 * 64 * 4)
    for path in paths[:3]:
        shown(pictures, path, 64, qtbot)
    pictures.thumbnail(paths[0], 64)
    shown(pictures, paths[3], 64, qtbot)
    assert [size.path for size in pictures._kept] == [paths[2], paths[0], paths[3]]
    assert pictures._bytes == 3 * 64 * 64 * 4
    pictures.stop()


def test_a_replaced_file_is_read_anew_when_it_is_forgotten(
    pictures: Pictures, tmp_path: Path, qtbot: QtBot
) -> None:
    path = make(tmp_path / "a.png")
    shown(pictures, path, 64, qtbot)
    make(path, (64, 64), "blue")
    pictures.forget((path,))
    assert shown(pictures, path, 64, qtbot) == (64, 64)
    make(path, (32, 64))
    pictures.clear()
    assert shown(pictures, path, 64, qtbot) == (32, 64)


def test_what_was_being_decoded_when_a_file_was_written_anew_is_not_kept(
    pictures: Pictures, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.png")
    is_read, may_go_on = threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> QImage:
        image = read_scaled(*arguments)
        is_read.set()
        may_go_on.wait(5)
        return image

    with monkeypatch.context() as patch:
        patch.setattr("app.pictures.read_scaled", slowly)
        pictures.thumbnail(path, 64)
        assert is_read.wait(5)
    make(path, (64, 64), "blue")
    pictures.forget((path,))
    with qtbot.waitSignal(pictures.ready):
        may_go_on.set()
    assert pictures._kept == {}
    assert shown(pictures, path, 64, qtbot) == (64, 64)


def test_whatever_goes_wrong_there_is_an_answer(
    pictures: Pictures, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.png")
    for error, said in ((MemoryError(), "too large"), (RuntimeError("unforeseen"), "the log says why")):

        def broken(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("app.pictures._reader", broken)
        with qtbot.waitSignal(pictures.opened) as opened:
            pictures.open(path)
        assert said in opened.args[1]
        pictures.clear()
        with qtbot.waitSignal(pictures.ready):
            pictures.thumbnail(path, 64)
        assert said in pictures.problem(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no longer there"), (b"", "not a picture"), (b"text", "not a picture"), (b"cut", "damaged")],
)
def test_a_file_that_cannot_be_shown_says_why(
    pictures: Pictures, tmp_path: Path, qtbot: QtBot, content: bytes | None, said: str
) -> None:
    path = tmp_path / "a.png"
    if content == b"cut":
        whole = make(tmp_path / "whole.webp").read_bytes()
        content = whole[: len(whole) // 2]
    if content is not None:
        path.write_bytes(content)
    with qtbot.waitSignal(pictures.ready):
        pictures.thumbnail(path, 64)
    assert said in pictures.problem(path)
    sign = pictures.thumbnail(path, 64)
    assert sign is not None
    assert not sign.isNull()
    with qtbot.waitSignal(pictures.opened) as opened:
        pictures.open(path)
    assert opened.args == [path, pictures.problem(path)]


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.png", (10, 10))
    data = bytearray(path.read_bytes())
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(PictureProblem, match="million pixels"):
        read_scaled(path, 64)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200), "red").save(path, exif=exif)
    assert read_whole(path).size().toTuple() == (200, 300)
    assert read_scaled(path, 64).size().toTuple() == (42, 64)


def test_a_whole_picture_comes_with_its_halves(pictures: Pictures, tmp_path: Path, qtbot: QtBot) -> None:
    path = make(tmp_path / "a.png", (1000, 500))
    with qtbot.waitSignal(pictures.opened) as opened:
        pictures.open(path)
    found, levels = opened.args
    assert found == path
    assert [level.size().toTuple() for level in levels] == [(1000, 500), (500, 250), (250, 125), (125, 63)]
    thin = halved(read_whole(make(tmp_path / "thin.png", (2000, 1))))
    assert thin[-1].height() == 1


PROMPT = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a boat", "clip": ["1", 1]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["1", 1]}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["3", 0],
            "seed": 42,
            "steps": 12,
            "cfg": 6.5,
            "sampler_name": "euler",
            "scheduler": "karras",
        },
    },
}


def test_what_a_picture_says_about_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(graph_texts(PROMPT)))
    facts = {fact.label: fact.text for fact in facts_of(path)}
    assert facts["File"] == "a.png"
    del facts["File"], facts["Folder"], facts["File size"], facts["Made"]
    assert facts == {
        "Seed": "42",
        "Steps": "12",
        "CFG": "6.5",
        "Sampler": "euler",
        "Scheduler": "karras",
        "Prompt": "a boat",
        "Negative prompt": "fog",
        "Checkpoint": "sd.safetensors",
    }


def test_a_picture_without_a_graph_or_with_a_broken_one_says_so(tmp_path: Path) -> None:
    path = make(tmp_path / "a.png")
    assert [fact.label for fact in facts_of(path)] == ["File", "Folder", "File size", "Made"]
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info({"prompt": "{"}))
    assert facts_of(path)[-1].label == "Graph"
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info({"parameters": "a boat, Steps: 20"}))
    assert facts_of(path)[-1].text == "a boat, Steps: 20"
    path.unlink()
    assert "cannot be read" in facts_of(path)[-1].text


def test_texts_are_found_through_loops_and_nodes_between(tmp_path: Path) -> None:
    prompt = {
        **PROMPT,
        "2": {"class_type": "ConditioningCombine", "inputs": {"a": ["5", 0], "b": ["6", 0], "c": ["2", 0]}},
        "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "one"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["7", 0]}},
        "7": {"class_type": "PrimitiveString", "inputs": {"value": "two"}},
    }
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(graph_texts(prompt)))
    assert {fact.label: fact.text for fact in facts_of(path)}["Prompt"] == "one\ntwo"
