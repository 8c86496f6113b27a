"""Leases say since when somebody has them, and how far he has come with what they are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("lease", sa.Column("since", sa.BigInteger(), nullable=True))
    op.add_column("lease", sa.Column("state", sa.String(16), nullable=False, server_default=""))
    op.add_column("lease", sa.Column("state_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take back."""
    for column in ("state_at", "state", "since"):
        op.drop_column("lease", column)
