from __future__ import annotations

import json

import pytest
from helpers.workflows import text_to_image
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QGuiApplication, QImage

from app.canvas.clipboard import GRAPH_MIME, put, take
from core.errors import WorkflowError
from core.workflow.comfy_json import is_editor_json, read_document
from core.workflow.compile import compile_document
from core.workflow.fragment import take as take_part
from core.workflow.prompt_json import write_prompt

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def document():
    return read_document(text_to_image(groups=[{"title": "G", "bounding": [0, 0, 9, 9]}])).document


def hold(**formats):
    """Puts text, urls or an image on the clipboard, as other programs do."""
    mime = QMimeData()
    if "text" in formats:
        mime.setText(formats["text"])
    if "urls" in formats:
        mime.setUrls([QUrl.fromLocalFile(path) for path in formats["urls"]])
    if "image" in formats:
        mime.setImageData(formats["image"])
    if "own" in formats:
        mime.setData(GRAPH_MIME, formats["own"])
    QGuiApplication.clipboard().setMimeData(mime)


def test_what_is_put_is_taken(document, registry):
    fragment = take_part(document, ["3", "8"], [1])
    put(fragment)
    again = take(registry)
    assert again is not None
    assert again.document == fragment.document
    assert again.incoming == fragment.incoming


def test_other_programs_find_a_workflow(document):
    put(take_part(document, ["3", "8"]))
    form = json.loads(QGuiApplication.clipboard().text())
    assert is_editor_json(form)
    assert [node["type"] for node in form["nodes"]] == ["KSampler", "VAEDecode"]


def test_workflow_text_is_taken(registry):
    hold(text="\n" + json.dumps(text_to_image()))
    fragment = take(registry)
    assert fragment is not None
    assert len(fragment.document.nodes) == 7
    assert len(fragment.document.links) == 9


def test_api_text_is_taken(document, registry):
    hold(text=json.dumps(write_prompt(compile_document(document, registry).graph)))
    fragment = take(registry)
    assert fragment is not None
    assert {node.type for node in fragment.document.nodes.values()} >= {"KSampler", "VAEDecode"}


def test_our_own_form_comes_first(document, registry):
    own = json.dumps(take_part(document, ["3"]).to_json()).encode()
    hold(own=own, text="hello", urls=["/x.png"])
    fragment = take(registry)
    assert fragment is not None
    assert list(fragment.document.nodes) == ["3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing on the clipboard"),
        ("  \n", "nothing on the clipboard"),
        ("hello", "is not a workflow"),
        ("[1, 2]", "expected a JSON object"),
        ('{"a": 1}', "holds no graph"),
        ('{"nodes": [', "not valid JSON"),
        ("[" * 3000, "is not valid JSON|nested more than"),
    ],
)
def test_text_that_is_no_graph_is_refused(registry, text, message):
    hold(text=text)
    with pytest.raises(WorkflowError, match=message):
        take(registry)


def test_text_that_is_too_large_is_refused(registry, monkeypatch):
    monkeypatch.setattr("core.workflow.open.SIZE_LIMIT", 1000)
    monkeypatch.setattr("core.workflow.json_text.SIZE_LIMIT", 1000)
    hold(text=json.dumps(text_to_image()))
    with pytest.raises(WorkflowError, match="too large"):
        take(registry)


def test_broken_data_under_our_name_is_refused(registry):
    hold(own=b"\xff\xfe{")
    with pytest.raises(WorkflowError):
        take(registry)


def test_files_and_pictures_are_left_to_others(registry):
    hold(urls=["/tmp/a.png"], text="/tmp/a.png")
    assert take(registry) is None
    hold(image=QImage(2, 2, QImage.Format.Format_RGB32))
    assert take(registry) is None


def test_nothing_at_all_is_refused(registry, monkeypatch):
    monkeypatch.setattr(QGuiApplication.clipboard(), "mimeData", lambda: None)
    with pytest.raises(WorkflowError, match="nothing on the clipboard"):
        take(registry)
