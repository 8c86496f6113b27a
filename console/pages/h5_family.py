"""我家: who shares the points, who is asked, and everything that the commands do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.pages import h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement.households import requests, rules, service
from storage.engine import Session

router = APIRouter()
OPEN = Allow(Area.H5, RESIDENT)


@router.get("/h5/family", dependencies=[Depends(OPEN)])
async def look(request: Request, group: str = "") -> Response:
    """Show one's household in a group."""
    return await h5_frame.show(request, "family", _read, group)


@router.post("/h5/family", dependencies=[Depends(OPEN)])
async def do(request: Request) -> Response:
    """Ask, answer, name, give, leave."""
    return await h5_frame.do(request, "family", _read)


def _read(session: Session, me: Mine) -> Mapping[str, Any]:
    if me.member is None or not me.account_id:
        return {}
    family = service.view(session, me.account_id)
    return {
        "family": family,
        "incoming": requests.incoming_to(session, me.member_id, me.now),
        "outgoing": requests.outgoing_of(session, me.member_id, me.now),
        "share": family.share_of(me.member_id),
        "most": rules.FAMILY_MOST,
        "name_most": rules.NAME_MOST,
    }
