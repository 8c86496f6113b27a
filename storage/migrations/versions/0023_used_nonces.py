"""Signatures of callbacks that were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "used_nonce",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "nonce"),
    )
    op.create_index("ix_used_nonce_used_at", "used_nonce", ["used_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("used_nonce")
