"""Fragments on the system clipboard: in a form of our own, and as JSON that ComfyUI takes as well."""

from __future__ import annotations

import json
from typing import Final

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from core.errors import WorkflowError
from core.nodes.registry import Registry
from core.workflow.fragment import Fragment, read_fragment

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
