from __future__ import annotations

import sys

import pytest
import torch
from helpers.golden import load_family

from core.errors import DarkroomError
from core.sampling.noise import AncestralNoise, BrownianNoise, starting_noise

CASES = {kind: [] for kind in ("prepared", "brownian", "ancestral")}
for _case in load_family("noise"):
    CASES[_case.facts["kind"]].append(_case)


def named(case):
    return case.name


@pytest.mark.parametrize("case", CASES["prepared"], ids=named)
def test_starting_noise(case):
    facts = case.facts
    noise = starting_noise(facts["shape"], int(facts["seed"]), facts.get("noise_inds"))
    assert torch.equal(noise, case.outputs["noise"])


@pytest.mark.parametrize("case", CASES["brownian"], ids=named)
def test_brownian_noise(case):
    facts = case.facts
    times = torch.cat([case.inputs["sigmas"], torch.tensor([facts["sigma_min"], facts["sigma_max"]])])
    backwards = "transform" in facts
    if backwards:
        times = -times.log()
    *levels, low, high = times.tolist()
    noise = BrownianNoise(torch.zeros(facts["shape"]), min(low, high), max(low, high), int(facts["seed"]))
    for i in range(len(levels) - 1):
        span = levels[i], levels[i + 1]
        assert torch.equal(noise(*(reversed(span) if backwards else span)), case.outputs[f"step{i}"])
    if "again_0_2" in case.outputs:
        assert torch.equal(noise(levels[0], levels[2]), case.outputs["again_0_2"])


@pytest.mark.parametrize("case", CASES["ancestral"], ids=named)
def test_ancestral_noise(case):
    noise = AncestralNoise(torch.zeros(case.facts["shape"]), int(case.facts["seed"]))
    for i in range(3):
        assert torch.equal(noise(), case.outputs[f"draw{i}"])


def test_brownian_noise_has_unit_variance_and_adds_up():
    noise = BrownianNoise(torch.zeros(1, 4, 64, 64), 0.1, 10.0, seed=5)
    first, second, both = noise(10.0, 4.0), noise(4.0, 1.0), noise(10.0, 1.0)
    assert first.std() == pytest.approx(1, abs=0.02)
    assert torch.allclose(first * 6**0.5 + second * 3**0.5, both * 9**0.5, atol=1e-4)


@pytest.mark.parametrize("batch_index", [[0], [0, 1, 2], [0, -1]])
def test_batch_indices_that_do_not_fit_are_refused(batch_index):
    with pytest.raises(ValueError, match="2 indices of 0 or more"):
        starting_noise([2, 4, 8, 8], 0, batch_index)


def test_without_its_library_the_noise_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchsde", None)
    with pytest.raises(DarkroomError, match="this sampler needs the library torchsde"):
        BrownianNoise(torch.zeros(1, 4, 8, 8), 0.1, 10.0, seed=5)
