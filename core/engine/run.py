"""Runs prompt graphs. Read from top to bottom, this is what happens in a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from core.engine.cache import Cache, ClassicCache, Made, Result
from core.engine.call import (
    Arguments,
    Called,
    Items,
    Later,
    blocked_result,
    call_node,
    calls_of,
    reason_not_to_call,
)
from core.engine.collector import no_full_collection
from core.engine.context import Hidden, RunContext, RunOptions
from core.engine.failure import is_out_of_memory, wrap
from core.engine.hooks import call_hook
from core.engine.live import Live
from core.engine.order import Order
from core.engine.profile import WORTH_MEASURING, NodeRecord, Past, Profile, State, reason_to_run
from core.engine.signature import read_fingerprints, sign, volatile_nodes
from core.engine.validate import BoundNode, Validation, validate
from core.errors import Cancelled, GraphError, NodeError, Problem
from core.events import (
    Listener,
    NodeBlocked,
    NodeCached,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    Ui,
    Usage,
)
from core.graph import PromptGraph
from core.nodes.registry import Registry

Status: TypeAlias = Literal["success", "partial", "error", "cancelled"]


class Runner:
    """Performs runs, one at a time, and keeps results between them.

    Args:
        context: What the program lends to every run.

    Attributes:
        cache: The policy of what to keep; another one counts from the next run on.
    """

    def __init__(self, registry: Registry, context: RunContext, cache: Cache | None = None) -> None:
        self._registry = registry
        self._context = context
        self.cache = ClassicCache() if cache is None else cache
        self._past = Past({}, {})

    def run(
        self, graph: PromptGraph, options: RunOptions | None = None, on_event: Listener | None = None
    ) -> RunReport:
        """What became of a graph. Nodes that raise and a cancelled run are part of it, not exceptions.

        Args:
            on_event: Called on this thread with everything that happens.

        Raises:
            GraphError: Nothing in the graph can run.
        """
        with no_full_collection():
            return self._run(graph, options or RunOptions(), on_event or _ignore)

    def _run(self, graph: PromptGraph, options: RunOptions, emit: Listener) -> RunReport:
        validation = validate(graph, self._registry, self._context.folders, options.targets)
        if not validation.outputs:
            raise GraphError(validation.problems)
        fingerprints = read_fingerprints(validation.nodes, self._context.folders)
        signatures = sign(validation.nodes, fingerprints, self._context.folders)
        self.cache.begin(signatures)
        volatile = volatile_nodes(validation.nodes, fingerprints)
        live = Live(validation, signatures, volatile, self._registry, self._context.folders)
        hidden = Hidden(self._context, options, validation, fingerprints, live, emit)
        run = _Run(self._context, options, validation, live, self.cache, hidden, emit, self._past)
        self._past = Past(live.bound, live.signatures)
        return run.perform()


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of a run. It keeps the values of all outputs from being let go.

    Attributes:
        status: `success`: every wanted output was made or blocked on purpose; `partial`: some of them;
            `error`: none, or stopped at the first error; `cancelled`.
        outputs: Node id -> what it shows, for nodes that show something.
        executed: Nodes that ran to their end, in order.
        cached: Nodes whose results were known, needed or not, in order.
        blocked: Nodes that were skipped on purpose -> the reason, if one was given.
        seconds: How long each executed node took.
        left_out: Problems of outputs that could not run.
        profile: What every node cost.
    """

    run_id: str
    status: Status
    outputs: Mapping[str, Ui]
    executed: tuple[str, ...]
    cached: tuple[str, ...]
    blocked: Mapping[str, str]
    seconds: Mapping[str, float]
    errors: tuple[NodeError, ...]
    left_out: tuple[Problem, ...]
    profile: Profile
    _nodes: Mapping[str, BoundNode]
    _results: Mapping[str, Result]

    def value(self, node_id: str, slot: int) -> object:
        """The value of an output, as a list if it has several items.

        Raises:
            LookupError: There is no such output, or its node did not run.
        """
        items = self.output(node_id, slot).items
        is_list = self._nodes[node_id].spec.outputs[slot].is_list
        return items[0] if len(items) == 1 and not is_list else list(items)

    def output(self, node_id: str, slot: int) -> Output:
        """An output as it went from node to node.

        Raises:
            LookupError: There is no such output, or its node did not run.
        """
        node, result = self._nodes.get(node_id), self._results.get(node_id)
        if node is None or result is None:
            raise LookupError(f"there is no value: node {node_id!r} did not run")
        if not 0 <= slot < len(result.outputs):
            raise LookupError(f"node {node_id!r} ({node.spec.class_type}) has no output {slot}")
        return Output(node.spec.outputs[slot].type, result.outputs[slot])


class Output(NamedTuple):
    """An output of a node that ran.

    Attributes:
        kind: Its wire type.
        items: One, unless the node ran over a list or gave one.
    """

    kind: str
    items: Sequence[object]


class _Span(NamedTuple):
    """When a node worked, in seconds since the run began, and the memory before and after."""

    start: float
    seconds: float = 0.0
    before: Usage | None = None
    after: Usage | None = None


@dataclass(slots=True)
class _Run:
    """One run while it happens."""

    context: RunContext
    options: RunOptions
    validation: Validation
    live: Live
    cache: Cache
    hidden: Hidden
    emit: Listener
    past: Past
    began: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.perf_counter)
    usage: Usage | None = None
    records: list[NodeRecord] = field(default_factory=list[NodeRecord])
    spans: dict[str, _Span] = field(default_factory=dict[str, "_Span"])
    results: dict[str, Result] = field(default_factory=dict[str, Result])
    expanded: dict[str, Result] = field(default_factory=dict[str, Result])
    outputs: dict[str, Ui] = field(default_factory=dict[str, Ui])
    executed: list[str] = field(default_factory=list[str])
    cached: list[str] = field(default_factory=list[str])
    blocked: dict[str, str] = field(default_factory=dict[str, str])
    errors: list[NodeError] = field(default_factory=list[NodeError])
    loop: asyncio.Runner = field(default_factory=asyncio.Runner)

    def perform(self) -> RunReport:
        """The whole run."""
        status: Status = "cancelled"
        self._begin()
        order = Order(self.live.bound, self.validation.outputs, self.results)
        try:
            while (node_id := order.next()) is not None and not self._should_stop:
                self._work_on(self.live.bound[node_id], order)
            status = self._finish()
        except Cancelled:
            self.emit(RunCancelled(self._run_id))
        finally:
            self.loop.close()
            self.cache.end()
        return RunReport(
            run_id=self._run_id,
            status=status,
            outputs=self.outputs,
            executed=tuple(self.executed),
            cached=tuple(self.cached),
            blocked=self.blocked,
            seconds={node_id: self.spans[node_id].seconds for node_id in self.executed},
            errors=tuple(self.errors),
            left_out=self.validation.problems,
            profile=Profile(self._run_id, self.began, self._now, tuple(self.records)),
            _nodes=self.live.bound,
            _results=self.results,
        )

    def _begin(self) -> None:
        """Takes what is known already from the cache, and repeats what it showed."""
        signatures = self.live.signatures
        known = self._take_known(name for name in self.validation.graph.nodes if name in signatures)
        self.emit(RunStarted(self._run_id, tuple(known), self.validation.problems))
        for node_id in known:
            if node_id in self.validation.reached:
                self._repeat(node_id, self.results[node_id])

    def _take_known(self, node_ids: Iterable[str]) -> list[str]:
        """Those of the nodes whose results are in the cache."""
        known: list[str] = []
        for node_id in node_ids:
            result = self.cache.get(self.live.signatures[node_id])
            if result is not None:
                self.results[node_id] = result
                known.append(node_id)
        self.cached += known
        return known

    def _work_on(self, node: BoundNode, order: Order) -> None:
        """Brings one node as far as it gets: to its result, back to the graph, or to its error."""
        self.options.token.check()
        node_id = node.node_id
        known = self.cache.get(self.live.signatures[node_id])
        if known is not None:  # an equal node has run meanwhile
            self.cached.append(node_id)
            self._repeat(node_id, known)
            self._settle(node_id, known, order)
            return
        if (expanded := self.expanded.pop(node_id, None)) is not None:
            self._keep(node_id, self._with_given(expanded), order)
            return
        inputs = self._gather(node)
        calls = calls_of(node.spec, inputs)
        reasons = [reason_not_to_call(node.spec, arguments) for arguments in calls]
        if calls and None not in reasons:
            self.blocked[node_id] = next(filter(None, reasons), "")
            self._record(node, "blocked", _Span(self._now))
            self.emit(NodeBlocked(*self._place(node_id), self.blocked[node_id]))
            self._settle(node_id, blocked_result(node.spec), order)
            return
        self.emit(NodeStarted(*self._place(node_id)))
        try:
            wanted = self._wanted(node, calls)
            if wanted:
                order.wait_for(node_id, wanted)
                return
            with self._measured(node_id):
                called = self._call(node, calls)
            if called.subgraphs:
                self._expand(node_id, called, order)
                return
        except Exception as cause:  # noqa: BLE001 - whatever a node raises, other branches still run
            self._record(node, "failed", self.spans.get(node_id, _Span(self._now)))
            self._fail(wrap(node, inputs, cause, self.live.display_id(node_id)))
            return
        self._keep(node_id, called.result, order)

    def _expand(self, node_id: str, called: Called, order: Order) -> None:
        """Puts a node back until those it has run in its place are done."""
        children = self.live.grow(node_id, called.subgraphs)
        self.emit(NodeExpanded(*self._place(node_id), tuple(children)))
        for child in self._take_known(children):
            self._repeat(child, self.results[child])
            order.done(child)
        items = chain.from_iterable(called.result.outputs)
        links = [item.link for item in items if isinstance(item, Later)]
        for node, slot in links:
            if node not in self.live.bound or not 0 <= slot < len(self.live.bound[node].spec.outputs):
                raise LookupError(f"it gives output {slot} of node {node!r}, which does not exist")
        wanted = [*dict.fromkeys([*(link.node_id for link in links), *self.live.outputs_of(children)])]
        if not order.expand(node_id, children, wanted):
            raise RecursionError("it expands into nodes that wait for itself")
        self.expanded[node_id] = called.result

    def _with_given(self, result: Result) -> Result:
        """A result with what the nodes of the expansion have given."""

        def items(item: object) -> list[object]:
            return (
                self.results[item.link.node_id].outputs[item.link.slot] if isinstance(item, Later) else [item]
            )

        outputs = tuple([given for item in output for given in items(item)] for output in result.outputs)
        return replace(result, outputs=outputs)

    def _keep(self, node_id: str, result: Result, order: Order) -> None:
        self.executed.append(node_id)
        node, span = self.live.bound[node_id], self.spans[node_id]
        lasting = not node.spec.output_node and node_id not in self.live.volatile
        self.cache.put(
            self.live.signatures[node_id], result, Made(self.live.owner(node_id), span.seconds, lasting)
        )
        self._record(node, "executed", span)
        self._show(node_id, result)
        self.emit(NodeFinished(*self._place(node_id), result.shown, span.seconds))
        self._settle(node_id, result, order)

    @contextmanager
    def _measured(self, node_id: str) -> Generator[None]:
        """Notes how long the block takes and what memory it leaves."""
        meter, before, start = self.context.meter, self.usage, self._now
        if meter is not None:
            meter.start()
        try:
            yield
        finally:
            seconds = self._now - start
            if meter is not None and (seconds >= WORTH_MEASURING or before is None):
                self.usage = meter.stop()
            self.spans[node_id] = _Span(start, seconds, before, self.usage)

    def _record(self, node: BoundNode, state: State, span: _Span) -> None:
        shown_under = self.live.display_id(node.node_id)
        record = NodeRecord(node.node_id, shown_under, node.spec.class_type, state, **span._asdict())
        if state in ("executed", "failed"):
            is_volatile = node.node_id in self.live.volatile
            reason = reason_to_run(node, self.live.signatures, is_volatile, self.past)
            record = record._replace(reason=reason)
        self.records.append(record)

    def _gather(self, node: BoundNode) -> Items:
        """The items on each input; None stands for what a lazy input has not been asked for."""
        inputs = {name: [value] for name, value in node.constants.items()}
        for name, link in node.links.items():
            if node.spec.has_on_demand and (declared := node.spec.input(name)) and declared.raw_link:
                inputs[name] = [link]
            elif (source := self.results.get(link.node_id)) is not None:
                inputs[name] = source.outputs[link.slot]
        for declared in node.spec.inputs:
            if declared.lazy:
                inputs.setdefault(declared.name, [None])
        return inputs

    def _wanted(self, node: BoundNode, calls: list[Arguments]) -> list[str]:
        """The nodes behind the lazy inputs that the node asks for and that have no result yet."""
        needs = node.spec.needs
        if needs is None:
            return []
        names: dict[str, None] = {}
        for arguments in calls:
            if reason_not_to_call(node.spec, arguments) is None:
                folders = self.context.folders
                names |= dict.fromkeys(call_hook(needs, arguments, folders, node.node_id))
        for name in names:
            if node.spec.input(name) is None:
                raise LookupError(f"it asks for the input {name!r}, which it does not have")
        sources = [node.links[name].node_id for name in names if name in node.links]
        return [source for source in sources if source not in self.results]

    def _call(self, node: BoundNode, calls: list[Arguments]) -> Called:
        token = self.options.token
        hidden = self.hidden.arguments(node)
        try:
            return call_node(node, calls, hidden, token, self.loop)
        except Exception as error:
            free_memory = self.context.free_memory
            if free_memory is None or not is_out_of_memory(error) or not free_memory():
                raise
        # Outside the handler: the exception would keep alive what the node had allocated.
        return call_node(node, calls, hidden, token, self.loop)

    def _fail(self, error: NodeError) -> None:
        self.errors.append(error)
        self.emit(NodeFailed(*self._place(error.node_id), error))

    def _repeat(self, node_id: str, result: Result) -> None:
        shown_under, class_type = self.live.display_id(node_id), self.live.bound[node_id].spec.class_type
        self.records.append(NodeRecord(node_id, shown_under, class_type, "cached", self._now))
        self._show(node_id, result)
        self.emit(NodeCached(self._run_id, node_id, shown_under, result.shown))

    def _show(self, node_id: str, result: Result) -> None:
        if result.shown is not None:
            self.outputs[node_id] = result.shown

    def _settle(self, node_id: str, result: Result, order: Order) -> None:
        self.results[node_id] = result
        order.done(node_id)

    def _finish(self) -> Status:
        made = any(
            output in self.results and output not in self.blocked for output in self.validation.outputs
        )
        if self.errors and (self._should_stop or not made):
            self.emit(RunFailed(self._run_id, self.errors[0]))
            return "error"
        self.emit(RunFinished(self._run_id))
        return "partial" if self.errors or self.validation.problems else "success"

    @property
    def _should_stop(self) -> bool:
        return bool(self.errors) and self.options.stop_at_first_error

    @property
    def _now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.clock

    @property
    def _run_id(self) -> str:
        return self.options.run_id

    def _place(self, node_id: str) -> tuple[str, str, str]:
        return self._run_id, node_id, self.live.display_id(node_id)


def _ignore(event: object) -> None:
    del event
