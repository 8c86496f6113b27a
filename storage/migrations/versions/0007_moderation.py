"""Moderation: word lists, cases and appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "moderation_case",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("activity", sa.String(20), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("text", sa.String(300), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", _ID, nullable=True),
        sa.Column("appeal_state", sa.String(10), nullable=False),
        sa.Column("appeal", sa.String(200), nullable=False),
        sa.Column("appealed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'warned', 'released', 'deleted', 'reminded', 'muted')", name="moderation_case_state"
        ),
        sa.CheckConstraint(
            "appeal_state IN ('', 'waiting', 'granted', 'refused')", name="moderation_case_appeal_state"
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_moderation_case_waiting", "moderation_case", ["group_id", "state"], unique=False)
    op.create_index(op.f("ix_moderation_case_member_id"), "moderation_case", ["member_id"], unique=False)
    op.create_index(
        "ix_moderation_case_kept",
        "moderation_case",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("text <> ''"),
        postgresql_where=sa.text("text <> ''"),
    )
    op.create_table(
        "moderation_word",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("scope_id", _ID, nullable=False),
        sa.Column("word", sa.String(40), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('all', 'region', 'group')", name="moderation_word_scope"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "scope_id", "word"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("moderation_word")
    op.drop_table("moderation_case")
