"""What a sampler reports while it runs, and that it stops when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from helpers.running import make_runner, tensors_of

from core.engine.context import CancelToken, RunContext, RunOptions
from core.engine.run import Runner
from core.events import NodeFinished, NodePreview, NodeProgress, RunCancelled, RunEvent
from core.folders import Folders
from core.models.cache import ModelCache
from core.nodes.registry import builtin
from core.sampling.latent_format import latent_format
from core.sampling.previews import preview
from core.workflow.prompt_json import read_prompt

STEPS = 4
PROMPT: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "e2e_sd15_a.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a house", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 48, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["2", 0],
            "latent_image": ["3", 0],
            "seed": 1,
            "steps": STEPS,
            "cfg": 2.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
        },
    },
}
SAMPLER = "4"


def test_every_step_is_reported_with_a_picture(tmp_path: Path, model_root: Path) -> None:
    events: list[RunEvent] = []
    options = RunOptions(targets=[SAMPLER], preview_seconds=0)
    report = make_runner(tmp_path, model_root).run(read_prompt(PROMPT), options, events.append)
    assert report.status == "success"

    of_sampler = [e for e in events if isinstance(e, NodeProgress | NodePreview) and e.node_id == SAMPLER]
    kinds = [type(event) for event in of_sampler]
    assert kinds == [NodeProgress, NodePreview] * STEPS
    progress = [event for event in of_sampler if isinstance(event, NodeProgress)]
    assert [(event.value, event.maximum) for event in progress] == [(i + 1, STEPS) for i in range(STEPS)]
    for event in of_sampler:
        if isinstance(event, NodePreview):
            assert event.image.dtype == np.uint8
            assert event.image.shape == (48 // 8, 64 // 8, 3)
            assert event.image.flags.c_contiguous
    pictures = [event.image for event in of_sampler if isinstance(event, NodePreview)]
    assert not np.array_equal(pictures[0], pictures[-1])
    result = tensors_of(report.value(SAMPLER, 0))["samples"]
    form = latent_format("SD15")
    assert np.array_equal(pictures[-1], preview(form.into_model(result), form)), (
        "the last one shows the result"
    )


def test_previews_are_not_made_unless_wanted(tmp_path: Path, model_root: Path) -> None:
    events: list[RunEvent] = []
    runner = make_runner(tmp_path, model_root)
    runner.run(read_prompt(PROMPT), RunOptions(targets=[SAMPLER]), events.append)
    assert not any(isinstance(event, NodePreview) for event in events)
    assert sum(isinstance(event, NodeProgress) and event.node_id == SAMPLER for event in events) == STEPS


def test_a_listener_can_cancel_within_a_step(tmp_path: Path, model_root: Path) -> None:
    models, token = ModelCache("cpu"), CancelToken()
    folders = Folders([model_root], output=tmp_path)
    events: list[RunEvent] = []

    def cancel_at_the_second_step(event: RunEvent) -> None:
        events.append(event)
        if isinstance(event, NodeProgress) and event.node_id == SAMPLER and event.value == 2:
            token.cancel()

    runner = Runner(builtin(), RunContext(folders, {ModelCache: models}))
    options = RunOptions(targets=[SAMPLER], token=token)
    report = runner.run(read_prompt(PROMPT), options, cancel_at_the_second_step)
    assert report.status == "cancelled"
    assert SAMPLER not in report.executed
    assert isinstance(events[-1], RunCancelled)
    steps = [event.value for event in events if isinstance(event, NodeProgress) and event.node_id == SAMPLER]
    assert steps == [1, 2]
    assert not any(isinstance(event, NodeFinished) and event.node_id == SAMPLER for event in events)

    assert models.entries(), "the weights stay for the next run"
    assert [entry.users for entry in models.entries()] == [0] * len(models.entries())
    again = runner.run(read_prompt(PROMPT), RunOptions(targets=[SAMPLER]))
    assert again.status == "success"
    assert again.executed == (SAMPLER,)
