"""`darkroom run`: graphs run one after the other in one process, with one model cache."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.files import make_folders
from app.runs import STATUS, cancelled_by_interrupt, errors_of, facts, make_runner, problem_facts, versions
from app.status import CANCELLED, FAILED, OK, WRONG_INPUT
from app.terminal import Terminal
from core.engine.context import CancelToken, RunOptions
from core.engine.run import Runner, RunReport
from core.errors import DarkroomError, GraphError
from core.graph import PromptGraph
from core.media.outputs import write_whole
from core.nodes.registry import Registry, builtin
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable, Setting

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Dump:
    """`NODE.SLOT=FILE`: an output whose value is written to a safetensors file."""

    node_id: str
    slot: int
    path: Path

    @staticmethod
    def parse(argument: str) -> Dump:
        """Reads a command line argument."""
        place, equals, path = argument.partition("=")
        node_id, dot, slot = place.rpartition(".")
        if not (equals and dot and node_id and path and slot.isdecimal()):
            raise argparse.ArgumentTypeError(f"{argument!r} is not NODE.SLOT=FILE")
        return Dump(node_id, int(slot), Path(path))


def run(options: argparse.Namespace) -> int:
    """Runs every file and returns the exit status of the worst.

    Raises:
        DarkroomError: The command line asks for something that cannot be.
    """
    for name in ("dump", "trace"):
        if getattr(options, name) and len(options.files) > 1:
            raise DarkroomError(f"--{name} works with one FILE only")
    registry, token = builtin(), CancelToken()
    folders = make_folders(options, options.output)
    runner = make_runner(registry, folders, options.device)
    reports: list[dict[str, Any]] = []
    status = OK
    with cancelled_by_interrupt(token):
        for path in options.files:
            if token.is_cancelled:
                status = CANCELLED
                break
            terminal = Terminal(path.name, folders)
            report, code = _run_file(path, options, runner, registry, token, terminal)
            reports.append(report)
            status = max(status, code)
    if options.report:
        result = reports[0] if len(options.files) == 1 else reports
        write_whole(options.report, json.dumps(result, indent=2).encode())
    return status


def _run_file(
    path: Path,
    options: argparse.Namespace,
    runner: Runner,
    registry: Registry,
    token: CancelToken,
    terminal: Terminal,
) -> tuple[dict[str, Any], int]:
    """The report of one file, and its exit status."""
    try:
        graph, workflow = graph_of(path, options.set, registry)
        terminal.show_graph(graph, registry)
        extra = {} if workflow is None else {"workflow": workflow}
        how = RunOptions(token=token, extra_pnginfo=extra, stop_at_first_error=options.stop_at_first_error)
        with terminal:
            report = runner.run(graph, how, terminal.on_event)
    except GraphError as error:
        terminal.complain(error.problems)
        return _failed([problem_facts(problem) for problem in error.problems]), FAILED
    except DarkroomError as error:
        terminal.complain([error])
        return _failed([facts(type(error).__name__, str(error))]), WRONG_INPUT
    terminal.sum_up(report)
    result, status = _report_facts(report), STATUS[report.status]
    if options.trace:
        write_whole(options.trace, json.dumps(report.profile.to_trace()).encode())
    for dump in options.dump:
        try:
            _write_dump(dump, report)
        except DarkroomError as error:
            terminal.complain([error])
            result["errors"].append(facts(type(error).__name__, str(error)))
            status = status or WRONG_INPUT
    return result, status


def graph_of(
    path: Path, settings: list[Setting], registry: Registry
) -> tuple[PromptGraph, dict[str, Any] | None]:
    """What to run, and the editor form to store with the results, where the file has one."""
    runnable = Runnable(read_workflow(path), registry)
    values = runnable.values(settings)
    return runnable.graph_with(values), runnable.workflow_with(values)


def _write_dump(dump: Dump, report: RunReport) -> None:
    from safetensors.torch import save

    try:
        value = report.value(dump.node_id, dump.slot)
    except LookupError as error:
        raise DarkroomError(f"--dump: {error}") from error
    if isinstance(value, list):
        tensors = {f"item{i}/{key}": t for i, item in enumerate(value) for key, t in _tensors(item).items()}
    else:
        tensors = _tensors(value)
    if not tensors:
        raise DarkroomError(f"--dump: output {dump.node_id}.{dump.slot} holds no tensor")
    write_whole(dump.path, save(tensors))


def _tensors(value: object) -> dict[str, Tensor]:
    """The tensors of one value: `value` for a bare one, by key for a latent."""
    import torch

    named = value if isinstance(value, dict) else {"value": value}
    return {str(k): v.detach().cpu().contiguous() for k, v in named.items() if isinstance(v, torch.Tensor)}


def _report_facts(report: RunReport) -> dict[str, Any]:
    return {
        "status": report.status,
        "outputs": report.outputs,
        "executed": report.executed,
        "cached": report.cached,
        "seconds": report.seconds,
        "errors": errors_of(report),
        "profile": report.profile.to_json(),
        "versions": versions(),
    }


def _failed(errors: list[dict[str, Any]]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"outputs": {}, "executed": [], "cached": [], "seconds": {}}
    return {"status": "error", **nothing, "errors": errors, "versions": versions()}
