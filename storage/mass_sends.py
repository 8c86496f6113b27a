"""Mass-sends that a leader confirms: one a day and customer group, and what an owner's groups did in a day, in figures.

The delivery row says whether a push is still to be told; the row here says what its leader has been asked (ADR-0019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.columns import day, document, instant, micros, pk, utc
from storage.engine import Session
from storage.statements import Prepared

ZONE = "Asia/Shanghai"
"""WeCom counts its days and months so, wherever the group lives."""
OPEN = frozenset({"making", "awaiting", "unknown"})
AWAITING = "awaiting_leader"
"""Reason of a delivery row whose leader has been asked: it goes out when she taps, and at no hour that can be told."""
DECLINED = "declined"
"""Reason of a row whose leader does not want it said; an open one is being taken back."""
CALLED_BACK = "called_back"
"""Reason of a row that is not to be said any more: there is room for another one."""
NOT_DELIVERED = ("not_in_group", "month_full")
"""Reasons of a row that was confirmed and that the platform did not deliver all the same."""


class MassSend(SQLModel, table=True):
    """The one merged message of a customer group and local day.

    Attributes:
        conversation: the platform's id of the customer group.
        leader: the platform's id of who confirms: staff's, not a resident's.
        state: ``making`` (the platform is being asked), ``awaiting`` (the leader's tap), ``sent``, ``refused`` (the platform
            did not take or deliver it), ``recalled`` (nobody confirmed in time, or it is not to be said any more) or
            ``unknown`` (a cut while it was made: the platform may have it).
        provider_id: the platform's id of the task; of the one before it while another one is being made.
        parts: which pushes it says, never their words: one text key and a digest a line.
        reminders: how often the leader was reminded.
        asked_at: when the leader was asked first; ``seen_at``: when a delivery last asked for it.
    """

    __tablename__ = "mass_send"
    __table_args__ = (
        UniqueConstraint("channel", "account", "conversation", "local_date"),
        CheckConstraint(
            "state IN ('making', 'awaiting', 'sent', 'refused', 'recalled', 'unknown')", name="mass_send_state"
        ),
        CheckConstraint("reminders BETWEEN 0 AND 3", name="mass_send_reminders"),
        Index(
            "ix_mass_send_open",
            "id",
            sqlite_where=text("state IN ('making', 'awaiting', 'unknown')"),
            postgresql_where=text("state IN ('making', 'awaiting', 'unknown')"),
        ),
    )
    id: int | None = pk()
    channel: str = Field(max_length=20)
    account: str = Field(default="", max_length=64)
    conversation: str = Field(max_length=128)
    local_date: date = day()
    leader: str = Field(max_length=64)
    state: str = Field(default="making", max_length=10)
    reason: str = Field(default="", max_length=40)
    provider_id: str = Field(default="", max_length=64)
    parts: str = ""
    reminders: int = 0
    asked_at: datetime = utc()
    changed_at: datetime = utc()
    seen_at: datetime = utc()


class OwnerDay(SQLModel, table=True):
    """What the platform counts about the customer groups of one owner in a day; figures alone, no words, no residents."""

    __tablename__ = "owner_day"
    channel: str = Field(max_length=20, primary_key=True)
    account: str = Field(max_length=64, primary_key=True)
    owner: str = Field(max_length=64, primary_key=True)
    local_date: date = day(primary_key=True)
    figures: dict[str, int] | None = document()


@dataclass(frozen=True, slots=True)
class Asked:
    """A row, as far as the channel works with it."""

    id: int
    conversation: str
    local_date: date
    state: str
    reason: str
    provider_id: str
    leader: str
    parts: tuple[str, ...]
    reminders: int
    asked_at: datetime
    changed_at: datetime
    seen_at: datetime


_M = MassSend.__table__  # type: ignore[attr-defined]
IS_OPEN: ColumnElement[bool] = literal_column("mass_send.state IN ('making', 'awaiting', 'unknown')")
"""Condition on a row of which something is still to come; written out, so that the partial index is recognised."""
TAKES_THE_DAY = or_(
    _M.c.state.in_((*sorted(OPEN), "sent")),
    (_M.c.state == "recalled") & (_M.c.reason != CALLED_BACK),
    _M.c.reason.in_((DECLINED, *NOT_DELIVERED)),
)
"""Condition on a row after which its group gets no other message that day; of any other one a new one is made."""
_O = OwnerDay.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    _M.c.id,
    _M.c.conversation,
    _M.c.local_date,
    _M.c.state,
    _M.c.reason,
    _M.c.provider_id,
    _M.c.leader,
    _M.c.parts,
    _M.c.reminders,
    _M.c.asked_at,
    _M.c.changed_at,
    _M.c.seen_at,
)
_OF = (
    (_M.c.channel == bindparam("channel"))
    & (_M.c.account == bindparam("account"))
    & (_M.c.conversation == bindparam("conversation"))
)
_FIND = Prepared("mass_send.find", select(*_COLUMNS).where(_OF, _M.c.local_date == bindparam("local_date")))
_GET = Prepared("mass_send.get", select(*_COLUMNS).where(_M.c.id == bindparam("row")))
_LAST = Prepared(
    "mass_send.last",
    select(*_COLUMNS).where(_OF, _M.c.local_date < bindparam("local_date")).order_by(_M.c.local_date.desc()).limit(1),
)
_OPEN = Prepared(
    "mass_send.open",
    select(*_COLUMNS)
    .where(
        _M.c.channel == bindparam("channel"),
        _M.c.account == bindparam("account"),
        IS_OPEN,
    )
    .order_by(_M.c.id),
)
_SEEN = Prepared("mass_send.seen", update(_M).where(_M.c.id == bindparam("row")).values(seen_at=bindparam("seen_now")))
_COUNT = Prepared(
    "mass_send.count",
    select(func.count()).where(
        _OF,
        _M.c.local_date >= bindparam("first"),
        _M.c.local_date <= bindparam("last"),
        _M.c.state.not_in([literal_column("'refused'"), literal_column("'recalled'")]),
    ),
)
_INSERT = Prepared(
    "mass_send.insert",
    lambda insert: (
        insert(_M)
        .values(
            channel=bindparam("channel"),
            account=bindparam("account"),
            conversation=bindparam("conversation"),
            local_date=bindparam("local_date"),
            leader=bindparam("leader"),
            state="making",
            reason="",
            provider_id="",
            parts=bindparam("parts"),
            reminders=0,
            asked_at=bindparam("now"),
            changed_at=bindparam("now"),
            seen_at=bindparam("now"),
        )
        .on_conflict_do_nothing(index_elements=["channel", "account", "conversation", "local_date"])
        .returning(_M.c.id)
    ),
)
# A compare-and-set: who has seen the row otherwise does not change it.
_MOVE = Prepared(
    "mass_send.move",
    update(_M)
    .where(_M.c.id == bindparam("row"), _M.c.state == bindparam("was"), _M.c.changed_at == bindparam("seen"))
    .values(
        state=bindparam("becomes"),
        leader=bindparam("leader"),
        reason=bindparam("why"),
        provider_id=bindparam("provider_id"),
        parts=bindparam("parts"),
        reminders=bindparam("reminders"),
        changed_at=bindparam("now"),
    )
    .returning(_M.c.id),
)


def find(session: Session, *, channel: str, account: str, conversation: str, local_date: date) -> Asked | None:
    """Return a group's row of a day."""
    row = session.row(
        _FIND, channel=channel, account=account, conversation=conversation, local_date=local_date.isoformat()
    )
    return None if row is None else _asked(row)


def last(session: Session, *, channel: str, account: str, conversation: str, local_date: date) -> Asked | None:
    """Return a group's latest row before a day."""
    row = session.row(
        _LAST, channel=channel, account=account, conversation=conversation, local_date=local_date.isoformat()
    )
    return None if row is None else _asked(row)


def seen(session: Session, row: int, now: datetime) -> None:
    """Note that a delivery still asks for it."""
    session.run(_SEEN, row=row, seen_now=micros(now))


def get(session: Session, row: int) -> Asked:
    """Return a row that is there."""
    return _asked(session.row(_GET, row=row))


def is_declined_since(row: Asked, latest: Asked) -> bool:
    """Say whether nothing has happened to an open row but that its leader does not want it said."""
    same = (latest.state, latest.provider_id) == (row.state, row.provider_id)
    return same and row.state in OPEN and latest.reason == DECLINED


def open_rows(session: Session, *, channel: str, account: str) -> list[Asked]:
    """Return what waits for a leader, and what nobody knows whether it does; oldest first."""
    return [_asked(row) for row in session.rows(_OPEN, channel=channel, account=account)]


def count(session: Session, *, channel: str, account: str, conversation: str, first: date, last: date) -> int:
    """Count what a group has got, or may still get, in the days [first, last]."""
    row = session.row(
        _COUNT,
        channel=channel,
        account=account,
        conversation=conversation,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    return int(row[0])


def begin(
    session: Session,
    *,
    channel: str,
    account: str,
    conversation: str,
    local_date: date,
    leader: str,
    parts: Sequence[str],
    now: datetime,
) -> bool:
    """Write down that a group's message of the day is being made; False when somebody else does that already."""
    made = session.row(
        _INSERT,
        channel=channel,
        account=account,
        conversation=conversation,
        local_date=local_date.isoformat(),
        leader=leader,
        parts="\n".join(parts),
        now=micros(now),
    )
    return made is not None


def move(
    session: Session,
    row: Asked,
    state: str,
    now: datetime,
    *,
    why: str = "",
    provider_id: str | None = None,
    parts: Sequence[str] | None = None,
    reminders: int | None = None,
) -> bool:
    """Change a row that is as it was seen; False when it is not any more.

    Args:
        row: as it was seen, but for its leader, who may be another one from now on.
    """
    moved = session.row(
        _MOVE,
        row=row.id,
        was=row.state,
        seen=micros(row.changed_at),
        becomes=state,
        why=why[:40],
        leader=row.leader[:64],
        provider_id=row.provider_id if provider_id is None else provider_id[:64],
        parts="\n".join(row.parts if parts is None else parts),
        reminders=row.reminders if reminders is None else reminders,
        now=micros(now),
    )
    return moved is not None


def decline(
    session: Session, *, channel: str, account: str, conversation: str, local_date: date, leader: str, now: datetime
) -> str:
    """Write down that a group's message of a day is not to be said; who made a task for it takes it back.

    Returns:
        The state in which it was; empty when nobody had been asked yet. What is ``sent`` stays sent.
    """
    where: dict[str, Any] = {
        "channel": channel,
        "account": account,
        "conversation": conversation,
        "local_date": local_date,
    }
    was = find(session, **where)
    if was is None:
        begin(session, leader=leader, parts=(), now=now, **where)
    row = find(session, **where)
    assert row is not None
    if row.state != "sent":
        open_still = was is not None and was.state in OPEN
        move(session, row, row.state if open_still else "recalled", now, why=DECLINED)
    return "" if was is None else was.state


def put_figures(
    session: Session, *, channel: str, account: str, owner: str, local_date: date, figures: Mapping[str, int]
) -> None:
    """Keep a day's figures of an owner; a later count of the same day replaces them."""
    known = session.get(OwnerDay, (channel, account, owner, local_date))
    if known is None:
        session.add(
            OwnerDay(channel=channel, account=account, owner=owner, local_date=local_date, figures=dict(figures))
        )
    else:
        known.figures = dict(figures)
    session.flush()


def prune(session: Session, before: date) -> None:
    """Forget what was asked, and what was counted, before a day."""
    for table in (_M, _O):
        session.execute(delete(table).where(table.c.local_date < before.isoformat()))


def last_figures(session: Session, *, channel: str, account: str) -> dict[str, date]:
    """Return owner → the latest day whose figures are kept."""
    rows = session.execute(
        select(_O.c.owner, func.max(_O.c.local_date))
        .where(_O.c.channel == channel, _O.c.account == account)
        .group_by(_O.c.owner)
    )
    return {str(owner): date.fromisoformat(str(day)) for owner, day in rows}


def _asked(row: Sequence[object]) -> Asked:
    number, conversation, local_date, state, reason, provider_id, leader, parts, reminders, *instants = row
    asked_at, changed_at, seen_at = (instant(int(str(one))) for one in instants)
    return Asked(
        int(str(number)),
        str(conversation),
        date.fromisoformat(str(local_date)),
        str(state),
        str(reason),
        str(provider_id),
        str(leader),
        tuple(str(parts).split("\n")) if parts else (),
        int(str(reminders)),
        asked_at,
        changed_at,
        seen_at,
    )
