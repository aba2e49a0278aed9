"""What a run is given, and what a running node is given of it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from core.engine.live import Live
from core.engine.profile import Meter
from core.engine.validate import BoundNode, Validation
from core.errors import Cancelled
from core.events import Listener, NodePreview, NodeProgress, Picture, RunEvent
from core.folders import Folders
from core.nodes.api import NodeId, Prompt, WorkflowInfo

T = TypeVar("T")


class CancelToken:
    """Asks a run to stop, from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Asks; the run stops at its next check."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def check(self) -> None:
        """Raises `Cancelled` once somebody asked."""
        if self._event.is_set():
            raise Cancelled


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the program lends to every run.

    Attributes:
        services: Type -> its instance, as nodes ask for it with `Context.service`.
        free_memory: Lets go of what is idle when a node runs out of memory; says whether that was anything.
            The node is then tried once more.
        meter: Measures memory and the accelerator's time for the profile.
    """

    folders: Folders
    services: Mapping[type, object] = field(default_factory=dict[type, object])
    free_memory: Callable[[], bool] | None = None
    meter: Meter | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is special to one run.

    Attributes:
        targets: The nodes to run for; all output nodes if None.
        extra_pnginfo: What is to be stored with pictures beside the prompt: `{"workflow": editor format}`.
        stop_at_first_error: As ComfyUI does, instead of going on with independent branches.
        preview_seconds: Least time between previews; None for no previews.
    """

    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    targets: Sequence[str] | None = None
    token: CancelToken = field(default_factory=CancelToken)
    extra_pnginfo: Mapping[str, object] = field(default_factory=dict[str, object])
    stop_at_first_error: bool = False
    preview_seconds: float | None = None


class Hidden:
    """Fills in the parameters that are no inputs.

    Args:
        fingerprints: Of the nodes that have one; they are part of the stored prompt.
    """

    def __init__(
        self,
        context: RunContext,
        options: RunOptions,
        validation: Validation,
        fingerprints: Mapping[str, object],
        live: Live,
        emit: Listener,
    ) -> None:
        self.context = context
        self.options = options
        self.live = live
        self.emit = emit
        self.last_preview = -float("inf")
        self._validation = validation
        self._fingerprints = fingerprints
        self._prompt: Prompt | None = None

    def arguments(self, node: BoundNode) -> dict[str, object]:
        """The hidden parameters of a node."""
        return {name: self._argument(kind, node) for name, kind in node.spec.hidden.items()}

    def _argument(self, kind: str, node: BoundNode) -> object:
        match kind:
            case "CONTEXT":
                return NodeContext(self, node.node_id)
            case "FOLDERS":
                return self.context.folders
            case "UNIQUE_ID":
                return NodeId(node.node_id)
            case "PROMPT":
                if self._prompt is None:
                    self._prompt = api_prompt(self._validation, self._fingerprints)
                return self._prompt
            case "EXTRA_PNGINFO":
                return WorkflowInfo(self.options.extra_pnginfo)
            case "DYNPROMPT":
                return self.live
            case _:
                raise LookupError(f"nothing fills in a parameter of kind {kind!r}")


class NodeContext:
    """The `core.nodes.api.Context` of one node in one run."""

    def __init__(self, hidden: Hidden, node_id: str) -> None:
        self._hidden = hidden
        self._node_id = node_id

    def check_cancelled(self) -> None:
        """Raises `Cancelled` once the user has asked the run to stop."""
        self._hidden.options.token.check()

    def progress(self, value: int, maximum: int) -> None:
        """Reports `value` of `maximum` steps done, and checks for cancellation."""
        self.check_cancelled()
        self._emit(NodeProgress(*self._place, value, maximum))

    def step(self, index: int, total: int, preview: Callable[[], Picture | None] | None = None) -> None:
        """Reports step `index` (from 0) of `total` as done, with a picture where one is due and to be had."""
        self.progress(index + 1, total)
        wait = self._hidden.options.preview_seconds
        now = time.monotonic()
        if preview is None or wait is None or now - self._hidden.last_preview < wait:
            return
        self._hidden.last_preview = now
        picture = preview()
        if picture is not None:
            self._emit(NodePreview(*self._place, picture))

    def service(self, kind: type[T]) -> T:
        """The run's instance of a service.

        Raises:
            LookupError: The run was started without one.
        """
        found = self._hidden.context.services.get(kind)
        if isinstance(found, kind):
            return found
        raise LookupError(f"this run was started without a {kind.__name__}")

    @property
    def _place(self) -> tuple[str, str, str]:
        return self._hidden.options.run_id, self._node_id, self._hidden.live.display_id(self._node_id)

    def _emit(self, event: RunEvent) -> None:
        self._hidden.emit(event)


def api_prompt(validation: Validation, fingerprints: Mapping[str, object]) -> Prompt:
    """The graph in API format as it runs: values converted, fingerprints as `is_changed`."""
    prompt = Prompt()
    for node_id, node in validation.graph.nodes.items():
        bound = validation.nodes.get(node_id)
        values = {**node.inputs, **(bound.constants if bound else {})}
        entry = replace(node, inputs=values).to_json()
        fingerprint = fingerprints.get(node_id)
        if isinstance(fingerprint, str | int):
            entry["is_changed"] = [fingerprint]
        prompt[node_id] = entry
    return prompt
