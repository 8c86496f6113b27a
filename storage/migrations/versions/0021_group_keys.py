"""Keys of groups for the link into their pages; whether the bot hears and speaks in a group."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "group_key",
        sa.Column("key", sa.String(22), nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_group_key_group_id", "group_key", ["group_id"], unique=False)
    op.create_index(
        "ix_group_key_opens",
        "group_key",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    for name in ("hears", "speaks"):
        op.add_column("chat_group", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true()))
    group = sa.table(
        "chat_group",
        sa.column("channel", sa.String()),
        sa.column("external_id", sa.String()),
        sa.column("hears", sa.Boolean()),
        sa.column("speaks", sa.Boolean()),
    )
    company = sa.and_(group.c.channel == "wecom", group.c.external_id.not_like("appchat:%"))
    op.execute(group.update().where(company).values(hears=False))
    op.execute(group.update().where(company, group.c.external_id.not_like("robot:%")).values(speaks=False))


def downgrade() -> None:
    """Take back."""
    for name in ("speaks", "hears"):
        op.drop_column("chat_group", name)
    op.drop_index("ix_group_key_opens", table_name="group_key")
    op.drop_index("ix_group_key_group_id", table_name="group_key")
    op.drop_table("group_key")
