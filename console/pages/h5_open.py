"""What everybody may read: this month's theme with the challenge's rules, how to come in, and the privacy notice.

Nobody's name and no group's figure stands here: a link that was passed on leads here and no further.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.pages.h5_frame import HOME_ZONE
from console.policy import Allow
from console.views import Views
from engagement import calendar
from engagement.entry.rules import PREFIX
from engagement.theme import service as theme
from engagement.theme import words
from prompts.loader import texts

router = APIRouter()


@router.get("/open", dependencies=[Depends(Allow())])
async def month(request: Request) -> Response:
    """Show the month's theme, the challenge's rules, and the way in."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    today = calendar.local_day(console.clock.now(), HOME_ZONE)
    now = theme.month_of(today)
    rule = list(words.lines(now.challenge.rule, words.figures(now, "", "")))
    door = console.door()
    return views.page(request, "h5_open.html", pack=now, rule=rule, door=f"{door}{PREFIX}" if door else "")


@router.get("/open/privacy", dependencies=[Depends(Allow())])
async def privacy(request: Request) -> Response:
    """Show the whole privacy notice, the same words as in the chat."""
    views: Views = request.app.state.views
    return views.page(request, "h5_privacy.html", lines=notice())


def notice() -> list[str]:
    """Return what is kept, what for and who sees it, line by line, in the words of the chat.

    Its heading is the page's; how to act on it in a chat is said differently on a page.
    """
    return [line.removeprefix("· ") for line in texts().raw("members.privacy").splitlines()[1:-1]]
