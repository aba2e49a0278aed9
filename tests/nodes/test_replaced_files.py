"""Files that change between runs of one program."""

from __future__ import annotations

import os
from pathlib import Path

from helpers.running import make_runner
from helpers.weights import write

from core.workflow.prompt_json import read_prompt

PROMPT = {
    "1": {"class_type": "VAELoader", "inputs": {"vae_name": "e2e_vae.safetensors"}},
    "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 16, "height": 16, "batch_size": 1}},
    "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 0]}},
    "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
}


def test_replaced_model_is_loaded_anew(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "vae"
    folder.mkdir(parents=True)
    runner = make_runner(tmp_path)
    graph = read_prompt(PROMPT)

    def run() -> list[str]:
        report = runner.run(graph)
        assert report.status == "success"
        return sorted(report.executed)

    write(folder, "e2e_vae", seed=0)
    assert run() == ["1", "2", "3", "4"]
    assert run() == []
    path = write(folder, "e2e_vae", seed=1)
    os.utime(path, ns=(1, 1))
    assert run() == ["1", "3", "4"]
