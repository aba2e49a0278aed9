"""`darkroom sweep`: every cell is saved as soon as it is made, and a grid of all at the end."""

from __future__ import annotations

import argparse
import io
import itertools
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from app.files import make_folders
from app.runs import STATUS, cancelled_by_interrupt, errors_of, make_runner, problem_facts
from app.status import CANCELLED, FAILED, OK
from app.sweep_index import CellFacts, IndexFile, cells_lacking, new_index, read_index
from app.terminal import Terminal
from core.engine.context import CancelToken, RunOptions
from core.engine.run import Runner, RunReport
from core.engine.validate import validate
from core.errors import DarkroomError, GraphError
from core.folders import Folders
from core.media.grid import Band, Tile, draw_grid
from core.media.outputs import SavedFile, path_of, write_whole
from core.nodes.registry import builtin
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable
from core.workflow.sweep import Cell, Sweep, plan, read_axis

_WIDEST: Final = 10
"""Pictures beside each other where there is one axis only; more are laid out in rows."""


def run(options: argparse.Namespace) -> int:
    """Makes the cells that are not made yet, then the grids.

    Raises:
        DarkroomError: The command line asks for something that cannot be.
    """
    if not options.axis:
        raise DarkroomError("a sweep needs an axis: --axis NODE.INPUT=VALUE,VALUE...")
    runnable = Runnable(read_workflow(options.file), builtin())
    settings = runnable.values(options.set)
    sweep = plan(runnable, settings, [read_axis(argument, runnable, settings) for argument in options.axis])
    if options.dry_run:
        return _print_cells(sweep, runnable, make_folders(options, options.output))
    folder = options.output or _free_folder(make_folders(options).output, options.file, sweep)
    folders = make_folders(options, folder)
    index = IndexFile(folders.output, sweep, str(options.file))
    return _Sweeping(sweep, runnable, index, folders, options.device).perform()


class _Sweeping:
    """A sweep while it is made.

    Args:
        index: Where it is told what became of every cell.
        device: Where to compute.
    """

    def __init__(
        self, sweep: Sweep, runnable: Runnable, index: IndexFile, folders: Folders, device: str
    ) -> None:
        self._sweep = sweep
        self._runnable = runnable
        self._index = index
        self._folders = folders
        self._device = device
        self._token = CancelToken()

    def perform(self) -> int:
        """Runs the cells that are not done; gives the exit status."""
        left = [cell for cell in self._sweep.in_order if not self._index.is_done(cell)]
        done = len(self._sweep.cells) - len(left)
        if done:
            _say(f"{done} of {len(self._sweep.cells)} cells are done already and are not made again")
        self._index.write()
        if left:
            with cancelled_by_interrupt(self._token):
                self._make(left, done)
        if self._token.is_cancelled:
            _say("cancelled; the same command goes on from here")
            return CANCELLED
        self._draw()
        failed = sum(self._index.of(cell).status != "done" for cell in self._sweep.cells)
        if failed:
            _say(f"{failed} of {len(self._sweep.cells)} cells failed; the same command tries them again")
        return FAILED if failed else OK

    def _make(self, cells: Sequence[Cell], done: int) -> None:
        runner = make_runner(self._runnable.registry, self._folders, self._device)
        for number, cell in enumerate(cells, done + 1):
            if self._token.is_cancelled:
                return
            terminal = Terminal(f"{number}/{len(self._sweep.cells)} {self._words(cell)}", self._folders)
            facts = self._index.of(cell)
            started = time.perf_counter()
            try:
                report = self._run(cell, runner, terminal)
            except GraphError as error:
                terminal.complain(error.problems)
                _note_failure(facts, [problem_facts(problem) for problem in error.problems])
            except DarkroomError as error:
                terminal.complain([error])
                facts.status, facts.error = "failed", str(error)
            else:
                if report.status == "cancelled":
                    return
                self._note(facts, report)
            facts.seconds = round(time.perf_counter() - started, 3)
            self._index.write()

    def _run(self, cell: Cell, runner: Runner, terminal: Terminal) -> RunReport:
        workflow = self._runnable.workflow_with(cell.values)
        extra = {} if workflow is None else {"workflow": workflow}
        terminal.show_graph(cell.graph, self._runnable.registry)
        with terminal:
            report = runner.run(
                cell.graph, RunOptions(token=self._token, extra_pnginfo=extra), terminal.on_event
            )
        terminal.sum_up(report)
        return report

    def _note(self, facts: CellFacts, report: RunReport) -> None:
        saved = [cast("SavedFile", item) for item in _files(report) if item["type"] == "output"]
        paths = [path_of(item, self._folders).relative_to(self._folders.output) for item in saved]
        facts.files = [path.as_posix() for path in paths]
        if STATUS[report.status] == OK:
            facts.status, facts.error = "done", None
        else:
            _note_failure(facts, errors_of(report))

    def _draw(self) -> None:
        grids: list[str] = []
        for name, title, bands in _grids(self._sweep, self._index):
            data = io.BytesIO()
            draw_grid(bands, title).save(data, "PNG")
            write_whole(self._folders.output / name, data.getvalue())
            grids.append(name)
            print(self._folders.output / name)  # noqa: T201 - a command line's way to speak
        self._index.set_grids(grids)

    def _words(self, cell: Cell) -> str:
        return ", ".join(_pairs(self._sweep, cell))


def _note_failure(facts: CellFacts, errors: Sequence[Mapping[str, Any]]) -> None:
    facts.status = "failed"
    facts.error = "; ".join(
        f"node {error['node_id']}: {error['message']}" if error["node_id"] else error["message"]
        for error in errors
    )


def _files(report: RunReport) -> Iterator[Mapping[str, Any]]:
    for shown in report.outputs.values():
        for item in itertools.chain.from_iterable(shown.values()):
            if isinstance(item, dict) and "filename" in item:
                yield item


def _grids(sweep: Sweep, index: IndexFile) -> Iterator[tuple[str, str, list[Band]]]:
    """Name, title and rows of each grid: the first axis goes across, the second down, others take turns."""
    cells = {cell.place: cell for cell in sweep.cells}
    across, *more = sweep.axes
    down, further = more[:1], more[1:]
    columns = [across.label(i) for i in range(len(across.values))]
    turns = list(itertools.product(*(range(len(axis.values)) for axis in further)))
    for number, turn in enumerate(turns, 1):
        title = ", ".join(axis.label(i) for axis, i in zip(further, turn, strict=True))
        name = f"grid_{number:0{len(str(len(turns)))}}.png" if further else "grid.png"
        if not down:
            yield name, title, _in_rows([_tile(cells[i,], index) for i in range(len(columns))], columns)
            continue
        rows = [
            Band(
                [_tile(cells[i, j, *turn], index) for i in range(len(columns))],
                down[0].label(j),
                columns if j == 0 else (),
            )
            for j in range(len(down[0].values))
        ]
        yield name, title, rows


def _in_rows(tiles: Sequence[Tile], labels: Sequence[str]) -> list[Band]:
    """One axis: in a row, or in several of the same length where there are many values."""
    width = len(tiles) if len(tiles) <= _WIDEST else math.ceil(math.sqrt(len(tiles)))
    starts = range(0, len(tiles), width)
    return [Band(tiles[start : start + width], above=labels[start : start + width]) for start in starts]


def _tile(cell: Cell, index: IndexFile) -> Tile:
    facts = index.of(cell)
    if facts.status == "done":
        return Tile(index.pictures(cell), "saved no picture")
    return Tile((), f"failed: {facts.error}")


def _print_cells(sweep: Sweep, runnable: Runnable, folders: Folders) -> int:
    """Prints the cells in the order they would run, and what would keep one from it."""
    for number, cell in enumerate(sweep.in_order, 1):
        problems = validate(cell.graph, runnable.registry, folders).problems
        why = f": cannot run: {problems[0]}" if problems else ""
        print(f"{number}/{len(sweep.cells)} {', '.join(_pairs(sweep, cell))}{why}")  # noqa: T201
    return OK


def _pairs(sweep: Sweep, cell: Cell) -> Iterator[str]:
    return (f"{axis.name}={axis.values[i]}" for axis, i in zip(sweep.axes, cell.place, strict=True))


def _free_folder(output: Path, file: Path, sweep: Sweep) -> Path:
    """Where a sweep goes that is given no folder: where some of it was made, or where no other one is."""
    first, index = output / f"{file.stem}_sweep", new_index(sweep, str(file))
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}_{number}")
        there = read_index(folder)
        if there is None or not cells_lacking(index, there):
            if number > 1:
                _say(f"{first} holds another sweep; this one is in {folder}")
            return folder
    raise AssertionError("counting never ends")


def _say(sentence: str) -> None:
    print(f"darkroom: {sentence}", file=sys.stderr)  # noqa: T201
