"""Indexes for what pages ask: who is in a group, what is open, what did not arrive, who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_PLAIN = (
    ("ix_question_open", "question", ["state", "group_id", "asked_at"]),
    ("ix_audit_action", "audit", ["action", "id"]),
    ("ix_delivery_group_day", "delivery", ["group_id", "local_date"]),
    ("ix_leader_action_actor_id", "leader_action", ["actor_id"]),
    ("ix_lookalike_person_id", "lookalike", ["person_id"]),
    ("ix_document_version_created_by_id", "document_version", ["created_by_id"]),
    ("ix_document_version_published_by_id", "document_version", ["published_by_id"]),
    ("ix_calendar_plan_written_by", "calendar_plan", ["written_by"]),
    ("ix_calendar_plan_approved_by", "calendar_plan", ["approved_by"]),
)
_PARTIAL = (
    ("ix_member_here", "member", ["group_id", "joined_at"], "left_at IS NULL"),
    ("ix_moderation_case_open", "moderation_case", ["id"], "state = 'waiting' OR appeal_state = 'waiting'"),
    ("ix_delivery_astray", "delivery", ["due_at"], "state IN ('failed', 'unknown')"),
)


def upgrade() -> None:
    """Apply."""
    for name, table, columns in _PLAIN:
        op.create_index(name, table, columns, unique=False)
    for name, table, columns, where in _PARTIAL:
        op.create_index(
            name, table, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    # Others begin with the same column: the key (group, person), and the day's.
    op.drop_index("ix_member_group_id", table_name="member")
    op.drop_index("ix_delivery_group_id", table_name="delivery")
    # With the member in it one person's entries are found without reading everybody's of the group.
    op.drop_index("ix_ledger_entry_group_day", table_name="ledger_entry")
    op.create_index("ix_ledger_entry_group_day", "ledger_entry", ["group_id", "local_date", "member_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_ledger_entry_group_day", table_name="ledger_entry")
    op.create_index("ix_ledger_entry_group_day", "ledger_entry", ["group_id", "local_date"], unique=False)
    op.create_index("ix_member_group_id", "member", ["group_id"], unique=False)
    op.create_index("ix_delivery_group_id", "delivery", ["group_id"], unique=False)
    for name, table, *_ in (*_PARTIAL, *_PLAIN):
        op.drop_index(name, table_name=table)
