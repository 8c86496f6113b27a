"""Tables of families; who is in one stands in ``member.account_id``, since a family is who shares an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from storage.columns import pk, ref, utc

_OPEN = text("state = 'open'")


class Family(SQLModel, table=True):
    """What a household is called.

    Attributes:
        name: one line; empty when whoever gave it has erased his data.
        named_by: the member who gave it.
    """

    __tablename__ = "family"
    household_id: int = ref("household.id", primary_key=True, index=False)
    name: str = Field(default="", max_length=24)
    named_by: int | None = ref("member.id", nullable=True)


class FamilyRequest(SQLModel, table=True):
    """One member asks another of the same group to share an account.

    At most one is open from the one to the other: the partial unique index. A row's id is never used again
    (``sqlite_autoincrement``), so that an old button cannot answer a new request.

    Attributes:
        kind: ``join`` = the asker comes to the asked one's household, ``invite`` = the other way round.
        state: ``open``, ``accepted``, ``declined``, ``withdrawn`` or ``expired``.
    """

    __tablename__ = "family_request"
    __table_args__ = (
        CheckConstraint("kind IN ('join', 'invite')", name="family_request_kind"),
        CheckConstraint(
            "state IN ('open', 'accepted', 'declined', 'withdrawn', 'expired')", name="family_request_state"
        ),
        CheckConstraint("asker_id <> asked_id", name="family_request_two"),
        Index(
            "ix_family_request_open",
            "asker_id",
            "asked_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        {"sqlite_autoincrement": True},
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id", index=False)
    asker_id: int = ref("member.id")
    asked_id: int = ref("member.id")
    kind: str = Field(max_length=6)
    state: str = Field(default="open", max_length=9)
    asked_at: datetime = utc()
    answered_at: datetime | None = utc(nullable=True)
