"""What this program is, and on what it runs."""

from __future__ import annotations

import importlib.metadata
import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.ui import style

_PACKAGES = ("torch", "diffusers", "transformers", "PySide6-Essentials", "NodeGraphQt")


class About(QDialog):
    """Name, versions, licence; the versions can be copied for a report."""

    def __init__(self, device: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Darkroom")
        self.facts = facts(device)
        picture, title = QLabel(), QLabel("Darkroom")
        size = self.fontMetrics().height() * 5
        picture.setPixmap(icons.app_icon().pixmap(size, size))
        font = title.font()
        font.setPointSizeF(max(1.0, font.pointSizeF()) * 1.6)
        title.setFont(font)
        form = QFormLayout()
        for name, value in self.facts.items():
            caption, label = QLabel(name), QLabel(value)
            style.set_role(caption, "dim")
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(caption, label)
        text = QVBoxLayout()
        text.addWidget(title)
        text.addWidget(QLabel("Make images on your own machine. Apache License 2.0."))
        text.addSpacing(8)
        text.addLayout(form)
        top = QHBoxLayout()
        top.setSpacing(20)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._copy)
        copy.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 14)
        column.setSpacing(16)
        column.addLayout(top)
        column.addWidget(buttons)

    def _copy(self) -> None:
        lines = "\n".join(f"{name}: {value}" for name, value in self.facts.items())
        QGuiApplication.clipboard().setText(lines)


def facts(device: str) -> dict[str, str]:
    """Versions and system, by name."""
    result = {"Version": _version("darkroom"), "Device": device, "Python": platform.python_version()}
    result |= {name.removesuffix("-Essentials"): _version(name) for name in _PACKAGES}
    return result | {"Qt": qVersion(), "System": platform.platform()}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
