"""Pending delivery rows that will not be sent any more: their time has passed, or their group or campaign is gone.

Each is closed with a fixed word that says why.

Source: ADR-0004.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, literal_column, null, or_, select, update

from scheduler.rows import IN_PART, LED
from storage.campaigns import Campaign, Delivery
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group
from storage.moves import DOUBTED
from storage.statements import Prepared

AT_ONCE = 500
_D = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
# Written out, so that the partial index on open rows is recognised.
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
_DOUBTED: ColumnElement[int] = literal_column(str(micros(DOUBTED)))
_EXPIRED = Prepared(
    "delivery.expired",
    select(_D.c.id, _C.c.state, _G.c.state, _D.c.carrier)
    .join(_C, _C.c.id == _D.c.campaign_id)
    .join(_G, _G.c.id == _D.c.group_id)
    .where(
        _OPEN,
        _D.c.state == "pending",
        # A part of a message whose beginning is out ends with the first one.
        ~LED,
        or_(
            # What looks for a place in a day (scheduler/budget.py) has no time of its own meanwhile.
            (_D.c.expires_at < bindparam("now")) & (_D.c.expires_at > _DOUBTED),
            _G.c.state == "removed",
            _C.c.state == "cancelled",
        ),
    )
    .order_by(_D.c.id)
    .limit(bindparam("most")),
)
_SKIP = Prepared(
    "delivery.skip",
    update(_D)
    .where(_D.c.id == bindparam("row"), _D.c.state == "pending")
    .values(state=bindparam("state"), reason=bindparam("why"), body="", carrier=null()),
)


def is_any(session: Session, now: datetime) -> bool:
    """Say whether :func:`close` would find something."""
    return session.row(_EXPIRED, now=micros(now), most=1) is not None


def close(session: Session, now: datetime, most: int = AT_ONCE) -> int:
    """Close pending rows that will not be sent any more, each with its reason; returns how many.

    ``late``: its time has passed; ``paused``: it passed while the campaign stood still; ``gone``: the bot is out of the
    group; ``cancelled``: so is the campaign; ``in_part``: whichever it is, the beginning was said.
    """
    found = session.rows(_EXPIRED, now=micros(now), most=most)
    for row, campaign, group, carrier in found:
        state, why = "skipped", "late"
        if campaign == "cancelled":
            state, why = "cancelled", "cancelled"
        elif group == "removed":
            why = "gone"
        elif campaign == "paused":
            why = "paused"
        if carrier == row:
            state, why = state if state == "cancelled" else "failed", IN_PART
        session.run(_SKIP, row=row, state=state, why=why)
    return len(found)
