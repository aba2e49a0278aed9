"""The canvas: shows a document and turns gestures into edits of it. The document is the only model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from app.canvas.actions import CanvasActions
from app.canvas.editors import RowEditors
from app.canvas.graph_edits import GraphEdits
from app.canvas.group_item import GroupItem
from app.canvas.minimap import Minimap
from app.canvas.mirror import Mirror
from app.canvas.node_item import NodeItem
from app.canvas.overview import Overview
from app.canvas.paints import Paints, Thumbnails
from app.canvas.pipe_item import PipeItem
from app.canvas.reroute_item import RerouteItem
from app.canvas.search import NodeSearch
from app.canvas.value_tip import Values, ValueTip
from app.canvas.viewer import CanvasViewer
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import Theme


class CanvasGraph(GraphEdits):
    """The canvas of one document.

    Args:
        thumbnails: Where the pictures in nodes come from; none are shown without it.
        recent: Types of the nodes added last, shared by all canvases: what was used in one is wanted in the
            next.
        values: Where links look up what they carried in the last run.

    Attributes:
        nodes, pipes, groups, reroutes: Its items by the keys of their records.
        overview: All of it as seen from afar.
        editors: What edits values and titles.
        search: The search for a node to add.
        actions: What the commands do.
        minimap: The whole graph in a corner.
        value_tip: What the link under the mouse carried.

    Signals:
        selection_changed: Others are selected now. The other signals are those of `GraphEdits`.
    """

    selection_changed = Signal()

    def __init__(
        self,
        opened: OpenDocument,
        theme: Theme,
        settings: Settings,
        parent: QObject | None = None,
        *,
        thumbnails: Thumbnails | None = None,
        recent: list[str] | None = None,
        values: Values | None = None,
    ) -> None:
        viewer = CanvasViewer()
        # NodeGraphQt insists on a stack of its own; it stays empty, undo is the document's.
        super().__init__(parent, viewer=viewer, undo_stack=QUndoStack())
        self.opened = opened
        self.document = opened.document
        self.registry = opened.registry
        self.folders = opened.folders
        self.theme = theme
        self.settings = settings
        self.recent = recent if recent is not None else []
        self._thumbnails = thumbnails
        viewer.graph = self
        scene = viewer.scene()
        self.mirror = Mirror(opened, scene, Paints(theme, settings, thumbnails), self)
        self.nodes: Mapping[str, NodeItem] = self.mirror.nodes
        self.pipes: Mapping[int, PipeItem] = self.mirror.pipes
        self.groups: Mapping[int, GroupItem] = self.mirror.groups
        self.reroutes: Mapping[int, RerouteItem] = self.mirror.reroutes
        self.overview: Overview = self.mirror.overview
        scene.selectionChanged.connect(self.selection_changed)
        opened.edited.connect(self._on_edited)
        self.editors = RowEditors(self)
        self.search = NodeSearch(self)
        self.actions = CanvasActions()
        self.minimap = Minimap(self)
        self.value_tip = ValueTip(self, values)

    def viewer(self) -> CanvasViewer:
        """The widget to put into a tab."""
        viewer = self._viewer
        assert isinstance(viewer, CanvasViewer)
        return viewer

    # --- what is on it

    def set_theme(self, theme: Theme) -> None:
        """Takes other colours."""
        self.theme = theme
        self._renew_paints()

    def set_settings(self, settings: Settings) -> None:
        """Obeys other settings."""
        self.settings = settings
        self._renew_paints()

    def refresh(self) -> None:
        """Works out anew what every node shows: files may have come or gone."""
        self.mirror.refresh()

    def settle(self) -> None:
        """Routes the links of what has been moved on the canvas, for the next frame."""
        self.mirror.settle()

    def close(self) -> None:
        """Lets go of the document and of all items."""
        viewer = self.viewer()
        viewer.cancel_gesture()
        viewer.scene().selectionChanged.disconnect(self.selection_changed)
        self.opened.edited.disconnect(self._on_edited)
        self.mirror.close()
        viewer.deleteLater()
        self.deleteLater()

    def _renew_paints(self) -> None:
        self.mirror.set_paints(Paints(self.theme, self.settings, self._thumbnails))
        self.viewer().viewport().update()
        self.minimap.refresh()

    # --- what is selected

    def selected_nodes(self) -> list[str]:
        """Ids of the selected nodes, in the document's order."""
        return [key for key, item in self.nodes.items() if item.isSelected()]

    def selected_groups(self) -> list[int]:
        """Keys of the selected groups."""
        return [key for key, item in self.groups.items() if item.isSelected()]

    def selected_reroutes(self) -> list[int]:
        """Ids of the selected reroute points."""
        return [key for key, item in self.reroutes.items() if item.isSelected()]

    def selected_links(self) -> list[int]:
        """Ids of the selected links."""
        return [key for key, item in self.pipes.items() if item.isSelected()]

    def select(
        self, nodes: Iterable[str] = (), groups: Iterable[int] = (), reroutes: Iterable[int] = ()
    ) -> None:
        """Selects these and nothing else."""
        scene = self.viewer().scene()
        wanted = {
            *(self.nodes[key] for key in nodes if key in self.nodes),
            *(self.groups[key] for key in groups if key in self.groups),
            *(self.reroutes[key] for key in reroutes if key in self.reroutes),
        }
        before = set(scene.selectedItems())
        if wanted == before:
            return
        scene.blockSignals(True)
        try:
            for item in before - wanted:
                item.setSelected(False)
            for item in wanted - before:
                item.setSelected(True)
        finally:
            scene.blockSignals(False)
        self.selection_changed.emit()

    # --- what NodeGraphQt's view reports: it looks nodes up in a model of its own, which stays empty

    def _on_node_selected(self, node_id: str) -> None:
        """The scene tells of selections."""

    def _on_node_selection_changed(self, selected: list[str], deselected: list[str]) -> None:
        """The scene tells of selections."""
