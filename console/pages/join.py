"""进群: what the link in a group's message of the day opens for who is no member yet, and the one button that makes him one.

Who is in already goes straight on to his page. Everybody else has to be vouched for by WeChat, or to be in already as somebody
we know; nothing is kept of who only looks.

Source: ADR-0021; ADR-0018, FAULTS E3, E4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import limits, sessions, signing_in
from console.auth import Area, Role, Signer, Visitor
from console.outside import DOOR, guest_in, way_out
from console.pages.h5_open import notice
from console.policy import Allow, field, visitor_of
from console.views import Views
from engagement.entry import joining
from engagement.entry.joining import Account, Neighbour
from engagement.errors import Refusal
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group

router = APIRouter()
SILENT = "entry.join_silent"
STATUS = {
    SILENT: 503,
    "entry.join_too_fast": 429,
    "entry.join_full": 403,
    "entry.join_outside": 403,
    "entry.join_no_account": 403,
}
"""Whatever else closes the door is a link that is over (410)."""
TRIES = 10
"""Of one account to come into groups, before it has to wait …"""
CROWD = 600
"""… and of all who come by one group's link, within a day: more than a customer group holds."""

LOOKS = 40
"""So often it is asked for one account who that is in the chat: the company has only so many questions a day …"""
LOOKS_OF_ALL = 4 * CROWD
"""… and so often for all who come by one group's link."""


@dataclass(frozen=True, slots=True)
class Knock:
    """Who stands at the door of which group.

    Attributes:
        visitor: who is signed in; ``guest``: else the account that the platform vouches for.
        known: he is in the group already.
    """

    group: Group
    visitor: Visitor | None
    guest: Account | None
    known: bool

    def person_of(self, session: Session) -> int:
        """Return who is signed in, or whose the account is by now; 0 = nobody we know."""
        if self.visitor is not None:
            return self.visitor.person_id
        return 0 if self.guest is None else joining.person_of(session, self.guest)


@router.get(f"{DOOR}{{key}}", dependencies=[Depends(Allow())])
async def look(request: Request, key: str) -> Response:
    """Ask who is no member yet whether he joins; who is goes on to his page."""
    try:
        knock = await _knock(request, key)
    except Refusal as refusal:
        return _closed(request, refusal)
    if knock is None:
        if out := way_out(request, request.url.path):
            return RedirectResponse(out, 303)
        outside = request.app.state.console.outside is not None
        return _closed(request, Refusal("entry.join_outside" if outside else "entry.join_no_account"))
    if knock.known:
        return _on(knock.group)
    try:
        neighbour = await _neighbour(request, knock)
    except Refusal as refusal:
        return _closed(request, refusal)
    return await _asked(request, key, knock, neighbour)


@router.post(f"{DOOR}{{key}}", dependencies=[Depends(Allow())])
async def do(request: Request, key: str) -> Response:
    """Let somebody in, under the name that he gives or as the neighbour that the platforms say he is."""
    form = await request.form()
    given, same = field(form, "name")[:200], field(form, "same") == "1"
    try:
        knock = await _knock(request, key)
        if knock is None:
            # Too long ago, or cookies are off: the same way once more.
            return RedirectResponse(request.url.path, 303)
        if knock.known:
            return _on(knock.group)
        neighbour = await _neighbour(request, knock)
        try:
            person = await _let_in(request, knock, given, neighbour, same=same)
        except Refusal as refusal:
            if refusal.key != "entry.join_no_name":
                raise
            return await _asked(request, key, knock, neighbour, 422, given, texts().raw(refusal.key))
    except Refusal as refusal:
        return _closed(request, refusal, given, same=same)
    response = _on(knock.group)
    if knock.visitor is None:
        await signing_in.open_session(request, response, Area.H5, Role.RESIDENT, person)
        sessions.keep_guest(response, request, "", 0)
    return response


async def _knock(request: Request, key: str) -> Knock | None:
    """Find out who stands at which door; None when nobody knows who it is.

    Raises:
        Refusal: the link opens nothing.
    """
    visitor, guest = await visitor_of(request, Area.H5), guest_in(request)

    def read(session: Session) -> Knock | None:
        group = joining.opened(session, key)
        assert group.id is not None
        if visitor is not None:
            return Knock(group, visitor, None, joining.is_in(session, group.id, visitor.person_id))
        return None if guest is None else Knock(group, None, guest, known=False)

    found: Knock | None = await request.app.state.console.database.read(read)
    return found


async def _neighbour(request: Request, knock: Knock) -> Neighbour | None:
    """Ask the group's own platform who the guest is in the chat, where both platforms tell; else nothing is guessed.

    Raises:
        Refusal: ``entry.join_too_fast``, ``entry.join_silent``. To go on without an answer would let somebody in who is muted
            under his own name.
    """
    console = request.app.state.console
    ask = console.neighbours.get(knock.group.channel)
    if ask is None or knock.guest is None or not knock.guest.union_id:
        return None
    now: datetime = console.clock.now()
    watched = _watched(request.app.state.signer, knock, "look", LOOKS, LOOKS_OF_ALL)
    if await console.database.write(lambda session: limits.take(session, watched, now)) is not None:
        raise Refusal("entry.join_too_fast")
    found: Neighbour | None = await ask(knock.group.external_id, knock.guest.union_id)
    return found


async def _let_in(request: Request, knock: Knock, given: str, neighbour: Neighbour | None, *, same: bool) -> int:
    console, signer = request.app.state.console, request.app.state.signer
    now: datetime = console.clock.now()
    watched = _watched(signer, knock, "", TRIES, CROWD)

    def write(session: Session) -> int | Refusal:
        if limits.take(session, watched, now) is not None:
            return Refusal("entry.join_too_fast")
        person = knock.person_of(session)
        called = joining.may_be(session, knock.group, person, neighbour)
        # The platforms know who he is, whatever he calls himself: another name makes no second person of him.
        mine = neighbour if called else None
        try:
            name = called if same and called else joining.read_name(given)
        except Refusal as refusal:
            return refusal  # the try is counted all the same
        return joining.join(session, knock.group, name, now, account=knock.guest, person_id=person, neighbour=mine)

    came: int | Refusal = await console.database.write(write)
    if isinstance(came, Refusal):
        raise came
    if console.joined is not None:
        await console.joined(came, knock.group.id)
    return came


def _watched(
    signer: Signer, knock: Knock, what: str, one: int, everybody: int
) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what is counted of an account and of a group, and how often each is free."""
    who = f"{knock.guest.channel} {knock.guest.external_id}" if knock.guest is not None else ""
    who = who or ("" if knock.visitor is None else str(knock.visitor.person_id))
    return (
        (signer.mac(f"join account{what}", who), one),
        (signer.mac(f"join group{what}", str(knock.group.id)), everybody),
    )


async def _asked(
    request: Request,
    key: str,
    knock: Knock,
    neighbour: Neighbour | None,
    status: int = 200,
    given: str = "",
    error: str = "",
) -> Response:
    views: Views = request.app.state.views

    def read(session: Session) -> str:
        return joining.may_be(session, knock.group, knock.person_of(session), neighbour)

    called = await request.app.state.console.database.read(read)
    own = given or ("" if knock.visitor is None or not knock.visitor.name[:1].isalnum() else knock.visitor.name)
    return views.page(
        request,
        "join.html",
        status,
        secret=True,
        group=knock.group,
        key=key,
        called=called,
        given=own,
        error=error,
        lines=notice(),
    )


def _on(group: Group) -> Response:
    """Lead on to the page that the link is for."""
    return RedirectResponse(f"/h5?group={group.id}", 303)


def _closed(request: Request, refusal: Refusal, given: str = "", *, same: bool = False) -> Response:
    """Say why not; where it is only not now, the same can be done again without typing it once more."""
    views: Views = request.app.state.views
    said, silent = texts().fill(refusal.key, refusal.values), refusal.key == SILENT
    return views.page(
        request,
        "join_closed.html",
        STATUS.get(refusal.key, 410),
        secret=True,
        said=said,
        again=request.url.path if silent else "",
        post=request.method == "POST",
        given=given,
        same=same,
    )
