"""/console/knowledge/new: files, an entry that one writes, or a page of the web, into drafts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from console import keeping
from console.auth import Area
from console.keeping import Keeper
from console.pages.knowledge import form_of, told
from console.pages.knowledge_do import done, waited
from console.policy import STAFF, Allow
from console.views import Views
from console.works import Work, Works
from engagement.curation import rules
from knowledge import links, loaders
from knowledge.errors import KnowledgeRefusal

router = APIRouter()
MOST_FILES = 20
MOST_BYTES = 4 * loaders.MAX_BYTES
"""Of one form: a file alone may have ``loaders.MAX_BYTES``, and a form without a script brings several at once."""
KINDS = ("file", "entry", "url")
AUDIENCES = ("everybody", "leaders")
_PIECE = 1 << 20
_SHOWN = 8


@router.get("/console/knowledge/new", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def new(request: Request, kind: str = "file") -> Response:
    """Show the ways in."""
    return await _page(request, kind if kind in KINDS else "file", {})


async def _page(request: Request, kind: str, form: dict[str, str], no: str = "", status: int = 200) -> Response:
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    works = keeping.works_of(request)
    answering = request.app.state.console.answering
    urls = answering is not None and answering.options is not None and answering.options.urls
    shown = [] if works is None else [told(one) for one in works.of(who.hand.person_id) if one.what == "add"][:_SHOWN]
    scope = form.get("scope", "") or request.query_params.get("scope", "")[:80] or who.who.home
    given = {name: request.query_params.get(name, "")[:500] for name in ("question", "answer")}
    return views.page(
        request,
        "knowledge_new.html",
        status,
        active="knowledge",
        kind=kind if kind != "url" or urls else "file",
        urls=urls,
        ready=works is not None,
        scopes=await keeping.scopes(request, who, scope if who.may(scope) else ""),
        scope=scope,
        form={**given, **form},
        no=no,
        works=shown,
        suffixes=",".join(sorted(loaders.SUFFIXES)),
        most=loaders.MAX_BYTES >> 20,
        most_files=MOST_FILES,
    )


@router.post("/console/knowledge/write", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def write(request: Request) -> Response:
    """Put an entry that one wrote into a draft; what was typed stays where it cannot be taken."""
    form = await form_of(request)
    form["texts"] = "\n".join([form.get("question", ""), form.get("texts", "")])
    work = await done(request, "entry_new", {**form, "back": "/console/knowledge"})
    if work is None:
        raise HTTPException(404)
    if work.state == "done":
        return RedirectResponse(
            f"/console/knowledge/{work.result['document']}?version={work.result['version']}"
            f"&at={work.result['entry']}&work={work.id}#{work.result['entry']}",
            303,
        )
    if not work.over:
        return RedirectResponse(f"/console/knowledge/works/{work.id}", 303)
    kept = {**form, "texts": form["texts"].partition("\n")[2]}
    return await _page(request, "entry", kept, str(told(work)["no"]), 409)


@router.post("/console/knowledge/fetch", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def fetch(request: Request) -> Response:
    """Take in a page of the web, where the operator lets it."""
    form = await form_of(request)
    who, works = await keeping.keeper(request), keeping.works_of(request)
    if works is None:
        raise HTTPException(404)
    url = form.get("url", "").strip()[:2000]
    about = _label(who, form)
    try:
        links.allowed(request.app.state.console.answering.options, url)
    except KnowledgeRefusal as no:
        return await _page(request, "url", form, keeping.refused(no), 409)
    if not links.is_link(url):
        return await _page(request, "url", form, keeping.said_no("kb.url_bad", {"url": url[:80]}), 409)
    work = works.open("add", url, who.hand, {**about, "paths": [url]}, back="/console/knowledge/new?kind=url")
    work = await waited(request, works.start(work), who)
    if work.state == "refused":
        return await _page(request, "url", form, str(told(work)["no"]), 409)
    return RedirectResponse("/console/knowledge/new?kind=url", 303)


def _label(who: Keeper, form: dict[str, str]) -> dict[str, Any]:
    """Return whom what is taken in is for.

    Raises:
        HTTPException: 404, the scope is not the visitor's.
    """
    scope = form.get("scope", "")[:80] or who.who.home
    if not who.may(scope):
        raise HTTPException(404)
    audience = form.get("audience", "")
    return {
        "scope": scope,
        "audience": audience if audience in AUDIENCES else "",
        "owner": form.get("owner", "").strip()[:80],
    }


# ---------------------------------------------------------------- files


@router.post(
    "/console/knowledge/upload",
    dependencies=[Depends(Allow(Area.CONSOLE, STAFF, files=MOST_FILES, most_bytes=MOST_BYTES))],
)
async def upload(request: Request, name: str = "") -> Response:
    """Receive files: one by a script, which says its name before a byte of it has come, or several by a form."""
    views: Views = request.app.state.views
    who, works = await keeping.keeper(request), keeping.works_of(request)
    if works is None:
        raise HTTPException(404)
    back = "/console/knowledge/new"
    coming: Work | None = None
    if name:
        called = rules.file_name(name)
        coming = works.open("add", called, who.hand, {}, back=back, receiving=True)
    try:
        form = await request.form(max_files=MOST_FILES, max_fields=20)
    except (ClientDisconnect, HTTPException):
        if coming is not None:
            works.cut(coming)
        return Response(status_code=400)
    try:
        about = _label(who, {key: value for key, value in form.items() if isinstance(value, str)})
        begun = await _begun(who, works, form, coming, about)
    except HTTPException:
        if coming is not None:
            works.cut(coming)
        raise
    finally:
        await form.close()
    if request.headers.get("hx-request"):
        return views.page(request, "knowledge_cards.html", active="knowledge", works=[told(one) for one in begun])
    return RedirectResponse(back, 303)


async def _begun(who: Keeper, works: Works, form: FormData, coming: Work | None, about: dict[str, Any]) -> list[Work]:
    """Keep every file of a form; ``coming`` was announced before it came."""
    sent = [one for one in form.getlist("files") if isinstance(one, UploadFile) and (one.filename or one.size)]
    if not sent and coming is not None:
        works.cut(coming)
    begun = []
    for at, one in enumerate(sent):
        called = rules.file_name(one.filename or "")
        known = coming if at == 0 else None
        work = known or works.open("add", called, who.hand, {}, back="/console/knowledge/new", receiving=True)
        begun.append(await _received(works, work, one, called, about))
    return begun


async def _received(works: Works, work: Work, file: UploadFile, name: str, about: dict[str, Any]) -> Work:
    """Keep a file that has come, and begin to read it."""
    work = replace(work, title=name, request=about)
    suffix = Path(name).suffix.lower()
    if suffix not in loaders.SUFFIXES:
        code = next((code for code, known in loaders.ADVICE.items() if suffix in known), "unknown_format")
        return works.refuse(work, KnowledgeRefusal(f"kb.document_{code}", name=name))
    if (file.size or 0) > loaders.MAX_BYTES:
        return works.refuse(work, KnowledgeRefusal("kb.document_too_big", name=name))
    with works.place(work, name).open("wb") as kept:
        while piece := await file.read(_PIECE):
            kept.write(piece)
    return works.start(work, name)
