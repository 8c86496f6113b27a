"""How a campaign is stopped and goes on, and which waiting messages have to look for their place in a day's budget anew.

Commands of several slices and the command line do it; the planner (scheduler/budget.py) sees to the messages at its next tick.

Source: F27; ADR-0004.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, literal_column, update

from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session

LOST = datetime(1970, 1, 1, tzinfo=UTC)
"""``Delivery.expires_at`` of a message that has no place in any day's budget."""
DOUBTED = LOST + timedelta(microseconds=1)
"""``Delivery.expires_at`` of one whose place may have been used up by what was to be said with it."""

# Written out, so that the partial indexes are recognised.
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
_WAITS: ColumnElement[bool] = literal_column("delivery.state = 'pending'")
_D = Delivery.__table__  # type: ignore[attr-defined]
# To a group, and nothing of the message is out yet: else it has had its place.
_PLACED = (_D.c.recipient == 0) & _D.c.carrier.is_(None)
_S = Schedule.__table__  # type: ignore[attr-defined]


def pause(session: Session, campaign: Campaign) -> None:
    """Hold a campaign: delivery looks before each send."""
    _become(session, campaign, "paused")


def cancel(session: Session, campaign: Campaign) -> None:
    """End a campaign; what waits of it is closed at the next tick."""
    _become(session, campaign, "cancelled")


def resume(session: Session, campaign: Campaign, now: datetime, *, rhythmic: bool) -> None:
    """Let a campaign go on.

    What waits of it and is still in time goes out, if the day has room for it. After a cancel the next occurrence counts:
    nothing of the time between becomes due.

    Args:
        rhythmic: it has days of its own, which its slice works out again.
    """
    if campaign.state == "cancelled" and rhythmic:
        session.execute(update(_S).where(_S.c.campaign_id == campaign.id).values(next_at=None))
    _become(session, campaign, "running")
    # With nothing added SQLite would go through every message that the campaign ever had.
    waits = _OPEN & (_D.c.state == "pending") & ((_D.c.campaign_id + 0) == campaign.id) & _PLACED
    session.execute(update(_D).where(waits, _D.c.expires_at >= now).values(expires_at=DOUBTED))


def uproot(session: Session, group_id: int) -> None:
    """Let everything that waits to be said to a group look for a place anew: its day or its budget is another one."""
    waits = _WAITS & (_D.c.group_id == group_id) & _PLACED
    session.execute(update(_D).where(waits, _D.c.expires_at > DOUBTED).values(expires_at=LOST))


def _become(session: Session, campaign: Campaign, state: str) -> None:
    campaign.state = state
    session.add(campaign)
    session.flush()
