"""The commands about files: `convert`, `inspect` and `nodes`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from core.engine.validate import validate
from core.errors import DarkroomError
from core.folders import USER_KINDS, Folders
from core.graph import PromptGraph
from core.media.outputs import write_whole
from core.nodes.interface import facts
from core.nodes.registry import Registry, builtin
from core.nodes.spec import FileChoice
from core.workflow.comfy_json import write_document
from core.workflow.open import Opened, read_workflow
from core.workflow.prompt_json import write_prompt


def convert(options: argparse.Namespace) -> int:
    """Writes the graph of a file in the other format."""
    opened, registry = read_workflow(options.source), builtin()
    if options.to == "api":
        compiled = opened.to_prompt(registry)
        result, remarks = write_prompt(compiled.graph), compiled.remarks
    else:
        read = opened.to_document(registry)
        result, remarks = write_document(read.document), read.remarks
    for remark in (*opened.remarks, *remarks):
        print(remark, file=sys.stderr)  # noqa: T201 - a command line's way to speak
    write_whole(options.target, json.dumps(result, indent=2).encode())
    return 0


def inspect(options: argparse.Namespace) -> int:
    """Prints what a file holds and what would keep it from running."""
    folders = make_folders(options)
    print(json.dumps(_inspected(read_workflow(options.source), builtin(), folders), indent=2))  # noqa: T201
    return 0


def nodes(options: argparse.Namespace) -> int:
    """Prints the nodes: a line each, or their whole interface."""
    if options.json:
        print(json.dumps({spec.class_type: facts(spec) for spec in builtin()}, indent=1))  # noqa: T201
        return 0
    for spec in builtin():
        print(f"{spec.class_type:28} {spec.description.splitlines()[0]}")  # noqa: T201
    return 0


def make_folders(options: argparse.Namespace, output: Path | None = None) -> Folders:
    """The folders that the command line names.

    Raises:
        DarkroomError: One of the model folders does not exist.
    """
    for folder in options.models:
        if not folder.is_dir():
            raise DarkroomError(f"there is no folder {str(folder)!r} to look for models in")
    folders = Folders(options.models, input=options.input, output=output, extra=options.extra_model_paths)
    for warning in folders.warnings:
        print(f"darkroom: {warning}", file=sys.stderr)  # noqa: T201
    return folders


def _inspected(opened: Opened, registry: Registry, folders: Folders) -> dict[str, Any]:
    compiled = opened.to_prompt(registry)
    types = Counter(node.class_type for node in compiled.graph.nodes.values())
    problems = validate(compiled.graph, registry, folders).problems
    return {
        "file": opened.name,
        "container": opened.container,
        "format": opened.format,
        "tool": _tool(opened),
        "nodes": dict(types.most_common()),
        "unknown_nodes": [name for name in types if name not in registry],
        "models": list(_models(compiled.graph, registry, folders)),
        "problems": [
            {"node_id": p.node_id, "class_type": p.class_type, "kind": p.kind, "message": p.message}
            for p in problems
        ],
        "remarks": [str(remark) for remark in (*opened.remarks, *compiled.remarks)],
    }


def _tool(opened: Opened) -> str:
    """The program whose format it is; newer editor files say which editor wrote them."""
    frontend = opened.document.header.extra.get("frontendVersion") if opened.document else None
    return f"ComfyUI, frontend {frontend}" if isinstance(frontend, str) else "ComfyUI"


def _models(graph: PromptGraph, registry: Registry, folders: Folders) -> list[dict[str, str | None]]:
    """Every model file that the graph names, with its path, or None where there is no such file."""
    named: dict[tuple[str, str], str | None] = {}
    for node in graph.nodes.values():
        spec = registry.interface(node.class_type)
        for name, value in node.inputs.items() if spec else ():
            declared = spec.input(name) if spec else None
            choice = declared.widget if declared else None
            if not isinstance(choice, FileChoice) or choice.folder in USER_KINDS:
                continue
            if isinstance(value, str) and value not in choice.extra:
                path = choice.find(value, folders)
                named[choice.folder, value] = str(path) if path else None
    return [{"folder": folder, "name": name, "path": path} for (folder, name), path in named.items()]
