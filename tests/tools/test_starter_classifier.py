from __future__ import annotations

import json
import random

import numpy as np
import pytest
from helpers.seeded_models import write_ready_checkpoint

from tools.starter_model.classifier import FILE, Seen, facts, read
from tools.starter_model.evaluate import main
from tools.starter_model.scenes import draw, random_scene


def test_the_classifier_reads_drawn_scenes() -> None:
    rng = random.Random(99)
    scenes = [random_scene(rng, single=True) for _ in range(100)]
    seen = read(np.stack([draw(scene, rng)[0] for scene in scenes]))
    for field in Seen._fields:
        right = sum(getattr(s, field) == getattr(facts(a), field) for s, a in zip(seen, scenes, strict=True))
        assert right >= (90 if field == "style" else 95), field


def test_the_classifier_is_small() -> None:
    assert FILE.stat().st_size < 400_000


def test_the_classifier_judges_pictures_of_one_size_only() -> None:
    with pytest.raises(ValueError, match="256x256"):
        read(np.zeros((1, 64, 64, 3), np.uint8))


def test_a_model_that_draws_nothing_falls_short(tmp_path, capsys) -> None:
    write_ready_checkpoint(tmp_path)
    checkpoint, report = tmp_path / "checkpoints/darkroom_starter.safetensors", tmp_path / "report.json"
    words = f"{checkpoint} --count 2 --effects 1 --steps 1 --device cpu --require 95,80,55".split()
    assert main([*words, "--report", str(report), "--pictures", str(tmp_path / "made")]) == 1
    assert "% are right, 95 % are required" in capsys.readouterr().out
    facts_of_run = json.loads(report.read_text(encoding="utf-8"))
    assert facts_of_run["settings"]["steps"] == 1
    assert facts_of_run["shares"]["all"]["shape"]["count"] == 2
    assert set(facts_of_run["effects"]) == {"seed", "negative", "denoise"}
    assert facts_of_run["effects"]["seed"]["mean_difference"] > 0
    names = sorted(file.name for file in (tmp_path / "made").iterdir())
    prompts = [picture["prompt"] for picture in facts_of_run["pictures"]]
    assert names == [f"00{number} {prompt}.png" for number, prompt in enumerate(prompts)]
