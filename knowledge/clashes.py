"""Where a document contradicts what answers already: seen when it is taken in. What becomes of it is ``disputes``.

What a text says of a thing is compared by the thing (``duplicates.core``), among the few entries and passages that the
keywords find for it: the time it takes does not grow with the base, and little with the document.

Source: F62, F69.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, delete, insert, select

from knowledge import disputes, duplicates, normalise, retriever
from knowledge.answer import FACTS, Sight
from knowledge.disputes import Words
from storage.columns import micros
from storage.documents import Chunk, Document, DocumentVersion, Finding

if TYPE_CHECKING:
    from knowledge.base import KnowledgeBase
    from storage.engine import Database, Session

MOST_TOPICS = 400
"""Of a version: what is looked up, some milliseconds each."""
_LOOKED = 3
_FACT = re.compile(r"\{([a-z_]+)\}")
_TOLD = FACTS - {"hotline", "leader_name"}
"""Facts of a group that are what an answer says, and not whom to ask besides."""
_CLASHES = (disputes.OPEN, disputes.OLD, disputes.NEW)


def look(database: Database, base: KnowledgeBase, document: int, number: int, now: datetime) -> list[dict[str, Any]]:
    """Write down where a version contradicts what is published for the same people; never within a transaction.

    Args:
        database: Of the base.
        base: Open.
        document: Its id.
        number: Of a whole version of it.
        now: Aware instant.

    Returns:
        What staff are to choose of (``disputes.pairs``); a choice that was made of the same words before holds.
    """
    wall, version, new, catalogue = database.read_now(
        lambda session: (*_of_version(session, document, number), base.preview(session, {document: None})[0])
    )
    sight = Sight(frozenset({wall[0]}), leader=True, at=micros(now))
    shelves = [(shelf, shelf.seen(sight)) for shelf in (catalogue.entries, catalogue.passages)]
    topics = [(chunk, topic, said) for chunk, words in new.items() for topic, said in words.claims()][:MOST_TOPICS]
    near: dict[tuple[int, str], set[int]] = {}
    for chunk, topic, _ in topics:
        question = normalise.question(topic)
        items = [
            shelf.items[place]
            for shelf, seen in shelves
            for place in shelf.same(question)
            if seen is None or seen[place]
        ]
        for shelf, seen in shelves:
            items += [one.item for one in retriever.rank(shelf, question, {}, seen)[:_LOOKED]]
        near[chunk, topic] = {one.chunk for one in items if (one.scope, one.audience) == wall}
    old = database.read_now(lambda session: disputes.words(session, sorted(set().union(*near.values()))))
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for chunk, topic, said in topics:
        for other in near[chunk, topic]:
            if other in old and old[other].document != document and (chunk, other) not in found:
                differs = differing(topic, said, old[other])
                if differs:
                    found[chunk, other] = (topic, differs)
    rows = [
        (chunk, f"{old[other].document}#{old[other].entry}"[:120], _excerpt(topic, differs))
        for (chunk, other), (topic, differs) in sorted(found.items())
    ][: disputes.MOST_TOLD]
    if rows:
        database.write_now(lambda session: _record(session, document, version, rows))
    return database.read_now(lambda session: disputes.pairs(session, document, number)) if rows else []


def differing(topic: str, said: str, other: Words) -> str:
    """What is said of a thing, and what another says of it otherwise; empty = nothing. Pure."""
    about, no = duplicates.core(topic)
    if len(about) < 2:
        return ""
    claims = (says for theirs, says in other.claims() if duplicates.core(theirs) == (about, no))
    return next((differs for says in claims if (differs := _against(said, says))), "")


def _against(said: str, says: str) -> str:
    """What a statement and one that answers say differently; what each group has told of itself is for all, too."""
    facts = sorted(set(_FACT.findall(says)) & _TOLD)
    if facts and not _FACT.search(said):
        return f"{' '.join(said.split())} | {' '.join(f'{{{name}}}' for name in facts)}"
    return duplicates.contradiction(said, says)


def _excerpt(topic: str, differs: str) -> str:
    new, _, old = differs.partition(" | ")
    return f"{topic.rstrip('？?。 ')[:30]}：{new[:40]} ↔ {old[:40]}"


def _of_version(session: Session, document: int, number: int) -> tuple[tuple[str, str], int, dict[int, Words]]:
    """Whom a version is for, its id, and what stands in it."""
    row, version = session.get_one(Document, document), disputes.version_id(session, document, number)
    ids = session.exec(select(Chunk.id).where(Chunk.version_id == version).order_by(col(Chunk.ordinal))).all()
    found = disputes.words(session, [one or 0 for one in ids])
    return (row.scope, row.audience), version, {one: found[one] for one in ids if one}


def _record(session: Session, document: int, version: int, found: Sequence[tuple[int, str, str]]) -> None:
    """Write clashes down; what staff have settled of the same words stays settled."""
    bodies = dict(session.exec(select(Chunk.id, Chunk.body).where(Chunk.version_id == version)).all())
    before = session.exec(
        select(Finding, Chunk.body)
        .join(Chunk, col(Chunk.id) == col(Finding.chunk_id))
        .join(DocumentVersion, col(DocumentVersion.id) == col(Finding.version_id))
        .where(DocumentVersion.document_id == document, col(Finding.kind).in_(_CLASHES))
        .order_by(col(Finding.id))
    )
    known = {(one.locator, one.excerpt, body): one for one, body in before}
    rows: list[dict[str, Any]] = []
    for chunk, place, excerpt in found:
        one = known.get((place, excerpt, bodies[chunk])) or Finding(
            version_id=version, kind=disputes.OPEN, severity="warn"
        )
        told = {name: getattr(one, name) for name in ("kind", "severity", "accepted_at", "rewrote")}
        rows.append({"version_id": version, "chunk_id": chunk, "locator": place, "excerpt": excerpt, **told})
    session.execute(delete(Finding).where(col(Finding.version_id) == version, col(Finding.kind).in_(_CLASHES)))
    session.execute(insert(Finding), rows)
    held = [row["chunk_id"] for row in rows if row["severity"] == "block" and row["accepted_at"] is None]
    disputes.hold(session, held)
    disputes.settle(session, document)
