"""The preferences. What is changed holds at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.caches import clear, used
from app.settings import SettingsFile
from app.ui import style
from core.folders import Folders
from core.inspection import in_bytes

_THEMES: Final = (("Like the desktop", "system"), ("Dark", "dark"), ("Light", "light"))
_DRAGS: Final = (("Moves the view", "pan"), ("Selects with a frame", "select"))
_SWITCHES: Final = (
    ("snap_to_grid", "Nodes snap to the grid"),
    ("minimap", "Show the minimap"),
    ("badges", "Show execution badges on nodes"),
    ("previews", "Show pictures while they form"),
    ("stop_at_first_error", "Stop a run at its first error"),
)


class _Count(NamedTuple):
    """A number that can be set; `least_means` is shown in place of the least one."""

    field: str
    label: str
    least: int
    most: int
    unit: str
    least_means: str = ""


_COUNTS: Final = (
    _Count("queue_limit", "Jobs that may wai&t", 1, 100_000, " jobs"),
    _Count("history_limit", "&History keeps", 0, 1_000_000, " jobs", "All jobs"),
    _Count("history_days", "History &forgets after", 0, 36_500, " days", "Never"),
)
_CACHES: Final = (
    ("Those of the latest run", "classic"),
    ("Those of all runs, up to a size", "lru"),
    ("None", "none"),
)
_OF_LRU: Final = {
    "cache_host_gb": "In main memor&y up to",
    "cache_device_gb": "In &graphics memory up to",
}


class SettingsDialog(QDialog):
    """Shows every preference there is.

    Args:
        results: Where results in files are.

    Signals:
        keys_wanted: The table of keys is to be opened.
    """

    keys_wanted = Signal()

    def __init__(
        self, settings: SettingsFile, folders: Folders, results: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self._settings = settings
        self._results = results
        self._form = QFormLayout()
        self.theme = _choice(_THEMES)
        self.text_scale = QDoubleSpinBox()
        self.text_scale.setRange(50, 300)
        self.text_scale.setSingleStep(10)
        self.text_scale.setDecimals(0)
        self.text_scale.setSuffix(" %")
        self.text_scale.setKeyboardTracking(False)
        style.indent(self.text_scale)
        self.drag_empty = _choice(_DRAGS)
        self.switches = {name: QCheckBox(label) for name, label in _SWITCHES}
        self.counts = {count.field: _count(count) for count in _COUNTS}
        self.cache = _choice(_CACHES)
        self.sizes = {name: _size(0.1) for name in _OF_LRU} | {"cache_disk_gb": _size(0.0, "No files")}
        self.clear = QPushButton()
        self.clear.setAutoDefault(False)
        self.keys = QPushButton("Keys...")
        self.keys.setAutoDefault(False)
        self._arrange(folders)
        self._show()
        self._show_stored()
        self._connect()
        self._unsubscribe = settings.subscribe(self._show)
        self.finished.connect(lambda: self._unsubscribe())

    def _show(self) -> None:
        now = self._settings.settings
        self.theme.setCurrentIndex(self.theme.findData(now.theme))
        self.text_scale.setValue(round(now.text_scale * 100))
        self.drag_empty.setCurrentIndex(self.drag_empty.findData(now.drag_empty))
        for name, box in self.switches.items():
            box.setChecked(bool(getattr(now, name)))
        for name, spin in self.counts.items():
            spin.setValue(int(getattr(now, name)))
        self.cache.setCurrentIndex(self.cache.findData(now.cache))
        for name, size in self.sizes.items():
            size.setValue(float(getattr(now, name)))
        for name in _OF_LRU:
            self._form.setRowVisible(self.sizes[name], now.cache == "lru")

    def _show_stored(self) -> None:
        stored = used(self._results)
        self.clear.setText(f"Clear ({in_bytes(stored)})" if stored else "Clear")
        self.clear.setEnabled(stored > 0)

    def _clear(self) -> None:
        clear(self._results)
        self._show_stored()

    def _connect(self) -> None:
        self.theme.activated.connect(lambda: self._change(theme=self.theme.currentData()))
        self.text_scale.valueChanged.connect(lambda: self._change(text_scale=self.text_scale.value() / 100))
        self.drag_empty.activated.connect(lambda: self._change(drag_empty=self.drag_empty.currentData()))
        for name, box in self.switches.items():
            box.clicked.connect(lambda on=False, field=name: self._change(**{field: on}))
        for name, spin in self.counts.items():
            spin.valueChanged.connect(lambda value=0, field=name: self._change(**{field: value}))
        self.cache.activated.connect(lambda: self._change(cache=self.cache.currentData()))
        for name, size in self.sizes.items():
            size.valueChanged.connect(lambda value=0.0, field=name: self._change(**{field: value}))
        self.clear.clicked.connect(self._clear)
        self.keys.clicked.connect(self.keys_wanted)

    def _change(self, **fields: Any) -> None:
        self._settings.change(**fields)

    def _arrange(self, folders: Folders) -> None:
        form = self._form
        form.setVerticalSpacing(10)
        form.setHorizontalSpacing(18)
        form.addRow("&Theme", self.theme)
        form.addRow("Te&xt size", self.text_scale)
        form.addRow("&Dragging empty canvas", self.drag_empty)
        for box in self.switches.values():
            form.addRow("", box)
        for count in _COUNTS:
            form.addRow(count.label, self.counts[count.field])
        self._arrange_cache(form)
        form.addRow("", self.keys)
        places = {
            "Models": "\n".join(str(place) for place in folders.models),
            "Input": str(folders.input),
            "Output": str(folders.output),
        }
        for name, text in places.items():
            label = QLabel(text)
            label.setWordWrap(True)
            label.setTextInteractionFlags(label.textInteractionFlags().TextSelectableByMouse)
            style.set_role(label, "dim")
            form.addRow(f"{name} folder", label)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(14)
        column.addLayout(form)
        column.addStretch(1)
        column.addWidget(buttons)
        self.setMinimumWidth(self.fontMetrics().height() * 30)

    def _arrange_cache(self, form: QFormLayout) -> None:
        self.cache.setToolTip("What is kept is not worked out again. A change holds from the next job on.")
        form.addRow("&Results kept", self.cache)
        for name, label in _OF_LRU.items():
            form.addRow(label, self.sizes[name])
        on_disk = self.sizes["cache_disk_gb"]
        on_disk.setToolTip(f"Results that took long to make outlive the program in {self._results}")
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(on_disk, 1)
        line.addWidget(self.clear)
        label = QLabel("In f&iles up to")
        label.setBuddy(on_disk)
        form.addRow(label, line)


def _count(count: _Count) -> QSpinBox:
    box = QSpinBox()
    box.setRange(count.least, count.most)
    box.setGroupSeparatorShown(True)
    box.setSuffix(count.unit)
    box.setSpecialValueText(count.least_means)
    box.setKeyboardTracking(False)
    style.indent(box)
    return box


def _size(least: float, least_means: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(least, 4096)
    box.setDecimals(1)
    box.setSuffix(" GB")
    box.setSpecialValueText(least_means)
    box.setKeyboardTracking(False)
    style.indent(box)
    return box


def _choice(entries: tuple[tuple[str, str], ...]) -> QComboBox:
    box = QComboBox()
    for label, value in entries:
        box.addItem(label, value)
    return box
