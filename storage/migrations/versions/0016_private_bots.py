"""Which bot account a person wrote to in private: several may serve one installation, and only that one may write first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("identity", sa.Column("account", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    op.drop_column("identity", "account")
