"""Check-in topics with their own rules, make-ups, freezes and the day's summary."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.add_column("checkin", sa.Column("made_up", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("checkin_streak", sa.Column("cards", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("checkin_streak", sa.Column("made_up", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "checkin_makeup",
        sa.Column("id", _big(), autoincrement=True, nullable=False),
        sa.Column("member_id", _big(), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("made_on", sa.String(10), nullable=False),
        sa.Column("paid", sa.String(6), nullable=False),
        sa.Column("entry_id", _big(), nullable=True),
        sa.Column("refunded_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("paid IN ('card', 'points')", name="checkin_makeup_paid"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_id", "topic", "local_date"),
    )
    op.create_table(
        "checkin_pause",
        sa.Column("id", _big(), autoincrement=True, nullable=False),
        sa.Column("group_id", _big(), nullable=False),
        sa.Column("member_id", _big(), nullable=True),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name="checkin_pause_days"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_checkin_pause_group_id", "checkin_pause", ["group_id", "last_day"], unique=False)
    op.create_index(op.f("ix_checkin_pause_member_id"), "checkin_pause", ["member_id"], unique=False)
    op.create_table(
        "checkin_day",
        sa.Column("group_id", _big(), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("edited_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "local_date"),
    )
    op.create_index(op.f("ix_checkin_day_due_at"), "checkin_day", ["due_at"], unique=False)


def downgrade() -> None:
    """Take back; what was made up for was no real check-in and goes."""
    op.drop_table("checkin_day")
    op.drop_table("checkin_pause")
    op.drop_table("checkin_makeup")
    op.drop_column("checkin_streak", "made_up")
    op.drop_column("checkin_streak", "cards")
    op.execute("DELETE FROM checkin WHERE made_up")
    op.drop_column("checkin", "made_up")
