"""What the pages of staff ask beyond the command line: a page of the base, what a publish would change, gaps one by one.

``requests`` takes these up among its own. Whose documents somebody may see is decided above and comes as ``scopes``.

Source: F62, F69; DESIGN 7.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from knowledge import (
    choosing,
    comparing,
    days,
    disputes,
    duplicates,
    editing,
    entry_requests,
    golden,
    leafing,
    lifecycle,
    normalise,
    tokens,
)
from knowledge.answer import Scope
from knowledge.answering import group_numbered, named_scope
from knowledge.confidence import share
from knowledge.editing import Edited
from knowledge.errors import KnowledgeRefusal
from knowledge.given import number, scope_named, strings
from knowledge.leafing import Wanted
from knowledge.quoting import quotable
from storage.documents import Chunk, Document, DocumentVersion
from storage.learning import GoldenCase

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.lifecycle import Hand
    from storage.engine import Session

Progress = Callable[[str, int, int], None]
Request = dict[str, Any]
Change = Callable[["Answering", Request, datetime, "Hand", Progress], dict[str, Any]]
Read = Callable[["Session", Request, datetime], dict[str, Any]]
GAPS = 200
CASES = 50
_SHELF = ("words", "state", "category", "owner", "scope")


def _zone(request: Request) -> str:
    return str(request.get("zone") or days.ZONE)


# ---------------------------------------------------------------- what only reads


def _shelf(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    chosen = {name: str(request.get(name) or "")[:200] for name in _SHELF}
    scopes, public = request.get("scopes"), bool(request.get("public"))
    asked = Wanted(**chosen, before=int(request.get("before") or 0))
    result = leafing.shelf(session, asked, now, _zone(request), scopes=scopes, public=public)
    result["found"] = leafing.found(session, asked.words, scopes=scopes, public=public) if asked.words else []
    return result


def _leaf(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    version = number(request["version"], "kb.version_unknown") if request.get("version") else None
    return leafing.leaf(
        session,
        number(request["id"]),
        now,
        _zone(request),
        version,
        start=int(request.get("start") or 0),
        at=str(request.get("at") or "")[:120],
        person=request.get("person"),
    )


def _cases(session: Session, request: Request, now: datetime) -> dict[str, Any]:
    """Golden cases a page at a time, with what their entries are called, and the last runs."""
    del now
    words, before = str(request.get("words") or "")[:80], int(request.get("before") or 0)
    wanted = select(GoldenCase).order_by(col(GoldenCase.id).desc()).limit(CASES + 1)
    if words:
        wanted = wanted.where(col(GoldenCase.question).like(leafing.like(words), escape="\\"))
    if before:
        wanted = wanted.where(col(GoldenCase.id) < before)
    rows = session.exec(wanted).all()
    shown = rows[:CASES]
    ids = {one for row in shown for one in row.relevant or ()}
    titles: dict[str, str] = {}
    for entry, title in session.execute(select(Chunk.entry, Chunk.title).where(col(Chunk.entry).in_(sorted(ids)))):
        titles.setdefault(entry, title)
    return {
        "cases": [
            {
                "id": one.id,
                "scope": one.scope,
                "question": one.question,
                "made_by": one.made_by,
                "made_at": one.made_at.isoformat(),
                "relevant": [{"entry": entry, "title": titles.get(entry, "")} for entry in one.relevant or ()],
            }
            for one in shown
        ],
        "more": (shown[-1].id or 0) if len(rows) > CASES else 0,
        "runs": [entry_requests.run_told(one) for one in golden.trend(session, 20)],
    }


# ---------------------------------------------------------------- what asks the base


def _preview(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """What a publish of the newest version would change, and what the golden set says to it."""
    del progress
    identity = number(request["id"])

    def stand(session: Session) -> tuple[Any, Any, bool, int]:
        lifecycle.document(session, identity)
        known = lifecycle.versions(session, identity)
        if not known or known[-1].state != "draft":
            raise KnowledgeRefusal("kb.nothing_to_publish", id=identity)
        old = next((one for one in known if one.state == "published"), None)
        held = sum(one.severity == "block" for one in lifecycle.findings(session, known[-1], open_only=True))
        return (
            known[-1],
            comparing.between(session, old, known[-1]),
            lifecycle.needs_second(session, known[-1], hand),
            held,
        )

    draft, changes, second, held = answering.database.read_now(stand)
    pairs = answering.database.read_now(lambda session: disputes.pairs(session, identity, draft.number))
    told = answering.database.read_now(
        lambda session: golden.compare(session, answering.base, {identity: draft.id}, now=now)
    )
    return {
        "version": draft.number,
        "mark": draft.digest[:16],
        "second": second,
        "held": held,
        "clashes": len(pairs),
        "changes": {"added": len(changes.added), "changed": len(changes.changed), "removed": len(changes.removed)},
        "cases": told.cases,
        "right": told.right,
        "right_after": told.right_after,
        "lost": list(told.lost),
        "won": list(told.won),
    }


def _similar(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """What an entry would clash with, before it is written."""
    del hand, progress
    asked = [editing.cleaned(one) for one in strings(request.get("texts")) if one.strip()]
    answer = str(request.get("answer") or "")

    def look(session: Session) -> list[dict[str, Any]]:
        scope = scope_named(session, request.get("scope"))
        clashes = duplicates.check(session, answering.base, asked[:10], answer, now, scope=scope)
        rows = []
        for one in clashes:
            where = session.exec(
                select(Chunk.body, Document.id)
                .select_from(Chunk)
                .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
                .join(Document, col(Document.id) == col(DocumentVersion.document_id))
                .where(Chunk.entry == one.other, DocumentVersion.state == "published")
            ).first()
            rows.append({**one.document(), "body": where[0] if where else "", "document": where[1] if where else None})
        return rows

    return {"clashes": answering.database.read_now(look)}


async def bench(answering: Answering, request: Request, now: datetime) -> dict[str, Any]:
    """A question answered as a member of a group or region would be, with what was looked at and how sure the base is."""
    question = str(request["question"])

    def asker(session: Session) -> tuple[Scope, dict[str, str]]:
        kind, _, name = str(request.get("scope") or "all").partition(":")
        if not name:
            return Scope(), {}
        scope = named_scope(session, kind, name)
        row = group_numbered(session, scope.group)
        return scope, dict(row.facts or {}) if row is not None else {}

    scope, facts = await answering.database.read(asker)
    answer = await answering.ask_within(question, scope, facts, now=now)
    wanted = [one.chunk for one in answer.candidates if one.chunk]

    def passages(session: Session) -> list[dict[str, Any]]:
        found = quotable(session, wanted, scope.sight(now))
        cited = [(one.document_id, one.chunk) for one in answer.citations]
        rows = []
        for one in answer.candidates:
            passage = found.get(one.chunk)
            if passage is None:
                continue
            asked = [row.text for row in editing.phrasings(session, passage.chunk)]
            nearest = max(asked or [passage.title], key=lambda text: weight(highlighted(text, question)))
            rows.append(
                {
                    "entry": passage.entry,
                    "document": passage.document_id,
                    "source": passage.document,
                    "title": passage.title,
                    "score": round(one.score, 4),
                    "asked": highlighted(nearest, question),
                    "body": highlighted(passage.body, question),
                    "cited": (passage.document_id, passage.entry) in cited,
                }
            )
        return rows

    floors = answering.base.floors
    return {
        **answer.document(),
        "missing": list(answer.missing),
        "floors": {"answer": round(share(floors.answer), 4), "ask": round(share(floors.ask), 4)},
        "degraded": answering.base.degraded,
        "passages": await answering.database.read(passages),
    }


def highlighted(text: str, question: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether the question has these words too: two signs in a row, or a Latin word. Pure."""
    units = tokens.pieces(normalise.question(question))
    pairs = {left + right for left, right in itertools.pairwise(units) if not (left + right).isascii()}
    wanted = {one.casefold() for one in pairs | {unit for unit in units if unit.isascii() and len(unit) > 1}}
    low = text.casefold()
    used = [False] * len(text)
    if len(low) == len(text):
        for one in wanted:
            at = low.find(one)
            while at >= 0:
                used[at : at + len(one)] = [True] * len(one)
                at = low.find(one, at + 1)
    return [
        ("".join(sign for sign, _ in run), mark)
        for mark, run in (
            (mark, list(run)) for mark, run in itertools.groupby(zip(text, used, strict=True), lambda one: one[1])
        )
    ]


def weight(pieces: list[tuple[str, bool]]) -> int:
    """How many signs of a text the question has too. Pure."""
    return sum(len(text) for text, used in pieces if used)


def _clash(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """Settles one thing that a document says otherwise than another; an entry gets the new words in a draft of its own."""
    identity, finding = number(request["id"]), number(request.get("finding"), "kb.finding_unknown")
    how = str(request.get("choice") or "")
    settled: dict[str, Any] = {}

    def act(session: Session) -> Edited:
        written = choosing.rewrite(session, identity, finding, how, hand, now)
        settled.update(choosing.choose(session, identity, finding, how, hand, now))
        return written or Edited(identity, 0, "", 0, changed=False)

    entry_requests.edit(answering, act, now, hand, progress)
    answering.reload(lambda at, total: progress("index", at, total))
    return settled


CHANGES: dict[str, Change] = {
    "clash": _clash,
    "preview": _preview,
    "similar": _similar,
}
"""What needs the base, or changes something."""
READS: dict[str, Read] = {
    "shelf": _shelf,
    "figures": lambda session, request, now: leafing.figures(
        session, now, _zone(request), scopes=request.get("scopes")
    ),
    "leaf": _leaf,
    "thumbs": lambda session, request, now: leafing.thumbs(session, number(request["id"]), now, _zone(request)),
    "golden_page": _cases,
}
"""What needs the rows alone."""
