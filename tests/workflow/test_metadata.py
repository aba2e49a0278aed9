from __future__ import annotations

import io
import json
import math
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import WorkflowError
from core.media import picture_text
from core.media.picture_text import exif, graph_texts, png_info, read_texts
from core.workflow.json_text import DEPTH_LIMIT, SIZE_LIMIT, parse_json
from core.workflow.metadata import read_graphs

FILES = Path(__file__).parents[1] / "golden/workflows/files"
PROMPT = {"1": {"class_type": "KSampler", "inputs": {"seed": 2**63}}}
WORKFLOW = {"nodes": [], "links": [], "version": 0.4}
TEXTS = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(*chunks: bytes) -> bytes:
    """A PNG of one grey pixel with further chunks before its pixels."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    ends = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + ends


def text_chunk(key: str, text: str) -> bytes:
    return chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode())


def saved(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, form, **options)
    return file.getvalue()


# --- what ComfyUI writes


@pytest.mark.parametrize(
    "name", ["save_image_metadata.png", "animated_png.png", "animated_webp_lossless.webp"], ids=str
)
def test_graphs_of_pictures_saved_by_comfyui(name):
    graphs = read_graphs(FILES / name)
    assert {node["class_type"] for node in graphs.prompt.values()} >= {"LoadImage"}
    assert isinstance(graphs.workflow["nodes"], list)
    assert graphs.problems == ()


def test_texts_of_a_saved_picture_are_verbatim():
    texts = read_texts(FILES / "save_image_metadata.png")
    assert list(texts) == ["prompt", "workflow", "note"]
    assert texts["note"] == '"gr\\u00f6\\u00dfe"'
    with Image.open(FILES / "save_image_metadata.png") as picture:
        assert texts == picture.info


# --- what Darkroom writes


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
def test_written_texts_are_read_back(form):
    texts = graph_texts(PROMPT, {"workflow": WORKFLOW, "note": "größe", "more": [1], "nan": math.nan})
    options = {"pnginfo": png_info(texts)} if form == "PNG" else {"exif": exif(texts)}
    picture = saved(form, **options)
    assert read_texts(picture) == texts
    assert read_graphs(picture).prompt == PROMPT
    assert read_graphs(picture).workflow == WORKFLOW


def test_exif_tags_are_comfyuis():
    entries = exif({"prompt": "a", "workflow": "b", "note": "c"})
    assert dict(entries) == {0x0110: "prompt:a", 0x010F: "workflow:b", 0x010E: "note:c"}


def test_many_texts_pass_over_exif_tags_that_hold_numbers():
    texts = {"prompt": "{}", **{f"extra{i}": str(i) for i in range(40)}}
    assert read_texts(saved("WEBP", exif=exif(texts))) == texts


def test_a_graph_without_prompt_has_only_the_extra_texts():
    assert graph_texts(None, {"workflow": {}}) == {"workflow": "{}"}
    assert graph_texts({}) == {"prompt": "{}"}


@pytest.mark.parametrize("key", ["", "x" * 80, "a\0b"])
def test_impossible_keywords_are_refused(key):
    with pytest.raises(WorkflowError, match="cannot name a text"):
        png_info({key: "x"})


# --- what others write


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"tEXt", b"prompt\0" + TEXTS["prompt"].encode()),
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(TEXTS["prompt"].encode())),
        chunk(b"iTXt", b"prompt\0\0\0en\0Aufforderung\0" + TEXTS["prompt"].encode()),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(TEXTS["prompt"].encode())),
    ],
    ids=["tEXt", "zTXt", "iTXt", "iTXt compressed"],
)
def test_every_kind_of_png_text(data):
    graphs = read_graphs(png(data))
    assert graphs.prompt == PROMPT
    assert graphs.workflow is None


def test_texts_of_other_programs_are_kept_as_text():
    graphs = read_graphs(png(text_chunk("parameters", "a cat\nSteps: 20"), text_chunk("Software", "x")))
    assert graphs.texts == {"parameters": "a cat\nSteps: 20", "Software": "x"}
    assert graphs.prompt is None
    assert graphs.workflow is None


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_text_in_either_encoding(encoding):
    assert read_texts(png(chunk(b"tEXt", b"note\0" + "größe".encode(encoding)))) == {"note": "größe"}


def test_any_bytes_are_some_text():
    assert read_texts(png(chunk(b"tEXt", b"note\0" + bytes(range(256)))))["note"]
    assert read_texts(png(chunk(b"iTXt", b"note\0\0\0\0\0\xff\xfe")))["note"] == "��"


@pytest.mark.parametrize(
    "comment",
    [
        b"ASCII\0\0\0" + json.dumps(TEXTS).encode(),
        b"UNICODE\0" + json.dumps(TEXTS).encode("utf-16-be"),
        b"UNICODE\0" + json.dumps(TEXTS).encode("utf-16-le"),
        bytes(8) + json.dumps({"prompt": PROMPT, "workflow": WORKFLOW}).encode(),
    ],
    ids=["ascii", "utf-16-be", "utf-16-le", "undefined"],
)
def test_graphs_in_a_users_comment(comment):
    entries = Image.Exif()
    entries.get_ifd(0x8769)[0x9286] = comment
    graphs = read_graphs(saved("JPEG", exif=entries))
    assert graphs.prompt == PROMPT
    assert graphs.workflow == WORKFLOW


@pytest.mark.parametrize(("graph", "field"), [(PROMPT, "prompt"), (WORKFLOW, "workflow")])
def test_one_graph_alone_in_a_users_comment(graph, field):
    entries = Image.Exif()
    entries.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + json.dumps(graph).encode()
    assert getattr(read_graphs(saved("WEBP", exif=entries)), field) == graph


@pytest.mark.parametrize("comment", ["a photo", "{not json", '{"a": 1}', '{"workflow": 3}', "{}"])
def test_other_comments_are_no_graph(comment):
    entries = Image.Exif()
    entries.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + comment.encode()
    entries[0x010E] = "nothing special"
    graphs = read_graphs(saved("JPEG", exif=entries))
    assert (graphs.prompt, graphs.workflow) == (None, None)
    assert graphs.texts == {"UserComment": comment, "ImageDescription": "nothing special"}


def test_entries_named_with_a_capital_are_known():
    entries = Image.Exif()
    entries[0x010F] = "Prompt:" + TEXTS["prompt"]
    entries[0x010E] = "Workflow:" + TEXTS["workflow"]
    graphs = read_graphs(saved("JPEG", exif=entries))
    assert (graphs.prompt, graphs.workflow) == (PROMPT, WORKFLOW)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG", "GIF", "BMP", "TIFF"])
def test_pictures_without_texts(form):
    graphs = read_graphs(saved(form))
    assert (graphs.prompt, graphs.workflow, graphs.problems) == (None, None, ())


# --- broken and hostile pictures


def test_pixels_are_not_needed(tmp_path):
    whole = png(*(text_chunk(key, text) for key, text in TEXTS.items()))
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole[:-20])
    assert read_texts(cut) == TEXTS


def test_pixels_are_not_read(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    for name in ("save_image_metadata.png", "animated_webp_lossless.webp"):
        assert read_graphs(FILES / name).prompt


def test_a_text_cut_off_is_told(tmp_path):
    file = tmp_path / "cut.png"
    file.write_bytes(png(text_chunk("prompt", TEXTS["prompt"]))[:60])
    with pytest.raises(WorkflowError, match=r"cut\.png is cut off"):
        read_texts(file)


def test_a_wrong_checksum_is_told():
    with pytest.raises(WorkflowError, match=r"odd\.png is damaged.*'prompt'"):
        read_texts(png(chunk(b"tEXt", b"prompt\0{}", crc=1)), "odd.png")


def test_wrong_checksums_elsewhere_do_not_matter():
    assert read_texts(png(chunk(b"gAMA", b"\0\0\0\1", crc=1), text_chunk("a", "b"))) == {"a": "b"}


def test_fifty_megabytes_of_text_are_read():
    text = '"' + "x" * 50_000_000 + '"'
    assert read_texts(png(text_chunk("note", text))) == {"note": text}


def test_more_text_than_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(picture_text, "TEXT_LIMIT", 1 << 20)
    half = text_chunk("a", "x" * (1 << 19))
    assert read_texts(png(half))
    for chunks in ([text_chunk("a", "x" * (1 << 20))], [half, half, half]):
        with pytest.raises(WorkflowError, match="big holds more than 1 MiB of text"):
            read_texts(png(*chunks), "big")


@pytest.mark.parametrize("head", [b"iTXt prompt\0\1\0\0\0", b"zTXt prompt\0\0"])
def test_inflation_is_bounded(head, monkeypatch):
    monkeypatch.setattr(picture_text, "TEXT_LIMIT", 1 << 20)
    bomb = zlib.compress(bytes(1 << 26), 9)
    assert len(bomb) < 100_000
    kind, _, key = head.partition(b" ")
    with pytest.raises(WorkflowError, match=r"bomb\.png holds more than 1 MiB"):
        read_texts(png(chunk(kind, key + bomb)), "bomb.png")


def test_bad_compression_is_told():
    with pytest.raises(WorkflowError, match="compressed text cannot be read"):
        read_texts(png(chunk(b"zTXt", b"prompt\0\0nonsense")))


def test_texts_without_their_separators_are_empty():
    assert read_texts(png(chunk(b"tEXt", b"prompt"), chunk(b"iTXt", b"a\0"), chunk(b"zTXt", b"z"))) == {
        "prompt": "",
        "a": "",
        "z": "",
    }


def test_endless_parts_end(monkeypatch):
    monkeypatch.setattr(picture_text, "_PARTS_LIMIT", 50)
    with pytest.raises(WorkflowError, match="too many parts"):
        read_texts(png(*[chunk(b"abcd", b"")] * 60))
    webp = b"RIFF\0\0\0\0WEBP" + b"abcd\0\0\0\0" * 60
    with pytest.raises(WorkflowError, match="too many parts"):
        read_texts(webp)


@pytest.mark.parametrize("data", [b"", b"GIF", b"{}", b"\0" * 100, b"not a picture" * 10, b"\x89PNG\r\n"])
def test_what_is_no_picture_is_told(tmp_path, data):
    file = tmp_path / "words.png"
    file.write_bytes(data)
    with pytest.raises(WorkflowError, match=r"words\.png"):
        read_graphs(file)


def test_missing_files_and_folders_are_told(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(WorkflowError, match=path.name):
            read_texts(path)


def test_damaged_exif_is_told():
    webp = saved("WEBP", exif=exif(TEXTS))
    place = webp.index(b"EXIF")
    with pytest.raises(WorkflowError, match=r"x\.webp"):
        read_texts(webp[: place + 40], "x.webp")
    junk = b"RIFF\0\0\0\0WEBPEXIF" + struct.pack("<I", 20) + b"nonsense, no TIFF at"
    with pytest.raises(WorkflowError, match=r"x\.webp has damaged EXIF"):
        read_texts(junk, "x.webp")


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), form=st.sampled_from(["PNG", "WEBP", "JPEG"]))
def test_flipped_bytes_give_texts_or_a_workflow_error(seed, form):
    options = {"pnginfo": png_info(TEXTS)} if form == "PNG" else {"exif": exif(TEXTS)}
    data = bytearray(saved(form, **options))
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    try:
        texts = read_texts(bytes(data[: rng.randint(1, len(data))]))
    except WorkflowError:
        return
    assert all(isinstance(text, str) for text in texts.values())


# --- broken and hostile graphs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a cat on a mat", r"not valid JSON.*line 1"),
        ("[1, 2]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
    ids=["words", "list", "null", "deep", "digits"],
)
def test_a_picture_with_only_a_broken_graph_is_refused(text, words):
    with pytest.raises(WorkflowError, match=rf"the prompt in x\.png.*{words}"):
        read_graphs(png(text_chunk("prompt", text)), "x.png")


def test_one_broken_graph_leaves_the_other():
    graphs = read_graphs(
        png(text_chunk("prompt", "a cat"), text_chunk("workflow", TEXTS["workflow"])), "x.png"
    )
    assert graphs.workflow == WORKFLOW
    assert graphs.prompt is None
    assert graphs.texts["prompt"] == "a cat"
    assert len(graphs.problems) == 1
    assert "the prompt in x.png" in graphs.problems[0]


def test_not_a_number_is_a_number():
    text = '{"1": {"is_changed": [NaN], "inputs": {"a": Infinity, "b": -Infinity}}}'
    prompt = read_graphs(png(text_chunk("prompt", text))).prompt
    assert math.isnan(prompt["1"]["is_changed"][0])
    assert prompt["1"]["inputs"] == {"a": math.inf, "b": -math.inf}


def test_of_equal_keys_the_last_one_counts():
    assert parse_json('{"a": 1, "a": 2}', "x") == {"a": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_files_in_usual_encodings(encoding):
    assert parse_json('{"größe": 1}'.encode(encoding), "x") == {"größe": 1}
    assert parse_json("\ufeff{}", "x") == {}


@pytest.mark.parametrize("data", [b'{"a": "\xff\xff"}', b"", b"\xff", b"{", b"\0\0\0"])
def test_bytes_that_are_no_json_are_told(data):
    with pytest.raises(WorkflowError, match=r"f\.json"):
        parse_json(data, "f.json")


def test_nesting_up_to_the_limit_is_read():
    assert parse_json("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT, "x")
    for depth in (DEPTH_LIMIT + 1, 990, 100_000):
        with pytest.raises(WorkflowError, match=f"nested more than {DEPTH_LIMIT} levels"):
            parse_json('{"a":' * depth + "1" + "}" * depth, "x")


def test_too_much_json_is_refused_before_it_is_parsed():
    with pytest.raises(WorkflowError, match=r"big\.json is too large"):
        parse_json(" " * (SIZE_LIMIT + 1), "big.json")
