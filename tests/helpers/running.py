"""Runs whole graphs the way the program does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from core.engine.context import RunContext, RunOptions
from core.engine.run import Runner, RunReport
from core.events import Listener
from core.folders import Folders
from core.models.cache import ModelCache
from core.nodes.registry import builtin
from core.workflow.prompt_json import read_prompt


def make_runner(user_folders: Path, model_root: Path | None = None) -> Runner:
    """A runner whose input, output and temp folders lie below `user_folders`."""
    folders = Folders(
        [model_root or user_folders / "models"],
        input=user_folders / "input",
        output=user_folders / "output",
        temp=user_folders / "temp",
    )
    return Runner(builtin(), RunContext(folders, {ModelCache: ModelCache("cpu")}))


def run_prompt(
    prompt: Mapping[str, Any],
    user_folders: Path,
    model_root: Path | None = None,
    targets: Sequence[str] | None = None,
    on_event: Listener | None = None,
) -> RunReport:
    """The report of one run of API-format JSON."""
    runner = make_runner(user_folders, model_root)
    return runner.run(read_prompt(prompt), RunOptions(targets=targets), on_event)


def tensors_of(value: object) -> dict[str, Tensor]:
    """The tensors of an output: `value` for a bare one, by key for a latent."""
    if isinstance(value, Tensor):
        return {"value": value}
    assert isinstance(value, dict)
    return {key: tensor for key, tensor in value.items() if isinstance(tensor, Tensor)}
