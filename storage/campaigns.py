"""Pushes as rows: what is due when (schedule), that it fired (fire), and each message of it (delivery).

Delivery rows are the truth about a push (ADR 0004); whoever drives them (an engine, ``play``, a test) only moves their
state. A fire's key is campaign, group and local date, so any number of replicas fires once.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, day, document, pk, ref, utc

DELIVERY_STATES = ("pending", "sending", "sent", "skipped", "failed", "unknown", "cancelled")


class Campaign(SQLModel, table=True):
    """Something that pushes: the daily topic, a month's theme, a challenge.

    Attributes:
        key: stable name, e.g. ``topic``, ``theme:2026-12``.
        kind: which job plans it (:class:`engagement.feature.JobSpec.kind`).
        state: ``running``, ``paused``, ``cancelled`` or ``finished``.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'paused', 'cancelled', 'finished')", name="campaign_state"),
    )
    id: int | None = pk()
    key: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=32)
    name: str = Field(default="", max_length=80)
    state: str = Field(default="running", max_length=10)
    created_at: datetime = utc()


class Schedule(SQLModel, table=True):
    """When a campaign is next due in a group.

    Attributes:
        local_minute: minutes since local midnight at which it fires.
        grace_minutes: how late it may still be sent.
        next_at: the instant it is due next; None = to be worked out at the next tick. Whoever changes the minute or
            ``enabled`` sets it to None, so that nothing of the past becomes due. A campaign with days of its own has None
            when nothing of it is left; its slice works it out again.
        enabled: False is the leader's opt-out.
        shift_days: how many days later than others this group has a campaign's days, negative = earlier.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("group_id", "campaign_id"),
        Index("ix_schedule_due", "next_at", sqlite_where=text("enabled"), postgresql_where=text("enabled")),
    )
    id: int | None = pk()
    campaign_id: int = ref("campaign.id")
    group_id: int = ref("chat_group.id")
    kind: str = Field(max_length=32)
    zone: str = Field(max_length=64)
    local_minute: int
    grace_minutes: int = 120
    next_at: datetime | None = utc(nullable=True)
    enabled: bool = True
    shift_days: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Fire(SQLModel, table=True):
    """That a campaign fired in a group for a local day; the key is the proof that it fires once."""

    __tablename__ = "fire"
    campaign_id: int = ref("campaign.id", primary_key=True, index=False)
    group_id: int = ref("chat_group.id", primary_key=True)
    local_date: date = day(primary_key=True)
    due_at: datetime = utc()
    fired_at: datetime = utc()


class Delivery(SQLModel, table=True):
    """One message of a fire: to its group, or in private to one person of it.

    Attributes:
        recipient: person id of a private message; 0 = the group. A fire may have several, one a person.
        channel: on which a private message goes out; empty of what goes to the group, wherever that is.
        account: by which bot account there.
        shard: driven together by one workflow; about 200 rows each.
        epoch: how often the shard was rebuilt (a finished workflow id never runs again).
        body: JSON of :class:`engagement.kernel.Outgoing`; empty once sent.
        reason: why it was skipped, failed or is unknown: a fixed word (texts in prompts/texts/zh/push.toml).
        expires_at: later than this it is skipped.
        sender: which process took it (:class:`Heartbeat`); a row that is ``sending`` by a dead one is ambiguous.
        carrier: the row in whose message this one was said along, or is while it waits with its beginning out: then the first
            one carries itself; None = it was, or is to be, a message of its own.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("campaign_id", "group_id", "local_date", "recipient"),
        CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'skipped', 'failed', 'unknown', 'cancelled')",
            name="delivery_state",
        ),
        Index("ix_delivery_shard", "shard", "state"),
        Index("ix_delivery_group_day", "group_id", "local_date"),
        Index(
            "ix_delivery_open",
            "id",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index(
            "ix_delivery_astray",
            "due_at",
            sqlite_where=text("state IN ('failed', 'unknown')"),
            postgresql_where=text("state IN ('failed', 'unknown')"),
        ),
        Index(
            "ix_delivery_waiting",
            "group_id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )
    id: int | None = pk()
    campaign_id: int = ref("campaign.id", index=False)
    group_id: int = ref("chat_group.id", index=False)
    local_date: date = day()
    recipient: int = Field(default=0, sa_type=BigInt, sa_column_kwargs={"server_default": "0"})
    channel: str = Field(default="", max_length=20, sa_column_kwargs={"server_default": ""})
    account: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    shard: str = Field(max_length=80)
    epoch: int = 0
    state: str = Field(default="pending", max_length=10)
    reason: str = Field(default="", max_length=40)
    body: str = ""
    attempts: int = 0
    sender: str = Field(default="", max_length=80)
    due_at: datetime = utc()
    not_before: datetime | None = utc(nullable=True)
    expires_at: datetime = utc()
    sent_at: datetime | None = utc(nullable=True)
    provider_id: str = Field(default="", max_length=64)
    carrier: int | None = Field(default=None, nullable=True, sa_type=BigInt)


class Gate(SQLModel, table=True):
    """A rate gate (GCRA): one row per bot and per bot and group; ``tat`` is the theoretical arrival time, microseconds."""

    __tablename__ = "rate_gate"
    name: str = Field(primary_key=True, max_length=200)
    tat: int = Field(default=0, sa_type=BigInt)


class Heartbeat(SQLModel, table=True):
    """A living process that drives deliveries; when it is silent too long its work is taken over."""

    __tablename__ = "heartbeat"
    executor: str = Field(primary_key=True, max_length=80)
    beat_at: datetime = utc()
    details: dict[str, object] | None = document()
