"""What a sweep leaves in its folder beside the pictures: what became of every cell, as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import DarkroomError, InputError
from core.folders import relative_name
from core.media.outputs import write_whole
from core.workflow.json_text import parse_json
from core.workflow.sweep import Cell, Sweep, digest_of

NAME: Final = "sweep.json"
_GRID: Final = re.compile(r"grid(_\d+)?\.png")
State: TypeAlias = Literal["pending", "done", "failed"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class AxisFacts(_Model):
    """An axis, in the order it was given."""

    name: str
    values: list[Any]


class CellFacts(_Model):
    """A cell.

    Attributes:
        place: Its index on each axis.
        values: Axis name -> value.
        graph: A hash of what it runs.
        files: Its pictures, relative to the index.
        error: Why it failed.
    """

    place: list[int]
    values: dict[str, Any]
    graph: str
    status: State = "pending"
    files: list[str] = []
    seconds: float | None = None
    error: str | None = None


class Index(_Model):
    """All cells, in the order of the axes: the last one changes fastest.

    Attributes:
        file: What was run.
        grids: The pictures of all cells, relative to the index.
    """

    format: Literal[1] = 1
    file: str
    axes: list[AxisFacts]
    cells: list[CellFacts]
    grids: list[str] = []


class IndexFile:
    """The index of a folder, written whole after every change.

    What was made there before is part of it: a sweep is interrupted and goes on, or is given more values.

    Args:
        folder: Where the sweep is made.
        file: What is run.

    Raises:
        DarkroomError: The folder has the index of a sweep of which this one lacks finished cells, or one
            that cannot be read.
    """

    def __init__(self, folder: Path, sweep: Sweep, file: str) -> None:
        self.folder = folder
        self.index = new_index(sweep, file)
        found = read_index(folder)
        if found is not None:
            if lacking := cells_lacking(self.index, found):
                raise DarkroomError(
                    f"{folder} holds another sweep, of {found.file} over {_axes(found)}, and {len(lacking)} "
                    "of its finished cells are not part of this one; to extend it, name all its values and "
                    f"more, or else name another folder with --output, or delete {NAME} in it"
                )
            _take_over(self.index, found)
        self._by_place = {tuple(facts.place): facts for facts in self.index.cells}

    def of(self, cell: Cell) -> CellFacts:
        """What became of a cell."""
        return self._by_place[cell.place]

    def is_done(self, cell: Cell) -> bool:
        """Whether the cell was made, and its pictures are still there."""
        facts = self.of(cell)
        return facts.status == "done" and len(self.pictures(cell)) == len(facts.files)

    def pictures(self, cell: Cell) -> list[Path]:
        """The files of a cell that are there."""
        return [path for path in self._paths(self.of(cell)) if path.is_file()]

    def set_grids(self, names: list[str]) -> None:
        """Notes the pictures of all cells, and deletes those of another layout."""
        for name in self.index.grids:
            if name not in names and _GRID.fullmatch(name):
                with suppress(OSError):
                    (self.folder / name).unlink()
        self.index.grids = names
        self.write()

    def write(self) -> None:
        """Writes the index.

        Raises:
            DarkroomError: The disk is full, or the folder cannot be written.
        """
        write_whole(self.folder / NAME, self.index.model_dump_json(indent=1).encode())

    def _paths(self, facts: CellFacts) -> Iterator[Path]:
        for name in facts.files:
            try:
                yield self.folder / relative_name(name)
            except InputError as error:
                raise DarkroomError(f"{self.folder / NAME} names {name!r}: {error}") from error


def new_index(sweep: Sweep, file: str) -> Index:
    """The index of a sweep that has not begun."""
    axes = [AxisFacts(name=axis.name, values=list(axis.values)) for axis in sweep.axes]
    cells = [
        CellFacts(
            place=list(cell.place),
            values={axis.name: axis.values[i] for axis, i in zip(sweep.axes, cell.place, strict=True)},
            graph=digest_of(cell.graph),
        )
        for cell in sweep.cells
    ]
    return Index(file=file, axes=axes, cells=cells)


def cells_lacking(index: Index, found: Index) -> list[CellFacts]:
    """The finished cells of a sweep that are not part of another one. Equal graphs make equal cells."""
    graphs = {facts.graph for facts in index.cells}
    return [facts for facts in found.cells if facts.status == "done" and facts.graph not in graphs]


def _take_over(index: Index, found: Index) -> None:
    """Puts what became of the cells of a sweep into another one that has them."""
    known = {facts.graph: facts for facts in sorted(found.cells, key=lambda facts: facts.status == "done")}
    for number, facts in enumerate(index.cells):
        if before := known.get(facts.graph):
            here = {"place": facts.place, "values": facts.values}
            index.cells[number] = before.model_copy(update=here)
    index.grids = found.grids


def read_index(folder: Path) -> Index | None:
    """The index in a folder; None if there is none.

    Raises:
        DarkroomError: It cannot be read.
    """
    path = folder / NAME
    try:
        return Index.model_validate(parse_json(path.read_bytes(), str(path)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise DarkroomError(
            f"{path} is no index of a sweep: see {place}; delete it, or move it away"
        ) from error


def _axes(index: Index) -> str:
    return " and ".join(axis.name for axis in index.axes)
