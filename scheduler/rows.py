"""Delivery rows and how they move: pending → sending → sent, or skipped, failed, unknown; each move a compare-and-set.

Every function runs in the caller's transaction. ``sender`` in a row is the process that took it; a row that is ``sending``
by a process without a fresh heartbeat is ambiguous: the platform may have said yes before the crash.

Source: ADR-0004.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)

from engagement.kernel import Kind, Outgoing, Place, Section
from scheduler import heartbeats, orphans
from storage.campaigns import Campaign, Delivery
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

IN_PART = "in_part"
"""Why a row has ended whose beginning is out, and whose rest never will be."""
A_MOMENT = timedelta(minutes=1)
"""What has to wait so long at most goes along in a message that goes out now."""

_D = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
# Written out, so that the partial index on open rows is recognised.
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
_PENDING: ColumnElement[str] = literal_column("'pending'")
_ROW = _D.c.id == bindparam("row")
_MINE = (_D.c.state == "sending") & (_D.c.sender == bindparam("me"))


@dataclass(frozen=True, slots=True)
class Due:
    """A row that may be sent now, as far as the row says.

    Attributes:
        channel: on which it goes out: the group's, or another one on which its reader can be written to in private.
        account: by which bot account there.
        conversation: the group's id on its platform at the moment; empty of what goes to somebody in private.
    """

    id: int
    kind: str
    channel: str
    account: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that this process holds as ``sending``; ``attempts`` counts this one.

    Attributes:
        along: rows that are said in the same message, held as well.
        begun: the beginning of the message is out, so no other row may be said along.
    """

    id: int
    kind: str
    group_id: int
    message: Outgoing
    attempts: int
    expires_at: datetime
    along: tuple[int, ...] = ()
    begun: bool = False


# Said in a message that is still to be said, or whose rest is: it goes out with that one. A row that carries itself is the first
# of a message whose beginning is out. One that cannot go out, of a campaign that stands still, leads nobody.
_OF = _C.alias("carrier_campaign")
LED = exists().where(
    orphans.CARRIER.c.id == _D.c.carrier,
    orphans.CARRIER.c.id != _D.c.id,
    or_(
        orphans.CARRIER.c.state == literal_column("'sending'"),
        and_(
            orphans.CARRIER.c.state == _PENDING,
            orphans.CARRIER.c.campaign_id.in_(select(_OF.c.id).where(_OF.c.state == literal_column("'running'"))),
        ),
    ),
)
_ALONG = case((_D.c.carrier == _D.c.id, null()), else_=_D.c.carrier)
_DUE = Prepared(
    "delivery.due",
    select(
        _D.c.id,
        _C.c.kind,
        case((_D.c.channel == "", _G.c.channel), else_=_D.c.channel),
        case((_D.c.channel == "", _G.c.account), else_=_D.c.account),
        case((_D.c.recipient == 0, _G.c.external_id), else_=""),
    )
    .join(_C, _C.c.id == _D.c.campaign_id)
    .join(_G, _G.c.id == _D.c.group_id)
    .where(
        _D.c.shard == bindparam("shard"),
        _D.c.state == "pending",
        _C.c.state == "running",
        or_(_D.c.not_before.is_(None), _D.c.not_before <= bindparam("now")),
        ~LED,
    )
    .order_by(_D.c.id),
)
_TAKE = Prepared(
    "delivery.take",
    update(_D)
    .where(
        _ROW,
        _D.c.state == "pending",
        # What is a part of a message whose beginning is out is said to its end with it, or that would be another message.
        or_(_D.c.expires_at >= bindparam("now"), LED),
        # Another message may have carried it in vain since this one was listed.
        or_(_D.c.not_before.is_(None), _D.c.not_before <= bindparam("by")),
        or_(exists().where(_C.c.id == _D.c.campaign_id, _C.c.state == "running"), LED),
        exists().where(_G.c.id == _D.c.group_id, _G.c.state == "active"),
    )
    .values(
        state="sending",
        sender=bindparam("me"),
        attempts=_D.c.attempts + 1,
        carrier=case((_D.c.carrier == _D.c.id, _D.c.id), else_=null()),
    )
    .returning(_D.c.body, _D.c.group_id, _D.c.attempts, _D.c.expires_at, _D.c.recipient, _D.c.carrier),
)
# What else the group, or the person in private, is to be told now; written out, so that the partial index is recognised.
_WAITING = Prepared(
    "delivery.waiting",
    select(_D.c.id, _C.c.kind)
    .join(_C, _C.c.id == _D.c.campaign_id)
    .where(
        literal_column("delivery.state = 'pending'"),
        # With a beginning that is out goes what was in it, and nothing else; with any other one nothing of such a message.
        case((_D.c.carrier.is_(None), 0), else_=_D.c.carrier) == bindparam("begun"),
        _D.c.group_id == bindparam("group_id"),
        _D.c.recipient == bindparam("recipient"),
        or_(_D.c.not_before.is_(None), _D.c.not_before <= bindparam("by")),
    )
    .order_by(_D.c.id),
)
_CARRIED = Prepared("delivery.carried", update(_D).where(_ROW).values(carrier=bindparam("by")))
_ADDRESS = Prepared(
    "delivery.address",
    select(_G.c.channel, _G.c.account, _G.c.external_id).where(_G.c.id == bindparam("group_id")),
)
_SENT = Prepared(
    "delivery.sent",
    update(_D)
    .where(_ROW, _MINE)
    .values(
        state="sent",
        body="",
        reason="",
        sent_at=bindparam("now"),
        provider_id=bindparam("provider_id"),
        carrier=_ALONG,
    )
    .returning(_D.c.id),
)
_AGAIN = Prepared(
    "delivery.again",
    update(_D)
    .where(_ROW, _MINE)
    .values(
        state="pending",
        not_before=bindparam("not_before"),
        carrier=bindparam("by"),
        attempts=_D.c.attempts - bindparam("uncounted", type_=Integer),
    )
    .returning(_D.c.id),
)
_POSTPONE = Prepared(
    "delivery.postpone",
    update(_D).where(_ROW, _D.c.state == "pending").values(not_before=bindparam("not_before")),
)
_END = Prepared(
    "delivery.end",
    update(_D)
    .where(_ROW, _MINE)
    .values(state=bindparam("state"), reason=bindparam("why"), body="", carrier=_ALONG)
    .returning(_D.c.id),
)
_UNKNOWN = Prepared(
    "delivery.unknown",
    update(_D).where(_ROW, _MINE).values(state="unknown", reason=bindparam("why"), carrier=_ALONG).returning(_D.c.id),
)
# Not the bare column: SQLite would walk the whole table in the order of the shard index instead of the few open rows.
_SHARD: ColumnElement[str] = literal_column("delivery.shard || ''")


def _shards(name: str, *of: ColumnElement[bool]) -> Prepared:
    return Prepared(
        name,
        select(_SHARD, func.max(_D.c.epoch))
        .join(_C, _C.c.id == _D.c.campaign_id)
        .join(_G, _G.c.id == _D.c.group_id)
        .where(
            _OPEN,
            *of,
            or_(
                (_D.c.state == "pending")
                & or_(_D.c.not_before.is_(None), _D.c.not_before <= bindparam("now"))
                & (_D.c.expires_at >= bindparam("now"))
                & (_C.c.state == "running")
                & (_G.c.state == "active")
                & ~LED,
                (_D.c.state == "sending") & or_(orphans.LEFT, orphans.DEAD),
            ),
        )
        .group_by(_SHARD)
        .order_by(func.min(_D.c.id)),
    )


_SHARDS = _shards("delivery.shards")
# Not the bare column here either: there are more groups of a channel than open rows.
_GOES_BY = case((_D.c.channel == "", literal_column("chat_group.channel || ''")), else_=_D.c.channel)
_SHARDS_OF = _shards("delivery.shards_of", _GOES_BY == bindparam("channel"))
_NEXT_EPOCH = Prepared(
    "delivery.next_epoch",
    update(_D)
    .where(_D.c.shard == bindparam("in_shard"), _D.c.epoch == bindparam("before"), _OPEN)
    .values(epoch=_D.c.epoch + 1),
)
_NEXT = Prepared(
    "delivery.next",
    select(func.min(case((_D.c.not_before > bindparam("now"), _D.c.not_before), else_=bindparam("now"))))
    .join(_C, _C.c.id == _D.c.campaign_id)
    .join(_G, _G.c.id == _D.c.group_id)
    .where(_OPEN, _D.c.state == "pending", _C.c.state == "running", _G.c.state == "active"),
)


def due(session: Session, shard: str, now: datetime) -> list[Due]:
    """Return the rows of a shard that may be sent now, oldest first."""
    return [Due(*row) for row in session.rows(_DUE, shard=shard, now=micros(now))]


def take(session: Session, due: Due, me: str, now: datetime, merging: Sequence[str] = ()) -> Taken | None:
    """Take a row for sending: the compare-and-set that keeps everybody else from it.

    Args:
        merging: kinds whose pushes to one group, or one person, go out together: what waits is taken along. A quote of it
            is about that of its parts whose kind stands first here: the day's topic is answered so, a campaign need not be.

    Returns:
        None when somebody else has it, it has expired, its campaign is paused or cancelled, or its group is gone.
    """
    found = session.row(_TAKE, row=due.id, me=me, now=micros(now), by=micros(now))
    if found is None:
        return None
    body, group_id, attempts, expires_at, recipient, carrier = found
    channel, account, external_id = session.row(_ADDRESS, group_id=group_id)
    message = replace(Outgoing.load(body), row=f"delivery:{due.id}")
    moved = (message.channel, message.account, message.conversation) != (channel, account, external_id)
    if moved and message.place is Place.GROUP:
        # The group has become a supergroup, or changed its bot, since it was planned.
        if message.conversation != external_id:
            message = replace(message, reply_to="", thread="")  # there messages are numbered anew
        message = replace(message, channel=channel, account=account, conversation=external_id)
    along: list[int] = []
    if due.kind in merging and stands_alone(message):
        message, along = _with_others(
            session, message, (int(group_id), int(recipient), carrier or 0), due, me, now, merging
        )
    return Taken(
        due.id, due.kind, int(group_id), message, int(attempts), instant(expires_at), tuple(along), carrier is not None
    )


def stands_alone(message: Outgoing) -> bool:
    """Say whether a message could as well be a part of another one to the same chat: it neither edits nor quotes."""
    return message.kind in (Kind.PUSH, Kind.DM) and not message.reply_to


def _with_others(
    session: Session,
    message: Outgoing,
    told: tuple[int, int, int],
    first: Due,
    me: str,
    now: datetime,
    merging: Sequence[str],
) -> tuple[Outgoing, list[int]]:
    along: list[int] = []
    about = merging.index(first.kind)
    # What has one place in the day's budget goes out together, though the gate told one of them to wait a moment longer.
    by = micros(now + A_MOMENT)
    for row, kind in session.rows(_WAITING, group_id=told[0], recipient=told[1], begun=told[2], by=by):
        if kind not in merging or row == first.id:
            continue
        taken = session.row(_TAKE, row=row, me=me, now=micros(now), by=by)
        if taken is None:
            continue
        other = Outgoing.load(taken[0])
        session.run(_CARRIED, row=row, by=first.id)
        along.append(int(row))
        if message.place is Place.GROUP and other.subject and (not message.subject or merging.index(kind) < about):
            message, about = replace(message, subject=other.subject), merging.index(kind)
        message = with_part(message, other)
    return message, along


def with_part(message: Outgoing, other: Outgoing) -> Outgoing:
    """Return a message that says another one's words beneath its own; what a quote is about is its own subject, if it has one.

    In private, where each part may be about another person, a quote is about nothing once two parts differ.
    """
    subject = message.subject or other.subject
    if message.place is Place.DM and subject:
        told = bool(message.more) and not message.subject  # what it says already is about nothing
        subject = "" if told or (other.subject or subject) != subject else subject
    return replace(
        message,
        more=(*message.more, Section(other.key, other.values, other.tails), *other.more),
        buttons=(*message.buttons, *other.buttons),
        card=message.card or other.card,
        subject=subject,
    )


def sent(session: Session, row: int, me: str, now: datetime, provider_id: str) -> bool:
    """Record the platform's yes and erase the body; False when another process has taken the row over meanwhile."""
    return session.row(_SENT, row=row, me=me, now=micros(now), provider_id=provider_id[:64]) is not None


def again(session: Session, row: int, me: str, not_before: datetime, *, counted: bool, by: int | None) -> bool:
    """Give a row back, to be sent not before an instant.

    Args:
        by: the first row of the message that it is part of, when the beginning of that is out.
        counted: the platform may have it, or has moved it on; else it was no try to send it: what a crash or a cut leaves in
            doubt is told apart by tries.
    """
    values = {"row": row, "me": me, "not_before": micros(not_before), "uncounted": int(not counted), "by": by}
    return session.row(_AGAIN, **values) is not None


def postpone(session: Session, row: int, not_before: datetime) -> None:
    """Leave a row that was not taken until an instant."""
    session.run(_POSTPONE, row=row, not_before=micros(not_before))


def end(session: Session, row: int, me: str, state: str, why: str) -> bool:
    """Give a row up: ``failed`` or ``unknown`` with a fixed word; an unknown one keeps its body for review."""
    if state == "unknown":
        return session.row(_UNKNOWN, row=row, me=me, why=why[:40]) is not None
    return session.row(_END, row=row, me=me, state=state, why=why[:40]) is not None


def due_shards(session: Session, me: str, now: datetime, channel: str = "") -> list[tuple[str, int]]:
    """Return (shard, epoch) of every shard with something to do now, oldest first.

    Args:
        channel: only where something is to be done on that channel.
    """
    what: dict[str, object] = {"me": me, "now": micros(now), "fresh": micros(now - heartbeats.DEAD_AFTER)}
    found = session.rows(_SHARDS_OF, **what, channel=channel) if channel else session.rows(_SHARDS, **what)
    return [(shard, int(epoch)) for shard, epoch in found]


def next_epoch(session: Session, shard: str, before: int) -> None:
    """Count a shard's rebuilding: a finished workflow id never runs again."""
    session.run(_NEXT_EPOCH, in_shard=shard, before=before)


def next_instant(session: Session, now: datetime) -> datetime | None:
    """Return when the next pending row may be sent (``now`` if already), or None if there is none."""
    row = session.row(_NEXT, now=micros(now))
    return None if row is None or row[0] is None else instant(int(row[0]))
