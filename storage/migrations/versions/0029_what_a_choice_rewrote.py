"""What a choice between two documents wrote over, and an index of findings by where they point."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("finding", sa.Column("rewrote", sa.JSON(), nullable=True))
    op.create_index("ix_finding_place", "finding", ["kind", "locator"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_finding_place", table_name="finding")
    op.drop_column("finding", "rewrote")
