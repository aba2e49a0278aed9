"""Jobs that run for some nodes only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the nodes that a job runs for: none is for all outputs, as jobs ran before."""
    columns = sa.inspect(op.get_bind()).get_columns("job_graphs")
    if all(column["name"] != "targets" for column in columns):  # for a while new files had it without a step
        op.add_column("job_graphs", sa.Column("targets", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Takes it away."""
    op.drop_column("job_graphs", "targets")
