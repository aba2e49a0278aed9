"""Denoisers of every family, loaded from files, against the reference numbers."""

from __future__ import annotations

import pytest
import torch
from helpers.golden import close, load_family, manifest
from helpers.weights import write

from core.errors import ModelError
from core.models.cache import ModelCache
from core.models.load import load_diffusion_model
from core.sampling.interface import Cond, Request

FAMILIES = ("sd15", "sd15_inpaint", "sd15_ip2p", "sd21", "sdxl", "sdxl_refiner", "sd3_medium")
CASES = [(family, case) for family in FAMILIES for case in load_family(f"denoiser_{family}")]
EXTRAS = [case for case in load_family("model_conditioning") if case.facts["model"] != "svd"]
NAMES = {"y": "vector", "c_concat": "concat"}


def network_inputs(family, given):
    """The inputs of a case under the names of `Predictor`."""
    text = "tokens" if family == "sd3_medium" else "context"
    names = NAMES | {"context": text}
    return {names[name]: value for name, value in given.items() if name in names}


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    folder, cache, models = tmp_path_factory.mktemp("models"), ModelCache("cpu"), {}

    def get(layout):
        if layout not in models:
            models[layout] = load_diffusion_model(write(folder, layout), cache)
        return models[layout]

    return get


@pytest.mark.parametrize(("family", "case"), CASES, ids=[f"{f}-{c.name}" for f, c in CASES])
def test_matches_reference(family, case, model_of):
    tolerance = manifest(f"denoiser_{family}")["tolerance"]
    given = dict(case.inputs)
    x = given.pop("x")
    with model_of(case.facts["layout"]).resident() as model:
        if case.facts["kind"] == "apply":
            inputs = network_inputs(family, given)
            result, expected = model.denoise(x, given["sigma"], inputs), case.outputs["denoised"]
        else:
            inputs = network_inputs(family, given)
            result = model.architecture.forward(model.network, x, given["timesteps"], inputs)
            expected = case.outputs["out"]
    assert close(result, expected, **tolerance)
    assert (result - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("case", EXTRAS, ids=lambda c: c.name)
def test_extra_inputs(case, model_of):
    layout = case.facts["model"]
    options = dict(case.facts.get("options", {}))
    positive = options.pop("prompt_type", "positive") == "positive"
    model = model_of(layout)
    noise = case.inputs.get("noise", torch.zeros(1, 4, 96, 96))
    width = model.architecture.sizes.context
    concat = {k: v for k, v in case.inputs.items() if k.startswith("concat_")}
    cond = Cond(torch.zeros(1, 77, width), case.inputs.get("pooled"), options=options | concat)
    with model.resident() as resident:
        inputs = resident.inputs(cond, Request(noise, torch.zeros_like(noise), None, positive))
    name, expected = next(iter(case.outputs.items()))
    assert close(
        inputs["vector" if name == "y" else name], expected, **manifest("model_conditioning")["tolerance"]
    )


def test_inpainting_model_falls_back_on_the_noise_mask_and_the_latent(model_of):
    noise, latent = torch.zeros(2, 4, 8, 8), torch.full((2, 4, 8, 8), 0.5)
    mask = torch.ones(1, 1, 8, 8)
    cond = Cond(torch.zeros(1, 77, 32))
    with model_of("sd15_inpaint").resident() as model:
        concat = model.inputs(cond, Request(noise, latent, mask, positive=True))["concat"]
    assert torch.equal(concat, torch.cat([torch.ones(2, 1, 8, 8), latent], dim=1))


def test_concat_image_of_another_size_and_batch_is_fitted(model_of):
    cond = Cond(torch.zeros(1, 77, 32), options={"concat_latent_image": torch.ones(1, 4, 20, 6)})
    noise = torch.zeros(3, 4, 8, 12)
    with model_of("sd15_ip2p").resident() as model:
        concat = model.inputs(cond, Request(noise, noise, None, positive=True))["concat"]
    assert torch.equal(concat, torch.ones(3, 4, 8, 12))


def test_wrong_text_encoder_is_named(model_of):
    noise = torch.zeros(1, 4, 8, 8)
    request = Request(noise, noise, None, positive=True)
    with model_of("sdxl").resident() as model:
        with pytest.raises(ModelError, match=r"77 wide, this network reads 96.*text encoder"):
            model.inputs(Cond(torch.zeros(1, 77, 77)), request)
        with pytest.raises(ModelError, match=r"pooled text embedding of width 64.*has none"):
            model.inputs(Cond(torch.zeros(1, 77, 96)), request)


@pytest.mark.parametrize(("layout", "channels"), [("sd15", 4), ("sd3_medium", 16)])
def test_odd_sizes_keep_their_size(layout, channels, model_of):
    model = model_of(layout)
    with model.resident() as resident:
        width = model.architecture.sizes.context if layout == "sd15" else model.architecture.context
        text = network_inputs(layout, {"context": torch.zeros(1, 5, width)})
        inputs = {**text, "vector": torch.zeros(1, 48)}
        x = torch.randn(2, channels, 9, 13, generator=torch.Generator().manual_seed(0))
        result = resident.denoise(x, torch.tensor([0.5, 0.5]), inputs)
    assert result.shape == x.shape
    assert result.isfinite().all()


def test_sd3_refuses_more_than_its_position_table(model_of):
    inputs = {"tokens": torch.zeros(1, 5, 56), "vector": torch.zeros(1, 48)}
    with model_of("sd3_medium").resident() as model, pytest.raises(ModelError, match="at most 256 pixels"):
        model.denoise(torch.zeros(1, 16, 8, 34), torch.tensor([0.5]), inputs)
