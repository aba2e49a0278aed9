"""Templates: workflows that say which of their values are meant to be changed.

A template is an ordinary file of the editor, so that every program opens it. What makes it one is the
description below `KEY` in its `extra`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias, TypeGuard, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import WorkflowError
from core.near import near
from core.nodes.spec import Choice, InputSpec, Range
from core.workflow.document import GraphDocument
from core.workflow.fields import shown
from core.workflow.json_text import parse_json
from core.workflow.operations import SetExtra
from core.workflow.targets import Target

KEY: Final = "darkroom_template"
FORMAT: Final = 1
"""Of the description; files of a higher one say things that this program would get wrong."""

Kind: TypeAlias = Literal["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"]
Number: TypeAlias = int | float
Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]

_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_WORDS: Final = {"INT": "a whole number", "FLOAT": "a number", "BOOLEAN": "true or false"}
_TOLD: Final = 5
"""So many mistakes of a description are told at once."""


class _Described(BaseModel):
    """Fields that only later versions know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class Parameter(_Described):
    """A value of a template that has a name.

    Its default is what the graph has: a template that is edited and saved anywhere stays true.

    Attributes:
        name: What command lines call it.
        type: As on the wire: `INT`, `FLOAT`, `STRING`, `BOOLEAN`, `COMBO`.
        label: What people call it.
        description: What it does, where the label cannot say it.
        min, max: Limits of numbers, both allowed.
        choices: The words there are, for `COMBO`; None for those that the node has.
        targets: The inputs that get the value, as `NODE.INPUT`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
    type: Kind
    label: Line
    description: str = ""
    min: Number | None = None
    max: Number | None = None
    choices: Annotated[list[str], Field(min_length=1)] | None = None
    targets: Annotated[list[str], Field(min_length=1)]

    @field_validator("targets")
    @classmethod
    def _are_targets(cls, targets: list[str]) -> list[str]:
        for text in targets:
            try:
                Target.parse(text)
            except WorkflowError as error:
                raise ValueError(str(error)) from error
        return targets

    @model_validator(mode="after")
    def _is_sound(self) -> Parameter:
        is_limited = self.min is not None or self.max is not None
        if is_limited and self.type not in ("INT", "FLOAT"):
            raise ValueError(f"{self.type} has no min or max")
        if self.choices is not None and self.type != "COMBO":
            raise ValueError(f"{self.type} has no choices")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"its min {self.min} is more than its max {self.max}")
        return self

    @property
    def places(self) -> tuple[Target, ...]:
        """The inputs that get the value."""
        return tuple(map(Target.parse, self.targets))

    @property
    def limits(self) -> str:
        """What it takes besides its type, in words; empty if that is all."""
        match self.min, self.max:
            case None, None:
                return "one of " + ", ".join(self.choices) if self.choices else ""
            case low, None:
                return f"at least {low}"
            case None, high:
                return f"at most {high}"
            case low, high:
                return f"{low} to {high}"

    def read(self, text: str) -> object:
        """The value that a text stands for.

        Raises:
            WorkflowError: It is of another type, out of range, or none of the choices.
        """
        if self.type == "STRING":
            return text
        if self.type == "COMBO":
            return self._choice(text)
        value = _plain(text)
        if not _is_of(value, self.type):
            limits = f", {self.limits}" if self.limits else ""
            raise WorkflowError(f"{self.name} takes {_WORDS[self.type]}{limits}; {text!r} is not")
        if _is_number(value) and not self._allows(value):
            raise WorkflowError(f"{self.name} is {text}; it takes {_WORDS[self.type]}, {self.limits}")
        return value

    def _choice(self, text: str) -> str:
        if self.choices is None or text in self.choices:
            return text
        offer = " or ".join(map(repr, near(text, self.choices)))
        hint = f"did you mean {offer}?" if offer else f"there are {', '.join(map(repr, self.choices))}"
        raise WorkflowError(f"{self.name} has no choice {text!r}; {hint}")

    def _allows(self, value: Number) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


class Description(_Described):
    """What a template says of itself.

    Attributes:
        name: What menus call it.
        version: The author's own count.
    """

    format: Annotated[int, Field(ge=1)] = FORMAT
    name: Line
    description: str = ""
    version: str = "1"
    parameters: list[Parameter] = Field(default_factory=list)

    @field_validator("format")
    @classmethod
    def _is_known(cls, number: int) -> int:
        if number > FORMAT:
            raise ValueError(f"it was made by a newer Darkroom (this one reads format {FORMAT})")
        return number

    @field_validator("parameters")
    @classmethod
    def _have_own_names(cls, parameters: list[Parameter]) -> list[Parameter]:
        names = [parameter.name for parameter in parameters]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two of them are called {twice!r}")
        return parameters

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises:
            WorkflowError: There is none; the message offers near names.
        """
        names = [parameter.name for parameter in self.parameters]
        if name in names:
            return self.parameters[names.index(name)]
        hint = ", ".join(near(name, names) or names) or "none at all"
        raise WorkflowError(f"{self.name!r} has no parameter {name!r}; did you mean {hint}?")


def describe(document: GraphDocument, where: str) -> Description | None:
    """What a workflow says of itself as a template; None if it is none.

    Args:
        where: What errors call the file.

    Raises:
        WorkflowError: The description is broken; the message names the fields.
    """
    form = document.header.extra.get(KEY)
    return None if form is None else read_description(form, where)


def read_description(form: object, where: str) -> Description:
    """A description out of JSON.

    Raises:
        WorkflowError: It is broken; the message names the fields.
    """
    try:
        return Description.model_validate(form)
    except ValidationError as error:
        mistakes = [
            f"{_place(mistake['loc'])}: {mistake['msg'].removeprefix('Value error, ')}"
            + ("" if mistake["type"] in ("value_error", "missing") else f", found {shown(mistake['input'])}")
            for mistake in error.errors(include_url=False, include_context=False)
        ]
    more = f" (and {len(mistakes) - _TOLD} more)" if len(mistakes) > _TOLD else ""
    raise WorkflowError(f"{where}: the template is broken at {'; '.join(mistakes[:_TOLD])}{more}")


def put_description(document: GraphDocument, description: Description) -> None:
    """Makes a template of a workflow."""
    document.apply(SetExtra(KEY, description.model_dump(mode="json", exclude_none=True)))


def parameter_for(
    label: str, targets: Sequence[Target], declared: Sequence[InputSpec | None], values: Sequence[object]
) -> Parameter:
    """The parameter that gives inputs their value: its type and limits are theirs.

    Args:
        declared: What the node types say of each target; None where they are unknown.
        values: What the graph has at each target; None where a link feeds it.

    Raises:
        WorkflowError: A link feeds an input, they take values of different types, or the label makes no name.
    """
    if None in values:
        raise WorkflowError(f"{targets[values.index(None)]} has no value of its own: a link feeds it")
    kinds: set[Kind | None] = {_kind(spec, value) for spec, value in zip(declared, values, strict=True)}
    if len(kinds) > 1:
        raise WorkflowError(f"these take different types: {', '.join(map(str, targets))}")
    (kind,) = kinds
    if kind is None:
        raise WorkflowError(f"{targets[0]} takes no value that can be written down")
    ranges = [spec.widget for spec in declared if spec and isinstance(spec.widget, Range)]
    name = re.sub(r"\W+", "_", label.strip().lower(), flags=re.ASCII).strip("_")
    if not re.match("[a-z]", name):
        raise WorkflowError(f"{label!r} makes no name for a parameter: it has to begin with a letter, a to z")
    return Parameter(
        name=name,
        type=kind,
        label=label.strip().replace("_", " ").capitalize() if label.strip() == name else label.strip(),
        min=max((limits.min for limits in ranges), default=None),
        max=min((limits.max for limits in ranges), default=None),
        choices=_common_choices(declared),
        targets=[str(target) for target in targets],
    )


def _common_choices(declared: Iterable[InputSpec | None]) -> list[str] | None:
    """The fixed words that all of some inputs take; None where words are files or listed on demand."""
    listed: list[Sequence[str]] = []
    for spec in declared:
        if spec is None or not isinstance(spec.widget, Choice) or spec.widget.open:
            return None
        if callable(spec.widget.source):
            return None
        listed.append(spec.widget.source)
    return [word for word in listed[0] if all(word in words for words in listed)] or None


def _kind(spec: InputSpec | None, value: object) -> Kind | None:
    """The type of an input; where that may be several, or is unknown, the type of the value that is there."""
    if spec is not None and spec.type in _KINDS:
        return _KINDS[spec.type]
    if isinstance(value, str):
        return "STRING"
    numbers: tuple[Kind, ...] = ("BOOLEAN", "INT", "FLOAT")
    return next((kind for kind in numbers if _is_of(value, kind)), None)


def _plain(text: str) -> object:
    try:
        return parse_json(text.strip(), "the value")
    except WorkflowError:
        return text


def _is_of(value: object, kind: Kind) -> bool:
    match kind:
        case "BOOLEAN":
            return isinstance(value, bool)
        case "INT":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return _is_number(value)


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _place(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "its start"
