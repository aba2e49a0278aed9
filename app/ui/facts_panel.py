"""Facts in two columns: what each is called, and what it is. Texts can be selected."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QWidget

from app.picture_facts import Fact
from app.ui import style
from app.ui.read_text import ReadText


class FactsPanel(QScrollArea):
    """What is known about something; it scrolls where there is no room for all of it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setMinimumHeight(self.fontMetrics().height() * 5)
        self.setAccessibleName(name)

    def show_facts(self, facts: Iterable[Fact]) -> None:
        """Shows these instead of what was there."""
        inner = QWidget()
        grid = QGridLayout(inner)
        grid.setContentsMargins(10, 8, 10, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        row = 0
        for row, fact in enumerate(facts):
            label, text = QLabel(fact.label), ReadText(fact.text)
            style.set_role(label, "dim")
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        grid.setRowStretch(row + 1, 1)
        self.setWidget(inner)
