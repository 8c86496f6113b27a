"""An answer in the outbox bears the name of the process that says it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("outbox", sa.Column("sender", sa.String(80), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    op.drop_column("outbox", "sender")
