"""The look: contrast by WCAG AA, text of the system's size, icons for every name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from app import icons
from app.theme import DARK, LIGHT, Theme
from app.ui import style
from resources import path

THEMES = [pytest.param(DARK, id="dark"), pytest.param(LIGHT, id="light")]

# Text colour, and the backgrounds it is read on.
TEXTS = (
    ("text", ("window", "panel", "entry", "hover", "canvas", "node")),
    ("text_dim", ("window", "panel", "entry", "hover", "canvas")),
    ("accent", ("window", "panel", "entry")),
    ("good", ("window", "panel", "entry", "node")),
    ("warning", ("window", "panel", "entry", "node")),
    ("danger", ("window", "panel", "entry", "node")),
    ("on_accent", ("accent",)),
    ("row_text", ("row", "node", "note")),
    ("row_label", ("row", "node")),
    ("node_title_text", ("node_title",)),
)


@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_from_its_background(theme: Theme) -> None:
    """WCAG AA asks for 4.5 to 1."""
    found = {
        (text, ground): contrast(getattr(theme, text), getattr(theme, ground))
        for text, grounds in TEXTS
        for ground in grounds
    }
    assert {pair: round(value, 2) for pair, value in found.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_selected_and_hinted_backgrounds_keep_text_readable(theme: Theme) -> None:
    selected = style.mixed(theme.accent, theme.panel, 0.24)
    hints = [style.tinted(colour, theme) for colour in (theme.accent, theme.warning, theme.danger)]
    assert min(contrast(theme.text, ground) for ground in (selected, *hints)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_focus_and_icons_stand_out(theme: Theme) -> None:
    """WCAG AA asks for 3 to 1 for what is no text."""
    assert min(contrast(theme.accent, ground) for ground in (theme.window, theme.panel, theme.canvas)) >= 3
    assert min(contrast("#868e9a", ground) for ground in (theme.panel, theme.entry)) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_style_sheet_names_no_unknown_colour(theme: Theme) -> None:
    sheet = style.sheet(theme)
    assert "@" not in sheet
    assert theme.panel in sheet
    for part in sheet.split('url("')[1:]:
        assert Path(part.split('"')[0]).is_file()


def test_text_follows_the_scale_without_adding_up(restored: QApplication) -> None:
    style.apply(restored, DARK)
    size = restored.font().pointSizeF()
    for scale in (1.5, 1.5, 2.0):
        style.apply(restored, DARK, scale)
        assert restored.font().pointSizeF() == pytest.approx(size * scale)
    style.apply(restored, LIGHT, 1.0)
    assert restored.font().pointSizeF() == pytest.approx(size)
    assert restored.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)


def test_controls_grow_with_the_text(restored: QApplication) -> None:
    heights = []
    for scale in (1.0, 1.5):
        style.apply(restored, DARK, scale)
        button = QPushButton("Run")
        button.ensurePolished()
        heights.append(button.sizeHint().height())
        label = button.fontMetrics().height()
        assert button.sizeHint().height() > label
    assert heights[1] > heights[0] * 1.3


def test_role_changes_how_a_label_looks(restored: QApplication) -> None:
    style.apply(restored, DARK)
    label = QLabel("text")
    label.ensurePolished()
    style.set_role(label, "danger")
    assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(DARK.danger)


def test_icons_are_tinted_and_sharp(qapp: QApplication) -> None:
    for drawing in sorted(path("icons").glob("*.svg")):
        found = icons.icon(drawing.stem, DARK, "#ff0000")
        for size in (16, 24, 48):
            picture = found.pixmap(size, size)
            assert picture.width() == size, drawing.stem
    red = icons.pixmap("run", "#ff0000", 24, 2.0)
    assert (red.width(), red.devicePixelRatio()) == (48, 2.0)
    assert red.toImage().pixelColor(24, 24) == QColor("#ff0000")


def test_a_disabled_icon_is_fainter(qapp: QApplication) -> None:
    run = icons.icon("run", DARK)
    lively = run.pixmap(24, 24, QIcon.Mode.Normal).toImage().pixelColor(12, 12)
    faint = run.pixmap(24, 24, QIcon.Mode.Disabled).toImage().pixelColor(12, 12)
    assert faint.alpha() < lively.alpha()


def test_app_icon_has_all_sizes(qapp: QApplication) -> None:
    sizes = {size.width() for size in icons.app_icon().availableSizes()}
    assert {16, 32, 48, 256} <= sizes


@pytest.fixture
def restored(qapp: QApplication) -> Iterator[QApplication]:
    """The application, which looks as it did after the test."""
    font, palette, sheet = qapp.font(), qapp.palette(), qapp.styleSheet()
    yield qapp
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setFont(font)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Source: WCAG 2.1, definition of relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
