"""The database of a profile: one SQLite file, opened, brought up to date, never lost.

A transaction that has ended survives the end of the program and of the power: SQLite's write-ahead log is
flushed to disk before the end of each (https://www.sqlite.org/pragma.html#pragma_synchronous, FULL).
"""

from __future__ import annotations

import functools
import logging
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from core.errors import DarkroomError

_log = logging.getLogger(__name__)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
REVISIONS: Final = tuple(sorted(file.name[1:5] for file in (_MIGRATIONS / "versions").glob("r*_*.py")))
"""Every form the database has had, the present one last."""

_BUSY_SECONDS: Final = 10.0
"""How long to wait while another program writes."""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """An open database.

    Attributes:
        remarks: What the user is to be told about how it was found, in sentences.
    """

    def __init__(self, engine: Engine, path: Path | None = None, remarks: tuple[str, ...] = ()) -> None:
        self._readers = engine
        self._writers = engine.execution_options(writes=True)
        self._place = str(path) if path else "memory"
        self.remarks = remarks

    @contextmanager
    def reading(self) -> Generator[Session]:
        """Sees one state of the database, whatever others write meanwhile.

        Raises:
            DarkroomError: It cannot be read.
        """
        with _told(self._place), Session(self._readers) as session:
            yield session

    @contextmanager
    def writing(self) -> Generator[Session]:
        """One transaction: all of it is on disk when the block is left, or nothing of it ever.

        None else can write within the block, so what is read there stays true.

        Raises:
            DarkroomError: It cannot be written, as when the disk is full.
        """
        with _told(self._place), Session(self._writers, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Lets go of the file."""
        self._readers.dispose()


def open_database(path: Path) -> Database:
    """The database in a file, made or brought to its present form if need be.

    One that cannot be read is set aside, kept, and a new one begun; `Database.remarks` says so. Before its
    form changes a copy is made, and kept.

    Raises:
        DarkroomError: It is of a newer Darkroom or of another program, or cannot be written or brought to its
            present form; it is as it was then.
    """
    remarks: list[str] = []
    with _told(str(path)):
        _make_folder(path.parent)
        try:
            _prepare(path)
        except DBAPIError as error:
            if not _is_damage(error):
                raise
            remarks.append(_set_aside(path, str(error.orig)))
            _prepare(path)
    for remark in remarks:
        _log.warning(remark)
    return Database(_engine(path), path, tuple(remarks))


def memory_database() -> Database:
    """An empty database that is gone with the program."""
    engine = _engine(None)
    with engine.connect() as connection:
        _driver_connection(connection).deserialize(_blank())
    return Database(engine)


def alembic_config(connection: Connection) -> Any:
    """What the commands of Alembic need to know to change the form of the database behind a connection."""
    from alembic.config import Config  # costs a fifth of a second, and is seldom needed

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _prepare(path: Path) -> None:
    """Makes sure that the file is a sound database in its present form. None else changes it meanwhile."""
    with _migrating(path) as connection:
        found = _checked_revision(connection, path)
        if found == REVISIONS[-1]:
            return
        copy: Path | None = None
        try:
            copy = _copied(path, found) if found else None
            _upgrade(connection)
        except Exception as error:
            kept = f", and a copy of it is {copy}" if copy else ""
            raise DarkroomError(
                f"{path} could not be brought to the form this version needs: {error}. It is as it was{kept}"
            ) from error


@contextmanager
def _migrating(path: Path | None) -> Generator[Connection]:
    """A transaction in which tables can be replaced, as references are not looked at with every step."""
    engine = _engine(path, checks_references=False)
    try:
        with engine.execution_options(writes=True).begin() as connection:
            yield connection
    finally:
        if path is not None:
            engine.dispose()


def _checked_revision(connection: Connection, path: Path) -> str:
    """The form the database has; empty if there is nothing in it yet."""
    first = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if first != "ok":
        damage = sqlite3.DatabaseError(str(first))
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise DBAPIError("PRAGMA quick_check", None, damage)
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return ""
    if "alembic_version" not in tables:
        raise DarkroomError(
            f"{path} belongs to another program; nothing in it was changed. "
            "Move it away to begin a queue there"
        )
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if found is not None and found not in REVISIONS:
        raise DarkroomError(
            f"{path} is of a newer Darkroom (form {found}; this one knows up to {REVISIONS[-1]}). "
            "Nothing in it was changed. Start the newer version, or move the file away to begin a new queue"
        )
    return found or ""


def _upgrade(connection: Connection) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection), "head")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise DarkroomError(f"a row of {broken[0]} would refer to one of {broken[2]} that is not there")


def _copied(path: Path, revision: str) -> Path:
    """A copy of the database as it is, under a name that says its form."""
    copy = path.with_name(f"{path.name}.form-{revision}")
    part = copy.with_name(f".{copy.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(copy)
    return copy


def _set_aside(path: Path, reason: str) -> str:
    """A remark about a file that cannot be read; it is kept, as something may still be got out of it."""
    kept = path.with_name(f"{path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}")
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(kept.with_name(kept.name + suffix))
    return f"{path} is damaged ({reason}). It is kept as {kept}, and a new one was begun"


@functools.cache
def _blank() -> bytes:
    """An empty database in its present form."""
    with _migrating(None) as connection:
        engine = connection.engine
        _upgrade(connection)
    with engine.connect() as connection:
        return _driver_connection(connection).serialize()


def _engine(path: Path | None, *, checks_references: bool = True) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False}}
    if path is None:
        options["poolclass"] = StaticPool  # the one connection is the database
    engine = create_engine(URL.create("sqlite", database=str(path) if path else None), **options)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not where Python thinks they should
        connection.execute(f"PRAGMA foreign_keys = {'ON' if checks_references else 'OFF'}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DarkroomError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


@contextmanager
def _told(place: str) -> Generator[None]:
    """Errors of the database as sentences."""
    try:
        yield
    except DBAPIError as error:
        raise DarkroomError(_reason(error, place)) from error


def _reason(error: DBAPIError, place: str) -> str:
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return f"the disk that holds {place} is full, so this was not kept; make room and try again"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another program holds {place}, so this was not kept; close it and try again"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"{place} cannot be written ({error.orig}); look at the rights of the file and its folder"
        case code if code in _DAMAGED:
            return f"{place} is damaged ({error.orig}); the next start sets it aside and begins a new one"
        case _:
            return f"{place}: {error.orig}"


def _is_damage(error: DBAPIError) -> bool:
    return _code(error) in _DAMAGED


def _code(error: DBAPIError) -> int:
    """SQLite's result code without its details."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
