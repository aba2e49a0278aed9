"""The database file: made, brought up to date, refused, set aside; never lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from helpers.stores import filled, job
from sqlalchemy import Connection

from core.errors import DarkroomError
from core.store import database as database_module
from core.store.assets import AssetStore
from core.store.database import REVISIONS, _migrating, alembic_config, memory_database, open_database
from core.store.jobs import JobStore
from core.store.tables import JobRow, Table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "darkroom.db"


@contextmanager
def raw(path: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def revision(path: Path) -> str:
    with raw(path) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def names(path: Path) -> list[str]:
    opened = open_database(path)
    found = [job.name for job in JobStore(opened).history(count=99).jobs]
    opened.close()
    return found


def downgraded(path: Path, to: str) -> None:
    with _migrating(path) as connection:
        command.downgrade(alembic_config(connection), to)


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that is in the tables of jobs."""
    tables = [table.name for table in Table.metadata.sorted_tables if not table.name.startswith("asset")]
    with raw(path) as connection:
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def without_targets(found: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """What is in the tables in the forms before 0003; that column is the last one."""
    return {**found, "job_graphs": [row[:-1] for row in found["job_graphs"]]}


def test_a_new_file_is_durable_and_checks_references(path: Path) -> None:
    opened = open_database(path)
    with opened.reading() as session:
        values = [
            session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]
    assert opened.remarks == ()
    assert revision(path) == REVISIONS[-1]
    with pytest.raises(DarkroomError, match="FOREIGN KEY"), opened.writing() as session:
        session.connection().exec_driver_sql("INSERT INTO job_words VALUES (77, 'x')")
    opened.close()


def test_the_steps_are_a_chain_and_lead_to_the_tables_of_the_program(path: Path) -> None:
    open_database(path).close()
    with _migrating(path) as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
        assert script.get_heads() == [REVISIONS[-1]]
        assert tuple(step.revision for step in script.walk_revisions())[::-1] == REVISIONS
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours})
        assert compare_metadata(context, Table.metadata) == []


def _is_ours(_item: object, name: str, kind: str, *_: object) -> bool:
    return not (kind == "table" and name.startswith(("job_words_index", "alembic")))


def test_down_and_up_again_with_rows(path: Path, tmp_path: Path) -> None:
    filled(path, tmp_path)
    before = rows(path)
    assert all(before[name] for name in ("jobs", "job_graphs", "job_models", "job_outputs", "job_words"))
    downgraded(path, "0001")
    assert revision(path) == "0001"
    assert rows(path) == without_targets(before) != before
    opened = open_database(path)
    assert rows(path) == before
    assert AssetStore(opened).of(tmp_path / "a.png") is None, "that form knew no assets"
    AssetStore(opened).register(tmp_path / "a.png")
    opened.close()
    kept = path.with_name("darkroom.db.form-0001")
    assert revision(kept) == "0001"
    assert rows(kept) == without_targets(before)
    downgraded(path, "base")
    with raw(path) as connection:
        left = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    assert left == [("alembic_version",)]


def test_files_that_had_a_column_before_its_step_keep_what_is_in_it(path: Path) -> None:
    opened = open_database(path)
    kept = job("a", targets=("9",))
    JobStore(opened).add(kept)
    opened.close()
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
    opened = open_database(path)
    assert revision(path) == REVISIONS[-1]
    assert JobStore(opened).read(kept.id).targets == ("9",)
    opened.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path, tmp_path)
    downgraded(path, "0001")
    before = rows(path)
    upgrade = database_module._upgrade

    def broken(connection: Connection) -> None:
        upgrade(connection)
        connection.exec_driver_sql("DELETE FROM jobs")
        connection.exec_driver_sql("SELECT * FROM nowhere")

    monkeypatch.setattr(database_module, "_upgrade", broken)
    with pytest.raises(DarkroomError, match="no such table: nowhere") as raised:
        open_database(path)
    copy = path.with_name("darkroom.db.form-0001")
    assert str(path) in str(raised.value)
    assert str(copy) in str(raised.value)
    assert revision(path) == revision(copy) == "0001"
    assert rows(path) == rows(copy) == before
    monkeypatch.undo()
    assert names(path) == ["failed", "done"]


def test_a_step_that_breaks_references_is_taken_back(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path, tmp_path)
    downgraded(path, "0001")
    before = rows(path)

    def careless(config: Config, _revision: str) -> None:
        config.attributes["connection"].exec_driver_sql("DELETE FROM jobs")

    monkeypatch.setattr(command, "upgrade", careless)
    with pytest.raises(DarkroomError, match="refer to one of jobs"):
        open_database(path)
    assert rows(path) == before


def test_a_newer_file_is_refused_and_not_touched(path: Path, tmp_path: Path) -> None:
    filled(path, tmp_path)
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(DarkroomError, match=r"newer Darkroom \(form 9999"):
        open_database(path)
    assert path.read_bytes() == before


def test_a_file_of_another_program_is_refused(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(DarkroomError, match="another program"):
        open_database(path)
    with raw(path) as connection:
        assert connection.execute("SELECT * FROM bookmarks").fetchall() == []


@pytest.mark.parametrize("kind", ["text", "holes", "empty"])
def test_a_damaged_file_is_kept_and_a_new_one_begun(path: Path, tmp_path: Path, kind: str) -> None:
    filled(path, tmp_path)
    size = path.stat().st_size
    damaged = {
        "text": b"this is no database, but it is long enough to look at" * 20,
        "holes": path.read_bytes()[:4096] + b"\xff" * (size - 4096),
        "empty": b"",
    }[kind]
    path.write_bytes(damaged)
    opened = open_database(path)
    kept = list(tmp_path.glob("darkroom.db.damaged-*"))
    assert JobStore(opened).history().total == 0
    JobStore(opened).set_paused(True)
    opened.close()
    if kind == "empty":
        assert opened.remarks == ()
        assert kept == []
    else:
        assert [file.read_bytes() for file in kept if not file.name.endswith(("-wal", "-shm"))] == [damaged]
        assert len(opened.remarks) == 1
        assert str(path) in opened.remarks[0]
        assert str(kept[0]).removesuffix("-wal").removesuffix("-shm") in opened.remarks[0]
    assert names(path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DarkroomError, match="cannot be made"):
        open_database(tmp_path / "file/darkroom.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DarkroomError, match=r"folder\.db cannot be written"):
        open_database(tmp_path / "folder.db")


def test_a_full_disk_is_said_and_nothing_is_half_kept(path: Path, tmp_path: Path) -> None:
    filled(path, tmp_path)
    opened = open_database(path)
    with pytest.raises(DarkroomError, match=r"disk that holds .* is full"), opened.writing() as session:
        connection = session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql("DELETE FROM queue_flags")
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("INSERT INTO queue_flags VALUES ('big', zeroblob(9999999))")
    opened.close()
    assert names(path) == ["failed", "done"]


def test_what_is_written_is_not_seen_before_it_is_done(path: Path) -> None:
    one, other = open_database(path), open_database(path)
    with one.writing() as session:
        session.connection().exec_driver_sql("INSERT INTO queue_flags VALUES ('a', 'b')")
        with other.reading() as reader:
            assert reader.query(JobRow).count() == 0
            assert reader.connection().exec_driver_sql("SELECT * FROM queue_flags").all() == []
    with other.reading() as reader:
        assert reader.connection().exec_driver_sql("SELECT * FROM queue_flags").all() == [("a", "b")]
    one.close()
    other.close()


def test_databases_in_memory_are_their_own() -> None:
    one, other = memory_database(), memory_database()
    JobStore(one).set_paused(True)
    assert JobStore(one).pause().value == "asked"
    assert JobStore(other).pause().value == ""
    one.close()
    other.close()


def test_a_copy_of_an_open_file_can_be_opened(path: Path, tmp_path: Path) -> None:
    """As a backup program makes it: with the log beside it."""
    opened = filled(path, tmp_path, closes=False)
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    assert names(tmp_path / "copy.db") == ["failed", "done"]
    opened.close()
