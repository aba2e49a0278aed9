"""What a node type is, as plain data: all that the engine, the formats and the window know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from core.errors import InputError
from core.folders import Folders


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Stands for "no default": None is a value."""

WIDGET_TYPES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})
"""Wire types whose inputs are edited in the node; all others are fed by links only."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number's limits, both allowed, and how an editor steps and rounds it."""

    min: float
    max: float
    step: float | None = None
    round: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words. `options` may be a function, called each time they are listed.

    Attributes:
        open: Other words are accepted as well.
    """

    source: Sequence[str] | Callable[[], Sequence[str]]
    open: bool = False

    def options(self, folders: Folders) -> list[str]:
        """The words, in the order they are offered."""
        del folders
        return list(self.source() if callable(self.source) else self.source)


@dataclass(frozen=True, slots=True)
class FileChoice:
    """One of the files of a folder kind (`checkpoints`, `vae`, ... or `input`).

    Attributes:
        extra: Words offered beside the files.
        accepts: Kinds of files of the input folder: `image`, `latent`, ...; empty for any.
        upload: A file can be brought in from elsewhere.
    """

    folder: str
    extra: Sequence[str] = ()
    accepts: Sequence[str] = ()
    upload: bool = False
    open: bool = False

    def options(self, folders: Folders) -> list[str]:
        """The names, relative to the folder, in the order they are offered."""
        return [*folders.names(self.folder, self.accepts), *self.extra]

    def find(self, name: str, folders: Folders) -> Path | None:
        """The file that a name stands for, also one that is not offered, as in another letter case."""
        try:
            return folders.find(self.folder, name)
        except InputError:
            return None


@dataclass(frozen=True, slots=True)
class Text:
    """Text. `wildcards`: `{a|b}` picks one of its parts when the graph is queued."""

    multiline: bool = False
    wildcards: bool = False
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Toggle:
    """Yes or no, with the words shown for each."""

    on: str = "true"
    off: str = "false"


@dataclass(frozen=True, slots=True)
class AfterRun:
    """The number has a mode that changes it after each run: fixed, increment, decrement, randomize."""


Widget: TypeAlias = Range | Choice | FileChoice | Text | Toggle


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a node type.

    Attributes:
        type: Wire name: `INT`, `COMBO`, `IMAGE`, ...; `*` takes any, `INT,FLOAT` either.
        default: `MISSING` where there is none.
        widget: How it is edited; None for an input that takes links only.
        after_run: It has a control that changes it after each run.
        lazy: Computed only when the node asks for it.
        raw_link: The node gets the link itself; what it leads to is not computed for it.
        whole_list: The node takes the whole list instead of running once per item.
        socketed: Fed by a link only although its type has a widget.
        widget_only: Never fed by a link.
    """

    name: str
    type: str
    required: bool = True
    default: object = MISSING
    widget: Widget | None = None
    after_run: bool = False
    lazy: bool = False
    raw_link: bool = False
    whole_list: bool = False
    socketed: bool = False
    widget_only: bool = False
    tooltip: str = ""

    @property
    def has_widget(self) -> bool:
        """Whether its value is stored with the node (and takes a place in `widgets_values`)."""
        return not self.socketed and (self.widget is not None or self.type in WIDGET_TYPES)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output of a node type; `is_list`: the value is a list whose items are passed on one by one."""

    name: str
    type: str
    is_list: bool = False
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """A function that a node declares beside its body.

    Attributes:
        inputs: Names of the inputs it uses.
        hidden: Parameter name -> what the engine fills in: `FOLDERS` or `UNIQUE_ID`.
        takes_all: It is given all inputs, those it does not name in `**`.
    """

    function: Callable[..., Any]
    inputs: tuple[str, ...]
    hidden: Mapping[str, str] = field(default_factory=dict[str, str])
    takes_all: bool = False


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node type.

    Attributes:
        class_type: Its name in files.
        hidden: Parameter name -> what the engine fills in: `CONTEXT`, `FOLDERS`, `PROMPT`, `EXTRA_PNGINFO`,
            `UNIQUE_ID`, `DYNPROMPT`.
        variadic: Describes every input beyond `inputs`, where the node takes any number of them.
        output_node: It is run for its effect: execution starts from here.
        function: The body; None for a type known by its interface only, which opens and saves but cannot run.
        status: `""`, `"deprecated"` or `"experimental"`.
        keyed_by_node: Results are kept per node instead of per equal inputs (not idempotent).
        takes_lists: Runs once with whole lists.
        returns_tuple: The function returns a tuple with one item per output, else the one output itself.
        needs: Names of the lazy inputs wanted next, given what is known; asked until it wants nothing new.
        fingerprint: A value that changes when the result would although no input does.
        validate: Raises `InputError` for values it does not accept.
        required: Names of the inputs that have to be there.
        has_on_demand: Some input is on demand.
        reads_graph: It is shown the graph that runs.
        files: The inputs that name a file.
    """

    class_type: str
    title: str
    category: str
    description: str
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    function: Callable[..., Any] | None
    hidden: Mapping[str, str] = field(default_factory=dict[str, str])
    variadic: InputSpec | None = None
    output_node: bool = False
    status: str = ""
    keyed_by_node: bool = False
    takes_lists: bool = False
    returns_tuple: bool = False
    needs: Hook | None = None
    fingerprint: Hook | None = None
    validate: Hook | None = None
    by_name: Mapping[str, InputSpec] = field(init=False, repr=False, compare=False)
    required: tuple[str, ...] = field(init=False, repr=False, compare=False)
    has_on_demand: bool = field(init=False, repr=False, compare=False)
    reads_graph: bool = field(init=False, repr=False, compare=False)
    files: tuple[tuple[str, FileChoice], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {spec.name: spec for spec in self.inputs})
        object.__setattr__(self, "required", tuple(spec.name for spec in self.inputs if spec.required))
        inputs = (*self.inputs, self.variadic) if self.variadic else self.inputs
        object.__setattr__(self, "has_on_demand", any(map(self._is_on_demand, inputs)))
        object.__setattr__(self, "reads_graph", "DYNPROMPT" in self.hidden.values())
        files = tuple((spec.name, spec.widget) for spec in self.inputs if isinstance(spec.widget, FileChoice))
        object.__setattr__(self, "files", files)

    def input(self, name: str) -> InputSpec | None:
        """The description of the input `name`; None if the node takes no such input."""
        found = self.by_name.get(name)
        if found is None and self.variadic is not None and name not in self.hidden:
            return self.variadic
        return found

    def is_on_demand(self, name: str) -> bool:
        """Whether what feeds an input is not computed before the node is looked at."""
        declared = self.input(name) if self.has_on_demand else None
        return declared is not None and self._is_on_demand(declared)

    def _is_on_demand(self, declared: InputSpec) -> bool:
        return declared.raw_link or (declared.lazy and self.needs is not None)


def types_match(output: str, input: str) -> bool:  # noqa: A002 - the word of this field
    """Whether a link from an output of one wire type to an input of another is allowed.

    `*` fits everything; comma-joined unions fit when they have a type in common.
    """
    if output == input or "*" in (output, input):
        return True
    return not set(output.split(",")).isdisjoint(input.split(","))
