"""The gaps of the base one by one, for the pages of staff: grouped once, answered, linked, laid aside, taken back.

``requests`` takes these up among its own.

Source: F62, F64.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlmodel import col, func, select

from knowledge import entry_requests, gaps, proposals
from knowledge.base import KnowledgeBase
from knowledge.entry_requests import edit
from knowledge.errors import KnowledgeRefusal
from knowledge.given import number, scope_named
from storage.documents import Question, counter
from storage.learning import Proposal

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.editing import Edited
    from knowledge.lifecycle import Hand
    from storage.engine import Session

Progress = Callable[[str, int, int], None]
Request = dict[str, Any]
Change = Callable[["Answering", Request, datetime, "Hand", Progress], dict[str, Any]]
GAPS = 200

_Key = tuple[object, ...]
_GROUPED: WeakKeyDictionary[KnowledgeBase, dict[object, tuple[_Key, list[gaps.Gap]]]] = WeakKeyDictionary()
"""What was grouped last, by whose questions; good as long as nothing was asked, answered or decided since."""


def _grouped(answering: Answering, request: Request, now: datetime) -> list[gaps.Gap]:
    """Gaps as they are now; grouping takes up to seconds, so it is not done twice for the same questions."""
    groups = request.get("groups")
    whose = None if groups is None else tuple(groups)

    def stamp(session: Session) -> _Key:
        states = session.execute(
            select(Question.state, func.count(), func.max(Question.id))
            # What is answered is in no gap, and is most of what was ever asked.
            .where(col(Question.state).in_(("open", "expired")))
            .group_by(col(Question.state))
        ).all()
        offered = session.execute(select(func.count(), func.max(Proposal.id)).select_from(Proposal)).one()
        return counter(session), now.date(), tuple(sorted(tuple(one) for one in states)), tuple(offered)

    key = answering.database.read_now(stamp)
    known = _GROUPED.setdefault(answering.base, {})
    if whose not in known or known[whose][0] != key:
        known[whose] = key, gaps.grouped(answering.database, answering.base, now, groups=groups, limit=GAPS)
    return known[whose][1]


def _gaps(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    del hand, progress
    return {"gaps": [entry_requests.gap_told(one) for one in _grouped(answering, request, now)]}


def _gap(answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress) -> dict[str, Any]:
    """One gap, named by any of its questions, with those of them that somebody still waits for: (id, group)."""
    del hand, progress
    ids = _questions(answering, request, now)

    def waiting(session: Session) -> list[list[int]]:
        rows = session.execute(
            select(Question.id, Question.group_id)
            .where(col(Question.id).in_(ids), Question.state == "open", col(Question.group_id).is_not(None))
            .order_by(col(Question.id))
        ).all()
        return [[one, group] for one, group in rows]

    return {"questions": ids, "waiting": answering.database.read_now(waiting)}


def _gap_settle(
    answering: Answering, request: Request, now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    """Lays aside what the replies to a gap's questions offered: their answer is a draft already."""
    del progress
    keys = [f"question:{number(one)}" for one in request.get("questions") or ()]

    def act(session: Session) -> dict[str, Any]:
        rows = session.exec(
            select(Proposal).where(col(Proposal.key).in_(keys), Proposal.state == "open", Proposal.origin == "reply")
        ).all()
        for row in rows:
            proposals.decline(session, row.id or 0, hand, now)
        return {"declined": len(rows)}

    return answering.database.write_now(act)


def _questions(answering: Answering, request: Request, now: datetime) -> list[int]:
    """The questions of a gap, named by any of them."""
    first = number(request["question"], "kb_entries.question_unknown")
    known = _grouped(answering, request, now)
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
    del progress
    ids, entry = _questions(answering, request, now), str(request["entry"])[:120]

    def act(session: Session) -> dict[str, Any]:
        offered = proposals.propose(session, ids, "", hand, now, entry=entry)
        done = proposals.accept(session, offered.id or 0, hand, now)
        return {"proposal": offered.id, "entry": done.entry, "phrasings": done.phrasings, "document": done.document}

    return answering.database.write_now(act)  # the next question reads what was learned


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
    del progress
    identity = number(request["id"], "kb_entries.proposal_unknown")
    answering.database.write_now(lambda session: proposals.take_back(session, identity, hand, now))
    return {"id": identity}


CHANGES: dict[str, Change] = {
    "gaps_page": _gaps,
    "gap": _gap,
    "gap_settle": _gap_settle,
    "gap_answer": _gap_answer,
    "gap_link": _gap_link,
    "gap_dismiss": _gap_dismiss,
    "gap_undo": _gap_undo,
}
"""What needs the base, or changes something."""
