"""Fragments and pictures on the system clipboard.

Fragments are there in a form of our own, and as JSON that ComfyUI takes as well.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QGuiApplication

from core.errors import WorkflowError
from core.media.outputs import write_whole
from core.nodes.registry import Registry
from core.workflow.fragment import Fragment, read_fragment

_PNG_QUALITY: Final = 80  # Qt's word for how little it is compressed: nothing is lost
GRAPH_MIME: Final = "application/x-darkroom-graph+json"


def put(fragment: Fragment) -> None:
    """Puts a fragment on the clipboard."""
    text = json.dumps(fragment.to_json())
    mime = QMimeData()
    mime.setData(GRAPH_MIME, text.encode())
    mime.setText(text)
    QGuiApplication.clipboard().setMimeData(mime)


def take(registry: Registry) -> Fragment | None:
    """What is on the clipboard; None if that is files or a picture, which are not for the graph.

    Raises:
        WorkflowError: It is neither a graph nor a picture; the message says what it is.
    """
    mime = QGuiApplication.clipboard().mimeData() or QMimeData()  # None before anything was copied
    own = bytes(mime.data(GRAPH_MIME).data()) if mime.hasFormat(GRAPH_MIME) else b""
    if not own and (mime.hasUrls() or mime.hasImage()):
        return None
    text = own.decode(errors="replace") if own else mime.text()
    if not text.strip():
        raise WorkflowError("There is nothing on the clipboard that can be pasted here.")
    if not text.lstrip().startswith(("{", "[")):
        raise WorkflowError("The text on the clipboard is not a workflow.")
    return read_fragment(text, registry, "The text on the clipboard")


def save_picture(folder: Path) -> str | None:
    """The name under which the picture on the clipboard is in a folder now; None if there is no picture.

    Raises:
        DarkroomError: It cannot be written.
    """
    image = QGuiApplication.clipboard().image()
    if image.isNull():
        return None
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG", _PNG_QUALITY)  # pyright: ignore[reportCallIssue, reportArgumentType] - its stub lacks this
    data = bytes(buffer.data().data())
    name = f"pasted-{hashlib.sha256(data).hexdigest()[:12]}.png"
    if not (folder / name).exists():
        write_whole(folder / name, data)
    return name
