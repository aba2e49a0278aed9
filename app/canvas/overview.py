"""The graph as seen from afar: boxes and lines, held per colour and drawn all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.canvas.node_paint import far_colour, title_colour
from app.canvas.paints import mixed
from app.run_status import NodeState

if TYPE_CHECKING:
    from app.canvas.group_item import GroupItem
    from app.canvas.mirror import Mirror
    from app.canvas.node_item import NodeItem

_TITLE_PIXELS: Final = 12.0
_LINK_DIMMED: Final = 0.25


@dataclass(slots=True)
class _Lists:
    groups: list[GroupItem] = field(default_factory=list["GroupItem"])
    nodes: dict[int, list[QRectF]] = field(default_factory=dict[int, list[QRectF]])
    titled: dict[int, list[NodeItem]] = field(default_factory=dict[int, list["NodeItem"]])
    links: dict[int, list[QLineF]] = field(default_factory=dict[int, list[QLineF]])
    marked: dict[str, list[QRectF]] = field(default_factory=dict[str, list[QRectF]])


class Overview:
    """What is drawn when nodes are too small to be read, and what the minimap shows.

    The boxes and lines belong to the items, which change them as they move: moving rebuilds nothing.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._lists: _Lists | None = None

    def changed(self) -> None:
        """Items came, went, or took another colour, size or selection."""
        self._lists = None

    def bounds(self) -> QRectF:
        """The area of all nodes, groups and reroute points."""
        area = QRectF()
        for item in (*self._mirror.nodes.values(), *self._mirror.groups.values()):
            area = area.united(item.far)
        for item in self._mirror.reroutes.values():
            area = area.united(item.sceneBoundingRect())
        return area

    def paint(self, painter: QPainter, exposed: QRectF | None = None, *, group_titles: bool = True) -> None:
        """Draws everything.

        Args:
            painter: In scene coordinates.
            exposed: The part of the scene that is to be seen; all if not given.
            group_titles: With the titles of groups.
        """
        if self._lists is None:
            self._lists = self._collect()
        lists = self._lists
        scale = painter.worldTransform().m11()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._paint_groups(painter, lists.groups, exposed)
        canvas = self._mirror.paints.colour("canvas")
        for colour, lines in lists.links.items():
            # Opaque: half-transparent lines take fifteen times as long.
            pen = QPen(mixed(QColor.fromRgba(colour), canvas, _LINK_DIMMED), 1)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawLines(lines)
        painter.setPen(Qt.PenStyle.NoPen)
        _fill(painter, lists.nodes)
        if scale >= 0.1:
            titles = {colour: [_title(n) for n in nodes] for colour, nodes in lists.titled.items()}
            _fill(painter, titles)
        self._paint_marks(painter, lists.marked)
        if group_titles:
            self._paint_group_titles(painter, lists.groups, scale, exposed)

    def _collect(self) -> _Lists:
        lists = _Lists(groups=list(self._mirror.groups.values()))
        for node in self._mirror.nodes.values():
            if not node.record.collapsed and not node.face.reroute:
                lists.nodes.setdefault(far_colour(node).rgba(), []).append(node.far)
                lists.titled.setdefault(title_colour(node).rgba(), []).append(node)
            else:
                lists.nodes.setdefault(title_colour(node).rgba(), []).append(node.far)
            mark = _mark_of(node)
            if mark:
                lists.marked.setdefault(mark, []).append(node.far)
        for pipe in self._mirror.pipes.values():
            lists.links.setdefault(pipe.tint.rgba(), []).extend(pipe.far)
        for group in lists.groups:
            if group.isSelected():
                lists.marked.setdefault("node_selected", []).append(group.far)
        return lists

    def _paint_groups(self, painter: QPainter, groups: list[GroupItem], exposed: QRectF | None) -> None:
        for group in groups:
            if exposed is None or exposed.intersects(group.far):
                colour = QColor(group.colour())
                colour.setAlphaF(0.30)
                painter.fillRect(group.far, colour)

    def _paint_group_titles(
        self, painter: QPainter, groups: list[GroupItem], scale: float, exposed: QRectF | None
    ) -> None:
        """In a size that can be read, where the group is wide enough for it."""
        paints = self._mirror.paints
        painter.setPen(paints.colour("text"))
        for group in groups:
            if exposed is not None and not exposed.intersects(group.far):
                continue
            texts = paints.group_title(_TITLE_PIXELS)
            at = painter.worldTransform().map(group.far.topLeft())
            title = texts.fitted(group.record.title, float(round(group.far.width() * scale - 8)))
            if len(title) < 3:
                continue
            painter.save()
            painter.resetTransform()
            painter.setFont(texts.font)
            texts.draw(painter, at.x() + 4, at.y() + 9, title)
            painter.restore()

    def _paint_marks(self, painter: QPainter, marked: Mapping[str, list[QRectF]]) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for name, areas in marked.items():
            pen = QPen(self._mirror.paints.colour(name), 2)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawRects(areas)


def _fill(painter: QPainter, areas: Mapping[int, list[QRectF]]) -> None:
    for colour, rects in areas.items():
        painter.setBrush(QColor.fromRgba(colour))
        painter.drawRects(rects)


def _title(node: NodeItem) -> QRectF:
    area = node.far
    return QRectF(QPointF(area.left(), area.top()), QPointF(area.right(), node.y()))


def _mark_of(node: NodeItem) -> str:
    """The colour of the outline that a node has from afar; empty if it has none."""
    if node.is_chosen:
        return "node_selected"
    match node.status.state:
        case NodeState.RUNNING:
            return "accent"
        case NodeState.FAILED:
            return "danger"
        case NodeState.BLOCKED:
            return "warning"
        case _:
            return ""
