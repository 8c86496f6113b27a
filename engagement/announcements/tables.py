"""Announcements, what was said about each, and how many a group had on a day.

Which groups one goes to are the schedules of its first round's campaign, and how far it is stands in their deliveries:
nothing is counted here that the rows of the push do not say.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import day, document, pk, ref, utc


class Announcement(SQLModel, table=True):
    """Something that groups must know, from its beginning to its end.

    Attributes:
        scope: ``own`` (groups that the author leads), ``all`` or ``region:{id}``.
        left_out: ids of groups of the scope that the author took out, as ``{"groups": [...]}``.
        official: the author speaks for the operator, not as a leader.
        urgent: it may ring in quiet hours.
        state: ``draft``, ``open``, ``ended`` or ``withdrawn``.
    """

    __tablename__ = "announcement"
    __table_args__ = (CheckConstraint("state IN ('draft', 'open', 'ended', 'withdrawn')", name="announcement_state"),)
    id: int | None = pk()
    author_id: int = ref("person.id")
    scope: str = Field(max_length=24)
    left_out: dict[str, object] | None = document()
    official: bool = False
    urgent: bool = False
    state: str = Field(default="draft", max_length=10)
    created_at: datetime = utc()


class AnnouncementRound(SQLModel, table=True):
    """One thing said about an announcement: its beginning, an update or its end.

    Attributes:
        author_id: who typed it; a leader who stands in may not be the announcement's.
        step: ``first``, ``update`` or ``end``.
        words: what was typed, at most six lines; empty after the author's erasure.
        state: ``draft`` (shown to the author, waits for the button), ``sent`` (handed to the planner), ``dropped`` (a newer
            draft took its place) or ``withdrawn`` (before any group had it).
        changes: how often the draft was changed; a button of an older preview does not count.
        campaign_id: what carries it to the groups, once it is confirmed.
    """

    __tablename__ = "announcement_round"
    __table_args__ = (
        UniqueConstraint("campaign_id"),
        CheckConstraint("step IN ('first', 'update', 'end')", name="announcement_round_step"),
        CheckConstraint("state IN ('draft', 'sent', 'dropped', 'withdrawn')", name="announcement_round_state"),
    )
    id: int | None = pk()
    announcement_id: int = ref("announcement.id")
    author_id: int = ref("person.id")
    step: str = Field(max_length=6)
    words: str = Field(default="", max_length=400)
    state: str = Field(default="draft", max_length=10)
    changes: int = 0
    campaign_id: int | None = ref("campaign.id", nullable=True, index=False)
    made_at: datetime = utc()
    confirmed_at: datetime | None = utc(nullable=True)


class AnnouncementDay(SQLModel, table=True):
    """How many announcements rang in a group on a local day; the limit stands in the statement that counts."""

    __tablename__ = "announcement_day"
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    local_date: date = day(primary_key=True)
    said: int = 0
