"""Grids of pictures: where things are, what is said where there is none, how large they get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from core.media import grid
from core.media.grid import Band, Tile, draw_grid, fit_text

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Pictures of one colour each, 128 x 96."""
    for name, colour in COLOURS.items():
        Image.new("RGB", (128, 96), colour).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in COLOURS}


def box(picture: Image.Image, name: str) -> tuple[int, int, int, int]:
    """The rectangle of a colour: left, top, width, height."""
    ys, xs = np.nonzero((np.asarray(picture) == COLOURS[name]).all(axis=-1))
    assert len(xs) == (np.ptp(xs) + 1) * (np.ptp(ys) + 1), "it is a full rectangle"
    return int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1


def is_faulty(part: np.ndarray) -> bool:
    """Whether something is written there in the colour of faults."""
    return bool((part[..., 0].astype(int) > part[..., 1].astype(int) + 60).any())


def test_pictures_stand_in_columns_and_rows(files: dict[str, Path]) -> None:
    bands = [
        Band([Tile([files["red"]]), Tile([files["green"]])], "first row", ["left", "right"]),
        Band([Tile([files["blue"]]), Tile(note="failed: no")], "second row"),
    ]
    picture = draw_grid(bands, "over all")
    red, green, blue = (box(picture, name) for name in ("red", "green", "blue"))
    assert {tuple(found[2:]) for found in (red, green, blue)} == {(128, 96)}
    assert red[1] == green[1] < blue[1]
    assert red[0] == blue[0] < green[0]
    assert red[0] + 128 < green[0]
    assert red[1] + 96 < blue[1]
    pixels = np.asarray(picture.convert("L"))
    assert pixels[red[1] : red[1] + 96, : red[0]].min() < 128, "the label of the row"
    assert pixels[: red[1], red[0] : red[0] + 128].min() < 128, "the labels of the column, and the title"
    note = np.asarray(picture)[blue[1] : blue[1] + 96, green[0] : green[0] + 128]
    assert is_faulty(note), "what failed says so"
    assert tuple(note[-1, -1]) == grid._EMPTY


def test_without_labels_there_is_no_room_for_them(files: dict[str, Path]) -> None:
    picture = draw_grid([Band([Tile([files["red"]])])])
    gap = grid._GAP
    assert picture.size == (128 + 2 * gap, 96 + 2 * gap)
    assert box(picture, "red") == (gap, gap, 128, 96)


def test_several_pictures_share_a_place(files: dict[str, Path]) -> None:
    picture = draw_grid([Band([Tile([files[name] for name in ("red", "green", "blue")])])])
    red, green, blue = (box(picture, name) for name in ("red", "green", "blue"))
    assert (green[0] - red[0], green[1] - red[1]) == (128, 0)
    assert (blue[0] - red[0], blue[1] - red[1]) == (0, 96)


def test_large_grids_are_made_smaller(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "PIXELS", 4 * 128 * 96)
    tiles = [Tile([files["red"]]) for _ in range(4)]
    assert box(draw_grid([Band(tiles[:1])]), "red")[2:] == (128, 96)
    smaller = draw_grid([Band(tiles), Band(tiles)])
    assert smaller.width < 4 * 128
    ratio = (smaller.width * smaller.height) / grid.PIXELS
    assert ratio < 1.4, "labels and gaps come on top"


def test_a_picture_that_is_damaged_or_gone_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    files["red"].write_bytes(files["red"].read_bytes()[:60])
    tiles = [Tile([files["red"]]), Tile([tmp_path / "gone.png"]), Tile([files["blue"]])]
    picture = draw_grid([Band(tiles)])
    assert box(picture, "blue")[2:] == (128, 96)
    for left in (0, 134):
        assert is_faulty(np.asarray(picture)[:, left : left + 134])


def test_a_grid_of_failures_is_still_a_grid() -> None:
    picture = draw_grid([Band([Tile(note="failed")] * 3, "row", ["a", "b", "c"])])
    assert picture.width > 3 * grid._NO_PICTURE[0]


@pytest.mark.parametrize("text", ["a few words that need more than one line", "x" * 300, "", "a\nb\tc"])
def test_labels_are_wrapped_and_cut_to_their_width(text: str) -> None:
    font = ImageFont.load_default(14)
    lines = fit_text(text, font, 90)
    assert len(lines) <= 3
    assert all(font.getlength(line) <= 90 for line in lines)
    assert not any(set(line) & set("\n\t") for line in lines)
    shortened = "".join(lines).replace(" ", "") != "".join(text.split())
    assert shortened == bool(lines and lines[-1].endswith("..."))


def test_accents_that_the_font_lacks_are_left_out() -> None:
    assert fit_text("gr\u00fcn, caf\u00e9", ImageFont.load_default(14), 200) == ["grun, cafe"]
