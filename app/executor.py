"""The thread that runs jobs, one after the other. Everything of torch happens on it, the import included."""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal

from app.caches import CachePolicy, make_cache
from app.crash import describe
from app.jobs import Job, JobQueue, JobState, RunFacts
from app.runs import make_context
from core.engine.context import CancelToken, RunOptions
from core.engine.profile import Profile
from core.engine.run import Runner, RunReport
from core.errors import DarkroomError, GraphError, NodeError, Problem
from core.events import RunEvent
from core.folders import Folders
from core.graph import Link, PromptGraph
from core.inspection import Facts, inspect
from core.nodes.registry import Registry
from core.topology import sources_first

_log = logging.getLogger(__name__)

PREVIEW_SECONDS: Final = 1 / 15
"""Least time between previews, for those who want them."""

_IMPORTS: Final = (
    "torch",
    "transformers.models.clip.modeling_clip",
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.models.autoencoders.autoencoder_kl",
    "diffusers.loaders.single_file_utils",
    "core.models.load",
    "core.models.text.tokenizer",
    "core.sampling.sample",
    "core.media.images",
)
"""What the first run would otherwise wait for."""
_SWITCH_SECONDS: Final = 0.001
"""How long the worker keeps Python to itself while the window waits; by default it is five times that."""
_LOOK_SECONDS: Final = 0.05
_SLICE_SECONDS: Final = 0.008
"""How long events are handed on before the window may paint."""
_STATES: Final = {
    "success": JobState.DONE,
    "partial": JobState.PARTIAL,
    "error": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class JobBegan(RunEvent):
    """The worker took a job.

    Attributes:
        nodes: The nodes its outputs need, which are all that can run.
    """

    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class JobEnded(RunEvent):
    """The last that is heard of a job, whatever became of it.

    Attributes:
        problems: Why nodes could not run, where the graph was refused as a whole.
        run: What it did.
        profile: What every node cost; None if nothing ran.
    """

    state: JobState
    message: str
    seconds: float
    problems: tuple[Problem, ...] = ()
    run: RunFacts = field(default_factory=RunFacts)
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of the value of an output.

    Attributes:
        document_key: Of the document whose last run is meant.
        facts: None where there is no value to be looked at.
        reason: Why there is none, where the user can do something about it.
    """

    document_key: str
    source: Link
    facts: Facts | None = None
    reason: str = ""


class _Order(NamedTuple):
    """A job for the worker, and how the user wants it done."""

    job: Job
    options: RunOptions
    policy: CachePolicy


class _Question(NamedTuple):
    """Somebody asks for a value of the last run."""

    document_key: str
    source: Link


class ExecutorThread(QThread):
    """Takes jobs from the queue as soon as torch is loaded, and says what happens to them.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        log_dir: Where traces of our own mistakes are kept; None for the place that the system expects.

    Attributes:
        preview_seconds: Least time between previews, from the next job on; None for no previews.
        stop_at_first_error: Whether runs, from the next job on, end there instead of making what they can.
        cache_policy: Which results are kept, from the next job on.

    Signals:
        happened: Everything there is to tell, as `RunEvent`, in order, on the GUI thread.
        inspected: The answer to `inspect`, as `Inspected`.
        ready: It is loaded and runs jobs; the name of its device.
        failed: It could not be loaded, and why; every job fails for that reason.
    """

    happened = Signal(object)
    inspected = Signal(object)
    ready = Signal(str)
    failed = Signal(str)
    _woken = Signal()

    def __init__(
        self,
        queue: JobQueue,
        registry: Registry,
        folders: Folders,
        device: str = "auto",
        parent: QObject | None = None,
        log_dir: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("executor")
        self.preview_seconds: float | None = PREVIEW_SECONDS
        self.stop_at_first_error = False
        self.cache_policy = CachePolicy()
        self._queue = queue
        self._registry = registry
        self._folders = folders
        self._device = device
        self._log_dir = log_dir
        self._is_loaded = False
        self._is_stopping = False
        self._problem = ""
        self._token = CancelToken()
        self._job_id = ""
        self._orders: SimpleQueue[_Order | _Question | None] = SimpleQueue()
        self._policy = self.cache_policy
        self._last: tuple[str, RunReport] | None = None
        self._outbox: deque[RunEvent] = deque()
        self._is_awake = False
        self._rest = QTimer(self, interval=0, singleShot=True)
        self._rest.timeout.connect(self._deliver)
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.ready.connect(self._on_loaded)
        self.failed.connect(self._on_loaded)
        queue.changed.connect(self._feed)
        queue.job_started.connect(self._order)
        queue.cancel_asked.connect(self.cancel)

    def cancel(self, job_id: str) -> None:
        """Stops a job at its next step, if it is the one that runs."""
        if job_id == self._job_id:
            self._token.cancel()

    def inspect(self, document_key: str, source: Link) -> None:
        """Asks what an output gave in the last run, if that was one of the document; `inspected` answers."""
        if self._queue.running is not None:
            reason = "Values can be looked at after the run"
            self.inspected.emit(Inspected(document_key, source, reason=reason))
        elif self._is_loaded:
            self._orders.put(_Question(document_key, source))

    def stop(self) -> None:
        """Cancels what runs and waits until the thread has ended, which takes one step or one import."""
        self._is_stopping = True
        self._token.cancel()
        self._orders.put(None)
        self.wait()

    # On the GUI thread.

    def _on_loaded(self) -> None:
        self._is_loaded = True
        self._feed()

    def _feed(self, _changed: object = None) -> None:
        """Asks for the next job. One at a time, so that those that wait can still be moved."""
        if self._is_loaded and not self._is_stopping:
            self._queue.start_next()

    def _order(self, job: Job) -> None:
        """Hands a job to the worker."""
        self._job_id, self._token = job.id, CancelToken()
        options = RunOptions(
            run_id=job.id,
            targets=job.targets or None,
            token=self._token,
            extra_pnginfo={"workflow": job.workflow},
            stop_at_first_error=self.stop_at_first_error,
            preview_seconds=self.preview_seconds,
        )
        self._orders.put(_Order(job, options, self.cache_policy))

    def _deliver(self) -> None:
        """Hands on what has come. A flood of it is cut into slices, or the window would stand still."""
        if self._rest.isActive():
            return
        self._is_awake = False
        until = time.perf_counter() + _SLICE_SECONDS
        while self._outbox:
            self.happened.emit(self._outbox.popleft())
            if time.perf_counter() > until:
                self._rest.start()
                return

    # On the worker.

    def run(self) -> None:
        """Loads torch, then runs jobs until it is stopped. Qt calls this on the new thread."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        runner = self._load()
        while not self._is_stopping and (order := self._orders.get()) is not None:
            if isinstance(order, _Question):
                self.inspected.emit(self._look(order))
            else:
                self._perform(runner, order)

    def _load(self) -> Runner | None:
        try:
            with _no_collection():
                _load_libraries_aside()
                for name in _IMPORTS:
                    if self._is_stopping:
                        return None
                    importlib.import_module(name)
            return self._make_runner()
        except DarkroomError as error:
            self._problem = str(error)
        except Exception as error:  # noqa: BLE001 - a broken installation raises anything, and the user must hear
            self._problem = describe(error, self._log_dir)
        self.failed.emit(self._problem)
        return None

    def _make_runner(self) -> Runner:
        context, self._device = make_context(self._folders, self._device)
        self.ready.emit(self._device)
        return Runner(self._registry, context)

    def _perform(self, runner: Runner | None, order: _Order) -> None:
        job, started = order.job, time.perf_counter()
        state, message, problems, run, profile = JobState.FAILED, self._problem, (), RunFacts(), None
        self._last = None  # its values make room for those of this run
        peaks = Peaks()

        def post(event: RunEvent) -> None:
            peaks.look()
            self._post(event)

        try:
            if runner is not None:
                self._post(JobBegan(job.id, _needed(job, self._registry)))
                self._obey(order.policy, runner)
                report = runner.run(job.graph, order.options, post)
                if order.policy.kind != "none":
                    self._last = job.document_key, report
                profile = report.profile
                run = RunFacts(report.executed, report.cached, report.seconds, peaks.found(report.profile))
                state, message = _STATES[report.status], _said(report, job.graph, self._registry)
        except GraphError as error:
            problems = error.problems
            message = _sentence(problems, job.graph, self._registry)
        except DarkroomError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs this job, not the thread
            message = describe(error, self._log_dir)
        seconds = time.perf_counter() - started
        self._post(JobEnded(job.id, state, message, seconds, problems, run, profile))

    def _obey(self, policy: CachePolicy, runner: Runner) -> None:
        """Has another policy begin with an empty cache."""
        if policy != self._policy:
            self._policy, runner.cache = policy, make_cache(policy, self._device)

    def _look(self, question: _Question) -> Inspected:
        document_key, source = question
        if self._last is None or self._last[0] != document_key:
            return Inspected(document_key, source)
        try:
            return Inspected(document_key, source, inspect(*self._last[1].output(*source)))
        except LookupError:
            return Inspected(document_key, source, reason="It had no value in the last run")
        except Exception as error:  # noqa: BLE001 - nodes pass on anything, and it costs the answer only
            _log.warning("Output %d of node %s cannot be looked at: %s", source.slot, source.node_id, error)
            return Inspected(document_key, source, reason="This value cannot be looked at")

    def _post(self, event: RunEvent) -> None:
        self._outbox.append(event)
        if not self._is_awake:
            self._is_awake = True
            self._woken.emit()


class Peaks:
    """The most memory a run has had, as far as looks at it now and then can tell."""

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self._host = self._process.memory_info().rss
        self._next_look = 0.0

    def look(self) -> None:
        """Looks, unless it has just looked."""
        now = time.perf_counter()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._host = max(self._host, self._process.memory_info().rss)

    def found(self, profile: Profile) -> dict[str, int]:
        """Bytes: `host` of the whole process, `device` of what the nodes had there if there is one."""
        self._next_look = 0.0
        self.look()
        device = max((node.after.device_peak for node in profile.nodes if node.after), default=0)
        return {"host": self._host} | ({"device": device} if device else {})


def title_of(graph: PromptGraph, node_id: str, registry: Registry) -> str:
    """What a node of a job is called: by the user, or by its type."""
    node = graph.nodes.get(node_id)
    return node_id if node is None else node.title or registry.title(node.class_type)


def _needed(job: Job, registry: Registry) -> frozenset[str]:
    """The nodes that a job needs: what it runs for, and all that this needs."""
    graph = job.graph

    def sources(node_id: str) -> Iterable[str]:
        inputs = graph.nodes[node_id].inputs.values()
        return [value.node_id for value in inputs if isinstance(value, Link) and value.node_id in graph.nodes]

    specs = ((node_id, registry.get(node.class_type)) for node_id, node in graph.nodes.items())
    outputs = (node_id for node_id, spec in specs if spec and spec.output_node)
    wanted = [target for target in job.targets if target in graph.nodes] if job.targets else outputs
    return frozenset(sources_first(wanted, sources))


def _said(report: RunReport, graph: PromptGraph, registry: Registry) -> str:
    return (
        "" if report.status == "cancelled" else _sentence([*report.errors, *report.left_out], graph, registry)
    )


def _sentence(found: Iterable[NodeError | Problem], graph: PromptGraph, registry: Registry) -> str:
    """The first of what went wrong, with its node, and how much more there is; empty if nothing did."""
    first, *others = [*found] or [None]
    if first is None:
        return ""
    text = first.message if isinstance(first, Problem) else str(first)
    node_id = first.node_id if isinstance(first, Problem) else first.display_id
    place = f"{title_of(graph, node_id, registry)}: " if node_id is not None else ""
    return f"{place}{text}" + (f" (and {len(others)} more)" if others else "")


@contextmanager
def _no_collection() -> Generator[None]:
    """No search for garbage while libraries are imported, nor ever in what they made.

    Each search would hold up the window: 0.4 s for the last one. The little garbage there is stays.
    """
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_collecting:
            gc.enable()


def _load_libraries_aside() -> None:
    """Has the system load torch's libraries while Python goes on; its import then finds them there.

    The import itself would let nothing else happen for 0.2 s and more. It does no harm if this fails.
    """
    spec = find_spec("torch")
    if os.name == "nt" or spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    load = ctypes.CDLL(None).dlopen  # unlike `ctypes.CDLL(name)`, calls of functions let other threads go on
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name, flags in (
        ("libtorch_global_deps", os.RTLD_NOW | os.RTLD_GLOBAL),
        ("libtorch_python", os.RTLD_NOW),
    ):
        file = folder / f"{name}{suffix}"
        if file.is_file():
            load(os.fsencode(file), flags)
