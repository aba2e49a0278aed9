from __future__ import annotations

import json
import math
import struct
import time

import pytest
from helpers.workflows import catalogue, node, text_to_image, workflow
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.open import read_workflow
from core.workflow.prompt_json import read_prompt, write_prompt

EDITOR = text_to_image()
PROMPT = write_prompt(compile_document(read_document(EDITOR).document, catalogue()).graph)


def save(folder, value, name="file.json"):
    path = folder / name
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def picture(folder, **texts):
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value if isinstance(value, str) else json.dumps(value))
    path = folder / "picture.png"
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    return path


def latent(folder, **texts):
    header = json.dumps({"__metadata__": {key: json.dumps(value) for key, value in texts.items()}}).encode()
    return save(folder, struct.pack("<Q", len(header)) + header, "file.latent")


def refused(source):
    with pytest.raises(WorkflowError) as caught:
        read_workflow(source)
    return str(caught.value)


def test_editor_json(tmp_path):
    opened = read_workflow(save(tmp_path, EDITOR, "no suffix"))
    assert (opened.container, opened.format, opened.prompt) == ("json", "editor", None)
    assert opened.document == read_document(EDITOR).document
    assert opened.to_prompt(catalogue()).graph == read_prompt(PROMPT)
    assert opened.to_document(catalogue()).document is opened.document


def test_api_json(tmp_path):
    opened = read_workflow(save(tmp_path, PROMPT))
    assert (opened.container, opened.format, opened.document) == ("json", "api", None)
    assert opened.to_prompt(catalogue()).graph == read_prompt(PROMPT)
    assert len(opened.to_document(catalogue()).document.nodes) == 7


def test_bytes():
    assert read_workflow(json.dumps(PROMPT).encode()).prompt == read_prompt(PROMPT)
    assert read_workflow(b"\xef\xbb\xbf \n" + json.dumps(PROMPT).encode()).prompt == read_prompt(PROMPT)
    assert read_workflow(json.dumps(PROMPT).encode("utf-16")).prompt == read_prompt(PROMPT)


@pytest.mark.parametrize(
    "wrapped",
    [
        {"prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": EDITOR}}},
        {"prompt": PROMPT, "workflow": EDITOR},
    ],
)
def test_request_with_both(tmp_path, wrapped):
    opened = read_workflow(save(tmp_path, wrapped))
    assert opened.document == read_document(EDITOR).document
    assert opened.prompt == read_prompt(PROMPT)


def test_request_with_one(tmp_path):
    assert read_workflow(save(tmp_path, {"prompt": PROMPT})).format == "api"
    assert read_workflow(save(tmp_path, {"workflow": EDITOR})).format == "editor"


@pytest.mark.parametrize("carrier", [picture, latent])
def test_files_that_carry_graphs(tmp_path, carrier):
    both = read_workflow(carrier(tmp_path, prompt=PROMPT, workflow=EDITOR))
    assert both.container == {"picture": "image", "latent": "latent"}[carrier.__name__]
    assert both.document == read_document(EDITOR).document
    assert both.to_prompt(catalogue()).graph == read_prompt(PROMPT)
    assert read_workflow(carrier(tmp_path, prompt=PROMPT)).format == "api"
    assert read_workflow(carrier(tmp_path, workflow=EDITOR)).prompt is None


def test_one_broken_graph_of_two_is_a_remark(tmp_path):
    opened = read_workflow(picture(tmp_path, prompt=PROMPT, workflow={"nodes": [5]}))
    assert opened.document is None
    assert opened.prompt == read_prompt(PROMPT)
    assert "nodes[0] is not a node" in str(opened.remarks[0])
    opened = read_workflow(picture(tmp_path, prompt="{", workflow=EDITOR))
    assert opened.document is not None
    assert "is not valid JSON" in str(opened.remarks[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"[]", "expected a JSON object, found a list"),
        (b'"text"', "expected a JSON object, found a str"),
        (b"{}", 'neither a list called "nodes"'),
        (b'{"1": {"inputs": {}}}', 'nor an entry with a "class_type"'),
        (b'{"nodes": 5}', 'needs a list called "nodes" and has 5'),
        (b'{"nodes": [{"id": 1}]}', "nodes[0] has no type"),
        (b'{"nodes": [', "is not valid JSON"),
        (b"[" * 100_000, "levels deep"),
        (b'{"nodes":' * 100_000, "levels deep"),
        (b'{"nodes": [], "extra": ' + b"[" * 5000 + b"]" * 5000 + b"}", "levels deep"),
        (b'{"1": {"class_type": 3}}', "needs a class_type that is text"),
        (b"PK\x03\x04 something else", "file.json"),
        (b"\x08\0\0\0\0\0\0\0{}", "file.json"),
        (b"\xff" * 8 + b"{", "is neither JSON, nor a picture, nor a latent"),
        (b"\x02\0\0\0\0\0\0\0{}", "its header has neither a workflow nor a prompt"),
        (b'\x18\0\0\0\0\0\0\0{"__metadata__": [1, 2]} ', "its header has neither a workflow nor a prompt"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path, content, message):
    path = save(tmp_path, content)
    text = refused(path)
    assert message in text
    assert str(path) in text


def test_missing_file_and_folder(tmp_path):
    assert "No such file" in refused(tmp_path / "gone.json")
    assert str(tmp_path) in refused(tmp_path)


def test_picture_without_a_graph(tmp_path):
    assert "it has no texts at all" in refused(picture(tmp_path))
    assert "it only has the texts parameters" in refused(picture(tmp_path, parameters="a cat, Steps: 20"))


def test_picture_with_broken_graphs_only(tmp_path):
    assert "nodes[0] is not a node" in refused(picture(tmp_path, workflow={"nodes": [5]}))


def test_pictures_with_fifty_megabytes_of_text(tmp_path):
    much = "x" * 50_000_000
    assert read_workflow(picture(tmp_path, note=much, prompt=PROMPT)).prompt == read_prompt(PROMPT)
    broken = refused(picture(tmp_path, workflow=much))
    assert "the workflow in" in broken
    assert "picture.png is not valid JSON" in broken
    assert "holds more than 64 MiB of text" in refused(picture(tmp_path, one=much, two=much, prompt=PROMPT))


def test_a_picture_cut_off(tmp_path):
    whole = picture(tmp_path, workflow=EDITOR).read_bytes()
    assert "is cut off inside a text" in refused(save(tmp_path, whole[:100], "cut.png"))
    assert "cut.png carries no graph" in refused(save(tmp_path, whole[:20], "cut.png"))


def test_numbers_that_are_none(tmp_path):
    form = workflow([node(1, "KSampler", widgets=[1, "fixed", 20, math.nan, "euler", "normal", 1])])
    form["nodes"][0]["pos"] = [math.nan, math.inf]
    opened = read_workflow(save(tmp_path, form))
    assert opened.document.nodes["1"].pos == (0, 0)
    assert math.isnan(opened.to_prompt(catalogue()).graph.nodes["1"].inputs["cfg"])
    assert "position" in str(opened.remarks[0])


@pytest.mark.slow
def test_a_hundred_thousand_nodes(tmp_path):
    nodes = [node(n, "Reroute", [("", "*")], [("", "*")]) for n in range(1, 100_000)]
    form = workflow(nodes, *((n, 0, n + 1, 0) for n in range(1, 99_999)))
    path = save(tmp_path, form)
    started = time.perf_counter()
    opened = read_workflow(path)
    assert len(opened.document.nodes) == 99_999
    assert not opened.to_prompt(catalogue()).graph.nodes
    assert write_document(opened.document) == form
    assert time.perf_counter() - started < 60
