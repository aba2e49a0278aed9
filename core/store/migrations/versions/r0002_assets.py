"""Files that were read or made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "assets",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("user", sa.JSON, nullable=False),
        sa.Column("system", sa.JSON, nullable=False),
        sa.Column("preview", sa.LargeBinary),
        sa.PrimaryKeyConstraint("number", name="pk_assets"),
        sa.UniqueConstraint("hash", name="uq_assets_hash"),
    )
    op.create_index("ix_assets_size", "assets", ["size"])
    op.create_table(
        "asset_places",
        sa.Column("path", sa.String, nullable=False),
        sa.Column("asset", sa.Integer, nullable=False),
        sa.Column("mtime_ns", sa.Integer, nullable=False),
        sa.Column("missing_since", sa.Double),
        sa.PrimaryKeyConstraint("path", name="pk_asset_places"),
        sa.ForeignKeyConstraint(
            ["asset"], ["assets.number"], name="fk_asset_places_asset", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_asset_places_asset", "asset_places", ["asset"])
    op.create_table(
        "asset_tags",
        sa.Column("asset", sa.Integer, nullable=False),
        sa.Column("tag", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("asset", "tag", name="pk_asset_tags"),
        sa.UniqueConstraint("tag", "asset", name="uq_asset_tags_tag"),
        sa.ForeignKeyConstraint(["asset"], ["assets.number"], name="fk_asset_tags_asset", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Takes them away, first those that refer to others."""
    for table in ("asset_tags", "asset_places", "assets"):
        op.drop_table(table)
