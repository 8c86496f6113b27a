"""The way to a room of one's own group, for links that cannot know which group that is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console.auth import Area, Visitor
from console.navigation import GROUP_ROOM, open_paths
from console.policy import LEADERS, Allow
from console.scope import groups_of

router = APIRouter()


@router.get("/console/my/{room}", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def mine(request: Request, room: str) -> Response:
    """Go to a room of the first group that one may see; without a group to the first page.

    Raises:
        HTTPException: there is no such room of a group.
    """
    if GROUP_ROOM + room not in open_paths(request.app):
        raise HTTPException(404)
    visitor: Visitor = request.state.visitor
    groups = await request.app.state.console.database.read(lambda s: groups_of(s, visitor))
    return RedirectResponse(f"/console/groups/{groups[0].id}/{room}" if groups else "/console", 303)
