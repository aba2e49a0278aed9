"""What can be told of a prompt graph without running it: its seeds, its models, its words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from core.graph import PromptGraph

_SEEDS: Final = frozenset({"seed", "noise_seed"})
_WEIGHTS: Final = frozenset(
    {".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf", ".onnx"}
)
_KINDS: Final = {"ckpt": "checkpoints", "lora": "loras", "unet": "diffusion_models", "clip": "text_encoders"}
_TEXT_LIMIT: Final = 100_000


class ModelUsed(NamedTuple):
    """A model file that a graph names, and the kind of folder it comes from."""

    kind: str
    name: str


def seeds_of(graph: PromptGraph) -> tuple[int, ...]:
    """Every seed in the graph, in order, none twice."""
    found = (value for name, value in _values(graph) if name in _SEEDS and type(value) is int)
    return tuple(dict.fromkeys(found))


def models_of(graph: PromptGraph) -> tuple[ModelUsed, ...]:
    """Every model file the graph names, in order, none twice."""
    found = (
        ModelUsed(_kind(name), value)
        for name, value in _values(graph)
        if isinstance(value, str) and PurePosixPath(value.replace("\\", "/")).suffix.lower() in _WEIGHTS
    )
    return tuple(dict.fromkeys(found))


def words_of(graph: PromptGraph, name: str) -> str:
    """Everything a user may look for: the name, all texts and seeds of the graph; without upper case."""
    texts = (value for _, value in _values(graph) if isinstance(value, str))
    seeds = map(str, seeds_of(graph))
    return "\n".join(dict.fromkeys([name, *texts, *seeds])).casefold()[:_TEXT_LIMIT]


def _values(graph: PromptGraph) -> Iterator[tuple[str, object]]:
    for node in graph.nodes.values():
        yield from node.inputs.items()


def _kind(input_name: str) -> str:
    """`ckpt_name` is a checkpoint; what is not known is called as its input is."""
    stem = input_name.partition("_name")[0]
    return _KINDS.get(stem, stem)
