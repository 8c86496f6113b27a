"""A check-in or an answer that stands for another account's of the same person is no second one; mutes that ended unseen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
_TABLES = ("checkin", "topic_answer")


def upgrade() -> None:
    """Apply."""
    for table in _TABLES:
        op.add_column(table, sa.Column("by_bond", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("member", sa.Column("mutes_ended", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("member", "mutes_ended")
    for table in _TABLES:
        op.drop_column(table, "by_bond")
