"""Whole checkpoints: parts, types, sharing, missing and wrong pieces."""

from __future__ import annotations

import json
import os

import pytest
import torch
from helpers.golden import seeded
from helpers.weights import half, write
from safetensors.torch import save_file

from core.errors import Cancelled, ModelError, UnknownArchitecture, WeightsMismatch
from core.models.cache import ModelCache
from core.models.load import load_checkpoint, load_diffusion_model, load_vae
from core.sampling.previews import preview

UNET = "model.diffusion_model."


@pytest.fixture(scope="module")
def sd15(tmp_path_factory):
    return write(tmp_path_factory.mktemp("models"), "e2e_sd15", dtype=torch.float16)


@pytest.fixture(scope="module")
def tensors():
    return half(seeded("e2e_sd15"))


def save(tensors, path):
    save_file(tensors, path)
    return path


def test_parts_of_a_checkpoint(sd15):
    model, clip, vae = load_checkpoint(sd15, ModelCache("cpu"))
    assert model.architecture.name == "sd15"
    assert clip.encode("a fox").embedding.shape == (1, 77, 128)
    assert (vae.channels, vae.downscale) == (4, 8)


def test_nothing_is_read_until_it_is_used(sd15):
    cache = ModelCache("cpu")
    model, _, vae = load_checkpoint(sd15, cache)
    assert cache.entries() == ()
    with model.resident():
        assert [entry.key.kind for entry in cache.entries()] == ["denoiser"]
    vae.decode(torch.zeros(1, 4, 2, 2))
    assert [entry.key.kind for entry in cache.entries()] == ["denoiser", "vae"]


def test_float16_file_computes_in_float32_with_the_same_values(sd15, tensors):
    model = load_checkpoint(sd15, ModelCache("cpu")).model
    with model.resident() as resident:
        weight = resident.network.conv_in.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, tensors[f"{UNET}input_blocks.0.0.weight"].float())


def test_size_is_that_of_the_loaded_weights(sd15):
    cache = ModelCache("cpu")
    model = load_checkpoint(sd15, cache).model
    with model.resident() as resident:
        held = sum(p.nbytes for p in resident.network.state_dict().values())
    assert model.weights.size == held


def test_weights_are_shared_between_loads_and_with_a_clone(sd15):
    cache = ModelCache("cpu")
    first, second = load_checkpoint(sd15, cache).model, load_diffusion_model(sd15, cache)
    changed = first.with_schedule(second.schedule)
    with first.resident() as a, second.resident() as b, changed.resident() as c:
        assert a.network is b.network is c.network
    assert first.schedule is not changed.schedule


TEXT = "cond_stage_model.transformer."
EXTRAS = {
    "alphas_cumprod": torch.ones(1000),
    "model_ema.decay": torch.tensor(0.9),
    "model_ema.diffusion_modelinput_blocks00weight": torch.ones(3),
    f"{TEXT}text_model.embeddings.position_ids": torch.arange(77)[None],
    "first_stage_model.loss.logvar": torch.zeros(()),
}


def outputs(path):
    """A latent, a text embedding and a picture of a checkpoint."""
    model, clip, vae = load_checkpoint(path, ModelCache("cpu"))
    with model.resident() as resident:
        inputs = {"context": torch.ones(1, 77, 128)}
        denoised = resident.denoise(torch.ones(1, 4, 8, 8), torch.tensor([1.0]), inputs)
    return denoised, clip.encode("a fox").embedding, vae.decode(torch.ones(1, 4, 2, 2))


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {**tensors, **EXTRAS},
        lambda tensors: {name.replace(f"{TEXT}text_model.", TEXT): t for name, t in tensors.items()},
    ],
    ids=["leftovers of training", "text encoder without its level"],
)
def test_names_of_old_checkpoints(sd15, tensors, tmp_path, change):
    changed = change(tensors)
    assert changed.keys() != tensors.keys()
    assert all(map(torch.equal, outputs(save(changed, tmp_path / "x.safetensors")), outputs(sd15)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_small_types_give_their_own_values(tensors, tmp_path, dtype):
    small = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
    model = load_checkpoint(save(small, tmp_path / "x.safetensors"), ModelCache("cpu")).model
    with model.resident() as resident:
        assert torch.equal(resident.network.conv_in.weight, small[f"{UNET}input_blocks.0.0.weight"].float())


def test_pickle_gives_the_same(sd15, tensors, tmp_path):
    torch.save({"state_dict": tensors}, tmp_path / "x.ckpt")
    x, sigma = torch.ones(1, 4, 8, 8), torch.tensor([1.0])
    inputs = {"context": torch.ones(1, 77, 128)}
    results = []
    for path in (sd15, tmp_path / "x.ckpt"):
        with load_checkpoint(path, ModelCache("cpu")).model.resident() as model:
            results.append(model.denoise(x, sigma, inputs))
    assert torch.equal(*results)


def test_file_may_be_replaced_while_the_model_is_in_use(tensors, tmp_path):
    path = save(
        {name: t.float() for name, t in tensors.items() if t.is_floating_point()}, tmp_path / "x.safetensors"
    )
    model = load_diffusion_model(path, ModelCache("cpu"))
    with model.resident() as resident:
        before = resident.network.conv_in.weight.clone()
        path.write_bytes(bytes(path.stat().st_size))
        assert torch.equal(resident.network.conv_in.weight, before)


def test_changed_file_is_not_mixed_with_the_old_one(tensors, tmp_path):
    cache = ModelCache("cpu")
    path = save(tensors, tmp_path / "x.safetensors")
    old = load_diffusion_model(path, cache)
    with old.resident() as resident:
        before = resident.network
    save({name: t * 2 if t.is_floating_point() else t for name, t in tensors.items()}, path)
    os.utime(path, ns=(1, 1))
    with load_diffusion_model(path, cache).resident() as resident:
        assert torch.equal(resident.network.conv_in.weight, 2 * before.conv_in.weight)
    with old.resident() as resident:
        assert resident.network is before
    cache.evict_idle()
    with pytest.raises(ModelError, match=r"x\.safetensors has changed"), old.resident():
        pass


def test_a_load_can_be_cancelled_and_begun_again(sd15):
    cache, left = ModelCache("cpu"), [100]

    def stop():
        left[0] -= 1
        if not left[0]:
            raise Cancelled

    model = load_checkpoint(sd15, cache).model
    with pytest.raises(Cancelled), model.resident(stop):
        pass
    assert cache.entries() == ()
    with model.resident() as resident:
        assert not any(p.is_meta for p in resident.network.parameters())


@pytest.mark.parametrize(("prefix", "part"), [("cond_stage_model.", "clip"), ("first_stage_model.", "vae")])
def test_missing_part_is_told_when_used(tensors, tmp_path, prefix, part):
    rest = {name: t for name, t in tensors.items() if not name.startswith(prefix)}
    loaded = load_checkpoint(save(rest, tmp_path / "x.safetensors"), ModelCache("cpu"))
    with pytest.raises(ModelError, match=r"x\.safetensors holds no .* load one with"):
        getattr(loaded, part).encode("a fox")


def test_pieces_of_a_text_encoder_do_not_count(tensors, tmp_path):
    rest = {name: t for name, t in tensors.items() if not name.startswith(TEXT)}
    path = save({**rest, f"{TEXT}text_model.embeddings.position_ids": torch.arange(77)}, tmp_path / "x.sft")
    loaded = load_checkpoint(path, ModelCache("cpu"))
    assert loaded.model.architecture.name == "sd15"
    with pytest.raises(ModelError, match="holds no text encoder"):
        loaded.clip.encode("a fox")


WRONG = {
    f"{UNET}middle_block.0.in_layers.2.weight": (128, 64, 3, 3),
    "first_stage_model.decoder.conv_out.weight": (3, 16, 3, 3),
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,),
}


@pytest.mark.parametrize(("name", "wrong"), WRONG.items())
def test_wrong_shape_names_tensor_expected_and_found(tensors, tmp_path, name, wrong):
    path = save({**tensors, name: torch.zeros(wrong)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsMismatch) as error:
        load_checkpoint(path, ModelCache("cpu"))
    expected = tuple(tensors[name].shape)
    for word in ("x.safetensors", name.split(".", 2)[2], str(wrong), str(expected)):
        assert word in str(error.value)


def test_metadata_reaches_networks_and_previews(tensors, tmp_path):
    colours = {"rgb_factors": [[1, 0, 0]] + [[0, 0, 0]] * 3, "rgb_bias": [0, -1, 1]}
    stated = {
        "darkroom.denoiser_groups": "8",
        "darkroom.vae_groups": "4",
        "darkroom.preview_factors": json.dumps(colours),
    }
    path, plain = tmp_path / "starter.safetensors", save(tensors, tmp_path / "plain.safetensors")
    save_file({**tensors, "v_pred": torch.empty(0)}, path, metadata=stated)
    assert not any(map(torch.equal, outputs(path)[::2], outputs(plain)[::2]))
    picture = preview(torch.ones(1, 4, 2, 2), load_checkpoint(path, ModelCache("cpu")).model.latent_format)
    assert picture.tolist() == [[[255, 0, 255]] * 2] * 2


def test_metadata_that_cannot_be_true_is_refused_at_loading(tensors, tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(tensors, path, metadata={"darkroom.vae_groups": "5"})
    with pytest.raises(WeightsMismatch, match=r"x\.safetensors: .*darkroom\.vae_groups states '5'"):
        load_checkpoint(path, ModelCache("cpu"))


def test_denoiser_without_prefix(tmp_path):
    path = write(tmp_path, "e2e_sd15_unet")
    with load_diffusion_model(path, ModelCache("cpu")).resident() as model:
        assert model.architecture.name == "sd15"


def test_vae_of_a_checkpoint(sd15):
    latent = torch.ones(1, 4, 2, 2)
    whole, alone = load_checkpoint(sd15, ModelCache("cpu")).vae, load_vae(sd15, ModelCache("cpu"))
    assert torch.equal(whole.decode(latent), alone.decode(latent))


def test_vae_alone_is_no_checkpoint(tmp_path):
    with pytest.raises(UnknownArchitecture, match=r"e2e_vae\.safetensors seems to be a VAE alone.*Load VAE"):
        load_checkpoint(write(tmp_path, "e2e_vae"), ModelCache("cpu"))


def test_missing_file():
    from pathlib import Path

    with pytest.raises(ModelError, match=r"none\.safetensors cannot be read"):
        load_checkpoint(Path("none.safetensors"), ModelCache("cpu"))
