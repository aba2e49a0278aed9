"""What a file is, from its names and shapes alone."""

from __future__ import annotations

import json

import pytest
import torch
from helpers.golden import ROOT

from core.errors import ModelError, UnknownArchitecture, WeightsMismatch
from core.models import assemble, autoencoder, detect
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


@pytest.mark.parametrize(("layout", "name"), FAMILIES.items())
def test_family_and_sizes(layout, name):
    tensors = hollow(layout)
    found = detect.recognise(tensors, "file")
    assert found.name == name
    # Every size was inferred: the network has the shapes of the file.
    assemble.verify(assemble.empty(found.build), found.convert, detect.denoiser_tensors(tensors), "file")


def test_sizes_of_the_full_networks():
    sd15, sdxl = (detect.recognise(hollow(f"full_{name}"), "file").sizes for name in ("sd15", "sdxl"))
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
    assert detect.recognise(hollow(layout), "file").latent_format.name == latents


def test_sd2_is_eps_or_v_by_the_spread_of_a_bias():
    tensors = hollow("e2e_sd2")
    width = tensors[V_MARK].shape[0]
    for spread, kind in ((0.05, Eps), (0.2, V)):
        tensors[V_MARK] = spread * torch.tensor([-1.0, 1.0]).repeat(width // 2)
        assert type(detect.recognise(tensors, "file").schedule.prediction) is kind


def test_sdxl_marks_decide_the_prediction():
    plain = hollow("e2e_sdxl")

    def schedule(*marks):
        return detect.recognise(plain | {mark: torch.tensor(80.0) for mark in marks}, "file").schedule

    assert type(schedule().prediction) is Eps
    assert type(schedule("v_pred").prediction) is V
    assert schedule("v_pred", "ztsnr").sigma_max > 1000 > schedule("v_pred").sigma_max
    assert schedule("edm_vpred.sigma_max").sigma_max == pytest.approx(80)
    with pytest.raises(UnknownArchitecture, match=r"Playground 2\.5"):
        schedule("edm_mean", "edm_std")


def test_sd3_is_a_flow_shifted_by_three():
    schedule = detect.recognise(hollow("e2e_sd3"), "file").schedule
    assert isinstance(schedule.prediction, Flow)
    assert schedule.percent_to_sigma(0.5) == pytest.approx(0.75)


@pytest.mark.parametrize(("layout", "words"), OTHERS.items())
def test_other_files_are_named(layout, words):
    with pytest.raises(UnknownArchitecture, match=f"thing.safetensors.*{words}"):
        detect.recognise(hollow(layout), "thing.safetensors")


def test_unknown_files_are_described():
    with pytest.raises(UnknownArchitecture, match=r"no kind Darkroom knows \(1 tensors, such as what\)"):
        detect.recognise({"what": torch.zeros(1)}, "file")


def test_diffusers_folder_files_are_named():
    for name in (
        "down_blocks.0.resnets.0.time_emb_proj.weight",
        "transformer_blocks.0.attn.add_q_proj.weight",
    ):
        with pytest.raises(UnknownArchitecture, match="layout of diffusers: use the single-file version"):
            detect.recognise({name: torch.zeros(1)}, "file")


def test_channels_no_variant_has():
    tensors = hollow("e2e_sd15")
    tensors["model.diffusion_model.input_blocks.0.0.weight"] = torch.empty(32, 7, 3, 3, device="meta")
    with pytest.raises(UnknownArchitecture, match="takes 7 channels"):
        detect.recognise(tensors, "file")


def test_pruned_networks():
    tensors = {n: t for n, t in hollow("e2e_sdxl").items() if "middle_block" not in n}
    with pytest.raises(UnknownArchitecture, match="parts cut out"):
        detect.recognise(tensors, "file")


@pytest.mark.parametrize("layout", ["e2e_sd15", "e2e_sdxl", "e2e_sd3"])
def test_any_missing_tensor_of_the_denoiser_is_noticed(layout):
    whole = hollow(layout)
    for name in [n for n in whole if n.startswith(detect.DENOISER)][::31]:
        tensors = {n: t for n, t in whole.items() if n != name}
        with pytest.raises(ModelError):
            found = detect.recognise(tensors, "file")
            network = assemble.empty(found.build)
            assemble.verify(network, found.convert, detect.denoiser_tensors(tensors), "file")


def test_missing_tensor_is_named():
    tensors = hollow("e2e_sd3")
    del tensors["model.diffusion_model.context_embedder.weight"]
    with pytest.raises(WeightsMismatch, match=r"file: the tensor context_embedder\.weight is missing"):
        detect.recognise(tensors, "file")


@pytest.mark.parametrize(
    ("layout", "channels", "quant"),
    [("e2e_sd15", 4, True), ("e2e_sd3", 16, False), ("e2e_flux_vae", 16, False)],
)
def test_vae_sizes(layout, channels, quant):
    found = autoencoder.recognise(autoencoder.vae_tensors(hollow(layout)), "file")
    assert (found.channels, found.quant, found.downscale) == (channels, quant, 8)
    assert found.widths == (32, 64, 128, 128)
