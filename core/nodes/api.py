"""How a node is declared: one function, its signature and its docstring.

    @node("ImageInvert", category="image", title="Invert Image")
    def invert(*, image: Image) -> Image:
        \"\"\"The colours of an image inverted.\"\"\"
        return 1.0 - image

Three rules keep results cacheable: a node never changes its inputs, gives the same result for the same
inputs, and says so (`output=True`, `fingerprint`) where it has an effect or reads something that changes.
Everything it may use of the program comes through parameters typed `Context` and `Folders`.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Generic, ParamSpec, Protocol, TypeVar, get_args, get_origin

from core.events import Picture, Ui
from core.folders import Folders
from core.graph import Link, PromptNode
from core.nodes.spec import (
    MISSING,
    AfterRun,
    Choice,
    FileChoice,
    Hook,
    InputSpec,
    NodeSpec,
    OutputSpec,
    Range,
    Text,
    Toggle,
    Widget,
)
from core.nodes.types import Socket

__all__ = [
    "VOLATILE",
    "Added",
    "AfterRun",
    "Blocked",
    "Choice",
    "Context",
    "Expansion",
    "FileChoice",
    "Folders",
    "Lazy",
    "Link",
    "LiveGraph",
    "Node",
    "NodeId",
    "Optional",
    "Prompt",
    "Range",
    "Shown",
    "Socketed",
    "Subgraph",
    "Text",
    "Toggle",
    "WidgetOnly",
    "WorkflowInfo",
    "collect",
    "node",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

VOLATILE: Final = math.nan
"""A fingerprint that equals nothing, not even itself: the node runs every time."""


class Context(Protocol):
    """The running node's handle on the run. Nothing else of the program is within a node's reach."""

    def check_cancelled(self) -> None:
        """Raises `Cancelled` once the user has asked the run to stop. Call it in every longer loop."""
        ...

    def progress(self, value: int, maximum: int) -> None:
        """Reports `value` of `maximum` steps done, and checks for cancellation."""
        ...

    def step(self, index: int, total: int, preview: Callable[[], Picture | None] | None = None) -> None:
        """The one call after denoising step `index` (from 0) of `total`: cancellation, progress, preview.

        `preview` is only called when somebody wants to see it; it gives None where there is nothing to show.
        """
        ...

    def service(self, kind: type[T]) -> T:
        """The run's instance of a service such as `core.models.cache.ModelCache`.

        Raises:
            LookupError: The run was started without one.
        """
        ...


class NodeId(str):
    """A parameter of this type receives the node's own id. Results are then kept per node."""


class Prompt(dict[str, Any]):
    """A parameter of this type receives the running graph in API format."""


class WorkflowInfo(dict[str, Any]):
    """A parameter of this type receives what is to be stored with pictures: `{"workflow": editor format}`."""


class LiveGraph(Protocol):
    """A parameter of this type receives the graph as it runs, ephemeral nodes included.

    A kept result counts as long as nothing changes in what feeds the node and in what else that feeds.
    """

    @property
    def node_ids(self) -> Sequence[str]:
        """Ids of all nodes."""
        ...

    def node(self, node_id: str) -> PromptNode:
        """A node with its inputs.

        Raises:
            LookupError: There is no such node.
        """
        ...

    def display_id(self, node_id: str) -> str:
        """The node of the user's graph that a node is shown under: itself, unless it is ephemeral."""
        ...

    def is_output(self, node_id: str) -> bool:
        """Whether the run has a node run for its effect, needed by others or not."""
        ...


HIDDEN: Final[Mapping[object, str]] = {
    Context: "CONTEXT",
    Folders: "FOLDERS",
    NodeId: "UNIQUE_ID",
    Prompt: "PROMPT",
    WorkflowInfo: "EXTRA_PNGINFO",
    LiveGraph: "DYNPROMPT",
}
WIRE: Final[Mapping[object, str]] = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN", Any: "*"}


class Lazy(Generic[T]):
    """`Lazy[Image]`: computed only when the node's `needs` asks for it; the body sees the value or None."""


@dataclass(frozen=True, slots=True)
class Optional:
    """Marks an input with a widget as one that may be left out."""


@dataclass(frozen=True, slots=True)
class Socketed:
    """Marks an input as fed by a link only, although its type has a widget."""


@dataclass(frozen=True, slots=True)
class WidgetOnly:
    """Marks an input as never fed by a link."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Put into an output, it keeps every node behind it from running. An empty reason blocks silently."""

    reason: str = ""


class Shown(Generic[T]):
    """A node's value together with what is to be shown for it.

    Args:
        value: What the node would return otherwise; None for a node without outputs.
        shown: What is shown by kind, as `images=[{"filename": ..., "subfolder": ..., "type": "output"}]`.
    """

    def __init__(self, value: T, /, **shown: Sequence[object]) -> None:
        self.value = value
        self.shown: Ui = shown


_OWN: Final = "\x1f"  # begins the ids that nodes have inside their subgraph


class Subgraph:
    """Nodes that a node has run in its place, for an `Expansion`.

    Args:
        absolute: The ids of its nodes are taken as they are. Otherwise they are local: the engine makes them
            unique in the graph, as `2.0.0.1` for the first one that node 2 adds.
    """

    def __init__(self, *, absolute: bool = False) -> None:
        self._absolute = absolute
        self._nodes: dict[str, PromptNode] = {}
        self._shown_under: dict[str, str] = {}

    def add(self, class_type: str, /, **inputs: object) -> Added:
        """Adds a node. Its inputs are values, or links to nodes of this or of the running graph."""
        return self.put(PromptNode(class_type, inputs))

    def put(self, node: PromptNode, *, node_id: str = "", display_id: str = "") -> Added:
        """Adds a node.

        Args:
            node_id: How it is called; counted up if empty.
            display_id: The node of the user's graph that it is shown under; the expanding one if empty.

        Raises:
            ValueError: Two nodes would have one id.
        """
        node_id = node_id or str(len(self._nodes) + 1)
        if not self._absolute:
            node_id = _OWN + node_id
        if node_id in self._nodes:
            raise ValueError(f"two nodes of a subgraph are called {node_id.removeprefix(_OWN)!r}")
        self._nodes[node_id] = node
        if display_id:
            self._shown_under[node_id] = display_id
        return Added(node_id)

    def named(self, prefix: str) -> tuple[dict[str, PromptNode], dict[str, str]]:
        """The nodes, and what some of them are shown under, by the ids they have in the running graph."""
        nodes = {
            _full(node_id, prefix): replace(node, inputs=_with_full_links(node.inputs, prefix))
            for node_id, node in self._nodes.items()
        }
        return nodes, {_full(node_id, prefix): shown for node_id, shown in self._shown_under.items()}


@dataclass(frozen=True, slots=True)
class Added:
    """A node of a subgraph."""

    node_id: str

    def out(self, slot: int = 0) -> Link:
        """One of its outputs, for the inputs of others and for the value of the expansion."""
        return Link(self.node_id, slot)


def inner_link(link: Link, prefix: str) -> Link:
    """A link out of a subgraph with the id that its node has in the running graph."""
    return Link(_full(link.node_id, prefix), link.slot)


def _with_full_links(inputs: Mapping[str, object], prefix: str) -> dict[str, object]:
    return {
        name: inner_link(value, prefix) if isinstance(value, Link) else value
        for name, value in inputs.items()
    }


def _full(node_id: str, prefix: str) -> str:
    return prefix + node_id[1:] if node_id.startswith(_OWN) else node_id


@dataclass(frozen=True, slots=True)
class Expansion(Generic[T]):
    """Returned in place of a value: nodes that give it.

    They are run like those of the user's graph, with its cache, lists and errors, and shown under the node
    that returned them. Output nodes among them run whether anything needs them or not.

    Attributes:
        value: What the node would return otherwise, where a `Link` stands for what that node will give.
    """

    value: T | Link | tuple[object, ...]
    subgraph: Subgraph


class Node(Generic[P, R]):
    """A declared node: still the function, and its `spec` beside it."""

    def __init__(self, function: Callable[P, R], spec: NodeSpec) -> None:
        self.spec = spec
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns."""
        return self._function(*args, **kwargs)

    def needs(self, function: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
        """Declares which lazy inputs are wanted next; asked again until it wants nothing new."""
        self.spec = replace(self.spec, needs=self._hook(function))
        return function

    def fingerprint(self, function: Callable[..., object]) -> Callable[..., object]:
        """Declares a value that changes when the result would although no input does.

        Linked inputs are None to it.
        """
        self.spec = replace(self.spec, fingerprint=self._hook(function))
        return function

    def validate(self, function: Callable[..., None]) -> Callable[..., None]:
        """Declares a check that raises `InputError`. The inputs it names are not checked otherwise."""
        self.spec = replace(self.spec, validate=self._hook(function))
        return function

    def _hook(self, function: Callable[..., object]) -> Hook:
        inputs: list[str] = []
        hidden: dict[str, str] = {}
        takes_all = False
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                takes_all = True
            elif parameter.annotation in (Folders, "Folders"):
                hidden[name] = "FOLDERS"
            elif self.spec.hidden.get(name) == "UNIQUE_ID":
                hidden[name] = "UNIQUE_ID"
            elif self.spec.input(name):
                inputs.append(name)
            else:
                raise TypeError(
                    f"{self.spec.class_type}: a hook names {name!r}, which is no input of the node"
                )
        return Hook(function, tuple(inputs), hidden, takes_all)


def node(
    class_type: str,
    *,
    category: str,
    title: str = "",
    output: bool = False,
    status: str = "",
    cache: str = "inputs",
) -> Callable[[Callable[P, R]], Node[P, R]]:
    """Declares the function below it as a node type.

    Args:
        class_type: Its name in files.
        category: Its place in the menu, levels separated by slashes.
        title: Its name on the canvas; the class type if empty.
        output: It is run for its effect: execution starts from here.
        status: `deprecated` or `experimental`.
        cache: `inputs`: equal inputs share a result; `node`: each node has its own.

    Raises:
        TypeError: The signature or the docstring says something that cannot be.
    """

    def declare(function: Callable[P, R]) -> Node[P, R]:
        description, tips, output_tips = _read_docstring(function.__doc__ or "")
        hints = typing.get_type_hints(function, include_extras=True)
        hidden, inputs, variadic = _read_parameters(class_type, function, hints, tips)
        returned = hints.get("return", type(None))
        spec = NodeSpec(
            class_type=class_type,
            title=title or class_type,
            category=category,
            description=description,
            inputs=inputs,
            outputs=tuple(_read_outputs(returned, output_tips)),
            function=function,
            hidden=hidden,
            variadic=variadic,
            output_node=output,
            status=status,
            keyed_by_node=cache == "node" or "UNIQUE_ID" in hidden.values(),
            takes_lists=any(spec.whole_list for spec in inputs),
            returns_tuple=_named_tuple(_arms(returned)) is not None,
        )
        unknown = set(tips) - set(inspect.signature(function).parameters)
        unknown |= set(output_tips) - {output.name.lower() for output in spec.outputs}
        if unknown:
            raise TypeError(
                f"{class_type}: the docstring describes {sorted(unknown)}, which it does not have"
            )
        return Node(function, spec)

    return declare


def collect(module: types.ModuleType) -> Iterator[NodeSpec]:
    """The node types declared in a module, in its order."""
    return (value.spec for value in vars(module).values() if isinstance(value, Node))


def _read_parameters(
    class_type: str, function: Callable[..., object], hints: Mapping[str, Any], tips: Mapping[str, str]
) -> tuple[dict[str, str], tuple[InputSpec, ...], InputSpec | None]:
    hidden: dict[str, str] = {}
    inputs: list[InputSpec] = []
    variadic: InputSpec | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints[name]
        if isinstance(hint, type) and hint in HIDDEN:
            hidden[name] = HIDDEN[hint]
            continue
        spec = _read_input(name, hint, parameter.default, tips.get(name, ""))
        if parameter.kind is parameter.VAR_KEYWORD:
            variadic = spec
        elif parameter.kind is parameter.KEYWORD_ONLY:
            inputs.append(spec)
        else:
            # Files depend on the order, and a socket may follow a widget with a default only behind the star.
            raise TypeError(f"{class_type}: put a star before {name!r}; inputs are keyword-only")
    return hidden, tuple(inputs), variadic


def _read_input(name: str, hint: Any, default: object, tooltip: str) -> InputSpec:
    may_be_none = type(None) in get_args(hint) and get_origin(hint) in (typing.Union, types.UnionType)
    base, marks = _peel(_without_none(hint))
    raw_link = base is Link
    lazy = get_origin(base) is Lazy
    whole_list = get_origin(base) is list and not any(isinstance(mark, Socket) for mark in marks)
    if lazy or whole_list:
        base, inner = _peel(_without_none(get_args(base)[0]))
        marks = [*marks, *inner]
    return InputSpec(
        name=name,
        type=_wire(base, marks),
        required=not (may_be_none or any(isinstance(mark, Optional) for mark in marks)),
        default=MISSING if default is inspect.Parameter.empty or default is None else default,
        widget=next((mark for mark in marks if isinstance(mark, Widget)), None),
        after_run=any(isinstance(mark, AfterRun) for mark in marks),
        lazy=lazy,
        raw_link=raw_link,
        whole_list=whole_list,
        socketed=any(isinstance(mark, Socketed) for mark in marks),
        widget_only=any(isinstance(mark, WidgetOnly) for mark in marks),
        tooltip=tooltip,
    )


def _read_outputs(returned: Any, tips: Mapping[str, str]) -> Iterator[OutputSpec]:
    arms = _arms(returned)
    fields = _named_tuple(arms)
    for name, hint in fields.items() if fields is not None else [("", arm) for arm in arms]:
        base, marks = _peel(hint)
        is_list = get_origin(base) is list and not any(isinstance(mark, Socket) for mark in marks)
        if is_list:
            base, marks = _peel(get_args(base)[0])
        wire = _wire(base, marks)
        shown = wire if name.upper() in ("", wire) else name
        yield OutputSpec(shown, wire, is_list, tips.get(name, ""))


def _arms(returned: Any) -> list[Any]:
    """What a return annotation says of outputs: `Shown`, `Blocked`, `Expansion` and None looked through."""
    base, _ = _peel(returned)
    union = get_origin(base) in (typing.Union, types.UnionType)
    arms: list[Any] = []
    for arm in get_args(base) if union else [returned]:
        inner = get_args(arm)[0] if get_origin(arm) in (Shown, Expansion) else arm
        if inner not in (None, type(None), Blocked):
            arms.append(inner)
    return arms[:1]


def _named_tuple(arms: Sequence[Any]) -> dict[str, Any] | None:
    if arms and isinstance(arms[0], type) and issubclass(arms[0], tuple) and hasattr(arms[0], "_fields"):
        return typing.get_type_hints(arms[0], include_extras=True)
    return None


def _peel(hint: Any) -> tuple[Any, list[object]]:
    """An annotation without its `Annotated` layers, and what they said."""
    marks: list[object] = []
    while get_origin(hint) is Annotated:
        hint, *inner = get_args(hint)
        marks = [*inner, *marks]
    return hint, marks


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        return arms[0] if len(arms) == 1 else typing.Union[tuple(arms)]  # noqa: UP007 - made at run time
    return hint


def _wire(base: Any, marks: Sequence[object]) -> str:
    for mark in marks:
        if isinstance(mark, Socket):
            return mark.name
        if isinstance(mark, Choice | FileChoice):
            return "COMBO"
    if base is Link:
        return "*"
    if get_origin(base) in (typing.Union, types.UnionType):
        return ",".join(_wire(*_peel(arm)) for arm in get_args(base))
    try:
        return WIRE[base]
    except (KeyError, TypeError):
        raise TypeError(f"{base!r} is neither a socket nor a widget type") from None


def _read_docstring(doc: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """The text before `Args:` or `Returns:`, and the description of each name listed under the two."""
    head, *sections = re.split(r"\n(Args|Returns):\n", inspect.cleandoc(doc))
    tips: dict[str, dict[str, str]] = {"Args": {}, "Returns": {}}
    for title, section in zip(sections[::2], sections[1::2], strict=True):
        for match in re.finditer(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
            tips[title][match[1]] = " ".join(match[2].split())
    return head.strip(), tips["Args"], tips["Returns"]
