"""The queue and its history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_INDEX = (
    """CREATE VIRTUAL TABLE job_words_index
       USING fts5(words, content='job_words', content_rowid='job', tokenize='trigram')""",
    """CREATE TRIGGER job_words_added AFTER INSERT ON job_words BEGIN
         INSERT INTO job_words_index(rowid, words) VALUES (new.job, new.words);
       END""",
    """CREATE TRIGGER job_words_removed AFTER DELETE ON job_words BEGIN
         INSERT INTO job_words_index(job_words_index, rowid, words) VALUES ('delete', old.job, old.words);
       END""",
)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("document_key", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("seconds", sa.Double),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("failed_node", sa.String, nullable=False),
        sa.Column("seeds", sa.JSON, nullable=False),
        sa.Column("run", sa.JSON),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'partial', 'failed', 'cancelled')",
            name="ck_jobs_state",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
    )
    op.create_index("ix_jobs_created", "jobs", ["created"])
    op.create_index("ix_jobs_state_place", "jobs", ["state", "place"])
    _part_of_job(
        "job_graphs",
        sa.Column("prompt", sa.LargeBinary, nullable=False),
        sa.Column("workflow", sa.LargeBinary, nullable=False),
    )
    _part_of_job("job_words", sa.Column("words", sa.String, nullable=False))
    _part_of_job(
        "job_models",
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        key=("job", "position"),
    )
    _part_of_job(
        "job_outputs",
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary),
        key=("job", "position"),
    )
    op.create_table(
        "queue_flags",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_queue_flags"),
    )
    if _has_trigrams():
        for statement in _INDEX:
            op.execute(statement)


def downgrade() -> None:
    """Takes them away, first those that refer to others."""
    op.execute("DROP TRIGGER IF EXISTS job_words_removed")
    op.execute("DROP TRIGGER IF EXISTS job_words_added")
    op.execute("DROP TABLE IF EXISTS job_words_index")
    for table in ("queue_flags", "job_outputs", "job_models", "job_words", "job_graphs", "jobs"):
        op.drop_table(table)


def _part_of_job(name: str, *columns: sa.Column[object], key: tuple[str, ...] = ("job",)) -> None:
    op.create_table(
        name,
        sa.Column("job", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["job"], ["jobs.number"], name=f"fk_{name}_job", ondelete="CASCADE"),
    )


def _has_trigrams() -> bool:
    """Whether this SQLite has FTS5 and is not older than 3.34; without it, searching reads all texts."""
    bind = op.get_bind()
    options = bind.exec_driver_sql(
        "SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_FTS5'"
    )
    version = bind.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    return options.first() is not None and tuple(map(int, version.split("."))) >= (3, 34)
