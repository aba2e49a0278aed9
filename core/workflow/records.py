"""What a workflow is made of, as frozen records. An edit replaces records; it never changes one.

Every record that comes from a file keeps its `source`. It takes no part in equality: it only lets what was
not edited be written back as it came, positions in the same spelling and the same fields left out. Unknown
fields are in `extra`, and do count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]
Form: TypeAlias = Mapping[str, Any]
Point: TypeAlias = tuple[float, float]
Widgets: TypeAlias = tuple[Any, ...] | Mapping[str, Any]
Place: TypeAlias = int | str
"""Where a widget value is: its position, or its name where the file stores values by name."""

ALWAYS: Final = 0
MUTED: Final = 2
BYPASSED: Final = 4
NOTES: Final = frozenset({"Note", "MarkdownNote"})
REROUTE: Final = "Reroute"
PRIMITIVE: Final = "PrimitiveNode"


def no_fields() -> Json:
    """An empty object."""
    return {}


def number_of(node_id: str) -> int:
    """The number that a node's id is; 0 for ids that are none."""
    is_number = node_id.isascii() and node_id.isdecimal() and len(node_id) < 19
    return int(node_id) if is_number else 0


@dataclass(frozen=True, slots=True)
class Remark:
    """Something in a file that could not be taken as it stands, and what was done instead."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(eq=False, slots=True)
class Origin:
    """The JSON that a record was read from, and that record as it was then."""

    json: Any
    record: object = None


@dataclass(frozen=True, slots=True)
class InputSocket:
    """Where a link ends. `widget` names the widget value that the link overrides, where there is one."""

    name: str
    type: str
    link: int | None = None
    widget: str | None = None
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OutputSocket:
    """Where links begin."""

    name: str
    type: str
    links: tuple[int, ...] = ()
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Node:
    """One node on the canvas; its type need not be known.

    Attributes:
        title: What the user called it; None for the type's own title.
        mode: 0 runs, 2 is muted, 4 is bypassed; others are kept.
        widgets: Values by position or by name, as the file has them; see `core.workflow.widgets`.
        flags: `collapsed`, `pinned`, ...
    """

    id: str
    type: str
    pos: Point = (0, 0)
    size: Point = (210, 60)
    title: str | None = None
    mode: int = ALWAYS
    order: int = 0
    inputs: tuple[InputSocket, ...] = ()
    outputs: tuple[OutputSocket, ...] = ()
    widgets: Widgets = ()
    colour: str | None = None
    background: str | None = None
    flags: Form = field(default_factory=no_fields)
    properties: Form = field(default_factory=no_fields)
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)

    @property
    def collapsed(self) -> bool:
        """Whether only its title is shown."""
        return bool(self.flags.get("collapsed"))

    @property
    def pinned(self) -> bool:
        """Whether it is to stay where it is."""
        return bool(self.flags.get("pinned"))


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """From output `origin_slot` of node `origin` to input `target_slot` of node `target`.

    `reroute` is the last of the native reroutes the link is drawn through.
    """

    id: int
    origin: str
    origin_slot: int
    target: str
    target_slot: int
    type: str
    reroute: int | None = None
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """A titled frame; `key` identifies it while the document is open (older files give groups no id)."""

    key: int
    title: str = "Group"
    bounding: tuple[float, float, float, float] = (0, 0, 140, 80)
    colour: str | None = None
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reroute:
    """A point that links are drawn through; `parent` is the point before it."""

    id: int
    pos: Point
    links: tuple[int, ...] = ()
    parent: int | None = None
    extra: Form = field(default_factory=no_fields)
    source: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """What a document has beside its nodes, links, groups and reroutes.

    Attributes:
        version: Of the file format: 0.4 or 1; decides how the document is written.
        last_node_id: Highest number ever given to a node, so that no number is used twice.
        extra: `ds` (the view), `groupNodes`, whatever extensions keep there.
        fields: All other fields of the file: `config`, `definitions`, `id`, `revision`, ...
    """

    version: float = 0.4
    last_node_id: int = 0
    last_link_id: int = 0
    extra: Form = field(default_factory=no_fields)
    fields: Form = field(default_factory=no_fields)
    form: Form = field(default_factory=no_fields, compare=False, repr=False)
