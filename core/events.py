"""What a run reports while it happens: frozen records given to one plain callable.

Images cross threads as contiguous uint8 arrays `[H,W,3]` on the CPU, never as tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from core.errors import NodeError, Problem

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture: TypeAlias = npt.NDArray[np.uint8]
else:
    # The command line and the window list nodes before anything needs numpy.
    Picture = object

Ui: TypeAlias = Mapping[str, Sequence[object]]


class Usage(NamedTuple):
    """What a node left behind.

    Attributes:
        host: Bytes the process has in memory.
        device: Bytes taken on the accelerator; 0 without one.
        device_peak: The most it was while the node worked.
        device_seconds: How long the accelerator worked for it; None without one.
    """

    host: int
    device: int = 0
    device_peak: int = 0
    device_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Base of all events of one run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class NodeEvent(RunEvent):
    """Base of the events of one node; `display_id` is the node of the user's graph it is shown under."""

    node_id: str
    display_id: str


@dataclass(frozen=True, slots=True)
class RunQueued(RunEvent):
    """The run waits its turn."""


@dataclass(frozen=True, slots=True)
class RunStarted(RunEvent):
    """The run began.

    Attributes:
        cached: Nodes whose results are taken from the cache.
        left_out: Problems of outputs that cannot run; the others do.
    """

    cached: tuple[str, ...]
    left_out: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeStarted(NodeEvent):
    """Work on a node began. A node with lazy inputs can start more than once."""


@dataclass(frozen=True, slots=True)
class NodeProgress(NodeEvent):
    """A node did `value` of `maximum` steps."""

    value: int
    maximum: int


@dataclass(frozen=True, slots=True)
class NodePreview(NodeEvent):
    """A picture of unfinished work."""

    image: Picture


@dataclass(frozen=True, slots=True)
class NodeExpanded(NodeEvent):
    """A node has other nodes run in its place; it is finished once they are."""

    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeFinished(NodeEvent):
    """A node is done; `shown` is what it wants displayed, None for most."""

    shown: Ui | None
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeCached(NodeEvent):
    """A node's result came from the cache; `shown` is repeated for output nodes."""

    shown: Ui | None


@dataclass(frozen=True, slots=True)
class NodeFailed(NodeEvent):
    """A node raised. Its branch ends here."""

    error: NodeError


@dataclass(frozen=True, slots=True)
class NodeBlocked(NodeEvent):
    """A node was skipped because an input is blocked, with the reason the blocking node gave."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunFinished(RunEvent):
    """The run ended; some outputs may be missing if nodes failed on the way."""


@dataclass(frozen=True, slots=True)
class RunFailed(RunEvent):
    """The run ended without any output, or was stopped at its first error."""

    error: NodeError


@dataclass(frozen=True, slots=True)
class RunCancelled(RunEvent):
    """The user stopped the run."""


Listener: TypeAlias = Callable[[RunEvent], None]
