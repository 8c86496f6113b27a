"""必考题: questions whose right answer is fixed, how the last runs went, and which way it goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console import keeping
from console.auth import Area
from console.pages.knowledge import number, work_of
from console.policy import STAFF, Allow
from console.views import Views, local_time, say
from knowledge.errors import KnowledgeRefusal

router = APIRouter()
OFFERED = 5


@router.get("/console/golden", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def golden(request: Request, q: str = "", before: str = "") -> Response:
    """List the cases with how they stood in the last run, and show the trend."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    words = q.strip()[:80]
    found = await keeping.ask(request, who, "golden_page", words=words, before=number(before))
    runs = [_run(one, request.app.state.console.zone) for one in found["runs"]]
    last = runs[-1] if runs else None
    wrong = set(last["wrong"]) if last else set()
    fresh = last["at"] if last else ""
    for one in found["cases"]:
        one["state"] = (
            "new" if not fresh or one["made_at"] > fresh else "wrong" if one["question"] in wrong else "right"
        )
    names = await keeping.scope_names(request, [one["scope"] for one in found["cases"]])
    hands = await keeping.hand_names(request, who, [one["made_by"] for one in found["cases"]])
    return views.page(
        request,
        "golden.html",
        active="knowledge",
        heading=say("golden.title"),
        q=words,
        cases=found["cases"],
        next=f"/console/golden?before={found['more']}" if found["more"] else "",
        first="/console/golden" if before else "",
        runs=list(reversed(runs)),
        last=last,
        chart=trend(runs),
        names=names,
        hands=hands,
        scopes=await keeping.scopes(request, who, ""),
        edits=who.who.scopes is None,
        work=await work_of(request, who),
    )


def _run(one: dict[str, Any], zone: str) -> dict[str, Any]:
    """Return a run with its shares in hundredths."""
    figures = one["figures"]
    asked = int(figures.get("n", 0))
    right = int(figures.get("answered_right", 0) + figures.get("handed_over_right", 0))
    back = int(figures.get("asked_back_hit", 0))
    return {
        **one,
        "shown": local_time(datetime.fromisoformat(one["at"]), zone),
        "asked": asked,
        "right": right,
        "back": back,
        "missed": asked - right - back,
        "share": round(100 * right / asked) if asked else 0,
        "fit": round(100 * (right + back) / asked) if asked else 0,
    }


def trend(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the trend as the chart takes it, oldest first."""
    return {
        "kind": "line",
        "labels": [one["shown"] for one in runs],
        "series": [
            {"name": say("golden.share"), "values": [one["share"] for one in runs], "area": True},
            {"name": say("golden.fit"), "values": [one["fit"] for one in runs]},
        ],
    }


@router.get("/console/golden/suggest", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def suggest(request: Request, question: str = "", scope: str = "") -> Response:
    """Offer the entries that could answer a question."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    asked = question.strip()[:300]
    found: dict[str, Any] = {"passages": []}
    if len(asked) >= 2 and request.app.state.console.answering is not None:
        try:
            found = await keeping.ask(request, who, "bench", question=asked, scope=scope[:80] or "all")
        except KnowledgeRefusal:
            found = {"passages": []}
    return views.page(
        request, "golden_suggest.html", active="knowledge", passages=found["passages"][:OFFERED], asked=asked
    )
