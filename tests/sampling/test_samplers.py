from __future__ import annotations

import math

import pytest
import torch
from helpers.closed_form import ClosedForm, schedule_of
from helpers.golden import close, load_family, manifest

from core.errors import Cancelled
from core.sampling.guidance import Cfg
from core.sampling.interface import Cond
from core.sampling.names import SAMPLERS
from core.sampling.sample import sample
from core.sampling.samplers import Sampling, sampler_named
from core.sampling.samplers.common import lagrange_integrals
from core.sampling.schedule import Discrete, DiscreteFlow
from core.sampling.sigmas import sigmas

CASES = list(load_family("samplers"))
SETTINGS = manifest("samplers")["settings"]

# The reference reports another x for these: the first one, the one after the step, or one of constant size.
REPORTS_OTHER_X = {"ipndm", "ipndm_v", "deis", "dpm_adaptive", "uni_pc", "uni_pc_bh2"}
# Their errors start from float32 rounding of the step sizes they choose, or of their quadrature.
LESS_EXACT = {"dpm_adaptive": 2e-4, "deis": 4e-5}


def rms(x):
    return float(x.square().mean().sqrt())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_samplers(case):
    facts, setting = case.facts, SETTINGS[case.facts["setting"]]
    predictor = ClosedForm(schedule_of(setting["model_type"], setting["settings"]))
    reported = []
    result = sample(
        Cfg(predictor, [Cond(case.inputs["positive"])], [Cond(case.inputs["negative"])], setting["cfg"]),
        sampler=facts["sampler"],
        sigmas=sigmas(
            predictor.schedule, setting["scheduler"], setting["steps"], setting["denoise"], facts["sampler"]
        ),
        noise=case.inputs["noise"],
        latent=case.inputs["latent"],
        seed=setting["seed"],
        on_step=lambda i, total, denoised, x: reported.append((rms(x), rms(denoised))),
    )
    assert len(predictor.calls) == facts["evaluations"]
    assert len(reported) == len(facts["rms"])
    tolerance = LESS_EXACT.get(facts["sampler"], 1e-5)
    for step, (ours, theirs) in enumerate(zip(reported, facts["rms"], strict=True)):
        assert ours[1] == pytest.approx(theirs[1], rel=5 * tolerance, abs=2e-6), f"denoised of step {step}"
        if facts["sampler"] not in REPORTS_OTHER_X:
            assert ours[0] == pytest.approx(theirs[0], rel=5 * tolerance, abs=2e-6), f"x of step {step}"
    assert close(result, case.outputs["latent"], tolerance, tolerance)


@pytest.mark.parametrize("schedule", [Discrete(), DiscreteFlow(shift=3.0)], ids=["eps", "flow"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SAMPLERS)
def test_few_steps_give_numbers(name, steps, schedule):
    result = sample(
        Cfg(ClosedForm(schedule), [Cond(torch.ones(1, 3, 4))], [Cond(torch.zeros(1, 3, 4))], 1.0),
        sampler=name,
        sigmas=sigmas(schedule, "simple", steps, sampler=name),
        noise=torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(1)),
        latent=torch.zeros(2, 4, 4, 6),
        seed=1,
    )
    assert result.isfinite().all()


@pytest.mark.parametrize(
    "name", ["dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "seeds_3", "er_sde", "sa_solver"]
)
def test_a_first_step_finer_than_the_offset_from_pure_noise(name):
    result = sample(
        Cfg(
            ClosedForm(DiscreteFlow(shift=3.0)),
            [Cond(torch.ones(1, 3, 4))],
            [Cond(torch.zeros(1, 3, 4))],
            1.0,
        ),
        sampler=name,
        sigmas=torch.tensor([1.0, 0.99999, 0.5, 0.2, 0.0]),
        noise=torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(1)),
        latent=torch.zeros(1, 4, 4, 6),
    )
    assert result.isfinite().all()


class Answer:
    """A denoiser that knows the picture."""

    def __init__(self, latent):
        self.latent = latent

    def __call__(self, x, sigma):
        return self.latent

    def both(self, x, sigma):
        return self.latent, self.latent


@pytest.mark.parametrize("schedule", [Discrete(), DiscreteFlow(shift=3.0)], ids=["eps", "flow"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_denoiser_that_knows_the_picture_is_followed_to_it(name, schedule):
    latent = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    levels = sigmas(schedule, "simple", 12, sampler=name).tolist()
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(3))
    x = schedule.noised(torch.tensor(levels[0]), noise, latent)
    result = sampler_named(name)(Sampling(Answer(latent), schedule, 3, 12), x, levels)
    # dpm_fast and dpm_adaptive stop at the last level above 0.
    reach = levels[-2] if name in {"dpm_fast", "dpm_adaptive"} else 0.002
    assert (result - latent).abs().max() <= 6 * reach


@pytest.mark.parametrize("name", SAMPLERS)
def test_on_step_can_end_the_run(name):
    schedule = Discrete()
    predictor = ClosedForm(schedule)

    def stop_at_the_second(i, total, denoised, x):
        assert 0 <= i < total
        if i >= 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        sample(
            Cfg(predictor, [Cond(torch.ones(1, 3, 4))], [Cond(torch.zeros(1, 3, 4))], 2.0),
            sampler=name,
            sigmas=sigmas(schedule, "karras", 10),
            noise=torch.randn(1, 4, 4, 4),
            latent=torch.zeros(1, 4, 4, 4),
            on_step=stop_at_the_second,
        )
    assert len(predictor.calls) <= 6


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_seed_decides_what_is_added(name):
    schedule = Discrete()

    def run(seed):
        return sample(
            Cfg(ClosedForm(schedule), [Cond(torch.ones(1, 3, 4))], [Cond(torch.zeros(1, 3, 4))], 2.0),
            sampler=name,
            sigmas=sigmas(schedule, "normal", 8),
            noise=torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(9)),
            latent=torch.zeros(1, 4, 4, 4),
            seed=seed,
        )

    assert torch.equal(run(4), run(4))
    adds_noise = any(word in name for word in ("ancestral", "sde", "seeds", "sa_solver", "ddpm", "lcm"))
    assert torch.equal(run(4), run(5)) != adds_noise


def test_dpm_adaptive_names_itself_when_the_model_gives_no_numbers():
    schedule = Discrete()
    sampling = Sampling(Answer(torch.full((1, 4, 4, 4), math.nan)), schedule, 0, 8)
    with pytest.raises(ValueError, match="dpm_adaptive found no step size"):
        sampler_named("dpm_adaptive")(
            sampling, torch.randn(1, 4, 4, 4), sigmas(schedule, "karras", 8).tolist()
        )


def test_lagrange_integrals_are_exact_for_polynomials():
    nodes, values = [3.0, 2.0, 0.5], [9.0, 4.0, 0.25]  # t squared
    weights = lagrange_integrals(nodes, 1.0, 2.0)
    assert sum(w * v for w, v in zip(weights, values, strict=True)) == pytest.approx(7 / 3)
    assert sum(lagrange_integrals(nodes, 0.0, 1.0, lambda t: 2 * t)) == pytest.approx(1)
