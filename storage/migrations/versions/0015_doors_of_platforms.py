"""Ways to a platform that vouches for its people, each taken once; numbered choices where a channel has no buttons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
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
    op.create_table(
        "offered_choice",
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("conversation", sa.String(160), nullable=False),
        sa.Column("keys", sa.String(), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "conversation"),
    )
    op.create_index(op.f("ix_offered_choice_offered_at"), "offered_choice", ["offered_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("offered_choice")
    op.drop_table("spent_state")
