"""The calendar: plans, their beats, other wordings, who answered; groups' own days; pushes that go out together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'pending'")


def _id(name: str, **more: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **more)  # type: ignore[arg-type]


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade() -> None:
    """Apply."""
    op.add_column("schedule", sa.Column("shift_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("delivery", _id("carrier", nullable=True))
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["group_id"],
        unique=False,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "wording",
        _id("id", autoincrement=True, nullable=False),
        _text("slot", 80),
        _text("scope", 80),
        _text("text", 1000),
        _id("written_by", nullable=True),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["written_by"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slot", "scope"),
    )
    op.create_index(op.f("ix_wording_written_by"), "wording", ["written_by"], unique=False)
    op.create_table(
        "calendar_plan",
        _id("id", autoincrement=True, nullable=False),
        _text("key", 64),
        _text("name", 30),
        _text("form", 20),
        _text("slogan", 60),
        _text("scope", 80),
        _text("audience", 10),
        sa.Column("night", sa.Boolean(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        _text("stage", 10),
        _id("campaign_id", nullable=True),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        _id("written_by", nullable=True),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        _id("approved_by", nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("stage IN ('draft', 'approved')", name="calendar_plan_stage"),
        sa.CheckConstraint("audience IN ('groups', 'leaders')", name="calendar_plan_audience"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["written_by"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    for name in ("campaign_id", "first_day", "last_day"):
        op.create_index(op.f(f"ix_calendar_plan_{name}"), "calendar_plan", [name], unique=False)
    op.create_table(
        "calendar_beat",
        _id("id", autoincrement=True, nullable=False),
        _id("plan_id", nullable=False),
        sa.Column("local_day", sa.String(10), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        _text("phase", 10),
        _text("title", 40),
        _text("text", 1000),
        _text("other", 1000),
        sa.Column("peak", sa.String(10), nullable=True),
        sa.Column("poster", sa.Boolean(), nullable=False),
        sa.CheckConstraint("minute BETWEEN 0 AND 1439", name="calendar_beat_minute"),
        sa.ForeignKeyConstraint(["plan_id"], ["calendar_plan.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan_id", "local_day"),
    )
    op.create_table(
        "calendar_echo",
        _id("plan_id", nullable=False),
        _id("member_id", nullable=False),
        _id("group_id", nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["plan_id"], ["calendar_plan.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("plan_id", "member_id"),
    )
    op.create_index(op.f("ix_calendar_echo_member_id"), "calendar_echo", ["member_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    for table in ("calendar_echo", "calendar_beat", "calendar_plan", "wording"):
        op.drop_table(table)
    op.drop_index("ix_delivery_waiting", table_name="delivery")
    op.drop_column("delivery", "carrier")
    op.drop_column("schedule", "shift_days")
