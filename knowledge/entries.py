"""Entries as first-class data: one change to an entry makes, or goes into, a draft version of its document.

Nothing here answers anybody: a draft is published by ``lifecycle.publish``, by a second person where there are two. Each
function is a short one of a session; before a large document is edited, ``drafts.prepare`` copies it. Merging, splitting
and moving are ``rearranging``.

Source: F69, F74.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select

from knowledge import disputes, drafts, editing, ingest
from knowledge.editing import Edited, Wording
from knowledge.errors import KnowledgeRefusal
from knowledge.masking import mask
from prompts.loader import texts
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session

DOCUMENT = "entries"
"""Name of the document, one a scope, that entries go into which staff write."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands in what the next edit would start from."""

    document: Document
    version: DocumentVersion
    chunk: Chunk


def places(session: Session, entry: str) -> list[Place]:
    """Everywhere that an entry of this id stands, a document each; an id that was merged stands for what it went into."""
    standing = select(DocumentVersion.id).where(
        DocumentVersion.digest != "", col(DocumentVersion.state).in_(("draft", "published"))
    )
    rows = session.exec(
        select(Chunk, DocumentVersion)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(col(Chunk.version_id).in_(standing), Chunk.entry == entry, Chunk.kind == "entry")
    ).all()
    found: list[Place] = []
    for chunk, version in sorted(rows, key=lambda row: row[1].document_id):
        document = session.get_one(Document, version.document_id)
        base = drafts.basis(session, version.document_id) if document.removed_at is None else None
        if base is not None and base.id == version.id:
            found.append(Place(document, version, chunk))
    if found:
        return found
    into = session.exec(
        select(Chunk.entry)
        .join(Finding, col(Finding.chunk_id) == col(Chunk.id))
        .where(col(Chunk.version_id).in_(standing), Finding.kind == editing.MERGED, Finding.locator == entry)
        .order_by(col(Finding.id).desc())
    ).first()
    return places(session, into) if into is not None and into != entry else []


def standing(session: Session, document: int, entry: str) -> list[Chunk]:
    """An entry in the published version and the drafts of a document."""
    return list(
        session.exec(
            select(Chunk)
            .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
            .where(
                DocumentVersion.document_id == document,
                DocumentVersion.digest != "",
                col(DocumentVersion.state).in_(("draft", "published")),
                Chunk.entry == entry,
                Chunk.kind == "entry",
            )
        )
    )


def find(session: Session, entry: str, document: int | None = None) -> Place:
    """The one entry of an id.

    Args:
        session: Read from.
        entry: Its id, or one that was merged into it.
        document: Which document, where the same id stands in several scopes.

    Raises:
        KnowledgeRefusal: no such entry (``kb_entries.unknown``), or several (``kb_entries.several``).
    """
    found = [one for one in places(session, entry) if document is None or one.document.id == document]
    if not found:
        raise KnowledgeRefusal("kb_entries.unknown", id=entry[:120])
    if len(found) > 1:
        raise KnowledgeRefusal(
            "kb_entries.several", id=entry[:120], documents="、".join(str(one.document.id) for one in found)
        )
    return found[0]


def followed(session: Session) -> dict[str, str]:
    """Ids that were merged → the published entry that they went into."""
    rows = session.execute(
        select(Finding.locator, Chunk.entry)
        .join(Chunk, col(Chunk.id) == col(Finding.chunk_id))
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(Finding.kind == editing.MERGED, DocumentVersion.state == "published")
    )
    return {old: new for old, new in rows if old != new}


# ---------------------------------------------------------------- one change each


def add_phrasings(
    session: Session,
    entry: str,
    new: Sequence[str],
    hand: Hand,
    now: datetime,
    *,
    document: int | None = None,
) -> Edited:
    """Adds ways to ask; those that are there in the same question form are passed over.

    Raises:
        KnowledgeRefusal: no such entry, or a text that says nothing.
    """
    asked = [editing.cleaned(one) for one in new]
    place = find(session, entry, document)
    known = {editing.form(one.text) for one in editing.phrasings(session, place.chunk.id)}
    if all(editing.form(one) in known for one in asked):
        return editing.told(session, place.version, place.chunk, changed=False)
    version, chunk = writable(session, place, hand, now)
    editing.put(session, chunk, [("alias", one) for one in asked])
    return editing.done(session, version, [chunk], hand, now)


def edit_phrasing(
    session: Session, entry: str, old: str, new: str, hand: Hand, now: datetime, *, document: int | None = None
) -> Edited:
    """Puts a way to ask into other words; the main question may be changed like this too.

    Raises:
        KnowledgeRefusal: no such entry or phrasing, or the new words say nothing or are there already.
    """
    words = editing.cleaned(new)
    place = find(session, entry, document)
    known = editing.phrasings(session, place.chunk.id)
    at = position(known, old)
    if any(editing.form(one.text) == editing.form(words) for one in known if one is not known[at]):
        raise KnowledgeRefusal("kb_entries.phrasing_there", text=words[:40])
    version, chunk = writable(session, place, hand, now)
    row = editing.phrasings(session, chunk.id)[at]
    row.text = words
    session.add(row)
    if row.kind == "question":
        chunk.title = words
    return editing.done(session, version, [chunk], hand, now)


def remove_phrasing(
    session: Session, entry: str, old: str, hand: Hand, now: datetime, *, document: int | None = None
) -> Edited:
    """Takes a way to ask out; when it was the main question, the next one takes its place.

    Raises:
        KnowledgeRefusal: no such entry or phrasing, or it is the last one (``kb_entries.last_phrasing``).
    """
    place = find(session, entry, document)
    known = editing.phrasings(session, place.chunk.id)
    at = position(known, old)
    if len(known) == 1:
        raise KnowledgeRefusal("kb_entries.last_phrasing", id=place.chunk.entry)
    version, chunk = writable(session, place, hand, now)
    session.delete(editing.phrasings(session, chunk.id)[at])
    session.flush()
    editing.lead(session, chunk)
    return editing.done(session, version, [chunk], hand, now)


def set_answer(
    session: Session,
    entry: str,
    answer: str,
    hand: Hand,
    now: datetime,
    *,
    plain: str = "",
    document: int | None = None,
) -> Edited:
    """Puts another answer in place.

    Args:
        session: Written to.
        entry: Its id.
        answer: May name facts of the group, ``{pickup_hours}``.
        hand: Who does it.
        now: Aware instant.
        plain: The answer where a group lacks such a fact; needed with facts.
        document: See ``find``.

    Raises:
        KnowledgeRefusal: no such entry, nothing said, too long, an unknown fact, or facts and nothing to say without.
    """
    body, facts = editing.checked_answer(answer, plain)
    place = find(session, entry, document)
    spare = mask(plain.strip())[: editing.ANSWER_MOST] if facts else ""
    if (place.chunk.body, place.chunk.plain) == (body, spare):
        return editing.told(session, place.version, place.chunk, changed=False)
    version, chunk = writable(session, place, hand, now)
    disputes.forget(session, chunk)
    chunk.body, chunk.plain, chunk.facts = body, spare, facts
    return editing.done(session, version, [chunk], hand, now)


def create(
    session: Session,
    wording: Wording,
    hand: Hand,
    now: datetime,
    *,
    scope: str = "all",
    document: int | None = None,
) -> Edited:
    """Writes a new entry.

    Args:
        session: Written to.
        wording: What it says.
        hand: Who does it.
        now: Aware instant.
        scope: Of the document of staff's own entries that it goes into.
        document: Another document instead.

    Raises:
        KnowledgeRefusal: see ``set_answer``; no question, or the id is taken.
    """
    body, facts = editing.checked_answer(wording.answer, wording.plain)
    said = [editing.cleaned(one) for one in wording.asked if one.strip()]
    if not said:
        raise KnowledgeRefusal("kb_entries.phrasing_short")
    if document is None:
        title = texts().raw("kb_entries.document_title")
        document = drafts.new_document(session, DOCUMENT, title, ingest.check_scope(scope), hand, now)
    name = wording.entry.strip()[:120] or editing.new_id(said[0], wording.category)
    version = drafts.open_draft(session, document, hand, now)
    if editing.within(session, version, name) is not None:
        raise KnowledgeRefusal("kb_entries.taken", id=name)
    made = Chunk(version_id=0, ordinal=0, entry=name, kind="entry", title=said[0], body=body, facts=facts)
    made.plain = mask(wording.plain.strip())[: editing.ANSWER_MOST] if facts else ""
    made.category = wording.category[:80]
    chunk = editing.append(session, version, made)
    editing.put(session, chunk, [("question" if at == 0 else "alias", one) for at, one in enumerate(said)])
    return editing.done(session, version, [chunk], hand, now)


def drop(session: Session, entry: str, hand: Hand, now: datetime, *, document: int | None = None) -> Edited:
    """Takes an entry out of its document.

    Raises:
        KnowledgeRefusal: no such entry.
    """
    place = find(session, entry, document)
    version, chunk = writable(session, place, hand, now)
    editing.out(session, chunk)
    drafts.touch(session, version, now)
    editing.note(session, hand, now, version)
    return Edited(version.document_id, version.number, place.chunk.entry, 0)


def position(known: Sequence[Phrasing], old: str) -> int:
    """Position of a phrasing by its words, else by its question form."""
    wanted = " ".join(old.split())
    for same in (lambda text: text == wanted, lambda text: editing.form(text) == editing.form(wanted)):
        for at, one in enumerate(known):
            if same(one.text):
                return at
    raise KnowledgeRefusal("kb_entries.phrasing_unknown", text=wanted[:40])


def writable(session: Session, place: Place, hand: Hand, now: datetime) -> tuple[DocumentVersion, Chunk]:
    """The entry in the hand's own draft."""
    version = drafts.open_draft(session, place.document.id or 0, hand, now)
    chunk = editing.within(session, version, place.chunk.entry)
    if chunk is None:
        raise KnowledgeRefusal("kb_entries.unknown", id=place.chunk.entry)
    return version, chunk
