"""Closed weeks of groups and regions, counted once: what a regional manager's pages read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _week() -> sa.Column[str]:
    return sa.Column("week", sa.String(10), nullable=False)


def _figure(name: str, *, large: bool = False) -> tuple[sa.Column[int], sa.Column[int]]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite") if large else sa.Integer()
    return sa.Column(name, kind, nullable=False), sa.Column(f"{name}_behind", sa.Integer(), nullable=False)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "group_week",
        _id("group_id"),
        _week(),
        _id("region_id"),
        *_figure("neighbours"),
        *_figure("checked_in"),
        *_figure("messages", large=True),
        *_figure("answered"),
        *_figure("gaps"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "week"),
    )
    op.create_index("ix_group_week_region", "group_week", ["region_id", "week"], unique=False)
    op.create_table(
        "campaign_week",
        _id("group_id"),
        _week(),
        _id("plan_id"),
        _id("region_id"),
        *_figure("joined"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "week", "plan_id"),
    )
    op.create_index("ix_campaign_week_region", "campaign_week", ["region_id", "week"], unique=False)
    op.create_table(
        "region_week",
        _id("region_id"),
        _week(),
        sa.Column("groups", sa.Integer(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("campaigns", sa.JSON(), nullable=True),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("region_id", "week"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("region_week")
    op.drop_table("campaign_week")
    op.drop_table("group_week")
