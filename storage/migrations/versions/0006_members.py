"""What members told about themselves and how far newcomers are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def upgrade() -> None:
    """Apply."""
    op.add_column("member", sa.Column("steps", sa.Integer(), nullable=True))
    op.add_column("identity", sa.Column("elder", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "birthday",
        _id("person_id"),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("in_group", sa.Boolean(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("month BETWEEN 1 AND 12 AND day BETWEEN 1 AND 31", name="birthday_of_a_year"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_index("ix_birthday_month_day", "birthday", ["month", "day"], unique=False)
    op.create_table(
        "lookalike",
        _id("group_id"),
        _id("person_id"),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "person_id", "name"),
    )
    op.create_table(
        "preference",
        _id("person_id"),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id", "kind", "value"),
    )
    op.create_table(
        "notice_off",
        _id("person_id"),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id", "kind"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("notice_off")
    op.drop_table("preference")
    op.drop_table("lookalike")
    op.drop_index("ix_birthday_month_day", table_name="birthday")
    op.drop_table("birthday")
    op.drop_column("identity", "elder")
    op.drop_column("member", "steps")
