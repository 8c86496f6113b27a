"""积分: what there is, what it was for, what expires when, and how points come, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.pages import act, h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement.checkin import makeups, pauses, rules
from engagement.points import service as points
from storage import identities, lots
from storage.engine import Session

router = APIRouter()
PAGE = 20
LOTS = 6


@router.get("/h5/points", dependencies=[Depends(Allow(Area.H5, RESIDENT))])
async def look(request: Request, group: str = "", before: str = "") -> Response:
    """Show one's points in a group."""
    since = act.number(before) or 0
    return await h5_frame.show(request, "points", lambda s, me: _read(s, me, since), group)


def _read(session: Session, me: Mine, before: int) -> Mapping[str, Any]:
    if me.member is None or not me.account_id:
        return {}
    here = me.here
    settings = pauses.settings_of(here)
    rows = points.history(session, me.account_id, PAGE + 1, before)
    return {
        "standing": points.standing(session, me.group_id, here.name, me.member_id, me.account_id, me.today),
        "family": len(identities.sharing(session, me.account_id)) > 1,
        "lots": lots.upcoming(session, me.account_id, LOTS),
        "rows": [(row, points.what_of(row.kind)) for row in rows[:PAGE]],
        "next": rows[PAGE - 1].entry_id if len(rows) > PAGE else 0,
        "earlier": bool(before),
        "rewards": rules.Rewards.of(settings),
        "topics": [one for one in rules.topics_of(settings) if one.active],
        "makeup": makeups.price_in(here),
        "until": points.good_until(here.settings, me.today),
    }
