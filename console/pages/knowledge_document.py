"""One document: what stands in it as it was cut, its versions beside each other, what was found, who cares for it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from console import keeping
from console.auth import Area
from console.keeping import Keeper
from console.pages.knowledge import category_name, kind_of, number, work_of
from console.policy import LEADERS, STAFF, Allow
from console.views import Views
from engagement.curation import words
from knowledge import leafing
from knowledge.errors import KnowledgeRefusal

router = APIRouter()
VIEWS = ("cut", "text")
DIFFS = ("inline", "side")
_AROUND = 60
"""Characters of unchanged words that stay on each side of a change."""


async def _leaf(request: Request, who: Keeper, document: int, **about: Any) -> dict[str, Any]:
    """Return a version with its people and its scope named.

    Raises:
        HTTPException: 404.
    """
    row = await keeping.document(request, who, document)
    try:
        found = await keeping.ask(request, who, "leaf", id=document, person=who.hand.person_id, **about)
    except KnowledgeRefusal as no:
        raise HTTPException(404) from no
    if not who.writes and found["state"] != "published":
        raise HTTPException(404)
    hands = [one["created_by"] for one in found["versions"]] + [one["published_by"] for one in found["versions"]]
    found["versions"] = [keeping.shown(request, one) for one in found["versions"]]
    found = keeping.shown(request, found)
    hands += [one["accepted_by"] for one in found["findings"]]
    found["hands"] = await keeping.hand_names(request, who, hands)
    found["scope_name"] = (await keeping.scope_names(request, [row.scope]))[row.scope]
    found["called"] = words.called(row.title, row.name)
    found["square"] = kind_of(row.name)
    for one in found["chunks"]:
        one["body"], one["plain"] = words.readable(one["body"]), words.readable(one["plain"])
        one["category_name"] = category_name(one["category"])
    for pair in found["clashes"]:
        pair["new"]["body"], pair["old"]["body"] = (words.readable(pair[side]["body"]) for side in ("new", "old"))
        pair["differs"], pair["old"]["name"] = (
            words.differing(pair["differs"]),
            words.called(pair["old"]["of"], pair["old"]["name"]),
        )
    for one in found["findings"]:
        one["said"] = words.finding(one["kind"], one["locator"], one["excerpt"])
    return found


@router.get("/console/knowledge/{document}", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def one_document(
    request: Request, document: int, version: str = "", start: str = "", at: str = "", view: str = "cut"
) -> Response:
    """Show what stands in a version: as it was cut, with ways to ask and warnings, or as a text."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    leaf = await _leaf(request, who, document, version=number(version) or None, start=number(start), at=at[:120])
    loose = [one for one in leaf["findings"] if one["entry"] is None and not one["accepted"]]
    return views.page(
        request,
        "knowledge_document.html",
        active="knowledge",
        leaf=leaf,
        loose=loose,
        view=view if view in VIEWS else "cut",
        at=at[:120],
        scopes=await keeping.scopes(request, who, leaf["scope"]) if leaf["clashes"] else [],
        writes=who.writes,
        edits=who.may(leaf["scope"]) and not leaf["removed"],
        work=await work_of(request, who),
        size=leafing.CHUNKS,
    )


@router.get("/console/knowledge/{document}/versions", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def versions(request: Request, document: int, old: str = "", new: str = "", view: str = "inline") -> Response:
    """List the versions, and show two of them beside each other."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    leaf = await _leaf(request, who, document)
    found, no = None, ""
    try:
        found = await keeping.ask(
            request, who, "diff", id=document, version=number(new) or None, against=number(old) or None
        )
    except KnowledgeRefusal as refusal:
        no = keeping.refused(refusal)
    if found is not None:
        found["changed"] = [_beside(one) for one in found["changed"]]
    return views.page(
        request,
        "knowledge_versions.html",
        active="knowledge",
        leaf=leaf,
        found=found,
        no=no,
        view=view if view in DIFFS else "inline",
        edits=who.may(leaf["scope"]) and not leaf["removed"],
        work=await work_of(request, who),
    )


def _beside(one: dict[str, Any]) -> dict[str, Any]:
    """Return a changed entry with its pieces shortened, and the two sides of each text."""
    shown = {}
    for name in ("title", "body", "plain"):
        cut = shortened(one[name])
        shown[name] = {
            "pieces": cut,
            "old": [piece for piece in cut if piece[0] != "+"],
            "new": [piece for piece in cut if piece[0] != "-"],
        }
    return {**one, "texts": shown}


def shortened(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the middle of long runs that did not change."""
    found = []
    for at, (mark, text) in enumerate(pieces):
        if mark == "=" and len(text) > 3 * _AROUND:
            head = text[:_AROUND] if at > 0 else ""
            tail = text[-_AROUND:] if at + 1 < len(pieces) else ""
            found.append((mark, f"{head} … {tail}"))
        else:
            found.append((mark, text))
    return found


@router.get("/console/knowledge/{document}/preview", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def preview(request: Request, document: int) -> Response:
    """Say what a publish would change, and what the golden cases say to it; then it can be done."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    row = await keeping.document(request, who, document)
    about, no = None, ""
    try:
        about = await keeping.ask(request, who, "preview", id=document)
    except KnowledgeRefusal as refusal:
        no = keeping.refused(refusal)
    template = "knowledge_preview.html" if request.headers.get("hx-request") else "knowledge_preview_page.html"
    return views.page(
        request,
        template,
        active="knowledge",
        document=document,
        called=words.called(row.title, row.name),
        preview=about,
        no=no,
        edits=who.may(row.scope),
    )


@router.get("/console/knowledge/{document}/care", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def care(request: Request, document: int) -> Response:
    """Show who answers for it, when it is to be looked through, how long it holds, whom it is for, what people thought."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    leaf = await _leaf(request, who, document)
    return views.page(
        request,
        "knowledge_care.html",
        active="knowledge",
        leaf=leaf,
        newest=leaf["versions"][-1],
        thumbs=await keeping.ask(request, who, "thumbs", id=document),
        edits=who.may(leaf["scope"]),
        work=await work_of(request, who),
    )


@router.get("/console/knowledge/{document}/entry", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def entry(request: Request, document: int, entry: str = "") -> Response:
    """Show one entry to be changed: its answer, its ways to ask."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    row = await keeping.document(request, who, document)
    if not who.may(row.scope):
        raise HTTPException(404)
    try:
        found = await keeping.ask(request, who, "entry_show", entry=entry[:120], document=document)
    except KnowledgeRefusal as no:
        raise HTTPException(404) from no
    return views.page(
        request,
        "knowledge_entry.html",
        active="knowledge",
        document=document,
        called=words.called(row.title, row.name),
        found=found,
        scopes=await keeping.scopes(request, who, row.scope),
        scope=row.scope,
        work=await work_of(request, who),
    )
