"""Files by what is in them: the same bytes are one asset, wherever they lie and whatever they are called.

Nothing is ever removed from the disk, and what is known of a content stays when its last file is gone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload, undefer

from core.errors import DarkroomError
from core.optional import library
from core.store.database import Database
from core.store.pictures import SUFFIXES, thumbnail_of
from core.store.records import ALL_ASSETS, Asset, AssetPage, AssetQuery
from core.store.tables import AssetPlace, AssetRow, AssetTag

_log = logging.getLogger(__name__)

_KINDS: Final = {
    ".latent": "latent",
    **dict.fromkeys((".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".gguf"), "model"),
    **dict.fromkeys(SUFFIXES, "image"),
}
_LOADED: Final = (selectinload(AssetRow.places), selectinload(AssetRow.tags))


class Sight(Enum):
    """What is to be said of a file that was looked at.

    KNOWN: It has not changed. NEW: Its content was never seen. COPY: Its content lies elsewhere too.
    AGAIN: It was missing, here or under another name. MISSING: It is gone.
    """

    KNOWN = "known"
    NEW = "new"
    COPY = "copy"
    AGAIN = "again"
    MISSING = "missing"


class Found(NamedTuple):
    """A file that was looked at."""

    path: Path
    sight: Sight


class AssetStore:
    """Every file that was made or read, by its content."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, path: Path, system: Mapping[str, Any] | None = None) -> Asset:
        """The asset that a file is. A file that is known and has not changed since is not read again.

        Args:
            system: What the program says of it, added to what it has said before.

        Raises:
            DarkroomError: There is no such file, or it cannot be read.
        """
        return self._take_in(path, system or {})[0]

    def get(self, digest: str) -> Asset | None:
        """The asset of that hash; None if none was ever seen."""
        with self._database.reading() as session:
            row = _row(session, digest)
            return _asset(row) if row else None

    def of(self, path: Path) -> Asset | None:
        """The asset that a file was when it was last looked at; None if it never was."""
        with self._database.reading() as session:
            place = session.get(AssetPlace, _text(path))
            row = session.get(AssetRow, place.asset, options=_LOADED) if place else None
            return _asset(row) if row else None

    def tagged(self, tag: str) -> tuple[Asset, ...]:
        """The assets that have a tag, in the order in which they came."""
        with self._database.reading() as session:
            wanted = select(AssetRow).join(AssetRow.tags).where(AssetTag.tag == tag)
            rows = session.scalars(wanted.order_by(AssetRow.number).options(*_LOADED))
            return tuple(_asset(row) for row in rows)

    def page(self, query: AssetQuery = ALL_ASSETS, *, after: str = "", count: int = 100) -> AssetPage:
        """Assets, those that came last first, with their previews.

        Args:
            after: Hash of the asset that the page begins behind; empty for the newest.
            count: The most that are wanted.
        """
        wanted = [_naming(word) for word in query.text.split()]
        if query.is_missing:
            wanted.append(~_has_place(AssetPlace.missing_since.is_(None)))
        with self._database.reading() as session:
            total = session.scalar(select(func.count()).select_from(AssetRow).where(*wanted)) or 0
            if after:
                last = select(AssetRow.number).where(AssetRow.hash == after).scalar_subquery()
                wanted.append(AssetRow.number < last)
            found = select(AssetRow).where(*wanted).order_by(AssetRow.number.desc()).limit(count)
            rows = session.scalars(found.options(*_LOADED, undefer(AssetRow.preview)))
            return AssetPage(tuple(_asset(row) for row in rows), total)

    def set_tags(self, digest: str, tags: Sequence[str]) -> None:
        """Gives an asset these tags and no others.

        Raises:
            DarkroomError: There is no such asset.
        """
        with self._database.writing() as session:
            row = _needed(session, digest)
            had = {tag.tag: tag for tag in row.tags}
            row.tags = [had.get(tag) or AssetTag(tag=tag) for tag in dict.fromkeys(tags)]

    def describe(self, digest: str, **user: Any) -> None:
        """Keeps what the user says of an asset, beside what was said before; None takes a word back.

        Raises:
            DarkroomError: There is no such asset.
        """
        with self._database.writing() as session:
            row = _needed(session, digest)
            row.user = {key: value for key, value in {**row.user, **user}.items() if value is not None}

    def scan(self, folder: Path) -> Iterator[Found]:
        """Looks through a folder, file by file: new ones, moved ones, and those that are gone.

        What is found is kept before it is told. A look that was broken off can begin anew at any time, as
        files that are known and have not changed are not read again.
        """
        for path in self._note_missing(folder):
            yield Found(path, Sight.MISSING)
        known = self._known_in(folder)
        for path in _files(folder):
            try:
                facts = path.stat()
                is_known = known.get(_text(path)) == (facts.st_mtime_ns, facts.st_size)
                yield Found(path, Sight.KNOWN if is_known else self._take_in(path, {})[1])
            except (OSError, DarkroomError) as error:  # it has gone meanwhile, or is not for us to read
                _log.info(str(error))

    def find_again(self, digest: str, folder: Path) -> Path | None:
        """Where in a folder the content of an asset lies; only files of its size are read.

        Raises:
            DarkroomError: There is no such asset.
        """
        return next(filter(None, self.look_for(digest, folder)), None)

    def look_for(self, digest: str, folder: Path) -> Iterator[Path | None]:
        """Looks for an asset in a folder, file by file: None for each that is not it, then the one that is.

        No other file is registered; those that cannot be read are passed over.

        Raises:
            DarkroomError: There is no such asset.
        """
        with self._database.reading() as session:
            size = _needed(session, digest).size
        for path in _files(folder):
            is_it = False
            try:
                facts = path.stat()
                if is_it := facts.st_size == size and self._digest(path, facts) == digest:
                    self._take_in(path, {}, digest)
            except (OSError, DarkroomError) as error:
                _log.info(str(error))
            yield path if is_it else None
            if is_it:
                return

    def _take_in(self, path: Path, system: Mapping[str, Any], digest: str = "") -> tuple[Asset, Sight]:
        """Registers a file, whose hash may be known already."""
        try:
            facts = path.stat()
            known = self._unchanged(path, facts)
            if known is not None and path in known.places and not system:
                return known, Sight.KNOWN
            digest = digest or (known.hash if known else _hash(path))
        except OSError as error:
            raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error
        is_new = self.get(digest) is None
        preview = thumbnail_of(path) if is_new else None
        with self._database.writing() as session:
            row = _row(session, digest) or _new(session, path, digest, facts.st_size, preview)
            row.system = {**row.system, **system}
            sight = _put(session, row, path, facts.st_mtime_ns)
            session.flush()
            return _asset(row), Sight.NEW if is_new else sight

    def _digest(self, path: Path, facts: os.stat_result) -> str:
        """The hash of a file, which is read only if it has changed since it was last looked at."""
        known = self._unchanged(path, facts)
        return known.hash if known else _hash(path)

    def _unchanged(self, path: Path, facts: os.stat_result) -> Asset | None:
        """What a file is that has not changed since it was last looked at."""
        with self._database.reading() as session:
            place = session.get(AssetPlace, _text(path))
            if place is None or place.mtime_ns != facts.st_mtime_ns:
                return None
            row = session.get(AssetRow, place.asset, options=_LOADED)
            return _asset(row) if row is not None and row.size == facts.st_size else None

    def _known_in(self, folder: Path) -> dict[str, tuple[int, int]]:
        """Of each file that is there and below a folder: when it was changed, and its size."""
        with self._database.reading() as session:
            found = session.execute(
                select(AssetPlace.path, AssetPlace.mtime_ns, AssetRow.size)
                .join(AssetRow, AssetRow.number == AssetPlace.asset)
                .where(_below(folder), AssetPlace.missing_since.is_(None))
            )
            return {path: (mtime_ns, size) for path, mtime_ns, size in found}

    def _note_missing(self, folder: Path) -> tuple[Path, ...]:
        """The files that lay in a folder and are gone; from now on they are missing."""
        with self._database.reading() as session:
            paths = session.scalars(
                select(AssetPlace.path).where(_below(folder), AssetPlace.missing_since.is_(None))
            )
            gone = [path for path in paths if not Path(path).is_file()]
        if gone:
            with self._database.writing() as session:
                for path in gone:
                    session.get_one(AssetPlace, path).missing_since = datetime.now().timestamp()
        return tuple(map(Path, gone))


def _below(folder: Path) -> ColumnElement[bool]:
    return AssetPlace.path.startswith(_text(folder) + os.sep, autoescape=True)


def _naming(word: str) -> ColumnElement[bool]:
    """That a word occurs in the name of an asset or of its files, in its tags or in its note."""
    path = AssetPlace.path
    folder = func.rtrim(path, func.replace(path, os.sep, ""))  # without all that is no separator at its end
    return or_(
        AssetRow.name.icontains(word, autoescape=True),
        AssetRow.user["note"].as_string().icontains(word, autoescape=True),
        _has_place(func.replace(path, folder, "").icontains(word, autoescape=True)),
        exists().where(AssetTag.asset == AssetRow.number, AssetTag.tag.icontains(word, autoescape=True)),
    )


def _has_place(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(AssetPlace.asset == AssetRow.number, condition)


def _row(session: Session, digest: str) -> AssetRow | None:
    return session.scalar(select(AssetRow).where(AssetRow.hash == digest).options(*_LOADED))


def _needed(session: Session, digest: str) -> AssetRow:
    row = _row(session, digest)
    if row is None:
        raise DarkroomError(f"there is no asset {digest}")
    return row


def _new(session: Session, path: Path, digest: str, size: int, preview: bytes | None) -> AssetRow:
    row = AssetRow(
        hash=digest,
        size=size,
        name=_text(path.name),
        kind=_KINDS.get(path.suffix.lower(), "file"),
        created=datetime.now().timestamp(),
        user={},
        system={},
        preview=preview,
    )
    session.add(row)
    session.flush()
    return row


def _put(session: Session, row: AssetRow, path: Path, mtime_ns: int) -> Sight:
    """Notes that a file has the content of an asset. If one is missing, this is that one, moved."""
    missing = [place for place in row.places if place.missing_since is not None]
    place = session.get(AssetPlace, _text(path))
    was_missing = place in missing
    if place is None and missing:
        place = next((one for one in missing if Path(one.path).name == path.name), missing[0])
        place.path, was_missing = _text(path), True
    has_others = any(other is not place for other in row.places)
    place = place or AssetPlace(path=_text(path))
    place.mtime_ns, place.missing_since = mtime_ns, None
    if place not in row.places:
        row.places.append(place)
    if was_missing:
        return Sight.AGAIN
    return Sight.COPY if has_others else Sight.KNOWN


def _asset(row: AssetRow) -> Asset:
    return Asset(
        hash=row.hash,
        size=row.size,
        name=row.name,
        kind=row.kind,
        created=datetime.fromtimestamp(row.created),
        user=dict(row.user),
        system=dict(row.system),
        tags=tuple(sorted(tag.tag for tag in row.tags)),
        places=_paths(row, is_missing=False),
        missing=_paths(row, is_missing=True),
        preview=row.preview,
    )


def _paths(row: AssetRow, *, is_missing: bool) -> tuple[Path, ...]:
    paths = (place.path for place in row.places if (place.missing_since is not None) is is_missing)
    return tuple(map(Path, sorted(paths)))


def _hash(path: Path) -> str:
    hasher = library("blake3", "knowing files by their content").blake3()
    hasher.update_mmap(path)
    return hasher.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder and below, in order, without hidden ones, such as those that are half written."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _text(path: Path | str) -> str:
    """As the database can hold it: without the half characters that stand for bytes which are no text."""
    return str(path).encode("utf-8", "replace").decode()
