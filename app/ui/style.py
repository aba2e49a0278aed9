"""What the window looks like: palette and style sheet made from the theme's table."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QStyleFactory, QWidget

from app import icons
from app.theme import Theme
from resources import path

_SYSTEM_SIZE: Final = "darkroom_system_font_size"


def apply(app: QApplication, theme: Theme, text_scale: float = 1.0) -> None:
    """Gives the whole program a look. Text has the system's size times `text_scale`."""
    if app.style().name() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setFont(_font(app, text_scale))
    app.setPalette(palette(theme))
    app.setStyleSheet(sheet(theme))


def palette(theme: Theme) -> QPalette:
    """The theme's colours in the roles that Qt's own drawing asks for."""
    role = QPalette.ColorRole
    result = QPalette()
    for roles, colour in (
        ((role.Window, role.AlternateBase, role.Dark), theme.window),
        ((role.Base,), theme.entry),
        ((role.Button, role.ToolTipBase, role.Light), theme.panel),
        ((role.Midlight, role.Mid), theme.hover),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText), theme.text),
        ((role.PlaceholderText,), theme.text_dim),
        ((role.Highlight, role.Accent), theme.accent),
        ((role.HighlightedText,), theme.on_accent),
        ((role.Link, role.LinkVisited), theme.accent),
        ((role.Shadow,), theme.node_border),
    ):
        for one in roles:
            result.setColor(one, QColor(colour))
    faded = mixed(theme.text, theme.window, 0.5)
    for one in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        result.setColor(QPalette.ColorGroup.Disabled, one, QColor(faded))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.hover))
    return result


def mixed(one: str, other: str, share: float) -> str:
    """A colour between two: `share` of the first, the rest of the second."""
    a, b = QColor(one), QColor(other)
    parts = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in parts)


def tinted(colour: str, theme: Theme) -> str:
    """A background that hints at a colour and keeps text readable."""
    return mixed(colour, theme.panel, 0.16)


def set_role(widget: QWidget, role: str) -> None:
    """Marks a widget for the style sheet: `dim`, `heading`, `primary`, `flat`, `danger`, ..."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def indent(box: QAbstractSpinBox) -> None:
    """Keeps the number of a spin box off its frame; style sheets do not reach it there."""
    box.lineEdit().setTextMargins(box.fontMetrics().averageCharWidth() * 2 // 3, 0, 0, 0)


def sheet(theme: Theme) -> str:
    """The style sheet of the theme: `resources/style.qss` with its `@names` replaced by colours."""
    words = {name: str(getattr(theme, name)) for name in _COLOURS}
    words |= {
        "press": mixed(theme.hover, theme.line, 0.4),
        "accent_hover": mixed(theme.accent, theme.text, 0.85),
        "faded": mixed(theme.text, theme.window, 0.45),
        "edge": mixed(theme.line, theme.text_dim, 0.6),
        "selected": mixed(theme.accent, theme.panel, 0.24),
        "thumb": mixed(theme.text_dim, theme.panel, 0.45),
    }
    for name in ("chevron-down", "chevron-up", "chevron-left", "chevron-right", "close", "external"):
        words[name.replace("-", "_")] = icons.file(name)
    words["checked"] = icons.file("checked-dark" if theme.is_dark else "checked-light")
    text = path("style.qss").read_text(encoding="utf-8")
    for name in sorted(words, key=len, reverse=True):
        text = text.replace(f"@{name}", words[name])
    return text


def _font(app: QApplication, scale: float) -> QFont:
    """The system's font, larger or smaller; what its size was is remembered for the next change."""
    font = QFont(app.font())
    size = app.property(_SYSTEM_SIZE)
    if not isinstance(size, float):
        size = font.pointSizeF() if font.pointSizeF() > 0 else float(-font.pixelSize())
        app.setProperty(_SYSTEM_SIZE, size)
    if size > 0:
        font.setPointSizeF(size * scale)
    else:
        font.setPixelSize(max(1, round(-size * scale)))
    return font


_COLOURS: Final = (
    "window", "panel", "entry", "hover", "line", "text", "text_dim", "accent", "on_accent",
    "good", "warning", "danger", "canvas",
)  # fmt: skip
