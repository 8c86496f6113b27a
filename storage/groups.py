"""Groups, persons, members, households, roles and consent: who is who, shared by every slice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, text, true
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, UtcMicros, day, document, pk, ref, utc


class Region(SQLModel, table=True):
    """An operator's region; managers see aggregates of one.

    Source: F116.
    """

    __tablename__ = "region"
    id: int | None = pk()
    name: str = Field(max_length=80, unique=True)


class Group(SQLModel, table=True):
    """One group chat on one channel.

    Attributes:
        channel: ``play``, ``sim``, ``terminal``, ``telegram``, …
        account: which bot account serves it (several may serve one installation).
        external_id: the platform's id of the chat; changes when a Telegram group becomes a supergroup.
        zone: IANA time zone; the group's local day is computed in it.
        quiet_from, quiet_to: quiet hours in local minutes since midnight, [from, to), may wrap midnight.
        daily_budget: unasked messages a day (pushes, welcomes, summaries).
        quiet_acks: a routine check-in gets an emoji reaction instead of words.
        can_read: None unknown, False when the bot sees only what is addressed to it (privacy mode).
        state: ``active`` or ``removed`` (the bot was taken out; everything is kept).
        settings: per slice, e.g. ``{"checkin": {"base": 2}}``; parsed by the slice.
        facts: pick-up place and hours and the like, quoted by answers, never generated.
        hears: what people write in the chat reaches the bot; as its channel says. Where it does not, they act on pages and in
            private chats, and no text may tell them to write there.
        speaks: the bot can say something there by itself, at once; else only what is planned for the day reaches the chat.
    """

    __tablename__ = "chat_group"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        CheckConstraint("state IN ('active', 'removed')", name="chat_group_state"),
        CheckConstraint("quiet_from BETWEEN 0 AND 1439 AND quiet_to BETWEEN 0 AND 1439", name="chat_group_quiet"),
        CheckConstraint("daily_budget BETWEEN 0 AND 50", name="chat_group_budget"),
    )
    id: int | None = pk()
    channel: str = Field(max_length=20)
    account: str = Field(default="", max_length=64)
    external_id: str = Field(max_length=128)
    name: str = Field(default="", max_length=128)
    zone: str = Field(default="Asia/Shanghai", max_length=64)
    region_id: int | None = ref("region.id", nullable=True)
    quiet_from: int = 22 * 60
    quiet_to: int = 7 * 60
    daily_budget: int = 4
    quiet_acks: bool = True
    can_read: bool | None = Field(default=None, nullable=True)
    state: str = Field(default="active", max_length=10)
    settings: dict[str, object] | None = document()
    facts: dict[str, str] | None = document()
    hears: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    speaks: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    created_at: datetime = utc()


def thread_of(settings: Mapping[str, Any]) -> str:
    """Read in a group's settings which topic is told what nobody asked for; empty = the general one."""
    kept = settings.get("groups")
    thread = kept.get("thread") if isinstance(kept, Mapping) else None
    return thread if isinstance(thread, str) else ""


class Person(SQLModel, table=True):
    """Somebody, over all groups and channels; after erasure an empty pseudonym that ledger rows still point at.

    Attributes:
        current_group_id: which group a private message is about, when the person is in several.
    """

    __tablename__ = "person"
    id: int | None = pk()
    current_group_id: int | None = ref("chat_group.id", nullable=True, index=False)
    created_at: datetime = utc()


class Identity(SQLModel, table=True):
    """A person's account on a channel. Deleted when the person is erased.

    Attributes:
        dm_open: the person has spoken to the bot in private, so that it may write first.
        elder: private answers are short and plain, because the person asked for it (the same on all channels).
        account: the bot account that the person wrote to in private last, and which may therefore write first; empty = unknown.
    """

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("channel", "external_id"),)
    id: int | None = pk()
    person_id: int = ref("person.id")
    channel: str = Field(max_length=20)
    external_id: str = Field(max_length=128)
    name: str = Field(default="", max_length=64)
    dm_open: bool = False
    elder: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    account: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})


class Household(SQLModel, table=True):
    """A 家庭 within one group: one member by default.

    Source: F3.
    """

    __tablename__ = "household"
    id: int | None = pk()
    created_at: datetime = utc()


class Account(SQLModel, table=True):
    """A household's points in one group; ``balance`` is a cache of the entries' sum, verified by ``verify``."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("household_id", "group_id"),
        CheckConstraint("balance >= 0", name="account_balance_not_negative"),
    )
    id: int | None = pk()
    household_id: int = ref("household.id")
    group_id: int = ref("chat_group.id")
    balance: int = Field(default=0, sa_type=BigInt)


class Member(SQLModel, table=True):
    """A person in a group.

    Attributes:
        name: how the platform shows the person, one line, at most 64 characters; empty after erasure.
        role: ``member`` or ``leader``.
        account_id: where this member's points go; None until the first command (consent).
        left_at: None while in the group.
        muted_until: the bot ignores the member's commands until then.
        mutes_ended: mutes that were taken back while a longer one hid them (:mod:`storage.mutes`): end → that of what each had
            taken the place of, microseconds.
        steps: bits of a newcomer's first steps that are done (engagement.members); None for who is not on that path.
        bonded_to: the member of this group who acts for this one while their two persons are bound (storage.bonds).
        by_link: came by the group's link and was not seen in its chat so far: not to be there is no leaving.
    """

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("group_id", "person_id"),
        CheckConstraint("role IN ('member', 'leader')", name="member_role"),
        Index(
            "ix_member_here",
            "group_id",
            "joined_at",
            sqlite_where=text("left_at IS NULL"),
            postgresql_where=text("left_at IS NULL"),
        ),
        Index(
            "ix_member_bonded_to",
            "bonded_to",
            sqlite_where=text("bonded_to IS NOT NULL"),
            postgresql_where=text("bonded_to IS NOT NULL"),
        ),
    )
    id: int | None = pk()
    group_id: int = ref("chat_group.id", index=False)
    person_id: int = ref("person.id")
    name: str = Field(default="", max_length=64)
    role: str = Field(default="member", max_length=10)
    account_id: int | None = ref("account.id", nullable=True)
    joined_at: datetime = utc()
    left_at: datetime | None = utc(nullable=True)
    last_seen: date | None = day(nullable=True)
    muted_until: datetime | None = utc(nullable=True)
    mutes_ended: dict[str, int | None] | None = document()
    steps: int | None = Field(default=None, nullable=True)
    bonded_to: int | None = Field(default=None, nullable=True, sa_type=BigInt)
    by_link: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class Consent(SQLModel, table=True):
    """What a person agreed to, when, and when it was withdrawn. One row a person; kept as proof after erasure.

    Source: F118, F119.
    """

    __tablename__ = "consent"
    person_id: int = ref("person.id", primary_key=True, index=False)
    notice_version: str = Field(max_length=20)
    granted_at: datetime = utc()
    withdrawn_at: datetime | None = utc(nullable=True)


class RoleGrant(SQLModel, table=True):
    """A role over groups: ``staff``, ``manager`` (of a region) or ``admin``."""

    __tablename__ = "role_grant"
    __table_args__ = (CheckConstraint("role IN ('staff', 'manager', 'admin')", name="role_grant_role"),)
    person_id: int = ref("person.id", primary_key=True, index=False)
    role: str = Field(primary_key=True, max_length=10)
    region_id: int | None = ref("region.id", nullable=True, index=False)
    granted_at: datetime = utc()


class GroupDay(SQLModel, table=True):
    """Counters of one group and local day: the budget of unasked messages, and what was heard."""

    __tablename__ = "group_day"
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    local_date: date = day(primary_key=True)
    unasked: int = 0


class GroupHour(SQLModel, table=True):
    """Messages heard in a group within one hour (UTC); never who and never what."""

    __tablename__ = "group_hour"
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    hour: datetime = Field(primary_key=True, sa_type=UtcMicros)
    messages: int = 0
