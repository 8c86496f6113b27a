"""群设置: what is set for a group, to read; leaders change it in the chat, where the bot checks who they are."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlmodel import col, select

from console.auth import Area, Visitor
from console.policy import CONSOLE, Allow
from console.scope import chosen, groups_of
from console.views import Views
from engagement.groups import rules
from storage.engine import Session
from storage.groups import Group, Member

router = APIRouter()


@router.get("/console/settings", dependencies=[Depends(Allow(Area.CONSOLE, CONSOLE))])
async def settings(request: Request, group: str = "") -> Response:
    """Show a group's facts and switches."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor

    def read(session: Session) -> tuple[list[Group], Group | None, list[str]]:
        mine = groups_of(session, visitor)
        one = chosen(mine, group)
        leaders = [] if one is None else _leaders(session, one)
        return mine, one, leaders

    mine, one, leaders = await console.database.read(read)
    facts: list[tuple[str, str]] = []
    if one is not None:
        given = one.facts or {}
        facts = [(word, given.get(key, "")) for key, word in rules.shown_facts().items()]
    return views.page(
        request,
        "settings.html",
        groups=mine,
        group=one,
        facts=facts,
        leaders=leaders,
        clock_time=rules.clock_time,
        active="settings",
    )


def _leaders(session: Session, group: Group) -> list[str]:
    return list(
        session.exec(
            select(Member.name).where(
                Member.group_id == group.id, Member.role == "leader", col(Member.left_at).is_(None), Member.name != ""
            )
        )
    )
