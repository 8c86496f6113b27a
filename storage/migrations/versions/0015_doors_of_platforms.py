"""Ways to a platform that vouches for its people, and back: each is taken once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "spent_state",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_spent_state_until"), "spent_state", ["until"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("spent_state")
