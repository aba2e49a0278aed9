"""Keeps the items on the canvas equal to the document. Nothing reads values back from items."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QPixmapCache
from PySide6.QtWidgets import QGraphicsScene

from app.canvas.face import Files, make_face
from app.canvas.group_item import GroupItem
from app.canvas.node_item import NodeItem
from app.canvas.node_socket import NodeSocket
from app.canvas.overview import Overview
from app.canvas.paints import Paints
from app.canvas.pipe_item import PipeItem
from app.canvas.reroute_item import RerouteItem
from app.documents import OpenDocument
from core.workflow.document import Changed
from core.workflow.records import PRIMITIVE, DocumentLink, Node

_SHOWN: Final = (
    *("type", "size", "title", "mode", "inputs", "outputs", "widgets"),
    *("colour", "background", "flags", "properties"),
)
"""The fields of a node that decide how it looks, all but its position."""

K = TypeVar("K", str, int)
V = TypeVar("V")

_GROUP_LAYER: Final = -3.0
"""Groups lie from here up to one above, in the order of the file."""

_STATUS_INTERVAL: Final = 33
_PIXMAPS_KB: Final = 256 * 1024
"""For painted nodes and their texts; Qt's own limit holds not even one screen of them."""


class Mirror(QObject):
    """The items of a document on a scene.

    Attributes:
        nodes, pipes, groups, reroutes: The items by the keys of their records.
        overview: The same, from afar.
    """

    def __init__(self, opened: OpenDocument, scene: QGraphicsScene, paints: Paints, parent: QObject) -> None:
        super().__init__(parent)
        if QPixmapCache.cacheLimit() < _PIXMAPS_KB:
            QPixmapCache.setCacheLimit(_PIXMAPS_KB)
        self.paints = paints
        self.nodes: dict[str, NodeItem] = {}
        self.pipes: dict[int, PipeItem] = {}
        self.groups: dict[int, GroupItem] = {}
        self.reroutes: dict[int, RerouteItem] = {}
        self.overview = Overview(self)
        self._opened = opened
        self._document = opened.document
        self._scene = scene
        self._is_settling = False
        self._moved_pipes: set[PipeItem] = set()
        self._moved_points: set[int] = set()
        self._statuses: set[str] = set()
        self._status_timer = QTimer(self, interval=_STATUS_INTERVAL, singleShot=True)
        self._status_timer.timeout.connect(self._show_statuses)
        self._move_timer = QTimer(self, interval=0, singleShot=True)
        self._move_timer.timeout.connect(self.settle)
        opened.edited.connect(self._on_edited)
        opened.run.changed.connect(self._on_status)
        self._watch_pictures()
        document = self._document
        self._on_edited(
            Changed(
                frozenset(document.nodes),
                frozenset(document.links),
                frozenset(document.groups),
                frozenset(document.reroutes),
            )
        )

    def close(self) -> None:
        """Takes all items off the scene and stops listening."""
        self._opened.edited.disconnect(self._on_edited)
        self._opened.run.changed.disconnect(self._on_status)
        if self.paints.thumbnails is not None:
            self.paints.thumbnails.ready.disconnect(self._on_picture)
        self._status_timer.stop()
        self._move_timer.stop()
        for table in (self.pipes, self.reroutes, self.groups, self.nodes):
            for item in table.values():
                self._scene.removeItem(item)
            table.clear()

    # --- all at once

    def set_paints(self, paints: Paints) -> None:
        """Shows everything with other colours and fonts."""
        if self.paints.thumbnails is not None:
            self.paints.thumbnails.ready.disconnect(self._on_picture)
        self.paints = paints
        self._watch_pictures()
        with self._bulk():
            for node in self.nodes.values():
                node.set_paints(paints)
            self._show_links(self._document.links)
            for item in (*self.groups.values(), *self.reroutes.values()):
                item.update()
        self.overview.changed()
        self._scene.update()

    def refresh(self) -> None:
        """Works out anew what every node shows: files may have come or gone."""
        with self._bulk():
            self._show_nodes(self.nodes, again=True)

    # --- what items tell

    def node_moved(self, item: NodeItem) -> None:
        """Its links follow, once all that moves has moved."""
        moved = self._moved_pipes
        for port in item.ports():
            if port.connected_pipes:
                moved.update(port.connected_pipes)
        if self._moved_pipes and not self._is_settling:
            self._move_timer.start()

    def reroute_moved(self, item: RerouteItem) -> None:
        """The links through it follow."""
        self._moved_points.add(item.reroute_id)
        if not self._is_settling:
            self._move_timer.start()

    def node_selected(self, item: NodeItem) -> None:
        """Its links stand out."""
        self.overview.changed()
        for port in item.ports():
            for pipe in port.connected_pipes:
                pipe.stand_out()

    def settle(self) -> None:
        """Routes the links of all that has moved. A gesture calls this before the next frame."""
        self._move_timer.stop()
        if self._moved_points:
            points, self._moved_points = self._moved_points, set()
            self._show_links(link for link in self._document.links if not points.isdisjoint(self._via(link)))
        pipes, self._moved_pipes = self._moved_pipes, set()
        for pipe in pipes:
            pipe.route()

    # --- what the document tells

    def restore_links(self, links: Iterable[int]) -> None:
        """Shows links as the document has them, after a gesture has taken one off the canvas."""
        self._show_links(links)
        self.settle()

    def _on_edited(self, changed: Changed) -> None:
        document = self._document
        many = len(changed.nodes) + len(changed.links) > 50
        with self._bulk() if many else _nothing():
            self._is_settling = True
            for group in changed.groups:
                self._show_group(group)
            for point in changed.reroutes:
                self._show_reroute(point)
            links = set(changed.links)
            for node_id in self._show_nodes(_in_order(changed.nodes, document.nodes)):
                links.update(_links_of(document.nodes[node_id]))
            _sort(self.nodes, document.nodes)
            for point in changed.reroutes:
                record = document.reroutes.get(point)
                links.update(record.links if record else ())
            self._show_links(links)
            self._is_settling = False
            self.settle()
            if changed.links:
                self._show_primitives(changed.links)
        if changed.groups:
            self._order_groups()

    def _show_nodes(self, keys: Iterable[str], again: bool = False) -> list[str]:
        """Ids of the nodes whose sockets may be others now."""
        document, opened = self._document, self._opened
        shown: list[str] = []
        files = Files(opened.folders)
        for key in list(keys):
            record, item = document.nodes.get(key), self.nodes.get(key)
            if record is None:
                if item is not None:
                    self._remove_node(key, item)
                continue
            if item is not None and item.record is record and not again:
                continue
            if item is not None and not again and _looks_alike(item.record, record):
                item.follow(record)
                continue
            face = make_face(record, document, opened.registry, opened.folders, files)
            if item is not None:
                item.present(record, face)
                self.overview.changed()
            else:
                item = self.nodes[key] = NodeItem(record, face, self)
                status = opened.run.all().get(key)  # of before it was opened, or taken away and put back
                if status is not None:
                    item.show_status(status)
                self._scene.addItem(item)
                self.overview.changed()
            shown.append(key)
        return shown

    def _remove_node(self, key: str, item: NodeItem) -> None:
        del self.nodes[key]
        for port in item.ports():
            port.unlink()
        self._scene.removeItem(item)
        self.overview.changed()

    def _show_links(self, keys: Iterable[int]) -> None:
        links = self._document.links
        for key in list(keys):
            link, pipe = links.get(key), self.pipes.get(key)
            origin, target = self._ends(link) if link else (None, None)
            if link is None or origin is None or target is None:
                if pipe is not None:
                    del self.pipes[key]
                    pipe.delete()
                    self.overview.changed()
                continue
            if pipe is None:
                pipe = self.pipes[key] = PipeItem(key, self)
                self.overview.changed()
            points = self._via(key)
            pipe.connect_ports(origin, target, [self._point(number) for number in points])
            if not pipe.scene():
                self._scene.addItem(pipe)
            for number in points:
                self.reroutes[number].paint_as(pipe.tint)

    def _show_primitives(self, links: Iterable[int]) -> None:
        """A primitive shows its value as the input it feeds does: what it feeds may be another now."""
        records = (self._document.links.get(number) for number in links)
        origins = {link.origin for link in records if link is not None}
        feeding = {key for key in origins if key in self.nodes and self.nodes[key].record.type == PRIMITIVE}
        if feeding:
            self._show_nodes(feeding, again=True)
            self._show_links(n for key in feeding for n in _links_of(self.nodes[key].record))

    def _show_group(self, key: int) -> None:
        record, item = self._document.groups.get(key), self.groups.get(key)
        if record is None:
            if item is not None:
                del self.groups[key]
                self._scene.removeItem(item)
                self.overview.changed()
        elif item is None:
            item = self.groups[key] = GroupItem(record, self)
            self._scene.addItem(item)
        elif item.record is not record:
            item.present(record)

    def _order_groups(self) -> None:
        """Groups lie above each other as the file lists them."""
        _sort(self.groups, self._document.groups)
        for place, group in enumerate(self.groups.values()):
            group.setZValue(_GROUP_LAYER + place / len(self.groups))

    def _show_reroute(self, key: int) -> None:
        record, item = self._document.reroutes.get(key), self.reroutes.get(key)
        if record is None:
            if item is not None:
                del self.reroutes[key]
                self._scene.removeItem(item)
        elif item is None:
            item = self.reroutes[key] = RerouteItem(record, self)
            self._scene.addItem(item)
        elif item.record is not record:
            item.present(record)

    def _ends(self, link: DocumentLink) -> tuple[NodeSocket | None, NodeSocket | None]:
        """The sockets that a link leads from and to; None where the document does not have it so."""
        origin, target = self.nodes.get(link.origin), self.nodes.get(link.target)
        if origin is None or target is None or not 0 <= link.target_slot < len(target.record.inputs):
            return None, None
        if target.record.inputs[link.target_slot].link != link.id:
            return None, None
        return origin.output_at(link.origin_slot), target.input_at(link.target_slot)

    def _via(self, key: int) -> list[int]:
        """The points that a link runs through, in order."""
        number = self._document.links[key].reroute
        result: list[int] = []
        while number is not None and number in self.reroutes and number not in result:
            result.append(number)
            number = self._document.reroutes[number].parent
        return result[::-1]

    def _point(self, number: int) -> tuple[float, float]:
        """Where a reroute point is now, also while it is being dragged."""
        pos = self.reroutes[number].pos()
        return pos.x(), pos.y()

    # --- what runs tell

    def _on_status(self, node_id: str) -> None:
        self._statuses.add(node_id)
        if not self._status_timer.isActive():
            self._status_timer.start()

    def _show_statuses(self) -> None:
        changed, self._statuses = self._statuses, set()
        for node_id in changed:
            item = self.nodes.get(node_id)
            if item is not None:
                item.show_status(self._opened.run.of(node_id))
        self.settle()

    def _watch_pictures(self) -> None:
        if self.paints.thumbnails is not None:
            self.paints.thumbnails.ready.connect(self._on_picture)

    def _on_picture(self, path: Path) -> None:
        for item in self.nodes.values():
            if path in item.pictures():
                item.lay_out()
        self.settle()

    # --- in between

    @contextmanager
    def _bulk(self) -> Generator[None]:
        """Nothing is painted and no garbage is looked for meanwhile."""
        views = self._scene.views()
        was_collecting = gc.isenabled()
        gc.disable()
        for view in views:
            view.setUpdatesEnabled(False)
        try:
            yield
        finally:
            for view in views:
                view.setUpdatesEnabled(True)
            if was_collecting:
                gc.enable()


@contextmanager
def _nothing() -> Generator[None]:
    yield


def _in_order(keys: Collection[K], table: Mapping[K, object]) -> list[K]:
    """Keys in the order of a table; those that it lacks come last."""
    if len(keys) < 2:
        return list(keys)
    known = [key for key in table if key in keys]
    return [*known, *(key for key in keys if key not in table)]


def _sort(items: dict[K, V], table: Mapping[K, object]) -> None:
    """Puts items in the order of the table they show."""
    ordered = [key for key in table if key in items]
    if ordered != list(items):
        for key in ordered:
            items[key] = items.pop(key)


def _looks_alike(one: Node, other: Node) -> bool:
    """Whether two states of a node differ in their position at most; edits keep what they leave alone."""
    return all(getattr(one, name) is getattr(other, name) for name in _SHOWN)


def _links_of(node: Node) -> Iterator[int]:
    for socket in node.inputs:
        if socket.link is not None:
            yield socket.link
    for socket in node.outputs:
        yield from socket.links
