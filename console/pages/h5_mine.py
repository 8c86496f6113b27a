"""我的资料: what is kept about oneself; a copy, what one likes, which notices, the browsers that are in; stop, and delete.

Source: PIPL 44-47, FAULTS E9, E10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import signing_in
from console.auth import Area, Visitor
from console.pages import h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement import channels
from engagement.bonds import parting as bonds
from engagement.members import birthdays, rules, service
from engagement.registry import FEATURES
from prompts.loader import texts
from storage import audit, entry, preferences
from storage.engine import Session

router = APIRouter()
OPEN = Allow(Area.H5, RESIDENT)
HERE = "/h5/mine"


@router.get("/h5/mine", dependencies=[Depends(OPEN)])
async def look(request: Request, group: str = "") -> Response:
    """Show what is kept."""
    return await h5_frame.show(request, "mine", _read, group)


@router.post("/h5/mine", dependencies=[Depends(OPEN)])
async def do(request: Request) -> Response:
    """Choose, stop, delete: as the commands do it."""
    return await h5_frame.do(request, "mine", _read)


def _read(session: Session, me: Mine) -> Mapping[str, Any]:
    kept = service.kept(session, FEATURES, me.person_id)
    likes = preferences.chosen(session, me.person_id)
    off = preferences.switched_off(session, me.person_id)
    own, bound = bonds.mine(session, me.person_id)
    return {
        "kept": [(texts().raw(purpose), count) for purpose, count in kept],
        "wishes": [
            (kind, [(value, _word(f"wish_{value}"), value in likes.get(kind, ())) for value in values])
            for kind, values in rules.WISHES.items()
        ],
        "birthday": next((str(one["birthday"]).split("-") for one in birthdays.export(session, me.person_id)), None),
        "notices": [(kind, _word(f"notice_{kind}"), kind not in off) for kind in preferences.NOTICES],
        "own": channels.words(own),
        "bound": [(one.bond_id, channels.words(one.channels)) for one in bound],
        "browsers": entry.sessions_of(session, [me.person_id], me.now),
    }


def _word(name: str) -> str:
    return texts().raw(f"members.{name}")


@router.post("/h5/mine/copy", dependencies=[Depends(OPEN)])
async def copy(request: Request) -> Response:
    """Hand over a copy of everything that is kept, as a file; that it was taken is noted."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    now = console.clock.now()

    def work(session: Session) -> str:
        audit.record(session, at=now, actor_id=visitor.person_id, group_id=None, action="data.exported")
        return service.export_everything(session, FEATURES, visitor.person_id)

    text: str = await console.database.write(work)
    return Response(
        text.encode(),
        media_type="application/json; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="my-data.json"'},
    )


@router.post("/h5/mine/sessions", dependencies=[Depends(OPEN)])
async def end(request: Request) -> Response:
    """Sign one browser out, or all but this one."""
    await signing_in.end_browsers(request)
    return RedirectResponse(f"{HERE}#browsers", 303)
