"""What a file is, from its names and shapes alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.golden import ROOT

from core.errors import ModelError, UnknownArchitecture, WeightsMismatch
from core.models import assemble, autoencoder, detect
from core.models.files import WeightFile
from core.models.metadata import DENOISER_GROUPS, PREVIEW_FACTORS, VAE_GROUPS
from core.sampling.latent_format import latent_format
from core.sampling.prediction import Eps, Flow, V

V_MARK = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"

FAMILIES = {
    "e2e_sd15": "sd15",
    "e2e_sd15_inpaint": "sd15_inpaint",
    "e2e_sd15_ip2p": "sd15_ip2p",
    "e2e_sd15_unet": "sd15",
    "e2e_sd2": "sd2",
    "e2e_sdxl": "sdxl",
    "e2e_sdxl_inpaint": "sdxl_inpaint",
    "e2e_sdxl_refiner": "sdxl_refiner",
    "e2e_sd3": "sd3",
    "full_sd15": "sd15",
    "full_sdxl": "sdxl",
}

OTHERS = {
    "e2e_lora_sd15": "LoRA.*Load LoRA",
    "controlnet_sd15": "ControlNet",
    "e2e_vae": "VAE alone.*Load VAE",
    "e2e_flux": "Flux.*not supported yet",
    "e2e_clip_l_file": "text encoder alone.*Load CLIP",
    "e2e_t5_file": "T5.*Load CLIP",
    "e2e_esrgan": "upscaler",
    "e2e_unclip": "unCLIP.*not supported yet",
}


def hollow(layout):
    """The tensors of a layout without values, but for one that is looked at."""
    shapes = json.loads((ROOT / "layouts" / f"{layout}.json").read_text(encoding="utf-8"))
    return {
        name: torch.zeros(shape, device="cpu" if name.endswith(V_MARK[22:]) else "meta")
        for name, shape in shapes.items()
    }


def opened(tensors, metadata=()):
    return WeightFile(Path("thing.safetensors"), tensors, dict(metadata))


def recognise(tensors, metadata=()):
    return detect.recognise(opened(tensors, metadata))


@pytest.mark.parametrize(("layout", "name"), FAMILIES.items())
def test_family_and_sizes(layout, name):
    tensors = hollow(layout)
    found = recognise(tensors)
    assert found.name == name
    # Every size was inferred: the network has the shapes of the file.
    assemble.verify(assemble.empty(found.build), found.convert, detect.denoiser_tensors(tensors), "file")


def test_sizes_of_the_full_networks():
    sd15, sdxl = (recognise(hollow(f"full_{name}")).sizes for name in ("sd15", "sdxl"))
    assert sd15.channels == (320, 640, 1280, 1280)
    assert sd15.depths == (1, 1, 1, 0)
    assert (sd15.context, sd15.vector, sd15.linear) == (768, 0, False)
    assert sdxl.channels == (320, 640, 1280)
    assert (sdxl.depths, sdxl.middle_depth) == ((0, 2, 10), 10)
    assert (sdxl.context, sdxl.vector, sdxl.linear) == (2048, 2816, True)


@pytest.mark.parametrize(
    ("layout", "latents"), [("e2e_sd2", "SD15"), ("e2e_sdxl", "SDXL"), ("e2e_sd3", "SD3")]
)
def test_latent_format(layout, latents):
    assert recognise(hollow(layout)).latent_format.name == latents


def test_sd2_is_eps_or_v_by_the_spread_of_a_bias():
    tensors = hollow("e2e_sd2")
    width = tensors[V_MARK].shape[0]
    for spread, kind in ((0.05, Eps), (0.2, V)):
        tensors[V_MARK] = spread * torch.tensor([-1.0, 1.0]).repeat(width // 2)
        assert type(recognise(tensors).schedule.prediction) is kind


def test_sdxl_marks_decide_the_prediction():
    plain = hollow("e2e_sdxl")

    def schedule(*marks):
        return recognise(plain | {mark: torch.tensor(80.0) for mark in marks}).schedule

    assert type(schedule().prediction) is Eps
    assert type(schedule("v_pred").prediction) is V
    assert schedule("v_pred", "ztsnr").sigma_max > 1000 > schedule("v_pred").sigma_max
    assert schedule("edm_vpred.sigma_max").sigma_max == pytest.approx(80)
    with pytest.raises(UnknownArchitecture, match=r"Playground 2\.5"):
        schedule("edm_mean", "edm_std")


@pytest.mark.parametrize("layout", ["e2e_sd15", "e2e_sd2", "e2e_sdxl"])
def test_an_empty_mark_says_v(layout):
    tensors = hollow(layout)
    assert type(recognise(tensors).schedule.prediction) is Eps
    assert type(recognise(tensors | {"v_pred": torch.empty(0)}).schedule.prediction) is V


def test_sd3_is_a_flow_shifted_by_three():
    schedule = recognise(hollow("e2e_sd3")).schedule
    assert isinstance(schedule.prediction, Flow)
    assert schedule.percent_to_sigma(0.5) == pytest.approx(0.75)


@pytest.mark.parametrize(("layout", "words"), OTHERS.items())
def test_other_files_are_named(layout, words):
    with pytest.raises(UnknownArchitecture, match=f"thing.safetensors.*{words}"):
        recognise(hollow(layout))


def test_unknown_files_are_described():
    with pytest.raises(UnknownArchitecture, match=r"no kind Darkroom knows \(1 tensors, such as what\)"):
        recognise({"what": torch.zeros(1)})


def test_diffusers_folder_files_are_named():
    for name in (
        "down_blocks.0.resnets.0.time_emb_proj.weight",
        "transformer_blocks.0.attn.add_q_proj.weight",
    ):
        with pytest.raises(UnknownArchitecture, match="layout of diffusers: use the single-file version"):
            recognise({name: torch.zeros(1)})


def test_channels_no_variant_has():
    tensors = hollow("e2e_sd15")
    tensors["model.diffusion_model.input_blocks.0.0.weight"] = torch.empty(32, 7, 3, 3, device="meta")
    with pytest.raises(UnknownArchitecture, match="takes 7 channels"):
        recognise(tensors)


def test_pruned_networks():
    tensors = {n: t for n, t in hollow("e2e_sdxl").items() if "middle_block" not in n}
    with pytest.raises(UnknownArchitecture, match="parts cut out"):
        recognise(tensors)


@pytest.mark.parametrize("layout", ["e2e_sd15", "e2e_sdxl", "e2e_sd3"])
def test_any_missing_tensor_of_the_denoiser_is_noticed(layout):
    whole = hollow(layout)
    for name in [n for n in whole if n.startswith(detect.DENOISER)][::31]:
        tensors = {n: t for n, t in whole.items() if n != name}
        with pytest.raises(ModelError):
            found = recognise(tensors)
            network = assemble.empty(found.build)
            assemble.verify(network, found.convert, detect.denoiser_tensors(tensors), "file")


def test_missing_tensor_is_named():
    tensors = hollow("e2e_sd3")
    del tensors["model.diffusion_model.context_embedder.weight"]
    with pytest.raises(WeightsMismatch, match=r"safetensors: the tensor context_embedder\.weight is missing"):
        recognise(tensors)


@pytest.mark.parametrize(
    ("layout", "channels", "quant"),
    [("e2e_sd15", 4, True), ("e2e_sd3", 16, False), ("e2e_flux_vae", 16, False)],
)
def test_vae_sizes(layout, channels, quant):
    found = autoencoder.recognise(opened(hollow(layout)))
    assert (found.channels, found.quant, found.downscale) == (channels, quant, 8)
    assert found.widths == (32, 64, 128, 128)


def norm_groups(found):
    norms = [part for part in assemble.empty(found.build).modules() if isinstance(part, torch.nn.GroupNorm)]
    return {norm.num_groups for norm in norms}


def test_norm_groups_are_those_the_metadata_states():
    tensors = hollow("e2e_sd15")
    stated = {DENOISER_GROUPS: "8", VAE_GROUPS: "4"}
    assert norm_groups(recognise(tensors, stated)) == {8}
    assert norm_groups(autoencoder.recognise(opened(tensors, stated))) == {4}
    assert norm_groups(recognise(tensors)) == {32}
    assert norm_groups(autoencoder.recognise(opened(tensors))) == {32}


@pytest.mark.parametrize(
    "text",
    ["", "eight", "0", "-8", "8.0", "08", "\u0668", "24", "64", "9" * 50_000, "1e1", "[8]"],
    ids=range(12),
)
def test_groups_that_cannot_be_are_refused(text):
    for entry, read in ((DENOISER_GROUPS, detect.recognise), (VAE_GROUPS, autoencoder.recognise)):
        with pytest.raises(
            WeightsMismatch, match=rf"thing\.safetensors: .*{entry} states .* 32, 64"
        ) as error:
            read(opened(hollow("e2e_sd15"), {entry: text}))
        assert len(str(error.value)) < 400


def test_narrow_networks_need_their_groups_stated():
    narrow = {n: torch.empty([s // 2 for s in t.shape], device="meta") for n, t in hollow("e2e_vae").items()}
    assert autoencoder.recognise(opened(narrow, {VAE_GROUPS: "4"})).widths == (16, 32, 64, 64)
    with pytest.raises(WeightsMismatch, match=f"{VAE_GROUPS} is missing, which means 32"):
        autoencoder.recognise(opened(narrow))


COLOURS = {"rgb_factors": [[0.5, -1, 2e-3], [0, 0, 0], [1, 1, 1], [3, -3, 0]], "rgb_bias": [0, 0.25, -1]}


def test_preview_colours_are_those_the_metadata_states():
    found = recognise(hollow("e2e_sd15"), {PREVIEW_FACTORS: json.dumps(COLOURS)}).latent_format
    assert found.rgb_factors == ((0.5, -1, 2e-3), (0, 0, 0), (1, 1, 1), (3, -3, 0))
    assert found.rgb_bias == (0, 0.25, -1)
    assert (found.scale, found.taesd) == (latent_format("SD15").scale, None)
    assert recognise(hollow("e2e_sd15")).latent_format == latent_format("SD15")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "[1, 2]",
        "[" * 90_000,
        "null",
        "{}",
        json.dumps(COLOURS | {"rgb_bias": None}),
        json.dumps(COLOURS | {"rgb_bias": [0, 1]}),
        json.dumps(COLOURS | {"rgb_factors": {"red": 1}}),
        json.dumps(COLOURS | {"rgb_factors": [[0, 0, 0]] * 3}),
        json.dumps(COLOURS | {"rgb_factors": [[0, 0, "1"]] * 4}),
        json.dumps(COLOURS | {"rgb_factors": [[0, 0, True]] * 4}),
        json.dumps(COLOURS | {"rgb_factors": [[0, 0, float("nan")]] * 4}),
        json.dumps(COLOURS | {"rgb_factors": [[0, 0, 10**400]] * 4}),
        json.dumps(COLOURS) + " " * 100_000,
    ],
    ids=range(15),
)
def test_preview_colours_that_cannot_be_are_refused(text):
    words = rf"thing\.safetensors: .*{PREVIEW_FACTORS} is .* 4 rows of 3 numbers"
    with pytest.raises(WeightsMismatch, match=words) as error:
        recognise(hollow("e2e_sd15"), {PREVIEW_FACTORS: text})
    assert len(str(error.value)) < 400
