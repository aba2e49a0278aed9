"""One node: from the items on its inputs to the items on its outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.engine.cache import Result
from core.engine.context import CancelToken
from core.engine.validate import BoundNode
from core.errors import Cancelled
from core.events import Ui
from core.graph import Link
from core.nodes.api import Blocked, Expansion, Shown, Subgraph, inner_link
from core.nodes.spec import NodeSpec

Items: TypeAlias = Mapping[str, list[object]]
"""Input name -> its items."""
Arguments: TypeAlias = dict[str, object]

_POLL_SECONDS = 0.05


def calls_of(spec: NodeSpec, inputs: Items) -> list[Arguments]:
    """The arguments of each call: one call per item, where shorter lists repeat their last item.

    A node that takes lists is called once, with whole lists where it asks for them and first items elsewhere.
    An empty list means no call.
    """
    if spec.takes_lists:
        whole = {name for name in inputs if (declared := spec.input(name)) and declared.whole_list}
        if any(not items for name, items in inputs.items() if name not in whole):
            return []
        return [{name: items if name in whole else items[0] for name, items in inputs.items()}]
    lengths = {len(items) for items in inputs.values()}
    if lengths <= {1}:
        return [{name: items[0] for name, items in inputs.items()}]
    count = max(lengths) if all(lengths) else 0
    return [
        {name: items[min(index, len(items) - 1)] for name, items in inputs.items()} for index in range(count)
    ]


def reason_not_to_call(spec: NodeSpec, arguments: Mapping[str, object]) -> str | None:
    """The reason of a `Blocked` among the arguments, often an empty one; None if there is no such thing."""
    for value in arguments.values():
        for item in value if spec.takes_lists and isinstance(value, list) else (value,):
            if isinstance(item, Blocked):
                return item.reason
    return None


def blocked_result(spec: NodeSpec) -> Result:
    """The result of a node that was not called. The reason is not passed on: it has been told once."""
    return Result(tuple([Blocked()] for _ in spec.outputs))


@dataclass(frozen=True, slots=True)
class Later:
    """Stands for the items that a link will give, once the nodes of an expansion have run."""

    link: Link


@dataclass(frozen=True, slots=True)
class Called:
    """What a node gave.

    Attributes:
        result: Its items, some of which may be `Later`.
        subgraphs: What it expands into, by what the ids of their nodes begin with; empty for most.
    """

    result: Result
    subgraphs: Mapping[str, Subgraph]


def call_node(
    node: BoundNode, calls: Sequence[Arguments], hidden: Arguments, token: CancelToken, loop: asyncio.Runner
) -> Called:
    """What the node gives, with the items of all calls one after the other.

    Args:
        loop: What `async` functions run on.

    Raises:
        TypeError: It returned something that does not fit its outputs.
    """
    spec = node.spec
    assert spec.function is not None
    outputs: tuple[list[object], ...] = tuple([] for _ in spec.outputs)
    shown: dict[str, list[object]] | None = None
    subgraphs: dict[str, Subgraph] = {}
    for index, arguments in enumerate(calls):
        if reason_not_to_call(spec, arguments) is not None:
            _add(outputs, [[Blocked()] for _ in spec.outputs])
            continue
        token.check()
        returned = spec.function(**arguments, **hidden)
        if isinstance(returned, Coroutine):
            returned = loop.run(_until_cancelled(returned, token))
        if isinstance(returned, Shown):
            shown = _merge(shown, returned.shown)
            returned = returned.value
        if isinstance(returned, Expansion):
            prefix = f"{node.node_id}.{index}.0."
            subgraphs[prefix] = returned.subgraph
            returned = _with_later(returned.value, prefix, spec.returns_tuple)
        _add(outputs, _read(spec, returned))
    return Called(Result(outputs, shown), subgraphs)


async def _until_cancelled(work: Coroutine[Any, Any, object], token: CancelToken) -> object:
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=_POLL_SECONDS)
        if token.is_cancelled:
            task.cancel()
    if task.cancelled():
        raise Cancelled
    return task.result()


def _with_later(value: object, prefix: str, is_several: bool) -> object:
    """What an expansion gives, with links as what they will give."""
    if isinstance(value, Link):
        return Later(inner_link(value, prefix))
    if isinstance(value, tuple) and is_several:
        return tuple(_with_later(item, prefix, False) for item in value)
    return [_with_later(item, prefix, False) for item in value] if isinstance(value, list) else value


def _add(outputs: Sequence[list[object]], items: Sequence[list[object]]) -> None:
    for output, more in zip(outputs, items, strict=True):
        output += more


def _merge(shown: dict[str, list[object]] | None, more: Ui) -> dict[str, list[object]]:
    merged = shown or {}
    for kind, items in more.items():
        merged.setdefault(kind, []).extend(items)
    return merged


def _read(spec: NodeSpec, returned: object) -> list[list[object]]:
    """The items of one call by output."""
    if isinstance(returned, Blocked):
        return [[returned] for _ in spec.outputs]
    return [
        _items(output.is_list, output.name, value)
        for output, value in zip(spec.outputs, _values(spec, returned), strict=True)
    ]


def _values(spec: NodeSpec, returned: object) -> Sequence[object]:
    count = len(spec.outputs)
    if spec.returns_tuple:
        if not isinstance(returned, tuple):
            raise TypeError(f"it returned {type(returned).__name__} instead of a tuple of {count} outputs")
        if len(returned) != count:
            raise TypeError(f"it returned {len(returned)} outputs instead of {count}")
        return returned
    if count == 0:
        if returned is not None:
            raise TypeError(f"it returned {type(returned).__name__}, but has no outputs")
        return ()
    return (returned,)


def _items(is_list: bool, name: str, value: object) -> list[object]:
    if not is_list or isinstance(value, Blocked | Later):
        return [value]
    if not isinstance(value, list | tuple):
        raise TypeError(f"its output {name!r} has to be a list, not {type(value).__name__}")
    return list(value)
