from __future__ import annotations

import math

import pytest
import torch
from helpers.closed_form import schedule_of
from helpers.golden import close, load_family, manifest

from core.sampling.names import SAMPLERS, SCHEDULERS
from core.sampling.prediction import spread
from core.sampling.schedule import ContinuousEdm, CosmosRectifiedFlow, Discrete, DiscreteFlow, FluxFlow
from core.sampling.sigmas import sigmas

MODELS = manifest("schedulers")["models"]
SCHEDULES = {name: schedule_of(facts["kind"], facts["settings"]) for name, facts in MODELS.items()}
CASES = list(load_family("schedulers"))
TABLES = [case for case in CASES if case.facts.get("kind") == "table"]


def assert_close(result, expected, what=""):
    tolerance = manifest("schedulers")["tolerance"]
    assert close(result, expected, tolerance["rtol"], tolerance["atol"]), what


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case.name)
def test_tables_and_conversions(case):
    schedule = SCHEDULES[case.facts["model_sampling"]]
    assert len(schedule.table) == case.facts["table_length"]
    assert schedule.sigma_min == pytest.approx(case.facts["sigma_min"], rel=1e-7)
    assert schedule.sigma_max == pytest.approx(case.facts["sigma_max"], rel=1e-7)
    entries = schedule.table[case.inputs["index"].long()]
    assert_close(entries, case.outputs["table_sigma"])
    assert_close(schedule.timestep(entries), case.outputs["table_timestep"])
    assert_close(schedule.sigma(case.inputs["timesteps_query"]), case.outputs["sigma_of_timestep"])
    assert_close(schedule.timestep(case.inputs["sigmas_query"]), case.outputs["timestep_of_sigma"])
    reached = [schedule.percent_to_sigma(percent) for percent in case.facts["percents"]]
    assert reached == pytest.approx(case.facts["percent_to_sigma"], rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("model", [case.facts["model_sampling"] for case in TABLES])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sigma_lists(model, scheduler):
    cases = [c for c in CASES if (c.facts["model_sampling"], c.facts.get("scheduler")) == (model, scheduler)]
    assert len(cases) == 9
    for case in cases:
        facts = case.facts
        sampler = "dpm_2" if facts["discard_penultimate"] else "euler"
        result = sigmas(SCHEDULES[model], scheduler, facts["steps"], facts["denoise"], sampler)
        expected = case.outputs["sigmas"]
        assert result.dtype == torch.float32
        assert torch.equal(result.isnan(), expected.isnan()), case.name
        assert_close(result.nan_to_num(), expected.nan_to_num(), case.name)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("model", SCHEDULES)
@pytest.mark.parametrize("steps", [2, 3, 17, 100])
def test_sigmas_go_down_to_zero(model, scheduler, steps):
    levels = sigmas(SCHEDULES[model], scheduler, steps)
    assert levels[-1] == 0
    # The ends of a cascade schedule are flat, so that many steps repeat a level.
    assert (levels.diff() <= 0).all()
    assert len(levels.unique()) > min(steps, 90)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_only_four_samplers_drop_the_level_before_the_last(sampler):
    schedule = SCHEDULES["sd1_eps"]
    levels = sigmas(schedule, "normal", 6, sampler=sampler)
    assert len(levels) == 7
    dropped = not torch.equal(levels, sigmas(schedule, "normal", 6))
    assert dropped == (sampler in {"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})


def test_denoise_keeps_the_end_of_a_longer_list():
    schedule = SCHEDULES["sd1_eps"]
    assert torch.equal(sigmas(schedule, "karras", 5, 0.5), sigmas(schedule, "karras", 10)[-6:])
    assert len(sigmas(schedule, "karras", 5, 0.0)) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"scheduler": "karas"}, "unknown scheduler 'karas'.*karras"),
        ({"denoise": 1.5}, "denoise is 1.5"),
        ({"denoise": -0.1}, "denoise is -0.1"),
        ({"denoise": math.nan}, "denoise is nan"),
        ({"denoise": 1e-9}, "too many for a denoise of 1e-09"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    settings = {"scheduler": "karras", "steps": 4, "denoise": 1.0, **changes}
    with pytest.raises(ValueError, match=message):
        sigmas(SCHEDULES["sd1_eps"], **settings)


@pytest.mark.parametrize("model", SCHEDULES)
def test_a_perfect_network_gives_the_latent_back(model):
    """Noise a latent, answer what the prediction type asks for, and read the answer."""
    schedule = SCHEDULES[model]
    generator = torch.Generator().manual_seed(3)
    latent = torch.randn(3, 4, 2, 2, generator=generator)
    noise = torch.randn(3, 4, 2, 2, generator=generator)
    sigma = schedule.table[[len(schedule.table) // 4, len(schedule.table) // 2, -2]].clamp(max=50)
    level = spread(sigma, latent)
    x = schedule.noised(sigma, noise, latent)
    data = schedule.prediction.sigma_data
    root = (level**2 + data**2).sqrt()
    share = level / (level + 1)
    answer = {
        "Eps": noise,
        "V": (x * data**2 / root**2 - latent) * root / (level * data),
        "Edm": (latent - x * data**2 / root**2) * root / (level * data),
        "Flow": noise - latent,
        "CosmosFlow": (x * (1 - share) - latent) / share,
    }[type(schedule.prediction).__name__]
    assert close(schedule.denoised(sigma, answer, x), latent, 0, 2e-4)


def test_the_network_is_shown_inputs_of_constant_size():
    for schedule in (Discrete("v"), ContinuousEdm("edm", sigma_data=0.5)):
        sigma = schedule.table[[10, 500, 990]]
        x = (sigma**2 + schedule.prediction.sigma_data**2).sqrt().reshape(3, 1, 1, 1).expand(3, 4, 2, 2)
        assert close(schedule.scale_input(sigma, x), torch.ones(3, 4, 2, 2), 1e-6, 0)
    x = torch.randn(1, 4, 2, 2)
    assert torch.equal(FluxFlow().scale_input(torch.tensor([0.3]), x), x)
    assert close(CosmosRectifiedFlow().scale_input(torch.tensor([3.0]), x), x / 4, 1e-6, 0)


def test_a_flow_that_stops_early_is_scaled_back():
    x = torch.randn(1, 4, 2, 2)
    assert close(DiscreteFlow().unnoised(torch.tensor([0.2]), x), x / 0.8, 1e-6, 0)
    assert torch.equal(Discrete().unnoised(torch.tensor([0.2]), x), x)


def test_only_the_top_of_the_schedule_starts_from_noise_alone():
    schedule = Discrete()
    latent, noise = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    sigma = torch.tensor([schedule.sigma_max])
    assert schedule.is_full(schedule.sigma_max)
    assert not schedule.is_full(schedule.sigma_max * 0.99)
    full = schedule.noised(sigma, noise, latent, full=True)
    assert close(full, noise * math.sqrt(1 + schedule.sigma_max**2), 1e-6, 0)
    assert close(schedule.noised(sigma, noise, latent), noise * schedule.sigma_max, 1e-6, 0)
