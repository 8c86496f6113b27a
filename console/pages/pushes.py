"""推送: what is on its way now, how long it still takes, how to stop it; and what did not arrive.

Source: F27, F98, F132; DESIGN 7.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console.auth import Area, Visitor
from console.policy import STAFF, Allow, field
from console.pushing import MOST_LETTERS, Board, LongLine, Rest, Running, Unfit
from console.views import Views, local_time, say
from prompts.loader import texts

router = APIRouter()
MOVES = {"running": ("pause", "cancel"), "paused": ("resume", "cancel"), "cancelled": ("resume",)}
"""State of a campaign → what can be done with it."""
HOWS = ("resend", "sent", "skipped")
FEW_DAYS, MANY_DAYS = 2, 14
_HEIGHT = 48


@router.get("/console/pushes", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def board(request: Request, days: str = "", done: str = "") -> Response:
    """Show the board, and what did not arrive."""
    toast = say(f"pushes.done_{done}") if done in (*HOWS, "pause", "resume", "cancel") else ""
    return await _page(request, MANY_DAYS if days == str(MANY_DAYS) else FEW_DAYS, toast)


async def _page(
    request: Request, days: int = FEW_DAYS, toast: str = "", tone: str = "success", status: int = 200
) -> Response:
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    found, letters, asked = Board(), (), ((), 0)
    line: LongLine | None = None
    if console.pushing is not None:
        found, letters, asked, line = await asyncio.gather(
            console.pushing.board(), console.pushing.letters(days), console.pushing.asked(), console.pushing.long_line()
        )
    return views.page(
        request,
        "pushes.html",
        status,
        active="pushes",
        letters=letters,
        asked=asked[0],
        asked_in_all=asked[1],
        first=MOST_LETTERS if len(letters) >= MOST_LETTERS else 0,
        days=days,
        many=MANY_DAYS,
        toast=toast,
        tone=tone,
        ready=console.pushing is not None,
        line=line,
        line_words=line_words(line) if line is not None else "",
        **_shown(request, found),
    )


@router.get("/console/pushes/board", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def figures(request: Request) -> Response:
    """Show the figures alone; asked for every two seconds while something moves."""
    console, views = request.app.state.console, request.app.state.views
    found = await console.pushing.board() if console.pushing is not None else Board()
    response: Response = views.page(request, "pushes_board.html", **_shown(request, found))
    return response


def _shown(request: Request, found: Board) -> dict[str, Any]:
    now = request.app.state.console.clock.now()
    most = max(found.minutes, default=0)
    bars = [(place * 10, round(_HEIGHT * count / most)) for place, count in enumerate(found.minutes) if count]
    loud = [one for one in found.campaigns if one.waiting or one.count("sent", "failed", "unknown")]
    return {
        "board": found,
        "loud": loud,
        "quiet": [one for one in found.campaigns if one not in loud],
        "rest": rest_words(found.rest),
        "bars": bars,
        "most": most,
        "height": _HEIGHT,
        "moves": MOVES,
        "state_word": state_word,
        "at": local_time(now + timedelta(seconds=found.rest.seconds or 0)),
        "now": now,
    }


def state_word(one: Running) -> str:
    """Say how one stands: what is on and has nothing left to go out is not on its way."""
    return (
        say("pushes.all_out")
        if one.state == "running" and not one.waiting
        else texts().raw(f"push.campaign_{one.state}")
    )


def line_words(line: LongLine) -> str:
    """Say how the one connection stands, since when, why not, and who has it."""
    if not line.holder:
        return say("pushes.line_nobody")
    since, holder = local_time(line.since), line.holder
    if line.is_up:
        return say("pushes.line_open", since=since, holder=holder)
    return say("pushes.line_down", since=since, holder=holder, why=say(f"pushes.line_{line.state or 'connecting'}"))


def rest_words(rest: Rest) -> list[str]:
    """Say what is still to go out and how long that takes; nothing when all has gone. No promise where there is no figure."""
    found: list[str] = []
    if rest.held:
        found.append(say("pushes.held", count=rest.held))
    if rest.ready and rest.seconds is None:
        found.append(say("pushes.queued", count=rest.ready))
        found.append(say("pushes.unknown_yet" if rest.driven else "pushes.nobody_drives"))
    elif rest.ready:
        assert rest.seconds is not None
        found.append(say("pushes.eta", count=rest.ready, left=span(rest.seconds)))
        if rest.pace is not None:
            found.append(say("pushes.pace", pace=f"{rest.pace:.1f}"))
        if rest.floor is not None:
            found.append(say("pushes.floor", least=span(rest.floor)))
    if rest.asked:
        found.append(say("pushes.for_leaders", count=rest.asked))
    if rest.later:
        found.append(say("pushes.later", count=rest.later, at=local_time(rest.later_from)))
    if rest.too_late:
        found.append(say("pushes.too_late", count=rest.too_late))
    return found


def span(seconds: float) -> str:
    """Write how long something takes."""
    whole = max(1, round(seconds))
    if whole < 60:
        return say("pushes.seconds", count=whole)
    if whole < 3600:
        return say("pushes.minutes", count=whole // 60, seconds=whole % 60)
    return say("pushes.hours", count=whole // 3600, minutes=whole % 3600 // 60)


# ---------------------------------------------------------------- doing


@router.post("/console/pushes/move", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def move(request: Request) -> Response:
    """Pause, resume or cancel one: it holds from the next message on."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    key, how = field(form, "key")[:64], field(form, "how")
    if console.pushing is None or how not in ("pause", "resume", "cancel"):
        raise HTTPException(404)
    try:
        await console.pushing.move(key, how, visitor.person_id)
    except Unfit as unfit:
        if not request.headers.get("hx-request"):
            return await _page(request, toast=unfit.said, tone="warning", status=409)
        # The board shows how it stands.
    if request.headers.get("hx-request"):
        return await figures(request)
    return RedirectResponse(f"/console/pushes?done={how}", 303)


@router.post("/console/pushes/letters/{number}/{how}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def settle(request: Request, number: int, how: str) -> Response:
    """Send an unknown one once more, or say what became of it."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    if console.pushing is None or how not in HOWS:
        raise HTTPException(404)
    try:
        if how == "resend":
            await console.pushing.resend(number, visitor.person_id)
        else:
            await console.pushing.settle(number, how, visitor.person_id)
    except Unfit as unfit:
        return await _page(request, toast=unfit.said, tone="warning", status=409)
    return RedirectResponse(f"/console/pushes?done={how}", 303)
