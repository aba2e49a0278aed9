"""API-format JSON, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import WorkflowError
from core.graph import WRAPPED, Link, PromptGraph, PromptNode
from core.workflow.fields import shown
from core.workflow.records import Json


def is_prompt_json(value: object) -> bool:
    """Whether JSON looks like a prompt: some of its entries name a node type."""
    return isinstance(value, dict) and any(
        isinstance(entry, dict) and "class_type" in entry for entry in value.values()
    )


def read_prompt(form: object, where: str = "the prompt") -> PromptGraph:
    """The graph that API-format JSON describes, also inside the `{"prompt": ...}` of a request.

    Args:
        where: What errors call the file.

    Raises:
        WorkflowError: It is no prompt; the message names the entry.
    """
    if isinstance(form, dict) and isinstance(form.get("prompt"), dict) and "class_type" not in form["prompt"]:
        form = form["prompt"]
    if not isinstance(form, dict):
        raise WorkflowError(f"{where} is not a prompt: expected a JSON object, found {shown(form)}")
    if not form:
        raise WorkflowError(f"{where} is empty: a prompt needs at least one node")
    return PromptGraph({node_id: _read_node(node_id, entry, form, where) for node_id, entry in form.items()})


def write_prompt(graph: PromptGraph) -> Json:
    """The graph as API-format JSON."""
    return {node_id: node.to_json() for node_id, node in graph.nodes.items()}


def _read_node(node_id: str, entry: object, form: Json, where: str) -> PromptNode:
    place = f"{where}: node {node_id!r}"
    if not isinstance(entry, dict):
        raise WorkflowError(f"{place} is not an object: {shown(entry)}")
    class_type, inputs = entry.get("class_type"), entry.get("inputs", {})
    if not isinstance(class_type, str):
        raise WorkflowError(f"{place} needs a class_type that is text, found {shown(class_type)}")
    if not isinstance(inputs, dict):
        raise WorkflowError(f"{place} ({class_type}) needs inputs that are an object, found {shown(inputs)}")
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    values = {name: _read_value(value, form) for name, value in inputs.items()}
    return PromptNode(class_type, values, title if isinstance(title, str) else "")


def _read_value(value: object, form: Mapping[str, Any]) -> object:
    """An input's value. A pair of whole numbers is a link only if the first is a node's id."""
    if isinstance(value, dict) and value.keys() == {WRAPPED}:
        return value[WRAPPED]
    if not isinstance(value, list) or len(value) != 2:
        return value
    node_id, slot = value
    if not isinstance(slot, int) or isinstance(slot, bool):
        return value
    if isinstance(node_id, str):
        return Link(node_id, slot)
    is_id = isinstance(node_id, int) and not isinstance(node_id, bool) and str(node_id) in form
    return Link(str(node_id), slot) if is_id else value
