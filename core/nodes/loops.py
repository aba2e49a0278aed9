"""Loops: the nodes between a start and an end run again and again, and carry values from round to round.

The nodes as the user put them are the first round. The end has the engine run copies of them for every
further one: all at once where it is known how many there are, round by round where a condition says when to
stop. What belongs to a round is what depends on the start and either feeds the end or is run for its effect;
everything else is linked, not copied. Outputs of the start are blocked where there is no first round.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile, zip_longest
from typing import Annotated, Any, Final, NamedTuple, ParamSpec, TypeAlias, TypeVar

from core.graph import PromptNode
from core.nodes.api import (
    Blocked,
    Choice,
    Expansion,
    Lazy,
    Link,
    LiveGraph,
    NodeId,
    Optional,
    Range,
    Socketed,
    Subgraph,
    node,
)
from core.nodes.types import Socket
from core.topology import sources_first

P = ParamSpec("P")
R = TypeVar("R")

MOST_ROUNDS: Final = 10_000
"""Of any loop."""
_ROUND: Final = "loop_round"
_FIRST_END: Final = "loop_end"


@dataclass(frozen=True, slots=True)
class Flow:
    """What the start of a loop tells its end.

    Attributes:
        start: The id of the start.
        count: How often the body is to run; 0 if not even once.
        index: The number of this round.
        names: The inputs of the start whose values are carried.
        slot: The output that passes on the first of them.
    """

    start: str
    count: int
    index: int
    names: Sequence[str]
    slot: int


Control = Annotated[Flow, Socket("FLOW_CONTROL")]
Flows = list[Control]  # a list, so that starts and ends run once, whatever lists come through the loop
Counter = Annotated[int, Socketed(), Optional()]
Rounds = Annotated[int, Range(0, MOST_ROUNDS)]
Going = Lazy[Annotated[bool, Socketed()]]

_Values: TypeAlias = Sequence[object]
_Given = list[Any]
_Raw = Annotated[Link, Socket("*")]


def _named(word: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{word}{number}" for number in range(first, last + 1))


def _passes(
    outputs: Mapping[str, object], given: Sequence[str], passed: Sequence[str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declares the start of a loop: its `**values` are inputs `given`; `passed` follow its other outputs."""
    return _declares(dict.fromkeys(given, _Given | None), {**outputs, **dict.fromkeys(passed, _Given)})


def _takes(
    given: Sequence[str], passed: Sequence[str], **outputs: object
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declares the end of a loop: its `**values` are the links `given`; other outputs follow `passed`."""
    return _declares(dict.fromkeys(given, _Raw | None), {**dict.fromkeys(passed, Any), **outputs})


def _declares(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Gives a function optional inputs in place of its `**values`, and named outputs."""

    def widen(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kept = [item for item in signature.parameters.values() if item.kind is not item.VAR_KEYWORD]
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
            for name, hint in inputs.items()
        ]
        returned = NamedTuple("Outputs", list(outputs.items()))
        function.__signature__ = signature.replace(parameters=[*kept, *more])
        function.__annotations__ |= {**inputs, "return": returned}
        return function

    return widen


def _begin(
    uid: str,
    count: int,
    index: int,
    names: Sequence[str],
    values: Mapping[str, list[Any] | None],
    numbers: Sequence[int] = (),
) -> tuple[object, ...]:
    """What a start gives: the flow, its numbers, and its values, each a list of what came in."""
    if count > MOST_ROUNDS:
        raise ValueError(f"a loop may go {MOST_ROUNDS:,} rounds, not {count:,}")
    flow = Flow(str(uid), max(count, 0), index, names, 1 + len(numbers))
    if count <= 0:
        return (flow, *(Blocked() for _ in (*numbers, *names)))
    given = (values.get(name) for name in names)
    return (flow, *numbers, *([None] if items is None else items for items in given))


class _Round:
    """One round of a loop: its nodes, and what they hand to the next one.

    Args:
        end: The id of the loop's end.
        given: The inputs of the end that take what is carried, in the order of the start's.
    """

    def __init__(self, flow: Flow, graph: LiveGraph, end: str, given: Sequence[str]) -> None:
        self._flow = flow
        self._graph = graph
        self._end = end
        self._given = given
        self._start = graph.node(flow.start)

    def first_values(self) -> _Values:
        """What comes to the start."""
        names = [*self._flow.names, *self._given[len(self._flow.names) :]][: len(self._given)]
        return [self._start.inputs.get(name) for name in names]

    def last_values(self) -> _Values:
        """What comes to the end; where nothing does, the start's value goes through."""
        inputs = self._graph.node(self._end).inputs
        through = [Link(self._flow.start, self._flow.slot + place) for place in range(len(self._flow.names))]
        pairs = zip_longest(self._given, through[: len(self._given)])
        return [inputs.get(name, otherwise) for name, otherwise in pairs]

    def body(self) -> list[str]:
        """The nodes of the round, sources first, without the end."""
        return _body(self._graph, self._flow.start, self._end)

    def copy(
        self, subgraph: Subgraph, body: Sequence[str], prefix: str, number: int, values: _Values
    ) -> Callable[[object], object]:
        """Adds the nodes of another round.

        Args:
            prefix: What their ids begin with.
            number: How many rounds later it is.
            values: What comes to its start.

        Returns:
            Turns a link to one of the nodes into a link to its copy.
        """
        copies: dict[str, Callable[[int], Link]] = {}

        def moved(value: object) -> object:
            if isinstance(value, Link) and value.node_id in copies:
                return copies[value.node_id](value.slot)
            return value

        for place, node_id in enumerate(body):
            original = self._graph.node(node_id)
            if node_id == self._flow.start:
                inputs = self._inputs_of_start(number, values)
            else:
                inputs = {name: moved(value) for name, value in original.inputs.items()}
            copies[node_id] = subgraph.put(
                replace(original, inputs=inputs),
                node_id=f"{prefix}{place + 1}",
                display_id=self._graph.display_id(node_id),
            ).out
        return moved

    def _inputs_of_start(self, number: int, values: _Values) -> Mapping[str, object]:
        carried = {
            name: value for name, value in zip(self._flow.names, values, strict=False) if value is not None
        }
        return {**self._start.inputs, **carried, "index": self._flow.index + number}


def _body(graph: LiveGraph, start: str, end: str) -> list[str]:
    sources = {
        node_id: [link.node_id for _, link in graph.node(node_id).links()] for node_id in _beside(graph, end)
    }
    consumers: dict[str, list[str]] = {}
    for node_id, feeding in sources.items():
        for source in feeding:
            consumers.setdefault(source, []).append(node_id)
    inside = _reached([start], consumers) - _reached([end], consumers)
    goals = [*sources[end], *(node_id for node_id in inside if graph.is_output(node_id))]
    if start not in _reached(goals, sources):
        raise ValueError("the start and the end of this loop do not belong together; link flow to flow")
    body = inside & _reached(goals, sources)
    own = {name: [source for source in sources[name] if source in body] for name in sources if name in body}
    return sources_first(own, own.__getitem__)


def _beside(graph: LiveGraph, node_id: str) -> list[str]:
    """The nodes among which a loop is: those of the user's graph, or of one round of the loop around it."""
    if graph.display_id(node_id) == node_id:
        return [name for name in graph.node_ids if graph.display_id(name) == name]
    level = node_id.rpartition(".")[0]
    numbered = takewhile(lambda name: _is_node(graph, name), (f"{level}.{number}" for number in count(1)))
    found = list(numbered)  # quicker than a look at all nodes, and enough among those that loops have made
    if node_id in found:
        return found
    return [name for name in graph.node_ids if name.rpartition(".")[0] == level]


def _is_node(graph: LiveGraph, node_id: str) -> bool:
    try:
        graph.node(node_id)
    except LookupError:
        return False
    return True


def _reached(begin: Iterable[str], following: Mapping[str, Sequence[str]]) -> set[str]:
    """Nodes and whatever follows them, as far as the mapping knows."""
    return set(sources_first(begin, lambda name: following.get(name, ())))


def _flow(flows: Sequence[object]) -> Flow:
    flow = flows[0] if flows else None
    if not isinstance(flow, Flow):
        raise TypeError("the flow of this loop does not come from the start of a loop")
    return flow


def _repeat(
    flows: Sequence[Flow], graph: LiveGraph, uid: str, given: Sequence[str], collect: str = ""
) -> Expansion[Any]:
    """All rounds of a counted loop.

    Args:
        collect: The input whose values of all rounds are given as one more output.
    """
    flow = _flow(flows)
    last = _Round(flow, graph, uid, given)
    subgraph = Subgraph()
    if not flow.count:
        return Expansion((*last.first_values(), *([[]] if collect else [])), subgraph)
    values = last.last_values()
    collected = [graph.node(uid).inputs.get(collect)]
    body = last.body() if flow.count > 1 else []
    for number in range(1, flow.count):
        moved = last.copy(subgraph, body, f"{number}.", number, values)
        values = [moved(value) for value in last.last_values()]
        collected.append(moved(collected[0]))
    kept = [value for value in collected if value is not None]
    return Expansion((*values, *([kept] if collect else [])), subgraph)


def _go_on(
    flows: Sequence[Flow],
    graph: LiveGraph,
    uid: str,
    given: Sequence[str],
    going: object,
    most: int,
    stop: bool = False,
) -> Expansion[Any]:
    """One more round of a loop with a condition, or what came out of the last one.

    Args:
        most: How many rounds there may be.
        stop: Reaching that many ends the loop instead of being an error.
    """
    flow = _flow(flows)
    last = _Round(flow, graph, uid, given)
    if not flow.count:
        return Expansion(tuple(last.first_values()), Subgraph())
    end = graph.node(uid)
    number, first_end = _position(end, uid)
    if not going or (stop and number >= most):
        return Expansion(tuple(last.last_values()), Subgraph())
    if number >= most:
        raise ValueError(
            f"the loop has gone {most:,} rounds and its condition still holds; "
            "have something in the loop change it, or allow more rounds"
        )
    subgraph = Subgraph(absolute=True)  # of ids that do not grow with every round
    prefix = f"{first_end}.{number}."
    body = last.body()
    moved = last.copy(subgraph, body, prefix, 1, last.last_values())
    inputs = {name: moved(value) for name, value in end.inputs.items()}
    counted = PromptNode(end.class_type, {**inputs, _ROUND: number + 1, _FIRST_END: first_end}, end.title)
    copy = subgraph.put(counted, node_id=f"{prefix}{len(body) + 1}", display_id=graph.display_id(uid))
    return Expansion(tuple(copy.out(slot) for slot in range(len(given))), subgraph)


def _position(end: PromptNode, uid: str) -> tuple[int, str]:
    """How many rounds the end of a loop closes, and the id of the end that closed the first.

    Ends of later rounds are told in inputs that no node declares.
    """
    number, first_end = end.inputs.get(_ROUND), end.inputs.get(_FIRST_END)
    return (number, first_end) if isinstance(number, int) and isinstance(first_end, str) else (1, str(uid))


def _wants(flows: Sequence[object] | None) -> list[str]:
    """The condition at the end is computed unless there was no round at all."""
    return ["condition"] if flows and _flow(flows).count else []


_ANY: Final = _named("value", 1, 6)


@node("RepeatStart", category="logic/loops", title="Repeat: Start")
@_passes({"flow": Control, "index": int}, _ANY, _ANY)
def repeat_start(*, uid: NodeId, count: Rounds = 4, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes round a number of times.

    Args:
        count: How often; 0 passes the values by.
        index: Where counting begins; 0 if nothing is linked.

    Returns:
        flow: Belongs to the end of the loop.
        index: The number of the round, from 0.
    """
    return _begin(uid, count, index, _ANY, values, (index,))


@node("RepeatEnd", category="logic/loops", title="Repeat: End")
@_takes(_ANY, _ANY, collected=list[Any])
def repeat_end(
    *,
    graph: LiveGraph,
    uid: NodeId,
    flow: Flows,
    collect: _Raw | None = None,
    **values: Any,
) -> Expansion[Any]:
    """Ends a loop: what comes in here goes to the start of the next round, and out of here after the last.

    Args:
        collect: Something of every round.

    Returns:
        collected: What came to `collect`, of all rounds, one by one.
    """
    return _repeat(flow, graph, uid, _ANY, "collect")


@node("WhileStart", category="logic/loops", title="While: Start")
@_passes({"flow": Control, "index": int}, _ANY, _ANY)
def while_start(*, uid: NodeId, condition: bool = True, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes on as long as the condition at its end holds.

    Args:
        condition: Whether there is a first round at all.
        index: Where counting begins; 0 if nothing is linked.

    Returns:
        flow: Belongs to the end of the loop.
        index: The number of the round, from 0.
    """
    return _begin(uid, int(condition), index, _ANY, values, (index,))


@node("WhileEnd", category="logic/loops", title="While: End")
@_takes(_ANY, _ANY)
def while_end(
    *,
    graph: LiveGraph,
    uid: NodeId,
    flow: Flows,
    condition: Going,
    at_most: Annotated[int, Range(1, MOST_ROUNDS)] = 1000,
    at_the_limit: Annotated[str, Choice(("fail", "stop"))] = "fail",
    **values: Any,
) -> Expansion[Any]:
    """Ends a loop: where the condition holds, what comes in here goes to the start of another round.

    Args:
        at_most: How many rounds there may be.
        at_the_limit: `stop`: that many rounds end the loop; `fail`: they are taken for a mistake.
    """
    return _go_on(flow, graph, uid, _ANY, condition, at_most, at_the_limit == "stop")


@while_end.needs
def _(flow: Sequence[Flow] | None) -> list[str]:
    return _wants(flow)


_DEMO_FOR: Final = _named("initial_value", 1, 4)
_DEMO_WHILE: Final = _named("initial_value", 0, 4)
_EASY_FOR: Final = _named("initial_value", 1, 19)
_EASY_WHILE: Final = _named("initial_value", 0, 19)


@node("ForLoopOpen", category="logic/loops", title="For Loop Open")
@_passes({"flow_control": Control, "remaining": int}, _DEMO_FOR, _named("value", 1, 4))
def for_loop_open(*, uid: NodeId, remaining: Rounds = 1, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes round a number of times.

    Args:
        index: Where counting begins; 0 if nothing is linked.

    Returns:
        remaining: How many rounds there still are, this one included.
    """
    return _begin(uid, remaining, index, _DEMO_FOR, values, (remaining - index,))


@node("ForLoopClose", category="logic/loops", title="For Loop Close")
@_takes(_DEMO_FOR, _named("value", 1, 4))
def for_loop_close(*, graph: LiveGraph, uid: NodeId, flow_control: Flows, **values: Any) -> Expansion[Any]:
    """Ends a loop that goes round a number of times."""
    return _repeat(flow_control, graph, uid, _DEMO_FOR)


@node("WhileLoopOpen", category="logic/loops", title="While Loop Open")
@_passes({"flow_control": Control}, _DEMO_WHILE, _named("value", 0, 4))
def while_loop_open(*, uid: NodeId, condition: bool = True, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes on as long as the condition at its end holds.

    Args:
        condition: Whether there is a first round at all.
        index: Where counting begins; 0 if nothing is linked.
    """
    return _begin(uid, int(condition), index, _DEMO_WHILE, values)


@node("WhileLoopClose", category="logic/loops", title="While Loop Close")
@_takes(_DEMO_WHILE, _named("value", 0, 4))
def while_loop_close(
    *, graph: LiveGraph, uid: NodeId, flow_control: Flows, condition: Going, **values: Any
) -> Expansion[Any]:
    """Ends a loop that goes on as long as the condition holds."""
    return _go_on(flow_control, graph, uid, _DEMO_WHILE, condition, MOST_ROUNDS)


@while_loop_close.needs
def _(flow_control: Sequence[Flow] | None) -> list[str]:
    return _wants(flow_control)


@node("easy forLoopStart", category="logic/loops", title="For Loop Start")
@_passes({"flow": Control, "index": int}, _EASY_FOR, _named("value", 1, 19))
def easy_for_start(*, uid: NodeId, total: Rounds = 1, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes round a number of times.

    Args:
        total: How often; 0 passes the values by.
        index: Where counting begins; 0 if nothing is linked.
    """
    return _begin(uid, total, index, _EASY_FOR, values, (index,))


@node("easy forLoopEnd", category="logic/loops", title="For Loop End")
@_takes(_EASY_FOR, _named("value", 1, 19))
def easy_for_end(*, graph: LiveGraph, uid: NodeId, flow: Flows, **values: Any) -> Expansion[Any]:
    """Ends a loop that goes round a number of times."""
    return _repeat(flow, graph, uid, _EASY_FOR)


@node("easy whileLoopStart", category="logic/loops", title="While Loop Start")
@_passes({"flow": Control}, _EASY_WHILE, _named("value", 0, 19))
def easy_while_start(*, uid: NodeId, condition: bool = True, index: Counter = 0, **values: Any) -> object:
    """Begins a loop that goes on as long as the condition at its end holds.

    Args:
        condition: Whether there is a first round at all.
        index: Where counting begins; 0 if nothing is linked.
    """
    return _begin(uid, int(condition), index, _EASY_WHILE, values)


@node("easy whileLoopEnd", category="logic/loops", title="While Loop End")
@_takes(_EASY_WHILE, _named("value", 0, 19))
def easy_while_end(
    *, graph: LiveGraph, uid: NodeId, flow: Flows, condition: Going, **values: Any
) -> Expansion[Any]:
    """Ends a loop that goes on as long as the condition holds."""
    return _go_on(flow, graph, uid, _EASY_WHILE, condition, MOST_ROUNDS)


@easy_while_end.needs
def _(flow: Sequence[Flow] | None) -> list[str]:
    return _wants(flow)
