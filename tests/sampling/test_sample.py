from __future__ import annotations

import math

import pytest
import torch
from helpers.closed_form import ClosedForm, conditioning, schedule_of
from helpers.golden import close, load_family, manifest

from core.sampling.guidance import Cfg
from core.sampling.interface import Cond
from core.sampling.latent_format import latent_format
from core.sampling.sample import ksampler, sample
from core.sampling.schedule import Discrete, DiscreteFlow

CASES = list(load_family("ksampler"))
# Differential diffusion changes the mask at every step: a node of its own, not part of sampling a latent.
STANDARD = [case for case in CASES if case.facts["kind"] not in {"advanced", "differential"}]
ADVANCED = [case for case in CASES if case.facts["kind"] == "advanced"]


def predictor_of(facts):
    model = facts["model_sampling"]
    return ClosedForm(schedule_of(model["type"], model["settings"]))


def run_of(facts):
    return {key: facts[key] for key in ("seed", "steps", "cfg", "sampler", "scheduler")}


@pytest.mark.parametrize("case", STANDARD, ids=lambda case: case.name)
def test_ksampler(case):
    facts, predictor = case.facts, predictor_of(case.facts)
    result = ksampler(
        predictor,
        conditioning(facts["positive"], case.inputs),
        conditioning(facts["negative"], case.inputs),
        **run_of(facts),
        latent=case.inputs.get("latent", torch.zeros(facts["shape"])),
        noise_mask=case.inputs.get("noise_mask"),
        batch_index=facts.get("batch_index"),
        denoise=facts["denoise"],
    )
    assert close(result, case.outputs["latent"], **manifest("ksampler")["tolerance"])
    assert len(predictor.calls) == facts["evaluations"]


@pytest.mark.parametrize("case", ADVANCED, ids=lambda case: case.name)
def test_ksampler_in_parts(case):
    facts = case.facts
    result = ksampler(
        predictor_of(facts),
        [Cond(case.inputs["positive"])],
        [Cond(case.inputs["negative"])],
        **run_of(facts),
        latent=case.inputs["latent"],
        add_noise=facts["add_noise"] == "enable",
        start_step=facts["start_at_step"],
        last_step=facts["end_at_step"],
        force_full_denoise=facts["return_with_leftover_noise"] == "disable",
    )
    assert close(result, case.outputs["latent"], **manifest("ksampler")["tolerance"])


POSITIVE, NEGATIVE = [Cond(torch.ones(1, 3, 4))], [Cond(torch.zeros(1, 3, 4))]


def run(predictor=None, **changes):
    settings = {
        "seed": 7,
        "steps": 4,
        "cfg": 3.0,
        "sampler": "euler",
        "scheduler": "normal",
        "latent": torch.zeros(1, 4, 4, 6),
        **changes,
    }
    return ksampler(predictor or ClosedForm(Discrete()), POSITIVE, NEGATIVE, **settings)


@pytest.mark.parametrize("schedule", [Discrete(), DiscreteFlow(shift=3.0)], ids=["eps", "flow"])
def test_two_parts_make_the_whole(schedule):
    predictor = ClosedForm(schedule, latent_format("SD15"))
    latent = torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    whole = run(predictor, latent=latent, steps=8)
    half = run(predictor, latent=latent, steps=8, last_step=5)
    joined = run(predictor, latent=half, steps=8, start_step=5, add_noise=False)
    assert close(joined, whole, 1e-5, 1e-5)
    assert not close(half, whole, 1e-2, 1e-2)


@pytest.mark.parametrize("changes", [{"denoise": 0.0}, {"start_step": 50}, {"start_step": 4}])
def test_with_no_steps_left_the_latent_stays(changes):
    latent = torch.randn(1, 4, 4, 6)
    assert torch.equal(run(latent=latent, **changes), latent)


def test_latents_go_through_their_format_and_empty_ones_are_not_shifted():
    seen = []

    class Watched(ClosedForm):
        def inputs(self, cond, request):
            seen.append(request.latent)
            return super().inputs(cond, request)

    kind = latent_format("SD3")
    predictor = Watched(Discrete(), kind)
    conds = [Cond(torch.ones(1, 3, 16))]
    noise = torch.zeros(1, 16, 2, 2)
    guider = Cfg(predictor, conds, conds, 1.0)
    settings = {"sampler": "euler", "sigmas": torch.tensor([1.0, 0.0]), "noise": noise}
    result = sample(guider, **settings, latent=torch.full((1, 16, 2, 2), 2.0))
    assert close(seen[0], torch.full((1, 16, 2, 2), (2.0 - 0.0609) * 1.5305), 1e-6, 0)
    x = seen[0]
    denoised = predictor.denoise(x, torch.ones(1), {"context": conds[0].embedding})
    assert close(result, denoised / 1.5305 + 0.0609, 1e-5, 1e-6)
    sample(guider, **settings, latent=torch.zeros(1, 16, 2, 2))
    assert not seen[-1].any()


def test_an_empty_latent_takes_the_channels_of_the_model():
    predictor = ClosedForm(Discrete(), latent_format("Flux"))
    conds = [Cond(torch.ones(1, 3, 16))]
    settings = {"seed": 1, "steps": 2, "cfg": 1.0, "sampler": "euler", "scheduler": "simple"}
    result = ksampler(predictor, conds, conds, **settings, latent=torch.zeros(2, 4, 4, 6))
    assert result.shape == (2, 16, 4, 6)
    assert result.isfinite().all()
    with pytest.raises(ValueError, match=r"has 4 channels, the model works on 16 \(Flux\)"):
        ksampler(predictor, conds, conds, **settings, latent=torch.ones(2, 4, 4, 6))


@pytest.mark.parametrize("shape", [(4, 6), (1, 64, 96), (1, 1, 32, 48)])
@pytest.mark.parametrize("sampler", ["euler", "ddim", "dpmpp_sde", "euler_cfg_pp", "uni_pc"])
def test_what_the_mask_covers_stays(shape, sampler):
    latent = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(shape)
    mask[..., shape[-1] // 2 :] = 1
    result = run(latent=latent, noise_mask=mask, sampler=sampler, steps=6)
    # uni_pc stops at sigma 0.001.
    assert (result[..., :2] - latent[..., :2]).abs().max() < (0.01 if sampler == "uni_pc" else 1e-5)
    assert (result[..., 4:] - latent[..., 4:]).abs().max() > 0.1


def test_the_largest_seed_works_with_every_kind_of_noise():
    latent = torch.randn(1, 4, 4, 6)
    for sampler in ("ddim", "euler_ancestral", "dpmpp_2m_sde"):
        settings = {"seed": 2**64 - 1, "sampler": sampler, "noise_mask": torch.ones(1, 8, 8)}
        assert run(latent=latent, **settings).isfinite().all()


def test_a_mask_of_ones_changes_nothing():
    latent = torch.randn(1, 4, 4, 6)
    assert close(run(latent=latent, noise_mask=torch.ones(1, 8, 8)), run(latent=latent), 1e-5, 1e-5)


def test_the_result_is_apart_from_its_inputs():
    latent = torch.randn(1, 4, 4, 6)
    before = latent.clone()
    result = run(latent=latent)
    result += 1
    assert torch.equal(latent, before)
    assert not result.requires_grad


def test_steps_are_counted():
    told = []
    run(steps=5, on_step=lambda i, total, denoised, x: told.append((i, total)))
    assert told == [(i, 5) for i in range(5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "eular"}, "unknown sampler 'eular'"),
        ({"scheduler": "karas"}, "unknown scheduler 'karas'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1, "scheduler": "kl_optimal"}, "sigmas hold nan"),
        ({"batch_index": [0, 1]}, "1 indices of 0 or more"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        run(**changes)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([1.0, 2.0, 0.0], "sigmas rise from 1.0 to 2.0"),
        ([1.0, math.nan, 0.0], "sigmas hold nan"),
        ([math.inf, 1.0], "sigmas hold inf"),
        ([1.0, -1.0], "sigmas hold -1.0"),
    ],
)
def test_wrong_sigmas_are_refused(levels, message):
    with pytest.raises(ValueError, match=message):
        sample(
            Cfg(ClosedForm(Discrete()), POSITIVE, NEGATIVE, 1.0),
            sampler="euler",
            sigmas=torch.tensor(levels),
            noise=torch.zeros(1, 4, 2, 2),
            latent=torch.zeros(1, 4, 2, 2),
        )


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"noise of shape .* for a latent of shape \(1, 4, 2, 3\)"):
        sample(
            Cfg(ClosedForm(Discrete()), POSITIVE, NEGATIVE, 1.0),
            sampler="euler",
            sigmas=torch.tensor([1.0, 0.0]),
            noise=torch.zeros(1, 4, 2, 2),
            latent=torch.zeros(1, 4, 2, 3),
        )


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "dpmpp_3m_sde", "ipndm_v", "lms", "uni_pc", "sa_solver"])
def test_repeated_sigmas_are_one_step(sampler):
    result = sample(
        Cfg(ClosedForm(Discrete()), POSITIVE, NEGATIVE, 2.0),
        sampler=sampler,
        sigmas=torch.tensor([10.0, 10.0, 5.0, 2.0, 2.0, 1.0, 0.0]),
        noise=torch.randn(1, 4, 2, 2),
        latent=torch.zeros(1, 4, 2, 2),
    )
    assert result.isfinite().all()
