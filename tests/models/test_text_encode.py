from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from helpers.golden import ROOT, close, load_family, manifest, seeded
from helpers.text import golden_encoder, network, write_embeddings

from core.errors import InputError, ModelError, WeightsMismatch
from core.models import assemble
from core.models.text import clip as clip_module
from core.models.text.chunks import chunks
from core.models.text.clip import CLIP_L
from core.models.text.encoder import Part, recognise_text_encoder

# The Flux cases need the T5 encoder, which this project does not have yet.
CASES = [case for case in load_family("text_encode") if case.facts["encoder"] != "flux"]
LAYOUTS = ROOT / "layouts"


@pytest.fixture(scope="module")
def find(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    write_embeddings(folder)

    def find(name):
        path = folder / f"{name}.safetensors"
        return path if path.is_file() else None

    return find


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_conditioning(case, find):
    facts = case.facts
    if facts["encoder"] == "sdxl_two_texts":
        encoder, text = golden_encoder("sdxl"), {"clip_l": facts["prompt_l"], "clip_g": facts["prompt_g"]}
    else:
        encoder, text = golden_encoder(facts["encoder"].split(" ")[0]), facts["prompt"]
    if facts.get("clip_skip") is not None:
        encoder = encoder.with_clip_skip(facts["clip_skip"])
    cond = encoder.encode(text, embeddings=find)

    tolerance = manifest("text_encode")["tolerance"]
    expected = dict(case.outputs)
    assert close(cond.pooled, expected.pop("pooled"), **tolerance)
    ((name, embedding),) = expected.items()
    if name == "cond_first":
        assert list(cond.embedding.shape) == [1, embedding.shape[1], 4096]
        assert not cond.embedding[..., embedding.shape[-1] :].any()
    assert close(cond.embedding[..., : embedding.shape[-1]], embedding, **tolerance)


def hollow(layout):
    """The tensors of a layout without values."""
    shapes = json.loads((LAYOUTS / f"{layout}.json").read_text(encoding="utf-8"))
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def recognise(tensors, architecture, file="file.safetensors"):
    return recognise_text_encoder(tensors, architecture, file, lambda clip: None)


@pytest.mark.parametrize(
    ("layout", "architecture", "expected"),
    [
        ("full_sd15", "sd15", [("clip_l", 768, 3072, 12, 12, None)]),
        (
            "full_sdxl",
            "sdxl",
            [("clip_l", 768, 3072, 12, 12, None), ("clip_g", 1280, 5120, 32, 20, 1280)],
        ),
        ("e2e_sd15_inpaint", "sd15_inpaint", [("clip_l", 128, 512, 3, 2, None)]),
        ("e2e_sd2", "sd2", [("clip_h", 128, 512, 4, 2, 128)]),
        ("e2e_sdxl_refiner", "sdxl_refiner", [("clip_g", 128, 512, 3, 2, 128)]),
        ("e2e_sd3", "sd3", [("clip_l", 64, 256, 3, 1, None), ("clip_g", 128, 512, 3, 2, 128)]),
    ],
)
def test_sizes_are_read_off_the_tensors(layout, architecture, expected):
    tensors = hollow(layout)
    encoder = recognise(tensors, architecture)
    clips = [part.clip for part in encoder.parts]
    sizes = [(c.kind.name, c.width, c.mlp_width, c.layers, c.heads, c.projected) for c in clips]
    assert sizes == expected
    for clip in clips:
        assemble.verify(assemble.empty(clip.build), clip.convert, tensors, "file.safetensors")


def test_a_missing_encoder_is_named():
    tensors = {name: t for name, t in hollow("e2e_sdxl").items() if "embedders.1" not in name}
    with pytest.raises(ModelError, match=r"file.safetensors: there is no text encoder clip_g .*embedders.1"):
        recognise(tensors, "sdxl")


def test_a_t5_that_is_not_used_is_reported(caplog):
    tensors = hollow("e2e_sd3")
    recognise(tensors, "sd3")
    assert not caplog.records
    recognise(tensors | {"text_encoders.t5xxl.transformer.shared.weight": torch.empty(1)}, "sd3")
    assert "T5" in caplog.text


def test_a_denoiser_with_other_encoders_is_named():
    with pytest.raises(ModelError, match="flux_dev"):
        recognise({}, "flux_dev")


@pytest.mark.parametrize(
    ("layout", "architecture", "name", "shape", "message"),
    [
        ("e2e_sd15", "sd15", "token_embedding.weight", [49408, 100], "100 wide"),
        ("e2e_sd15", "sd15", "token_embedding.weight", [], "token_embedding"),
        ("e2e_sd15", "sd15", "token_embedding.weight", [100, 128], r"\(100, 128\).*\(49408, 128\)"),
        ("e2e_sd15", "sd15", "layers.1.self_attn.q_proj.weight", [128, 64], r"layers.1.*\(128, 64\)"),
        ("e2e_sd15", "sd15", "layers.0.mlp.fc1.weight", [7], "matrix"),
        ("e2e_sd2", "sd2", "resblocks.0.attn.in_proj_weight", [100, 128], r"in_proj_weight .*\(100, 128\)"),
        ("e2e_sd2", "sd2", "resblocks.0.attn.in_proj_weight", [], "in_proj_weight"),
        ("e2e_sd2", "sd2", "model.text_projection", [128], "matrix"),
        ("e2e_sd2", "sd2", "model.positional_embedding", [10, 128], r"\(10, 128\)"),
    ],
)
def test_wrong_shapes_are_named(layout, architecture, name, shape, message):
    tensors = hollow(layout)
    (full,) = [key for key in tensors if key.endswith(name)]
    tensors[full] = torch.empty(shape, device="meta")
    with pytest.raises(WeightsMismatch, match=message):
        for part in recognise(tensors, architecture).parts:
            clip = part.clip
            assemble.verify(assemble.empty(clip.build), clip.convert, tensors, "file.safetensors")


@pytest.mark.parametrize(
    "part", ["layers.1.mlp.fc2.bias", "final_layer_norm.weight", "layers.0.mlp.fc1.weight"]
)
def test_missing_tensors_are_named(part):
    tensors = {name: t for name, t in hollow("e2e_sd15").items() if not name.endswith(part)}
    with pytest.raises(WeightsMismatch, match=part):
        for clip, _ in recognise(tensors, "sd15").parts:
            assemble.verify(assemble.empty(clip.build), clip.convert, tensors, "file.safetensors")


def test_a_projection_of_clip_l_is_not_applied():
    encoder = golden_encoder("sd3")
    tensors = {f"x.{name}": tensor for name, tensor in seeded("text_clip_l_proj_file").items()}
    assert "x.text_projection.weight" in tensors
    clip = replace(encoder.parts[0].clip, prefix="x.")
    assert clip.kind is CLIP_L
    assert "text_projection.weight" not in network(clip, tensors).state_dict()


def test_a_clip_g_without_projection_gives_the_end_state():
    part = golden_encoder("sdxl_refiner").parts[0]
    tensors = seeded("text_sdxl_refiner")
    del tensors["conditioner.embedders.0.model.text_projection"]
    clip = replace(part.clip, projected=None)
    prompt = chunks("", clip.kind.padding, lambda name: None)
    plain = clip.encode(network(clip, tensors), prompt, -1, norm=True)
    assert torch.equal(plain.pooled, plain.hidden[:, 1])


def test_a_skip_beyond_the_first_block_takes_the_last():
    encoder = golden_encoder("sd1")
    deep = encoder.with_clip_skip(-4).encode("a cat")
    assert torch.equal(deep.embedding, encoder.encode("a cat").embedding)
    sdxl = golden_encoder("sdxl")
    assert not torch.equal(
        sdxl.with_clip_skip(-4).encode("a cat").embedding, sdxl.with_clip_skip(-1).encode("a cat").embedding
    )


@pytest.mark.parametrize("layer", [0, 1])
def test_a_skip_counts_from_the_end(layer):
    with pytest.raises(InputError, match="from the end"):
        golden_encoder("sd1").with_clip_skip(layer)


def test_a_clip_skip_changes_a_copy_only():
    encoder = golden_encoder("sd1")
    encoder.with_clip_skip(-2)
    assert encoder.clip_skip is None


def test_weight_zero_is_the_empty_prompt():
    encoder = golden_encoder("sd1")
    zero = encoder.encode("(cat:0)").embedding
    empty = encoder.encode("").embedding
    assert torch.allclose(zero[:, 1], empty[:, 1], atol=1e-6)
    assert not torch.allclose(zero[:, 2], empty[:, 2], atol=1e-3)


@pytest.mark.parametrize("prompt", ["(cat:1e39)", "(cat:1e300)", "(" * 100_000 + "cat" + ")" * 100_000])
def test_weights_too_large_to_compute_with(prompt):
    with pytest.raises(InputError, match="weights of the prompt"):
        golden_encoder("sd1").encode(prompt)


def test_many_chunks_equal_few_at_a_time(monkeypatch):
    encoder = golden_encoder("sd1")
    prompt = "(word:1.1) " * 200
    together = encoder.encode(prompt)
    monkeypatch.setattr(clip_module, "_BATCH", 1)
    apart = encoder.encode(prompt)
    assert together.embedding.shape == (1, 3 * 77, 32)
    assert torch.allclose(together.embedding, apart.embedding, atol=1e-5)
    assert torch.allclose(together.pooled, apart.pooled, atol=1e-5)


def test_half_precision_gives_float32_near_the_exact_one():
    part = golden_encoder("sd1").parts[0]
    tensors = {name: tensor.half() for name, tensor in seeded("text_sd1").items()}

    class Half:
        def resident(self, check=None):
            return nullcontext(network(part.clip, tensors))

    encoder = replace(golden_encoder("sd1"), parts=(Part(part.clip, Half()),))
    rough, exact = encoder.encode("a (red:1.3) cat"), golden_encoder("sd1").encode("a (red:1.3) cat")
    assert rough.embedding.dtype == torch.float32
    assert torch.allclose(rough.embedding, exact.embedding, atol=0.02)


def test_strange_text_encodes():
    cond = golden_encoder("sdxl").encode("\ud83d \x00\x1b[2J <|endoftext|> <b>&amp;</b> \u202e")
    assert cond.embedding.isfinite().all()
