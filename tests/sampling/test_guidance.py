from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.closed_form import ClosedForm, conditioning, schedule_of
from helpers.golden import close, load_family, manifest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Cancelled
from core.sampling.guidance import Cfg
from core.sampling.interface import Area, Cond
from core.sampling.regions import matched, placed, weight
from core.sampling.sample import ksampler
from core.sampling.schedule import Discrete


@pytest.mark.parametrize("case", list(load_family("conditioning")), ids=lambda case: case.name)
def test_conditioning(case):
    facts = case.facts
    predictor = ClosedForm(schedule_of(facts["model_sampling"]["type"], facts["model_sampling"]["settings"]))
    result = ksampler(
        predictor,
        conditioning(facts["positive"], case.inputs),
        conditioning(facts["negative"], case.inputs),
        **{key: facts[key] for key in ("seed", "steps", "cfg", "sampler", "scheduler", "denoise")},
        latent=torch.zeros(facts["shape"]),
    )
    assert close(result, case.outputs["latent"], **manifest("conditioning")["tolerance"])
    assert len(predictor.calls) == facts["evaluations"]


X = torch.randn(2, 4, 16, 24, generator=torch.Generator().manual_seed(1))
SIGMA = torch.full((2,), 3.0)
ONES, ZEROS = Cond(torch.ones(1, 3, 4)), Cond(torch.zeros(1, 3, 4))


def denoiser(positive, negative, cfg=1.0, predictor=None, **changes):
    guider = Cfg(predictor or ClosedForm(Discrete()), positive, negative, cfg)
    return guider.denoiser(X, torch.zeros_like(X), None, **changes)


def test_cfg_goes_from_the_negative_through_the_positive():
    plain = {cfg: denoiser([ONES], [ZEROS], cfg)(X, SIGMA) for cfg in (0.0, 1.0, 5.0)}
    assert close(plain[5.0], plain[0.0] + 5 * (plain[1.0] - plain[0.0]), 1e-5, 1e-5)


def test_at_cfg_1_the_negative_is_left_out_unless_asked_for():
    predictor = ClosedForm(Discrete())
    one = denoiser([ONES], [ZEROS], 1.0, predictor)
    one(X, SIGMA)
    assert predictor.calls == [(2, 4, 16, 24)]
    guided, uncond = one.both(X, SIGMA)
    assert predictor.calls[1:] == [(4, 4, 16, 24)]
    assert torch.equal(guided, one(X, SIGMA))
    assert not torch.equal(guided, uncond)


def test_big_batches_are_not_joined():
    predictor = ClosedForm(Discrete())
    x = torch.randn(6, 4, 8, 8)
    Cfg(predictor, [ONES], [ZEROS], 5.0).denoiser(x, x, None)(x, torch.ones(6))
    assert predictor.calls == [(6, 4, 8, 8)] * 2


def test_short_texts_are_repeated_to_join_longer_ones():
    predictor = ClosedForm(Discrete())
    texts = [Cond(torch.randn(1, tokens, 4)) for tokens in (77, 154, 231)]
    together = denoiser(texts, [ZEROS], 1.0, predictor)(X, SIGMA)
    # 77 and 154 go well together; 231 would blow both up to 462.
    assert predictor.calls == [(4, 4, 16, 24), (2, 4, 16, 24)]
    apart = [denoiser([text], [ZEROS])(X, SIGMA) for text in texts]
    assert close(together, torch.stack(apart).mean(dim=0), 1e-5, 1e-5)


def test_texts_of_joint_attention_are_never_repeated():
    class Joint(ClosedForm):
        def inputs(self, cond, request):
            return {"tokens": cond.embedding}

        def denoise(self, x, sigma, inputs):
            return super().denoise(x, sigma, {"context": inputs["tokens"]})

    predictor = Joint(Discrete())
    texts = [Cond(torch.ones(1, tokens, 4)) for tokens in (77, 154, 77)]
    denoiser(texts, [ZEROS], 1.0, predictor)(X, SIGMA)
    assert predictor.calls == [(4, 4, 16, 24), (2, 4, 16, 24)]


def test_an_entry_of_no_strength_says_nothing():
    assert not denoiser([replace(ONES, strength=0.0)], [ZEROS])(X, SIGMA).any()
    both = denoiser([replace(ONES, strength=0.0), ZEROS], [ZEROS])(X, SIGMA)
    assert torch.equal(both, denoiser([ZEROS], [ZEROS])(X, SIGMA))


def test_entries_with_other_inputs_are_run_apart():
    class Guided(ClosedForm):
        def inputs(self, cond, request):
            inputs = super().inputs(cond, request)
            if "guidance" in cond.options:
                inputs["guidance"] = torch.full((1,), float(cond.options["guidance"]))
            return inputs

    predictor = Guided(Discrete())
    denoiser([replace(ONES, options={"guidance": 3.5})], [ZEROS], 5.0, predictor)(X, SIGMA)
    assert predictor.calls == [(2, 4, 16, 24)] * 2


def test_spatial_inputs_are_cropped_and_small_batches_repeated():
    seen = []

    class Inpainting(ClosedForm):
        def inputs(self, cond, request):
            return {**super().inputs(cond, request), "concat": request.noise[:1]}

        def denoise(self, x, sigma, inputs):
            seen.append({name: tuple(value.shape) for name, value in inputs.items()})
            return super().denoise(x, sigma, inputs)

    area = replace(ONES, area=Area(8, 12, 2, 4))
    denoiser([area], [ZEROS], 1.0, Inpainting(Discrete()))(X, SIGMA)
    assert seen == [{"context": (2, 3, 4), "concat": (2, 4, 8, 12)}]


def test_where_nothing_counts_the_result_is_0():
    assert not denoiser([], [ZEROS])(X, SIGMA).any()
    outside = denoiser([replace(ONES, area=Area(8, 8, 0, 0))], [ZEROS])(X, SIGMA)
    assert outside[..., :8, :8].all()
    assert not outside[..., 8:, :].any()


def test_ranges_start_and_end_with_the_schedule():
    early, late = replace(ONES, end=0.5), replace(ZEROS, start=0.5)
    both = denoiser([early, late], [])
    border = Discrete().percent_to_sigma(0.5)
    for sigma, expected in ((border * 1.01, [early]), (border * 0.99, [late]), (border, [early, late])):
        level = torch.full((2,), sigma)
        alone = [denoiser([replace(cond, start=0.0, end=1.0)], [])(X, level) for cond in expected]
        assert close(both(X, level), torch.stack(alone).mean(dim=0), 1e-6, 1e-6)


def test_the_check_comes_before_every_network_call():
    asked = []

    def check():
        asked.append(True)
        if len(asked) == 3:
            raise Cancelled

    predictor = ClosedForm(Discrete())
    guided = denoiser([ONES], [Cond(torch.zeros(1, 5, 4))], 5.0, predictor, check=check)
    guided(X, SIGMA)
    with pytest.raises(Cancelled):
        guided(X, SIGMA)
    assert len(predictor.calls) == 2


def test_a_list_says_nothing_of_what_the_other_side_asked():
    """The refiner's default score depends on the side an entry stands on."""
    sides = []

    class Watched(ClosedForm):
        def inputs(self, cond, request):
            sides.append(request.positive)
            return super().inputs(cond, request)

    denoiser([replace(ONES, area=Area(8, 8, 0, 0))], [ZEROS], 5.0, Watched(Discrete()))
    assert sides == [True, False, False]


areas = st.builds(Area, *(st.integers(1, 40),) * 2, st.integers(0, 15), st.integers(0, 23))


@settings(deadline=None)
@given(areas)
def test_weights_fit_their_area(area):
    weights = weight(replace(ONES, area=area, strength=2.0), X)
    assert weights.shape == (min(area.height, 16 - area.y), min(area.width, 24 - area.x))
    assert (weights > 0).all()
    assert weights.max() == 2
    if area.y == 0 and area.y + area.height >= 16:
        assert torch.equal(weights, weights[:1].expand_as(weights))


@settings(deadline=None)
@given(areas, areas)
def test_every_area_is_run_on_both_sides(first, second):
    positive = [ONES, replace(ONES, area=first), replace(ONES, area=second)]
    negative = matched([ZEROS], positive)
    assert {cond.area for cond in negative} >= {first, second}
    assert all(not cond.embedding.any() for cond in negative)
    assert matched(positive, negative) == positive


def test_the_smallest_entry_around_an_area_answers_for_it():
    near, far = (replace(ONES, area=Area(side, side, 0, 0), strength=side) for side in (10, 14))
    asked = replace(ZEROS, area=Area(8, 8, 1, 1), strength=0.5)
    assert matched([far, ZEROS, near], [asked])[-1] == replace(asked, embedding=near.embedding)
    assert matched([replace(near, area=Area(4, 4, 0, 0))], [asked]) == [replace(near, area=Area(4, 4, 0, 0))]


@pytest.mark.parametrize("beyond", [{"area": Area(8, 8, 16, 0)}, {"area_share": (0.5, 0.5, 0.0, 1.0)}])
def test_an_area_beyond_the_border_is_left_out(beyond):
    predictor = ClosedForm(Discrete())
    result = denoiser([ONES, replace(ZEROS, **beyond)], [ZEROS], 2.0, predictor)(X, SIGMA)
    assert torch.equal(result, denoiser([ONES], [ZEROS], 2.0)(X, SIGMA))
    assert len(predictor.calls) == 1


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (slice(3, 15), slice(2, 20), Area(12, 18, 3, 2)),
        (slice(4, 6), slice(20, 23), Area(8, 8, 4, 20)),
        (slice(0, 0), slice(0, 0), Area(8, 8, 0, 0)),
    ],
)
def test_mask_bounds(rows, columns, expected):
    mask = torch.zeros(1, 16, 24)
    mask[:, rows, columns] = 0.5
    assert placed([replace(ONES, mask=mask, mask_bounds=True)], 16, 24)[0].area == expected


def test_masks_are_resized_and_multiplied_with_strengths():
    grey = replace(ONES, mask=torch.full((1, 128, 192), 0.5), mask_strength=0.5, strength=3.0)
    weights = weight(placed([grey], 16, 24)[0], X)
    assert weights.shape == (2, 1, 16, 24)
    assert close(weights, torch.full((2, 1, 16, 24), 0.75), 1e-6, 0)
