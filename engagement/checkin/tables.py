"""Tables of check-ins; only this slice reads them. Topics are few and stand in the group's settings (rules.Topic)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, bindparam, false, true
from sqlmodel import Field, SQLModel

from storage.columns import day, pk, ref, utc
from storage.statements import Prepared

DAILY = "daily"
"""The topic of the plain check-in; others come with their own rules."""


class Checkin(SQLModel, table=True):
    """One check-in; the UNIQUE constraint is the rule "once a member, topic and local day", make-ups included.

    Attributes:
        made_up: made up for afterwards (补签); becomes False when a late real check-in of that day arrives.
        by_bond: the same person did it with another account (storage.bonds): it counts for this one's streak, and is no second
            check-in.
    """

    __tablename__ = "checkin"
    __table_args__ = (UniqueConstraint("member_id", "topic", "local_date"),)
    id: int | None = pk()
    member_id: int = ref("member.id", index=False)
    topic: str = Field(default=DAILY, max_length=32)
    local_date: date = day()
    occurred_at: datetime = utc()
    made_up: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    by_bond: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class CheckinStreak(SQLModel, table=True):
    """A cache of the facts in ``checkin``, so that a check-in reads one row; recomputed when days come out of order.

    Attributes:
        streak: days in a row, ending on ``last_date``; make-ups count, paused days neither count nor break it.
        total: real check-ins ever.
        last_date: the latest day with a check-in or a make-up.
        cards: make-up cards held; only the daily topic's row has any.
        made_up: days that are made up for and were not given back: only then a repeated check-in looks for one.
    """

    __tablename__ = "checkin_streak"
    member_id: int = ref("member.id", primary_key=True, index=False)
    topic: str = Field(default=DAILY, primary_key=True, max_length=32)
    streak: int
    longest: int
    total: int
    last_date: date = day()
    cards: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    made_up: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class CheckinMakeup(SQLModel, table=True):
    """What a make-up cost, so that it can be given back when the real check-in of that day turns up.

    Attributes:
        made_on: local day on which it was made; the month's limit counts these.
        paid: ``card`` or ``points``; ``entry_id`` is the ledger entry of points that were more than none.
        refunded_at: set once.
    """

    __tablename__ = "checkin_makeup"
    __table_args__ = (
        UniqueConstraint("member_id", "topic", "local_date"),
        CheckConstraint("paid IN ('card', 'points')", name="checkin_makeup_paid"),
    )
    id: int | None = pk()
    member_id: int = ref("member.id", index=False)
    topic: str = Field(default=DAILY, max_length=32)
    local_date: date = day()
    made_on: date = day()
    paid: str = Field(max_length=6)
    entry_id: int | None = ref("ledger_entry.id", nullable=True, index=False)
    refunded_at: datetime | None = utc(nullable=True)


class CheckinPause(SQLModel, table=True):
    """Days [first_day, last_day] that break no streak: a group's freeze, or (``member_id``) a neighbour's leave.

    Attributes:
        reason: what the leader calls the holiday; empty for a leave.
    """

    __tablename__ = "checkin_pause"
    __table_args__ = (
        CheckConstraint("first_day <= last_day", name="checkin_pause_days"),
        Index("ix_checkin_pause_group_id", "group_id", "last_day"),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id", index=False)
    member_id: int | None = ref("member.id", nullable=True)
    first_day: date = day()
    last_day: date = day()
    reason: str = Field(default="", max_length=20)


class CheckinDay(SQLModel, table=True):
    """The one message of a group's day that says who has checked in, where a group wants it so.

    Attributes:
        due_at: when it is to be edited; None = it says what there is.
        edited_at: when it was last sent or edited.
    """

    __tablename__ = "checkin_day"
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    local_date: date = day(primary_key=True)
    due_at: datetime | None = utc(nullable=True, index=True)
    edited_at: datetime = utc()


def recording(*, made_up: bool, by_bond: bool = False) -> Prepared:
    """Return the statement that writes a check-in down, once a member, topic and local day; no row = it stands already.

    Its values are ``member``, ``topic``, ``local_day`` and ``occurred_at`` (microseconds).

    Args:
        made_up: it is made up for afterwards.
        by_bond: it was done with another account.
    """
    table = Checkin.__table__  # type: ignore[attr-defined]
    return Prepared(
        f"checkin.insert_{'makeup' if made_up else 'bond' if by_bond else 'real'}",
        lambda insert: (
            insert(table)
            .values(
                member_id=bindparam("member"),
                topic=bindparam("topic"),
                local_date=bindparam("local_day"),
                occurred_at=bindparam("occurred_at"),
                made_up=true() if made_up else false(),
                by_bond=true() if by_bond else false(),
            )
            .on_conflict_do_nothing(index_elements=["member_id", "topic", "local_date"])
            .returning(table.c.id)
        ),
    )
