"""Tables of points besides the ledger; only this slice reads them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, day, pk, ref, utc


class GiftRequest(SQLModel, table=True):
    """A gift or taking beyond what one leader may do alone; another one confirms it.

    Attributes:
        maker_id, decided_by: persons; never the same one.
        amount: whole points, with its sign.
        reason: personal data; emptied when either of the two people is erased.
        state: ``open``, ``given`` or ``refused``; an open one is too old after ``rules.REQUEST_HOURS``.
    """

    __tablename__ = "gift_request"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'given', 'refused')", name="gift_request_state"),
        CheckConstraint("decided_by IS NULL OR decided_by <> maker_id", name="gift_request_two_people"),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id")
    maker_id: int = ref("person.id")
    member_id: int = ref("member.id")
    amount: int = Field(sa_type=BigInt)
    reason: str = Field(max_length=200)
    state: str = Field(default="open", max_length=10)
    asked_at: datetime = utc()
    decided_by: int | None = ref("person.id", nullable=True, index=False)
    decided_at: datetime | None = utc(nullable=True)


class AwardTrace(SQLModel, table=True):
    """Which answers a member was rewarded for lately, so that copies earn nothing; rows older than that are deleted.

    Attributes:
        mark: digest of the answer's letters, see :func:`engagement.points.farming.digest`.
        times: how often on that day.
    """

    __tablename__ = "award_trace"
    __table_args__ = (Index("ix_award_trace_day", "local_date"),)
    member_id: int = ref("member.id", primary_key=True, index=False)
    local_date: date = day(primary_key=True)
    mark: str = Field(primary_key=True, max_length=40)
    times: int = 1
