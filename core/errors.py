"""Every error Darkroom raises on purpose.

DarkroomError
  WorkflowError          a file cannot be read or a document not be edited as asked
  GraphError             a graph cannot run; carries every Problem found
  NodeError              a node raised; carries node id, node type, input summary, cause
    OutOfMemory          what was needed, what was free, what was evicted
  ModelError
    ModelNotFound        no such file; carries near names
    UnknownArchitecture  the keys and shapes of a file match no known network
    WeightsMismatch      the file is damaged, or its tensors do not fit the network it claims to be
  InputError             raised by a node's `validate` hook for one input; becomes a Problem
Cancelled(BaseException) not an error, so that no `except Exception` swallows it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class DarkroomError(Exception):
    """Something went wrong that the user can be told about in one sentence."""


class WorkflowError(DarkroomError):
    """A workflow file cannot be read, or an edit does not apply to the document."""


class ModelError(DarkroomError):
    """A model file cannot be used."""


class ModelNotFound(ModelError):
    """No file of that name in any folder of that kind.

    Attributes:
        name: The name that was asked for.
        near: Names that exist and look like it, best first.
    """

    def __init__(self, message: str, *, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.near = tuple(near)


class UnknownArchitecture(ModelError):
    """The tensors of a file match no network Darkroom knows."""


class WeightsMismatch(ModelError):
    """A file is damaged, or its tensors do not have the shapes its network needs."""


class InputError(DarkroomError):
    """Raised by a node's `validate` hook to refuse an input.

    Attributes:
        input: Name of the refused input; None where it is about several.
    """

    def __init__(self, message: str, *, input: str | None = None) -> None:  # noqa: A002 - the word of this field
        super().__init__(message)
        self.input = input


class Cancelled(BaseException):
    """The user stopped the run."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a graph, or a part of it, cannot run.

    Attributes:
        kind: What it is in one word: `unknown_node_type`, `cycle`, `missing_input`, `link_mismatch`,
            `bad_link`, `wrong_type`, `out_of_range`, `not_a_choice`, `rejected` or `no_output`.
        message: What is wrong, which value, and what to try.
        node_id: The node it is about; None where it is about the whole graph.
        class_type: Type of that node.
        input: The input it is about.
        details: Further facts as plain data: the value, the bounds, the choices.
    """

    kind: str
    message: str
    node_id: str | None = None
    class_type: str | None = None
    input: str | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])

    def __str__(self) -> str:
        place = f"node {self.node_id} ({self.class_type})" if self.class_type else f"node {self.node_id}"
        return f"{place}: {self.message}" if self.node_id is not None else self.message


class GraphError(DarkroomError):
    """A graph cannot run.

    Attributes:
        problems: Everything that was found, in the order of the graph.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems) or "the graph cannot run")
        self.problems = tuple(problems)


class NodeError(DarkroomError):
    """A node raised while it ran; the exception itself is `__cause__`.

    Attributes:
        node_id: The node that raised.
        display_id: The node of the user's graph that it is shown under: itself, unless it is ephemeral.
        class_type: Its type.
        inputs: Its inputs in words; tensors as shape and dtype.
        kind: Class name of the cause, as `ValueError`.
    """

    def __init__(
        self,
        message: str,
        *,
        node_id: str,
        class_type: str,
        inputs: Mapping[str, str],
        kind: str,
        display_id: str = "",
    ) -> None:
        super().__init__(message)
        self.node_id = node_id
        self.display_id = display_id or node_id
        self.class_type = class_type
        self.inputs = dict(inputs)
        self.kind = kind


class OutOfMemory(NodeError):
    """A node needed more memory than there was, after everything idle had been evicted."""
