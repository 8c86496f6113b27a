"""Cases of texts that were held back, with appeals, and the words that groups, regions and the staff added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ColumnElement, Index, UniqueConstraint, literal_column
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, pk, ref, utc

_KEPT = sql("text <> ''")
_OPEN = sql("state = 'waiting' OR appeal_state = 'waiting'")


class ModerationCase(SQLModel, table=True):
    """One text that is not shown to others for now, or not any more.

    Attributes:
        activity, reference: what it was written for, as the slice named it (:class:`engagement.events.Posted`).
        text: as it was written, with what is personal covered; emptied after 30 days and on erasure.
        reason: what the neighbour is told: a category of the rules.
        state: ``waiting`` for a leader, ``warned`` by the bot alone, or what a leader did.
        told_at: when a leader was told of it.
        appeal_state: empty, ``waiting``, ``granted`` or ``refused``.
        appeal: the neighbour's words, kept as long as ``text``.
    """

    __tablename__ = "moderation_case"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'warned', 'released', 'deleted', 'reminded', 'muted')", name="moderation_case_state"
        ),
        CheckConstraint("appeal_state IN ('', 'waiting', 'granted', 'refused')", name="moderation_case_appeal_state"),
        Index("ix_moderation_case_waiting", "group_id", "state"),
        Index("ix_moderation_case_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_moderation_case_kept", "created_at", sqlite_where=_KEPT, postgresql_where=_KEPT),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id", index=False)
    member_id: int = ref("member.id")
    activity: str = Field(max_length=20)
    reference: str = Field(max_length=64)
    text: str = Field(max_length=300)
    reason: str = Field(max_length=20)
    severity: int
    state: str = Field(default="waiting", max_length=10)
    created_at: datetime = utc()
    told_at: datetime | None = utc(nullable=True)
    decided_at: datetime | None = utc(nullable=True)
    decided_by: int | None = ref("person.id", nullable=True, index=False)
    appeal_state: str = Field(default="", max_length=10)
    appeal: str = Field(default="", max_length=200)
    appealed_at: datetime | None = utc(nullable=True)


WAITS: ColumnElement[bool] = literal_column("moderation_case.state = 'waiting'")
APPEALED: ColumnElement[bool] = literal_column("moderation_case.appeal_state = 'waiting'")
OPEN: ColumnElement[bool] = literal_column(
    "(moderation_case.state = 'waiting' OR moderation_case.appeal_state = 'waiting')"
)
"""Written out, so that the partial index on open cases is recognised."""


class ModerationWord(SQLModel, table=True):
    """A word that is held back in a group, in a region's groups, or everywhere.

    Attributes:
        scope_id: the group's or region's id; 0 for ``all``.
        word: as it is compared: letters and digits, small, simplified.
    """

    __tablename__ = "moderation_word"
    __table_args__ = (
        UniqueConstraint("scope", "scope_id", "word"),
        CheckConstraint("scope IN ('all', 'region', 'group')", name="moderation_word_scope"),
    )
    id: int | None = pk()
    scope: str = Field(max_length=8)
    scope_id: int = Field(default=0, sa_type=BigInt)
    word: str = Field(max_length=40)
    added_at: datetime = utc()
