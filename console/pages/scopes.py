"""Groups by their name, for a list on a page that cannot hold them all."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from console.auth import Area, Visitor
from console.policy import LEADERS, Allow
from console.scope import offered

router = APIRouter()
LONGEST = 40


@router.get("/console/scopes", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def find(request: Request, q: str = "") -> Response:
    """Return groups that the visitor may see and whose name has these words, as (id, name)."""
    visitor: Visitor = request.state.visitor
    wanted = q.strip()[:LONGEST].replace("\x00", "")
    found: list[tuple[int, str]] = []
    if wanted:
        found = await request.app.state.console.database.read(lambda s: offered(s, visitor, wanted))
    return JSONResponse({"groups": found})
