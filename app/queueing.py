"""From an open document to a job: what is on screen is what runs."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from random import Random

from app.documents import OpenDocument
from app.jobs import Job, JobQueue
from core.errors import WorkflowError
from core.graph import PromptGraph
from core.nodes.registry import Registry
from core.workflow.after_run import changes_after_run
from core.workflow.comfy_json import write_document
from core.workflow.compile import compile_document
from core.workflow.records import Remark
from core.workflow.wildcards import choose_all


def queue_document(
    opened: OpenDocument,
    queue: JobQueue,
    random: Random,
    front: bool = False,
    nodes: Collection[str] = (),
    gesture: Hashable = None,
) -> Job | None:
    """The job that a document became; None if there is nothing in it to run, which the document then tells.

    The seeds that are on screen are those it runs with; only then do those that change get their next value.

    Args:
        nodes: The nodes of the document that it runs for, with what they need; none for all outputs.
        gesture: What jobs queued at once have in common: their seeds become one undo step.
    """
    try:
        compiled = compile_document(opened.document, opened.registry)
    except WorkflowError as error:
        opened.refused.emit(f"This graph cannot run: {error}")
        return None
    targets = _targets(compiled.graph, nodes)
    if reason := _nothing_to_run(compiled.graph, targets if nodes else None, opened.registry):
        opened.refused.emit(reason)
        return None
    if reason := queue.refusal:
        opened.refused.emit(reason)
        return None
    graph = choose_all(compiled.graph, opened.registry, random)
    job = Job(opened.key, opened.name, graph, write_document(opened.document), targets=targets)
    queue.add(job, front=front)
    if compiled.remarks:
        opened.refused.emit(f"Queued, but not all of it as it stands: {_listed(compiled.remarks)}")
    edit = changes_after_run(opened.document, opened.registry, random)
    if edit is not None:
        opened.do(edit, "Next seed", gesture)
    return job


def _targets(graph: PromptGraph, nodes: Collection[str]) -> tuple[str, ...]:
    """The nodes of a prompt graph that nodes of a document stand for: itself, or all inside it."""
    return tuple(target for target in graph.nodes if target in nodes or target.partition(":")[0] in nodes)


def _nothing_to_run(graph: PromptGraph, targets: Collection[str] | None, registry: Registry) -> str:
    """Why nothing would come of a graph; empty if it has an output, or a target to run for."""
    if not graph.nodes:
        return "There is nothing to run: the graph has no nodes, or all are muted or bypassed."
    if targets is not None:
        return "" if targets else "There is nothing to run: what is selected is muted, bypassed, or a note."
    types = dict.fromkeys(node.class_type for node in graph.nodes.values())
    if any(spec.output_node for name in types if (spec := registry.get(name))):
        return ""
    unknown = [name for name in types if name not in registry]
    others = " and others" if unknown[3:] else ""
    cannot = f" {', '.join(unknown[:3])}{others} cannot run here." if unknown else ""
    return f"There is nothing to run: no node makes an output.{cannot} Add one such as Save Image."


def _listed(remarks: Sequence[Remark]) -> str:
    more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
    return f"{remarks[0]}{more}"
