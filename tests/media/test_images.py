from __future__ import annotations

import errno
import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from safetensors.numpy import load_file

from core.errors import DarkroomError, InputError, WorkflowError
from core.media import images, outputs
from core.media.images import load_image, load_mask, save_images
from core.media.outputs import save_files
from core.media.picture_text import graph_texts, read_texts

GOLDEN = Path(__file__).parents[1] / "golden/workflows"
INPUTS = GOLDEN / "inputs"


def golden_cases():
    manifest = json.loads((GOLDEN / "nodes/load.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in manifest["cases"]]


@pytest.mark.parametrize("case", golden_cases())
def test_pictures_load_as_in_comfyui(case):
    (node,) = case["prompt"].values()
    path = INPUTS / node["inputs"]["image"]
    if node["class_type"] == "LoadImage":
        results = load_image(path)
    else:
        results = (load_mask(path, node["inputs"]["channel"]),)
    expected = load_file(GOLDEN / "nodes/load.safetensors")
    tolerance = 3 / 255 if path.suffix == ".jpg" else 1e-6
    for output in case["outputs"].values():
        result = results[output["slot"]]
        reference = expected[output["tensors"]["value"]["key"]]
        assert result.dtype == np.float32
        assert result.shape == reference.shape
        assert np.abs(result - reference).max() <= tolerance


def saved(path: Path, *frames: Image.Image, **options: object) -> Path:
    frames[0].save(path, save_all=len(frames) > 1, append_images=list(frames[1:]), **options)
    return path


def test_frames_of_an_animation_are_a_batch():
    image, mask = load_image(INPUTS / "anim.webp")
    assert image.shape == (3, 32, 48, 3)
    assert mask.shape == (3, 64, 64)
    assert np.abs(image[0] - image[2]).max() > 0.1


def test_frames_of_another_size_are_left_out(tmp_path):
    frames = [
        Image.new("RGB", size, colour)
        for size, colour in [((8, 6), "red"), ((4, 4), "lime"), ((8, 6), "blue")]
    ]
    image, mask = load_image(saved(tmp_path / "pages.tiff", *frames))
    assert image.shape == (2, 6, 8, 3)
    assert image[:, 0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert mask.shape == (2, 64, 64)


def test_transparency_of_some_frames_gives_masks_for_all(tmp_path):
    frames = [Image.new("RGB", (8, 6), "red"), Image.new("RGBA", (8, 6), (0, 0, 0, 51))]
    _, mask = load_image(saved(tmp_path / "pages.tiff", *frames))
    assert mask.shape == (2, 6, 8)
    assert np.allclose(mask[:, 0, 0], [0, 0.8])


def test_alpha_is_inverted_to_a_mask(tmp_path):
    grey = Image.new("LA", (5, 4), (100, 255))
    grey.putpixel((2, 1), (100, 0))
    image, mask = load_image(saved(tmp_path / "la.png", grey))
    assert np.allclose(image, 100 / 255)
    assert mask.sum() == mask[0, 1, 2] == 1


@pytest.mark.parametrize("name", ["palette_alpha.png", "grey_alpha.png"])
def test_masks_agree_between_both_ways_of_loading(name):
    _, mask = load_image(INPUTS / name)
    assert mask.shape == (1, 32, 48)
    assert mask.max() > 0
    assert np.array_equal(mask, load_mask(INPUTS / name, "alpha"))


@pytest.mark.parametrize("mode", ["I", "I;16"])
def test_sixteen_bits_are_scaled(tmp_path, mode):
    values = np.array([[0, 254, 255, 32768, 65535]], np.int32 if mode == "I" else np.uint16)
    suffix = "tiff" if mode == "I" else "png"
    path = saved(tmp_path / f"deep.{suffix}", Image.fromarray(values))
    with Image.open(path) as picture:
        assert picture.mode == mode
    expected = np.array([0, 0, 1, 128, 255], np.float32) / 255
    image, _ = load_image(path)
    assert np.allclose(image, expected[None, None, :, None])
    assert np.allclose(load_mask(path, "green")[0, 0], expected)
    assert np.allclose(load_mask(path, "alpha"), 0)


def test_pictures_are_turned_upright(tmp_path):
    picture = Image.new("RGB", (6, 4))
    picture.putpixel((0, 0), (255, 255, 255))
    entries = Image.Exif()
    entries[0x0112] = 3
    path = saved(tmp_path / "turned.png", picture, exif=entries)
    assert load_image(path).image[0, 3, 5].tolist() == [1, 1, 1]
    assert load_mask(path, "red")[0, 3, 5] == 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F"])
def test_every_mode_loads(tmp_path, mode):
    path = saved(tmp_path / "x.tiff", Image.new(mode, (3, 2)))
    image, _ = load_image(path)
    assert image.shape == (1, 2, 3, 3)
    assert 0 <= image.min() <= image.max() <= 1


def test_a_picture_with_megabytes_of_compressed_text_loads(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 3_000_000, zip=True)
    path = saved(tmp_path / "x.png", Image.new("RGB", (3, 2)), pnginfo=info)
    assert load_image(path).image.shape == (1, 2, 3, 3)


@pytest.mark.parametrize("load", [load_image, lambda path: load_mask(path, "red")], ids=["image", "mask"])
def test_files_that_cannot_be_loaded_are_named(tmp_path, load):
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(picture, "PNG")
    for data in (b"", b"words", picture.getvalue()[:500], b"\x89PNG\r\n\x1a\n" + b"\0" * 50):
        path = tmp_path / "broken.png"
        path.write_bytes(data)
        with pytest.raises(WorkflowError, match=r"broken\.png"):
            load(path)
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(WorkflowError, match=path.name):
            load(path)


@pytest.mark.slow
def test_large_pictures_load_up_to_the_limit(tmp_path):
    large = saved(tmp_path / "large.png", Image.new("1", (13_500, 13_500)))
    assert images.load_mask(large, "red").shape == (1, 13_500, 13_500)


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    over = saved(tmp_path / "over.png", Image.new("1", (16_385, 16_385)))
    with pytest.raises(WorkflowError, match=r"over\.png has more than 256 million pixels"):
        load_image(over)
    bomb = saved(tmp_path / "bomb.png", Image.new("1", (20_000, 20_000)))
    with pytest.raises(WorkflowError, match=r"bomb\.png has more than 256 million pixels"):
        load_image(bomb)
    monkeypatch.setattr(images, "PIXEL_LIMIT", 100)
    frames = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in range(2)]
    assert load_image(saved(tmp_path / "one.gif", frames[0])).image.shape == (1, 8, 8, 3)
    with pytest.raises(WorkflowError, match=r"two\.gif has more than"):
        load_image(saved(tmp_path / "two.gif", *frames))


# --- saving


def ramp(batch: int = 1, channels: int = 3) -> np.ndarray:
    values = np.linspace(0, 1, batch * 4 * 6 * channels, dtype=np.float32)
    return values.reshape(batch, 4, 6, channels)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_values_are_cut_and_rounded_down(tmp_path):
    values = [0, 0.999 / 255, 1.5 / 255, 0.5, 254.999 / 255, 1, 7, -1, np.inf, -np.inf, np.nan]
    image = np.array(values, np.float32).reshape(1, 1, -1, 1)
    (saved_file,) = save_images(image, tmp_path, "x")
    assert pixels(tmp_path / saved_file["filename"])[0].tolist() == [
        0,
        0,
        1,
        127,
        254,
        255,
        255,
        0,
        255,
        0,
        0,
    ]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels(tmp_path, channels, mode):
    (saved_file,) = save_images(ramp(channels=channels), tmp_path, "x")
    with Image.open(tmp_path / saved_file["filename"]) as picture:
        assert (picture.mode, picture.size, picture.format) == (mode, (6, 4), "PNG")


@pytest.mark.parametrize("shape", [(4, 6, 3), (1, 4, 6, 2), (1, 0, 6, 3)])
def test_what_is_no_image_is_refused(tmp_path, shape):
    with pytest.raises(DarkroomError, match=r"shape \("):
        save_images(np.zeros(shape, np.float32), tmp_path, "x")


def test_a_saved_picture_equals_comfyuis(tmp_path):
    golden = GOLDEN / "files/save_image_metadata.png"
    texts = read_texts(golden)
    extra = {key: json.loads(text) for key, text in texts.items() if key != "prompt"}
    (saved_file,) = save_images(
        load_image(INPUTS / "n_a.png").image,
        tmp_path,
        "x",
        texts=graph_texts(json.loads(texts["prompt"]), extra),
    )
    path = tmp_path / saved_file["filename"]
    assert read_texts(path) == texts
    assert np.array_equal(pixels(path), pixels(golden))
    head = golden.read_bytes()
    assert path.read_bytes()[: head.index(b"IDAT") - 4] == head[: head.index(b"IDAT") - 4]


def test_numbers_continue_after_the_highest(tmp_path):
    first = save_images(ramp(2), tmp_path, "sv")
    assert first == [{"filename": f"sv_0000{n}_.png", "subfolder": "", "type": "output"} for n in (1, 2)]
    assert save_images(ramp(), tmp_path, "other", kind="temp") == [
        {"filename": "other_00001_.png", "subfolder": "", "type": "temp"}
    ]
    (tmp_path / "sv_00001_.png").unlink()
    (tmp_path / "sv_00007_.latent").touch()
    (tmp_path / "sv_x_00050_.png").touch()
    (tmp_path / "sv_00060.png").touch()
    assert [file["filename"] for file in save_images(ramp(2), tmp_path, "sv")] == [
        "sv_00008_.png",
        "sv_00009_.png",
    ]
    (tmp_path / "sv_99999_.png").touch()
    assert save_images(ramp(), tmp_path, "sv")[0]["filename"] == "sv_100000_.png"


@pytest.mark.parametrize(
    ("prefix", "subfolder", "filename"),
    [
        ("a/b/c", "a/b", "c_00001_.png"),
        (r"a\b", "a", "b_00001_.png"),
        ("./a//b", "a", "b_00001_.png"),
        ("a/", "", "a_00001_.png"),
        ("", "", "_00001_.png"),
        ("s%width%x%height%", "", "s6x4_00001_.png"),
        ("größe 图", "", "größe 图_00001_.png"),
        ("a.b+(c)[d]", "", "a.b+(c)[d]_00001_.png"),
        ("%unknown%", "", "%unknown%_00001_.png"),
        ("console/comb", "console", "comb_00001_.png"),
    ],
)
def test_prefixes(tmp_path, prefix, subfolder, filename):
    for number in (1, 2):
        (saved_file,) = save_images(ramp(), tmp_path, prefix)
        expected = filename.replace("_00001_", f"_0000{number}_")
        assert saved_file == {"filename": expected, "subfolder": subfolder, "type": "output"}
        assert (tmp_path / subfolder / expected).is_file()


def test_dates_in_prefixes(tmp_path, monkeypatch):
    class Clock(outputs.datetime):
        @classmethod
        def now(cls):
            return cls(2031, 2, 3, 4, 5, 6)

    monkeypatch.setattr(outputs, "datetime", Clock)
    (saved_file,) = save_images(ramp(), tmp_path, "%year%-%month%-%day%/%hour%%minute%%second%")
    assert (saved_file["subfolder"], saved_file["filename"]) == ("2031-02-03", "040506_00001_.png")


def test_batch_numbers_never_overwrite(tmp_path):
    expected = []
    for start in (1, 3):
        expected += [f"b{i}_0000{start + i}_.png" for i in (0, 1)]
        assert [file["filename"] for file in save_images(ramp(2), tmp_path, "b%batch_num%")] == expected[-2:]
    assert names(tmp_path) == sorted(expected)


@pytest.mark.parametrize(
    "prefix",
    [
        "../x",
        "a/../../x",
        "a/..",
        ".. /x",
        "/abs/x",
        r"\\server\x",
        "C:/x",
        r"c:\x",
        "c:x",
        "a\0b",
        "a\nb",
        "a\ud800",
        "con",
        "NUL.png/x",
        "sub/LPT1",
        "aux.tar.gz",
    ],
)
def test_prefixes_never_leave_the_folder(tmp_path, prefix):
    folder = tmp_path / "deep/output"
    with pytest.raises(InputError) as caught:
        save_images(ramp(), folder, prefix)
    assert caught.value.input == "filename_prefix"
    assert repr(prefix) in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("prefix", ["ab:c", "what?", "a|b", "<a>", 'a"b', "*"])
def test_characters_that_windows_forbids_are_refused_there(tmp_path, monkeypatch, prefix):
    monkeypatch.setattr(outputs, "_FORBIDDEN", outputs._FORBIDDEN_ON_WINDOWS)
    with pytest.raises(InputError, match="cannot name a file"):
        save_images(ramp(), tmp_path, prefix)


def fail(code: int):
    def raises(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return raises


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path, code):
    def write(file):
        file.write(b"half")
        fail(code)()

    with pytest.raises(DarkroomError, match="is full") as caught:
        save_files(tmp_path, "output", "x", ".bin", [write])
    assert str(tmp_path) in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "give_name", "replace"])
def test_a_disk_that_fills_at_the_last_moment(tmp_path, monkeypatch, call):
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail(errno.ENOSPC))
    elif call == "give_name":
        monkeypatch.setattr(outputs, "_give_name", fail(errno.ENOSPC))
    else:
        monkeypatch.setattr(Path, "replace", fail(errno.ENOSPC))
    with pytest.raises(DarkroomError, match="is full"):
        save_images(ramp(), tmp_path, "x")
    assert names(tmp_path) == []


def test_a_process_killed_at_the_last_moment_leaves_no_file_under_a_final_name(tmp_path, monkeypatch):
    before: list[list[str]] = []
    replace = Path.replace

    def noted(part: Path, target: Path) -> None:
        before.append(names(tmp_path))
        replace(part, target)

    monkeypatch.setattr(Path, "replace", noted)
    save_images(ramp(2), tmp_path, "x")
    final = [[name for name in there if not (name[0] == "." and name.endswith(".part"))] for there in before]
    assert final == [[], ["x_00001_.png"]]
    assert names(tmp_path) == ["x_00001_.png", "x_00002_.png"]


def test_a_name_that_a_killed_process_held_is_left_out(tmp_path):
    (tmp_path / ".x_00001_.png.part").touch()
    (saved_file,) = save_images(ramp(), tmp_path, "x")
    assert saved_file["filename"] == "x_00002_.png"


def test_images_before_a_full_disk_are_kept(tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def fsync(number):
        calls.append(number)
        return real(number) if len(calls) < 3 else fail(errno.ENOSPC)()

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DarkroomError, match="is full"):
        save_images(ramp(4), tmp_path, "x")
    assert names(tmp_path) == ["x_00001_.png", "x_00002_.png"]


def test_a_writer_that_is_cancelled_leaves_nothing_behind(tmp_path):
    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_files(tmp_path, "output", "x", ".bin", [write])
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(DarkroomError, match=r"cannot be saved in .*taken"):
        save_images(ramp(), tmp_path, "taken/x")
    with pytest.raises(DarkroomError, match="cannot be saved"):
        save_images(ramp(), tmp_path, "x" * 400)
    assert names(tmp_path) == ["taken"]


def test_runs_that_save_at_once_never_overwrite(tmp_path):
    results: list[str] = []

    def run(byte: int) -> None:
        saved_files = save_files(
            tmp_path, "output", "p", ".bin", [lambda file: file.write(bytes([byte]))] * 20
        )
        results.extend(file["filename"] for file in saved_files)

    threads = [threading.Thread(target=run, args=(byte,)) for byte in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == names(tmp_path)
    assert len(set(results)) == 80
    contents = sorted((tmp_path / name).read_bytes() for name in results)
    assert contents == sorted([bytes([byte]) for byte in range(4)] * 20)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_files_get_the_users_usual_mode(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    (saved_file,) = save_images(ramp(), tmp_path, "x")
    assert (tmp_path / saved_file["filename"]).stat().st_mode == usual.stat().st_mode
