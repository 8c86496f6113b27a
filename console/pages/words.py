"""文案: the bank of daily topics, the months' themes, and all that somebody says in other words than the ready ones.

Source: F27, F28, F32, F79; DESIGN 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console.auth import Area, Visitor
from console.pages.calendar import groups_offered, regions_of
from console.policy import STAFF, Allow, field
from console.pushing import Shown, Unfit
from console.views import Views, say
from engagement import calendar
from engagement.campaigns import charge, service, sheets
from engagement.errors import Refusal
from engagement.feature import GroupView
from engagement.kernel import Kind, Reply
from engagement.theme import sheets as themes
from engagement.topic import bank, rules
from prompts.loader import texts
from storage import identities, wordings
from storage.engine import Session
from storage.groups import Group

router = APIRouter()
TABS = ("topics", "theme", "changed")
SHOWN = 40
PREFIXES = ("beat:", "month:")
_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_DONE = ("added", "removed", "on", "off", "worded", "reset")


@dataclass(frozen=True, slots=True)
class Changed:
    """Words that somebody has instead of the ready ones."""

    id: int
    slot: str
    scope: str
    where: str
    title: str
    href: str
    ready: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the bank is looked for; ``scope`` is where topics are switched off from this page."""

    q: str
    kind: str
    festival: str
    only: str
    scope: str


@router.get("/console/words", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def words(request: Request, tab: str = "topics", done: str = "") -> Response:
    """Show one of the three shelves."""
    toast = say(f"words.done_{done}") if done in _DONE else ""
    return await _page(request, tab if tab in TABS else "topics", toast)


async def _page(request: Request, tab: str, toast: str = "", status: int = 200) -> Response:
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    read = {"topics": _topics, "theme": _theme, "changed": _changed}[tab]
    values = await console.database.read(lambda session: read(request, session))
    kept = {name: value for name, value in request.query_params.items() if name != "done"}
    return views.page(
        request,
        f"words_{tab}.html",
        status,
        active="words",
        tab=tab,
        tabs=[(f"/console/words?tab={one}", say(f"words.tab_{one}"), one == tab) for one in TABS],
        toast=toast,
        wrong=status != 200,
        address=f"/console/words?{urlencode(kept | {'tab': tab})}",
        ready=console.pushing is not None,
        **values,
    )


# ---------------------------------------------------------------- topics


def _topics(request: Request, session: Session) -> dict[str, object]:
    ask = request.query_params.get
    kind, festival = ask("kind", ""), ask("festival", "")
    asked = Asked(
        ask("q", "").strip()[:40],
        kind if kind in bank.kinds() else "",
        festival if festival in calendar.FESTIVALS or festival == "any" else "",
        ask("only", "") if ask("only", "") in ("own", "off") else "",
        ask("scope", "") if sheets.is_scope(session, ask("scope", "")) else "all",
    )
    found = [one for one in bank.entries(session) if _fits(one, asked)]
    pages = max(1, -(-len(found) // SHOWN))
    page = min(max(1, _number(ask("page", "1"))), pages)
    shown = found[(page - 1) * SHOWN : page * SHOWN]
    names = charge.names(session, [scope for one in shown for scope in (*one.off, one.own) if scope])
    kept = {
        "tab": "topics",
        "q": asked.q,
        "kind": asked.kind,
        "festival": asked.festival,
        "only": asked.only,
        "scope": asked.scope,
    }
    return {
        "asked": asked,
        "entries": shown,
        "count": len(found),
        "page": page,
        "pages": pages,
        "href": f"/console/words?{urlencode({name: one for name, one in kept.items() if one})}&page=",
        "kinds": [(one, say(f"words.kind_{one}")) for one in bank.kinds()],
        "festivals": festivals(),
        "scopes": scopes(session, asked.scope),
        "scope_name": lambda scope: names.get(scope) or say("calendar.for_all"),
        "when": _when,
        "most": rules.LONGEST_QUESTION,
    }


def festivals() -> list[tuple[str, str]]:
    """Return the festivals and terms (id, name) in the order of the year's first days of each."""
    names = {one: f"console_calendar.festival_{one}" for one in calendar.FESTIVALS}
    days = {one: calendar.festival_day(one, 2026) for one in calendar.FESTIVALS}
    order = sorted(names, key=lambda one: (days[one] is None, str(days[one])))
    return [(one, texts().raw(names[one])) for one in order]


def _fits(one: bank.Entry, asked: Asked) -> bool:
    topic = one.topic
    if asked.q and asked.q not in topic.question and asked.q not in topic.hint:
        return False
    if asked.kind and asked.kind not in topic.groups:
        return False
    if asked.festival and (topic.festival != asked.festival if asked.festival != "any" else not topic.festival):
        return False
    return not asked.only or (bool(one.own) if asked.only == "own" else bool(one.off))


def _when(topic: object) -> str:
    """Say when and in which groups a topic is asked."""
    found: list[str] = []
    festival = getattr(topic, "festival", "")
    if festival:
        found.append(texts().raw(f"console_calendar.festival_{festival}"))
    found += [say(f"words.season_{one}") for one in getattr(topic, "seasons", ())]
    found += [say("words.in_month", month=one) for one in getattr(topic, "months", ())]
    found += [texts().raw(f"campaigns.weekday_{one + 1}") for one in getattr(topic, "weekdays", ())]
    found += [say(f"words.kind_{one}") for one in getattr(topic, "groups", ())]
    return " · ".join(found) or say("words.any_day")


def scopes(session: Session, chosen: str = "") -> list[tuple[str, str]]:
    """Return where words may hold (scope, name), as far as a list can hold it; ``chosen`` is among it."""
    regions = [(f"region:{number}", name) for number, name in regions_of(session)]
    groups = [(f"group:{number}", name) for number, name in groups_offered(session, "all", chosen)]
    return [("all", say("calendar.for_all")), *regions, *groups]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


@router.post("/console/words/topics/{act}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def change_topic(request: Request, act: str) -> Response:
    """Add a topic, take an own one away, switch a ready one off or on."""
    form = await request.form()
    scope, topic, key = field(form, "scope"), field(form, "topic")[:64], field(form, "key")

    def write(session: Session, by: int | None, now: datetime) -> None:
        if act == "removed":
            bank.remove(session, topic, by, now)
            return
        if not sheets.is_scope(session, scope):
            raise Refusal("campaigns.beat_gone")
        if act == "added":
            if not 8 <= len(key) <= 24 or not _KEY.issuperset(key):
                raise Refusal("campaigns.beat_gone")
            said = {name: field(form, name)[:200] for name in ("question", "hint", "kind", "festival")}
            _judge(request, session, scope, f"{said['question']}\n{said['hint']}")
            bank.add(session, key, scope, said, by, now)
        else:
            bank.switch(session, topic, scope, by, now, on=act == "on")

    if act not in ("added", "removed", "on", "off"):
        raise HTTPException(404)
    return await _do(request, "topics", act, write)


# ---------------------------------------------------------------- themes


def _theme(request: Request, session: Session) -> dict[str, object]:
    today = calendar.local_day(request.app.state.console.clock.now(), service.HOME)
    number = _number(request.query_params.get("month", ""))
    number = number if 1 <= number <= 12 else today.month
    month, parts = themes.sheets(session, number)
    names = charge.names(session, [scope for one in parts for scope in one.others])
    return {
        "month": month,
        "parts_": parts,
        "months": [(f"/console/words?tab=theme&month={one}", say("words.month", month=one), one == number)
                   for one in range(1, 13)],
        "scopes": scopes(session),
        "groups": groups_offered(session, "all"),
        "shown": lambda text: themes.shown(month, text),
        "scope_name": lambda scope: names.get(scope) or say("calendar.for_all"),
    }  # fmt: skip


@router.post("/console/words/slot", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def reword(request: Request) -> Response:
    """Give a slot other words in a scope; an empty text gives the ready ones back."""
    form = await request.form()
    slot, scope, text = field(form, "slot")[:80], field(form, "scope"), field(form, "text")
    tab = field(form, "tab") if field(form, "tab") in TABS else "theme"

    def write(session: Session, by: int | None, now: datetime) -> None:
        if not sheets.is_scope(session, scope):
            raise Refusal("campaigns.beat_gone")
        what, _, number = slot.partition(":")
        if what == "beat" and not text.strip():
            sheets.reword_beat(session, _number(number), scope, by, now)
            return
        _, sheet = themes.refuse_unknown(themes.find(session, slot))
        _judge(request, session, scope, text)
        themes.reword(session, sheet, scope, text, by, now)

    return await _do(request, tab, "worded" if text.strip() else "reset", write)


@router.get("/console/words/preview", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def preview(request: Request, slot: str = "", topic: str = "", group: str = "") -> Response:
    """Show how a theme's part or a topic looks in a group, on each channel."""
    console, views = request.app.state.console, request.app.state.views
    if console.pushing is None:
        raise HTTPException(404)

    def read(session: Session) -> tuple[Group, Sequence[Shown]]:
        where = session.get(Group, _number(group)) if _number(group) else None
        if where is None:
            offered = groups_offered(session, "all")
            where = session.get(Group, offered[0][0]) if offered else None
        reply = None if where is None else _previewed(session, slot, topic, where)
        if where is None or reply is None:
            raise HTTPException(404)
        return where, console.pushing.shown(session, reply, GroupView.of(where))

    where, shown = await console.database.read(read)
    response: Response = views.page(request, "words_preview.html", group=where, shown=shown)
    return response


def _previewed(session: Session, slot: str, topic: str, group: Group) -> Reply | None:
    if topic:
        entry = next((one for one in bank.entries(session) if one.topic.id == topic), None)
        if entry is None:
            return None
        values = {
            "question": entry.topic.question,
            "hint": entry.topic.hint,
            "points": rules.points_of(group.settings or {}),
        }
        tails = ["topic.push_hint", "topic.push_how"] if entry.topic.hint else ["topic.push_how"]
        return Reply("topic.push", values, tails, kind=Kind.PUSH)
    found = themes.find(session, slot[:80])
    if found is None:
        return None
    number = group.id or 0
    own = wordings.own(session, [slot[:80]], [number]).get((slot[:80], number), "")
    leader = identities.leader_names(session, [number]).get(number, "")
    return themes.preview(*found, own, group.name, leader)


# ---------------------------------------------------------------- all that is said otherwise


def _changed(request: Request, session: Session) -> dict[str, object]:
    scope = request.query_params.get("scope", "")
    scope = scope if sheets.is_scope(session, scope) else ""
    after = _number(request.query_params.get("after", ""))
    rows = wordings.page(session, scope, PREFIXES, after, SHOWN + 1)
    more, rows = len(rows) > SHOWN, rows[:SHOWN]
    beats = sheets.beat_titles(session, [_number(one.slot.removeprefix("beat:")) for one in rows])
    names = charge.names(session, [one.scope for one in rows])
    found: list[Changed] = []
    for row in rows:
        title, href, ready = row.slot, "", ""
        beat = beats.get(_number(row.slot.removeprefix("beat:"))) if row.slot.startswith("beat:") else None
        theme = themes.find(session, row.slot) if row.slot.startswith("month:") else None
        if beat is not None:
            title, href, ready = f"{beat[1]} · {beat[2]}", f"/console/calendar/{beat[0]}", beat[3]
        elif theme is not None:
            month, sheet = theme
            title, ready = f"{month.name} · {sheet.title}", themes.shown(month, sheet.ready)
            href = f"/console/words?tab=theme&month={month.month}"
        where = names.get(row.scope) or say("calendar.for_all")
        text = row.text if theme is None else themes.shown(theme[0], row.text)
        found.append(Changed(row.id or 0, row.slot, row.scope, where, title, href, ready, text))
    kept = {"tab": "changed", "scope": scope, "after": str(rows[-1].id) if more else ""}
    return {
        "rows": found,
        "scopes": scopes(session, scope),
        "scope": scope,
        "next": f"/console/words?{urlencode(kept)}" if more else "",
    }


# ---------------------------------------------------------------- doing


async def _do(
    request: Request, tab: str, done: str, write: Callable[[Session, int | None, datetime], None]
) -> Response:
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    try:
        await console.database.write(lambda session: write(session, visitor.person_id or None, now))
    except Refusal as no:
        return await _page(request, tab, sheets.told(no), 409)
    except Unfit as unfit:
        return await _page(request, tab, unfit.said, 409)
    back = field(await request.form(), "back")
    query = back.removeprefix("/console/words?") if back.startswith("/console/words?tab=") else f"tab={tab}"
    return RedirectResponse(f"/console/words?{query}&done={done}", 303)


def _judge(request: Request, session: Session, scope: str, text: str) -> None:
    pushing = request.app.state.console.pushing
    for said, stops in pushing.judged(session, scope, text) if pushing is not None and text.strip() else ():
        if stops:
            raise Unfit(said)
