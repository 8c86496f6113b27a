"""试一试: ask as a neighbour would, see what the answer stands on, and put right at once what is wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console import keeping
from console.auth import Area
from console.pages.knowledge import work_of
from console.policy import LEADERS, Allow
from console.views import Views
from engagement.curation import words
from knowledge.errors import KnowledgeRefusal

router = APIRouter()
LONGEST_QUESTION = 200
SURE, LIKELY = 0.85, 0.6
"""Scores from which an answer is called quite sure, and likely."""
SHOWN = 6


@router.get("/console/try", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def bench(request: Request, q: str = "", scope: str = "", group: str = "") -> Response:
    """Try a question: the answer as residents get it, the passages, how sure the bot is."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    question = q.strip()[:LONGEST_QUESTION]
    wished = scope[:80] or (f"group:{group[:16]}" if group else "")
    scopes = await keeping.scopes(request, who)
    chosen = await _chosen(request, who, wished, scopes)
    ready = request.app.state.console.answering is not None
    found: dict[str, Any] | None = None
    no = ""
    if question and ready:
        try:
            found = await keeping.ask(request, who, "bench", question=question, scope=chosen)
        except KnowledgeRefusal as refusal:
            no = keeping.refused(refusal)
    for one in found["passages"] if found else ():
        one["body"] = [(words.readable(text), used) for text, used in one["body"]]
    template = "try_answer.html" if request.headers.get("hx-request") else "try.html"
    return views.page(
        request,
        template,
        active="try",
        q=question,
        scopes=scopes if any(value == chosen for value, _ in scopes) else await keeping.scopes(request, who, chosen),
        scope=chosen,
        found=found,
        sure="" if found is None else sureness(float(found["score"])),
        shown=SHOWN,
        no=no,
        ready=ready,
        work=await work_of(request, who),
        back=f"/console/try?{urlencode({'q': question, 'scope': chosen})}",
        writes=who.writes,
        may=who.may(chosen),
    )


def sureness(score: float) -> str:
    """Return a word for how likely the best passage is the right one."""
    return "sure" if score >= SURE else "likely" if score >= LIKELY else "unsure"


async def _chosen(request: Request, who: keeping.Keeper, wished: str, scopes: list[tuple[str, str]]) -> str:
    """Return as whom it is asked: only as somebody whom the visitor looks after."""
    if wished and (who.who.may(wished) or any(value == wished for value, _ in scopes)):
        names = await keeping.scope_names(request, [wished])
        return wished if names[wished] else "all"
    groups = [value for value, _ in scopes if value.startswith("group:")]
    return groups[0] if groups else "all"
