"""What each member has gathered in a month's challenge."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from storage.columns import day, ref


class ThemeScore(SQLModel, table=True):
    """A member's month. One statement adds a day once, in whatever order and however often the days come.

    Attributes:
        month: ``YYYY-MM``, of the group's local days.
        points: challenge points, the sum of ``days`` and ``answers``; they are no ledger points.
        day_bits, answer_bits: which days of the month were counted; day 1 is bit 0.
        completed_on: the local day that brought the target.
        rewarded_on: the local day on which the ledger points were posted.
    """

    __tablename__ = "theme_score"
    __table_args__ = (
        CheckConstraint("points = days + answers", name="theme_score_sum"),
        CheckConstraint("days BETWEEN 0 AND 31 AND answers BETWEEN 0 AND 31", name="theme_score_days"),
        Index("ix_theme_score_board", "group_id", "month", "points"),
        Index(
            "ix_theme_score_owed",
            "group_id",
            "month",
            sqlite_where=text("completed_on IS NOT NULL AND rewarded_on IS NULL"),
            postgresql_where=text("completed_on IS NOT NULL AND rewarded_on IS NULL"),
        ),
    )
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    month: str = Field(primary_key=True, max_length=7)
    member_id: int = ref("member.id", primary_key=True)
    points: int = 0
    days: int = 0
    answers: int = 0
    day_bits: int = 0
    answer_bits: int = 0
    completed_on: date | None = day(nullable=True)
    rewarded_on: date | None = day(nullable=True)
