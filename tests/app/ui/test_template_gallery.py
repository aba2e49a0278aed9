"""The gallery of templates: found by words, filled in, opened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.window import Parts
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.canvas.values import limits
from app.templates import NAMES, path_of, picture_of, templates
from app.ui.fields import NumberField
from app.ui.template_gallery import TemplateGallery, TemplatePage
from core.folders import Folders
from core.workflow.template import KEY


@pytest.fixture
def parts(qapp: object, tmp_path: Path, folders: Folders) -> Iterator[Parts]:
    parts = Parts(tmp_path / "profile", folders)
    yield parts
    parts.end()


@pytest.fixture
def gallery(parts: Parts) -> TemplateGallery:
    parts.window.commands["file.templates"].trigger()
    gallery = parts.window.findChild(TemplateGallery)
    assert gallery is not None
    return gallery


def page_of(gallery: TemplateGallery, title: str, qtbot: Any) -> TemplatePage:
    """The page of a template, once it is read."""
    (item,) = gallery.list.findItems(title, Qt.MatchFlag.MatchExactly)
    gallery.list.setCurrentItem(item)
    qtbot.waitUntil(lambda: gallery.page is not None)
    assert gallery.page is not None
    return gallery.page


def titles(gallery: TemplateGallery) -> list[str]:
    items = [gallery.list.item(row) for row in range(gallery.list.count())]
    return [item.text() for item in items if not item.isHidden()]


def test_every_template_has_a_picture_that_is_not_blank() -> None:
    for template in templates():
        picture = picture_of(template)
        assert picture is not None, template.name
        with Image.open(picture) as image:
            assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 500


def test_all_are_shown_and_the_first_can_be_opened_at_once(
    parts: Parts, gallery: TemplateGallery, qtbot: Any
) -> None:
    assert titles(gallery) == [template.title for template in templates()]
    qtbot.waitUntil(gallery.open_button.isEnabled)
    with qtbot.waitSignal(parts.session.opened) as opened:
        QTest.keyClick(gallery.filter, Qt.Key.Key_Return)
    assert "CLIPTextEncode" in {node.type for node in opened.args[0].document.nodes.values()}
    assert not gallery.isVisible()


def test_words_find_templates_by_title_and_description(gallery: TemplateGallery, qtbot: Any) -> None:
    QTest.keyClicks(gallery.filter, "lora")
    assert titles(gallery) == [t.title for t in templates() if "lora" in f"{t.title} {t.description}".lower()]
    assert gallery.list.currentItem().text() in titles(gallery)
    QTest.keyClicks(gallery.filter, " nothing of the kind")
    assert titles(gallery) == []
    assert not gallery.open_button.isEnabled()
    gallery.filter.clear()
    assert len(titles(gallery)) == len(NAMES)
    qtbot.waitUntil(gallery.open_button.isEnabled)


def test_values_that_are_set_are_those_of_the_document(
    parts: Parts, gallery: TemplateGallery, qtbot: Any
) -> None:
    page = page_of(gallery, "Text to Image", qtbot)
    prompt, steps, sampler = (page.fields[name] for name in ("prompt", "steps", "sampler"))
    prompt.setFocus()
    QTest.keyClick(prompt, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(prompt, "a blue house in the snow")
    assert isinstance(steps, NumberField)
    steps.lineEdit().setFocus()
    steps.lineEdit().selectAll()
    QTest.keyClicks(steps.lineEdit(), "3*4")
    sampler.edited.emit("euler")
    with qtbot.waitSignal(parts.session.opened) as opened:
        QTest.mouseClick(gallery.open_button, Qt.MouseButton.LeftButton)
    nodes = opened.args[0].document.nodes
    assert nodes["2"].widgets == ("a blue house in the snow",)
    assert nodes["5"].widgets[2] == 12
    assert nodes["5"].widgets[4] == "euler"
    assert opened.args[0].path is None


def test_each_template_offers_its_parameters(gallery: TemplateGallery, qtbot: Any) -> None:
    for template in templates():
        form = json.loads(path_of(template.name).read_bytes())["extra"][KEY]
        page = page_of(gallery, template.title, qtbot)
        assert [*page.fields] == [parameter["name"] for parameter in form["parameters"]], template.name


def test_a_parameter_keeps_to_its_own_limits(
    parts: Parts, gallery: TemplateGallery, tmp_path: Path, qtbot: Any
) -> None:
    form = json.loads(path_of("text_to_image").read_bytes())
    steps = next(one for one in form["extra"][KEY]["parameters"] if one["name"] == "steps")
    steps |= {"min": 4, "max": 8}
    form["extra"][KEY]["name"] = "Mine"
    folder = tmp_path / "profile" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.json").write_text(json.dumps(form), encoding="utf-8")
    (folder / "broken.json").write_text("{}", encoding="utf-8")
    parts.session.look_for_templates()
    qtbot.waitUntil(lambda: titles(gallery)[len(NAMES) :] == ["Mine", "broken"])
    broken = gallery.list.item(gallery.list.count() - 1)
    assert "no template" in broken.toolTip()
    assert not broken.flags() & Qt.ItemFlag.ItemIsEnabled
    page = page_of(gallery, "Mine", qtbot)
    field = page.fields["steps"]
    assert isinstance(field, NumberField)
    assert (limits(field._row).min, limits(field._row).max) == (4, 8)
    QTest.keyClicks(field.lineEdit(), "99")
    QTest.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert page.document.nodes["5"].widgets[2] == 8
    assert not page.trouble.isHidden()
    assert gallery.isVisible(), "Enter in a field is no wish to open"


def test_open_and_run_queues_the_document(parts: Parts, gallery: TemplateGallery, qtbot: Any) -> None:
    page_of(gallery, "Text to Image", qtbot)
    QTest.mouseClick(gallery.run_button, Qt.MouseButton.LeftButton)
    parts.queue.settle()
    (job,) = [job for job in (parts.queue.running, *parts.queue.pending) if job is not None]
    assert job.document_key == parts.session.documents[-1].key


def test_closing_while_a_file_is_read(parts: Parts, gallery: TemplateGallery, qtbot: Any) -> None:
    gallery.list.setCurrentRow(5)
    gallery.reject()
    with qtbot.waitSignal(gallery.destroyed):
        pass
    with qtbot.waitSignal(parts.session.templates_found):
        parts.session.look_for_templates()
