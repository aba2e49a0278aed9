"""Nodes that compare, change and make texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from core.nodes.api import Choice, Optional, Range, Shown, Text, node
from core.nodes.patterns import Pattern, refuse_long
from core.nodes.types import AnyValue

Lines = Annotated[str, Text(multiline=True)]
Line = Annotated[str, Text()]
OnByDefault = Annotated[bool, Optional()]

_CASES: Final[Mapping[str, Callable[[str], str]]] = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
}
_TRIMS: Final[Mapping[str, Callable[[str], str]]] = {
    "Both": str.strip,
    "Left": str.lstrip,
    "Right": str.rstrip,
}
_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "Starts With": str.startswith,
    "Ends With": str.endswith,
    "Equal": str.__eq__,
}


class Length(NamedTuple):
    """How long something is."""

    length: int


class Contains(NamedTuple):
    """Whether something is in something else."""

    contains: bool


class Matches(NamedTuple):
    """Whether a pattern was found."""

    matches: bool


@node("StringConcatenate", category="utils/string", title="Concatenate")
def concatenate(*, string_a: Lines, string_b: Lines, delimiter: Line = "") -> str:
    """Two texts, one after the other, with the delimiter between them."""
    refuse_long(len(string_a) + len(delimiter) + len(string_b))
    return delimiter.join((string_a, string_b))


@node("StringSubstring", category="utils/string", title="Substring")
def substring(*, string: Lines, start: int, end: int) -> str:
    """The part of a text from one place to another.

    Args:
        start: The first character, counted from 0; negative numbers count from the end.
        end: The first character that is left out.
    """
    return string[start:end]


@node("StringLength", category="utils/string", title="Length")
def length(*, string: Lines) -> Length:
    """How many characters a text has."""
    return Length(len(string))


@node("CaseConverter", category="utils/string", title="Case Converter")
def convert_case(*, string: Lines, mode: Annotated[str, Choice(tuple(_CASES))]) -> str:
    """A text in capital or small letters."""
    return _CASES[mode](string)


@node("StringTrim", category="utils/string", title="Trim")
def trim(*, string: Lines, mode: Annotated[str, Choice(tuple(_TRIMS))]) -> str:
    """A text without the spaces and line ends around it."""
    return _TRIMS[mode](string)


@node("StringReplace", category="utils/string", title="Replace")
def replace(*, string: Lines, find: Lines, replace: Lines) -> str:
    """A text with every occurrence of one part replaced by another."""
    refuse_long(len(string) + string.count(find) * (len(replace) - len(find)))
    return string.replace(find, replace)


@node("StringContains", category="utils/string", title="Contains")
def contains(*, string: Lines, substring: Lines, case_sensitive: bool = True) -> Contains:
    """Whether one text is part of another."""
    return Contains(_cased(substring, case_sensitive) in _cased(string, case_sensitive))


@node("StringCompare", category="utils/string", title="Compare")
def compare(
    *,
    string_a: Lines,
    string_b: Lines,
    mode: Annotated[str, Choice(tuple(_COMPARISONS))],
    case_sensitive: bool = True,
) -> bool:
    """Whether the first text starts with, ends with, or is the second."""
    return _COMPARISONS[mode](_cased(string_a, case_sensitive), _cased(string_b, case_sensitive))


@node("RegexMatch", category="utils/string", title="Regex Match")
def regex_match(
    *,
    string: Lines,
    regex_pattern: Lines,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
) -> Matches:
    """Whether a regular expression matches anywhere in a text.

    Args:
        multiline: ^ and $ stand for the ends of lines, not only of the text.
        dotall: A dot stands for line ends, too.
    """
    pattern = Pattern(regex_pattern, ignore_case=case_insensitive, multiline=multiline, dotall=dotall)
    return Matches(pattern.first(string) is not None)


@node("RegexExtract", category="utils/string", title="Regex Extract")
def regex_extract(
    *,
    string: Lines,
    regex_pattern: Lines,
    mode: Annotated[str, Choice(("First Match", "All Matches", "First Group", "All Groups"))],
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    group_index: Annotated[int, Range(0, 100)] = 1,
) -> str:
    """What a regular expression matches in a text, one match per line; nothing where it does not match.

    Args:
        mode: `All Matches` gives the first group of each match where the pattern has groups.
        multiline: ^ and $ stand for the ends of lines, not only of the text.
        dotall: A dot stands for line ends, too.
        group_index: Which group the two group modes give; 0 is the whole match.
    """
    pattern = Pattern(regex_pattern, ignore_case=case_insensitive, multiline=multiline, dotall=dotall)
    if mode.startswith("First"):
        first = pattern.first(string)
        matches = [] if first is None else [first]
    else:
        matches = pattern.all(string)
    group = group_index
    if mode.endswith("Match"):
        group = 0
    elif mode.endswith("Matches"):
        group = min(pattern.groups, 1)
    if group > pattern.groups:
        return ""
    return "\n".join(match[group] or "" for match in matches)


@node("RegexReplace", category="utils/string", title="Regex Replace")
def regex_replace(
    *,
    string: Lines,
    regex_pattern: Lines,
    replace: Lines,
    case_insensitive: OnByDefault = True,
    multiline: Annotated[bool, Optional()] = False,
    dotall: Annotated[bool, Optional()] = False,
    count: Annotated[int, Range(0, 100), Optional()] = 0,
) -> str:
    r"""A text with what a regular expression matches replaced by another text.

    Args:
        replace: May repeat groups of the match, as \1.
        multiline: ^ and $ stand for the ends of lines, not only of the text.
        dotall: A dot stands for line ends, too.
        count: How often at most; 0 for everywhere.
    """
    pattern = Pattern(regex_pattern, ignore_case=case_insensitive, multiline=multiline, dotall=dotall)
    return pattern.replaced(string, replace, count)


def _cased(text: str, case_sensitive: bool) -> str:
    return text if case_sensitive else text.lower()


@node("PreviewAny", category="utils", title="Preview Any", output=True)
def preview_any(*, source: AnyValue) -> Shown[None]:
    """Shows any value as text."""
    return Shown(None, text=[in_words(source)])


def in_words(value: object) -> str:
    """A value as text: plain data as it is, tensors by their shape, others by their type."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2, skipkeys=True, default=_described)


def _described(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} {list(value.shape)} {value.dtype}"
    return type(value).__name__


_PLACEHOLDER: Final = re.compile(
    r"\{\{|\}\}|\{(?P<name>\w+)(?::(?P<form>[<>^]?[+ ]?0?\d{0,2},?(?:\.\d{1,2})?[bdefgnosxX%]?))?\}"
)


@node("TextFormat", category="text", title="Format Text")
def format_text(
    *,
    template: Lines = "{a}",
    a: AnyValue | None = None,
    b: AnyValue | None = None,
    c: AnyValue | None = None,
    d: AnyValue | None = None,
    e: AnyValue | None = None,
    f: AnyValue | None = None,
    **others: Annotated[Any, Optional()],
) -> str:
    """A text with values put in where their names are in braces.

    Args:
        template: As `seed {a}, cfg {b:.1f}, number {c:05d}`; {{ and }} stand for braces.
    """
    values = {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f, **others}
    given = {name: value for name, value in values.items() if value is not None}

    def put(match: re.Match[str]) -> str:
        name, form = match["name"], match["form"]
        if name is None:
            return match[0][0]
        if name not in given:
            known = ", ".join(given) or "none"
            raise ValueError(f"the template names {{{name}}}, which has no value; there are: {known}")
        value = given[name]
        try:
            return format(value, form) if form else in_words(value)
        except (TypeError, ValueError):
            raise ValueError(f"{in_words(value)[:80]!r} cannot be written as {{{name}:{form}}}") from None

    result = _PLACEHOLDER.sub(put, template)
    refuse_long(len(result))
    return result


@node("TextJoin", category="text", title="Join Texts")
def join_texts(*, texts: list[AnyValue], delimiter: Line = ", ") -> str:
    """All items of a list as one text.

    Args:
        delimiter: What is put between them; \\n for a line end.
    """
    result = delimiter.replace("\\n", "\n").join(in_words(text) for text in texts)
    refuse_long(len(result))
    return result


@node("ConvertToText", category="text", title="To Text")
def to_text(*, value: AnyValue) -> str:
    """Any value as text."""
    return in_words(value)
