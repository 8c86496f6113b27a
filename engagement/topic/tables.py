"""The day's topic of each group, and who answered it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from storage.columns import day, pk, ref, utc

OWN = "own"


class TopicDay(SQLModel, table=True):
    """A group's topic of one local day.

    Attributes:
        source: id in the bank, or ``own`` when the leader wrote it.
        question, hint: as they are shown; copied, since the bank changes with releases.
        state: ``planned`` or ``skipped`` (the leader wants none that day).
        attempt: how often the leader asked for another one.
    """

    __tablename__ = "topic_day"
    __table_args__ = (
        UniqueConstraint("group_id", "local_date"),
        CheckConstraint("state IN ('planned', 'skipped')", name="topic_day_state"),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id", index=False)
    local_date: date = day()
    source: str = Field(max_length=64)
    question: str = Field(max_length=120)
    hint: str = Field(default="", max_length=60)
    state: str = Field(default="planned", max_length=8)
    attempt: int = 0
    created_at: datetime = utc()


class TopicAnswer(SQLModel, table=True):
    """A member's first answer to a day's topic.

    Attributes:
        text: personal data; emptied on erasure and after 30 days, while the row keeps saying that it counted.
        by_bond: the same person said it with another account (storage.bonds): nothing more to answer, and no second answer.
    """

    __tablename__ = "topic_answer"
    __table_args__ = (
        UniqueConstraint("topic_day_id", "member_id"),
        Index(
            "ix_topic_answer_kept",
            "answered_at",
            sqlite_where=sql("text <> ''"),
            postgresql_where=sql("text <> ''"),
        ),
    )
    id: int | None = pk()
    topic_day_id: int = ref("topic_day.id", index=False)
    member_id: int = ref("member.id")
    text: str = Field(default="", max_length=300)
    answered_at: datetime = utc()
    by_bond: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
