"""Invitations: who brought whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _id(name: str, **more: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **more)  # type: ignore[arg-type]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "invite_code",
        _id("member_id", nullable=False),
        _id("group_id", nullable=False),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("token", sa.String(16), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("member_id"),
        sa.UniqueConstraint("group_id", "code"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "invitation",
        _id("id", autoincrement=True, nullable=False),
        _id("group_id", nullable=False),
        _id("inviter_id", nullable=True),
        _id("invited_id", nullable=False),
        sa.Column("how", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=True),
        sa.Column("rewarded_on", sa.String(10), nullable=True),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.CheckConstraint("inviter_id <> invited_id", name="invitation_of_another"),
        sa.CheckConstraint("how IN ('', 'platform', 'link', 'code')", name="invitation_how"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["invited_id"], ["member.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["inviter_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invited_id"),
    )
    op.create_index(op.f("ix_invitation_group_id"), "invitation", ["group_id"], unique=False)
    op.create_index(op.f("ix_invitation_inviter_id"), "invitation", ["inviter_id"], unique=False)
    op.create_table(
        "invite_claim",
        _id("person_id", nullable=False),
        _id("group_id", nullable=False),
        _id("inviter_id", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["inviter_id"], ["member.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id", "group_id"),
    )
    op.create_index(op.f("ix_invite_claim_inviter_id"), "invite_claim", ["inviter_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("invite_claim")
    op.drop_table("invitation")
    op.drop_table("invite_code")
