"""What the canvas uses of NodeGraphQt, with types. No other module imports it.

NodeGraphQt is not annotated, takes any Qt binding it finds, and imports `distutils`, which warns.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

os.environ["QT_PREFERRED_BINDING"] = "PySide6"

if TYPE_CHECKING:
    from typing import Any

    from PySide6.QtCore import QObject, QPoint, QPointF, QRectF, Signal
    from PySide6.QtGui import QUndoStack
    from PySide6.QtWidgets import (
        QGraphicsItem,
        QGraphicsPathItem,
        QGraphicsScene,
        QGraphicsView,
        QWidget,
    )

    class NodeScene(QGraphicsScene):
        def viewer(self) -> NodeViewer: ...

    class AbstractNodeItem(QGraphicsItem):
        id: str
        name: str
        selected: bool
        _properties: dict[str, Any]
        _width: float
        _height: float

        def __init__(self, name: str = "node", parent: QGraphicsItem | None = None) -> None: ...
        def viewer(self) -> NodeViewer: ...

    class PipeItem(QGraphicsPathItem):
        input_port: Any  # of it and of the other one, NodeGraphQt asks for no more than their node
        output_port: Any
        _input_port: Any
        _output_port: Any
        color: tuple[int, int, int, int]

        def delete(self) -> None: ...
        def activate(self) -> None: ...
        def reset(self) -> None: ...

    class LivePipeItem(PipeItem):
        def reset_path(self) -> None: ...

    class SlicerPipeItem(QGraphicsPathItem):
        def draw_path(self, p1: QPointF, p2: QPointF) -> None: ...

    class NodeViewer(QGraphicsView):
        moved_nodes: Signal
        connection_sliced: Signal
        connection_changed: Signal
        insert_node: Signal
        _LIVE_PIPE: LivePipeItem
        _SLICER_PIPE: SlicerPipeItem
        _previous_pos: QPoint
        _scene_range: QRectF

        def __init__(self, parent: QWidget | None = None, undo_stack: QUndoStack | None = None) -> None: ...
        def _update_scene(self) -> None: ...
        def clear_key_state(self) -> None: ...

    class NodeGraph(QObject):
        _viewer: NodeViewer

        def __init__(self, parent: QObject | None = None, **kwargs: object) -> None: ...
        def viewer(self) -> NodeViewer: ...

else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from NodeGraphQt import NodeGraph
        from NodeGraphQt.qgraphics.node_abstract import AbstractNodeItem
        from NodeGraphQt.qgraphics.pipe import LivePipeItem, PipeItem
        from NodeGraphQt.qgraphics.slicer import SlicerPipeItem
        from NodeGraphQt.widgets.scene import NodeScene
        from NodeGraphQt.widgets.viewer import NodeViewer

__all__ = [
    "AbstractNodeItem",
    "LivePipeItem",
    "NodeGraph",
    "NodeScene",
    "NodeViewer",
    "PipeItem",
    "SlicerPipeItem",
]
