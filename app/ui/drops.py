"""Files dropped on the canvas or chosen for a value: opened, or given to a node that loads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, QPointF

from app.canvas.face import Face, Row, input_row, make_face
from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.session import Session
from core.folders import Folders
from core.nodes.registry import Registry
from core.nodes.spec import FileChoice, InputSpec, NodeSpec
from core.workflow.new_nodes import new_node
from core.workflow.operations import AddNode, SetWidget

OPENED: Final = (".json", ".png", ".webp", ".jpg", ".jpeg", ".latent")
"""How the names of files end that may hold a workflow."""
_MODELS: Final = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf"})
_PICTURES: Final = frozenset({".png", ".webp", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".avif"})


def files_of(data: QMimeData) -> list[Path]:
    """The files that are dragged, as far as they may hold a workflow or a model."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in {*OPENED, *_MODELS}]


def is_model(file: Path) -> bool:
    """Whether a file is a model, as far as its name tells."""
    return file.suffix.lower() in _MODELS


def take_files(
    session: Session, canvas: CanvasGraph, files: Sequence[Path], pos: QPointF, node_id: str
) -> list[str]:
    """Gives each file to the node that it was dropped on, if that loads such files.

    For other models a node is added that loads them; all other files are opened.

    Returns:
        What could not be used and why, in sentences.
    """
    opened, problems = canvas.opened, list[str]()
    row = loading_row(opened, node_id)
    loaded = next((file for file in files if row and _fits(row, file)), None)
    if row is not None and loaded is not None:
        load_into(session, opened, node_id, row, loaded)
    models = [file for file in files if is_model(file)]
    for number, file in enumerate(models):
        problems += _take_model(canvas, file, pos + QPointF(30, 30) * number, node_id)
    for file in files:
        if file is not loaded and file not in models:
            session.open_file(file)
    return problems


def _take_model(canvas: CanvasGraph, file: Path, pos: QPointF, node_id: str) -> list[str]:
    """Chooses a model in the node it was dropped on, or in a new one; returns why not."""
    opened, label = canvas.opened, f"Load {file.name}"
    named = canvas.folders.name_of(file)
    if named is None:
        roots = ", ".join(str(root) for root in canvas.folders.models)
        return [
            f"{file.name} lies in no folder for models. Move it into the subfolder for its kind in {roots}, "
            "or start Darkroom with --models or --extra-model-paths and the folder that it is in."
        ]
    kind, name = named
    if row := _model_row(canvas.opened, node_id, kind, canvas.folders):
        opened.do(SetWidget(node_id, row.place, name), label)
        return []
    found = _loader(canvas.registry, kind, canvas.folders)
    if found is None:
        return [f"{file.name} is one of the {kind}, and there is no node that loads those by themselves."]
    spec, entry = found
    node = new_node(
        canvas.document.new_node_id(),
        spec,
        (pos.x(), pos.y()),
        values={entry.name: name},
        folders=canvas.folders,
    )
    if opened.do(AddNode(node), label):
        canvas.select([node.id])
    return []


def _model_row(opened: OpenDocument, node_id: str, kind: str, folders: Folders) -> Row | None:
    """The value of a node that names a model of that kind."""
    face = _face(opened, node_id)
    rows = face.rows if face else ()
    return next((r for r in rows if r.spec and not r.linked and _names(r.spec, kind, folders)), None)


def _loader(registry: Registry, kind: str, folders: Folders) -> tuple[NodeSpec, InputSpec] | None:
    """The node type that loads models of a kind, one that can run if there is, and its input for the name."""
    return next(
        (
            (spec, entry)
            for spec in (*registry, *registry.interface_only())
            if not spec.status
            for entry in spec.inputs
            if _names(entry, kind, folders)
        ),
        None,
    )


def _names(entry: InputSpec, kind: str, folders: Folders) -> bool:
    """Whether an input names models of a kind, by its present name or by an older one."""
    choice = entry.widget
    return isinstance(choice, FileChoice) and folders.places(choice.folder) == folders.places(kind)


def load_into(session: Session, opened: OpenDocument, node_id: str, row: Row, file: Path) -> None:
    """Copies a file into the input folder, and chooses it in a node."""

    def choose(name: str) -> None:
        if opened in session.documents and node_id in opened.document.nodes:
            opened.do(SetWidget(node_id, row.place, name), f"Load {file.name}")

    session.import_input(file, choose)


def loading_row(opened: OpenDocument, node_id: str) -> Row | None:
    """The value of a node that names a file of the input folder; None if it has no such value."""
    face = _face(opened, node_id)
    return input_row(face) if face else None


def _face(opened: OpenDocument, node_id: str) -> Face | None:
    node = opened.document.nodes.get(node_id)
    return make_face(node, opened.document, opened.registry, opened.folders) if node else None


def _fits(row: Row, file: Path) -> bool:
    """Whether a value takes files of this kind, as far as their names tell."""
    choice = row.spec.widget if row.spec else None
    if not isinstance(choice, FileChoice):
        return False
    suffix = file.suffix.lower()
    kind = "image" if suffix in _PICTURES else suffix[1:]
    return not choice.accepts or kind in choice.accepts
