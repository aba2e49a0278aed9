"""Files dropped on the canvas or chosen for a value: opened, or brought into the input folder for a node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData

from app.canvas.face import Row, input_row, make_face
from app.documents import OpenDocument
from app.session import Session
from core.nodes.spec import FileChoice
from core.workflow.operations import SetWidget

_OPENED: Final = frozenset({".json", ".png", ".webp", ".jpg", ".jpeg", ".latent", ".safetensors"})
_PICTURES: Final = frozenset({".png", ".webp", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".avif"})


def files_of(data: QMimeData) -> list[Path]:
    """The files that are dragged, as far as they may hold a workflow."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in _OPENED]


def take_files(session: Session, opened: OpenDocument, files: Sequence[Path], node_id: str) -> None:
    """Loads a file into the node that it was dropped on, if that loads such files; opens all others."""
    row = loading_row(opened, node_id)
    loaded = next((file for file in files if row and _fits(row, file)), None)
    if row is not None and loaded is not None:
        load_into(session, opened, node_id, row, loaded)
    for file in files:
        if file is not loaded:
            session.open_file(file)


def load_into(session: Session, opened: OpenDocument, node_id: str, row: Row, file: Path) -> None:
    """Copies a file into the input folder, and chooses it in a node."""

    def choose(name: str) -> None:
        if node_id in opened.document.nodes:
            opened.do(SetWidget(node_id, row.place, name), f"Load {file.name}")

    session.import_input(file, choose)


def loading_row(opened: OpenDocument, node_id: str) -> Row | None:
    """The value of a node that names a file of the input folder; None if it has no such value."""
    node = opened.document.nodes.get(node_id)
    if node is None:
        return None
    return input_row(make_face(node, opened.document, opened.registry, opened.folders))


def _fits(row: Row, file: Path) -> bool:
    """Whether a value takes files of this kind, as far as their names tell."""
    choice = row.spec.widget if row.spec else None
    if not isinstance(choice, FileChoice):
        return False
    suffix = file.suffix.lower()
    kind = "image" if suffix in _PICTURES else suffix[1:]
    return not choice.accepts or kind in choice.accepts
