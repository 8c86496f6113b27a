"""Persons who are one: bonds, the codes that make them, and memberships that rest meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=nullable, autoincrement=key or "auto")


def upgrade() -> None:
    """Apply."""
    op.add_column("member", _id("bonded_to", nullable=True))
    rests = sa.text("bonded_to IS NOT NULL")
    op.create_index("ix_member_bonded_to", "member", ["bonded_to"], sqlite_where=rests, postgresql_where=rests)
    op.create_table(
        "bond",
        _id("id", key=True),
        _id("survivor_id"),
        _id("absorbed_id"),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=True),
        sa.Column("parted_at", sa.BigInteger(), nullable=True),
        sa.Column("moved", sa.JSON(), nullable=True),
        sa.CheckConstraint("state IN ('offered', 'refused', 'bound', 'parted')", name="bond_state"),
        sa.CheckConstraint("survivor_id <> absorbed_id", name="bond_two"),
        sa.ForeignKeyConstraint(["survivor_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["absorbed_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bond_survivor_id", "bond", ["survivor_id"], unique=False)
    op.create_index("ix_bond_absorbed_id", "bond", ["absorbed_id"], unique=False)
    bound = sa.text("state = 'bound'")
    op.create_index("ix_bond_bound", "bond", ["absorbed_id"], unique=True, sqlite_where=bound, postgresql_where=bound)
    op.create_table(
        "bond_code",
        _id("person_id"),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        _id("used_by", nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tries_since", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["used_by"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_bond_code_used_by", "bond_code", ["used_by"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_bond_code_used_by", table_name="bond_code")
    op.drop_table("bond_code")
    op.drop_index("ix_bond_bound", table_name="bond")
    op.drop_index("ix_bond_absorbed_id", table_name="bond")
    op.drop_index("ix_bond_survivor_id", table_name="bond")
    op.drop_table("bond")
    op.drop_index("ix_member_bonded_to", table_name="member")
    op.drop_column("member", "bonded_to")
