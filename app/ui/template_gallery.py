"""The gallery of templates: what each one makes, and its values to be set before it opens."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app import icons
from app.canvas.face import Row, RowKind, choices, make_face
from app.session import Session
from app.templates import Broken, Template, picture_of, templates
from app.theme import Theme
from app.ui import style
from app.ui.fields import Field, NumberField, WheelScrollsPanel, add_field, make_field
from core.folders import Folders
from core.nodes.registry import Registry
from core.nodes.spec import Range
from core.workflow.document import GraphDocument
from core.workflow.targets import Target, put_values
from core.workflow.template import Description, Parameter, describe

_PICTURE: Final = 144
"""Side of a template's picture, in pixels at scale 1."""

_SIZE: Final = QSize(980, 640)
_TEMPLATE: Final = Qt.ItemDataRole.UserRole


class TemplateGallery(QDialog):
    """Shows the templates of the program and the user's own.

    Signals:
        chosen: A template as a document with the values that were set, and whether it is to run at once.
    """

    chosen = Signal(object, bool)

    def __init__(
        self,
        session: Session,
        registry: Registry,
        folders: Folders,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Templates")
        self.resize(_SIZE)
        self._session = session
        self._registry = registry
        self._folders = folders
        self._theme = theme
        self.filter = QLineEdit()
        self.list = QListWidget()
        self.page: TemplatePage | None = None
        self._pages = QStackedWidget()
        self._empty = QLabel("No template has these words.")
        self._arrange()
        for template in templates():
            self._add(template)
        session.templates_found.connect(self._add_own)
        session.look_for_templates()
        self.list.setCurrentRow(0)
        self.filter.setFocus()

    def _arrange(self) -> None:
        self.filter.setPlaceholderText("Filter")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._apply_filter)
        self.list.setViewMode(QListWidget.ViewMode.IconMode)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setMovement(QListWidget.Movement.Static)
        self.list.setIconSize(QSize(_PICTURE, _PICTURE))
        self.list.setGridSize(QSize(_PICTURE + 22, _PICTURE + self.fontMetrics().height() + 24))
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName("Templates")
        self.list.currentItemChanged.connect(self._show)
        self.list.itemActivated.connect(self._open)
        style.set_role(self._empty, "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.run_button = buttons.addButton("Open and Run", QDialogButtonBox.ButtonRole.ActionRole)
        self.open_button = buttons.addButton("Open", QDialogButtonBox.ButtonRole.ActionRole)
        style.set_role(self.open_button, "primary")
        for button in buttons.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a field of a parameter only ends typing there
        self.filter.returnPressed.connect(self._open)
        self.open_button.clicked.connect(self._open)
        self.run_button.clicked.connect(lambda: self._choose(run=True))
        buttons.rejected.connect(self.reject)
        left = QVBoxLayout()
        left.addWidget(self.filter)
        left.addWidget(self._empty)
        left.addWidget(self.list, 1)
        right = QVBoxLayout()
        right.addWidget(self._pages, 1)
        right.addWidget(buttons)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(16, 16, 16, 14)
        outer.setSpacing(16)
        outer.addLayout(left, 3)
        outer.addLayout(right, 2)

    def _add(self, template: Template) -> None:
        item = QListWidgetItem(self._icon(template), template.title)
        item.setData(_TEMPLATE, template)
        item.setToolTip(f"<p>{html.escape(template.description)}</p>")
        self.list.addItem(item)

    def _add_own(self, own: Sequence[Template], broken: Sequence[Broken]) -> None:
        """Puts the user's templates behind those of the program."""
        for row in reversed(range(len(templates()), self.list.count())):
            self.list.takeItem(row)
        for template in own:
            self._add(template)
        for file in broken:
            item = QListWidgetItem(QIcon(self._drawn("warning")), file.path.stem)
            item.setToolTip(f"<p>{html.escape(file.reason)}</p>")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        self._apply_filter(self.filter.text())

    def _icon(self, template: Template) -> QIcon:
        picture = picture_of(template)
        pixmap = QPixmap(str(picture)) if picture else QPixmap()
        result = QIcon(self._drawn("node") if pixmap.isNull() else pixmap)
        result.addPixmap(result.pixmap(_PICTURE), QIcon.Mode.Selected)  # else the style would tint it
        return result

    def _drawn(self, icon: str) -> QPixmap:
        """What stands for a template without a picture."""
        pixmap = QPixmap(_PICTURE, _PICTURE)
        pixmap.fill(self._theme.entry)
        size = _PICTURE // 3
        painter = QPainter(pixmap)
        painter.drawPixmap(size, size, icons.pixmap(icon, self._theme.text_dim, size))
        painter.end()
        return pixmap

    def _apply_filter(self, words: str) -> None:
        wanted = words.casefold().split()
        found: list[int] = []
        for row in range(self.list.count()):
            item = self.list.item(row)
            text = f"{item.text()} {item.toolTip()}".casefold()
            item.setHidden(not all(word in text for word in wanted))
            if not item.isHidden() and item.flags() & Qt.ItemFlag.ItemIsEnabled:
                found.append(row)
        self._empty.setVisible(not found)
        if found and self.list.currentRow() not in found:
            self.list.setCurrentRow(found[0])
        if not found:
            self.list.setCurrentItem(None)  # pyright: ignore[reportArgumentType] - Qt takes it: no item

    def _show(self, item: QListWidgetItem | None) -> None:
        """Asks for the file of a template, which is read on a thread."""
        template = self._template(item)
        self._drop_page()
        if template is not None:
            self._session.read_template(template.path, partial(self._on_read, template))

    def _on_read(self, template: Template, document: GraphDocument) -> None:
        if not isValid(self) or self._template(self.list.currentItem()) != template or self.page is not None:
            return  # it was closed meanwhile, or another one was picked
        description = describe(document, template.name) or Description(name=template.title)
        self.page = TemplatePage(document, description, self._registry, self._folders, self._theme)
        self._pages.addWidget(self.page)
        self._pages.setCurrentWidget(self.page)
        self._enable()

    def _drop_page(self) -> None:
        if self.page is not None:
            self._pages.removeWidget(self.page)
            self.page.deleteLater()
            self.page = None
        self._enable()

    def _enable(self) -> None:
        for button in (self.open_button, self.run_button):
            button.setEnabled(self.page is not None)

    def _open(self, *_: object) -> None:
        self._choose(run=False)

    def _choose(self, *, run: bool) -> None:
        if self.page is not None:
            if field := self.page.focusWidget():
                field.clearFocus()  # what is being typed counts
            self.chosen.emit(self.page.document, run)
            self.accept()

    @staticmethod
    def _template(item: QListWidgetItem | None) -> Template | None:
        return item.data(_TEMPLATE) if item is not None else None


class TemplatePage(QScrollArea):
    """What a template is for, and a field for each of its parameters.

    Attributes:
        document: The graph, with the values of the fields.
        fields: By the name of the parameter; none for an input that has no place of its own in the document.
    """

    def __init__(
        self,
        document: GraphDocument,
        description: Description,
        registry: Registry,
        folders: Folders,
        theme: Theme,
    ) -> None:
        super().__init__()
        self.document = document
        self.fields: dict[str, Field] = {}
        self._registry = registry
        self._folders = folders
        self._theme = theme
        self._wheel = WheelScrollsPanel(self)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 12, 14, 12)
        title, about = QLabel(description.name), QLabel(description.description)
        style.set_role(title, "heading")
        style.set_role(about, "dim")
        for label in (title, about):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            column.addWidget(label)
        self.trouble = QLabel()
        self.trouble.setWordWrap(True)
        style.set_role(self.trouble, "warning")
        self.trouble.hide()
        column.addSpacing(6)
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        grid.setHorizontalSpacing(10)
        grid.setColumnStretch(1, 1)
        for parameter in description.parameters:
            if (row := self._row(parameter)) is not None:
                self._add_field(grid, parameter, row)
        column.addLayout(grid)
        column.addWidget(self.trouble)
        column.addStretch(1)
        self.setWidget(body)

    def _add_field(self, grid: QGridLayout, parameter: Parameter, row: Row) -> None:
        label = QLabel(parameter.label)
        label.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(label, "dim")
        field = make_field(row, lambda: self._choices(parameter, row), self._theme)
        field.setAccessibleName(parameter.label)
        field.setToolTip(f"<p>{html.escape(parameter.description)}</p>" if parameter.description else "")
        field.edited.connect(partial(self._set, parameter))
        field.installEventFilter(self._wheel)
        if isinstance(field, NumberField):
            field.refused.connect(self._say)
        self.fields[parameter.name] = field
        add_field(grid, label, field, row)

    def _choices(self, parameter: Parameter, row: Row) -> Sequence[str]:
        return parameter.choices or choices(row, self._folders)

    def _set(self, parameter: Parameter, value: object) -> None:
        self.trouble.hide()
        put_values(self.document, dict.fromkeys(parameter.places, value), self._registry)
        if (row := self._row(parameter)) is not None:
            self.fields[parameter.name].show_row(row)

    def _say(self, sentence: str) -> None:
        self.trouble.setText(sentence)
        self.trouble.show()

    def _row(self, parameter: Parameter) -> Row | None:
        """How the value is edited: as on its node, within the limits of the parameter."""
        rows = (self._row_of(target) for target in parameter.places)
        return next((_limited(row, parameter) for row in rows if row is not None), None)

    def _row_of(self, target: Target) -> Row | None:
        node = self.document.nodes.get(target.node_id)
        if node is None:
            return None
        face = make_face(node, self.document, self._registry, self._folders)
        kinds = (RowKind.AFTER_RUN, RowKind.OTHER)
        return next((row for row in face.rows if row.name == target.input and row.kind not in kinds), None)


def _limited(row: Row, parameter: Parameter) -> Row:
    """The row with the limits of a parameter, where these are narrower."""
    widget = row.spec.widget if row.spec else None
    if row.spec is None or not isinstance(widget, Range):
        return row
    low = widget.min if parameter.min is None else max(widget.min, parameter.min)
    high = widget.max if parameter.max is None else min(widget.max, parameter.max)
    return row._replace(spec=replace(row.spec, widget=replace(widget, min=low, max=high)))
