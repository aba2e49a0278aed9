from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import resources
from core.errors import InputError, ModelNotFound, WorkflowError
from core.extra_paths import read_extra_model_paths
from core.folders import MODEL_KINDS, Folders, relative_name, split_annotation
from core.nodes.spec import FileChoice


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(
        [tmp_path / "models"],
        input=tmp_path / "input",
        output=tmp_path / "output",
        temp=tmp_path / "temp",
        shipped=None,
    )


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_places_left_out_are_the_platforms_own():
    folders = Folders()
    places = [*folders.models, folders.input, folders.output, folders.temp]
    assert len(set(places)) == 4
    assert all(place.is_absolute() and "Darkroom" in str(place) for place in places)


def test_names_are_recursive_relative_and_sorted_without_case(folders):
    root = folders.models[0] / "checkpoints"
    for name in ["b.safetensors", "A.ckpt", "sdxl/deep/c.SAFETENSORS", "notes.txt", ".hidden.pt", "x.sft"]:
        touch(root / name)
    assert folders.names("checkpoints") == ["A.ckpt", "b.safetensors", "sdxl/deep/c.SAFETENSORS", "x.sft"]
    assert FileChoice("checkpoints", extra=("none",)).options(folders)[-1] == "none"


def test_missing_folders_have_no_names(folders):
    assert all(folders.names(kind) == [] for kind in [*MODEL_KINDS, "input", "output", "temp"])


@pytest.mark.parametrize(
    ("old", "kind"), [("unet", "diffusion_models"), ("clip", "text_encoders"), ("t2i_adapter", "controlnet")]
)
def test_old_names_of_kinds_mean_the_same(folders, old, kind):
    file = touch(folders.models[0] / old / "m.safetensors")
    assert folders.names(kind) == folders.names(old) == ["m.safetensors"]
    assert folders.resolve(kind, "m.safetensors") == folders.resolve(old, "m.safetensors") == file


def test_first_root_wins_and_names_come_once(tmp_path):
    first = touch(tmp_path / "a/vae/v.pt")
    touch(tmp_path / "b/vae/v.pt")
    touch(tmp_path / "b/vae/w.pt")
    folders = Folders([tmp_path / "a", tmp_path / "b"], shipped=None)
    assert folders.names("vae") == ["v.pt", "w.pt"]
    assert folders.resolve("vae", "v.pt") == first


def test_new_and_removed_files_are_seen_in_old_folders(folders):
    root = folders.models[0] / "loras"
    old = time.time() - 3600
    touch(root / "sub/a.safetensors")
    os.utime(root / "sub", (old, old))
    os.utime(root, (old, old))
    assert folders.names("loras") == folders.names("loras") == ["sub/a.safetensors"]
    touch(root / "sub/b.safetensors")
    assert folders.names("loras") == ["sub/a.safetensors", "sub/b.safetensors"]
    (root / "sub/a.safetensors").unlink()
    assert folders.names("loras") == ["sub/b.safetensors"]


def test_a_file_added_within_one_tick_of_the_clock_is_seen(folders):
    root = folders.models[0] / "loras"
    touch(root / "a.pt")
    changed = root.stat()
    assert folders.names("loras") == ["a.pt"]
    touch(root / "b.pt")
    os.utime(root, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert folders.names("loras") == ["a.pt", "b.pt"]


def test_unchanged_folders_are_not_listed_again(folders, monkeypatch):
    root = folders.models[0] / "loras"
    touch(root / "a.pt")
    os.utime(root, (1, 1))
    names = folders.names("loras")
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail(f"{path} was listed again"))
    assert folders.names("loras") == names


def test_a_listing_handed_out_can_be_changed_safely(folders):
    touch(folders.models[0] / "loras/a.pt")
    os.utime(folders.models[0] / "loras", (1, 1))
    folders.names("loras").clear()
    assert folders.names("loras") == ["a.pt"]


def test_links_are_followed_but_not_in_circles(folders, tmp_path):
    root = folders.models[0] / "vae"
    touch(root / "sub/a.pt")
    touch(tmp_path / "elsewhere/b.pt")
    try:
        (root / "sub/loop").symlink_to(root, target_is_directory=True)
        (root / "self").symlink_to(root / "self")
        (root / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        (root / "c.pt").symlink_to(tmp_path / "elsewhere/b.pt")
    except OSError:
        pytest.skip("links are not allowed here")
    assert folders.names("vae") == ["c.pt", "more/b.pt", "sub/a.pt"]
    assert folders.resolve("vae", "more/b.pt").is_file()
    assert folders.find("vae", "self") is None


def test_broken_links_are_left_out_until_their_target_comes(folders, tmp_path):
    for root in (folders.models[0] / "vae", folders.input):
        root.mkdir(parents=True)
        try:
            (root / "later.pt").symlink_to(tmp_path / "drive/v.pt")
            (root / "self.pt").symlink_to(root / "self.pt")
        except OSError:
            pytest.skip("links are not allowed here")
        touch(root / "there.pt")
        os.utime(root, (1, 1))
    assert folders.names("vae") == folders.names("input") == ["there.pt"]
    touch(tmp_path / "drive/v.pt")
    assert folders.names("vae") == folders.names("input") == ["later.pt", "there.pt"]


def test_input_lists_its_own_files_of_the_wanted_kinds(folders):
    for name in ["b.PNG", "a.webp", "song.flac", "clip.mp4", "x.latent", "notes", "sub/deep.png"]:
        touch(folders.input / name)
    assert folders.names("input") == ["a.webp", "b.PNG", "clip.mp4", "notes", "song.flac", "x.latent"]
    assert folders.names("input", ["image"]) == ["a.webp", "b.PNG"]
    assert folders.names("input", ["video", "audio"]) == ["clip.mp4", "song.flac"]
    assert folders.names("input", ["latent"]) == ["x.latent"]


def test_names_of_output_say_so_and_resolve_from_input(folders):
    file = touch(folders.output / "made.png")
    assert folders.names("output", ["image"]) == ["made.png [output]"]
    assert (
        folders.resolve("output", "made.png [output]")
        == folders.resolve("input", "made.png [output]")
        == file
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.png", ("a.png", "input")),
        ("a.png [temp]", ("a.png", "temp")),
        ("sub/a b.png [output]", ("sub/a b.png", "output")),
        ("a[input]", ("a", "input")),
        ("[x] a.png", ("[x] a.png", "input")),
    ],
)
def test_annotations(name, parts):
    assert split_annotation(name) == parts


def test_subfolders_of_input(folders):
    file = touch(folders.input / "sub/a.png")
    assert folders.resolve("input", "sub/a.png") == folders.resolve("input", r"sub\a.png") == file


def test_a_name_from_windows_is_found(folders):
    file = touch(folders.models[0] / "checkpoints/SDXL/base.safetensors")
    assert folders.resolve("checkpoints", r"SDXL\base.safetensors") == file


def test_embeddings_need_no_suffix(folders):
    file = touch(folders.models[0] / "embeddings/style.pt")
    assert folders.find("embeddings", "style") == folders.find("embeddings", "style.pt") == file
    touch(folders.models[0] / "vae/style.pt")
    assert folders.find("vae", "style") is None


def test_a_missing_model_is_told_with_near_names_and_places(folders):
    touch(folders.models[0] / "checkpoints/dreamer_v8.safetensors")
    with pytest.raises(ModelNotFound, match=r"dreamer_v7.*checkpoints.*'dreamer_v8\.safetensors'") as caught:
        folders.resolve("checkpoints", "dreamer_v7.safetensors")
    assert caught.value.name == "dreamer_v7.safetensors"
    assert caught.value.near == ("dreamer_v8.safetensors",)
    assert str(folders.models[0] / "checkpoints") in str(caught.value)


def test_a_missing_output_picture_is_looked_for_where_its_name_says(folders):
    with pytest.raises(ModelNotFound) as caught:
        folders.resolve("input", "x.png [output]")
    assert str(folders.output) in str(caught.value)


HOSTILE = [
    "../secret",
    "a/../../secret",
    "..",
    ".. /secret",
    r"..\secret",
    "/etc/passwd",
    r"\\server\share\x",
    r"C:\x.png",
    "c:x.png",
    "a\0.png",
    "",
    ".",
    "a/./../../b",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["checkpoints", "input"])
def test_names_never_leave_the_folders(folders, name, kind):
    touch(folders.models[0].parent / "secret")
    with pytest.raises(InputError) as caught:
        folders.resolve(kind, name)
    assert repr(name) in str(caught.value)
    with pytest.raises(InputError):
        relative_name(name)


@pytest.mark.parametrize("name", ["x" * 5000, "\ud800.png", "d/" * 3000 + "x"])
def test_impossible_names_are_just_missing(folders, name):
    folders.input.mkdir()
    assert folders.find("input", name) is None


def test_a_folder_is_not_a_file(folders):
    (folders.models[0] / "vae/x.pt").mkdir(parents=True)
    assert folders.names("vae") == []
    assert folders.find("vae", "x.pt") is None


# --- what comes with the program


@pytest.fixture
def with_shipped(tmp_path: Path) -> Folders:
    """The folders of a user who has nothing, and of a program that brings a model and a picture."""
    touch(tmp_path / "program/models/checkpoints/starter.safetensors", "shipped")
    touch(tmp_path / "program/input/scene.png", "shipped")
    return Folders(
        [tmp_path / "models"],
        input=tmp_path / "input",
        output=tmp_path / "output",
        shipped=tmp_path / "program",
    )


KINDS = [("checkpoints", "starter.safetensors"), ("input", "scene.png")]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_what_comes_with_the_program_is_listed_and_found(with_shipped, tmp_path, kind, name):
    file = next((tmp_path / "program").rglob(name))
    assert with_shipped.names(kind) == [name]
    assert with_shipped.resolve(kind, name) == file


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_file_of_the_user_wins_over_a_shipped_one(with_shipped, kind, name):
    own = touch(with_shipped.places(kind)[0] / name, "own")
    other = touch(own.with_name("a" + own.suffix))
    assert with_shipped.names(kind) == [other.name, name]
    assert with_shipped.resolve(kind, name) == own


def test_an_extra_place_wins_over_a_shipped_one(tmp_path, with_shipped):
    own = touch(tmp_path / "nets/starter.safetensors", "own")
    extra = touch(tmp_path / "extra.yaml", "mine: {checkpoints: nets}")
    folders = Folders([tmp_path / "models"], extra=[extra], shipped=tmp_path / "program")
    assert folders.resolve("checkpoints", "starter.safetensors") == own


def test_shipped_files_are_named_like_others(with_shipped, tmp_path):
    file = tmp_path / "program/models/checkpoints/starter.safetensors"
    assert with_shipped.name_of(file) == ("checkpoints", "starter.safetensors")


def test_places_to_put_files_into_are_the_users_alone(with_shipped, tmp_path):
    program = tmp_path / "program"
    kinds = [*MODEL_KINDS, "input", "output", "temp"]
    assert not any(place.is_relative_to(program) for kind in kinds for place in with_shipped.places(kind))
    with pytest.raises(ModelNotFound) as caught:
        with_shipped.resolve("checkpoints", "other.safetensors")
    assert str(program) not in str(caught.value)


def test_names_never_leave_the_shipped_folders(with_shipped, tmp_path):
    touch(tmp_path / "program/secret.png")
    touch(tmp_path / "program/output/made.png")
    for name in ("../secret.png", "../models/checkpoints/starter.safetensors"):
        with pytest.raises(InputError):
            with_shipped.find("input", name)
    assert with_shipped.find("output", "made.png") is None
    assert with_shipped.find("input", "scene.png [output]") is None


def test_shipped_folders_are_those_of_the_program_unless_said_otherwise():
    file = resources.path("models", "loras", "style.safetensors")
    assert Folders().name_of(file) == ("loras", "style.safetensors")
    assert Folders(shipped=None).name_of(file) is None


# --- extra_model_paths.yaml


def test_extra_paths_as_users_write_them(tmp_path):
    webui = tmp_path / "webui"
    touch(webui / "models/Stable-diffusion/a.ckpt")
    touch(webui / "models/Lora/l.safetensors")
    touch(webui / "models/LyCORIS/y.safetensors")
    touch(tmp_path / "nets/u.safetensors")
    file = touch(
        tmp_path / "extra_model_paths.yaml",
        f"""# a comment
a111:
    base_path: {webui}
    checkpoints: models/Stable-diffusion  # another
    loras: |
        models/Lora
        models/LyCORIS
    vae: models/VAE
    custom_nodes: models/custom
comfyui:
    unet: nets
    clip:
empty:
""",
    )
    folders = Folders([tmp_path / "models"], extra=[file], shipped=None)
    assert folders.names("checkpoints") == ["a.ckpt"]
    assert folders.names("loras") == ["l.safetensors", "y.safetensors"]
    assert folders.resolve("diffusion_models", "u.safetensors") == tmp_path / "nets/u.safetensors"
    assert len(folders.warnings) == 1
    assert "models/VAE" in folders.warnings[0].replace("\\", "/")


def test_default_places_are_searched_first(tmp_path):
    for root in ("models", "one", "two"):
        touch(tmp_path / root / "vae/v.pt")
    text = "one: {base_path: one, vae: vae}\ntwo: {base_path: two, is_default: true, vae: vae}"
    folders = Folders([tmp_path / "models"], extra=[touch(tmp_path / "extra.yaml", text)])
    assert folders.places("vae") == [tmp_path / root / "vae" for root in ("two", "models", "one")]
    assert folders.resolve("vae", "v.pt") == tmp_path / "two/vae/v.pt"


def test_paths_may_use_variables_lists_and_a_byte_order_mark(tmp_path, monkeypatch):
    monkeypatch.setenv("DARKROOM_NETS", str(tmp_path / "nets"))
    file = touch(tmp_path / "x.yaml", "\ufeffmine:\n  vae: [$DARKROOM_NETS/vae, other]\n  my_kind: mine\n")
    places = read_extra_model_paths(file).places
    assert [place.path for place in places] == [tmp_path / "nets/vae", tmp_path / "other", tmp_path / "mine"]
    assert places[-1].kind == "my_kind"


def test_an_empty_file_names_nothing(tmp_path):
    assert read_extra_model_paths(touch(tmp_path / "x.yaml", "# nothing\n")).places == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n  vae: [x\n", "line 3"),
        ("a:\n\tvae: x\n", "line 2"),
        ('a:\n  vae: "C:\\models"\n', "line 2"),
        ("- a\n- b\n", "sections"),
        ("just words", "sections"),
        ("a: words", "'a'"),
        ("a: {vae: [[x]]}", "'vae'"),
        ('a: {vae: "x\\0y"}', "'vae'"),
        ("a: {base_path: [x], vae: y}", "'base_path'"),
        ("a: {vae: 2001-99-99}", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "line 1"),
        ("[" * 20_000, "not valid YAML"),
        ("a: x\0", "not valid YAML"),
        ("#" * 2_000_000, "too large"),
    ],
)
def test_broken_extra_paths_are_told_with_place(tmp_path, text, words):
    file = touch(tmp_path / "extra.yaml", text)
    with pytest.raises(WorkflowError, match=words) as caught:
        read_extra_model_paths(file)
    assert str(file) in str(caught.value)


def test_a_home_of_nobody_is_just_missing(tmp_path):
    file = touch(tmp_path / "extra.yaml", "a: {vae: ~nobody-of-that-name/vae}")
    assert "~nobody-of-that-name" in read_extra_model_paths(file).warnings[0]
    assert Folders(["~nobody-of-that-name/models"], shipped=None).names("vae") == []


def test_unreadable_extra_paths_are_told(tmp_path):
    with pytest.raises(WorkflowError, match=r"none\.yaml"):
        read_extra_model_paths(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe4")
    with pytest.raises(WorkflowError, match=r"latin\.yaml.*UTF-8"):
        read_extra_model_paths(tmp_path / "latin.yaml")


def test_moved_models_are_found_when_only_one_can_be_meant(tmp_path: Path) -> None:
    for name in ("checkpoints/SDXL/Base.safetensors", "checkpoints/a/twin.ckpt", "checkpoints/b/twin.ckpt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    folders = Folders([tmp_path])
    assert (
        folders.find("checkpoints", "sdxl\\base.safetensors")
        == tmp_path / "checkpoints/SDXL/Base.safetensors"
    )
    assert folders.find("checkpoints", "base.safetensors") == tmp_path / "checkpoints/SDXL/Base.safetensors"
    assert folders.find("checkpoints", "twin.ckpt") is None
    (tmp_path / "checkpoints/SDXL/Base.safetensors").unlink()
    assert folders.find("checkpoints", "base.safetensors") is None


def test_a_model_file_is_named_as_its_kind_finds_it(tmp_path: Path) -> None:
    folders = Folders([tmp_path / "models"])
    file = tmp_path / "models/clip/sub/words.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    assert folders.name_of(file) == ("text_encoders", "sub/words.safetensors")
    assert folders.find(*folders.name_of(file)) == file
    linked = tmp_path / "elsewhere"
    linked.symlink_to(tmp_path / "models")
    assert folders.name_of(linked / "clip/sub/words.safetensors") == (
        "text_encoders",
        "sub/words.safetensors",
    )
    assert folders.name_of(tmp_path / "words.safetensors") is None
