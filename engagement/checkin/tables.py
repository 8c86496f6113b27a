"""Tables of check-ins; only this slice reads them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import day, pk, ref, utc

DAILY = "daily"
"""The topic of the plain check-in; others come with their own rules."""


class Checkin(SQLModel, table=True):
    """One check-in; the UNIQUE constraint is the rule "once a member, topic and local day"."""

    __tablename__ = "checkin"
    __table_args__ = (UniqueConstraint("member_id", "topic", "local_date"),)
    id: int | None = pk()
    member_id: int = ref("member.id", index=False)
    topic: str = Field(default=DAILY, max_length=32)
    local_date: date = day()
    occurred_at: datetime = utc()


class CheckinStreak(SQLModel, table=True):
    """A cache of the facts in ``checkin``, so that a check-in reads one row; recomputed when days come out of order.

    Attributes:
        streak: days in a row, ending on ``last_date``.
        total: check-ins ever.
    """

    __tablename__ = "checkin_streak"
    member_id: int = ref("member.id", primary_key=True, index=False)
    topic: str = Field(default=DAILY, primary_key=True, max_length=32)
    streak: int
    longest: int
    total: int
    last_date: date = day()
