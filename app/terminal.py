"""What a run looks like on a terminal: a bar while it runs, then what was made and what failed."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from core.engine.run import RunReport
from core.events import NodeCached, NodeExpanded, NodeFinished, NodeProgress, NodeStarted, RunEvent
from core.folders import Folders
from core.graph import PromptGraph
from core.media.outputs import SavedFile, path_of
from core.nodes.registry import Registry


class Terminal:
    """One file's run on the terminal. Where output goes to a file there is no bar, only the results.

    Args:
        name: What the run is called.
        folders: Tells where saved files are.
    """

    def __init__(self, name: str, folders: Folders) -> None:
        self._out = Console(highlight=False, emoji=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
        self._titles: dict[str, str] = {}
        self._count = 0
        self._name = name
        self._folders = folders
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
            disable=not self._err.is_terminal,
        )
        self._nodes = self._bar.add_task(name, total=None)
        self._steps = self._bar.add_task("", visible=False)

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show_graph(self, graph: PromptGraph, registry: Registry) -> None:
        """Takes the number and the names of the nodes from the graph that is about to run."""
        for node_id, node in graph.nodes.items():
            title = node.title or registry.title(node.class_type)
            # Titles come from strangers: no codes that steer the terminal.
            self._titles[node_id] = "".join(letter if letter.isprintable() else " " for letter in title)
        self._count = len(graph.nodes)
        self._bar.update(self._nodes, total=self._count)

    def on_event(self, event: RunEvent) -> None:
        """Follows the run."""
        match event:
            case NodeStarted():
                self._bar.update(self._steps, description=f"  {self._title(event.display_id)}", visible=False)
            case NodeExpanded(children=children):
                self._count += len(children)
                self._bar.update(self._nodes, total=self._count)
            case NodeProgress(value=value, maximum=maximum):
                self._bar.update(self._steps, completed=value, total=maximum, visible=True)
            case NodeFinished() | NodeCached():
                self._bar.advance(self._nodes)
                self._bar.update(self._steps, visible=False)
            case _:
                pass

    def sum_up(self, report: RunReport) -> None:
        """Prints the files that were made, and every error."""
        for shown in report.outputs.values():
            for item in (item for items in shown.values() for item in items):
                if isinstance(item, dict) and "filename" in item:
                    self._out.print(path_of(cast("SavedFile", item), self._folders), markup=False)
        self.complain([*report.left_out, *report.errors])
        if report.status == "cancelled":
            self._err.print(f"{self._name}: cancelled", markup=False)

    def complain(self, errors: Iterable[object]) -> None:
        """Prints what is wrong, a line each."""
        for error in errors:
            # Errors without a node, about a file as a whole, name it themselves.
            node_id = getattr(error, "node_id", None)
            shown_under = getattr(error, "display_id", None) or node_id
            place = (
                "" if shown_under is None else f"{self._name}: {self._title(shown_under)} (node {node_id}): "
            )
            message = getattr(error, "message", None) or str(error)
            self._err.print(f"darkroom: {place}{message}", markup=False, style="red")

    def _title(self, node_id: str) -> str:
        return self._titles.get(node_id, node_id)
