"""What staff choose where a document says otherwise than what answers: which words hold, and who may say so.

An entry of another document that is to give way gets the new words in a draft of its own. What that draft said before is
kept with the choice (``Finding.rewrote``), and is what comes back when the choice is taken back.

Source: F62, F69, F74.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from knowledge import clashes, disputes, entries, lifecycle
from knowledge.disputes import NEW, OLD, OPEN
from knowledge.editing import Edited
from knowledge.errors import KnowledgeRefusal
from storage import audit
from storage.documents import Chunk, DocumentVersion, Finding, raise_counter

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session


def clash(session: Session, document: int, finding: int, how: str, hand: Hand) -> Finding:
    """The finding that is to be settled in a way.

    Raises:
        KnowledgeRefusal: as ``choose``.
    """
    row = session.get(Finding, finding) if 0 < finding < 1 << 62 else None
    made = session.get(DocumentVersion, row.version_id) if row is not None else None
    if row is None or made is None or made.document_id != document or row.kind not in (OPEN, OLD, NEW):
        raise KnowledgeRefusal("kb.finding_unknown", id=document)
    if how not in disputes.CHOICES:
        raise KnowledgeRefusal("kb.clash_choice", choice=how[:40])
    if how == "new" and row.excerpt.endswith("}"):
        raise KnowledgeRefusal("kb.clash_facts")
    answers = made.state == "published" and (how == "new" or (row.kind == OLD and how != "old"))
    if answers and lifecycle.needs_second(session, made, hand):
        raise KnowledgeRefusal("kb.second_person", id=document)
    return row


def choose(session: Session, document: int, finding: int, how: str, hand: Hand, now: datetime) -> dict[str, Any]:
    """Settle a clash; the same again with ``open`` takes it back.

    Args:
        session: Written to.
        document: Whose draft or published version found it.
        finding: Its id.
        how: ``old`` holds the new words back; ``new`` the other document's passage as soon as the new ones are published,
            and an entry is to be given them (``rewrite``); ``both`` leaves both.
        hand: Who chooses.
        now: Aware instant.

    Raises:
        KnowledgeRefusal: no such clash (``kb.finding_unknown``), no such choice, what each group has told of itself would
            give way (``kb.clash_facts``), or words would answer or fall silent at once, and it takes a second person
            (``kb.second_person``).
    """
    row = clash(session, document, finding, how, hand)
    made = session.get_one(DocumentVersion, row.version_id)
    row.kind = {"old": OLD, "new": NEW}.get(how, OPEN)
    row.severity = "block" if how == "old" else "warn"
    settled = how in ("new", "both")
    row.accepted_at, row.accepted_by = (now, hand.name[:80]) if settled else (None, "")
    session.add(row)
    session.flush()
    chunk = row.chunk_id or 0
    if how == "old":
        disputes.hold(session, [chunk])
    else:
        disputes.let_go(session, [chunk])
    disputes.settle(session, document)
    raise_counter(session)
    action = "knowledge.clash_opened" if how == "open" else "knowledge.clash_settled"
    audit.record(session, at=now, actor_id=hand.person_id, group_id=None, action=action, document=document)
    rewritten = int(row.locator.partition("#")[0]) if how == "new" and row.rewrote else 0
    live = made.state == "published"
    return {"id": document, "finding": finding, "choice": how, "live": live, "rewritten": rewritten}


def rewrite(session: Session, document: int, finding: int, how: str, hand: Hand, now: datetime) -> Edited | None:
    """Write a choice into the other document's draft: the new words for ``new``, for anything else what stood there before.

    None where nothing is to be written: the other side is a passage, it is written already, or somebody wrote something
    else there meanwhile.

    Raises:
        KnowledgeRefusal: as ``choose`` and ``entries.set_answer``; or the new words were published (``kb.clash_published``).
    """
    row = clash(session, document, finding, how, hand)
    place, _, entry = row.locator.partition("#")
    if row.kind == NEW:
        return None if how == "new" or not row.rewrote else _back(session, row, row.rewrote, hand, now)
    standing = _published(session, int(place), entry)
    if standing is None or how != "new":
        return None
    both = disputes.words(session, [row.chunk_id or 0, standing.id or 0])
    new, old = both[row.chunk_id or 0], both[standing.id or 0]
    said = next((said for topic, said in new.claims() if clashes.differing(topic, said, old)), new.body)
    before = entries.find(session, entry, int(place)).chunk
    answer, plain = before.body, before.plain
    done = entries.set_answer(session, entry, said, hand, now, document=int(place))
    wrote = entries.find(session, entry, int(place)).chunk.body
    row.rewrote = {"answer": answer, "plain": plain, "wrote": wrote}
    session.add(row)
    session.flush()
    return done


def _back(session: Session, row: Finding, rewrote: Mapping[str, str], hand: Hand, now: datetime) -> Edited | None:
    place, _, entry = row.locator.partition("#")
    standing = _published(session, int(place), entry)
    if standing is not None and standing.body == rewrote["wrote"]:
        raise KnowledgeRefusal("kb.clash_published")
    row.rewrote = None
    session.add(row)
    session.flush()
    said = next((one for one in entries.places(session, entry) if one.document.id == int(place)), None)
    if said is None or said.chunk.body != rewrote["wrote"]:
        return None
    answer, plain = rewrote["answer"], rewrote["plain"]
    return entries.set_answer(session, entry, answer, hand, now, plain=plain, document=int(place))


def _published(session: Session, document: int, entry: str) -> Chunk | None:
    return session.exec(
        select(Chunk)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(DocumentVersion.document_id == document, DocumentVersion.state == "published")
        .where(Chunk.entry == entry, Chunk.kind == "entry")
    ).first()
