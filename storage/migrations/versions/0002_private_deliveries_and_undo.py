"""A fire may have private messages besides the group's; what leaders did can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ONE_A_GROUP = ["campaign_id", "group_id", "local_date"]
_POSTGRESQL_NAME = "delivery_campaign_id_group_id_local_date_{}key"
_NAMES = {"uq": "uq_%(table_name)s_%(column_0_N_name)s"}
"""SQLite keeps no name of a constraint that was given none; Alembic finds it by this pattern."""


def _unique(before: list[str], after: list[str], names: tuple[str, str]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(names[0], "delivery", type_="unique")
        op.create_unique_constraint(names[1], "delivery", after)
        return
    with op.batch_alter_table("delivery", recreate="always", naming_convention=_NAMES) as batch:
        batch.drop_constraint("uq_delivery_" + "_".join(before), type_="unique")
        batch.create_unique_constraint("uq_delivery_" + "_".join(after), after)


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "delivery",
        sa.Column(
            "recipient", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, server_default="0"
        ),
    )
    _unique(
        _ONE_A_GROUP,
        [*_ONE_A_GROUP, "recipient"],
        (_POSTGRESQL_NAME.format(""), _POSTGRESQL_NAME.format("recipient_")),
    )
    op.create_index("ix_sent_message_subject", "sent_message", ["conversation", "subject"], unique=False)
    op.create_table(
        "leader_action",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("told", sa.String(60), nullable=False),
        sa.Column("values", sa.JSON(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_leader_action_done_at"), "leader_action", ["done_at"], unique=False)
    op.create_index(op.f("ix_leader_action_group_id"), "leader_action", ["group_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("leader_action")
    op.drop_index("ix_sent_message_subject", table_name="sent_message")
    op.execute("DELETE FROM delivery WHERE recipient <> 0")
    _unique(
        [*_ONE_A_GROUP, "recipient"],
        _ONE_A_GROUP,
        (_POSTGRESQL_NAME.format("recipient_"), _POSTGRESQL_NAME.format("")),
    )
    op.drop_column("delivery", "recipient")
