"""LoRA files of every kind and notation against the reference numbers; what fits nothing is said."""

from __future__ import annotations

import logging

import pytest
import torch
from helpers.golden import ROOT, close, load_family, manifest, seeded
from helpers.text import golden_encoder
from helpers.weights import write
from safetensors.torch import load_file, save_file
from torch import nn

from core.errors import Cancelled, ModelError, UnknownArchitecture
from core.models.assemble import never
from core.models.cache import ModelCache
from core.models.files import Key
from core.models.load import load_checkpoint, load_diffusion_model
from core.models.lora import read_lora
from core.models.patches import Patch, replace

FILES = ROOT / "files"
CASES = list(load_family("lora"))
LAYER = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
FLAT = f"lora_unet_{LAYER.replace('.', '_')}"
TEXT_LAYER = "text_model.encoder.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_diffusion_model(write(tmp_path_factory.mktemp("models"), "sd15"), ModelCache("cpu"))


@pytest.fixture(scope="module")
def whole(model_root):
    """A checkpoint with its text encoder, and the cache of both."""
    cache = ModelCache("cpu")
    return load_checkpoint(model_root / "checkpoints/e2e_sd15_a.safetensors", cache)


def with_file(model, path, strength=1.0):
    return read_lora(path).on_model(model, strength)


def saved(path, tensors):
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)
    return path


def low_rank(rows=64, columns=64, rank=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, rank, generator=draw), torch.randn(rank, columns, generator=draw)


def weights_of(model):
    with model.resident() as resident:
        return {name: tensor.clone() for name, tensor in resident.network.state_dict().items()}


def weight_of(model, name=f"{LAYER}.weight"):
    with model.resident() as resident:
        return resident.network.get_parameter(name).clone()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matches_reference(case, model):
    files, strengths = case.facts.get("files", []), case.facts.get("strengths", [])
    changed = model
    for file, strength in zip(files, strengths, strict=True):
        changed = with_file(changed, ROOT / file, strength)
    called = {origin: name for name, origin in model.weights.origins.items()}
    given = case.inputs
    with changed.resident() as resident:
        for output, expected in case.outputs.items():
            if output != "out":
                weight = resident.network.get_parameter(called[output.removeprefix("weight:")])
                stored = weight.flatten(1)[: len(expected)] if weight.ndim > 1 else weight
                assert (stored.flatten() - expected.flatten()).abs().max() <= 1e-6
        result = model.architecture.forward(
            resident.network, given["x"], given["timesteps"], {"context": given["context"]}
        )
    tolerance = manifest("lora")["tolerance"]
    assert close(result, case.outputs["out"], tolerance["rtol"], tolerance["atol"])
    assert (result - case.outputs["out"]).abs().max() <= 1e-5 * case.outputs["out"].abs().max()
    if "patched" in case.facts:
        targets = {tensor for patch in changed.weights.patches for tensor, _ in patch.targets}
        assert {model.weights.origins[name] for name in targets} == set(case.facts["patched"])


def test_base_weights_are_the_same_to_the_last_bit_afterwards(model):
    before = weights_of(model)
    first, second = (with_file(model, FILES / f"lora_{kind}.safetensors") for kind in ("full_diff", "loha"))
    for changed in (first, second, first):
        assert not torch.equal(weight_of(changed), before[f"{LAYER}.weight"])
    after = weights_of(model)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert len(model.weights.cache.entries()) == 1


def test_same_files_in_another_order_are_another_model(model):
    dora, kohya = FILES / "lora_dora.safetensors", FILES / "lora_kohya.safetensors"
    one = weight_of(with_file(with_file(model, kohya), dora))
    other = weight_of(with_file(with_file(model, dora), kohya))
    assert not torch.allclose(one, other)


def test_a_file_twice_counts_twice(model):
    path = FILES / "lora_kohya.safetensors"
    twice, double = with_file(with_file(model, path, 0.5), path, 0.5), with_file(model, path, 1.0)
    assert torch.allclose(weight_of(twice), weight_of(double), atol=1e-6)


def test_models_in_use_at_the_same_time_each_have_their_weights(tmp_path):
    model = load_diffusion_model(write(tmp_path, "sd15"), ModelCache("cpu"))
    changed = with_file(model, FILES / "lora_kohya.safetensors")
    plain, other = weight_of(model), weight_of(changed)
    with changed.resident() as first, model.resident() as second:
        assert torch.equal(first.network.get_parameter(f"{LAYER}.weight"), other)
        assert torch.equal(second.network.get_parameter(f"{LAYER}.weight"), plain)
    assert model.weights.cache.evict_idle() == 2 * model.weights.size


def test_layers_with_reordered_weights_are_patched_too(model):
    changed = with_file(model, FILES / "lora_locon.safetensors")
    x, sigma = torch.ones(1, 4, 16, 16), torch.tensor([1.0])
    inputs = {"context": torch.ones(1, 8, 32)}

    def run(model):
        with model.resident() as resident:
            return [resident.denoise(x, sigma, inputs) for _ in range(5)][-1]

    fresh = run(changed)
    plain = run(model)
    assert torch.allclose(run(changed), fresh, atol=1e-5)
    assert torch.allclose(run(model), plain, atol=1e-5)
    assert not torch.allclose(plain, fresh, atol=1e-2)


def test_strength_zero_changes_nothing(whole, model_root):
    lora = read_lora(model_root / "loras/e2e_lora_a.safetensors")
    assert lora.on_model(whole.model, 0.0) is whole.model
    assert lora.on_clip(whole.clip, 0.0) is whole.clip


def test_text_encoder_is_changed_and_changed_back(whole, model_root):
    lora = read_lora(model_root / "loras/e2e_lora_a.safetensors")
    plain = whole.clip.encode("a red fox").embedding
    changed = lora.on_clip(whole.clip, 1.0)
    assert not torch.allclose(changed.encode("a red fox").embedding, plain, atol=1e-3)
    assert torch.equal(whole.clip.encode("a red fox").embedding, plain)


def test_clip_skip_and_lora_go_together(whole, model_root):
    lora = read_lora(model_root / "loras/e2e_lora_a.safetensors")
    one = lora.on_clip(whole.clip.with_clip_skip(-2), 1.0).encode("a red fox").embedding
    other = lora.on_clip(whole.clip, 1.0).with_clip_skip(-2).encode("a red fox").embedding
    assert torch.equal(one, other)


NOTATIONS = {
    "kohya": (f"{FLAT}.lora_up.weight", f"{FLAT}.lora_down.weight"),
    "lycoris": (f"lycoris_{FLAT[10:]}.lora_up.weight", f"lycoris_{FLAT[10:]}.lora_down.weight"),
    "original": (
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.lora_B.weight",
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.lora_A.weight",
    ),
    "peft": (f"unet.{LAYER}.lora_B.weight", f"unet.{LAYER}.lora_A.weight"),
    "peft without prefix": (f"{LAYER}.lora_B.default.weight", f"{LAYER}.lora_A.default.weight"),
    "diffusers": (
        f"unet.{LAYER.replace('.to_q', '.processor.to_q')}_lora.up.weight",
        f"unet.{LAYER.replace('.to_q', '.processor.to_q')}_lora.down.weight",
    ),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_notations_of_a_denoiser_mean_the_same(notation, model, tmp_path):
    parts = low_rank()
    path = saved(tmp_path / "x.safetensors", dict(zip(NOTATIONS[notation], parts, strict=True)))
    change = weight_of(with_file(model, path, 0.5)) - weight_of(model)
    assert torch.allclose(change, 0.5 * parts[0] @ parts[1], atol=1e-5)


TEXT_NOTATIONS = {
    "kohya": f"lora_te_{TEXT_LAYER.replace('.', '_')}.lora_{{}}.weight",
    "kohya of several": f"lora_te1_{TEXT_LAYER.replace('.', '_')}.lora_{{}}.weight",
    "diffusers": f"text_encoder.{TEXT_LAYER}.lora_linear_layer.{{}}.weight",
}


@pytest.mark.parametrize("notation", TEXT_NOTATIONS)
def test_notations_of_a_text_encoder_mean_the_same(notation, whole, tmp_path):
    up, down = low_rank(128, 128)
    name = TEXT_NOTATIONS[notation]
    path = saved(tmp_path / "x.safetensors", {name.format("up"): up, name.format("down"): down})
    weights = read_lora(path).on_clip(whole.clip, 0.5).parts[0].weights
    with weights.resident() as network:
        changed = network.get_parameter(f"{TEXT_LAYER}.weight").clone()
    with whole.clip.parts[0].weights.resident() as network:
        change = changed - network.get_parameter(f"{TEXT_LAYER}.weight")
    assert torch.allclose(change, 0.5 * up @ down, atol=1e-5)


def test_second_text_encoder_has_its_own_names(model_root, tmp_path):
    clip = load_checkpoint(model_root / "checkpoints/e2e_sdxl.safetensors", ModelCache("cpu")).clip
    up, down = low_rank(128, 128)
    name = f"lora_te2_{TEXT_LAYER.replace('.', '_')}"
    tensors = {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down}
    changed = read_lora(saved(tmp_path / "x.safetensors", tensors)).on_clip(clip, 1.0)
    assert changed.parts[0] == clip.parts[0]
    (patch,) = changed.parts[1].weights.patches
    assert patch.targets == ((f"{TEXT_LAYER}.weight", f"{name}.weight"),)


def test_pickled_file_is_read_as_tensors(model, tmp_path):
    path = FILES / "lora_kohya.safetensors"
    torch.save(load_file(path), tmp_path / "x.pt")
    assert torch.equal(weight_of(with_file(model, tmp_path / "x.pt")), weight_of(with_file(model, path)))


def test_alpha_bounds_how_far_weights_are_turned(model, tmp_path):
    tensors = load_file(FILES / "lora_oft.safetensors")

    def turn(**more):
        parts = {**tensors, **{f"{FLAT}.{name}": value for name, value in more.items()}}
        path = saved(tmp_path / "x.safetensors", parts)
        return (weight_of(with_file(model, path)) - weight_of(model)).norm()

    assert turn(alpha=torch.tensor(0.001)) < turn() / 5
    assert torch.isclose(turn(alpha=torch.tensor(0.0)), turn())


def test_file_for_another_denoiser_names_itself_and_its_kind(model, tmp_path):
    path = write(tmp_path, "e2e_lora_sdxl")
    with pytest.raises(UnknownArchitecture, match=r"lora_sdxl.*does not fit.*\(sd15\).*made for SDXL\. Use"):
        with_file(model, path)


@pytest.mark.parametrize(
    ("width", "made_for"), [(768, "SD 1.x"), (2048, "SDXL"), (99, "a model whose text embedding is 99 wide")]
)
def test_width_of_the_text_embedding_tells_the_kind(width, made_for, model, tmp_path):
    up, down = low_rank(64, width)
    name = FLAT.replace("attn1_to_q", "attn2_to_k")
    path = saved(tmp_path / "x.safetensors", {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down})
    with pytest.raises(UnknownArchitecture, match=rf"made for {made_for}\. Use it with a checkpoint"):
        with_file(model, path)


def test_file_for_another_text_encoder_is_said(whole, tmp_path):
    name = f"lora_te_{TEXT_LAYER.replace('.', '_')}"
    up, down = low_rank(96, 96)
    path = saved(tmp_path / "x.safetensors", {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down})
    with pytest.raises(UnknownArchitecture, match=r"does not fit the text encoder \(clip_l\)"):
        read_lora(path).on_clip(whole.clip, 1.0)


def test_what_fits_nothing_is_counted(model, tmp_path, caplog):
    up, down = low_rank()
    tensors = {f"{FLAT}.lora_up.weight": up, f"{FLAT}.lora_down.weight": down}
    tensors |= {"lora_unet_nowhere.lora_up.weight": up, "lora_unet_nowhere.lora_down.weight": down}
    tensors |= {f"{FLAT[:-1]}k.lora_up.weight": up, "what.is_this": up}
    with caplog.at_level(logging.WARNING):
        with_file(model, saved(tmp_path / "x.safetensors", tensors))
    assert "x.safetensors: 3 of its 4 layers fit nothing in the denoiser (sd15)" in caplog.text


def test_file_for_text_encoders_alone_leaves_the_denoiser(whole, tmp_path, caplog):
    name = f"lora_te_{TEXT_LAYER.replace('.', '_')}"
    up, down = low_rank(128, 128)
    path = saved(tmp_path / "x.safetensors", {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down})
    with caplog.at_level(logging.WARNING):
        assert with_file(whole.model, path) is whole.model
    assert "changes text encoders alone" in caplog.text


def test_file_for_the_denoiser_alone_leaves_the_text_encoder():
    clip = golden_encoder("sd1")
    assert read_lora(FILES / "lora_locon.safetensors").on_clip(clip, 1.0) is clip


def test_checkpoint_is_no_lora(model_root):
    with pytest.raises(UnknownArchitecture, match=r"e2e_sd15_a\.safetensors is no LoRA .*Load Checkpoint"):
        read_lora(model_root / "checkpoints/e2e_sd15_a.safetensors")


def test_changed_file_is_not_mixed_with_the_old_one(model, tmp_path):
    names = NOTATIONS["kohya"]
    path = saved(tmp_path / "x.safetensors", dict(zip(names, low_rank(), strict=True)))
    old = with_file(model, path)
    before = weight_of(old)
    saved(path, dict(zip(names, low_rank(rank=8, seed=1), strict=True)))
    new = with_file(model, path)
    assert not torch.equal(weight_of(new), before)
    with pytest.raises(ModelError, match=r"x\.safetensors has changed"), old.resident():
        pass
    assert torch.equal(weight_of(model), seeded_weight())


def seeded_weight():
    tensors = seeded("sd15")
    name = "input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight"
    return next(tensor for key, tensor in tensors.items() if key.endswith(name))


def test_patching_can_be_cancelled_and_begun_again(model):
    changed = with_file(model, FILES / "lora_kohya.safetensors")
    expected = weight_of(changed)
    assert torch.equal(weight_of(model), seeded_weight())
    left = [3]

    def stop():
        left[0] -= 1
        if not left[0]:
            raise Cancelled

    with pytest.raises(Cancelled), changed.resident(stop):
        pass
    assert torch.equal(weight_of(changed), expected)
    assert torch.equal(weight_of(model), seeded_weight())


def test_weights_of_less_precision_are_rounded_once():
    network = nn.Linear(64, 64, dtype=torch.float16).requires_grad_(requires_grad=False)
    weight, parts = network.weight, dict(zip(("lora_up", "lora_down"), low_rank(), strict=True))
    patch = Patch(Key(FILES, 0, 0, "lora"), 0.01, (("weight", "one"),), lambda: {"one": parts})
    replace(network, (), (patch, patch), no_restore, torch.device("cpu"), never)
    expected = weight.float() + 0.01 * (parts["lora_up"] @ parts["lora_down"]) * 2
    assert network.weight.dtype == torch.float16
    assert (network.weight.float() - expected).abs().max() <= 1e-3 * expected.abs().max()
    assert (network.weight != expected.half()).float().mean() < 0.01


def no_restore(network, names, device, check):
    raise AssertionError("nothing was changed before")
