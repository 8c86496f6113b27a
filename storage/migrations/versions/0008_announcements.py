"""Announcements to several groups and how far they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _id(name: str, **more: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **more)  # type: ignore[arg-type]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "announcement",
        _id("id", autoincrement=True, nullable=False),
        _id("author_id", nullable=False),
        sa.Column("scope", sa.String(24), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=True),
        sa.Column("official", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'open', 'ended', 'withdrawn')", name="announcement_state"),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_announcement_author_id"), "announcement", ["author_id"], unique=False)
    op.create_table(
        "announcement_round",
        _id("id", autoincrement=True, nullable=False),
        _id("announcement_id", nullable=False),
        _id("author_id", nullable=False),
        sa.Column("step", sa.String(6), nullable=False),
        sa.Column("words", sa.String(400), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        _id("campaign_id", nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("step IN ('first', 'update', 'end')", name="announcement_round_step"),
        sa.CheckConstraint("state IN ('draft', 'sent', 'dropped', 'withdrawn')", name="announcement_round_state"),
        sa.ForeignKeyConstraint(["announcement_id"], ["announcement.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id"),
    )
    op.create_index(
        op.f("ix_announcement_round_announcement_id"), "announcement_round", ["announcement_id"], unique=False
    )
    op.create_index(op.f("ix_announcement_round_author_id"), "announcement_round", ["author_id"], unique=False)
    op.create_table(
        "announcement_day",
        _id("group_id", nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("said", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "local_date"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("announcement_day")
    op.drop_table("announcement_round")
    op.drop_table("announcement")
