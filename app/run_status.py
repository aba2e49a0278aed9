"""What each node of an open document shows of its runs: no part of the document, so undo leaves it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from core.errors import NodeError
from core.graph import PromptGraph

if TYPE_CHECKING:
    from core.engine.profile import Profile


class NodeState(Enum):
    """Where a node stands in the present run, or stood in the last one."""

    IDLE = "idle"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What one node shows.

    Attributes:
        progress: Share of its steps done, 0..1; None while it is not counting any.
        preview: Picture of unfinished work; gone once there is a result.
        pictures: Files of its results, to be shown in the node.
        texts: Texts of its results.
        order: Its number among the nodes that ran, from 1.
        message: Why it failed or was skipped.
        error: What it failed with, if it failed while it ran.
    """

    state: NodeState = NodeState.IDLE
    progress: float | None = None
    preview: QImage | None = None
    pictures: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    order: int | None = None
    seconds: float | None = None
    message: str = ""
    error: NodeError | None = None

    @property
    def text(self) -> str:
        """Its texts, one below the other."""
        return "\n".join(self.texts)


IDLE = NodeStatus()


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that has ended: what ran, and what every node cost."""

    name: str
    graph: PromptGraph
    profile: Profile


class RunStatus(QObject):
    """The statuses of a document's nodes.

    Attributes:
        last: The run that ended last; None before the first one.

    Signals:
        changed: Id of a node whose status is another one now.
        ended: A run has ended, which is `last` now.
    """

    changed = Signal(str)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.last: PastRun | None = None
        self._statuses: dict[str, NodeStatus] = {}

    def of(self, node_id: str) -> NodeStatus:
        """The status of a node."""
        return self._statuses.get(node_id, IDLE)

    def all(self) -> Mapping[str, NodeStatus]:
        """Node id -> status, for those that have one."""
        return self._statuses

    def update(self, node_id: str, **fields: Any) -> None:
        """Changes some of the fields of a node's status."""
        self._statuses[node_id] = replace(self.of(node_id), **fields)
        self.changed.emit(node_id)

    def end(self, run: PastRun) -> None:
        """Keeps what a run was."""
        self.last = run
        self.ended.emit()
