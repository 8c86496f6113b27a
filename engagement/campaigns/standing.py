"""Whether the schedules of campaigns that are near are there and right: asked every tick, so in four prepared statements.

What it finds wanting :func:`engagement.campaigns.service.mend` makes; what counts as wanting is the same in both.

Source: F27; ADR-0014.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from sqlalchemy import String, and_, bindparam, cast, func, literal_column, not_, or_, select

from engagement import rhythm
from engagement.campaigns.tables import Beat, Plan
from engagement.rhythm import Moment
from storage.campaigns import Campaign, Schedule
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

_P = Plan.__table__  # type: ignore[attr-defined]
_B = Beat.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]

_RUNS = and_(
    _P.c.campaign_id == _C.c.id,
    _C.c.kind == bindparam("kind"),
    or_(_C.c.state == "running", _C.c.state == "paused"),
)
_NEAR = and_(
    _RUNS,
    _P.c.stage == "approved",
    or_(_P.c.joined, and_(_P.c.first_day <= bindparam("until"), _P.c.last_day >= bindparam("since"))),
)
_OVER = Prepared(
    "campaigns.over",
    select(_C.c.id)
    .select_from(_C.join(_P, _RUNS))
    .where(not_(_P.c.joined), _P.c.last_day < bindparam("since"))
    .limit(1),
)
_IN_SCOPE = or_(
    _P.c.scope == "all",
    _P.c.scope == "region:" + cast(_G.c.region_id, String),
    _P.c.scope == "group:" + cast(_G.c.id, String),
)
_UNSCHEDULED = Prepared(
    "campaigns.unscheduled",
    select(_G.c.id)
    .select_from(
        _C.join(_P, _NEAR)
        .join(_G, and_(_G.c.state == "active", _IN_SCOPE))
        .outerjoin(_S, and_(_S.c.group_id == _G.c.id, _S.c.campaign_id == _C.c.id))
    )
    .where(
        or_(
            and_(_S.c.id.is_(None), or_(not_(_P.c.joined), _G.c.created_at >= bindparam("new_since"))),
            _S.c.zone != _G.c.zone,
        )
    )
    .limit(1),
)
_BEATS = Prepared(
    "campaigns.beats",
    select(_C.c.id, _B.c.local_day, _B.c.minute)
    .select_from(_C.join(_P, _NEAR).join(_B, _B.c.plan_id == _P.c.id))
    .order_by(_B.c.local_day),
)
_DUE = Prepared(
    "campaigns.due",
    select(
        _S.c.campaign_id, _S.c.zone, _S.c.shift_days, func.count() - func.count(_S.c.next_at), func.max(_S.c.next_at)
    )
    .select_from(_C.join(_P, _NEAR).join(_S, _S.c.campaign_id == _C.c.id))
    # The bare column name is what the partial index says.
    .where(literal_column("schedule.enabled"))
    .group_by(_S.c.campaign_id, _S.c.zone, _S.c.shift_days),
)


def is_settled(session: Session, kind: str, now: datetime, *, since: date, until: date, new_since: datetime) -> bool:
    """Say whether every schedule of a kind of push is there and right; reads only.

    Args:
        since: the first local day; a campaign that ended before it is over and has to be closed.
        until: the last local day; a campaign that begins later needs no schedules yet.
        new_since: groups that began at or after it get what counts from their beginning.
    """
    days = {"kind": kind, "since": since.isoformat()}
    if session.rows(_OVER, **days):
        return False
    days["until"] = until.isoformat()
    if session.rows(_UNSCHEDULED, **days, new_since=micros(new_since)):
        return False
    due = session.rows(_DUE, **days)
    if not due:
        return True
    moments: dict[int, list[Moment]] = defaultdict(list)
    for campaign, day, minute in session.rows(_BEATS, **days):
        moments[campaign].append((date.fromisoformat(day), minute))
    for campaign, zone, shift, missing, latest in due:
        next_at = rhythm.next_instant(moments[campaign], shift, zone, now)
        if next_at is not None and (missing or instant(latest) > next_at):
            return False
    return True
