"""What a node shows, worked out from its record and its type: sockets and value rows. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.folders import Folders
from core.nodes.registry import Registry
from core.nodes.spec import InputSpec, NodeSpec
from core.workflow.document import GraphDocument
from core.workflow.records import Node, Place


class RowKind(Enum):
    """How a value is edited."""

    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    TOGGLE = "toggle"
    AFTER_RUN = "after_run"  # the word that says how the seed above it changes after each run
    OTHER = "other"  # a value whose type is not known: shown, kept, not edited


@dataclass(frozen=True, slots=True)
class SocketFace:
    """A socket that is shown by itself.

    Attributes:
        slot: Its index among the node's inputs or outputs.
    """

    slot: int
    label: str
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A value of a node.

    Attributes:
        name: The input's name. For AFTER_RUN, that of the seed it belongs to.
        place: Where the node keeps the value.
        text: How the value is shown, unshortened.
        spec: The input's description; None for a node nobody knows.
        slot: The input socket that can feed it; None while the node has none (linking adds it).
        takes_link: A link can be dropped on it.
        linked: A link feeds it; the value is not used.
        problem: Why the value cannot be used (a file that is not there); empty if it can.
    """

    name: str
    label: str
    kind: RowKind
    value: Any
    place: Place
    text: str
    spec: InputSpec | None = None
    type: str = "*"
    slot: int | None = None
    takes_link: bool = True
    linked: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Face:
    """What a node shows.

    Attributes:
        known: Darkroom can run this type.
        placeholder: Nobody knows this type; its file's sockets and values are shown and kept.
        note: It is a note: its only row is the text.
        reroute: It is ComfyUI's old reroute node: two sockets and no body.
    """

    title: str
    inputs: Sequence[SocketFace]
    outputs: Sequence[SocketFace]
    rows: Sequence[Row]
    known: bool = True
    placeholder: bool = False
    note: bool = False
    reroute: bool = False
    output_node: bool = False


def make_face(node: Node, document: GraphDocument, registry: Registry, folders: Folders) -> Face:
    """What a node of a document shows."""
    raise NotImplementedError


def choices(row: Row, folders: Folders) -> list[str]:
    """The words that a CHOICE or AFTER_RUN row offers now, its present value among them."""
    raise NotImplementedError


def title_of(node: Node, spec: NodeSpec | None) -> str:
    """What the node is called: by the user, by its type, or by its file."""
    return node.title or (spec.title if spec else node.type)
