"""Points that expire, by lots; gifts that wait for a second leader; what was not rewarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ledger_lot",
        sa.Column("entry_id", _id(), nullable=False),
        sa.Column("account_id", _id(), nullable=False),
        sa.Column("member_id", _id(), nullable=False),
        sa.Column("expires_on", sa.String(10), nullable=False),
        sa.Column("remaining", _id(), nullable=False),
        sa.CheckConstraint("remaining >= 0", name="ledger_lot_remaining"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    for name, columns in (("open", ["account_id", "expires_on"]), ("due", ["expires_on"])):
        op.create_index(
            f"ix_ledger_lot_{name}",
            "ledger_lot",
            columns,
            unique=False,
            sqlite_where=sa.text("remaining > 0"),
            postgresql_where=sa.text("remaining > 0"),
        )
    op.create_table(
        "ledger_draw",
        sa.Column("entry_id", _id(), nullable=False),
        sa.Column("amount", _id(), nullable=False),
        sa.Column("expires_on", sa.String(10), nullable=False),
        sa.CheckConstraint("amount > 0", name="ledger_draw_amount"),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "gift_request",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("group_id", _id(), nullable=False),
        sa.Column("maker_id", _id(), nullable=False),
        sa.Column("member_id", _id(), nullable=False),
        sa.Column("amount", _id(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", _id(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'given', 'refused')", name="gift_request_state"),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> maker_id", name="gift_request_two_people"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["maker_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_gift_request_group_id"), "gift_request", ["group_id"], unique=False)
    op.create_index(op.f("ix_gift_request_maker_id"), "gift_request", ["maker_id"], unique=False)
    op.create_index(op.f("ix_gift_request_member_id"), "gift_request", ["member_id"], unique=False)
    op.create_table(
        "award_trace",
        sa.Column("member_id", _id(), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("mark", sa.String(40), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("member_id", "local_date", "mark"),
    )
    op.create_index("ix_award_trace_day", "award_trace", ["local_date"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("award_trace")
    op.drop_table("gift_request")
    op.drop_table("ledger_draw")
    op.drop_table("ledger_lot")
