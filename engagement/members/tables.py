"""Birthdays of those who gave them, and names that were told to a leader as confusable with hers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from storage.columns import ref, utc


class Birthday(SQLModel, table=True):
    """A day of the year on which somebody wants to be greeted; never the year of birth.

    Attributes:
        in_group: the person agreed to be greeted before the group; else in private only.
        agreed_at: when the person confirmed both.

    Source: F18.
    """

    __tablename__ = "birthday"
    __table_args__ = (
        CheckConstraint("month BETWEEN 1 AND 12 AND day BETWEEN 1 AND 31", name="birthday_of_a_year"),
        Index("ix_birthday_month_day", "month", "day"),
    )
    person_id: int = ref("person.id", primary_key=True, index=False)
    month: int
    day: int
    in_group: bool = False
    agreed_at: datetime = utc()


class Lookalike(SQLModel, table=True):
    """A name in a group that was told to a leader, so that it is told once.

    Attributes:
        name: as it was shown, one line.
    """

    __tablename__ = "lookalike"
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    person_id: int = ref("person.id", primary_key=True)
    name: str = Field(primary_key=True, max_length=64)
    found_at: datetime = utc()
