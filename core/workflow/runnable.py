"""A file as commands run it: read once, run with any values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import WorkflowError
from core.graph import Link, PromptGraph
from core.nodes.registry import Registry
from core.nodes.spec import MISSING
from core.workflow.comfy_json import write_document
from core.workflow.open import Opened
from core.workflow.targets import Target, declared, put_values, read_value, with_values
from core.workflow.template import Description, Parameter, describe


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for a place: `NODE.INPUT`, or a parameter of a template by its name."""

    place: str
    text: str


class Runnable:
    """What a file runs.

    Args:
        opened: The file.

    Attributes:
        graph: What runs without any other value.
        document: The editor form; None where the file has none.

    Raises:
        WorkflowError: The workflow does not compile.
    """

    def __init__(self, opened: Opened, registry: Registry) -> None:
        self.name = opened.name
        self.graph = opened.to_prompt(registry).graph
        self.document = opened.document
        self.registry = registry

    def description(self) -> Description | None:
        """What the file says of itself as a template; None if it is none.

        Raises:
            WorkflowError: The description is broken.
        """
        return None if self.document is None else describe(self.document, self.name)

    def parameter(self, place: str) -> Parameter | None:
        """The parameter that a place names; None where it is written `NODE.INPUT`.

        Raises:
            WorkflowError: The file has no such parameter.
        """
        if "." in place:
            return None
        description = self.description()
        if description is None:
            raise WorkflowError(f"{self.name} is no template, so it has no {place!r}; write NODE.INPUT")
        return description.parameter(place)

    def targets(self, place: str) -> tuple[Target, ...]:
        """The inputs that a place stands for.

        Raises:
            WorkflowError: There is no such parameter, node or input.
        """
        parameter = self.parameter(place)
        if parameter is not None:
            return self.targets_of(parameter)
        target = Target.parse(place)
        declared(target, self.graph, self.registry)
        return (target,)

    def targets_of(self, parameter: Parameter) -> tuple[Target, ...]:
        """The inputs that a parameter gives their value.

        Raises:
            WorkflowError: One of them is not there.
        """
        for target in parameter.places:
            try:
                declared(target, self.graph, self.registry)
            except WorkflowError as error:
                reason = f"{self.name}: the parameter {parameter.name!r} is for {target}: {error}"
                raise WorkflowError(reason) from error
        return parameter.places

    def wire_type(self, target: Target) -> str:
        """The type of an input; `*` where nobody knows it."""
        spec = declared(target, self.graph, self.registry)
        return spec.type if spec else "*"

    def value(self, place: str, text: str) -> object:
        """What a text means at a place.

        Raises:
            WorkflowError: A parameter does not take it.
        """
        parameter = self.parameter(place)
        if parameter is not None:
            return parameter.read(text)
        return read_value(text, self.wire_type(Target.parse(place)))

    def present(self, target: Target) -> object:
        """The value that an input has in the graph, or starts with; None where a link feeds it."""
        value = self.graph.nodes[target.node_id].inputs.get(target.input, MISSING)
        if value is MISSING:
            spec = declared(target, self.graph, self.registry)
            value = spec.default if spec else MISSING
        return None if value is MISSING or isinstance(value, Link) else value

    def values(self, settings: Iterable[Setting]) -> dict[Target, object]:
        """What settings give to which input; of two for the same one the last counts.

        Raises:
            WorkflowError: One of them does not fit; the message names it.
        """
        result: dict[Target, object] = {}
        for setting in settings:
            try:
                value = self.value(setting.place, setting.text)
                result |= dict.fromkeys(self.targets(setting.place), value)
            except WorkflowError as error:
                raise WorkflowError(f"{setting.place}={setting.text[:40]}: {error}") from error
        return result

    def graph_with(self, values: Mapping[Target, object]) -> PromptGraph:
        """What runs with other values."""
        return with_values(self.graph, values)

    def workflow_with(self, values: Mapping[Target, object]) -> dict[str, Any] | None:
        """The editor form with other values, to be stored with the results.

        None where there is none, or where a value has no place in it: better none than one that made
        another picture.
        """
        if self.document is None:
            return None
        changed = self.document.snapshot()
        return write_document(changed) if put_values(changed, values, self.registry) else None
