"""知识库: what the bot answers from: the list, what is searched in it, the works that are under way, what models cost."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from console import keeping
from console.auth import Area
from console.policy import LEADERS, STAFF, Allow, field
from console.views import Views
from console.works import Work
from engagement.curation import words
from knowledge import leafing
from knowledge.errors import KnowledgeRefusal
from prompts.loader import texts

router = APIRouter()
LONGEST = 80
FILTERS = ("q", "state", "category", "owner", "scope")
SPANS = ("day", "week", "model")
_OWN = "console_knowledge.category_"
_SHIPPED = frozenset(key.removeprefix(_OWN) for key in texts().keys() if key.startswith(_OWN)) - {"all"}  # noqa: SIM118


def kind_of(name: str) -> str:
    """Return what stands in a document's square: its file's ending."""
    ending = name.rpartition(".")[2].upper()
    known = "." in name and 0 < len(ending) <= 5 and ending.isalnum() and ending != "JSONL"
    return ending if known else "FAQ"


def number(value: str) -> int:
    """Return a whole number of an address; 0 for anything else."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def category_name(category: str) -> str:
    """Return what a category is called; those that ship with the program have names in the texts."""
    return texts().raw(f"console_knowledge.category_{category}") if category in _SHIPPED else category


def row(one: dict[str, Any]) -> dict[str, Any]:
    """Return a document as the list shows it."""
    return {**one, "called": words.called(one["title"], one["name"]), "square": kind_of(one["name"])}


@router.get("/console/knowledge", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def knowledge(request: Request, before: str = "") -> Response:
    """List documents that fit, and what a search finds in them."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    chosen = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in FILTERS}
    if chosen["state"] not in (leafing.STATES if who.writes else ("published",)):
        chosen["state"] = ""
    asked = {"words": chosen["q"], **{name: chosen[name] for name in FILTERS[1:]}}
    public = not who.writes
    shelf = await keeping.ask(request, who, "shelf", scopes=who.scopes, public=public, before=number(before), **asked)
    for one in shelf["found"]:
        one["title"], one["body"] = words.readable(one["title"]), words.readable(one["body"])
    documents = [row(keeping.shown(request, one)) for one in shelf["documents"]]
    kept = {name: value for name, value in chosen.items() if value}
    about = {
        "documents": documents,
        "found": shelf["found"],
        "owner_names": await keeping.owner_names(request, who, [one["owner"] for one in documents]),
        "scope_names": await keeping.scope_names(request, [one["scope"] for one in (*documents, *shelf["found"])]),
        "next": f"/console/knowledge?{urlencode({**kept, 'before': shelf['more']})}" if shelf["more"] else "",
        "first": f"/console/knowledge?{urlencode(kept)}" if before else "",
        "chosen": chosen,
        "kept": kept,
        "writes": who.writes,
    }
    if request.headers.get("hx-request"):
        return views.page(request, "knowledge_rows.html", active="knowledge", **about)
    figures = await keeping.ask(request, who, "figures", scopes=who.scopes)
    owners = await keeping.owner_names(request, who, figures["owners"])
    categories = [(one, category_name(one)) for one in figures["categories"]]
    states = [("", "all"), *((state, state) for state in leafing.STATES)]
    scopes = await keeping.scopes(request, who, chosen["scope"]) if who.writes else []
    return views.page(
        request,
        "knowledge.html",
        active="knowledge",
        figures=figures,
        states=states,
        categories=categories,
        owners=sorted(owners.items(), key=lambda one: one[1]),
        scopes=scopes,
        work=await work_of(request, who),
        everywhere=who.who.scopes is None,
        **about,
    )


# ---------------------------------------------------------------- works


@router.get("/console/knowledge/works", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def works(request: Request) -> Response:
    """List what one began lately, and what became of it."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    found = keeping.works_of(request)
    shown = [] if found is None else found.of(who.hand.person_id)
    return views.page(request, "knowledge_works.html", active="knowledge", works=[told(one) for one in shown])


@router.get("/console/knowledge/works/{work}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def one_work(request: Request, work: str, go: str = "") -> Response:
    """Say how far a work is; a page that waits for it is sent on when it is over."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    found = keeping.works_of(request)
    one = None if found is None else found.find(work, who.hand.person_id)
    if one is None:
        raise HTTPException(404)
    template = "knowledge_work.html" if request.headers.get("hx-request") else "knowledge_works.html"
    shown = told(one)
    answer = views.page(request, template, active="knowledge", work=shown, works=[shown], go=go == "1")
    if go == "1" and one.over and one.back:
        answer.headers["HX-Redirect"] = behind(one.back, one)
    return answer


@router.post("/console/knowledge/works/{work}/forget", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def forget_work(request: Request, work: str) -> Response:
    """Take a work that is over off the list."""
    who = await keeping.keeper(request)
    found = keeping.works_of(request)
    one = None if found is None else found.find(work, who.hand.person_id)
    if found is not None and one is not None:
        found.forget(one)
    if request.headers.get("hx-request"):
        return Response("")
    return Response(status_code=303, headers={"location": "/console/knowledge/works"})


def behind(path: str, work: Work) -> str:
    """Return a page's address with the work that it is to tell of."""
    return f"{path}{'&' if '?' in path else '?'}work={work.id}"


async def work_of(request: Request, who: keeping.Keeper) -> dict[str, Any] | None:
    """Return the work that a page is to tell of: its address names it."""
    works = keeping.works_of(request)
    found = None if works is None else works.find(request.query_params.get("work", ""), who.hand.person_id)
    return None if found is None else told(found)


def told(work: Work) -> dict[str, Any]:
    """Return a work as pages show it: what, how far, why not, what came of it, and how it is taken back."""
    from console.deeds import undo

    no = keeping.said_no(work.key, work.values) if work.key and work.key.partition(".")[0] != "knowledge" else ""
    added = [
        {
            **one,
            "called": words.called("", one["name"]),
            "clashes": [words.differing(pair["differs"]) for pair in one.get("clashes", ())],
        }
        for one in work.result.get("added", ())
    ]
    return {
        "id": work.id,
        "what": work.what,
        "title": work.title,
        "state": work.state,
        "over": work.over,
        "step": work.step,
        "done": work.done,
        "total": work.total,
        "share": work.share,
        "tries": work.tries,
        "no": no,
        "key": work.key.partition(".")[2] if work.key.startswith("knowledge.") else "",
        "result": work.result,
        "added": added,
        "back": work.back,
        "undo": undo(work),
    }


# ---------------------------------------------------------------- what models cost


@router.get("/console/knowledge/usage", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def usage(request: Request, span: str = "day", days: str = "30") -> Response:
    """Tell what outside models used and cost."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    chosen = span if span in SPANS else "day"
    count = number(days) if 1 <= number(days) <= 366 else 30
    found = await keeping.ask(request, who, "usage", span=chosen, days=count)
    return views.page(
        request, "knowledge_usage.html", active="knowledge", usage=found, span=chosen, days=count, spans=SPANS
    )


@router.get("/console/knowledge/similar", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def similar(request: Request) -> Response:
    """Show entries that are like one that is being written."""
    views: Views = request.app.state.views
    who = await keeping.keeper(request)
    params = request.query_params
    asked = [params.get("question", "")[:300], *params.get("texts", "")[:4000].splitlines()]
    texts = [one.strip() for one in asked if len(one.strip()) >= 2]
    found: dict[str, Any] = {"clashes": []}
    no = ""
    if texts and request.app.state.console.answering is not None:
        try:
            found = await keeping.ask(
                request,
                who,
                "similar",
                texts=texts,
                answer=params.get("answer", "")[:4000],
                scope=params.get("scope", "") or "all",
            )
        except KnowledgeRefusal as refusal:
            no = keeping.refused(refusal)
    for one in found["clashes"]:
        one["body"] = words.readable(one["body"])
    return views.page(
        request, "knowledge_similar.html", active="knowledge", clashes=found["clashes"][:6], asked=texts, no=no
    )


async def form_of(request: Request) -> dict[str, str]:
    """Return a form's words by the fields' names."""
    form = await request.form(max_files=0, max_fields=40)
    return {name: field(form, name) for name in form}
