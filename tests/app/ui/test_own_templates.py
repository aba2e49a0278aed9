"""The user's templates in the window: behind those of the program, in the same menu."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.window import Parts
from PySide6.QtGui import QAction

from app.commands import template_command
from app.templates import NAMES, path_of
from core.folders import Folders
from core.workflow.template import KEY


@pytest.fixture
def parts(qapp: object, tmp_path: Path, folders: Folders) -> Iterator[Parts]:
    parts = Parts(tmp_path / "profile", folders)
    yield parts
    parts.end()


def write(folder: Path, name: str, described: dict[str, Any]) -> None:
    form = json.loads(path_of("lora").read_bytes())
    form["extra"][KEY] = described
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(form), encoding="utf-8")


def own_entries(parts: Parts, qtbot: Any) -> list[QAction]:
    """What the menu has behind the program's templates, once it has been looked for."""
    with qtbot.waitSignal(parts.session.templates_found):
        parts.session.look_for_templates()
    menu = parts.window.commands.menu_with(template_command(NAMES[0]))
    assert [action.objectName() for action in menu.actions()[: len(NAMES)]] == list(
        map(template_command, NAMES)
    )
    return menu.actions()[len(NAMES) :]


def test_own_templates_come_and_go_with_their_files(parts: Parts, tmp_path: Path, qtbot: Any) -> None:
    folder = tmp_path / "profile" / "templates"
    assert own_entries(parts, qtbot) == []
    write(folder, "b", {"name": "Black & White", "description": "Without colours."})
    write(folder, "a", {"name": ""})
    separator, good, bad = own_entries(parts, qtbot)
    assert separator.isSeparator()
    assert (good.text(), good.toolTip(), good.isEnabled()) == ("Black && White", "Without colours.", True)
    assert (bad.text(), bad.isEnabled()) == ("a", False)
    assert "the template is broken at name" in bad.toolTip()
    (folder / "a.json").unlink()
    (folder / "b.json").unlink()
    assert own_entries(parts, qtbot) == []


def test_an_own_template_opens_as_a_new_document(parts: Parts, tmp_path: Path, qtbot: Any) -> None:
    write(tmp_path / "profile" / "templates", "mine", {"name": "Mine"})
    _, entry = own_entries(parts, qtbot)
    entry.trigger()
    parts.session.settle()
    (opened,) = parts.session.documents
    assert (opened.name, opened.path, opened.is_dirty) == ("Untitled", None, False)
    assert opened.document.header.extra[KEY] == {"name": "Mine"}
