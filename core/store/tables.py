"""The tables. Times are seconds since 1970; JSON that may be large is deflated."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of all tables. Constraints have names, so that migrations can change them."""

    metadata = MetaData(naming_convention=_NAMES)


class JobRow(Table):
    """A job, from the moment it was queued until it is removed from the history.

    Attributes:
        id: What the program calls it.
        owner: The process it waits or runs in, see `core.store.owner`; empty if that one has let go of it.
        place: Jobs that wait run in this order; of jobs that have ended, the newest has the highest.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'running', 'done', 'partial', 'failed', 'cancelled')", name="state"
        ),
        Index("ix_jobs_state_place", "state", "place"),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    owner: Mapped[str]
    state: Mapped[str]
    place: Mapped[int]
    document_key: Mapped[str]
    name: Mapped[str]
    created: Mapped[float] = mapped_column(index=True)
    started: Mapped[float | None]
    ended: Mapped[float | None]
    seconds: Mapped[float | None]
    message: Mapped[str]
    failed_node: Mapped[str]
    seeds: Mapped[list[int]] = mapped_column(JSON)
    run: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)

    graph: Mapped[JobGraph] = relationship(passive_deletes=True)
    words: Mapped[JobWords] = relationship(passive_deletes=True)
    models: Mapped[list[JobModel]] = relationship(order_by="JobModel.position", passive_deletes=True)
    outputs: Mapped[list[JobOutput]] = relationship(
        order_by="JobOutput.position", cascade="all, delete-orphan", passive_deletes=True
    )


class JobGraph(Table):
    """What a job runs, and the document it came from: deflated JSON in API format and in editor format.

    Attributes:
        targets: The nodes that it runs for; empty for all outputs.
    """

    __tablename__ = "job_graphs"

    job: Mapped[int] = mapped_column(ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True)
    prompt: Mapped[bytes] = mapped_column(LargeBinary)
    workflow: Mapped[bytes] = mapped_column(LargeBinary)
    targets: Mapped[list[str]] = mapped_column(JSON)


class JobWords(Table):
    """What a job can be found by. Where SQLite has FTS5, `job_words_index` is its index of trigrams."""

    __tablename__ = "job_words"

    job: Mapped[int] = mapped_column(ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True)
    words: Mapped[str]


class JobModel(Table):
    """A model file that a job names."""

    __tablename__ = "job_models"

    job: Mapped[int] = mapped_column(ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]


class JobOutput(Table):
    """A file that a job has made, with a small JPEG of it where it is a picture."""

    __tablename__ = "job_outputs"

    job: Mapped[int] = mapped_column(ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    thumbnail: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class QueueFlag(Table):
    """What holds for the queue as a whole: `pause`, a value of `Pause`."""

    __tablename__ = "queue_flags"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class AssetRow(Table):
    """A content: all files with the same bytes are one asset.

    Attributes:
        hash: BLAKE3 of the bytes, 64 hexadecimal digits.
        kind: `image`, `latent`, `model` or `file`.
        user: What the user says of it.
        system: What the program says of it, as the job that made it.
        preview: A small JPEG where it is a picture.
    """

    __tablename__ = "assets"

    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(index=True)
    name: Mapped[str]
    kind: Mapped[str]
    created: Mapped[float]
    user: Mapped[dict[str, Any]] = mapped_column(JSON)
    system: Mapped[dict[str, Any]] = mapped_column(JSON)
    preview: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    places: Mapped[list[AssetPlace]] = relationship(
        order_by="AssetPlace.path", cascade="all, delete-orphan", passive_deletes=True
    )
    tags: Mapped[list[AssetTag]] = relationship(
        order_by="AssetTag.tag", cascade="all, delete-orphan", passive_deletes=True
    )


class AssetPlace(Table):
    """A file with an asset's content. `mtime_ns` and the asset's size tell whether it has changed since."""

    __tablename__ = "asset_places"

    path: Mapped[str] = mapped_column(primary_key=True)
    asset: Mapped[int] = mapped_column(ForeignKey("assets.number", ondelete="CASCADE"), index=True)
    mtime_ns: Mapped[int]
    missing_since: Mapped[float | None]


class AssetTag(Table):
    """A word that the user has given an asset."""

    __tablename__ = "asset_tags"
    __table_args__ = (UniqueConstraint("tag", "asset"),)

    asset: Mapped[int] = mapped_column(ForeignKey("assets.number", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
