"""What all edits of an entry share: cleaned words, an entry's rows in a draft, the look through what was written.

Source: F69, F74, FAULTS C2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from knowledge import disputes, drafts, normalise, scanning
from knowledge.answer import FACTS
from knowledge.errors import KnowledgeRefusal
from knowledge.masking import mask, mask_outgoing
from storage import audit
from storage.documents import Chunk, DocumentVersion, Finding, Phrasing, raise_counter

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session

MERGED = "merged"
"""Kind of the note that says which entry went into this one; its locator is the old id, which golden cases follow."""
PHRASING_MOST, ANSWER_MOST = 300, 2000
_FACT = re.compile(r"\{([^{}]*)\}")
_APART = "\n" * 5
"""Between texts that are looked through at once: rules see no sentence or spelled-out word across it."""
_BARE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit made.

    Attributes:
        document, version: the draft, by the document's id and the version's number.
        entry: the entry that was changed or made.
        phrasings: how many ways to ask it has now.
        changed: False when it was so already.
        others: ids of further documents that have a draft by the same edit (a move, a merge across documents).
    """

    document: int
    version: int
    entry: str
    phrasings: int
    changed: bool = True
    others: tuple[int, ...] = ()


def form(text: str) -> str:
    """The question form of a phrasing without marks: two phrasings of one form are the same question."""
    asked = normalise.question(text)
    return _BARE.sub("", asked) or asked


def cleaned(text: str) -> str:
    """A phrasing as it is kept: one line, personal data masked, at most ``PHRASING_MOST`` characters.

    Raises:
        KnowledgeRefusal: fewer than two characters of it mean anything.
    """
    plain = mask_outgoing(" ".join(text.split()))[:PHRASING_MOST].strip()
    if len(form(plain)) < 2:
        raise KnowledgeRefusal("kb_entries.phrasing_short")
    return plain


@dataclass(frozen=True, slots=True)
class Wording:
    """What a new entry says.

    Attributes:
        asked: ways to ask, the main question first.
        answer: may name facts of the group, ``{pickup_hours}``.
        plain: the answer where a group lacks such a fact; needed with facts.
        category: as shown; empty = none, or the old entry's.
        entry: its id; empty = made of the question.
    """

    asked: Sequence[str]
    answer: str
    plain: str = ""
    category: str = ""
    entry: str = ""


def phrasings(session: Session, chunk: int | None) -> list[Phrasing]:
    """The ways to ask for a chunk, the main one first as a rule."""
    return list(session.exec(select(Phrasing).where(Phrasing.chunk_id == chunk).order_by(col(Phrasing.id))))


def checked_answer(answer: str, plain: str = "") -> tuple[str, list[str]]:
    """An answer as it is kept, and the facts that it names.

    Raises:
        KnowledgeRefusal: see ``set_answer``.
    """
    body = mask(answer.strip())
    if not body:
        raise KnowledgeRefusal("kb_entries.answer_empty")
    if len(body) > ANSWER_MOST:
        raise KnowledgeRefusal("kb_entries.answer_long", most=ANSWER_MOST)
    facts = sorted(set(_FACT.findall(body)))
    strange = next((one for one in facts if one not in FACTS), None)
    if strange is not None:
        raise KnowledgeRefusal("kb_entries.fact_unknown", fact=strange[:40], facts="、".join(sorted(FACTS)))
    if facts and (not plain.strip() or _FACT.search(plain)):
        raise KnowledgeRefusal("kb_entries.plain_needed")
    return body, facts


def new_id(question: str, category: str = "") -> str:
    """An id for a new entry: the same whenever the same question is written again."""
    mark = hashlib.blake2b(form(question).encode(), digest_size=5).hexdigest()
    return f"{category or 'own'}.{mark}"[:120]


def within(session: Session, version: DocumentVersion, entry: str) -> Chunk | None:
    """An entry of a version by its id."""
    return session.exec(select(Chunk).where(Chunk.version_id == version.id, Chunk.entry == entry)).first()


def append(session: Session, version: DocumentVersion, chunk: Chunk) -> Chunk:
    """Puts a chunk at the end of a version."""
    last = session.exec(
        select(Chunk.ordinal).where(Chunk.version_id == version.id).order_by(col(Chunk.ordinal).desc()).limit(1)
    ).first()
    chunk.version_id, chunk.ordinal = version.id or 0, 0 if last is None else last + 1
    session.add(chunk)
    session.flush()
    return chunk


def put(session: Session, chunk: Chunk, new: Sequence[tuple[str, str]]) -> None:
    """Adds phrasings as (kind, text) unless their form is there; only one of them is the main question."""
    known = {form(one.text) for one in phrasings(session, chunk.id)}
    for kind, text in new:
        if form(text) not in known:
            known.add(form(text))
            session.add(Phrasing(chunk_id=chunk.id or 0, kind=kind, text=text))
    session.flush()
    lead(session, chunk)


def lead(session: Session, chunk: Chunk) -> None:
    """Sees to it that there is one main question, and that it is the chunk's title."""
    known = phrasings(session, chunk.id)
    main = next((one for one in known if one.kind == "question"), known[0])
    if main.kind != "question":
        main.kind = "question"
        session.add(main)
    if chunk.title != main.text:
        chunk.title = main.text[:500]
        session.add(chunk)


def out(session: Session, chunk: Chunk) -> None:
    """Deletes a draft's chunk with all that hangs on it."""
    session.exec(delete(Finding).where(col(Finding.chunk_id) == chunk.id))
    session.exec(delete(Phrasing).where(col(Phrasing.chunk_id) == chunk.id))
    session.delete(chunk)
    session.flush()


def scan(session: Session, version: DocumentVersion, chunk: Chunk) -> None:
    """Looks through an entry again; what was accepted before in the same words stays accepted."""
    rows = session.exec(select(Finding).where(Finding.chunk_id == chunk.id, Finding.kind != MERGED)).all()
    before = [one for one in rows if one.kind not in disputes.KINDS]
    accepted = {(one.kind, one.excerpt): one for one in before if one.accepted_at is not None}
    asked = _APART.join(row.text for row in phrasings(session, chunk.id))
    found = [*scanning.look(_APART.join((chunk.body, chunk.plain))), *scanning.look(asked, asked=True)]
    held = any(one.severity == "block" and one.accepted_at is None for one in rows if one.kind in disputes.KINDS)
    for one in before:
        session.delete(one)
    for kind, excerpt in dict.fromkeys((one.kind, one.excerpt) for one in found):
        grave = next(one.severity for one in found if (one.kind, one.excerpt) == (kind, excerpt))
        old = accepted.get((kind, excerpt))
        held |= grave == "block" and old is None
        session.add(
            Finding(
                version_id=version.id or 0,
                chunk_id=chunk.id,
                kind=kind,
                severity=grave,
                excerpt=excerpt,
                accepted_at=old.accepted_at if old else None,
                accepted_by=old.accepted_by if old else "",
            )
        )
    chunk.withheld = held
    session.add(chunk)
    session.flush()


def done(session: Session, version: DocumentVersion, changed: Sequence[Chunk], hand: Hand, now: datetime) -> Edited:
    """Ends an edit: the changed entries are looked through, the act is kept; tells of the first of them."""
    for chunk in changed:
        session.add(chunk)
        session.flush()
        scan(session, version, chunk)
    drafts.touch(session, version, now)
    note(session, hand, now, version)
    return told(session, version, changed[0])


def told(session: Session, version: DocumentVersion, chunk: Chunk, *, changed: bool = True) -> Edited:
    """What came of an edit."""
    count = len(phrasings(session, chunk.id))
    return Edited(version.document_id, version.number, chunk.entry, count, changed)


def note(session: Session, hand: Hand, now: datetime, version: DocumentVersion) -> None:
    """Keeps the act in the audit trail: ids and figures only."""
    audit.record(
        session,
        at=now,
        actor_id=hand.person_id,
        group_id=None,
        action="knowledge.edited",
        document=version.document_id,
        version=version.number,
    )


def learned(session: Session, hand: Hand, now: datetime, version: DocumentVersion) -> None:
    """Ends a change that takes effect at once."""
    raise_counter(session)
    note(session, hand, now, version)
