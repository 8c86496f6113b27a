"""The knowledge base a page at a time, as plain JSON: documents that fit a filter, what stands in one, what a search finds.

Read-only. Everything is limited, whatever the base has grown to.

Source: F69; DESIGN 7.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, or_, select

from knowledge import days, disputes, lifecycle, listings
from knowledge.lifecycle import Hand
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing, Question
from storage.learning import Feedback

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from storage.engine import Session

ROWS, CHUNKS, FOUND = 40, 40, 30
NAMES = 60
THUMBS_DAYS = 90
REASONS = 3
"""Of each entry, why it did not help."""
STATES = ("published", "draft", "due", "held", "clash", "removed")
Scopes = Sequence[str] | None
"""Scopes whose documents may be seen; None = all."""


def like(words: str) -> str:
    """A pattern for ``LIKE`` with a backslash as its escape, in which nothing that was typed means anything but itself."""
    return "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents are asked for.

    Attributes:
        words: of the name or title.
        state: one of ``STATES``; empty = all that are not removed.
        category: some entry of the published version is of it.
        owner: who answers for it.
        scope: only of this one.
        before: documents with a smaller id.
    """

    words: str = ""
    state: str = ""
    category: str = ""
    owner: str = ""
    scope: str = ""
    before: int = 0


def shelf(
    session: Session,
    asked: Wanted,
    now: datetime,
    zone: str = days.ZONE,
    *,
    scopes: Scopes = None,
    public: bool = False,
) -> dict[str, Any]:
    """Documents that fit, the newest first, at most ``ROWS``; ``more`` is what ``before`` goes on from, 0 at the end.

    Args:
        session: Read from.
        asked: Which.
        now: Aware instant.
        zone: Whose days.
        scopes: See ``Scopes``.
        public: Only what is published and for everybody in them.
    """
    today = days.local(now, zone).date()
    wanted = _seen(select(Document), scopes, public=public)
    gone = col(Document.removed_at)
    wanted = wanted.where(gone.is_not(None) if asked.state == "removed" else gone.is_(None))
    if asked.state in ("published", "draft") or public:
        wanted = wanted.where(_has(DocumentVersion.state == ("published" if public else asked.state)))
    if asked.state == "due":
        wanted = wanted.where(col(Document.review_at) <= today)
    if asked.state in ("held", "clash"):
        what = Finding.severity == "block" if asked.state == "held" else Finding.kind == disputes.OPEN
        found = select(Finding.id).where(Finding.version_id == DocumentVersion.id, col(Finding.accepted_at).is_(None))
        wanted = wanted.where(_has(col(DocumentVersion.state).in_(("draft", "published")), found.where(what).exists()))
    if asked.category:
        inside = (
            select(Chunk.id).where(Chunk.version_id == DocumentVersion.id, Chunk.category == asked.category).exists()
        )
        wanted = wanted.where(_has(DocumentVersion.state == "published", inside))
    if asked.words:
        pattern = like(asked.words)
        wanted = wanted.where(
            or_(col(Document.title).like(pattern, escape="\\"), col(Document.name).like(pattern, escape="\\"))
        )
    for value, column in ((asked.owner, Document.owner), (asked.scope, Document.scope)):
        if value:
            wanted = wanted.where(column == value)
    if asked.before:
        wanted = wanted.where(col(Document.id) < asked.before)
    rows = list(session.exec(wanted.where(_has()).order_by(col(Document.id).desc()).limit(ROWS + 1)))
    more = (rows[ROWS - 1].id or 0) if len(rows) > ROWS else 0
    return {"documents": listings.rows_of(session, rows[:ROWS], now, zone), "more": more}


def _has(*what: Any) -> Any:
    """Whether a document has a whole version of this kind."""
    return (
        select(DocumentVersion.id)
        .where(DocumentVersion.document_id == Document.id, DocumentVersion.digest != "", *what)
        .exists()
    )


def _seen(query: SelectOfScalar[Any], scopes: Scopes, *, public: bool = False) -> SelectOfScalar[Any]:
    if scopes is not None:
        query = query.where(col(Document.scope).in_(list(scopes)))
    return query.where(Document.audience == "everybody") if public else query


def figures(session: Session, now: datetime, zone: str = days.ZONE, *, scopes: Scopes = None) -> dict[str, Any]:
    """How much there is, what waits, and what can be filtered by."""
    today = days.local(now, zone).date()
    here = col(Document.removed_at).is_(None)

    def versions(state: str, *what: Any) -> Any:
        return (
            _seen(select(func.count(func.distinct(Document.id))), scopes)
            .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
            .where(here, DocumentVersion.state == state, DocumentVersion.digest != "", *what)
        )

    chunks = (
        _seen(select(func.count(col(Chunk.id))), scopes)
        .select_from(Document)
        .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
        .join(Chunk, col(Chunk.version_id) == col(DocumentVersion.id))
        .where(here, DocumentVersion.state == "published")
    )
    due = _seen(select(func.count(col(Document.id))), scopes).where(here, col(Document.review_at) <= today)
    kinds = (
        _seen(select(Chunk.category), scopes)
        .select_from(Document)
        .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
        .join(Chunk, col(Chunk.version_id) == col(DocumentVersion.id))
        .where(here, DocumentVersion.state == "published", Chunk.category != "")
        .distinct()
        .order_by(col(Chunk.category))
        .limit(NAMES)
    )
    owners = _seen(select(Document.owner), scopes).where(here, Document.owner != "")
    waiting = select(func.count(col(Question.id))).where(Question.state == "open")
    if scopes is not None:
        groups = [int(one.partition(":")[2]) for one in scopes if one.startswith("group:")]
        waiting = waiting.where(col(Question.group_id).in_(groups))
    return {
        "published": session.exec(versions("published")).one(),
        "drafts": session.exec(versions("draft")).one(),
        "chunks": session.exec(chunks).one(),
        "due": session.exec(due).one(),
        "waiting": session.exec(waiting).one(),
        "categories": list(session.exec(kinds)),
        "owners": list(session.exec(owners.distinct().order_by(col(Document.owner)).limit(NAMES))),
    }


def found(session: Session, words: str, *, scopes: Scopes = None, public: bool = False) -> list[dict[str, Any]]:
    """Entries and passages that have these words in a way to ask, a heading or the text; at most ``FOUND``."""
    pattern = like(words)
    states = ("published",) if public else ("published", "draft")
    spoken = select(Phrasing.chunk_id).where(col(Phrasing.text).like(pattern, escape="\\"))
    query = (
        select(Chunk, DocumentVersion, Document)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .join(Document, col(Document.id) == col(DocumentVersion.document_id))
        .where(
            col(Document.removed_at).is_(None),
            DocumentVersion.digest != "",
            col(DocumentVersion.state).in_(states),
            or_(
                col(Chunk.title).like(pattern, escape="\\"),
                col(Chunk.body).like(pattern, escape="\\"),
                col(Chunk.id).in_(spoken),
            ),
        )
        .order_by(col(DocumentVersion.state).desc(), col(Chunk.id))
        .limit(FOUND * 2)
    )
    if scopes is not None:
        query = query.where(col(Document.scope).in_(list(scopes)))
    if public:
        query = query.where(Document.audience == "everybody")
    seen: dict[tuple[int, str], dict[str, Any]] = {}
    for chunk, version, document in session.exec(query):
        seen.setdefault(
            (version.document_id, chunk.entry),
            {
                "document": version.document_id,
                "name": document.title or document.name,
                "version": version.number,
                "state": version.state,
                "entry": chunk.entry,
                "kind": chunk.kind,
                "title": chunk.title,
                "body": chunk.body,
                "scope": document.scope,
            },
        )
    return list(seen.values())[:FOUND]


def leaf(
    session: Session,
    identity: int,
    now: datetime,
    zone: str = days.ZONE,
    number: int | None = None,
    *,
    start: int = 0,
    at: str = "",
    person: int | None = None,
) -> dict[str, Any]:
    """A document, its versions, and some of the chunks of one as they were cut, each with what belongs to it.

    Args:
        session: Read from.
        identity: The document; a removed one is shown too.
        now: Aware instant.
        zone: Whose days.
        number: Which version; None = the published one, else the newest.
        start: How many chunks are passed over.
        at: An entry or passage that must be among those shown, if it is there.
        person: Who might publish: whether that takes somebody else.

    Raises:
        KnowledgeRefusal: no such document, or no such version.
    """
    shown = listings.shown_version(session, identity, number)
    total = session.exec(select(func.count(col(Chunk.id))).where(Chunk.version_id == shown.id)).one()
    place = session.exec(select(Chunk.ordinal).where(Chunk.version_id == shown.id, Chunk.entry == at)).first()
    if at and place is not None:
        before = session.exec(
            select(func.count(col(Chunk.id))).where(Chunk.version_id == shown.id, col(Chunk.ordinal) < place)
        ).one()
        start = before // CHUNKS * CHUNKS
    start = max(0, min(start, max(total - 1, 0) // CHUNKS * CHUNKS))
    rows = session.exec(
        select(Chunk).where(Chunk.version_id == shown.id).order_by(col(Chunk.ordinal)).offset(start).limit(CHUNKS)
    ).all()
    asked: dict[int, list[dict[str, str]]] = defaultdict(list)
    for one in session.exec(
        select(Phrasing).where(col(Phrasing.chunk_id).in_([row.id for row in rows])).order_by(col(Phrasing.id))
    ):
        asked[one.chunk_id].append({"kind": one.kind, "text": one.text})
    told = _told(session, shown, {row.id or 0: row.entry for row in rows})
    by_entry: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for warning in told:
        if warning["entry"] is not None:
            by_entry[warning["entry"]].append(warning)
    counted = session.execute(
        select(Finding.severity, func.count())
        .where(Finding.version_id == shown.id, col(Finding.accepted_at).is_(None))
        .group_by(col(Finding.severity))
    ).all()
    versions = lifecycle.versions(session, identity)
    newest = versions[-1]
    return {
        **listings.head(session, identity, shown, now, zone),
        "state": shown.state,
        "stage": shown.stage,
        "mark": newest.digest[:16],
        "newest": {"number": newest.number, "state": newest.state, "stage": newest.stage, "by": newest.created_by},
        "second": newest.state == "draft" and lifecycle.needs_second(session, newest, Hand("", person)),
        "published": next((one.number for one in versions if one.state == "published"), None),
        "total": total,
        "start": start,
        "findings": told,
        "open": {str(severity): int(count) for severity, count in counted},
        "clashes": disputes.pairs(session, identity, shown.number),
        "chunks": [
            {
                "entry": row.entry,
                "kind": row.kind,
                "title": row.title,
                "body": row.body,
                "plain": row.plain,
                "category": row.category,
                "locator": row.locator,
                "withheld": row.withheld,
                "phrasings": asked[row.id or 0],
                "findings": by_entry[row.entry],
            }
            for row in rows
        ],
    }


def _told(session: Session, shown: DocumentVersion, entries: dict[int, str]) -> list[dict[str, Any]]:
    """What was found in some chunks of a version, and what was found in none; the gravest first."""
    here = session.exec(
        select(Finding).where(col(Finding.chunk_id).in_(list(entries))).order_by(col(Finding.id)).limit(NAMES * CHUNKS)
    ).all()
    loose = session.exec(
        select(Finding)
        .where(Finding.version_id == shown.id, col(Finding.chunk_id).is_(None))
        .order_by(col(Finding.id))
        .limit(NAMES)
    ).all()
    grave = ("block", "warn", "note")
    return listings.told(sorted((*loose, *here), key=lambda one: grave.index(one.severity)), entries)


def thumbs(session: Session, identity: int, now: datetime, zone: str = days.ZONE) -> dict[str, Any]:
    """What neighbours thought of a document's answers in the last ``THUMBS_DAYS`` days, the most disliked first.

    Who did not find an entry helpful may have said why, on platforms that ask: the latest of that, without names.
    """
    since = days.local(now, zone).date() - timedelta(days=THUMBS_DAYS)
    pressed = session.execute(
        select(Feedback.entry, Feedback.verdict, func.count())
        .where(Feedback.document_id == identity, col(Feedback.local_date) >= since)
        .group_by(col(Feedback.entry), col(Feedback.verdict))
    ).all()
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for entry, verdict, count in pressed:
        counted[entry]["helped" if verdict > 0 else "missed"] += count
    said = session.execute(
        select(Feedback.entry, Feedback.reason)
        .where(Feedback.document_id == identity, col(Feedback.local_date) >= since, col(Feedback.reason) != "")
        .order_by(col(Feedback.at).desc(), col(Feedback.id).desc())
        .limit(NAMES * REASONS)
    ).all()
    reasons: dict[str, list[str]] = defaultdict(list)
    for entry, reason in said:
        reasons[entry] += [reason] if len(reasons[entry]) < REASONS else []
    order = sorted(counted.items(), key=lambda row: (-row[1]["missed"], -row[1]["helped"], row[0]))[:NAMES]
    rows = session.exec(
        select(Chunk.entry, Chunk.title)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(DocumentVersion.document_id == identity, col(Chunk.entry).in_([entry for entry, _ in order]))
        .order_by(col(DocumentVersion.number), col(Chunk.id).desc())
    )
    titles: dict[str, str] = dict(rows.all())  # the newest version's, which comes last
    return {
        "days": THUMBS_DAYS,
        "helped": sum(one["helped"] for one in counted.values()),
        "missed": sum(one["missed"] for one in counted.values()),
        "entries": [
            {
                "entry": entry,
                "title": titles.get(entry, ""),
                "helped": one["helped"],
                "missed": one["missed"],
                "reasons": reasons[entry],
            }
            for entry, one in order
        ],
    }
