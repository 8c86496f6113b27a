"""Mass-sends that a leader confirms, customer groups as last looked at, and what an owner's groups did in a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "mass_send",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(128), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("leader", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("parts", sa.String(), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('making', 'awaiting', 'sent', 'refused', 'recalled', 'unknown')", name="mass_send_state"
        ),
        sa.CheckConstraint("reminders BETWEEN 0 AND 3", name="mass_send_reminders"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "account", "conversation", "local_date"),
    )
    op.create_index(
        "ix_mass_send_open",
        "mass_send",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state IN ('making', 'awaiting', 'unknown')"),
        postgresql_where=sa.text("state IN ('making', 'awaiting', 'unknown')"),
    )
    op.create_table(
        "owner_day",
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "account", "owner", "local_date"),
    )
    op.create_table(
        "customer_group",
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "account", "conversation"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("customer_group")
    op.drop_table("owner_day")
    op.drop_index("ix_mass_send_open", table_name="mass_send")
    op.drop_table("mass_send")
