"""The recovery journal: what a program that is gone has left comes back, and nothing of one that runs."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from app.journal import Facts, Journal, read
from core.workflow.document import GraphDocument
from core.workflow.open import read_workflow
from core.workflow.operations import MoveNodes
from resources import path as resource


@pytest.fixture
def document() -> GraphDocument:
    document = read_workflow(resource("templates", "text_to_image.json")).document
    assert document is not None
    return document


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    """Starts a journal as another start of the program would; all of them end with the test."""
    started: list[Journal] = []

    def start() -> Journal:
        started.append(Journal(tmp_path))
        return started[-1]

    yield start
    for journal in started:
        journal.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def test_what_was_written_comes_back(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    first = journal()
    facts = Facts(document, "grün \udcff.json", Path("/somewhere/grün.json"), "abc")
    first.write("key", facts)
    first.write("other", Facts(GraphDocument(), "Untitled"))
    first.close()
    second = journal()
    recovered, remarks = second.recover()
    assert {entry.key: entry.facts for entry in recovered} == {
        "key": facts,
        "other": Facts(GraphDocument(), "Untitled"),
    }
    assert remarks == []
    assert second.recover() == ([], []), "it is ours now"

    # It stays on disk until it is saved or not wanted, whatever happens to this program too.
    assert {file.stem for file in files(tmp_path)} == {"key", "other"}
    second.remove("key")
    second.flush()
    assert {file.stem for file in files(tmp_path)} == {"other"}


def test_nothing_is_left_of_documents_that_were_removed(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    first = journal()
    for _ in range(3):
        first.write("key", Facts(document, "a"))
    first.remove("key")
    first.close()
    assert list(tmp_path.iterdir()) == []
    assert journal().recover() == ([], [])


def test_a_program_that_runs_keeps_its_own(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    running = journal()
    running.write("key", Facts(document, "a"))
    running.flush()
    assert journal().recover() == ([], [])
    assert len(files(tmp_path)) == 1
    running.close()
    assert [entry.key for entry in journal().recover()[0]] == ["key"]


def test_the_state_at_the_moment_of_writing_is_kept(
    document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    first = journal()
    facts = Facts(document.snapshot(), "a")
    first.write("key", facts)
    before = document.nodes["4"].pos
    document.apply(MoveNodes({"4": (before[0] + 100, before[1])}))
    first.close()
    (entry,), _ = journal().recover()
    assert entry.facts.document.nodes["4"].pos == before
    assert facts.document.nodes["4"].pos == before
    assert document.nodes["4"].pos != before


def test_continuous_edits_are_on_disk_within_half_a_second(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    first = journal()
    seen: list[float] = []
    end = time.monotonic() + 1.5
    while (now := time.monotonic()) < end:
        first.write("key", Facts(document, str(now)))
        time.sleep(0.02)
        for file in files(tmp_path):
            name = read(file).name
            seen.append(time.monotonic() - float(name))
    assert seen
    # The middle of them: on a busy machine a single one may have had to wait.
    assert median(seen) < 0.5, "writing is put off for as long as edits go on"
    first.close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"workflow": {"nodes": 3}}', b'{"workflow": {"nodes": [{}]}}']
)
def test_a_damaged_file_is_set_aside_with_a_remark(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal], content: bytes
) -> None:
    first = journal()
    first.write("good", Facts(document, "good"))
    first.close()
    (good,) = files(tmp_path)
    good.with_name("bad.json").write_bytes(content)
    good.with_name(".0123.part").write_bytes(good.read_bytes())
    second = journal()
    recovered, (remark,) = second.recover()
    assert [entry.facts.name for entry in recovered] == ["good"]
    assert "bad.json" in remark
    assert (tmp_path / "bad.json.damaged").read_bytes() == content
    assert not list(tmp_path.rglob("*.part")), "what is half written was never anything"
    second.remove("good")
    second.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.json.damaged"]
    assert journal().recover() == ([], [])


def test_of_two_that_are_alike_the_newer_one_comes_back(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal]
) -> None:
    programs = [journal(), journal()]
    for name, program in zip(("newer", "older"), programs, strict=True):
        program.write("key", Facts(document, name))
        program.close()
    for file in files(tmp_path):
        age = 100 if read(file).name == "older" else 0
        os.utime(file.parent, (time.time() - age, time.time() - age))
    assert [entry.facts.name for entry in journal().recover()[0]] == ["newer"]
    assert len(files(tmp_path)) == 1


def test_without_a_place_to_write_editing_goes_on(
    tmp_path: Path, document: GraphDocument, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        journal = Journal(tmp_path / "file")
        for _ in range(3):
            journal.write("key", Facts(document, "a"))
            journal.flush()
        assert journal.recover() == ([], [])
        journal.close()
    assert len(caplog.records) == 1
    assert "crash" in caplog.text


def test_a_mistake_while_writing_does_not_end_the_thread(
    tmp_path: Path, document: GraphDocument, journal: Callable[[], Journal], caplog: pytest.LogCaptureFixture
) -> None:
    first = journal()
    first.write("odd", Facts(document, object()))  # type: ignore[arg-type]
    first.flush()
    assert "TypeError" in caplog.text
    first.write("key", Facts(document, "a"))
    first.flush()
    assert [file.stem for file in files(tmp_path)] == ["key"]


def test_closing_ends_the_thread(journal: Callable[[], Journal]) -> None:
    first = journal()
    assert "journal" in {thread.name for thread in threading.enumerate()}
    first.close()
    assert "journal" not in {thread.name for thread in threading.enumerate()}
