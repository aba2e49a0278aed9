"""Sweeps: a graph run with every combination of the values of some of its inputs."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from core.errors import WorkflowError
from core.folders import USER_KINDS
from core.graph import PromptGraph
from core.nodes.spec import WIDGET_TYPES, FileChoice
from core.topology import sources_first
from core.workflow.json_text import SIZE_LIMIT
from core.workflow.runnable import Runnable
from core.workflow.targets import Target, declared

MOST_CELLS: Final = 10_000

_NUMBER: Final = r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_RANGE: Final = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")
_SEEDS: Final = re.compile(r"seeds:(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Axis:
    """One input, or several at once, and the values it takes one after the other.

    Attributes:
        name: As it was asked for: `3.cfg`, `prompt`, `6.text~red`.
        title: What labels call it.
        find: The words that the values take the place of; None where they replace all of the input.
    """

    name: str
    title: str
    targets: tuple[Target, ...]
    values: tuple[object, ...]
    find: str | None = None

    def label(self, index: int) -> str:
        """A value as a grid shows it."""
        value = self.values[index]
        return f"{self.title}: {value}" if self.find is None else f"{self.find} -> {value}"


class Cell(NamedTuple):
    """One combination.

    Attributes:
        place: Where it is on each axis.
        values: What its graph has that the file has not.
    """

    place: tuple[int, ...]
    values: Mapping[Target, object]
    graph: PromptGraph


@dataclass(frozen=True, slots=True)
class Sweep:
    """All cells: `cells` with the last axis changing fastest, `in_order` as they are best made."""

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    in_order: tuple[Cell, ...]


def plan(runnable: Runnable, settings: Mapping[Target, object], axes: Sequence[Axis]) -> Sweep:
    """The sweep over some axes, in the order that loads the fewest models and repeats the least work.

    Args:
        settings: Values that all cells have.

    Raises:
        WorkflowError: There are too many cells, two axes are for the same input, or words to be replaced do
            not occur.
    """
    _check(axes)
    places = itertools.product(*(range(len(axis.values)) for axis in axes))
    cells = tuple(_cell(runnable, settings, axes, place) for place in places)
    slowest_first = sorted(range(len(axes)), key=lambda i: _speed(axes[i], runnable))
    in_order = sorted(cells, key=lambda cell: [cell.place[i] for i in slowest_first])
    return Sweep(tuple(axes), cells, tuple(in_order))


def read_axis(argument: str, runnable: Runnable, settings: Mapping[Target, object]) -> Axis:
    """Reads `PLACE=VALUES`, or `PLACE~WORDS=VALUES` to replace words in a text.

    PLACE is `NODE.INPUT` or a parameter of a template. VALUES are separated by commas; double quotes hold a
    value that has some. Numbers may be ranges, `1..5` or `0..1:0.25`. `seeds:4` is the seed that is there and
    the three after it. `@FILE` has a value in each line.

    Raises:
        WorkflowError: It is written in another way, the place is not there, or a value does not fit.
    """
    where, equals, words = argument.partition("=")
    place, tilde, find = where.partition("~")
    if not (equals and place) or bool(tilde) != bool(find):
        raise WorkflowError(f"the axis {argument!r} is not NODE.INPUT=VALUE,VALUE...")
    try:
        return _axis(where, place, find or None, words, runnable, settings)
    except WorkflowError as error:
        raise WorkflowError(f"the axis {where}: {error}") from error


def digest_of(graph: PromptGraph) -> str:
    """The same for graphs that make the same."""
    nodes = {node_id: node.to_json() for node_id, node in graph.nodes.items()}
    content = {node_id: [form["class_type"], form["inputs"]] for node_id, form in nodes.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _axis(
    name: str,
    place: str,
    find: str | None,
    words: str,
    runnable: Runnable,
    settings: Mapping[Target, object],
) -> Axis:
    parameter, targets = runnable.parameter(place), runnable.targets(place)
    kind = parameter.type if parameter else runnable.wire_type(targets[0])
    if find is not None and kind not in ("STRING", "*"):
        raise WorkflowError(f"words can be replaced in texts only, and this is {kind}")
    if kind != "*" and WIDGET_TYPES.isdisjoint(kind.split(",")):
        raise WorkflowError(f"it takes {kind} from a link, and no value that can be written down")
    texts = _texts(words)
    if find is None and kind not in ("STRING", "COMBO"):
        start = settings.get(targets[0], runnable.present(targets[0]))
        texts = [number for text in texts for number in _numbers(text, start)]
    values = tuple(texts) if find is not None else tuple(runnable.value(place, text) for text in texts)
    for value in values:
        if not _fits(value, kind):
            raise WorkflowError(f"it takes {kind}, which {value!r} is not")
    repeated = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if repeated is not None:
        raise WorkflowError(f"the value {repeated!r} is there twice")
    return Axis(name, parameter.label if parameter else targets[0].input, targets, values, find)


def _texts(words: str) -> list[str]:
    if words.startswith("@"):
        return _lines(Path(words[1:]))
    try:
        (row,) = csv.reader([words], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise WorkflowError(f"{words!r} is no list of values: {error}") from error
    return row or [""]


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise WorkflowError(f"{path} is too large for a list of values")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise WorkflowError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise WorkflowError(f"{path} is not text in UTF-8: byte {error.start}") from error
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise WorkflowError(f"{path} has no line with a value")
    return found


def _numbers(text: str, start: object) -> Iterator[str]:
    """The numbers that a range stands for; anything else as it is."""
    text = text.strip()
    if match := _SEEDS.fullmatch(text):
        if not isinstance(start, int) or not 1 <= int(match[1]) <= MOST_CELLS:
            raise WorkflowError(f"{text!r} counts on from a whole number, up to {MOST_CELLS} of them")
        yield from (str(start + index) for index in range(int(match[1])))
    elif match := _RANGE.fullmatch(text):
        first, last, step = Decimal(match[1]), Decimal(match[2]), abs(Decimal(match[3] or 1))
        if step == 0:
            raise WorkflowError(f"the range {text} never ends: its step is 0")
        if abs(last - first) / step >= MOST_CELLS:
            raise WorkflowError(f"the range {text} has more than {MOST_CELLS} values")
        count = int(abs(last - first) / step) + 1
        step = step.copy_sign(last - first)
        yield from (f"{(first + index * step).normalize():f}" for index in range(count))
    else:
        yield text


def _fits(value: object, kind: str) -> bool:
    match kind:
        case "INT":
            return isinstance(value, int) and not isinstance(value, bool)
        case "FLOAT":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "BOOLEAN":
            return isinstance(value, bool)
        case _:
            return True


def _check(axes: Sequence[Axis]) -> None:
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_CELLS:
        raise WorkflowError(f"these axes make {count} cells; a sweep may have {MOST_CELLS}")
    for one, other in itertools.combinations(axes, 2):
        shared = set(one.targets) & set(other.targets)
        if one.name == other.name or (one.find is None and other.find is None and shared):
            raise WorkflowError(f"the axes {one.name} and {other.name} are for the same input")


def _cell(
    runnable: Runnable, settings: Mapping[Target, object], axes: Sequence[Axis], place: tuple[int, ...]
) -> Cell:
    values = dict(settings)
    chosen = [(axis, axis.values[index]) for axis, index in zip(axes, place, strict=True)]
    for axis, value in chosen:
        if axis.find is None:
            values |= dict.fromkeys(axis.targets, value)
    for axis, value in chosen:
        if axis.find is not None:
            for target in axis.targets:
                before = values.get(target, runnable.present(target))
                values[target] = _replaced(axis, target, before, str(value))
    return Cell(place, values, runnable.graph_with(values))


def _replaced(axis: Axis, target: Target, text: object, value: str) -> str:
    if not isinstance(text, str):
        raise WorkflowError(f"the axis {axis.name}: {target} has no text of its own to replace words in")
    assert axis.find is not None
    words = re.compile(rf"(?<!\w){re.escape(axis.find)}(?!\w)")
    if not words.search(text):
        raise WorkflowError(f"the axis {axis.name}: {axis.find!r} does not occur in {text[:80]!r}")
    return words.sub(lambda _: value, text)


def _speed(axis: Axis, runnable: Runnable) -> tuple[bool, int]:
    """What sorts axes of which every step costs much before those of which it costs little."""
    names_model = any(_names_model(target, runnable) for target in axis.targets)
    return not names_model, -len(_behind((target.node_id for target in axis.targets), runnable.graph))


def _names_model(target: Target, runnable: Runnable) -> bool:
    spec = declared(target, runnable.graph, runnable.registry)
    widget = spec.widget if spec else None
    return isinstance(widget, FileChoice) and widget.folder not in USER_KINDS


def _behind(node_ids: Iterable[str], graph: PromptGraph) -> set[str]:
    """The nodes that have to work again when these have changed."""
    consumers: dict[str, list[str]] = {}
    for node_id, node in graph.nodes.items():
        for _, link in node.links():
            consumers.setdefault(link.node_id, []).append(node_id)
    return set(sources_first(node_ids, lambda node_id: consumers.get(node_id, ())))
