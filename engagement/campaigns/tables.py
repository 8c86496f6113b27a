"""What is planned in the calendar, and who answered it.

What goes out when, and what became of it, stands in storage/campaigns.py: an approved plan is a campaign there.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ColumnElement, UniqueConstraint, or_
from sqlmodel import Field, SQLModel, col

from storage.columns import BigInt, day, pk, ref, utc


class Plan(SQLModel, table=True):
    """A campaign of the calendar.

    Attributes:
        key: stable name, ``pack-key:2027`` or ``own:…``; that of the campaign once it is approved.
        form: of :data:`prompts.campaigns.FORMS`.
        scope: ``all``, ``region:ID`` or ``group:ID``.
        audience: ``groups`` or ``leaders``.
        night: only for groups whose leader opened the late slot; it may ring in quiet hours there.
        joined: its days count from the day on which a group's leader began (:data:`engagement.calendar.EPOCH`).
        stage: ``draft`` or ``approved``; how an approved one goes stands in its campaign.
        campaign_id: its campaign; None until it is first approved.
        first_day, last_day: of its beats.
        written_by, approved_by: person ids; None = it came with the program.
    """

    __tablename__ = "calendar_plan"
    __table_args__ = (
        CheckConstraint("stage IN ('draft', 'approved')", name="calendar_plan_stage"),
        CheckConstraint("audience IN ('groups', 'leaders')", name="calendar_plan_audience"),
    )
    id: int | None = pk()
    key: str = Field(max_length=64, unique=True)
    name: str = Field(max_length=30)
    form: str = Field(max_length=20)
    slogan: str = Field(default="", max_length=60)
    scope: str = Field(default="all", max_length=80)
    audience: str = Field(default="groups", max_length=10)
    night: bool = False
    joined: bool = False
    stage: str = Field(default="draft", max_length=10)
    campaign_id: int | None = ref("campaign.id", nullable=True)
    first_day: date = day(index=True)
    last_day: date = day(index=True)
    written_by: int | None = ref("person.id", nullable=True)
    written_at: datetime = utc()
    approved_by: int | None = ref("person.id", nullable=True)
    approved_at: datetime | None = utc(nullable=True)


def still_counts(today: date) -> ColumnElement[bool]:
    """Return the condition on plans that leaves drafts out whose days are all over: nobody approves those any more.

    Args:
        today: Local day of the staff.
    """
    return or_(col(Plan.stage) != "draft", col(Plan.joined), col(Plan.last_day) >= today)


class Beat(SQLModel, table=True):
    """What a plan says on one day.

    Attributes:
        local_day: of every group, before its own shift.
        peak: the anchor that the texts count towards; None where there is none.
        other: another wording; half of the groups get it. Empty = none.
        poster: it goes with a picture.
    """

    __tablename__ = "calendar_beat"
    __table_args__ = (
        UniqueConstraint("plan_id", "local_day"),
        CheckConstraint("minute BETWEEN 0 AND 1439", name="calendar_beat_minute"),
    )
    id: int | None = pk()
    plan_id: int = ref("calendar_plan.id", index=False)
    local_day: date = day()
    minute: int
    phase: str = Field(default="", max_length=10)
    title: str = Field(max_length=40)
    text: str = Field(max_length=1000)
    other: str = Field(default="", max_length=1000)
    peak: date | None = day(nullable=True)
    poster: bool = False


class Echo(SQLModel, table=True):
    """That a member answered a campaign: quoted it, or pressed its button.

    Attributes:
        answers: how often.
    """

    __tablename__ = "calendar_echo"
    plan_id: int = ref("calendar_plan.id", primary_key=True, index=False)
    member_id: int = ref("member.id", primary_key=True)
    group_id: int = Field(sa_type=BigInt)
    answers: int = 1
    first_at: datetime = utc()
