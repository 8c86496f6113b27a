"""A received event bears the name of the process that handles it; a thumb down, why an answer did not help."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("inbox", sa.Column("receiver", sa.String(80), nullable=False, server_default=""))
    op.add_column("feedback", sa.Column("reason", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    op.drop_column("feedback", "reason")
    op.drop_column("inbox", "receiver")
