"""The way back from WeChat, which says who has opened a page inside it: into one's own pages, or how to become known.

Whatever is wrong with it — another browser's, a second time, too late, forged — leads to the public pages and no further.

Source: F133; ADR-0018, FAULTS E3, E4.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import signing_in
from console.auth import Area, Role
from console.outside import BACK, DOOR, Outside, keep_guest
from console.policy import Allow, visitor_of
from console.views import Views
from engagement.entry import joining
from engagement.entry.joining import Account
from engagement.errors import Refusal
from prompts.loader import texts
from storage import audit, entry
from storage.engine import Session

router = APIRouter()
STATUS = {"wechat.oauth_later": 503}
"""What is not the browser's fault; everything else is a way that is over (410)."""


@router.get(BACK, dependencies=[Depends(Allow())])
async def back(request: Request, to: str = "", code: str = "", state: str = "") -> Response:
    """Let whom the platform vouches for into his own pages; who is not known is told how to become it."""
    outside: Outside | None = request.app.state.console.outside
    if outside is None:
        return _closed(request, Refusal("wechat.oauth_again"))
    try:
        person = await _vouched(request, outside, to, code, state)
    except Refusal as refusal:
        if await visitor_of(request, Area.H5) is not None:
            # The way was taken already, and this browser has gone back in its history.
            return RedirectResponse("/h5", 303)
        return _closed(request, refusal)
    if isinstance(person, Account):
        return _stranger(request, outside, person, to)
    response = RedirectResponse(to, 303)
    await signing_in.open_session(request, response, Area.H5, Role.RESIDENT, person)
    return response


def _stranger(request: Request, outside: Outside, account: Account, to: str) -> Response:
    """Tell somebody we do not know how to become known; who came by a group's link is asked whether he joins it."""
    if to.startswith(DOOR):
        response: Response = RedirectResponse(to, 303)
        keep_guest(response, request, account)
        return response
    views: Views = request.app.state.views
    return views.page(request, "wechat_stranger.html", account=outside.name)


async def _vouched(request: Request, outside: Outside, to: str, code: str, state: str) -> int | Account:
    """Return the person for whom the platform vouches; his account if he has never spoken with us.

    Raises:
        Refusal: the way back leads nowhere.
    """
    console = request.app.state.console
    now = console.clock.now()
    until = outside.check(state, to, str(request.state.browser), now)
    # Before the platform is asked: a code that was caught on the way back is of no use to a second one.
    if not await console.database.write(lambda session: entry.spend_state(session, state, until)):
        raise Refusal("wechat.oauth_again")
    account = await outside.who(code)

    def look(session: Session) -> int | Account:
        person = joining.person_of(session, account)
        if person:
            audit.record(session, at=now, actor_id=person, group_id=None, action="entry.vouched", to=Area.H5.value)
        return person or account

    found: int | Account = await console.database.write(look)
    return found


def _closed(request: Request, refusal: Refusal) -> Response:
    views: Views = request.app.state.views
    said = texts().fill(refusal.key, refusal.values)
    return views.page(request, "wechat_closed.html", STATUS.get(refusal.key, 410), said=said)
