"""What a picture's own graph says about how it was made, in the words of a panel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from core.errors import WorkflowError
from core.graph import Link, PromptGraph, PromptNode
from core.workflow.metadata import read_graphs
from core.workflow.prompt_json import read_prompt

_SAMPLING: Final = {
    "seed": "Seed",
    "noise_seed": "Seed",
    "steps": "Steps",
    "cfg": "CFG",
    "sampler_name": "Sampler",
    "scheduler": "Scheduler",
    "denoise": "Denoise",
}
_FILES: Final = {
    "ckpt_name": "Checkpoint",
    "unet_name": "Diffusion model",
    "clip_name": "Text encoder",
    "vae_name": "VAE",
    "lora_name": "LoRA",
    "control_net_name": "ControlNet",
}
_PROMPTS: Final = {"positive": "Prompt", "negative": "Negative prompt"}
_TEXTS: Final = frozenset(
    {"text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt", "string", "value"}
)
_PARAMETERS: Final = "parameters"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known, with what it is called."""

    label: str
    text: str


def facts_of(path: Path) -> tuple[Fact, ...]:
    """Everything worth telling about a picture's file; what cannot be read is told as such."""
    return (*_of_file(path), *_of_graph(path))


def prompts_of(graph: PromptGraph) -> Iterator[Fact]:
    """The texts that a graph makes pictures of, as it names them; one may come again."""
    for node in graph.nodes.values():
        yield from _prompts(graph, node)


def _of_file(path: Path) -> Iterator[Fact]:
    yield Fact("File", path.name)
    yield Fact("Folder", str(path.parent))
    try:
        about = path.stat()
    except OSError:
        return
    yield Fact("File size", f"{about.st_size / 1024:,.0f} KB")
    yield Fact("Made", f"{datetime.fromtimestamp(about.st_mtime):%Y-%m-%d %H:%M:%S}")


def _of_graph(path: Path) -> Iterable[Fact]:
    try:
        graphs = read_graphs(path)
        if graphs.prompt is not None:
            return list(dict.fromkeys(_of_prompt(read_prompt(graphs.prompt, path.name))))
    except WorkflowError as error:
        return [Fact("Graph", str(error))]
    parameters = graphs.texts.get(_PARAMETERS)
    return [Fact("Parameters", parameters)] if parameters else []


def _of_prompt(graph: PromptGraph) -> Iterator[Fact]:
    for node in graph.nodes.values():
        if "steps" in node.inputs:
            yield from _plain(node, _SAMPLING)
        yield from _prompts(graph, node)
    for node in graph.nodes.values():
        yield from _plain(node, _FILES)


def _prompts(graph: PromptGraph, node: PromptNode) -> Iterator[Fact]:
    for name, label in _PROMPTS.items():
        source = node.inputs.get(name)
        text = "\n".join(_texts(graph, source)) if isinstance(source, Link) else ""
        if text:
            yield Fact(label, text)


def _plain(node: PromptNode, labels: dict[str, str]) -> Iterator[Fact]:
    for name, label in labels.items():
        value = node.inputs.get(name)
        if isinstance(value, str | int | float):
            yield Fact(label, str(value))


def _texts(graph: PromptGraph, source: Link) -> Iterator[str]:
    """The texts that lead to an output, the nearest first."""
    seen: set[str] = set()
    pending = [source.node_id]
    while pending:
        node_id = pending.pop(0)
        node = graph.nodes.get(node_id)
        if node is None or node_id in seen:
            continue
        seen.add(node_id)
        for name, value in node.inputs.items():
            if isinstance(value, Link):
                pending.append(value.node_id)
            elif name in _TEXTS and isinstance(value, str) and value.strip():
                yield value
