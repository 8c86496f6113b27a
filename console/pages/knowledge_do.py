"""What a form of the knowledge pages does: one deed, done beside the request, waited for a moment, told on the page after."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console import keeping
from console.auth import Area
from console.deeds import DEEDS, EVERYWHERE, read
from console.keeping import Keeper
from console.pages.home import local_path
from console.pages.knowledge import behind, form_of, told
from console.policy import STAFF, Allow
from console.views import Views, say
from console.works import Work
from knowledge.errors import KnowledgeRefusal
from storage.learning import GoldenCase

router = APIRouter()
OF_ALL = {"duplicates": "golden.duplicates", "golden_run": "golden.run"}
"""What is about no document and no question in particular → what it is called."""
PATIENCE = 2.5
"""Seconds that a form waits for its deed before the page says how far it is."""
_STEP = 0.04


@router.post("/console/knowledge/do", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def do(request: Request) -> Response:
    """Do one deed."""
    form = await form_of(request)
    name = form.get("deed", "")
    if name not in DEEDS:
        raise HTTPException(400)
    work = await done(request, name, form)
    return await answer(request, work, local_path(form.get("back", ""), "/console/knowledge"))


async def answer(request: Request, work: Work | None, back: str) -> Response:
    """Say what came of a deed: as a note on the page, or by the page that it came from."""
    views: Views = request.app.state.views
    if work is None:
        raise HTTPException(404)
    if not request.headers.get("hx-request"):
        return RedirectResponse(behind(back, work), 303)
    shown = views.page(request, "knowledge_told.html", active="knowledge", work=told(work), back=back)
    if work.state == "done":
        shown.headers["HX-Trigger"] = "acted"
    return shown


async def done(
    request: Request, name: str, form: dict[str, str], title: str = "", patience: float = PATIENCE
) -> Work | None:
    """Begin a deed for who is at the page, and wait for it a little; None when it is not his to do."""
    who = await keeping.keeper(request)
    works = keeping.works_of(request)
    if works is None:
        raise HTTPException(404)
    back = local_path(form.get("back", ""), "/console/knowledge")
    try:
        asked = read(name, form)
    except KnowledgeRefusal as no:
        return works.refuse(works.open(name, title, who.hand, {}, back=back), no)
    if not await _may(request, who, name, asked):
        return None
    was = await _was(request, who, name, asked)
    about = {**asked, **({"was": was} if was else {}), "groups": who.groups}
    work = works.start(works.open(name, title or await _title(request, name, asked), who.hand, about, back=back))
    return await waited(request, work, who, patience)


async def waited(request: Request, work: Work, who: Keeper, patience: float = PATIENCE) -> Work:
    """Wait until a work is over, but not long."""
    works = keeping.works_of(request)
    for _ in range(int(patience / _STEP)):
        found = None if works is None else works.find(work.id, who.hand.person_id)
        if found is None or found.over:
            return found or work
        await asyncio.sleep(_STEP)
    return work


async def _may(request: Request, who: Keeper, name: str, asked: dict[str, Any]) -> bool:
    deed = DEEDS[name]
    if name in EVERYWHERE and who.who.scopes is not None:
        return False
    if deed.document:
        row = await keeping.document(request, who, int(asked[deed.document]))
        if not who.may(row.scope):
            return False
    if deed.scope and name.startswith("gap_") and asked["scope"] == "all" and who.who.home:
        asked["scope"] = who.who.home
    return not deed.scope or who.may(str(asked["scope"]))


async def _title(request: Request, name: str, asked: dict[str, Any]) -> str:
    """Return what a deed is about, as a person knows it."""
    from engagement.curation import words

    deed = DEEDS[name]
    if deed.document:
        who = await keeping.keeper(request)
        row = await keeping.document(request, who, int(asked[deed.document]))
        return words.called(row.title, row.name)
    for field in ("question", "texts"):
        value = asked.get(field)
        if value:
            return str(value[0] if isinstance(value, list) else value)
    return say(OF_ALL[name]) if name in OF_ALL else ""


async def _was(request: Request, who: Keeper, name: str, asked: dict[str, Any]) -> dict[str, str]:
    """Return how it is now, so that a change can be taken back."""
    database = request.app.state.console.database
    if name == "care":
        row = await keeping.document(request, who, int(asked["id"]))
        review = row.review_at.isoformat() if row.review_at else "none"
        return {"owner": row.owner, "review": review, "audience": row.audience}
    if name == "dates":
        head = await keeping.ask(request, who, "leaf", id=asked["id"])
        newest = head["versions"][-1]
        return {"from": newest["from"] or "", "until": newest["until"] or ""}
    if name == "clash" and asked.get("choice") != "open":
        return {"finding": asked.get("finding", ""), "choice": "open"}
    if name == "entry_answer":
        try:
            found = await keeping.ask(request, who, "entry_show", entry=asked["entry"], document=asked["document"])
        except KnowledgeRefusal:
            return {}
        return {"answer": found["answer"], "plain": found["plain"]}
    if name == "golden_remove" and str(asked.get("id", "")).isdecimal() and len(asked["id"]) < 19:
        case = await database.read(lambda session: session.get(GoldenCase, int(asked["id"])))
        if case is not None:
            return {"question": case.question, "relevant": "\n".join(case.relevant or ()), "scope": case.scope}
    return {}
