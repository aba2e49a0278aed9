"""Small nodes to test the engine with: those of the engine goldens, and some more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from core.errors import InputError
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.api import (
    VOLATILE,
    Blocked,
    Choice,
    Context,
    Expansion,
    Folders,
    Lazy,
    LiveGraph,
    NodeId,
    Optional,
    Prompt,
    Range,
    Shown,
    Socketed,
    Subgraph,
    WorkflowInfo,
    node,
)
from core.nodes.interface import read_catalogue
from core.nodes.registry import Registry
from core.nodes.spec import Hook, NodeSpec
from core.nodes.types import AnyValue, Socket

Small = Annotated[int, Range(-1000, 1000)]
Count = Annotated[int, Range(0, 10)]
Record = Callable[..., None]


class Numbers(NamedTuple):
    items: list[int]
    count: int


class Several(NamedTuple):
    number: int
    text: str
    half: float


def toys(record: Record = lambda _, /, **arguments: None) -> dict[str, Any]:
    """The toy nodes by name; each call of a function is told to `record`."""

    @node("TConst", category="toy")
    def const(*, value: Small = 1) -> int:
        record("TConst", value=value)
        return value

    @node("TAdd", category="toy")
    def add(*, a: Small = 0, b: Small = 0) -> int:
        record("TAdd", a=a, b=b)
        return a + b

    @node("TText", category="toy")
    def text(*, text: str = "a") -> str:
        record("TText", text=text)
        return text

    @node("TOut", category="toy", output=True)
    def out(*, value: AnyValue) -> Shown[None]:
        record("TOut", value=value)
        return Shown(None, value=[repr(value)])

    @node("TOutPass", category="toy", output=True)
    def out_pass(*, value: int) -> Shown[int]:
        record("TOutPass", value=value)
        return Shown(value, value=[repr(value)])

    @node("TAlways", category="toy")
    def always(*, value: int = 1) -> int:
        record("TAlways", value=value)
        return value

    @always.fingerprint
    def _(value: int) -> float:
        record("TAlways.IS_CHANGED", value=value)
        return VOLATILE

    @node("TFileStamp", category="toy")
    def file_stamp(*, folders: Folders, file: str) -> str:
        record("TFileStamp", file=file)
        return (folders.input / file).read_text()

    @file_stamp.fingerprint
    def _(file: str, folders: Folders) -> str:
        record("TFileStamp.IS_CHANGED", file=file)
        return (folders.input / file).read_text()

    @node("TChangedRaises", category="toy")
    def changed_raises(*, value: int = 1) -> int:
        record("TChangedRaises", value=value)
        return value

    @changed_raises.fingerprint
    def _(value: int) -> str:
        raise ValueError("is_changed failed")

    @node("TLazySwitch", category="toy")
    def lazy_switch(
        *, pick: Annotated[int, Range(0, 1)] = 0, a: Lazy[int] | None = None, b: Lazy[int] | None = None
    ) -> int:
        record("TLazySwitch", pick=pick, a=a, b=b)
        return b if pick else a

    @lazy_switch.needs
    def _(pick: int, a: int | None, b: int | None) -> set[str]:
        record("TLazySwitch.check_lazy_status", pick=pick, a=a, b=b)
        return {"b" if pick else "a"}

    @node("TLazyMix", category="toy")
    def lazy_mix(*, a: Lazy[int], b: Lazy[int]) -> int:
        record("TLazyMix", a=a, b=b)
        return a + (b or 0)

    @lazy_mix.needs
    def _(a: int | None) -> list[str]:
        return ["a", "b"] if a is not None and a > 10 else ["a"]

    @node("TMakeList", category="toy")
    def make_list(*, start: int = 0, count: Count = 3) -> Numbers:
        record("TMakeList", start=start, count=count)
        return Numbers(list(range(start, start + count)), count)

    @node("TSumList", category="toy")
    def sum_list(*, items: list[int], scale: list[int]) -> int:
        record("TSumList", items=items, scale=scale)
        return sum(items) * scale[0]

    @node("TMapList", category="toy")
    def map_list(*, items: list[int], add: list[int]) -> list[int]:
        record("TMapList", items=items, add=add)
        return [y + x for x in add for y in items]

    @node("TFail", category="toy")
    def fail(*, value: int = 0, fail: bool = True) -> int:
        record("TFail", value=value, fail=fail)
        if fail:
            raise ValueError("this node fails on purpose")
        return value

    @node("TValidate", category="toy")
    def validated(*, value: Annotated[int, Range(0, 5)] = 0, name: str = "ok") -> int:
        record("TValidate", value=value, name=name)
        return value

    @validated.validate
    def _(value: int, name: str) -> None:
        record("TValidate.VALIDATE_INPUTS", value=value, name=name)
        if name != "ok":
            raise InputError("name must be ok")

    @node("TValidateOne", category="toy")
    def validated_one(
        *, value: Annotated[int, Range(0, 5)] = 0, name: Annotated[str, Choice(("red", "green"))]
    ) -> int:
        record("TValidateOne", value=value, name=name)
        return value

    @validated_one.validate
    def _(name: str) -> None:
        record("TValidateOne.VALIDATE_INPUTS", name=name)
        if name not in ("red", "green", "blue"):
            raise InputError("bad colour", input="name")

    @node("TOptional", category="toy")
    def optional(*, a: int | None = None, b: Annotated[int, Socketed()] | None = None) -> str:
        given = {name: value for name, value in (("a", a), ("b", b)) if value is not None}
        record("TOptional", **given)
        return json.dumps(given, sort_keys=True)

    @node("THidden", category="toy")
    def hidden(
        *,
        prompt: Prompt,
        uid: NodeId,
        extra: WorkflowInfo,
        dyn: LiveGraph,
        value: int = 0,
    ) -> str:
        record("THidden", value=value, uid=uid)
        facts = {
            "uid": uid,
            "nodes": sorted(prompt),
            "extra": extra,
            "has_dyn": set(dyn.node_ids) == set(prompt),
        }
        return json.dumps(facts, sort_keys=True)

    @node("TBlocker", category="toy")
    def blocker(*, value: int = 0, block: bool = True, message: str = "") -> int | Blocked:
        record("TBlocker", value=value, block=block, message=message)
        return Blocked(message) if block else value

    @node("TSleep", category="toy")
    def sleep(*, ctx: Context, value: int = 0, steps: int = 10) -> int:
        for index in range(steps):
            ctx.step(index, steps)
        return value

    @node("TMultiOut", category="toy")
    def multi_out(*, value: int = 0) -> Several:
        record("TMultiOut", value=value)
        return Several(value, str(value), value / 2)

    @node("TNotIdempotent", category="toy", cache="node")
    def not_idempotent(*, value: int = 0) -> int:
        record("TNotIdempotent", value=value)
        return value

    @node("TAsync", category="toy")
    async def wait(*, value: int = 0, seconds: float = 0.0) -> int:
        record("TAsync", value=value)
        await asyncio.sleep(seconds)
        return value

    @node("TGather", category="toy")
    def gather(*, first: int = 0, **others: Annotated[int, Optional()]) -> int:
        record("TGather", first=first, **others)
        return first + sum(others.values())

    @node("TExpand", category="toy")
    def expand(*, a: int = 0, n: Count = 2) -> int | Expansion[int]:
        record("TExpand", a=a, n=n)
        return chain_of_additions(a, n, Subgraph(absolute=True), [f"add{index}" for index in range(n)])

    @node("TExpandBuilder", category="toy")
    def expand_builder(*, a: int = 0, n: Count = 2) -> int | Expansion[int]:
        record("TExpandBuilder", a=a, n=n)
        return chain_of_additions(a, n, Subgraph(), [""] * n)

    @node("TExpandLink", category="toy")
    def expand_link(*, a: Annotated[Link, Socket("INT")], n: int = 1) -> Expansion[int]:
        subgraph = Subgraph()
        return Expansion(subgraph.add("TAdd", a=a, b=n).out(), subgraph)

    @node("TExpandOut", category="toy")
    def expand_out(*, a: int = 0) -> Expansion[int]:
        record("TExpandOut", a=a)
        subgraph = Subgraph()
        total = subgraph.add("TAdd", a=a, b=5).out()
        subgraph.add("TOut", value=total)
        return Expansion(total, subgraph)

    return {item.spec.class_type: item for item in locals().values() if hasattr(item, "spec")}


def chain_of_additions(a: int, n: int, subgraph: Subgraph, ids: list[str]) -> int | Expansion[int]:
    """`a + 1 + 1 ...` with a node for each."""
    last: int | Link = a
    for node_id in ids:
        last = subgraph.put(PromptNode("TAdd", {"a": last, "b": 1}), node_id=node_id).out()
    return Expansion(last, subgraph) if n else a


def toy_registry(record: Record = lambda _, /, **arguments: None, *more: Any) -> Registry:
    """A registry of the toy nodes and of those in `more`."""
    return Registry(item.spec for item in [*toys(record).values(), *more])


def graph_of(prompt: dict[str, Any]) -> PromptGraph:
    """A graph out of API format, where a list of an id and a number is a link."""

    def value_of(value: Any) -> Any:
        is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
        return Link(*value) if is_link else value

    return PromptGraph(
        {
            node_id: PromptNode(
                entry["class_type"],
                {name: value_of(value) for name, value in entry.get("inputs", {}).items()},
                entry.get("_meta", {}).get("title", ""),
            )
            for node_id, entry in prompt.items()
        }
    )


def quick(**nodes: tuple[str, dict[str, Any]]) -> PromptGraph:
    """A graph in short: `quick(n1=("TConst", {"value": 2}), n2=("TOut", {"value": ["n1", 0]}))`."""
    return graph_of({name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()})


def stand_ins() -> Registry:
    """Nodes with the real interfaces, which make nothing. LoadImage looks at its file."""

    def stand_in(spec: NodeSpec) -> NodeSpec:
        def body(**inputs: object) -> object:
            values = tuple(f"{spec.class_type} {output.name}" for output in spec.outputs)
            return Shown(values, images=[]) if spec.output_node else values

        return replace(spec, function=body, returns_tuple=True)

    def content(image: str, folders: Folders) -> str:
        return (folders.input / image).read_text()

    def exists(image: str, folders: Folders) -> None:
        if not (folders.input / image).is_file():
            raise InputError(f"Invalid image file: {image}", input="image")

    specs = {name: stand_in(spec) for name, spec in read_catalogue().items()}
    places = {"folders": "FOLDERS"}
    specs["LoadImage"] = replace(
        specs["LoadImage"],
        fingerprint=Hook(content, ("image",), places),
        validate=Hook(exists, ("image",), places),
    )
    return Registry(specs.values())
