"""`darkroom run`: graphs run one after the other in one process, with one model cache."""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.files import make_folders
from app.status import CANCELLED, FAILED, OK, WRONG_INPUT
from app.terminal import Terminal
from core.engine.context import CancelToken, RunContext, RunOptions
from core.engine.run import Runner, RunReport
from core.engine.values import show
from core.errors import DarkroomError, GraphError, NodeError, Problem, WorkflowError
from core.graph import PromptGraph
from core.media.outputs import write_whole
from core.near import near
from core.nodes.registry import Registry, builtin
from core.workflow.comfy_json import write_document
from core.workflow.document import GraphDocument
from core.workflow.json_text import parse_json
from core.workflow.open import read_workflow
from core.workflow.operations import SetWidget
from core.workflow.widgets import layout
from core.workflow.wiring import Disconnect

if TYPE_CHECKING:
    from torch import Tensor

_STATUS: Final[Mapping[str, int]] = {
    "success": OK,
    "partial": FAILED,
    "error": FAILED,
    "cancelled": CANCELLED,
}
_LISTED: Final = 20
PACKAGES: Final = ("darkroom", "torch", "diffusers", "transformers")


@dataclass(frozen=True, slots=True)
class Setting:
    """`NODE.INPUT=VALUE`: a value that an input is given instead of its own."""

    node_id: str
    input: str
    text: str

    @staticmethod
    def parse(argument: str) -> Setting:
        """Reads a command line argument; ids of nodes in subgraphs may contain dots."""
        place, equals, text = argument.partition("=")
        node_id, dot, name = place.rpartition(".")
        if not (equals and dot and node_id and name):
            raise argparse.ArgumentTypeError(f"{argument!r} is not NODE.INPUT=VALUE")
        return Setting(node_id, name, text)

    def value(self, wire_type: str) -> object:
        """The text as a value for an input of that type."""
        if wire_type in ("STRING", "COMBO"):
            return self.text
        try:
            return parse_json(self.text, "the value")
        except WorkflowError:
            return self.text


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
    if options.dump and len(options.files) > 1:
        raise DarkroomError("--dump works with one FILE only")
    registry, token = builtin(), CancelToken()
    context = _context(options)
    runner = Runner(registry, context)
    reports: list[dict[str, Any]] = []
    status = OK
    with _cancelled_by_interrupt(token):
        for path in options.files:
            if token.is_cancelled:
                status = CANCELLED
                break
            terminal = Terminal(path.name, context.folders)
            report, code = _run_file(path, options, runner, registry, token, terminal)
            reports.append(report)
            status = max(status, code)
    if options.report:
        result = reports[0] if len(options.files) == 1 else reports
        write_whole(options.report, json.dumps(result, indent=2).encode())
    return status


def _context(options: argparse.Namespace) -> RunContext:
    from core.models.cache import ModelCache

    models = ModelCache(options.device)
    # What the imports made is never garbage; looking through it took a third of the time of small graphs.
    gc.collect()
    gc.freeze()
    folders = make_folders(options, options.output)
    return RunContext(folders, {ModelCache: models}, free_memory=lambda: models.evict_idle() > 0)


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
        with terminal:
            report = runner.run(graph, RunOptions(token=token, extra_pnginfo=extra), terminal.on_event)
    except GraphError as error:
        terminal.complain(error.problems)
        return _failed([_problem_facts(problem) for problem in error.problems]), FAILED
    except DarkroomError as error:
        terminal.complain([error])
        return _failed([_facts(type(error).__name__, str(error))]), WRONG_INPUT
    terminal.sum_up(report)
    facts, status = _report_facts(report), _STATUS[report.status]
    for dump in options.dump:
        try:
            _write_dump(dump, report)
        except DarkroomError as error:
            terminal.complain([error])
            facts["errors"].append(_facts(type(error).__name__, str(error)))
            status = status or WRONG_INPUT
    return facts, status


def graph_of(
    path: Path, settings: list[Setting], registry: Registry
) -> tuple[PromptGraph, dict[str, Any] | None]:
    """What to run, and the editor form to store with the results, where the file has one."""
    opened = read_workflow(path)
    graph = opened.to_prompt(registry).graph
    for setting in settings:
        graph = _set_in_graph(graph, setting, registry)
        if opened.document is not None:
            _set_in_document(opened.document, setting, registry)
    return graph, None if opened.document is None else write_document(opened.document)


def _set_in_graph(graph: PromptGraph, setting: Setting, registry: Registry) -> PromptGraph:
    node = graph.nodes.get(setting.node_id)
    if node is None:
        raise DarkroomError(f"--set: there is no node {setting.node_id!r}; there are {_first(graph.nodes)}")
    spec = registry.interface(node.class_type)
    declared = spec.input(setting.input) if spec else None
    if declared is None and setting.input not in node.inputs:
        names = [*node.inputs, *(entry.name for entry in (spec.inputs if spec else ()))]
        hint = _first(near(setting.input, names) or dict.fromkeys(names))
        raise DarkroomError(f"--set: {node.class_type} has no input {setting.input!r}; did you mean {hint}?")
    value = setting.value(declared.type if declared else "*")
    changed = replace(node, inputs={**node.inputs, setting.input: value})
    return PromptGraph({**graph.nodes, setting.node_id: changed})


def _set_in_document(document: GraphDocument, setting: Setting, registry: Registry) -> None:
    """The same in the editor form, so that a picture's two graphs agree."""
    node = document.nodes.get(setting.node_id)
    spec = registry.interface(node.type) if node else None
    place = layout(node, spec).places.get(setting.input) if node else None
    if node is None or place is None:
        return
    declared = spec.input(setting.input) if spec else None
    overriding = [s.link for s in node.inputs if s.name == setting.input and s.link in document.links]
    document.apply(Disconnect([link for link in overriding if link is not None]))
    document.apply(SetWidget(node.id, place, setting.value(declared.type if declared else "*")))


def _first(names: Iterable[str]) -> str:
    """Names as a message lists them: not more than anyone reads."""
    listed = list(names)
    return ", ".join(listed[:_LISTED]) + (
        f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    )


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
    problems = [_problem_facts(problem) for problem in report.left_out]
    return {
        "status": report.status,
        "outputs": report.outputs,
        "executed": report.executed,
        "cached": report.cached,
        "seconds": report.seconds,
        "errors": problems + [_error_facts(error) for error in report.errors],
        "versions": _versions(),
    }


def _failed(errors: list[dict[str, Any]]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"outputs": {}, "executed": [], "cached": [], "seconds": {}}
    return {"status": "error", **nothing, "errors": errors, "versions": _versions()}


def _facts(kind: str, message: str, **known: object) -> dict[str, Any]:
    return {"node_id": None, "class_type": None, "kind": kind, "message": message, "inputs": {}} | known


def _problem_facts(problem: Problem) -> dict[str, Any]:
    value = problem.details.get("received_value", problem.details.get("linked_node"))
    inputs = {} if problem.input is None or value is None else {problem.input: show(value)}
    place = {"node_id": problem.node_id, "class_type": problem.class_type, "inputs": inputs}
    return _facts(problem.kind, problem.message, **place)


def _error_facts(error: NodeError) -> dict[str, Any]:
    place = {"node_id": error.node_id, "class_type": error.class_type, "inputs": error.inputs}
    return _facts(error.kind, str(error), **place)


def _versions() -> dict[str, str]:
    return {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES}


@contextmanager
def _cancelled_by_interrupt(token: CancelToken) -> Generator[None]:
    """Ctrl+C ends the run at its next step; a second one ends the process."""

    def on_interrupt(number: int, frame: object) -> None:
        del number, frame
        token.cancel()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
