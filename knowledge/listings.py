"""The knowledge base as staff see it, as plain JSON: documents, versions, findings, what a draft changes, open questions.

Read-only; the same for the command line, a server and the chat.

Source: CONTRACT (``kb list``, ``kb show``, ``kb gaps``), F69.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select

from knowledge import comparing, days, lifecycle
from knowledge.errors import KnowledgeRefusal
from storage.documents import Chunk, Document, DocumentVersion, Finding, Question

if TYPE_CHECKING:
    from storage.engine import Session


def documents(session: Session, now: datetime, zone: str = days.ZONE, *, removed: bool = False) -> dict[str, Any]:
    """``documents``: one row each, the published version's or, while there is none, the newest one's.

    Args:
        session: Read from.
        now: Aware instant: whether the version is valid, whether the review is due.
        zone: Whose days.
        removed: Only those that were removed and can be restored.
    """
    gone = col(Document.removed_at)
    rows = session.exec(
        select(Document).where(gone.is_not(None) if removed else gone.is_(None)).order_by(col(Document.id))
    )
    return {"documents": rows_of(session, list(rows), now, zone)}


def samples(session: Session) -> int:
    """How many documents still answer as they shipped with the program."""
    shipped = (
        select(func.count(func.distinct(Document.id)))
        .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
        .where(DocumentVersion.state == "published", DocumentVersion.created_by == "starter")
        .where(col(Document.removed_at).is_(None))
    )
    return session.exec(shipped).one()


def rows_of(session: Session, documents: Sequence[Document], now: datetime, zone: str) -> list[dict[str, Any]]:
    """A row for each of some documents that has a whole version: what stands of it, what waits behind, what was found."""
    today = days.local(now, zone).date()
    newest: dict[int, DocumentVersion] = {}
    waiting: dict[int, DocumentVersion] = {}
    for version in session.exec(
        select(DocumentVersion)
        .where(DocumentVersion.digest != "", col(DocumentVersion.document_id).in_([one.id for one in documents]))
        .order_by(col(DocumentVersion.number))
    ):
        current = newest.get(version.document_id)
        if current is None or current.state != "published" or version.state == "published":
            newest[version.document_id] = version
        if version.state == "draft":
            waiting[version.document_id] = version
    shown = [one.id for one in (*newest.values(), *waiting.values())]
    counts = _counts(session, shown)
    held = _open(session, shown)
    return [
        {
            **about(one),
            "version": newest[one.id].number,
            "state": newest[one.id].state,
            "stage": newest[one.id].stage,
            "chunks": counts.get(newest[one.id].id or 0, 0),
            "draft": _draft(newest[one.id], waiting.get(one.id)),
            **_window(newest[one.id], now, zone),
            "review_due": one.review_at is not None and one.review_at <= today,
            "findings": held.get((waiting.get(one.id) or newest[one.id]).id or 0, {}),
        }
        for one in documents
        if one.id in newest
    ]


def _draft(shown: DocumentVersion, waiting: DocumentVersion | None) -> int | None:
    """The number of a draft that waits behind a published version."""
    return waiting.number if waiting is not None and waiting.number > shown.number else None


def about(one: Document) -> dict[str, Any]:
    """What a document is called, whom it is for, who answers for it."""
    return {
        "id": one.id,
        "name": one.name,
        "title": one.title,
        "scope": one.scope,
        "audience": one.audience,
        "owner": one.owner,
        "review_at": _day(one.review_at),
    }


def _day(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


def _window(version: DocumentVersion, now: datetime, zone: str) -> dict[str, Any]:
    """First and last day on which it answers, and whether it does now: ``open``, ``coming`` or ``over``."""
    first, last = days.shown(version.valid_from, version.valid_until, zone)
    coming = version.valid_from is not None and now < version.valid_from
    over = version.valid_until is not None and now >= version.valid_until
    return {
        "from": first or None,
        "until": last or None,
        "validity": "coming" if coming else "over" if over else "open",
    }


def _counts(session: Session, versions: list[int | None]) -> dict[int, int]:
    return dict(
        session.exec(
            select(Chunk.version_id, func.count())
            .where(col(Chunk.version_id).in_(versions))
            .group_by(col(Chunk.version_id))
        ).all()
    )


def _open(session: Session, versions: list[int | None]) -> dict[int, dict[str, int]]:
    """Findings that nobody has accepted, by version and severity."""
    found: dict[int, dict[str, int]] = {}
    for version, severity, count in session.execute(
        select(Finding.version_id, Finding.severity, func.count())
        .where(col(Finding.version_id).in_(versions), col(Finding.accepted_at).is_(None))
        .group_by(col(Finding.version_id), col(Finding.severity))
    ):
        found.setdefault(version, {})[severity] = count
    return found


def document(
    session: Session, identity: int, now: datetime, zone: str = days.ZONE, number: int | None = None
) -> dict[str, Any]:
    """A document with its versions, and the entries, passages and findings of one.

    Args:
        session: Read from.
        identity: Its id; a removed one is shown too.
        now: Aware instant.
        zone: Whose days.
        number: Which version is shown; None = the published one, else the newest.

    Raises:
        KnowledgeRefusal: no such document, or no such version.
    """
    shown = shown_version(session, identity, number)
    chunks = session.exec(select(Chunk).where(Chunk.version_id == shown.id).order_by(col(Chunk.ordinal))).all()
    return {
        **head(session, identity, shown, now, zone),
        "findings": findings(session, shown),
        "chunks": [
            {
                "entry": chunk.entry,
                "kind": chunk.kind,
                "title": chunk.title,
                "body": chunk.body,
                "locator": chunk.locator,
                "withheld": chunk.withheld,
            }
            for chunk in chunks
        ],
    }


def shown_version(session: Session, identity: int, number: int | None = None) -> DocumentVersion:
    """The version of a document that is shown; see ``document``."""
    known = lifecycle.versions(session, identity)
    if session.get(Document, identity) is None or not known:
        raise KnowledgeRefusal("kb.document_unknown", id=identity)
    if number is None:
        return next((version for version in known if version.state == "published"), known[-1])
    chosen = [version for version in known if version.number == number]
    if not chosen:
        raise KnowledgeRefusal("kb.version_unknown", id=identity, version=number)
    return chosen[0]


def head(session: Session, identity: int, shown: DocumentVersion, now: datetime, zone: str) -> dict[str, Any]:
    """A document with its versions, without what stands in them."""
    one = session.get_one(Document, identity)
    known = lifecycle.versions(session, identity)
    counts = _counts(session, [version.id for version in known])
    return {
        **about(one),
        "removed": one.removed_at is not None,
        "version": shown.number,
        "versions": [
            {
                "number": version.number,
                "state": version.state,
                "stage": version.stage,
                "chunks": counts.get(version.id or 0, 0),
                "created_at": version.created_at.isoformat(),
                "created_by": version.created_by,
                "published_at": version.published_at.isoformat() if version.published_at else None,
                "published_by": version.published_by,
                **_window(version, now, zone),
            }
            for version in known
        ],
    }


def findings(session: Session, version: DocumentVersion) -> list[dict[str, Any]]:
    """What the scan of a version found, the gravest first."""
    rows = lifecycle.findings(session, version)
    entries: dict[int, str] = dict(
        session.execute(
            select(Chunk.id, Chunk.entry).where(col(Chunk.id).in_([one.chunk_id for one in rows if one.chunk_id]))
        ).all()
    )
    return told(rows, entries)


def told(found: Iterable[Finding], entries: Mapping[int, str]) -> list[dict[str, Any]]:
    """Say what was found, in the same order.

    Args:
        entries: chunk → name of its entry.
    """
    return [
        {
            "id": one.id,
            "kind": one.kind,
            "severity": one.severity,
            "entry": entries.get(one.chunk_id or 0),
            "locator": one.locator,
            "excerpt": one.excerpt,
            "accepted": one.accepted_at is not None,
            "accepted_by": one.accepted_by,
        }
        for one in found
    ]


def difference(
    session: Session, identity: int, number: int | None = None, against: int | None = None
) -> dict[str, Any]:
    """What a version would change of what is answered now, with what the scan found in it.

    Args:
        session: Read from.
        identity: The document.
        number: Which version; None = the newest.
        against: Another version to compare it with than the published one.

    Raises:
        KnowledgeRefusal: no such document or version, or there is nothing to compare (it is published already).
    """
    lifecycle.document(session, identity)
    known = lifecycle.versions(session, identity)
    published = next((one for one in known if one.state == "published"), None)
    if number is None and known:
        number = known[-1].number
    chosen = lifecycle.version(session, identity, number or 0)
    if against is not None:
        published = lifecycle.version(session, identity, against)
    elif published is not None and chosen.id == published.id:
        earlier = [one for one in known if one.number < chosen.number]
        published = earlier[-1] if earlier else None
    return {
        "id": identity,
        "old": published.number if published is not None else None,
        "version": chosen.number,
        "stage": chosen.stage,
        **comparing.between(session, published, chosen).document(),
        "findings": findings(session, chosen),
    }


def gaps(session: Session) -> dict[str, Any]:
    """``questions``: those that nobody has answered yet, oldest first, at most 500."""
    rows = session.exec(select(Question).where(Question.state == "open").order_by(col(Question.id)).limit(500))
    return {
        "questions": [
            {"id": one.id, "group": one.group_id, "question": one.text, "asked_at": one.asked_at.isoformat()}
            for one in rows
        ]
    }
