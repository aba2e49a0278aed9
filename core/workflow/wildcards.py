"""Text prompts with choices: `a {red|green} door` becomes one of the two when it is queued."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from core.graph import PromptGraph, PromptNode
from core.nodes.registry import Registry
from core.nodes.spec import Text

_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PIECE: Final = re.compile(r"\\[{}|]|[{}|]|[^\\{}|]+|\\")


def choose_all(graph: PromptGraph, registry: Registry, random: Random) -> PromptGraph:
    """The graph with the choices made in every text whose node type says that it has choices."""
    return PromptGraph({key: _chosen(node, registry, random) for key, node in graph.nodes.items()})


def choose(text: str, random: Random) -> str:
    """The text without comments and with one part of every `{a|b}`, also of those inside others.

    A backslash before a brace or bar keeps it. A brace that is never closed is closed by the end of the text.
    """
    stack: list[list[str]] = [[""]]
    for piece in _PIECE.findall(_COMMENT.sub("", text)):
        if piece == "{":
            stack.append([""])
        elif piece == "|" and len(stack) > 1:
            stack[-1].append("")
        elif piece == "}" and len(stack) > 1:
            _close(stack, random)
        else:
            stack[-1][-1] += piece[1:] if len(piece) > 1 and piece[0] == "\\" else piece
    while len(stack) > 1:
        _close(stack, random)
    return stack[0][0]


def _close(stack: list[list[str]], random: Random) -> None:
    chosen = random.choice(stack.pop())
    stack[-1][-1] += chosen


def _chosen(node: PromptNode, registry: Registry, random: Random) -> PromptNode:
    spec = registry.interface(node.class_type)
    inputs: Mapping[str, Any] = node.inputs
    changed: dict[str, str] = {}
    for name, value in inputs.items():
        entry = spec.input(name) if spec else None
        if isinstance(value, str) and entry and isinstance(entry.widget, Text) and entry.widget.wildcards:
            changed[name] = choose(value, random)
    return replace(node, inputs={**inputs, **changed}) if changed else node
