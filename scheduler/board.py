"""What was on its way within a day, in figures: read by key, so that millions of old rows cost nothing.

Source: F98; ADR-0004.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select
from sqlmodel import col

from storage.campaigns import Campaign, Delivery
from storage.columns import micros
from storage.engine import Session
from storage.statements import Prepared

WITHIN = timedelta(hours=24)
MINUTES = 60
_OUT_OF_ORDER = timedelta(hours=2)
"""Rows are numbered as they come due, but zones and late ones mix their instants a little."""
_STILL_OPEN = timedelta(hours=12)
"""A message goes out at most so long after it came due: quiet hours and what a campaign's grace allows."""
_D = Delivery.__table__  # type: ignore[attr-defined]
_FROM = Prepared(
    "delivery.from",
    select(_D.c.id, _D.c.due_at).where(_D.c.id >= bindparam("middle")).order_by(_D.c.id).limit(literal_column("1")),
)


@dataclass(slots=True)
class Recent:
    """A campaign in figures of the last day.

    Attributes:
        counts: delivery state → rows.
        reasons: (state, reason) → rows of what was not sent.
        latest: when the last of them came due.
    """

    campaign: Campaign
    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[tuple[str, str], int] = field(default_factory=dict)
    latest: datetime | None = None


def first_since(session: Session, moment: datetime) -> int:
    """Return the number of the first row that came due since an instant, by halving: numbers grow with time."""
    # One by one: SQLite finds an end by its tree, and would go through all rows for both in one statement.
    low = session.execute(select(func.min(_D.c.id))).scalar_one()
    if low is None:
        return 0
    high = session.execute(select(func.max(_D.c.id))).scalar_one() + 1
    until = micros(moment)
    while low < high:
        middle = (low + high) // 2
        found = session.row(_FROM, middle=middle)
        if found is None or found[1] >= until:
            high = middle
        else:
            low = found[0] + 1
    return int(low)


def recent(session: Session, now: datetime) -> list[Recent]:
    """Return every campaign of which a message came due within a day, the latest first."""
    start = first_since(session, now - WITHIN - _OUT_OF_ORDER)
    # With nothing added SQLite would walk through all that was ever sent, since the key begins with the campaign.
    number = _D.c.campaign_id + literal_column("0")
    rows = session.execute(
        select(number, _D.c.state, _D.c.reason, func.count(), func.max(_D.c.due_at))
        .where(_D.c.id >= start, _D.c.due_at > now - WITHIN)
        .group_by(number, _D.c.state, _D.c.reason)
    ).all()
    campaigns = {
        one.id: Recent(one)
        for (one,) in session.execute(select(Campaign).where(col(Campaign.id).in_({row[0] for row in rows}))).all()
    }
    for number, state, reason, count, latest in rows:
        one = campaigns[number]
        one.counts[state] = one.counts.get(state, 0) + count
        if reason and state != "sent":
            one.reasons[state, reason] = one.reasons.get((state, reason), 0) + count
        one.latest = latest if one.latest is None else max(one.latest, latest)
    return sorted(campaigns.values(), key=lambda one: (one.latest or now, one.campaign.id or 0), reverse=True)


def per_minute(session: Session, now: datetime) -> list[int]:
    """Return how many messages went out in each of the last ``MINUTES`` minutes, the oldest first; the last one is not over."""
    since = now - timedelta(minutes=MINUTES)
    start = first_since(session, since - _STILL_OPEN)
    found = [0] * MINUTES
    for (sent_at,) in session.execute(
        select(_D.c.sent_at).where(
            _D.c.id >= start,
            _D.c.state == "sent",
            _D.c.carrier.is_(None),
            _D.c.sent_at > since,
            _D.c.sent_at <= now,
        )
    ):
        found[min(MINUTES - 1, int((sent_at - since).total_seconds() // 60))] += 1
    return found
