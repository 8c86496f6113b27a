"""What staff ask of single entries, of doubles, of the golden set, of gaps and proposals: as plain JSON in and out.

``requests`` takes these up among its own; a large document is copied into a draft before the first edit.

Source: CONTRACT (``kb …``), F62, F69.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from knowledge import days, drafts, duplicates, editing, entries, gaps, golden, proposals, rearranging, report
from knowledge.editing import Edited, Wording
from knowledge.errors import KnowledgeRefusal
from knowledge.given import number, scope_named, strings
from storage.documents import Finding

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.duplicates import Clash
    from knowledge.lifecycle import Hand
    from storage.engine import Session
    from storage.learning import GoldenRun, Proposal

Progress = Callable[[str, int, int], None]
Request = dict[str, Any]
Change = Callable[["Answering", Request, datetime, "Hand", Progress], dict[str, Any]]
Read = Callable[["Session", Request, datetime], dict[str, Any]]


def _document(request: Request, name: str = "document") -> int | None:
    return number(request[name]) if request.get(name) else None


def _entry(request: Request, name: str = "entry") -> str:
    return str(request[name])[:120]


# ---------------------------------------------------------------- entries


def _show(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    del now
    place = entries.find(session, _entry(request), _document(request))
    told = session.exec(select(Finding).where(Finding.chunk_id == place.chunk.id).order_by(col(Finding.id))).all()
    return {
        "entry": place.chunk.entry,
        "document": place.document.id,
        "version": place.version.number,
        "state": place.version.stage,
        "scope": place.document.scope,
        "answer": place.chunk.body,
        "plain": place.chunk.plain,
        "withheld": place.chunk.withheld,
        "phrasings": [{"kind": one.kind, "text": one.text} for one in editing.phrasings(session, place.chunk.id)],
        "merged": [one.locator for one in told if one.kind == editing.MERGED],
        "findings": [
            {"id": one.id, "kind": one.kind, "severity": one.severity, "excerpt": one.excerpt}
            for one in told
            if one.kind != editing.MERGED and one.accepted_at is None
        ],
    }


def edit(
    answering: Answering,
    act: Callable[[Session], Edited],
    now: datetime,
    hand: Hand,
    progress: Progress,
) -> dict[str, Any]:
    """Makes an edit; a document that is too large for one transaction is copied in short ones before."""
    database = answering.database
    done: Edited | None = None
    while done is None:
        try:
            done = database.write_now(act)
        except KnowledgeRefusal as refusal:
            if refusal.key != "kb_entries.large":
                raise
            document = int(refusal.values["id"])
            drafts.prepare(database, document, hand, now, lambda at, total: progress("read", at, total))
    result: dict[str, Any] = asdict(done)
    result["others"] = list(done.others)
    result["clashes"] = [one.document() for one in _clashes(answering, done, now)] if done.changed else []
    return result


def _clashes(answering: Answering, done: Edited, now: datetime) -> list[Clash]:
    """What the entry as it is now would clash with."""

    def look(session: Session) -> list[Clash]:
        if not done.phrasings:
            return []
        place = entries.find(session, done.entry, done.document)
        asked = [one.text for one in editing.phrasings(session, place.chunk.id)]
        recent = asked[:1] + asked[1:][-10:]
        scope = place.document.scope
        return duplicates.check(session, answering.base, recent, place.chunk.body, now, scope=scope, entry=done.entry)

    return answering.database.read_now(look)


def _phrase(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    entry, document = _entry(request), _document(request)
    asked, old = strings(request.get("texts")), str(request.get("old") or "")

    def act(session: Session) -> Edited:
        if request.get("remove"):
            done = [entries.remove_phrasing(session, entry, one, hand, now, document=document) for one in asked]
            return done[-1]
        if old:
            return entries.edit_phrasing(session, entry, old, " ".join(asked), hand, now, document=document)
        return entries.add_phrasings(session, entry, asked, hand, now, document=document)

    if not asked:
        raise KnowledgeRefusal("kb_entries.phrasing_short")
    return edit(answering, act, now, hand, progress)


def _answer(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    entry, document = _entry(request), _document(request)
    text, plain = str(request["answer"]), str(request.get("plain") or "")
    return edit(
        answering,
        lambda session: entries.set_answer(session, entry, text, hand, now, plain=plain, document=document),
        now,
        hand,
        progress,
    )


def _wording(request: Request) -> Wording:
    return Wording(
        strings(request.get("texts")),
        str(request.get("answer") or ""),
        str(request.get("plain") or ""),
        str(request.get("category") or ""),
        str(request.get("new") or ""),
    )


def _new(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    wording, document = _wording(request), _document(request)

    def act(session: Session) -> Edited:
        scope = scope_named(session, request.get("scope"))
        return entries.create(session, wording, hand, now, scope=scope, document=document)

    return edit(answering, act, now, hand, progress)


def _merge(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    keep, other = _entry(request, "keep"), _entry(request, "other")
    where = (_document(request), _document(request, "other_document"))
    answer = "other" if request.get("answer") == "other" else "keep"
    return edit(
        answering,
        lambda session: rearranging.merge(session, keep, other, hand, now, answer=answer, documents=where),
        now,
        hand,
        progress,
    )


def _split(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    entry, wording, document = _entry(request), _wording(request), _document(request)
    return edit(
        answering,
        lambda session: rearranging.split(session, entry, wording, hand, now, document=document),
        now,
        hand,
        progress,
    )


def _move(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    entry, document = _entry(request), _document(request)

    def act(session: Session) -> Edited:
        return rearranging.move(session, entry, scope_named(session, request["scope"]), hand, now, document=document)

    return edit(answering, act, now, hand, progress)


def _drop(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    entry, document = _entry(request), _document(request)
    return edit(
        answering, lambda session: entries.drop(session, entry, hand, now, document=document), now, hand, progress
    )


def _review(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del request, now, hand
    found = duplicates.review(answering.database, answering.base, lambda done, total: progress("ask", done, total))
    return {
        "entries": found.entries,
        "phrasings": found.phrasings,
        "clashes": [one.document() for one in found.clashes],
        "astray": [{"entry": entry, "phrasing": text, "other": other} for entry, text, other in found.astray],
        "few": [{"entry": entry, "phrasings": count} for entry, count in found.few],
    }


# ---------------------------------------------------------------- the golden set


def _golden_add(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    del progress

    def act(session: Session) -> dict[str, Any]:
        scope = scope_named(session, request.get("scope"))
        made = golden.add(session, str(request["question"]), strings(request["relevant"]), hand, now, scope=scope)
        return {"id": made.id, "scope": made.scope, "question": made.question, "relevant": list(made.relevant or ())}

    return answering.database.write_now(act)


def _golden_remove(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    del progress
    identity = number(request["id"], "kb_entries.golden_unknown")
    answering.database.write_now(lambda session: golden.remove(session, identity, hand, now))
    return {"id": identity}


def _golden_import(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    scope = answering.database.read_now(lambda session: scope_named(session, request.get("scope")))
    count = golden.take_in(
        answering.database,
        Path(str(request["path"])),
        hand,
        now,
        scope=scope,
        progress=lambda done, total: progress("read", done, total),
    )
    return {"cases": count}


def _golden_run(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    del request, hand
    done = golden.run(
        answering.database,
        answering.base,
        now,
        clock=time.perf_counter,
        progress=lambda at, total: progress("ask", at, total),
    )
    return run_told(done)


def run_told(one: GoldenRun) -> dict[str, Any]:
    """A run of the golden set as JSON values."""
    return {"at": one.at.isoformat(), "counter": one.counter, "figures": one.figures or {}, "wrong": one.wrong or []}


def _golden_list(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    del request, now
    return {
        "cases": [
            {"id": one.id, "scope": one.scope, "question": one.question, "relevant": one.relevant or []}
            for one in golden.listed(session)
        ],
        "runs": [run_told(one) for one in golden.trend(session)],
    }


# ---------------------------------------------------------------- gaps and proposals


def _grouped(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del hand, progress
    limit = min(number(request.get("limit") or 20), 200)
    found = gaps.grouped(answering.database, answering.base, now, limit=limit)
    return {"gaps": [gap_told(one) for one in found]}


def gap_told(one: gaps.Gap) -> dict[str, Any]:
    """A gap as JSON values."""
    at = {"first_at": one.first_at.isoformat(), "last_at": one.last_at.isoformat()}
    return {**asdict(one), "questions": list(one.questions), "others": list(one.others), "count": one.count, **at}


def _propose(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """From a gap, named by any of its questions, to a proposal with all of the group's phrasings."""
    del progress
    first = number(request["question"], "kb_entries.question_unknown")
    known = gaps.grouped(answering.database, answering.base, now, limit=200)
    ids = next((list(one.questions) for one in known if first in one.questions), [first])
    answer, entry = str(request.get("answer") or ""), str(request.get("entry") or "")[:120]

    def act(session: Session) -> dict[str, Any]:
        scope = scope_named(session, request.get("scope"))
        return _proposal(gaps.propose(session, ids, answer, hand, now, scope=scope, entry=entry))

    return answering.database.write_now(act)


def _proposal(one: Proposal) -> dict[str, Any]:
    return {
        "id": one.id,
        "origin": one.origin,
        "state": one.state,
        "scope": one.scope,
        "entry": one.entry,
        "phrasings": list(one.phrasings or ()),
        "answer": one.answer,
        "made_at": one.made_at.isoformat(),
    }


def _proposals(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    del now
    return {
        "proposals": [_proposal(one) for one in proposals.listed(session, state=str(request.get("state") or "open"))]
    }


def _accept(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = number(request["id"], "kb_entries.proposal_unknown")
    answer, entry = str(request.get("answer") or ""), str(request.get("entry") or "")[:120]

    def act(session: Session) -> Edited:
        scope = scope_named(session, request["scope"]) if request.get("scope") else ""
        return proposals.accept(session, identity, hand, now, answer=answer, scope=scope, entry=entry)

    result = edit(answering, act, now, hand, progress)
    answering.reload(lambda done, total: progress("index", done, total))  # a phrasing may have been learned
    return result


def _decline(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del progress
    identity = number(request["id"], "kb_entries.proposal_unknown")
    answering.database.write_now(lambda session: proposals.decline(session, identity, hand, now))
    return {"id": identity}


def _week(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    """The last seven whole days of the installation's zone."""
    today = days.local(now, str(request.get("zone") or days.ZONE)).date()
    return report.week(session, today - timedelta(days=1)).document()


CHANGES: dict[str, Change] = {
    "entry_phrase": _phrase,
    "entry_answer": _answer,
    "entry_new": _new,
    "entry_merge": _merge,
    "entry_split": _split,
    "entry_move": _move,
    "entry_drop": _drop,
    "duplicates": _review,
    "golden_add": _golden_add,
    "golden_remove": _golden_remove,
    "golden_import": _golden_import,
    "golden_run": _golden_run,
    "gaps_grouped": _grouped,
    "propose": _propose,
    "accept_proposal": _accept,
    "decline_proposal": _decline,
}
"""What needs the base, or changes something."""
READS: dict[str, Read] = {"entry_show": _show, "golden_list": _golden_list, "proposals": _proposals, "week": _week}
"""What needs the rows alone."""
