"""Nodes that compare, decide, and choose what is computed at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from core.nodes.api import Blocked, Choice, Lazy, Optional, Range, Text, node
from core.nodes.expression import COMPARISONS
from core.nodes.maths import Decimal, to_number
from core.nodes.patterns import Pattern
from core.nodes.types import AnyValue

Line = Annotated[str, Text()]
Lines = Annotated[str, Text(multiline=True)]
LazyAny = Lazy[AnyValue]
Index = Annotated[int, Range(0, 999)]


@node("NumberCompare", category="logic", title="Compare Numbers")
def compare_numbers(
    *,
    a: Decimal = 0.0,
    comparison: Annotated[str, Choice(tuple(COMPARISONS))] = "<",
    b: Decimal = 0.0,
    tolerance: Annotated[float, Range(0.0, 1e300, step=0.001)] = 0.0,
) -> bool:
    """Whether one number is equal to, less or greater than another.

    Args:
        tolerance: Numbers that are no further apart count as equal.
    """
    x, y = to_number(a), to_number(b)
    if math.isclose(x, y, rel_tol=0.0, abs_tol=tolerance):
        x = y
    return COMPARISONS[comparison](x, y)


_TEXT_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts with": str.startswith,
    "ends with": str.endswith,
}


@node("TextCompare", category="logic", title="Compare Texts")
def compare_texts(
    *,
    a: Lines = "",
    comparison: Annotated[str, Choice((*_TEXT_COMPARISONS, "matches"))] = "equals",
    b: Lines = "",
    case_sensitive: bool = True,
) -> bool:
    """Whether one text equals, contains, starts or ends with another.

    Args:
        comparison: `matches`: b is a regular expression that is found in a.
    """
    if comparison == "matches":
        return Pattern(b, ignore_case=not case_sensitive).first(a) is not None
    if not case_sensitive:
        a, b = a.casefold(), b.casefold()
    return _TEXT_COMPARISONS[comparison](a, b)


_GATES: Final[Mapping[str, Callable[[bool, bool], bool]]] = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "xor": lambda a, b: a != b,
}


@node("BooleanLogic", category="logic", title="And / Or / Xor")
def boolean_logic(
    *, a: bool = False, operation: Annotated[str, Choice(tuple(_GATES))] = "and", b: bool = False
) -> bool:
    """Two conditions as one.

    Args:
        operation: `xor`: exactly one of them holds.
    """
    return _GATES[operation](a, b)


@node("BooleanNot", category="logic", title="Not")
def boolean_not(*, value: bool = False) -> bool:
    """The opposite of a condition."""
    return not value


class Output(NamedTuple):
    """What was chosen."""

    output: AnyValue


@node("LazySwitch", category="logic", title="Switch")
def switch(
    *, condition: bool = True, on_true: LazyAny | None = None, on_false: LazyAny | None = None
) -> Output:
    """One of two values, of any type. What leads to the other one is not computed.

    Args:
        on_true: Given where the condition holds.
        on_false: Given where it does not.
    """
    return Output(on_true if condition else on_false)


@switch.needs
def _(condition: bool) -> Iterable[str]:
    return ["on_true" if condition else "on_false"]


@node("ComfySwitchNode", category="logic", title="Switch")
def comfy_switch(
    *, switch: bool = False, on_false: LazyAny | None = None, on_true: LazyAny | None = None
) -> Output:
    """One of two values, of any type. What leads to the other one is not computed."""
    return Output(on_true if switch else on_false)


@comfy_switch.needs
def _(switch: bool) -> Iterable[str]:
    return ["on_true" if switch else "on_false"]


@node("ImpactConditionalBranch", category="logic", title="Conditional Branch")
def conditional_branch(*, cond: bool, tt_value: LazyAny, ff_value: LazyAny) -> AnyValue:
    """One of two values, of any type. What leads to the other one is not computed.

    Args:
        tt_value: Given where the condition holds.
        ff_value: Given where it does not.
    """
    return tt_value if cond else ff_value


@conditional_branch.needs
def _(cond: bool) -> Iterable[str]:
    return ["tt_value" if cond else "ff_value"]


@node("easy ifElse", category="logic", title="If Else")
def if_else(*, on_true: LazyAny, on_false: LazyAny, boolean: bool = False) -> AnyValue:
    """One of two values, of any type. What leads to the other one is not computed."""
    return on_true if boolean else on_false


@if_else.needs
def _(boolean: bool) -> Iterable[str]:
    return ["on_true" if boolean else "on_false"]


@node("LazyIndexSwitch", category="logic", title="Switch by Index")
def index_switch(
    *,
    index: Index = 0,
    value0: LazyAny | None = None,
    value1: LazyAny | None = None,
    value2: LazyAny | None = None,
    value3: LazyAny | None = None,
    value4: LazyAny | None = None,
    value5: LazyAny | None = None,
    value6: LazyAny | None = None,
    value7: LazyAny | None = None,
    **more: Annotated[LazyAny, Optional()],
) -> Output:
    """One of several values, of any type. What leads to the others is not computed.

    Args:
        index: Which one: 0 for value0, 1 for value1, and so on.
    """
    first = (value0, value1, value2, value3, value4, value5, value6, value7)
    chosen = first[index] if index < len(first) else more.get(f"value{index}")
    if chosen is None:
        raise ValueError(f"the index is {index}, but nothing is linked to value{index}")
    return Output(chosen)


@index_switch.needs
def _(index: int) -> Iterable[str]:
    return [f"value{index}"]


@node("Any Switch (rgthree)", category="logic", title="Any Switch")
def first_given(
    *,
    any_01: AnyValue | None = None,
    any_02: AnyValue | None = None,
    any_03: AnyValue | None = None,
    any_04: AnyValue | None = None,
    any_05: AnyValue | None = None,
    **more: Annotated[Any, Optional()],
) -> AnyValue:
    """The first of its values that is there: the others may come from muted or absent nodes."""
    values = (any_01, any_02, any_03, any_04, any_05, *(more[name] for name in sorted(more)))
    return next((value for value in values if value is not None), None)


_IMPACT: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "a = b": lambda a, b: a == b,
    "a <> b": lambda a, b: a != b,
    "a > b": lambda a, b: a > b,
    "a < b": lambda a, b: a < b,
    "a >= b": lambda a, b: a >= b,
    "a <= b": lambda a, b: a <= b,
    "tt": lambda a, b: True,
    "ff": lambda a, b: False,
}


@node("ImpactCompare", category="logic", title="Compare")
def impact_compare(*, cmp: Annotated[str, Choice(tuple(_IMPACT))], a: AnyValue, b: AnyValue) -> bool:
    """Whether two values are equal, or one of them greater.

    Args:
        cmp: `tt` holds always, `ff` never.
    """
    try:
        return bool(_IMPACT[cmp](a, b))
    except TypeError:
        raise TypeError(f"a {type(a).__name__} and a {type(b).__name__} have no order") from None


@node("PassIf", category="logic", title="Pass If")
def pass_if(*, value: AnyValue, condition: bool = True, reason: Line = "") -> Output | Blocked:
    """A value, where a condition holds; otherwise nothing behind this node runs.

    Args:
        reason: Said where the value does not pass; empty to say nothing.
    """
    return Output(value) if condition else Blocked(reason)


class Best(NamedTuple):
    """The better of two, and how good it is."""

    best: AnyValue
    score: float


@node("KeepBest", category="logic", title="Keep the Best")
def keep_best(
    *,
    value: AnyValue,
    score: Decimal = 0.0,
    best: AnyValue | None = None,
    best_score: AnyValue | None = None,
) -> Best:
    """Of two values the one with the higher score. In a loop it carries the best so far from round to round.

    Args:
        best: The best before; the first value is better than none.
    """
    new = float(to_number(score))
    if best is None or best_score is None or new > to_number(best_score):
        return Best(value, new)
    return Best(best, float(to_number(best_score)))
