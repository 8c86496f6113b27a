"""What staff ask of the knowledge base, as plain JSON in and out: the same for the command line and for a server.

Source: CONTRACT (``kb …``), F69.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import (
    budget,
    clashes,
    comparing,
    days,
    disputes,
    entry_requests,
    erasing,
    evaluation,
    gap_requests,
    golden,
    ingest,
    lifecycle,
    links,
    listings,
    page_requests,
    passing,
)
from knowledge.answer import Scope
from knowledge.answering import group_numbered, named_scope
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand, Never
from storage.documents import DocumentVersion

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from storage.engine import Database, Session

Progress = Callable[[str, int, int], None]
"""Called with a text key's last part (``page``, ``read``, ``index``, ``ask``), what is done, and what there is."""
Request = dict[str, Any]
Change = Callable[["Answering", Request, datetime, Hand, Progress], dict[str, Any]]
Read = Callable[["Session", Request, datetime], dict[str, Any]]

_DAYS, _MOST_DAYS = 30, 3660
"""Days that the figures of outside models are told of."""

EXTRA: dict[str, Change] = {**entry_requests.CHANGES, **gap_requests.CHANGES, **page_requests.CHANGES}
"""Further actions that change something or ask the base; whoever adds one reloads when answers change by it."""
EXTRA_READ: dict[str, Read] = {**entry_requests.READS, **page_requests.READS}
"""Further actions that need the rows alone."""


async def handle(
    answering: Answering,
    request: Request,
    now: datetime,
    progress: Progress | None = None,
    hand: Hand | None = None,
) -> dict[str, Any]:
    """Does one request.

    Args:
        answering: Loaded, of the directory that this process owns.
        request: ``action`` and its arguments, as ``bot kb`` sends them; ``zone`` is whose days are meant.
        now: Aware instant.
        progress: For a bar; called from another thread.
        hand: Who asks, where that is a person who is signed in; else ``by`` names the operator's hand.

    Raises:
        KnowledgeRefusal: bad input; nothing was changed.
    """
    action = request["action"]
    if reads_only(action):
        return await asyncio.to_thread(read, answering.database, request, now)
    if action == "bench":
        return await page_requests.bench(answering, request, now)
    if action == "ask":
        scope, facts = await answering.database.read(lambda session: _asker(session, request.get("group")))
        answer = await answering.ask_within(str(request["question"]), scope, facts, now=now)
        return answer.document()
    hand = hand or Hand(str(request.get("by") or "cli")[:80])
    change = _CHANGES.get(action) or EXTRA.get(action)
    if change is None:
        raise ValueError(f"unknown action {action!r}")
    return await asyncio.to_thread(change, answering, request, now, hand, progress or (lambda *_: None))


def reads_only(action: str) -> bool:
    """Whether an action needs the rows alone; neither embedder nor Chroma is opened for it."""
    return action in _READS or action in EXTRA_READ


def read(database: Database, request: Request, now: datetime) -> dict[str, Any]:
    """Does one of the requests that only read."""
    return database.read_now(lambda session: read_in(session, request, now))


def read_in(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    """The same within a transaction that is open."""
    action = _READS.get(request["action"]) or EXTRA_READ[request["action"]]
    return action(session, request, now)


def _asker(session: Session, group: object) -> tuple[Scope, dict[str, str]]:
    scope = named_scope(session, "group", str(group)) if group else Scope()
    row = group_numbered(session, scope.group)
    return scope, dict(row.facts or {}) if row is not None else {}


def _number(value: object, key: str = "kb.document_unknown") -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise KnowledgeRefusal(key, id=text[:40], version=text[:40])
    return int(text)


def _version(request: Request) -> int | None:
    return _number(request["version"], "kb.version_unknown") if request.get("version") else None


def _zone(request: Request) -> str:
    return str(request.get("zone") or days.ZONE)


def _day(value: object) -> date | None:
    try:
        return days.named(str(value or ""))
    except ValueError as error:
        raise KnowledgeRefusal("kb.day_unknown", day=str(value)[:40]) from error


def _reload(answering: Answering, progress: Progress) -> None:
    answering.reload(lambda done, total: progress("index", done, total))


# ---------------------------------------------------------------- what only reads


def _show(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    return listings.document(session, _number(request["id"]), now, _zone(request), _version(request))


def _diff(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    del now
    against = _number(request["against"], "kb.version_unknown") if request.get("against") else None
    return listings.difference(session, _number(request["id"]), _version(request), against)


def _usage(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    """What outside models used in the last days, today among them."""
    span, count = str(request.get("span") or "day"), str(request.get("days", _DAYS))
    if span not in ("day", "week", "model"):
        raise KnowledgeRefusal("kb.usage_span", span=span[:40])
    if not (count.isascii() and count.isdecimal() and 1 <= int(count[:9]) <= _MOST_DAYS):
        raise KnowledgeRefusal("kb.usage_days", days=count[:40], most=_MOST_DAYS)
    today = days.local(now, _zone(request)).date()
    since = today - timedelta(days=int(count) - 1)
    rows = budget.usage(session, since)
    summed = {"rows": budget.summed(rows, span), "all": budget.total(rows)}
    return {"since": since.isoformat(), "until": today.isoformat(), "span": span, **summed}


_READS: dict[str, Read] = {
    "list": lambda session, request, now: listings.documents(
        session, now, _zone(request), removed=bool(request.get("removed"))
    ),
    "show": _show,
    "diff": _diff,
    "gaps": lambda session, request, now: listings.gaps(session),
    "usage": _usage,
}


# ---------------------------------------------------------------- what changes something


def _eval(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del hand
    outcomes = evaluation.run(
        answering.base,
        answering.database,
        evaluation.read_cases(Path(str(request["path"]))),
        clock=time.perf_counter,
        now=now,
        progress=lambda done, total: progress("ask", done, total),
    )
    return evaluation.figures(outcomes)


def _rebuild(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del request, now, hand
    answering.base.index.rebuild()
    _reload(answering, progress)
    return {"vectors": answering.base.index.size}


def _publish(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """Publishes the newest version, and says what changes by it and what the golden set loses."""
    identity = _number(request["id"])
    database = answering.database
    changes, chosen, alone = database.read_now(lambda session: _before(session, identity, hand))
    golden = _golden(answering, identity, chosen, now)
    mark = str(request.get("mark") or "")
    done = database.write_now(lambda session: lifecycle.publish(session, identity, hand, now, mark=mark))
    _reload(answering, progress)
    figures = {"replaced": done.replaced, "withheld": done.withheld, "alone": alone}
    figures["clashes"] = len(database.read_now(lambda session: disputes.pairs(session, identity, done.number)))
    return {"id": identity, "version": done.number, **figures, "changes": changes, **golden}


def _before(session: Session, identity: int, hand: Hand) -> tuple[dict[str, int], int | None, bool]:
    """How much a publish would change, which version it is, and whether one hand does what should take two."""
    lifecycle.document(session, identity)
    known = lifecycle.versions(session, identity)
    old = next((one for one in known if one.state == "published"), None)
    new: DocumentVersion | None = known[-1] if known and known[-1].state == "draft" else None
    found = comparing.between(session, old, new) if new is not None else comparing.Difference()
    changes = {"added": len(found.added), "changed": len(found.changed), "removed": len(found.removed)}
    return changes, new.id if new else None, hand.person_id is None and lifecycle.editors(session) >= 2


def _golden(answering: Answering, identity: int, version: int | None, now: datetime) -> dict[str, Any]:
    """Questions of the golden set that would be lost and won by a publish."""
    if version is None:
        return {"lost": [], "won": []}
    found = answering.database.read_now(
        lambda session: golden.compare(session, answering.base, {identity: version}, now=now)
    )
    return {"lost": list(found.lost), "won": list(found.won)}


def _rollback(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity, number = _number(request["id"]), _version(request)
    done = answering.database.write_now(lambda session: lifecycle.rollback(session, identity, number, hand, now))
    _reload(answering, progress)
    return {"id": identity, "version": done.number, "replaced": done.replaced, "withheld": done.withheld}


def _remove(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = _number(request["id"])
    answering.database.write_now(lambda session: lifecycle.remove(session, identity, hand, now))
    _reload(answering, progress)
    return {"id": identity, "version": 0}


def _restore(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = _number(request["id"])
    answering.database.write_now(lambda session: lifecycle.restore(session, identity, hand, now))
    _reload(answering, progress)
    return {"id": identity}


def _archive(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del progress
    identity, number = _number(request["id"]), _number(request["version"], "kb.version_unknown")

    def put(session: Session) -> str:
        lifecycle.archive(session, identity, number, hand, now)
        return lifecycle.version(session, identity, number).stage

    return {"id": identity, "version": number, "stage": answering.database.write_now(put)}


def _dates(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity, zone = _number(request["id"]), _zone(request)
    first, last = _day(request.get("from")), _day(request.get("until"))
    opens, closes = days.window(first, last, zone)
    number = answering.database.write_now(
        lambda session: lifecycle.set_dates(session, identity, opens, closes, hand, now)
    )
    _reload(answering, progress)
    shown = {name: day.isoformat() if day else None for name, day in (("from", first), ("until", last))}
    return {"id": identity, "version": number, **shown}


def _care(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity, wished = _number(request["id"]), request.get("review")
    review = Never.AGAIN if wished == Never.AGAIN.value else _day(wished)
    wanted: dict[str, Any] = {name: request[name] for name in ("owner", "audience") if request.get(name) is not None}

    def change(session: Session) -> dict[str, Any]:
        lifecycle.set_care(session, identity, hand, now, review_at=review, **wanted)
        return listings.about(lifecycle.document(session, identity))

    found = answering.database.write_now(change)
    _reload(answering, progress)
    return found


def _accept(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = _number(request["id"])
    named = [_number(one, "kb.finding_unknown") for one in request.get("findings") or ()]

    def pass_on(session: Session) -> passing.LetPass:
        chosen = named
        if not chosen:
            lifecycle.document(session, identity)
            newest = lifecycle.versions(session, identity)[-1:]
            chosen = [one.id or 0 for made in newest for one in lifecycle.findings(session, made, open_only=True)]
        return passing.accept(session, identity, chosen, hand, now)

    done = answering.database.write_now(pass_on)
    if done.freed:
        _reload(answering, progress)
    return {"id": identity, "accepted": done.passed + done.seen, **asdict(done)}


def _erase(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = _number(request["id"])
    if request.get("confirmed") is not True:
        raise KnowledgeRefusal("kb.erase_unconfirmed", id=identity)
    done = erasing.erase(answering.database, identity, hand, now)
    _reload(answering, progress)
    return {"id": identity, "versions": done.versions, "chunks": done.chunks}


def _add(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    database = answering.database
    scope = ingest.check_scope(str(request.get("scope") or "all"))
    audience = str(request.get("audience") or "")
    if audience not in ("", "everybody", "leaders"):
        raise KnowledgeRefusal("kb.audience_unknown", audience=audience[:40])
    kind, _, name = scope.partition(":")
    if name:
        place = database.read_now(lambda session: named_scope(session, kind, name))
        scope = f"{kind}:{place.group if kind == 'group' else place.region}"
    pages = [path for path in request["paths"] if links.is_link(path)]
    chosen: list[tuple[Path | str, str]] = [(url, url) for url in pages]
    chosen += ingest.files([Path(path) for path in request["paths"] if path not in pages])
    added: list[dict[str, Any]] = []
    refused: list[KnowledgeRefusal] = []

    def told(what: str, done: int, total: int) -> None:
        if what == "page" or len(chosen) == 1:
            progress(what, done, total)

    for at, (path, document) in enumerate(chosen):
        progress("read", at, len(chosen))
        source = links.page(path, answering.options) if isinstance(path, str) else nullcontext((path, document))
        try:
            with source as (file, called):
                one = ingest.add(
                    database,
                    file,
                    now=now,
                    label=ingest.Label(called, scope, str(request.get("owner") or "")[:80], audience),
                    hand=hand,
                    publish=bool(request.get("publish")),
                    zone=_zone(request),
                    progress=told,
                )
        except KnowledgeRefusal as refusal:
            refused.append(refusal)
            continue
        found = [] if one.unchanged else clashes.look(database, answering.base, one.document, one.version, now)
        added.append(
            {
                "document": one.document,
                "version": one.version,
                "name": one.name,
                "chunks": one.chunks,
                "state": "published" if one.published else "draft",
                "unchanged": one.unchanged,
                "warnings": list(one.warnings),
                "findings": one.findings,
                "clashes": found,
            }
        )
    progress("read", len(chosen), len(chosen))
    if refused and not added:
        raise refused[0]
    if request.get("publish"):
        _reload(answering, progress)
    return {"added": added, "refused": [{"key": one.key, "values": one.values} for one in refused]}


_CHANGES: dict[str, Change] = {
    "add": _add,
    "eval": _eval,
    "rebuild": _rebuild,
    "publish": _publish,
    "rollback": _rollback,
    "remove": _remove,
    "restore": _restore,
    "archive": _archive,
    "dates": _dates,
    "care": _care,
    "accept": _accept,
    "erase": _erase,
}
