"""What somebody does on a page: one form, one command or button, through the desk."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from console.auth import Area, Role, Visitor
from console.desk import BUG, Line, Said, Subjects, one_text
from console.pages.home import local_path
from console.policy import LEADERS, RESIDENT, Allow, field
from console.scope import group_of
from console.views import Views, say

router = APIRouter()
ACTED = "acted"
"""Event of the browser after something was done: what a page shows of it is read again."""


@router.post(
    "/console/act", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="desk.viewed", names_group=True))]
)
async def act(request: Request) -> Response:
    """Do one thing for staff or a leader, in a group of theirs."""
    return await _act(request, "/console")


@router.post("/h5/act", dependencies=[Depends(Allow(Area.H5, RESIDENT))])
async def act_h5(request: Request) -> Response:
    """Do one thing for a neighbour, in a group that he is in."""
    return await _act(request, "/h5")


async def _act(request: Request, area: str) -> Response:
    form = await request.form()
    group_id = number(field(form, "group"))
    said = await done(request, form, group_id)
    return answer(request, said, area, group_id or 0, field(form, "back"))


async def done(request: Request, form: FormData, group_id: int | None) -> Said:
    """Run what a form asks for: ``press`` a button, or ``say`` words, several fields of it behind each other."""
    visitor: Visitor = request.state.visitor
    desk = request.app.state.console.desk
    if desk is None or group_id is None:
        return Said(BUG, (Line(say("act.nothing")),))
    if group_id:
        here = await request.app.state.console.database.read(lambda s: group_of(s, visitor, group_id))
        if here is None:
            return Said("refused", (Line(say("act.not_yours")),))
    key, button = field(form, "key"), field(form, "press")
    words = one_text([one for one in form.getlist("say") if isinstance(one, str)])
    about = Subjects(request.app.state.console.secret).open(visitor.person_id, field(form, "about"))
    if not key or about is None or not (button or words):
        return Said(BUG, (Line(say("act.nothing")),))
    most = at_most(visitor)
    if button:
        answered: Said = await desk.press(visitor.person_id, group_id, button, key, role=most)
    else:
        answered = await desk.say(visitor.person_id, group_id, words, key, about, role=most)
    return answered


def at_most(visitor: Visitor) -> str:
    """Return as what somebody acts at most: a session without a second step has no role over groups, whoever holds it."""
    if visitor.role is Role.RESIDENT:
        return visitor.role.value
    return visitor.role.value if visitor.role is Role.LEADER and not (visitor.strong or visitor.demo) else ""


def answer(request: Request, said: Said, area: str, group_id: int, back: str) -> Response:
    """Show what came of it: beside the page, or as a page of its own where there is no script."""
    views: Views = request.app.state.views
    visitor: Visitor = request.state.visitor
    subjects = Subjects(request.app.state.console.secret)
    beside = request.headers.get("hx-request") == "true"
    response = views.page(
        request,
        "said.html" if beside else "said_page.html",
        said=said,
        group_id=group_id,
        post=f"{area}/act",
        back=local_path(back, area),
        frame="shell.html" if area == "/console" else "h5_shell.html",
        heading=say("act.title"),
        abouts=[subjects.seal(visitor.person_id, line.about) for line in said.lines],
        files=[None if line.document is None else download(line.document[1]) for line in said.lines],
    )
    if beside and said.went_well:
        response.headers["HX-Trigger"] = ACTED
    return response


def download(text: str) -> str:
    """Return a link that holds a text as a file."""
    return "data:text/plain;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()


def number(text: str) -> int | None:
    """Read an id of a form; None for rubbish; empty is 0."""
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
