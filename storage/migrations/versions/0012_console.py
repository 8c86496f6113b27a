"""The console's doors: accounts, sessions, one-time links, failed sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _id(name: str, **more: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **more)  # type: ignore[arg-type]


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "login",
        _id("person_id", nullable=False),
        _text("name", 32),
        _text("password", 200),
        _text("second", 200),
        _at("second_since", nullable=True),
        _at("second_step"),
        sa.Column("recovery", sa.JSON(), nullable=True),
        _at("made_at"),
        _at("changed_at", nullable=True),
        _at("disabled_at", nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "web_session",
        _text("id", 64),
        _text("area", 10),
        _text("role", 10),
        _id("person_id", nullable=False),
        _id("region_id", nullable=True),
        _text("browser", 60),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("strong", sa.Boolean(), nullable=False),
        _at("made_at"),
        _at("seen_at"),
        _at("until"),
        sa.CheckConstraint("area IN ('console', 'h5', 'step')", name="web_session_area"),
        sa.CheckConstraint("role IN ('admin', 'staff', 'manager', 'leader', 'resident')", name="web_session_role"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_web_session_person_id"), "web_session", ["person_id"], unique=False)
    op.create_index(op.f("ix_web_session_until"), "web_session", ["until"], unique=False)
    op.create_table(
        "entry_link",
        _text("id", 64),
        _text("purpose", 10),
        _id("person_id", nullable=False),
        _id("group_id", nullable=True),
        _text("path", 200),
        _at("made_at"),
        _at("until"),
        _at("used_at", nullable=True),
        sa.CheckConstraint("purpose IN ('console', 'h5', 'invite', 'reset')", name="entry_link_purpose"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_entry_link_person_id"), "entry_link", ["person_id"], unique=False)
    op.create_index(op.f("ix_entry_link_until"), "entry_link", ["until"], unique=False)
    op.create_table(
        "sign_in_failure",
        _text("key", 64),
        sa.Column("count", sa.Integer(), nullable=False),
        _at("last_at"),
        _at("until"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_sign_in_failure_last_at"), "sign_in_failure", ["last_at"], unique=False)
    # The trail is searched by day and by person, among millions of rows.
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_actor_id"), "audit", ["actor_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_audit_actor_id"), table_name="audit")
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
    op.drop_table("sign_in_failure")
    op.drop_table("entry_link")
    op.drop_table("web_session")
    op.drop_table("login")
