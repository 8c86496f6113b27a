"""Knowledge that is scanned, dated, learned from and measured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_VALID = ("valid_from", "valid_until")


def _id(name: str, **more: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), **more)  # type: ignore[arg-type]


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    """Apply."""
    _documents()
    _learned()
    _tallies()


def _documents() -> None:
    # Alembic adds no constraint to a table of SQLite; the statement is the same on both.
    op.execute(
        "ALTER TABLE document ADD COLUMN audience VARCHAR(10) DEFAULT 'everybody' NOT NULL "
        "CONSTRAINT document_audience CHECK (audience IN ('everybody', 'leaders'))"
    )
    op.add_column("document", sa.Column("review_at", sa.String(10), nullable=True))
    op.add_column("document_version", sa.Column("created_by", sa.String(80), nullable=False, server_default=""))
    op.add_column("document_version", _id("created_by_id", nullable=True))
    op.add_column("document_version", _id("published_by_id", nullable=True))
    for name in ("scanned_at", "archived_at", *_VALID):
        op.add_column("document_version", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in _VALID:
        op.add_column("chunk", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("chunk", sa.Column("withheld", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "finding",
        _id("id", autoincrement=True, nullable=False),
        _id("version_id", nullable=False),
        _id("chunk_id", nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(5), nullable=False),
        sa.Column("locator", sa.String(120), nullable=False),
        sa.Column("excerpt", sa.String(120), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_by", sa.String(80), nullable=False),
        sa.CheckConstraint("severity IN ('block', 'warn', 'note')", name="finding_severity"),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunk.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["version_id"], ["document_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_finding_chunk_id"), "finding", ["chunk_id"], unique=False)
    op.create_index(op.f("ix_finding_version_id"), "finding", ["version_id"], unique=False)


def _learned() -> None:
    op.create_table(
        "proposal",
        _id("id", autoincrement=True, nullable=False),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("scope", sa.String(80), nullable=False),
        sa.Column("entry", sa.String(120), nullable=False),
        sa.Column("phrasings", sa.JSON(), nullable=True),
        sa.Column("answer", sa.String(2000), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        _id("made_by", nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        _id("decided_by", nullable=True),
        sa.CheckConstraint("origin IN ('gap', 'reply', 'correction', 'staff')", name="proposal_origin"),
        sa.CheckConstraint("state IN ('open', 'accepted', 'declined')", name="proposal_state"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_proposal_made_by"), "proposal", ["made_by"], unique=False)
    op.create_index(op.f("ix_proposal_state"), "proposal", ["state"], unique=False)
    op.create_table(
        "feedback",
        _id("id", autoincrement=True, nullable=False),
        _id("member_id", nullable=False),
        _id("group_id", nullable=False),
        _id("document_id", nullable=False),
        sa.Column("entry", sa.String(120), nullable=False),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("verdict IN (1, -1)", name="feedback_verdict"),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_id", "document_id", "entry", "local_date"),
    )
    for name in ("document_id", "group_id", "local_date"):
        op.create_index(op.f(f"ix_feedback_{name}"), "feedback", [name], unique=False)
    op.create_table(
        "golden_case",
        _id("id", autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(80), nullable=False),
        sa.Column("question", sa.String(300), nullable=False),
        sa.Column("relevant", sa.JSON(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "question"),
    )
    op.create_table(
        "golden_run",
        _id("id", autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _id("counter", nullable=False),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("wrong", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "dialog_turn",
        _id("person_id", nullable=False),
        sa.Column("place", sa.String(40), nullable=False),
        sa.Column("question", sa.String(300), nullable=False),
        sa.Column("entry", sa.String(120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("person_id", "place"),
    )
    op.create_index(op.f("ix_dialog_turn_at"), "dialog_turn", ["at"], unique=False)


def _tallies() -> None:
    op.create_table(
        "answer_tally",
        _id("group_id", nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        *(_count(name) for name in ("answered", "asked_back", "chosen", "handed_over", "refused", "worded")),
        *(_count(name) for name in ("helped", "missed", "relayed")),
        _id("relay_seconds", nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("group_id", "local_date"),
    )
    op.create_table(
        "model_tally",
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("model", sa.String(80), nullable=False),
        _count("calls"),
        _count("failures"),
        _id("prompt_tokens", nullable=False),
        _id("completion_tokens", nullable=False),
        _id("cost", nullable=False),
        sa.PrimaryKeyConstraint("subject", "local_date", "model"),
    )


def downgrade() -> None:
    """Take back."""
    for table in (
        "model_tally",
        "answer_tally",
        "dialog_turn",
        "golden_run",
        "golden_case",
        "feedback",
        "proposal",
        "finding",
    ):
        op.drop_table(table)
    for name in ("withheld", *_VALID):
        op.drop_column("chunk", name)
    for name in ("created_by", "created_by_id", "published_by_id", "scanned_at", "archived_at", *_VALID):
        op.drop_column("document_version", name)
    op.drop_column("document", "review_at")
    op.drop_column("document", "audience")
