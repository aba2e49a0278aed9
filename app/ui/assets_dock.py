"""The assets panel: every file that jobs have read or made, as tiles that are found, named and used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons
from app.asset_watch import AssetWatch
from app.keeper import Keeper
from app.theme import Theme
from app.ui import style
from app.ui.empty_state import EmptyState
from app.ui.read_text import ReadText
from app.ui.rows import Index, replace_rows
from app.ui.thumbnails import Thumbnails
from app.ui.tiles import GONE, ICON, PATH, PICTURE, TileRows, TileView
from core.inspection import in_bytes
from core.store.records import ALL_ASSETS, Asset, AssetPage, AssetQuery

_ASSET: Final = GONE + 1
_PAGE: Final = 100
_TYPED_MS: Final = 200
"""What is typed faster than that is looked for once; so are files that come one after the other."""
_ICONS: Final = {"image": "viewer", "latent": "node", "model": "library"}
_NOTHING_YET: Final = (
    "No files yet",
    "What jobs read and make comes here, as does all that lies in the input and output folders.",
)
_MISSING: Final = 1
"""Its place among what can be shown."""


class AssetRows(TileRows):
    """The assets that a query finds, the newest first; more of them when somebody scrolls to the last.

    Attributes:
        total: How many there are, loaded or not.

    Signals:
        loaded: Others are shown, or something else is said of them.
        refused: Why they could not be loaded.
    """

    loaded = Signal()
    refused = Signal(str)

    def __init__(self, keeper: Keeper, parent: QWidget) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._query = ALL_ASSETS
        self._assets: list[Asset] = []
        self._decoded = Thumbnails()
        self._is_fetching = False
        self.total = 0

    def search(self, query: AssetQuery) -> None:
        """Shows what another query finds."""
        if query != self._query:
            self._query = query
            self.reload()

    def reload(self) -> None:
        """Looks anew; as many stay loaded as are."""
        query, count = self._query, max(_PAGE, len(self._assets))
        self._keeper.ask(
            lambda stores: stores.assets.page(query, count=count),
            partial(self._on_page, query),
            self.refused.emit,
        )

    def asset(self, index: Index) -> Asset:
        """The asset in a row."""
        return self._assets[index.row()]

    def pictures(self) -> list[Path]:
        """The files of all pictures that are loaded and there."""
        return [asset.places[0] for asset in self._assets if asset.kind == "image" and asset.places]

    def rowCount(self, parent: Index | None = None) -> int:
        """How many are loaded."""
        return 0 if parent is not None and parent.isValid() else len(self._assets)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What a tile shows, or the asset itself."""
        if index.row() >= len(self._assets):
            return None
        asset = self._assets[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name_of(asset)
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join([name_of(asset), *_facts_of(asset)])
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{name_of(asset)}{'' if asset.places else ', missing'}"
            case value if value == PATH:
                return asset.places[0] if asset.places else None
            case value if value == PICTURE:
                return self._decoded.of(asset.hash, asset.preview) if asset.preview else None
            case value if value == ICON:
                return _ICONS.get(asset.kind, "new")
            case value if value == GONE:
                return not asset.places
            case value if value == _ASSET:
                return asset
            case _:
                return None

    def canFetchMore(self, parent: Index) -> bool:
        """Whether there are some that are not loaded yet."""
        return not parent.isValid() and len(self._assets) < self.total

    def fetchMore(self, parent: Index) -> None:
        """Asks for some more."""
        if parent.isValid() or self._is_fetching or not self._assets:
            return
        self._is_fetching = True
        query, last = self._query, self._assets[-1].hash
        self._keeper.ask(
            lambda stores: stores.assets.page(query, after=last, count=_PAGE),
            partial(self._on_more, query, last),
            self._on_no_more,
        )

    def _on_page(self, query: AssetQuery, page: AssetPage) -> None:
        if query == self._query:  # else another one was asked for meanwhile
            self.total = page.total
            replace_rows(self, self._assets, page.assets, lambda asset: asset.hash)
            self.loaded.emit()

    def _on_more(self, query: AssetQuery, last: str, page: AssetPage) -> None:
        self._is_fetching = False
        if query == self._query and self._assets and self._assets[-1].hash == last:
            self.total = page.total
            replace_rows(self, self._assets, [*self._assets, *page.assets], lambda asset: asset.hash)
            self.loaded.emit()

    def _on_no_more(self, reason: str) -> None:
        self._is_fetching = False
        self.refused.emit(reason)


class AssetGallery(QWidget):
    """A gallery of all files that are known. It looks at the disk when it is shown.

    Attributes:
        line: Words to be found in names, tags and notes.
        shown: All files, or those that are missing.
        refresh: Looks at the disk again.
        view: The files.
        panel: What is known of the one that is selected.

    Signals:
        picked: Pictures, and the place of the one that is to be looked at.
        open_requested: Path of a file whose workflow is to be opened.
        message: What happened, in a sentence.
        complained: What went wrong, in a sentence.
        dialog_opened: A dialog that has just been opened.
    """

    picked = Signal(object, int)
    open_requested = Signal(object)
    message = Signal(str)
    complained = Signal(str)
    dialog_opened = Signal(object)

    def __init__(self, keeper: Keeper, watch: AssetWatch, theme: Theme) -> None:
        super().__init__()
        self._keeper = keeper
        self._watch = watch
        self.line = QLineEdit()
        self.shown = QComboBox()
        self.refresh = QToolButton()
        self.rows = AssetRows(keeper, self)
        self.view = TileView("Files", theme)
        self.panel = AssetPanel()
        self.empty = EmptyState("assets", *_NOTHING_YET, theme)
        self._pages = QStackedWidget()
        self._typed = QTimer(self, interval=_TYPED_MS, singleShot=True)
        self._came = QTimer(self, interval=_TYPED_MS, singleShot=True)
        self._arrange()
        self._connect()
        self._on_loaded()
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self.view.set_theme(theme)
        self.empty.set_theme(theme)
        self.refresh.setIcon(icons.icon("refresh", theme))

    def selected(self) -> list[Asset]:
        """The assets that are selected, in the order of the list."""
        rows = sorted(self.view.selectedIndexes(), key=lambda index: index.row())
        return [self.rows.asset(index) for index in rows]

    def showEvent(self, event: QShowEvent) -> None:
        """Looks what there is, on the disk too."""
        super().showEvent(event)
        self.rows.reload()
        self._watch.start()

    # Making of.

    def _arrange(self) -> None:
        self.line.setPlaceholderText("Find by name, tag or note")
        self.line.setAccessibleName("Find files")
        self.line.setClearButtonEnabled(True)
        self.shown.addItems(["All files", "Missing"])
        self.shown.setAccessibleName("Which files are shown")
        self.refresh.setToolTip("Look at the disk again")
        self.refresh.setAccessibleName("Look at the disk again")
        self.view.setModel(self.rows)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        top = QHBoxLayout()
        top.setContentsMargins(8, 6, 8, 6)
        top.setSpacing(6)
        top.addWidget(self.line, 1)
        top.addWidget(self.shown)
        top.addWidget(self.refresh)
        self._pages.addWidget(_Beside(self.view, self.panel))
        self._pages.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._pages, 1)

    def _connect(self) -> None:
        self.line.textChanged.connect(lambda: self._typed.start())
        self.line.returnPressed.connect(self._search)
        self._typed.timeout.connect(self._search)
        self.shown.currentIndexChanged.connect(self._search)
        self.refresh.clicked.connect(self._watch.start)
        self._watch.changed.connect(self._came.start)
        self._came.timeout.connect(self._on_came)
        self.rows.loaded.connect(self._on_loaded)
        self.rows.refused.connect(self.complained)
        self.view.selectionModel().selectionChanged.connect(self._show_selected)
        self.view.activated.connect(self._open)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.panel.tagged.connect(self._set_tags)
        self.panel.noted.connect(self._set_note)

    # What is shown.

    def _search(self) -> None:
        self._typed.stop()
        is_missing = self.shown.currentIndex() == _MISSING
        self.rows.search(AssetQuery(self.line.text().strip(), is_missing))

    def _on_came(self) -> None:
        if self.isVisible():  # else it looks when it is shown
            self.rows.reload()

    def _on_loaded(self) -> None:
        self._pages.setCurrentIndex(0 if self.rows.rowCount() else 1)
        if self.line.text().strip():
            self.empty.set_text("Nothing found", "No name, tag or note has these words.")
        elif self.shown.currentIndex() == _MISSING:
            self.empty.set_text("Nothing is missing", "Every file is where it was.")
        else:
            self.empty.set_text(*_NOTHING_YET)
        self._show_selected()

    def _show_selected(self) -> None:
        self.panel.show_assets(self.selected(), self.rows.total)

    def _set_tags(self, digest: str, tags: list[str]) -> None:
        self._change(lambda assets: assets.set_tags(digest, tags))

    def _set_note(self, digest: str, note: str) -> None:
        self._change(lambda assets: assets.describe(digest, note=note or None))

    def _change(self, change: Callable[[Any], None]) -> None:
        self._keeper.ask(
            lambda stores: change(stores.assets), lambda _: self.rows.reload(), self.complained.emit
        )

    # What is done with files.

    def menu_of(self, assets: Sequence[Asset]) -> QMenu:
        """What can be done with the files that are selected."""
        menu = QMenu(self)
        there = [asset for asset in assets if asset.places]
        gone = [asset for asset in assets if not asset.places]
        if there:
            first = there[0]
            if first.kind == "image":
                menu.addAction("Show", lambda: self._show(first))
            if first.kind in ("image", "latent"):
                menu.addAction("Open Its Workflow", lambda: self.open_requested.emit(first.places[0]))
            menu.addAction("Show in Folder", lambda: self._show_folder(first))
            menu.addAction("Copy Path" if len(there) == 1 else "Copy Paths", lambda: _copy_paths(there))
        if there and gone:
            menu.addSeparator()
        if gone:
            menu.addAction("Find Again", lambda: self._find_again(gone, self._watch.places))
            menu.addAction("Find Again in Folder...", lambda: self._ask_where(gone))
        return menu

    def _show_menu(self, place: QPoint) -> None:
        if assets := self.selected():
            menu = self.menu_of(assets)
            menu.exec(self.view.viewport().mapToGlobal(place))
            menu.deleteLater()

    def _open(self, index: QModelIndex) -> None:
        asset = self.rows.asset(index)
        if not asset.places:
            self.message.emit(f"{name_of(asset)} is missing. Its menu has it found again.")
        elif asset.kind == "image":
            self._show(asset)
        else:
            self.open_requested.emit(asset.places[0])

    def _show(self, asset: Asset) -> None:
        pictures = self.rows.pictures()
        self.picked.emit(pictures, pictures.index(asset.places[0]))

    def _show_folder(self, asset: Asset) -> None:
        folder = asset.places[0].parent
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.message.emit(f"The folder could not be shown: {folder}")

    def _ask_where(self, assets: Sequence[Asset]) -> None:
        names = name_of(assets[0]) if len(assets) == 1 else f"{len(assets)} files"
        dialog = QFileDialog(self, f"Look for {names} in")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(partial(self._find_in, assets))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self.dialog_opened.emit(dialog)

    def _find_in(self, assets: Sequence[Asset], folder: str) -> None:
        self._find_again(assets, [Path(folder)])

    def _find_again(self, assets: Sequence[Asset], places: Sequence[Path]) -> None:
        for asset in assets:
            self.message.emit(f"Looking for {name_of(asset)}")
            self._watch.find_again(asset.hash, places, partial(self._on_found, asset, places))

    def _on_found(self, asset: Asset, places: Sequence[Path], path: Path | None) -> None:
        if path is None:
            where = " or ".join(map(str, places))
            self.complained.emit(f"{name_of(asset)} is not in {where}, nor below; no file there is the same.")
        else:
            self.message.emit(f"Found {path}")


class AssetsDock(QDockWidget):
    """The panel of the gallery, which is made when it is first shown; it has the gallery's signals.

    Attributes:
        gallery: None until then.
    """

    picked = Signal(object, int)
    open_requested = Signal(object)
    message = Signal(str)
    complained = Signal(str)
    dialog_opened = Signal(object)

    def __init__(
        self, keeper: Keeper, watch: AssetWatch, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__("Assets", parent)
        self.setObjectName("assets")
        self._keeper = keeper
        self._watch = watch
        self._theme = theme
        self.gallery: AssetGallery | None = None

    def set_theme(self, theme: Theme) -> None:
        """Takes another look."""
        self._theme = theme
        if self.gallery is not None:
            self.gallery.set_theme(theme)

    def showEvent(self, event: QShowEvent) -> None:
        """Makes what is to be seen."""
        super().showEvent(event)
        if self.gallery is None:
            self.gallery = gallery = AssetGallery(self._keeper, self._watch, self._theme)
            gallery.picked.connect(self.picked)
            gallery.open_requested.connect(self.open_requested)
            gallery.message.connect(self.message)
            gallery.complained.connect(self.complained)
            gallery.dialog_opened.connect(self.dialog_opened)
            self.setWidget(gallery)


class AssetPanel(QWidget):
    """What is known of one file; its tags and a note can be written.

    Signals:
        tagged: Hash of an asset, and the tags that it is to have.
        noted: Hash of an asset, and what the user says of it.
    """

    tagged = Signal(str, object)
    noted = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._asset: Asset | None = None
        self.name, self.facts = ReadText(), ReadText()
        self.tags, self.note = QLineEdit(), QLineEdit()
        style.set_role(self.name, "heading")
        style.set_role(self.facts, "dim")
        for line, name, hint in ((self.tags, "Tags", "Tags, with commas"), (self.note, "Note", "Note")):
            line.setAccessibleName(name)
            line.setPlaceholderText(hint)
            line.setToolTip(name)
        self.tags.editingFinished.connect(self._save_tags)
        self.note.editingFinished.connect(self._save_note)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(4)
        for widget in (self.name, self.facts, self.tags, self.note):
            column.addWidget(widget)
        column.addStretch()

    def show_assets(self, assets: Sequence[Asset], total: int) -> None:
        """Shows the one that is selected; else how many there are. What is being typed stays."""
        asset = assets[0] if len(assets) == 1 else None
        is_another = (asset.hash if asset else "") != (self._asset.hash if self._asset else "")
        if is_another:
            self._save_tags()
            self._save_note()
        self._asset = asset
        for line in (self.tags, self.note):
            line.setVisible(asset is not None)
        if asset is None:
            self.name.setText(f"{len(assets):,} files selected" if assets else _files(total))
            self.facts.setText("")
            return
        self.name.setText(name_of(asset))
        self.facts.setText("\n".join(_facts_of(asset)))
        for line, text in ((self.tags, ", ".join(asset.tags)), (self.note, _note_of(asset))):
            if line.text() != text and (is_another or not line.isModified()):
                line.setText(text)

    def _save_tags(self) -> None:
        if self._asset is not None and self.tags.isModified():
            self.tags.setModified(False)
            words = (" ".join(word.split()) for word in self.tags.text().split(","))
            self.tagged.emit(self._asset.hash, list(dict.fromkeys(filter(None, words))))

    def _save_note(self) -> None:
        if self._asset is not None and self.note.isModified():
            self.note.setModified(False)
            self.noted.emit(self._asset.hash, self.note.text().strip())


class _Beside(QWidget):
    """A list with a panel: beside it where there is more room across, else below it."""

    def __init__(self, view: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._panel = panel
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        self._box.addWidget(view, 1)
        self._box.addWidget(panel)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Puts the panel where there is room for it."""
        super().resizeEvent(event)
        is_wide = self.width() > 1.5 * self.height()
        direction = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        em = self.fontMetrics().height()
        self._panel.setMaximumWidth(em * 17 if is_wide else 16777215)
        across = QSizePolicy.Policy.Expanding
        self._panel.setSizePolicy(across, across if is_wide else QSizePolicy.Policy.Fixed)
        self._panel.setMinimumWidth(min(em * 17, self.width() // 2) if is_wide else 0)
        self._box.setDirection(direction)


def name_of(asset: Asset) -> str:
    """What its file is called now; what it was called, where it is missing."""
    return asset.places[0].name if asset.places else asset.name


def _facts_of(asset: Asset) -> Iterator[str]:
    """What else is said of an asset, line by line."""
    yield f"{in_bytes(asset.size)} · {asset.created:%Y-%m-%d %H:%M}"
    if asset.places:
        yield from map(str, asset.places)
    else:
        yield "Missing. " + (f"It was {asset.missing[-1]}" if asset.missing else "It was written over.")
    if document := asset.system.get("document"):
        seeds = asset.system.get("seeds") or ()
        yield f"Made by {document}" + (f", seed {', '.join(map(str, seeds))}" if seeds else "")
    yield from (str(model) for model in asset.system.get("models") or ())


def _note_of(asset: Asset) -> str:
    return str(asset.user.get("note", ""))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _copy_paths(assets: Sequence[Asset]) -> None:
    QGuiApplication.clipboard().setText("\n".join(str(asset.places[0]) for asset in assets))
