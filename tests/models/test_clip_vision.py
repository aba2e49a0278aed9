"""CLIP's encoders against the reference numbers and against transformers, and files that are none."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from helpers.clip_files import in_open_clip_names, small_clip, write_clip
from helpers.golden import close, load_family, manifest, seeded
from helpers.text import network
from helpers.weights import half, write
from safetensors.torch import load_file, save_file

from core.errors import Cancelled, ModelError, UnknownArchitecture, WeightsMismatch
from core.inspection import inspect
from core.models.cache import ModelCache
from core.models.clip_pair import clip_score
from core.models.clip_vision import CLIP, SIGLIP, ClipVision, ImageEncoder, recognise
from core.models.files import WeightFile
from core.models.load import load_diffusion_model, load_image_encoder, load_image_text_encoder
from core.models.text.tokenizer import END, START, token_ids

CASES = list(load_family("clip_vision"))
PATCHES = "vision_model.embeddings.patch_embedding.weight"
PLACES = "vision_model.embeddings.position_embedding.weight"
FC1 = "vision_model.encoder.layers.{}.mlp.fc1.weight"


def golden_encoder(name):
    """The tiny encoder of that name; real ones are not so narrow, so its sizes are those that are stated."""
    config = manifest("clip_vision")["configs"][name]
    vision = ClipVision(
        {"clip": CLIP, "siglip": SIGLIP}[name],
        width=config["hidden_size"],
        mlp_width=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        patch=config["patch_size"],
        image_size=config["image_size"],
        projected=config.get("projection_dim"),
        activation=config["hidden_act"],
    )
    made = network(vision, seeded({"clip": "clip_vision", "siglip": "siglip_vision"}[name]))
    return ImageEncoder(vision, lambda check: nullcontext(made))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matches_reference(case):
    encoder, pixels = golden_encoder(case.facts["model"]), case.inputs["pixels"]
    prepared = encoder.vision.prepare(pixels, crop=case.facts["crop"])
    assert close(prepared[:1, :, ::2, ::2], case.outputs["preprocessed"], rtol=0, atol=1e-5)
    images = encoder.encode(pixels, crop=case.facts["crop"])
    found = {
        "image_embeds": images.embedding,
        "last_hidden_state": images.last,
        "penultimate": images.penultimate,
    }
    for name, result in found.items():
        assert close(result, case.outputs[name], **manifest("clip_vision")["tolerance"])
        assert close(result, case.outputs[name], rtol=1e-5, atol=1e-5)


def described(tensors):
    return WeightFile(Path("thing.safetensors"), tensors, {})


def hollow(width, mlp_width, layers, patch, places, projected):
    """The tensors that tell the sizes of an image encoder, without values."""
    shapes = {
        PATCHES: (width, 3, patch, patch),
        PLACES: (places, width),
        "visual_projection.weight": (projected, width),
        **{FC1.format(layer): (mlp_width, width) for layer in range(layers)},
    }
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("sizes", "heads", "image_size", "activation"),
    [
        ((768, 3072, 12, 32, 50, 512), 12, 224, "quick_gelu"),  # OpenAI's ViT-B/32
        ((1024, 4096, 24, 14, 257, 768), 16, 224, "quick_gelu"),  # OpenAI's ViT-L/14
        ((1024, 4096, 24, 14, 577, 768), 16, 336, "quick_gelu"),
        ((1280, 5120, 32, 14, 257, 1024), 16, 224, "gelu"),  # ViT-H/14 of LAION
        ((1664, 8192, 48, 14, 257, 1280), 16, 224, "gelu"),  # ViT-bigG/14 of LAION
    ],
)
def test_sizes_of_published_encoders(sizes, heads, image_size, activation):
    width, mlp_width, layers, patch, _, projected = sizes
    assert recognise(described(hollow(*sizes))) == ClipVision(
        CLIP, width, mlp_width, layers, heads, patch, image_size, projected, activation
    )


@pytest.mark.parametrize(("patch", "places", "image_size"), [(14, 729, 384), (16, 1024, 512)])
def test_sizes_of_siglip(patch, places, image_size):
    tensors = hollow(1152, 4304, 27, patch, places, 0)
    del tensors["visual_projection.weight"]
    tensors[PATCHES.replace("weight", "bias")] = torch.empty(1152, device="meta")
    assert recognise(described(tensors)) == ClipVision(
        SIGLIP, 1152, 4304, 27, 16, patch, image_size, None, "gelu_pytorch_tanh"
    )


@pytest.fixture(scope="module")
def model():
    return small_clip()


@pytest.fixture(scope="module")
def clip_file(model, tmp_path_factory):
    return write_clip(model, tmp_path_factory.mktemp("clip") / "clip.safetensors")


@pytest.fixture(scope="module")
def pixels():
    return torch.rand(3, 40, 56, 3, generator=torch.Generator().manual_seed(1))


TEXT = "a (red:1.3) fox, embedding:x"


def expected(model, vision, pixels, ids):
    """What transformers makes of pictures and a text: projected vectors, and their cosines."""
    x = vision.prepare(pixels, crop=True)
    with torch.no_grad():
        output = model(input_ids=torch.tensor([ids]), pixel_values=x)
        states = model.vision_model(pixel_values=x).last_hidden_state
    cosines = (output.image_embeds @ output.text_embeds.T)[:, 0]
    return output.image_embeds, states, cosines


def check_equal(path, model, pixels):
    """That both encoders of a file give what transformers gives."""
    encoder = load_image_text_encoder(path, ModelCache("cpu"))
    ids = [START, *token_ids(TEXT), END]
    embedding, states, cosines = expected(model, encoder.images.vision, pixels, ids)
    images = load_image_encoder(path, ModelCache("cpu")).encode(pixels)
    torch.testing.assert_close(torch.nn.functional.normalize(images.embedding), embedding)
    torch.testing.assert_close(images.last, states)
    torch.testing.assert_close(encoder.similarity(pixels, TEXT), cosines)
    assert cosines.std() > 1e-4


def test_whole_file_gives_what_transformers_gives(clip_file, model, pixels):
    check_equal(clip_file, model, pixels)


def test_open_clip_file_gives_the_same(tmp_path, pixels):
    model = small_clip("gelu", seed=2)
    path = tmp_path / "open_clip.safetensors"
    save_file(in_open_clip_names(model.state_dict()), path)
    assert not any("vision_model" in name for name in load_file(path))
    check_equal(path, model, pixels)


def test_image_encoder_alone(tmp_path, clip_file, pixels):
    tensors = {n: t for n, t in load_file(clip_file).items() if n.startswith("vis")}
    # Older files count the places themselves.
    tensors["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    save_file(tensors, tmp_path / "vision.safetensors")
    alone = load_image_encoder(tmp_path / "vision.safetensors", ModelCache("cpu")).encode(pixels)
    whole = load_image_encoder(clip_file, ModelCache("cpu")).encode(pixels)
    assert torch.equal(alone.embedding, whole.embedding)
    with pytest.raises(UnknownArchitecture, match=r"vision\.safetensors .*cannot read text: use a CLIP file"):
        load_image_text_encoder(tmp_path / "vision.safetensors", ModelCache("cpu"))


def test_batches_equal_single_pictures(clip_file):
    pixels = torch.rand(19, 32, 32, 3, generator=torch.Generator().manual_seed(3))
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    together = encoder.encode(pixels)
    apart = [encoder.encode(picture[None]) for picture in pixels]
    torch.testing.assert_close(together.embedding, torch.cat([one.embedding for one in apart]))
    torch.testing.assert_close(together.penultimate, torch.cat([one.penultimate for one in apart]))


def test_crop_is_the_middle_and_transparency_is_left_out(clip_file):
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    pixels = torch.rand(1, 32, 50, 4, generator=torch.Generator().manual_seed(4))
    middle = encoder.encode(pixels[:, :, 9:41, :3]).embedding
    assert torch.equal(encoder.encode(pixels).embedding, middle)
    assert not torch.allclose(encoder.encode(pixels, crop=False).embedding, middle, atol=1e-3)


def test_long_texts_are_cut(clip_file, model, pixels, caplog):
    encoder, words = load_image_text_encoder(clip_file, ModelCache("cpu")), "fox " * 100
    ids = [START, *token_ids(words)[:75], END]
    _, _, cosines = expected(model, encoder.images.vision, pixels, ids)
    torch.testing.assert_close(encoder.similarity(pixels, words), cosines)
    assert "of 100 tokens of the text, CLIP reads the first 75" in caplog.text


def test_empty_text_has_a_place_too(clip_file, model, pixels):
    encoder = load_image_text_encoder(clip_file, ModelCache("cpu"))
    _, _, cosines = expected(model, encoder.images.vision, pixels, [START, END])
    torch.testing.assert_close(encoder.similarity(pixels, ""), cosines)


def test_score_is_the_published_one():
    cosines = torch.tensor([-0.3, 0.0, 0.2, 0.4, 0.5])
    torch.testing.assert_close(clip_score(cosines), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_weights_are_read_when_used_and_again_after_eviction(clip_file, pixels):
    cache = ModelCache("cpu")
    encoder = load_image_text_encoder(clip_file, cache)
    assert cache.entries() == ()
    first = encoder.similarity(pixels, TEXT)
    assert [entry.key.kind for entry in cache.entries()] == ["clip", "clip_vision"]
    for entry in cache.entries():
        held = sum(tensor.nbytes for tensor in entry.network.state_dict().values())
        assert entry.size == held
    cache.evict_idle()
    assert torch.equal(encoder.similarity(pixels, TEXT), first)


def test_float16_file_gives_float32_near_the_exact_one(tmp_path, clip_file, pixels):
    save_file(half(load_file(clip_file)), tmp_path / "half.safetensors")
    rough = load_image_text_encoder(tmp_path / "half.safetensors", ModelCache("cpu")).similarity(pixels, TEXT)
    exact = load_image_text_encoder(clip_file, ModelCache("cpu")).similarity(pixels, TEXT)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=2e-3, rtol=0)


def test_stops_between_batches(clip_file):
    encoder, asked = load_image_encoder(clip_file, ModelCache("cpu")), []
    encoder.encode(torch.zeros(1, 32, 32, 3))  # so that no weights are left to be read

    def check():
        asked.append(True)
        if len(asked) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        encoder.encode(torch.zeros(40, 32, 32, 3), check=check)
    assert len(asked) == 2


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 8, 8, 1), (2, 0, 8, 3)])
def test_refuses_what_is_no_picture(clip_file, shape):
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    with pytest.raises(ValueError, match=rf"{shape[0]} pictures of 8x{shape[1]} with {shape[3]} channels"):
        encoder.encode(torch.zeros(shape))


def test_refuses_lines_unless_they_are_squeezed(clip_file):
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    with pytest.raises(ValueError, match="201x2 is too narrow to be looked at: crop it first"):
        encoder.encode(torch.zeros(1, 2, 201, 3))
    assert encoder.encode(torch.zeros(1, 2, 200, 3)).embedding.shape == (1, 24)
    assert encoder.encode(torch.zeros(1, 2, 201, 3), crop=False).embedding.shape == (1, 24)


def test_what_is_said_of_them(clip_file, pixels):
    encoder = load_image_encoder(clip_file, ModelCache("cpu"))
    assert inspect("CLIP_VISION", [encoder]).text == "Image encoder CLIP, looks at 32 × 32 pixels"
    assert inspect("CLIP_VISION_OUTPUT", [encoder.encode(pixels)]).shapes == ((3, 24),)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("e2e_sd15", r"is a model \(sd15\): load it with the Load Checkpoint node"),
        ("e2e_lora_sd15", "seems to be a LoRA: load it with the Load LoRA node"),
        ("e2e_vae", "seems to be a VAE alone: load it with the Load VAE node"),
        ("e2e_clip_l_file", "seems to be a text encoder alone: load it with the Load CLIP node"),
        ("e2e_esrgan", "seems to be an upscaler"),
    ],
)
def test_other_files_are_named(tmp_path, layout, words):
    path = write(tmp_path, layout)
    message = rf"^{layout}\.safetensors holds no CLIP image encoder: it {words}"
    for load in (load_image_encoder, load_image_text_encoder):
        with pytest.raises(UnknownArchitecture, match=message):
            load(path, ModelCache("cpu"))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (PATCHES, (128, 192), r"patch_embedding.weight has the shape \(128, 192\)"),
        (PATCHES, (0, 3, 8, 8), "OpenAI's CLIP"),
        (PATCHES, (100, 3, 8, 8), "100 wide"),
        (PATCHES, (1100, 3, 8, 8), "1100 wide"),
        (PATCHES, (128, 1, 8, 8), r"\(128, 1, 8, 8\), the network needs \(128, 3, 8, 8\)"),
        (PLACES, (16, 128), "15 places for patches"),
        (PLACES, (), "a matrix is needed"),
        (FC1.format(0), (5,), "a matrix is needed"),
        (FC1.format(1), (5, 128), r"layers.1.mlp.fc1.weight has the shape \(5, 128\)"),
        ("visual_projection.weight", (24, 64), r"visual_projection.weight has the shape \(24, 64\)"),
    ],
)
def test_wrong_shapes_are_named(tmp_path, clip_file, name, shape, message):
    path = tmp_path / "wrong.safetensors"
    save_file({**load_file(clip_file), name: torch.zeros(shape)}, path)
    with pytest.raises(WeightsMismatch, match=rf"^wrong\.safetensors.*{message}"):
        load_image_encoder(path, ModelCache("cpu"))


@pytest.mark.parametrize(
    "name", [PLACES, FC1.format(0), "visual_projection.weight", "vision_model.post_layernorm.bias"]
)
def test_missing_tensors_are_named(tmp_path, clip_file, name):
    path = tmp_path / "pruned.safetensors"
    save_file({key: tensor for key, tensor in load_file(clip_file).items() if key != name}, path)
    with pytest.raises(WeightsMismatch, match=rf"^pruned\.safetensors.*{name}"):
        load_image_encoder(path, ModelCache("cpu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_projection.weight": None}, "no projection.*cannot be compared"),
        ({"text_projection.weight": (16, 64)}, r"\(16\) and of its pictures \(24\) differ in width"),
        ({"text_model.embeddings.position_embedding.weight": (248, 64)}, r"\(248, 64\)"),
        ({"text_model.embeddings.token_embedding.weight": (49408, 50)}, "50 wide"),
        ({PATCHES.replace("weight", "bias"): (128,), PLACES: (16, 128)}, "is a SigLIP file"),
    ],
)
def test_texts_that_cannot_be_read_are_said(tmp_path, clip_file, change, message):
    tensors = {key: tensor for key, tensor in load_file(clip_file).items() if change.get(key, ()) is not None}
    tensors |= {name: torch.zeros(shape) for name, shape in change.items() if shape is not None}
    path = tmp_path / "odd.safetensors"
    save_file(tensors, path)
    with pytest.raises(ModelError, match=rf"^odd\.safetensors.*{message}"):
        load_image_text_encoder(path, ModelCache("cpu"))


def test_as_a_checkpoint_it_is_named(tmp_path, clip_file):
    open_clip = tmp_path / "open_clip.safetensors"
    save_file(in_open_clip_names(load_file(clip_file)), open_clip)
    for path in (clip_file, open_clip):
        with pytest.raises(
            UnknownArchitecture, match="an image encoder: load it with the Load CLIP Vision node"
        ):
            load_diffusion_model(path, ModelCache("cpu"))
