"""Campaigns in figures, and stopping them: how far each has come, how long it still takes, pause, resume, cancel.

Source: F27, F98; ADR-0004; FAULTS F5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, func, literal_column, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.pushes import JobSpec
from scheduler import expiry, heartbeats
from storage import moves
from storage.campaigns import Campaign, Delivery, Schedule
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group
from storage.mass_sends import AWAITING
from storage.statements import Prepared

_D = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_MOVES = {
    "pause": ({"running", "paused"}, "paused"),
    "resume": ({"running", "paused", "cancelled"}, "running"),
    "cancel": ({"running", "paused", "cancelled"}, "cancelled"),
}
# Prepared and row by row as the driver gives them: with many groups these are most of what a page about pushes costs.
_OPEN_ROWS = Prepared(
    "delivery.open_rows",
    select(_D.c.id, _D.c.campaign_id, _D.c.group_id, _D.c.recipient, _D.c.not_before, _D.c.expires_at, _D.c.reason)
    # Written out, so that the partial index on open rows is recognised.
    .where(literal_column("delivery.state IN ('pending', 'sending')"), _D.c.expires_at >= bindparam("moment"))
    .order_by(_D.c.id),
)
_BOTS = Prepared(
    "group.bots", select(_G.c.id, _G.c.channel, _G.c.account).where(_G.c.state == literal_column("'active'"))
)
_MINUTE = timedelta(minutes=1)
_NEAR_IDS = 20_000
"""What was sent in the last minute lies among so many rows before the oldest one that waits."""
_ENOUGH = 10
"""Messages from which a pace can be told."""
_SHORTEST = 5.0
"""Seconds from which a pace can be told."""


@dataclass(slots=True)
class Standing:
    """A campaign in figures.

    Attributes:
        counts: delivery state → rows.
        reasons: state and reason → rows, where there is a reason.
        next_at: the first instant at which it is due in some group.
    """

    key: str
    kind: str
    name: str
    state: str
    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a campaign is still to go out, and when that will be done.

    Attributes:
        ready: messages that wait for nothing but their turn; what goes out together is one.
        queue: messages of all campaigns that go out through the same bots until the last of ``ready`` has gone.
        pace: messages a second, of those bots together, measured over the last minute; None when too few went out.
        measured_over: seconds that ``pace`` was measured over.
        floor: seconds that ``queue`` takes at least, at the rate that the bots are allowed; None where nothing limits them.
        seconds: still needed for ``ready``, as things go; None when nobody can say.
        later: messages that wait for an instant (quiet hours, a platform's pause).
        later_from, later_until: the first and the last of those instants.
        too_late: messages among ``ready`` whose time will be over before their turn comes.
        asked: messages that go out when a leader confirms them (ADR-0019), whenever that is.
        held: messages that do not move, because the campaign is paused.
        driven: a process lives that sends.
    """

    ready: int = 0
    queue: int = 0
    pace: float | None = None
    measured_over: float = 0.0
    floor: float | None = None
    seconds: float | None = None
    later: int = 0
    later_from: datetime | None = None
    later_until: datetime | None = None
    too_late: int = 0
    asked: int = 0
    held: int = 0
    driven: bool = False

    @property
    def open(self) -> int:
        """Messages that have not gone out yet."""
        return self.ready + self.later + self.asked + self.held


def standings(session: Session, key: str = "") -> list[Standing]:
    """Return every campaign in figures, or the one of a key (an empty list when there is none)."""
    wanted = pick(Campaign).order_by(col(Campaign.id))
    if key:
        wanted = wanted.where(Campaign.key == key)
    found: dict[int, Standing] = {
        campaign.id: Standing(campaign.key, campaign.kind, campaign.name, campaign.state)
        for campaign in session.exec(wanted).all()
        if campaign.id is not None
    }
    counted = session.exec(
        pick(Delivery.campaign_id, Delivery.state, Delivery.reason, func.count()).group_by(
            col(Delivery.campaign_id), Delivery.state, Delivery.reason
        )
    ).all()
    for campaign_id, state, reason, count in counted:
        standing = found.get(campaign_id)
        if standing is None:
            continue
        standing.counts[state] = standing.counts.get(state, 0) + count
        if reason and state != "sent":
            standing.reasons[f"{state}:{reason}"] = count
    coming: Mapping[int, datetime | None] = dict(
        session.exec(
            pick(Schedule.campaign_id, func.min(Schedule.next_at))
            .where(col(Schedule.enabled))
            .group_by(col(Schedule.campaign_id))
        ).all()
    )
    for campaign_id, standing in found.items():
        standing.next_at = coming.get(campaign_id) if standing.state == "running" else None
    return list(found.values())


class _Waiting(NamedTuple):
    """A pending row; instants in microseconds: of each there are as many as there are groups."""

    id: int
    mine: bool
    bot: tuple[str, str]
    message: tuple[int, ...]
    not_before: int | None
    expires_at: int


def progress(
    session: Session, jobs: Sequence[JobSpec], rates: Mapping[str, float], now: datetime, key: str = ""
) -> Progress:
    """Return how much of a campaign, or of all, is still to go out, and how long that takes.

    Args:
        rates: channel → messages a second that one bot may send; a channel without a limit is absent.
        key: the campaign's; empty = all.
    """
    merging = {job.kind for job in jobs if job.merges}
    waiting: list[_Waiting] = []
    held: set[tuple[int, ...]] = set()
    asked: set[tuple[int, ...]] = set()
    moment = micros(now)
    open_rows = session.rows(_OPEN_ROWS, moment=moment)
    bots_of = {group: (channel, account) for group, channel, account in session.rows(_BOTS)} if open_rows else {}
    campaigns = _campaigns(session, {row[1] for row in open_rows})
    for row, number, group, recipient, not_before, expires_at, reason in open_rows:
        bot = bots_of.get(group)
        if bot is None:
            continue
        campaign, kind, state = campaigns[number]
        mine = not key or campaign == key
        message = (group, recipient) if kind in merging else (group, recipient, row)
        if state == "running" and reason == AWAITING:
            if mine:
                asked.add(message)
        elif state == "running":
            waiting.append(_Waiting(row, mine, bot, message, not_before, expires_at))
        elif state == "paused" and mine:
            held.add(message)
    ready = [one for one in waiting if one.not_before is None or one.not_before <= moment]
    turn = [one for one in ready if one.mine]
    coming = [one for one in waiting if one.mine and one.not_before is not None and one.not_before > moment]
    instants = [one.not_before for one in coming if one.not_before is not None]
    if not waiting:
        return Progress(seconds=0.0, asked=len(asked), held=len(held), driven=bool(heartbeats.alive(session, now)))
    bots = {one.bot for one in (*turn, *coming)}
    ready = [one for one in ready if one.bot in bots]
    # Who has nothing to say by now has no pace to tell.
    sent, over = _lately(session, waiting[0].id, bots, now) if turn else (0, 0.0)
    driven = bool(heartbeats.alive(session, now))
    pace = sent / over if sent >= _ENOUGH and over >= _SHORTEST else None
    queue, floor = _queue(ready, turn, rates)
    seconds = _needed(queue, floor, pace) if driven or pace else None
    each = seconds / queue if seconds is not None and queue else 0.0
    return Progress(
        ready=len({one.message for one in turn}),
        queue=queue,
        pace=pace,
        measured_over=over,
        floor=floor,
        seconds=seconds if turn else 0.0,
        later=len({one.message for one in coming}),
        later_from=instant(min(instants)) if instants else None,
        later_until=instant(max(instants)) if instants else None,
        too_late=_too_late(ready, turn, each, moment),
        asked=len(asked),
        held=len(held),
        driven=driven,
    )


def _lately(session: Session, oldest: int, bots: Collection[tuple[str, str]], now: datetime) -> tuple[int, float]:
    """Return how many messages bots sent in the last minute, and over how many seconds of it they did."""
    found = [
        sent_at
        for channel, account, sent_at in session.execute(
            select(_G.c.channel, _G.c.account, _D.c.sent_at)
            .join(_G, _G.c.id == _D.c.group_id)
            .where(_D.c.id > oldest - _NEAR_IDS, _D.c.state == "sent", _D.c.carrier.is_(None))
            .where(_D.c.sent_at > now - _MINUTE)
        )
        if (channel, account) in bots
    ]
    return len(found), (now - min(found)).total_seconds() if found else 0.0


def _queue(ready: Sequence[_Waiting], turn: Sequence[_Waiting], rates: Mapping[str, float]) -> tuple[int, float | None]:
    """Return how many messages go out until the last of ``turn``, and the seconds that the slowest bot needs at least."""
    last: dict[tuple[str, str], int] = {}
    for one in turn:
        last[one.bot] = one.id
    before: dict[tuple[str, str], set[tuple[int, ...]]] = {bot: set() for bot in last}
    for one in ready:
        if one.id <= last.get(one.bot, 0):
            before[one.bot].add(one.message)
    floors = [len(found) / rates[bot[0]] for bot, found in before.items() if rates.get(bot[0])]
    return sum(len(found) for found in before.values()), max(floors, default=None)


def _needed(queue: int, floor: float | None, pace: float | None) -> float | None:
    if pace is None:
        return floor
    return max(queue / pace, floor or 0.0)


def _campaigns(session: Session, ids: Collection[int]) -> dict[int, tuple[str, str, str]]:
    """Return campaign id → (key, kind, state)."""
    rows = session.execute(select(_C.c.id, _C.c.key, _C.c.kind, _C.c.state).where(_C.c.id.in_(ids)))
    return {number: (key, kind, state) for number, key, kind, state in rows}


def _too_late(ready: Sequence[_Waiting], turn: Sequence[_Waiting], each: float, now: int) -> int:
    """Count the messages whose time is over before they come, when each takes so many seconds."""
    if not turn:
        return 0
    mine = {one.id for one in turn}
    place = {message: n for n, message in enumerate(dict.fromkeys(one.message for one in ready))}
    return len(
        {one.message for one in ready if one.id in mine and one.expires_at < now + each * 1e6 * place[one.message]}
    )


def move(session: Session, key: str, how: str, now: datetime, jobs: Sequence[JobSpec] = ()) -> str | None:
    """Pause, resume or cancel a campaign; each may be taken back by ``resume``.

    A pause holds from the next row on: delivery looks before each send. What its grace outlives goes out after a resume, if
    the day has room for it (:mod:`scheduler.budget`); the rest is skipped as ``paused``. A cancel closes what is pending; after a
    resume the next occurrence counts.

    Args:
        how: ``pause``, ``resume`` or ``cancel``.
        jobs: the kinds of push; those with a rhythm have their days worked out again after a cancel.

    Returns:
        The new state; None when there is no such campaign, or it is finished.
    """
    allowed, state = _MOVES[how]
    campaign = session.exec(pick(Campaign).where(Campaign.key == key)).first()
    if campaign is None or campaign.state not in allowed:
        return None
    if how == "resume":
        rhythmic = any(job.kind == campaign.kind and job.rhythm is not None for job in jobs)
        moves.resume(session, campaign, now, rhythmic=rhythmic)
    elif how == "pause":
        moves.pause(session, campaign)
    else:
        moves.cancel(session, campaign)
        while expiry.close(session, now) == expiry.AT_ONCE:
            pass
    return state
