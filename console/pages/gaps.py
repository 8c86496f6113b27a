"""没答上的: what neighbours asked and nobody could answer, by meaning, worked through with the keyboard.

Who asked is never shown: questions come masked, and a reply goes its way through the desk, as a leader's would.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console import keeping
from console.auth import Area
from console.keeping import Keeper
from console.pages.knowledge import behind, form_of, told, work_of
from console.pages.knowledge_do import done
from console.policy import STAFF, Allow
from console.views import Views, local_time
from knowledge.errors import KnowledgeRefusal

router = APIRouter()
SHOWN = 30
FOUND = 8
DEEDS = frozenset({"gap_answer", "gap_link", "gap_dismiss", "gap_undo"})
HERE = "/console/gaps"
PATIENCE = 10.0
"""Seconds that an entry of the list waits for its deed: what takes its place says how it went."""


@router.get(HERE, dependencies=[Depends(Allow(Area.CONSOLE, STAFF, reads="questions.viewed"))])
async def gaps(request: Request, rows: str = "", start: str = "") -> Response:
    """Show the gaps, the most asked first; the page comes at once, its list when the questions are grouped."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    ready = request.app.state.console.answering is not None
    about: dict[str, Any] = {
        "ready": ready,
        "work": await work_of(request, who),
        "found": None,
        "start": 0,
        "size": SHOWN,
    }
    about["offers"] = await _offers(request, who)
    if ready and (rows == "1" or request.headers.get("hx-request")):
        about |= await _rows(
            request, who, int(start) if start.isascii() and start.isdecimal() and len(start) < 6 else 0
        )
    template = "gaps_rows.html" if request.headers.get("hx-request") else "gaps.html"
    return views.page(request, template, active="gaps", **about)


async def _rows(request: Request, who: Keeper, start: int) -> dict[str, Any]:
    zone = request.app.state.console.zone
    found = (await keeping.ask(request, who, "gaps_page", groups=who.groups))["gaps"]
    start = min(start, max(len(found) - 1, 0) // SHOWN * SHOWN)
    shown = found[start : start + SHOWN]
    for one in shown:
        one["first"] = local_time(datetime.fromisoformat(one["first_at"]), zone)
        one["last"] = local_time(datetime.fromisoformat(one["last_at"]), zone)
        one["question"] = one["questions"][0]
    names = await keeping.scope_names(request, [one["scope"] for one in shown])
    home = who.who.home or "all"
    choices = {
        one["question"]: _scopes(one["scope"], home, names, await keeping.scope_names(request, [home])) for one in shown
    }
    return {
        "found": shown,
        "total": len(found),
        "asked": sum(one["count"] for one in found),
        "names": names,
        "choices": choices,
        "start": start,
    }


def _scopes(asking: str, home: str, names: dict[str, str], homes: dict[str, str]) -> list[tuple[str, str]]:
    """Return whom an answer may be for: all that one looks after, or only the group that asked."""
    return [(home, homes[home]), *([(asking, names[asking])] if asking != home else [])]


async def _offers(request: Request, who: Keeper) -> list[dict[str, Any]]:
    """Return what leaders and neighbours offered, for who looks after the whole base."""
    if who.who.scopes is not None:
        return []
    found: list[dict[str, Any]] = (await keeping.ask(request, who, "proposals"))["proposals"]
    names = await keeping.scope_names(request, [one["scope"] for one in found[:SHOWN]])
    return [{**one, "scope_name": names[one["scope"]]} for one in found[:SHOWN] if one["phrasings"]]


@router.get("/console/gaps/entries", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def entries(request: Request, question: str = "", words: str = "") -> Response:
    """Find the entry that a gap is another way to ask for."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    asked = words.strip()[:80]
    found = []
    if len(asked) >= 2:
        shelf = await keeping.ask(request, who, "shelf", scopes=who.scopes, words=asked)
        found = [one for one in shelf["found"] if one["kind"] == "entry" and one["state"] == "published"][:FOUND]
    return views.page(request, "gaps_entries.html", active="gaps", found=found, question=question[:18], words=asked)


@router.post("/console/gaps/do", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def do(request: Request) -> Response:
    """Answer, link, lay aside, or take back; an answer also goes to those who wait for it."""
    views: Views = request.app.state.views
    form = await form_of(request)
    name = form.get("deed", "")
    if name not in DEEDS:
        raise HTTPException(400)
    who = await keeping.keeper(request)
    waiting: list[list[int]] = []
    if name == "gap_answer" and form.get("reply") == "1":
        try:
            gap = await keeping.ask(request, who, "gap", question=form.get("question", ""), groups=who.groups)
            waiting = gap["waiting"]
        except KnowledgeRefusal:
            waiting = []
    work = await done(request, name, {**form, "back": HERE}, form.get("text", "")[:120], PATIENCE)
    if work is None:
        raise HTTPException(404)
    replied = await _reply(request, who, form, waiting) if work.state == "done" else 0
    if not request.headers.get("hx-request"):
        return RedirectResponse(behind(HERE, work), 303)
    if name == "gap_undo" and work.state == "done":
        return Response("", headers={"HX-Refresh": "true"})
    shown = views.page(
        request,
        "gaps_done.html",
        active="gaps",
        work=told(work),
        replied=replied,
        missed=len(waiting) - replied if work.state == "done" else 0,
    )
    if work.state != "done":
        shown.headers["HX-Retarget"] = "#toasts"
        shown.headers["HX-Reswap"] = "beforeend"
    return shown


async def _reply(request: Request, who: Keeper, form: dict[str, str], waiting: list[list[int]]) -> int:
    """Send an answer to everybody who waits for it, each once; returns how many it went to."""
    desk = request.app.state.console.desk
    if desk is None or not who.visitor.person_id:
        return 0
    sent = 0
    for question, group in waiting:
        key = f"{form.get('key', '')[:40]}:{question}"
        said = await desk.say(
            who.visitor.person_id, group, form.get("answer", "")[:1000], key, about=f"question:{question}"
        )
        sent += said.went_well
    if sent:
        await keeping.ask(request, who, "gap_settle", questions=[question for question, _ in waiting])
    return sent
