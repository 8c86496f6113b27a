"""Codes of neighbours, who brought whom, and links that were pressed before joining."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import day, pk, ref, utc


class InviteCode(SQLModel, table=True):
    """A neighbour's two codes in a group; both change together.

    Attributes:
        code: short, typed by a newcomer in the group; unique there.
        token: long, in links; unique everywhere.
    """

    __tablename__ = "invite_code"
    __table_args__ = (UniqueConstraint("group_id", "code"), UniqueConstraint("token"))
    member_id: int = ref("member.id", primary_key=True, index=False)
    group_id: int = ref("chat_group.id", index=False)
    code: str = Field(max_length=8)
    token: str = Field(max_length=16)
    made_at: datetime = utc()


class Invitation(SQLModel, table=True):
    """A newcomer whose joining was seen, and who brought him; members only, so that no name stands here.

    Attributes:
        inviter_id: None while nobody has said who; such a row goes after a week.
        how: ``platform`` (the platform told), ``link`` or ``code``; empty while nobody has said.
        at: when the newcomer joined.
        days: different local days with a check-in, counted up to two.
        rewarded_on: the local day on which the thanks were paid, for whoever else is this person too.
        points: what the inviter got.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("invited_id"),
        CheckConstraint("inviter_id <> invited_id", name="invitation_of_another"),
        CheckConstraint("how IN ('', 'platform', 'link', 'code')", name="invitation_how"),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id")
    inviter_id: int | None = ref("member.id", nullable=True)
    invited_id: int = ref("member.id", index=False)
    how: str = Field(default="", max_length=10)
    at: datetime = utc()
    days: int = 0
    last_day: date | None = day(nullable=True)
    rewarded_on: date | None = day(nullable=True)
    points: int = 0


class InviteClaim(SQLModel, table=True):
    """A link that somebody pressed who is not in the group yet; counts for a week."""

    __tablename__ = "invite_claim"
    person_id: int = ref("person.id", primary_key=True, index=False)
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    inviter_id: int = ref("member.id")
    at: datetime = utc()
