"""Families: who asked whom, and what a family is called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = sa.text("state = 'open'")


def _integer() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "family",
        sa.Column("household_id", _integer(), nullable=False),
        sa.Column("name", sa.String(24), nullable=False),
        sa.Column("named_by", _integer(), nullable=True),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["named_by"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("household_id"),
    )
    op.create_index(op.f("ix_family_named_by"), "family", ["named_by"], unique=False)
    op.create_table(
        "family_request",
        sa.Column("id", _integer(), autoincrement=True, nullable=False),
        sa.Column("group_id", _integer(), nullable=False),
        sa.Column("asker_id", _integer(), nullable=False),
        sa.Column("asked_id", _integer(), nullable=False),
        sa.Column("kind", sa.String(6), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('join', 'invite')", name="family_request_kind"),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'declined', 'withdrawn', 'expired')", name="family_request_state"
        ),
        sa.CheckConstraint("asker_id <> asked_id", name="family_request_two"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["asker_id"], ["member.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["asked_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_family_request_asker_id"), "family_request", ["asker_id"], unique=False)
    op.create_index(op.f("ix_family_request_asked_id"), "family_request", ["asked_id"], unique=False)
    op.create_index(
        "ix_family_request_open",
        "family_request",
        ["asker_id", "asked_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    """Take back: points stay where they are, who shares them stays so."""
    op.drop_index("ix_family_request_open", table_name="family_request")
    op.drop_index(op.f("ix_family_request_asked_id"), table_name="family_request")
    op.drop_index(op.f("ix_family_request_asker_id"), table_name="family_request")
    op.drop_table("family_request")
    op.drop_index(op.f("ix_family_named_by"), table_name="family")
    op.drop_table("family")
