"""Opening, saving, closing and remembering documents."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.golden import ROOT
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app import workflow_file
from app.documents import OpenDocument
from app.journal import read
from app.profile import Profile
from app.session import Session
from core.errors import DarkroomError
from core.folders import Folders
from core.media.outputs import write_whole
from core.nodes.registry import Registry
from core.workflow.document import GraphDocument
from core.workflow.open import read_workflow
from core.workflow.operations import AddNode, SetWidget
from core.workflow.records import Node
from resources import READY_GRAPH


class Listener:
    """A session with everything it has told."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.told: list[tuple[Any, ...]] = []
        for name in ("opened", "activated", "closed", "saved", "conflict", "reported"):
            getattr(session, name).connect(self._hear(name))

    def _hear(self, name: str) -> Callable[..., None]:
        return lambda *values: self.told.append((name, *values))

    def take(self) -> list[tuple[Any, ...]]:
        """What was told since the last time, once all files are read and written."""
        self.session.settle()
        told, self.told = self.told, []
        return told

    def open(self, path: Path) -> OpenDocument:
        """The document of a file, which has to open without remarks."""
        self.take()
        self.session.open_file(path)
        ((name, opened),) = self.take()
        assert name == "opened"
        return opened


@pytest.fixture
def start(
    qapp: object, tmp_path: Path, registry: Registry, folders: Folders
) -> Iterator[Callable[[], Listener]]:
    """Starts a session on one profile, as every start of the program does; the one before it ends."""
    del qapp
    running: list[Session] = []

    def end() -> None:
        while running:
            session = running.pop()
            session.shut_down()
            session.deleteLater()

    def begin() -> Listener:
        end()
        running.append(Session(Profile(tmp_path / "profile"), registry, folders))
        return Listener(running[0])

    yield begin
    end()


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    return Path(shutil.copy(READY_GRAPH, tmp_path / "my graph.json"))


def ready_document() -> GraphDocument:
    document = read_workflow(READY_GRAPH).document
    assert document is not None
    return document


def edit(opened: OpenDocument, steps: int = 24) -> None:
    node = next(node for node in opened.document.nodes.values() if node.type == "KSampler")
    assert opened.do(SetWidget(node.id, 2, steps), "Set steps")


def steps_in(document: GraphDocument | None) -> object:
    assert document is not None
    return next(node for node in document.nodes.values() if node.type == "KSampler").widgets[2]


def recovery_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "profile").rglob("recovery/*/*.json"))


def test_the_first_start_opens_the_ready_graph(start: Callable[[], Listener]) -> None:
    first = start()
    first.session.restore()
    ((name, opened),) = first.take()
    assert name == "opened"
    assert (opened.name, opened.path, opened.is_dirty) == ("Untitled", None, False)
    assert opened.document == ready_document()
    assert first.session.documents == [opened]


def test_files_named_at_the_start_take_its_place(start: Callable[[], Listener], workflow: Path) -> None:
    first = start()
    first.session.restore([workflow])
    assert [(name, opened.path) for name, opened in first.take()] == [("opened", workflow)]


def test_a_workflow_is_edited_and_saved_to_its_file(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path
) -> None:
    first = start()
    opened = first.open(workflow)
    assert (opened.name, opened.path, opened.is_dirty) == ("my graph.json", workflow, False)
    edit(opened, 33)
    assert opened.is_dirty
    assert steps_in(read_workflow(workflow).document) != 33, "only saving changes the file"
    first.session.save(opened)
    assert first.take() == [("saved", opened)]
    assert not opened.is_dirty
    saved = read_workflow(workflow)
    assert saved.document == opened.document
    assert saved.remarks == ()
    assert [entry.name for entry in tmp_path.iterdir() if "my graph" in entry.name] == ["my graph.json"]


def test_where_the_canvas_looks_is_saved_and_is_no_edit(
    start: Callable[[], Listener], workflow: Path
) -> None:
    listener = start()
    opened = listener.open(workflow)
    before = opened.document.snapshot()
    opened.view = {"scale": 0.8, "offset": [12.5, -40.0]}
    listener.session.save(opened)
    assert [name for name, *_ in listener.take()] == ["saved"]
    assert json.loads(workflow.read_text())["extra"]["ds"] == {"scale": 0.8, "offset": [12.5, -40.0]}
    assert opened.document == before
    assert not opened.is_dirty
    assert not opened.history.undo_labels
    listener.session.close(opened)
    assert listener.open(workflow).view == {"scale": 0.8, "offset": [12.5, -40.0]}


def test_an_unedited_workflow_is_saved_as_it_came(start: Callable[[], Listener], workflow: Path) -> None:
    first = start()
    first.session.save(first.open(workflow))
    assert first.take()[-1][0] == "saved"
    assert json.loads(workflow.read_bytes()) == json.loads(READY_GRAPH.read_bytes())


def test_a_new_document_has_to_be_told_where_to(start: Callable[[], Listener], tmp_path: Path) -> None:
    first = start()
    opened, other = first.session.new(), first.session.new()
    assert (opened.name, other.name) == ("Untitled", "Untitled 2")
    with pytest.raises(ValueError, match="no file"):
        first.session.save(opened)
    first.session.save(opened, tmp_path / "deep/new.json")
    assert first.take()[-1] == ("saved", opened)
    assert (opened.name, opened.path) == ("new.json", tmp_path / "deep/new.json")
    assert read_workflow(tmp_path / "deep/new.json").document == GraphDocument()


def test_nothing_is_told_of_a_document_that_was_closed_meanwhile(
    start: Callable[[], Listener], workflow: Path
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened)
    of_others = workflow.read_bytes() + b"\n"
    workflow.write_bytes(of_others)
    first.session.save(opened)
    first.session.close(opened)
    assert first.take() == [("closed", opened)]
    assert workflow.read_bytes() == of_others


def test_edits_made_while_it_is_being_written_are_not_taken_for_saved(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened, 11)
    first.session.save(opened)
    edit(opened, 12)
    assert first.take() == [("saved", opened)]
    assert opened.is_dirty
    assert steps_in(read_workflow(workflow).document) == 11
    opened.undo()
    opened.undo()
    assert opened.is_dirty, "the file does not hold the state it was opened with any more"
    first.session.save(opened)
    first.take()
    assert not opened.is_dirty


def test_a_file_that_somebody_else_wrote_is_not_written_over(
    start: Callable[[], Listener], workflow: Path
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened, 44)
    os.utime(workflow, (1, 1))
    first.session.save(opened)
    assert first.take() == [("saved", opened)], "only its time changed"
    edit(opened, 45)
    workflow.write_text(workflow.read_text("utf-8").replace("44", "46"), "utf-8")
    first.session.save(opened)
    assert first.take() == [("conflict", opened, workflow)]
    assert opened.is_dirty
    assert steps_in(read_workflow(workflow).document) == 46
    first.session.save(opened, overwrite=True)
    assert first.take() == [("saved", opened)]
    edit(opened, 47)
    first.session.save(opened)
    first.session.save(opened)
    assert first.take() == [("saved", opened)] * 2, "what it wrote itself is no conflict"
    workflow.unlink()
    edit(opened, 48)
    first.session.save(opened)
    assert first.take() == [("saved", opened)], "there is nothing to write over"


def test_the_conflict_is_seen_after_a_crash_too(start: Callable[[], Listener], workflow: Path) -> None:
    edit(start().open(workflow), 44)
    second = start()
    workflow.write_text(workflow.read_text("utf-8").replace("20", "21"), "utf-8")
    second.session.restore()
    second.take()
    (opened,) = second.session.documents
    second.session.save(opened)
    assert second.take() == [("conflict", opened, workflow)]


def test_what_was_saved_in_the_last_moment_is_not_taken_for_the_work_of_another_program(
    start: Callable[[], Listener], workflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened, 44)

    def write_and_fail(path: Path, data: bytes) -> None:
        path.write_bytes(data)
        raise DarkroomError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(workflow_file, "write_whole", write_and_fail)
        first.session.save(opened)
        assert [name for name, *_ in first.take()] == ["reported"]
    second = start()
    second.session.restore()
    second.take()
    (opened,) = second.session.documents
    edit(opened, 45)
    second.session.save(opened)
    assert second.take() == [("saved", opened)]


def test_what_comes_back_is_not_older_than_what_was_saved(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened, 44)
    kept: list[object] = []

    def look(path: Path, data: bytes) -> None:
        kept.extend(steps_in(read(file).document) for file in recovery_files(tmp_path))
        write_whole(path, data)

    monkeypatch.setattr(workflow_file, "write_whole", look)
    first.session.save(opened)
    assert first.take() == [("saved", opened)]
    assert kept == [44], "it was in the journal before its file was written"


@pytest.mark.parametrize("target", ["picture.png", "other.json"])
def test_saving_as_spares_pictures_and_what_other_tabs_show(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, target: str
) -> None:
    first = start()
    content = workflow.read_bytes()
    (tmp_path / target).write_bytes(content)
    first.open(tmp_path / target)
    opened = first.open(workflow)
    edit(opened)
    first.session.save(opened, tmp_path / target)
    ((name, title, (reason,)),) = first.take()
    assert name == "reported"
    assert target in title
    assert target in reason
    assert (tmp_path / target).read_bytes() == content
    assert opened.path == workflow


def test_a_failed_save_keeps_the_dirty_mark(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened)
    (tmp_path / "file").touch()
    first.session.save(opened, tmp_path / "file/x.json")
    ((name, title, (reason,)),) = first.take()
    assert (name, title) == ("reported", "my graph.json cannot be saved as x.json")
    assert "cannot be saved in" in reason
    assert opened.is_dirty
    assert opened.path == workflow


def test_a_file_that_is_open_comes_to_the_front(start: Callable[[], Listener], workflow: Path) -> None:
    first = start()
    opened = first.open(workflow)
    assert first.session.open_file(workflow.parent / "x" / ".." / workflow.name) is opened
    assert first.take() == [("activated", opened)]
    first.session.close(opened)
    first.session.open_file(workflow)
    first.session.open_file(workflow)
    assert [name for name, *_ in first.take()] == ["closed", "opened", "activated"]


def picture(path: Path, **texts: str) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def test_a_picture_opens_as_a_document_without_a_file(start: Callable[[], Listener], tmp_path: Path) -> None:
    file = picture(tmp_path / "made.png", workflow=READY_GRAPH.read_text("utf-8"))
    first = start()
    opened = first.open(file)
    assert (opened.name, opened.path, opened.is_dirty) == ("made.png", None, False)
    assert opened.document == ready_document()
    assert first.session.open_file(file) is opened
    edit(opened)
    first.take()
    again = first.open(file)
    assert again is not opened, "the edits are in the other tab; this one shows what the picture holds"
    first.session.save(opened, tmp_path / "made.json")
    assert first.take()[-1] == ("saved", opened)
    assert read_workflow(file).document == ready_document()


def test_a_prompt_opens_arranged_and_is_not_written_over(
    start: Callable[[], Listener], tmp_path: Path
) -> None:
    nodes = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    (tmp_path / "api.json").write_text(json.dumps(nodes), "utf-8")
    opened = start().open(tmp_path / "api.json")
    assert opened.path is None
    places = {node.pos for node in opened.document.nodes.values()}
    assert len(places) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"{}", "no graph"),
        (b"[" * 100_000, "deep"),
        (b"no graph at all", "not a picture"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no graph"),
    ],
)
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(
    start: Callable[[], Listener], tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "strange.json"
    if content is not None:
        file.write_bytes(content)
    first = start()
    first.session.open_file(file)
    ((name, title, (reason,)),) = first.take()
    assert (name, title) == ("reported", "strange.json cannot be opened")
    assert words in reason
    assert first.session.documents == []
    assert first.session.recent_files() == []


@pytest.mark.parametrize(("name", "words"), [(".", "no file"), ("n" * 300, "too long")])
def test_a_place_without_a_file_is_told(
    start: Callable[[], Listener], tmp_path: Path, name: str, words: str
) -> None:
    first = start()
    first.session.open_file(tmp_path / name)
    ((told, _, (reason,)),) = first.take()
    assert told == "reported"
    assert words in reason


def test_a_picture_without_a_graph_is_named(start: Callable[[], Listener], tmp_path: Path) -> None:
    first = start()
    Image.new("RGB", (8, 8)).save(tmp_path / "holiday.png")
    first.session.open_file(tmp_path / "holiday.png")
    ((_, title, (reason,)),) = first.take()
    assert title == "holiday.png cannot be opened"
    assert "holiday.png carries no graph" in reason


def test_a_profile_that_cannot_be_written_is_told_and_all_else_works(
    qapp: object, tmp_path: Path, registry: Registry, folders: Folders, workflow: Path
) -> None:
    del qapp
    (tmp_path / "file").touch()
    session = Session(Profile(tmp_path / "file/profile"), registry, folders)
    listener = Listener(session)
    try:
        session.restore()
        assert [entry[0] for entry in listener.take()] == ["reported", "opened"]
        opened = listener.open(workflow)
        edit(opened)
        session.save(opened)
        assert listener.take() == [("saved", opened)]
    finally:
        session.shut_down()
        session.deleteLater()


def test_a_full_disk_loses_nothing(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    first, content = start(), workflow.read_bytes()
    opened = first.open(workflow)
    with monkeypatch.context() as patch:
        patch.setattr("core.media.outputs.os.fsync", full)
        edit(opened)
        first.session.save(opened)
        told = [str(entry) for entry in first.take()]
        first.session.export_prompt(opened, tmp_path / "api.json")
        told += [str(entry) for entry in first.take()]
    assert any("cannot be saved" in entry and "is full" in entry for entry in told)
    assert any("cannot be exported" in entry and "is full" in entry for entry in told)
    assert any("cannot be kept for the case of a crash" in entry for entry in told)
    assert opened.is_dirty
    assert workflow.read_bytes() == content
    assert not (tmp_path / "api.json").exists()
    first.session.save(opened)
    assert first.take() == [("saved", opened)]


def test_what_could_not_be_taken_is_listed(start: Callable[[], Listener], tmp_path: Path) -> None:
    form = json.loads(READY_GRAPH.read_bytes())
    form["nodes"].append(form["nodes"][0])
    (tmp_path / "twice.json").write_text(json.dumps(form), "utf-8")
    first = start()
    first.session.open_file(tmp_path / "twice.json")
    (_, opened), (name, _, remarks) = first.take()
    assert name == "reported"
    assert "its id is taken" in remarks[0]
    assert len(opened.document.nodes) == len(form["nodes"])


def test_tabs_come_back_in_their_order_with_the_one_that_was_in_front(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(workflow, tmp_path / "other.json"))
    made = picture(tmp_path / "made.png", workflow=READY_GRAPH.read_text("utf-8"))
    first = start()
    documents = [first.open(file) for file in (workflow, made, other)]
    first.session.new()
    first.session.move(documents[2], 0)
    first.session.make_current(documents[0])
    second = start()
    second.session.restore()
    told = second.take()
    assert [opened.name for opened in second.session.documents] == ["other.json", "my graph.json", "made.png"]
    assert [name for name, *_ in told] == ["opened"] * 3 + ["activated"]
    assert told[-1][1].name == "my graph.json"
    assert not any(opened.is_dirty for opened in second.session.documents)


def test_a_tab_whose_file_is_gone_is_told(start: Callable[[], Listener], workflow: Path) -> None:
    start().open(workflow)
    second = start()
    workflow.unlink()
    second.session.restore()
    reported, (name, opened) = second.take()
    assert reported[1] == "my graph.json cannot be opened again"
    assert (name, opened.name) == ("opened", "Untitled")


def test_unsaved_changes_come_back_in_their_places_with_the_dirty_mark(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(workflow, tmp_path / "other.json"))
    first = start()
    new = first.session.new()
    opened, clean = first.open(workflow), first.open(other)
    edit(opened, 77)
    new.do(AddNode(Node("1", "Note")), "Add Note")
    key = opened.key
    assert not clean.is_dirty
    second = start()
    assert len(recovery_files(tmp_path)) == 2
    second.session.restore()
    told = second.take()
    new, opened, clean = second.session.documents
    assert [document.name for document in second.session.documents] == [
        "Untitled",
        "my graph.json",
        "other.json",
    ]
    assert (new.is_dirty, opened.is_dirty, clean.is_dirty) == (True, True, False)
    assert (opened.key, opened.path, steps_in(opened.document)) == (key, workflow, 77)
    assert steps_in(read_workflow(workflow).document) != 77
    ((title, names),) = [values for name, *values in told if name == "reported"]
    assert "unsaved changes" in title
    assert names == ["Untitled", "my graph.json"]

    # They go on being kept until they are saved or thrown away.
    third = start()
    third.session.restore()
    third.take()
    third.session.save(third.session.documents[1])
    third.session.close(third.session.documents[0])
    third.take()
    fourth = start()
    assert recovery_files(tmp_path) == []
    fourth.session.restore()
    assert not any(name == "reported" for name, *_ in fourth.take())
    assert [(d.name, d.is_dirty) for d in fourth.session.documents] == [
        ("my graph.json", False),
        ("other.json", False),
    ]
    assert steps_in(fourth.session.documents[0].document) == 77


def test_changes_that_are_not_wanted_do_not_come_back(start: Callable[[], Listener], workflow: Path) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened, 77)
    first.session.discard_changes(opened)
    second = start()
    second.session.restore()
    ((name, opened),) = second.take()
    assert name == "opened"
    assert steps_in(opened.document) != 77
    assert not opened.is_dirty


def test_the_journal_follows_edits_by_itself(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, qtbot: Any
) -> None:
    first = start()
    opened = first.open(workflow)
    edit(opened)
    qtbot.waitUntil(lambda: len(recovery_files(tmp_path)) == 1)
    opened.undo()
    qtbot.waitUntil(lambda: recovery_files(tmp_path) == [])
    opened.redo()
    qtbot.waitUntil(lambda: len(recovery_files(tmp_path)) == 1)
    first.session.save(opened)
    qtbot.waitUntil(lambda: recovery_files(tmp_path) == [])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"tabs": 3, "files": {}}', b'{"tabs": [3, {}], "files": [1]}']
)
def test_damaged_files_of_its_own_cost_only_what_was_in_them(
    start: Callable[[], Listener], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "profile").mkdir()
    for name in ("tabs.json", "recent.json"):
        (tmp_path / "profile" / name).write_bytes(content)
    first = start()
    first.session.restore()
    assert [(name, opened.name) for name, opened in first.take()] == [("opened", "Untitled")]
    assert first.session.recent_files() == []


def test_recent_files_are_remembered_the_last_one_first(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, qtbot: Any
) -> None:
    files = [Path(shutil.copy(workflow, tmp_path / f"{index}.json")) for index in range(25)]
    first = start()
    for file in files:
        first.open(file)
    first.session.close(first.session.documents[10])
    first.open(files[10])
    first.session.save(first.session.documents[0], tmp_path / "saved as.json")
    first.take()
    expected = [tmp_path / "saved as.json", files[10], *(f for f in reversed(files) if f != files[10])][:20]
    assert first.session.recent_files() == expected
    second = start()
    assert second.session.recent_files() == expected
    files[24].unlink()
    with qtbot.waitSignal(second.session.recent_changed):
        second.session.look_for_recent()
    assert [file for file in expected if second.session.is_missing(file)] == [files[24]]


def test_a_file_becomes_an_input_once(
    start: Callable[[], Listener], tmp_path: Path, folders: Folders
) -> None:
    source = ROOT / "workflows/inputs/n_a.png"
    first, names = start(), []

    def give(path: Path) -> None:
        first.session.import_input(path, names.append)
        assert first.take() == []

    give(source)
    give(source)
    assert names == ["n_a.png"] * 2
    other = picture(tmp_path / "n_a.png")
    give(other)
    give(other)
    assert names[2:] == ["n_a (2).png"] * 2
    give(folders.input / "n_a (2).png")
    assert names[4] == "n_a (2).png"
    (folders.input / "sub").mkdir()
    give(picture(folders.input / "sub/b.png"))
    assert names[5] == "sub/b.png"
    assert sorted(folders.names("input")) == ["n_a (2).png", "n_a.png"]
    assert (folders.input / "n_a.png").read_bytes() == source.read_bytes()
    first.session.import_input(tmp_path / "gone.png", names.append)
    ((name, title, (reason,)),) = first.take()
    assert (name, title) == ("reported", "gone.png cannot be used as an input")
    assert "No such file" in reason
    assert len(names) == 6


def test_a_prompt_is_exported(start: Callable[[], Listener], workflow: Path, tmp_path: Path) -> None:
    first = start()
    opened = first.open(workflow)
    first.session.export_prompt(opened, tmp_path / "api.json")
    assert first.take() == []
    exported = read_workflow(tmp_path / "api.json")
    assert exported.format == "api"
    assert exported.prompt == read_workflow(workflow).to_prompt(opened.registry).graph
    assert opened.path == workflow
    content = workflow.read_bytes()
    for target in (workflow, picture(tmp_path / "picture.png")):
        first.session.export_prompt(opened, target)
        ((name, _, (reason,)),) = first.take()
        assert name == "reported"
        assert target.name in reason
    assert workflow.read_bytes() == content


def test_a_mistake_on_the_thread_is_told_and_ends_nothing(
    start: Callable[[], Listener], workflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("what nobody thought of")

    first = start()
    with monkeypatch.context() as patch:
        patch.setattr("app.workflow_file.read", broken)
        first.session.open_file(workflow)
        ((name, _, (reason,)),) = first.take()
    assert name == "reported"
    assert "mistake in Darkroom" in reason
    (report,) = (tmp_path / "profile/log").iterdir()
    assert str(report) in reason
    assert first.open(workflow).path == workflow
