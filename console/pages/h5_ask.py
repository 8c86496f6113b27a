"""问一问: a question, its answer with what it stands on, and the latest that went to the leader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.pages import h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement.faq import complaints
from engagement.faq import service as faq
from storage import identities
from storage.engine import Session

router = APIRouter()
OPEN = Allow(Area.H5, RESIDENT)
SHOWN = 5


@router.get("/h5/ask", dependencies=[Depends(OPEN)])
async def look(request: Request, group: str = "") -> Response:
    """Show the field."""
    return await h5_frame.show(request, "ask", _read, group)


@router.post("/h5/ask", dependencies=[Depends(OPEN)])
async def do(request: Request) -> Response:
    """Ask, or choose what was meant."""
    return await h5_frame.do(request, "ask", _read)


def _read(session: Session, me: Mine) -> Mapping[str, Any]:
    if me.member is None or me.group is None:
        return {}
    asked, zone = faq.asked_by(session, me.member_id, SHOWN), me.group.zone
    return {
        "asked": asked,
        "promises": {one.id: complaints.promise(one.text, one.asked_at, zone, me.now) for one in asked},
        "leader": identities.leader_names(session, [me.group_id]).get(me.group_id, ""),
    }
