"""Deliveries say on which channel they go out, where that is not their group's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("delivery", sa.Column("channel", sa.String(20), nullable=False, server_default=""))
    op.add_column("delivery", sa.Column("account", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    for column in ("account", "channel"):
        op.drop_column("delivery", column)
