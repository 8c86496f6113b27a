"""Entries merged, split and moved: no phrasing is lost, and an id that is gone still leads to what took its place.

Source: F69, F74.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from knowledge import drafts, editing, entries, ingest
from knowledge.editing import Edited, Wording
from knowledge.errors import KnowledgeRefusal
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session

_WORDS = ("body", "plain", "facts", "source", "locator", "valid_from", "valid_until")


def merge(
    session: Session,
    keep: str,
    other: str,
    hand: Hand,
    now: datetime,
    *,
    answer: str = "keep",
    documents: tuple[int | None, int | None] = (None, None),
) -> Edited:
    """Unites two entries: all phrasings of both, one answer; the other id leads here from now on.

    Args:
        session: Written to.
        keep: Id of the entry that stays.
        other: Id of the entry that goes into it.
        hand: Who does it.
        now: Aware instant.
        answer: Whose answer stays: ``keep`` or ``other``.
        documents: Where the two stand, if their ids do not say it.

    Raises:
        KnowledgeRefusal: no such entry, twice the same one, or they are for different people (``kb_entries.merge_scopes``).
    """
    first, second = entries.find(session, keep, documents[0]), entries.find(session, other, documents[1])
    if first.chunk.id == second.chunk.id:
        raise KnowledgeRefusal("kb_entries.merge_same", id=keep[:120])
    if (first.document.scope, first.document.audience) != (second.document.scope, second.document.audience):
        raise KnowledgeRefusal("kb_entries.merge_scopes", keep=keep[:120], other=other[:120])
    version, kept = entries.writable(session, first, hand, now)
    from_version, gone = entries.writable(session, second, hand, now)
    rows = editing.phrasings(session, gone.id)
    said = [("alias" if one.kind == "question" else one.kind, one.text) for one in rows]
    if answer == "other":
        for name in _WORDS:
            setattr(kept, name, getattr(gone, name))
    notes = session.exec(select(Finding).where(Finding.chunk_id == gone.id, Finding.kind == editing.MERGED)).all()
    old_ids = [gone.entry, *(one.locator for one in notes)]
    editing.out(session, gone)
    editing.put(session, kept, said)
    for old in dict.fromkeys(old_ids):
        if old != kept.entry:
            _lead_here(session, version, kept, old, now)
    others: tuple[int, ...] = ()
    if from_version.id != version.id:
        others = (from_version.document_id,)
        drafts.touch(session, from_version, now)
        editing.note(session, hand, now, from_version)
    done = editing.done(session, version, [kept], hand, now)
    return Edited(done.document, done.version, done.entry, done.phrasings, others=others)


def split(
    session: Session, entry: str, wording: Wording, hand: Hand, now: datetime, *, document: int | None = None
) -> Edited:
    """Moves chosen phrasings of an entry into a new one of the same document with an answer of its own.

    Args:
        session: Written to.
        entry: Which one.
        wording: Of the new entry; ``asked`` are phrasings of the old one.
        hand: Who does it.
        now: Aware instant.
        document: See ``entries.find``.

    Returns:
        The new entry.

    Raises:
        KnowledgeRefusal: no such entry or phrasing, nothing would be left, or the new id is taken.
    """
    body, facts = editing.checked_answer(wording.answer, wording.plain)
    place = entries.find(session, entry, document)
    known = editing.phrasings(session, place.chunk.id)
    chosen = list(dict.fromkeys(entries.position(known, one) for one in wording.asked))
    if not chosen or len(chosen) == len(known):
        raise KnowledgeRefusal("kb_entries.split_all", id=place.chunk.entry)
    version, rest = entries.writable(session, place, hand, now)
    rows = editing.phrasings(session, rest.id)
    category = wording.category[:80] or rest.category
    name = wording.entry.strip()[:120] or editing.new_id(rows[chosen[0]].text, category)
    if editing.within(session, version, name) is not None:
        raise KnowledgeRefusal("kb_entries.taken", id=name)
    made = Chunk(version_id=0, ordinal=0, entry=name, kind="entry", title=rows[chosen[0]].text, category=category)
    made.body, made.facts, made.plain = body, facts, wording.plain.strip()[: editing.ANSWER_MOST] if facts else ""
    made.source, made.valid_from, made.valid_until = rest.source, rest.valid_from, rest.valid_until
    editing.append(session, version, made)
    for at in chosen:
        row = rows[at]
        row.chunk_id = made.id or 0
        row.kind = "question" if at == chosen[0] else "learned" if row.kind == "learned" else "alias"
        session.add(row)
    session.flush()
    editing.lead(session, rest)
    return editing.done(session, version, [made, rest], hand, now)


def move(session: Session, entry: str, scope: str, hand: Hand, now: datetime, *, document: int | None = None) -> Edited:
    """Moves an entry to the document of the same name in another scope; both documents have a draft afterwards.

    Whoever publishes, publishes the one that the entry went to first: then it is never nowhere.

    Raises:
        KnowledgeRefusal: no such entry, it is in that scope already, an unknown scope, or the id is taken there.
    """
    place = entries.find(session, entry, document)
    if ingest.check_scope(scope) == place.document.scope:
        raise KnowledgeRefusal("kb_entries.move_there", scope=scope)
    source = place.document
    target = drafts.new_document(session, source.name, source.title, scope, hand, now)
    session.get_one(Document, target).audience = source.audience
    version = drafts.open_draft(session, target, hand, now)
    if editing.within(session, version, place.chunk.entry) is not None:
        raise KnowledgeRefusal("kb_entries.taken", id=place.chunk.entry)
    from_version, gone = entries.writable(session, place, hand, now)
    fields = gone.model_dump(exclude={"id", "version_id", "ordinal"})
    made = editing.append(session, version, Chunk(version_id=0, ordinal=0, **fields))
    for row in editing.phrasings(session, gone.id):
        session.add(Phrasing(chunk_id=made.id or 0, kind=row.kind, text=row.text))
    notes = session.exec(select(Finding).where(Finding.chunk_id == gone.id, Finding.kind == editing.MERGED)).all()
    for old in [one.locator for one in notes]:
        _lead_here(session, version, made, old, now)
    editing.out(session, gone)
    drafts.touch(session, from_version, now)
    editing.note(session, hand, now, from_version)
    done = editing.done(session, version, [made], hand, now)
    return Edited(done.document, done.version, done.entry, done.phrasings, others=(from_version.document_id,))


def _lead_here(session: Session, version: DocumentVersion, chunk: Chunk, old: str, now: datetime) -> None:
    """Keeps where an id went; a note that waits for nobody."""
    made = Finding(
        version_id=version.id or 0, chunk_id=chunk.id, kind=editing.MERGED, severity="note", locator=old[:120]
    )
    made.accepted_at = now
    session.add(made)
    session.flush()
