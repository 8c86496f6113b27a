"""What the pages of staff ask beyond the command line: a page of the base, what a publish would change, gaps one by one.

``requests`` takes these up among its own. Whose documents somebody may see is decided above and comes as ``scopes``.

Source: F62, F69; DESIGN 7.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from knowledge import comparing, days, duplicates, editing, entry_requests, gaps, golden, leafing, lifecycle, proposals
from knowledge.entry_requests import edit
from knowledge.errors import KnowledgeRefusal
from knowledge.given import number, scope_named, strings
from knowledge.leafing import Wanted
from storage.documents import Chunk, Document, DocumentVersion
from storage.learning import GoldenCase

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.editing import Edited
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
    told = answering.database.read_now(
        lambda session: golden.compare(session, answering.base, {identity: draft.id}, now=now)
    )
    return {
        "version": draft.number,
        "mark": draft.digest[:16],
        "second": second,
        "held": held,
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


# ---------------------------------------------------------------- gaps


def _gaps(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del hand, progress
    found = gaps.grouped(answering.database, answering.base, now, groups=request.get("groups"), limit=GAPS)
    return {"gaps": [entry_requests.gap_told(one) for one in found]}


def _questions(answering: Answering, request: Request, now: datetime) -> list[int]:
    """The questions of a gap, named by any of them."""
    first = number(request["question"], "kb_entries.question_unknown")
    known = gaps.grouped(answering.database, answering.base, now, groups=request.get("groups"), limit=GAPS)
    ids = next((list(one.questions) for one in known if first in one.questions), None)
    if ids is None:
        raise KnowledgeRefusal("kb_entries.question_unknown")
    return ids


def _gap_answer(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    """An answer becomes an entry of a draft, with what was asked as its phrasings."""
    ids = _questions(answering, request, now)
    answer = str(request.get("answer") or "")
    made: list[int] = []

    def act(session: Session) -> Edited:
        scope = scope_named(session, request.get("scope"))
        offered = proposals.propose(session, ids, answer, hand, now, scope=scope)
        made.append(offered.id or 0)
        return proposals.accept(session, offered.id or 0, hand, now)

    result = edit(answering, act, now, hand, progress)
    return {**result, "proposal": made[-1], "questions": ids}


def _gap_link(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """The questions are other ways to ask for an entry: learned at once."""
    ids, entry = _questions(answering, request, now), str(request["entry"])[:120]

    def act(session: Session) -> dict[str, Any]:
        offered = proposals.propose(session, ids, "", hand, now, entry=entry)
        done = proposals.accept(session, offered.id or 0, hand, now)
        return {"proposal": offered.id, "entry": done.entry, "phrasings": done.phrasings, "document": done.document}

    result = answering.database.write_now(act)
    answering.reload(lambda done, total: progress("index", done, total))
    return result


def _gap_dismiss(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    del progress
    ids = _questions(answering, request, now)

    def act(session: Session) -> dict[str, Any]:
        scope = scope_named(session, request.get("scope"))
        return {"proposal": proposals.dismiss(session, ids, hand, now, scope=scope).id}

    return answering.database.write_now(act)


def _gap_undo(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    identity = number(request["id"], "kb_entries.proposal_unknown")
    answering.database.write_now(lambda session: proposals.take_back(session, identity, hand, now))
    answering.reload(lambda done, total: progress("index", done, total))
    return {"id": identity}


CHANGES: dict[str, Change] = {
    "preview": _preview,
    "similar": _similar,
    "gaps_page": _gaps,
    "gap_answer": _gap_answer,
    "gap_link": _gap_link,
    "gap_dismiss": _gap_dismiss,
    "gap_undo": _gap_undo,
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
