"""A document's versions from draft to published and back: who may, from when to when, and what the audit trail keeps.

Every function is a short one of a session (DESIGN 4), takes effect in the next answer, and leaves what it replaced within
one step's reach. Taking files in is ``ingest``; what a scan found is ``scanning``, and letting it pass
``passing``.

Source: F69, F74, FAULTS C2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from sqlalchemy import or_
from sqlmodel import col, func, select

from knowledge import disputes
from knowledge.errors import KnowledgeRefusal
from storage import audit
from storage.documents import Chunk, Document, DocumentVersion, Finding, raise_counter
from storage.engine import Session
from storage.groups import Group, RoleGrant

EDITORS = ("staff", "admin")
"""Roles that answer for the knowledge; where two persons have one, a publish takes two of them."""


class Never(Enum):
    """A review day that is taken away, where None leaves it."""

    AGAIN = "none"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts on a document.

    Attributes:
        name: as shown to staff.
        person_id: None for the operator's own hand on the command line, to whom no second one is asked.
    """

    name: str
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish or roll-back did.

    Attributes:
        number: the version that answers now.
        replaced: the version that answered before; None when there was none.
        withheld: entries and passages of it that wait for somebody to look at what the scan found.
    """

    document: int
    number: int
    replaced: int | None
    withheld: int


def document(session: Session, identity: int) -> Document:
    """A document that is not removed.

    Raises:
        KnowledgeRefusal: ``kb.document_unknown``.
    """
    found = session.get(Document, identity)
    if found is None or found.removed_at is not None:
        raise KnowledgeRefusal("kb.document_unknown", id=identity)
    return found


def versions(session: Session, identity: int) -> list[DocumentVersion]:
    """Whole versions of a document, oldest first."""
    return list(
        session.exec(
            select(DocumentVersion)
            .where(DocumentVersion.document_id == identity, DocumentVersion.digest != "")
            .order_by(col(DocumentVersion.number))
        )
    )


def version(session: Session, identity: int, number: int) -> DocumentVersion:
    """One whole version.

    Raises:
        KnowledgeRefusal: ``kb.document_unknown`` or ``kb.version_unknown``.
    """
    document(session, identity)
    found = next((one for one in versions(session, identity) if one.number == number), None)
    if found is None:
        raise KnowledgeRefusal("kb.version_unknown", id=identity, version=number)
    return found


def needs_second(session: Session, chosen: DocumentVersion, hand: Hand) -> bool:
    """Whether somebody else has to publish this: it is the hand's own work, and there are two who could."""
    if hand.person_id is None or chosen.created_by_id != hand.person_id:
        return False
    return editors(session, session.get_one(Document, chosen.document_id).scope) >= 2


def editors(session: Session, scope: str = "all") -> int:
    """How many persons could publish what is of a scope: those of another region are not among them."""
    kind, _, name = scope.partition(":")
    number = int(name) if name.isdecimal() else 0
    region = session.exec(select(Group.region_id).where(Group.id == number)).first() if kind == "group" else number
    everywhere = or_(col(RoleGrant.role) == "admin", col(RoleGrant.region_id).is_(None))
    persons = select(func.count(func.distinct(RoleGrant.person_id))).where(
        col(RoleGrant.role).in_(EDITORS), or_(everywhere, col(RoleGrant.region_id) == region) if region else everywhere
    )
    return session.exec(persons).one()


def publish(session: Session, identity: int, hand: Hand, now: datetime, *, mark: str = "") -> Published:
    """Publishes the newest version; the one before stays for a roll-back.

    Args:
        session: Written to.
        identity: The document.
        hand: Who does it.
        now: Aware instant.
        mark: Beginning of the digest of what was looked at; anything else is not published (``kb.draft_changed``).

    Raises:
        KnowledgeRefusal: no such document, nothing new (``kb.nothing_to_publish``), not scanned to the end yet
            (``kb.not_scanned``), or it takes a second person (``kb.second_person``).
    """
    document(session, identity)
    newest = next(reversed(versions(session, identity)), None)
    if newest is None or newest.state != "draft":
        raise KnowledgeRefusal("kb.nothing_to_publish", id=identity)
    if not newest.digest.startswith(mark):
        raise KnowledgeRefusal("kb.draft_changed", id=identity)
    if newest.scanned_at is None:
        raise KnowledgeRefusal("kb.not_scanned", id=identity)
    if needs_second(session, newest, hand):
        raise KnowledgeRefusal("kb.second_person", id=identity)
    return _put_in_place(session, newest, hand, now, "knowledge.published")


def rollback(session: Session, identity: int, number: int | None, hand: Hand, now: datetime) -> Published:
    """Publishes an earlier version again.

    Args:
        session: Written to.
        identity: The document.
        number: Which version; None = the one before the published one.
        hand: Who does it; no second person is asked: a mistake has to be gone at once.
        now: Aware instant.

    Raises:
        KnowledgeRefusal: no such document or version, it is the published one, a draft that never was, or archived.
    """
    if number is None:
        number = _before(session, identity)
    chosen = version(session, identity, number)
    if chosen.state == "published":
        raise KnowledgeRefusal("kb.nothing_to_publish", id=identity)
    if chosen.state == "draft" or chosen.archived_at is not None:
        raise KnowledgeRefusal("kb.version_not_ready", id=identity, version=number)
    return _put_in_place(session, chosen, hand, now, "knowledge.rolled_back")


def _before(session: Session, identity: int) -> int:
    document(session, identity)
    known = versions(session, identity)
    current = next((one.number for one in known if one.state == "published"), None)
    earlier = [
        one
        for one in known
        if one.state == "retired" and one.archived_at is None and (current is None or one.number < current)
    ]
    if not earlier:
        raise KnowledgeRefusal("kb.no_version_before", id=identity)
    return earlier[-1].number


def _put_in_place(session: Session, chosen: DocumentVersion, hand: Hand, now: datetime, action: str) -> Published:
    before = session.exec(
        select(DocumentVersion).where(
            DocumentVersion.document_id == chosen.document_id, DocumentVersion.state == "published"
        )
    ).all()
    for other in before:
        other.state = "retired"
        session.add(other)
    session.flush()
    chosen.state, chosen.published_at = "published", now
    chosen.published_by, chosen.published_by_id = hand.name[:80], hand.person_id
    session.add(chosen)
    session.flush()
    disputes.settle(session, chosen.document_id)
    raise_counter(session)
    withheld = session.exec(
        select(func.count()).where(col(Chunk.version_id) == chosen.id, col(Chunk.withheld).is_(True))
    ).one()
    _note(session, hand, now, action, document=chosen.document_id, version=chosen.number)
    replaced = before[0].number if before else None
    return Published(chosen.document_id, chosen.number, replaced, withheld)


def archive(session: Session, identity: int, number: int, hand: Hand, now: datetime) -> None:
    """Puts a version away that nobody should go back to; done again, it takes it out again.

    Raises:
        KnowledgeRefusal: no such version, or it is the published one.
    """
    chosen = version(session, identity, number)
    if chosen.state == "published":
        raise KnowledgeRefusal("kb.version_in_use", id=identity, version=number)
    chosen.state = "retired"
    chosen.archived_at = None if chosen.archived_at else now
    session.add(chosen)
    _note(session, hand, now, "knowledge.archived", document=identity, version=number)


def remove(session: Session, identity: int, hand: Hand, now: datetime) -> None:
    """Takes a document out of every answer; its versions stay, and ``restore`` brings it back.

    Raises:
        KnowledgeRefusal: no such document.
    """
    found = document(session, identity)
    found.removed_at = now
    session.add(found)
    session.flush()
    disputes.settle(session, identity)
    raise_counter(session)
    _note(session, hand, now, "knowledge.removed", document=identity)


def restore(session: Session, identity: int, hand: Hand, now: datetime) -> None:
    """Brings a removed document back, as it was.

    Raises:
        KnowledgeRefusal: no such document, it was not removed, or it was erased: then there is nothing to bring back.
    """
    found = session.get(Document, identity)
    if found is None or found.removed_at is None or not versions(session, identity):
        raise KnowledgeRefusal("kb.not_removed", id=identity)
    found.removed_at = None
    session.add(found)
    session.flush()
    disputes.settle(session, identity)
    raise_counter(session)
    _note(session, hand, now, "knowledge.restored", document=identity)


def set_dates(
    session: Session,
    identity: int,
    valid_from: datetime | None,
    valid_until: datetime | None,
    hand: Hand,
    now: datetime,
) -> int:
    """Says from when until when a document answers: its published version and its newest; returns the newest's number.

    Args:
        session: Written to.
        identity: The document.
        valid_from: Aware instant, closed; None = from the beginning.
        valid_until: Aware instant, open; None = without end.
        hand: Who does it.
        now: Aware instant.

    Raises:
        KnowledgeRefusal: no such document, or the end is not after the beginning.
    """
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise KnowledgeRefusal("kb.dates_reversed")
    document(session, identity)
    known = versions(session, identity)
    if not known:
        raise KnowledgeRefusal("kb.document_unknown", id=identity)
    for one in known:
        if one is known[-1] or one.state == "published":
            one.valid_from, one.valid_until = valid_from, valid_until
            session.add(one)
    session.flush()
    raise_counter(session)
    _note(session, hand, now, "knowledge.dated", document=identity, version=known[-1].number)
    return known[-1].number


def set_care(
    session: Session,
    identity: int,
    hand: Hand,
    now: datetime,
    *,
    owner: str | None = None,
    review_at: date | Never | None = None,
    audience: str | None = None,
) -> None:
    """Says who answers for a document, when to look through it again, and whom it is for; None leaves a thing as it is.

    ``Never.AGAIN`` takes the review day away.

    Raises:
        KnowledgeRefusal: no such document, or no such audience.
    """
    found = document(session, identity)
    if audience is not None and audience not in ("everybody", "leaders"):
        raise KnowledgeRefusal("kb.audience_unknown", audience=audience[:40])
    if owner is not None:
        found.owner = owner[:80]
    if review_at is not None:
        found.review_at = review_at if isinstance(review_at, date) else None
    if audience is not None and audience != found.audience:
        found.audience = audience
        raise_counter(session)
    session.add(found)
    _note(session, hand, now, "knowledge.cared", document=identity)


def due_reviews(session: Session, today: date) -> list[Document]:
    """Documents whose review day has come, the longest due first."""
    return list(
        session.exec(
            select(Document)
            .where(col(Document.removed_at).is_(None), col(Document.review_at) <= today)
            .order_by(col(Document.review_at), col(Document.id))
        )
    )


def findings(session: Session, chosen: DocumentVersion, *, open_only: bool = False) -> list[Finding]:
    """What the scan of a version found, the gravest first."""
    rows = session.exec(select(Finding).where(Finding.version_id == chosen.id).order_by(col(Finding.id))).all()
    grave = ("block", "warn", "note")
    return sorted(
        (one for one in rows if not open_only or one.accepted_at is None), key=lambda one: grave.index(one.severity)
    )


def _note(session: Session, hand: Hand, now: datetime, action: str, **details: int) -> None:
    audit.record(session, at=now, actor_id=hand.person_id, group_id=None, action=action, **details)
