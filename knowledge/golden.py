"""The golden set: questions whose right answer staff have fixed, asked again whenever something is to be published.

Source: F62, F69.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import col, func, select

from knowledge import confidence, entries, evaluation, ingest, lexical, normalise, retriever
from knowledge.answer import Scope
from knowledge.answering import named_scope
from knowledge.errors import KnowledgeRefusal
from knowledge.evaluation import Case, Outcome
from knowledge.masking import mask_outgoing
from storage import audit
from storage.documents import Chunk, DocumentVersion, counter
from storage.learning import GoldenCase, GoldenRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.answer import Sight
    from knowledge.base import KnowledgeBase
    from knowledge.catalogue import Catalogue, Item
    from knowledge.confidence import Floors
    from knowledge.lexical import Asked
    from knowledge.lifecycle import Hand
    from storage.engine import Database, Session

QUESTION_MOST = 300
RELEVANT_MOST = 20
_BATCH = 200
_OFFERED = 3
"""Candidates that decide over a question: the best, its lead over the next one, and what is offered when asking back."""
_RIGHT = {"answered_right", "handed_over_right"}


@dataclass(frozen=True, slots=True)
class Compared:
    """What a publish would do to the golden set.

    Attributes:
        lost, won: questions that would be answered worse or better; asked by keywords alone, so that nothing is embedded.
        cases: how many there are; ``asked``: how many of them the change could touch.
        right, right_after: how many are answered rightly, and would be.
    """

    lost: tuple[str, ...]
    won: tuple[str, ...]
    cases: int
    asked: int
    right: int
    right_after: int


def add(
    session: Session, question: str, relevant: Sequence[str], hand: Hand, now: datetime, *, scope: str = "all"
) -> GoldenCase:
    """Fixes the right answer of a question; asked again in the same scope, the newer word counts.

    Args:
        session: Written to.
        question: As people ask; personal data are masked.
        relevant: Ids of the entries or passages that answer it; none = the base must not answer.
        hand: Who says so.
        now: Aware instant.
        scope: Who asks.

    Raises:
        KnowledgeRefusal: no words, an unknown scope, an entry that nobody knows, or too many of them.
    """
    text = mask_outgoing(" ".join(question.split()))[:QUESTION_MOST].strip()
    if len(text) < 2:
        raise KnowledgeRefusal("kb_entries.phrasing_short")
    ids = list(dict.fromkeys(one.strip() for one in relevant if one.strip()))
    if len(ids) > RELEVANT_MOST:
        raise KnowledgeRefusal("kb_entries.golden_many", most=RELEVANT_MOST)
    for one in ids:
        if not entries.places(session, one) and not _is_passage(session, one):
            raise KnowledgeRefusal("kb_entries.unknown", id=one[:120])
    ingest.check_scope(scope)
    found = session.exec(select(GoldenCase).where(GoldenCase.scope == scope, GoldenCase.question == text)).first()
    if found is None:
        found = GoldenCase(scope=scope, question=text, made_at=now)
    found.relevant, found.made_by = ids, hand.name[:80]
    session.add(found)
    session.flush()
    _note(session, hand, now, "golden.added", case=found.id or 0)
    return found


def _is_passage(session: Session, entry: str) -> bool:
    found = select(Chunk.id).join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
    return session.exec(found.where(DocumentVersion.state == "published", Chunk.entry == entry)).first() is not None


def remove(session: Session, identity: int, hand: Hand, now: datetime) -> None:
    """Takes a case out.

    Raises:
        KnowledgeRefusal: no such case.
    """
    found = session.get(GoldenCase, identity)
    if found is None:
        raise KnowledgeRefusal("kb_entries.golden_unknown", id=identity)
    session.delete(found)
    session.flush()
    _note(session, hand, now, "golden.removed", case=identity)


def _note(session: Session, hand: Hand, now: datetime, action: str, **details: int) -> None:
    audit.record(session, at=now, actor_id=hand.person_id, group_id=None, action=action, **details)


def listed(session: Session) -> list[GoldenCase]:
    """All cases, by scope and number."""
    return list(session.exec(select(GoldenCase).order_by(col(GoldenCase.scope), col(GoldenCase.id))))


def take_in(
    database: Database,
    path: Path,
    hand: Hand,
    now: datetime,
    *,
    scope: str = "all",
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Takes in a file of ``kb eval``'s form; returns how many cases it has. All of it or, at a bad line, nothing.

    Raises:
        KnowledgeRefusal: the file is missing or a line unreadable, or it names an entry that nobody knows.
    """
    ingest.check_scope(scope)
    cases = evaluation.read_cases(path)

    def unknown(session: Session) -> str | None:
        ids = sorted({one for case in cases for one in case.relevant})
        return next((one for one in ids if not entries.places(session, one) and not _is_passage(session, one)), None)

    strange = database.read_now(unknown)
    if strange is not None:
        raise KnowledgeRefusal("kb_entries.unknown", id=strange[:120])
    for start in range(0, len(cases), _BATCH):
        part = cases[start : start + _BATCH]

        def write(session: Session, part: Sequence[Case] = part) -> None:
            there = {
                one.question: one for one in session.exec(select(GoldenCase).where(GoldenCase.scope == scope)).all()
            }
            for case in part:
                text = mask_outgoing(" ".join(case.query.split()))[:QUESTION_MOST].strip()
                row = there.get(text) or GoldenCase(scope=scope, question=text, made_at=now)
                row.relevant, row.made_by = sorted(case.relevant)[:RELEVANT_MOST], hand.name[:80]
                there[text] = row
                session.add(row)
            _note(session, hand, now, "golden.taken_in", cases=len(part))

        database.write_now(write)
        if progress is not None:
            progress(min(start + _BATCH, len(cases)), len(cases))
    return len(cases)


def _cases(session: Session) -> dict[str, list[Case]]:
    """Cases by scope; an id that was merged counts together with what it went into."""
    followed = entries.followed(session)
    found: dict[str, list[Case]] = defaultdict(list)
    for row in listed(session):
        ids = set(row.relevant or ())
        found[row.scope].append(Case(row.question, frozenset(ids | {followed[one] for one in ids if one in followed})))
    return found


def _who(session: Session, scope: str) -> Scope:
    kind, _, name = scope.partition(":")
    return named_scope(session, kind, name) if name else Scope()


def run(
    database: Database,
    base: KnowledgeBase,
    now: datetime,
    *,
    clock: Callable[[], float],
    progress: Callable[[int, int], None] | None = None,
) -> GoldenRun:
    """Asks every case of what is published now and keeps the figures.

    Args:
        database: Of the base.
        base: Loaded.
        now: Aware instant.
        clock: Monotonic seconds.
        progress: Called with (asked, all).

    Raises:
        KnowledgeRefusal: there are no cases (``kb_entries.golden_none``).
    """
    by_scope = database.read_now(_cases)
    total = sum(len(cases) for cases in by_scope.values())
    if not total:
        raise KnowledgeRefusal("kb_entries.golden_none")
    outcomes: list[Outcome] = []
    for scope, cases in by_scope.items():
        who = database.read_now(lambda session, scope=scope: _who(session, scope))  # type: ignore[misc]
        done = len(outcomes)
        step = None if progress is None else lambda at, _, done=done: progress(done + at, total)
        outcomes += evaluation.run(base, database, cases, clock=clock, now=now, scope=who, progress=step)
    wrong = [one.case.query for one in outcomes if one.verdict not in _RIGHT and one.verdict != "asked_back_hit"]
    figures = {name: float(value) for name, value in evaluation.figures(outcomes).items()}

    def keep(session: Session) -> GoldenRun:
        made = GoldenRun(at=now, counter=counter(session), figures=figures, wrong=wrong)
        session.add(made)
        session.flush()
        return made

    return database.write_now(keep)


def trend(session: Session, count: int = 10) -> list[GoldenRun]:
    """The last runs, oldest first."""
    rows = session.exec(select(GoldenRun).order_by(col(GoldenRun.id).desc()).limit(count)).all()
    return list(reversed(rows))


def compare(
    session: Session, base: KnowledgeBase, instead: Mapping[int, int | None], *, now: datetime | None = None
) -> Compared:
    """Which questions would be answered worse or better if other versions were published; what answers now stays.

    Args:
        session: Read from.
        base: Loaded.
        instead: Document id → version id that would be its published one, None = none.
        now: Aware instant; by default that of the newest version, which is about to be published.
    """
    by_scope = _cases(session)
    total = sum(len(cases) for cases in by_scope.values())
    if not total:
        return Compared((), (), 0, 0, 0, 0)
    if now is None:
        now = session.exec(select(func.max(DocumentVersion.created_at))).one()
    after, floors = base.preview(session, instead)
    before = base.catalogue if base.catalogue.counter == counter(session) else base.preview(session, {})[0]
    changed = _changed(before, after)
    lost: list[str] = []
    won: list[str] = []
    asked = right = right_after = 0
    for scope, cases in by_scope.items():
        sight = _who(session, scope).sight(now)
        for case in cases:
            cut = lexical.asked(normalise.question(case.query))
            if not _touched(changed, case, cut, sight):
                continue
            old, new = (_level(one, floors, case, cut, sight) for one in (before, after))
            asked += 1
            right += old == 2
            right_after += new == 2
            if new < old:
                lost.append(case.query)
            elif new > old:
                won.append(case.query)
    return Compared(tuple(lost), tuple(won), total, asked, right, right_after)


@dataclass(frozen=True, slots=True)
class _Changed:
    """What one catalogue has that the other has not.

    Attributes:
        marked: which entries.
        ids: their ids, the passages' too; ``chunks``: of the entries.
    """

    catalogue: Catalogue
    marked: NDArray[np.bool_]
    ids: frozenset[str]
    chunks: frozenset[int]


def _changed(before: Catalogue, after: Catalogue) -> tuple[_Changed, _Changed]:
    shelves = [(one.entries.items, one.passages.items) for one in (before, after)]
    known = [{_sign(item) for part in parts for item in part} for parts in shelves]

    def changed(catalogue: Catalogue, others: set[tuple[object, ...]]) -> _Changed:
        entries_, passages = catalogue.entries.items, catalogue.passages.items
        marked = np.array([_sign(item) not in others for item in entries_], dtype=bool)
        new = [item for item, one in zip(entries_, marked, strict=True) if one]
        ids = {item.entry for item in (*new, *(one for one in passages if _sign(one) not in others))}
        return _Changed(catalogue, marked, frozenset(ids), frozenset(item.chunk for item in new))

    return changed(before, known[1]), changed(after, known[0])


def _sign(item: Item) -> tuple[object, ...]:
    return item.mark, item.entry, item.scope, item.audience, item.valid


def _touched(changed: Sequence[_Changed], case: Case, cut: Asked, sight: Sight) -> bool:
    """Whether a change can touch a case: it answers it, has its very words, or could be among what is offered for it."""
    for one in changed:
        if not one.chunks:
            continue
        seen = one.catalogue.entries.seen(sight)
        if case.relevant & one.ids or retriever.exact(one.catalogue, cut.text, seen) in one.chunks:
            return True
        if retriever.reaches(one.catalogue.entries, cut, seen, one.marked, _OFFERED):
            return True
    return False


def _level(catalogue: Catalogue, floors: Floors, case: Case, cut: Asked, sight: Sight) -> int:
    """2 = answered rightly, or rightly not; 1 = the right one is among those offered; 0 = wrong."""
    seen = catalogue.entries.seen(sight)
    ranked = retriever.rank(catalogue.entries, cut, {}, seen)
    same = retriever.exact(catalogue, cut.text, seen)
    if same is not None and any(one.item.chunk == same for one in ranked):
        ranked.sort(key=lambda one: one.item.chunk != same)
        odds = confidence.CERTAIN
    else:
        odds = confidence.log_odds(ranked[0]) if ranked else -confidence.CERTAIN
    offered = [one.item.entry for one in ranked[:_OFFERED]]
    if ranked and odds >= floors.answer:
        return 2 if offered[0] in case.relevant else 0
    if ranked and odds >= floors.ask:
        return int(bool(case.relevant.intersection(offered)))
    return 0 if case.relevant else 2
