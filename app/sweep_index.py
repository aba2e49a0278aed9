"""What a sweep leaves in its folder beside the pictures: what became of every cell, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import DarkroomError, InputError
from core.folders import relative_name
from core.media.outputs import write_whole
from core.workflow.json_text import parse_json
from core.workflow.sweep import Cell, Sweep, digest_of

NAME: Final = "sweep.json"
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
        sweep: A hash of all of it; another sweep has another one.
        file: What was run.
        grids: The pictures of all cells, relative to the index.
    """

    format: Literal[1] = 1
    sweep: str
    file: str
    axes: list[AxisFacts]
    cells: list[CellFacts]
    grids: list[str] = []


class IndexFile:
    """The index of a folder, written whole after every change.

    Args:
        folder: Where the sweep is made.
        file: What is run.

    Raises:
        DarkroomError: The folder has the index of another sweep, or one that cannot be read.
    """

    def __init__(self, folder: Path, sweep: Sweep, file: str) -> None:
        self.folder = folder
        found = read_index(folder)
        if found is not None and found.sweep != sweep.digest:
            raise DarkroomError(
                f"{folder} holds another sweep, of {found.file} over {_axes(found)}; "
                f"name another folder with --output, or delete {NAME} in it"
            )
        self.index = found or new_index(sweep, file)
        self._by_place = {tuple(facts.place): facts for facts in self.index.cells}

    def of(self, cell: Cell) -> CellFacts:
        """What became of a cell."""
        return self._by_place[cell.place]

    def is_done(self, cell: Cell) -> bool:
        """Whether the cell was made, of the same graph, and its pictures are still there."""
        facts = self.of(cell)
        is_same = facts.status == "done" and facts.graph == digest_of(cell.graph)
        return is_same and len(self.pictures(cell)) == len(facts.files)

    def pictures(self, cell: Cell) -> list[Path]:
        """The files of a cell that are there."""
        return [path for path in self._paths(self.of(cell)) if path.is_file()]

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
    return Index(sweep=sweep.digest, file=file, axes=axes, cells=cells)


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
