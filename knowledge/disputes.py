"""What a document says otherwise than what answers already, as rows: both sides of it, what staff chose, what holds by it.

A clash is a finding of the version that came later (``clashes`` writes it): its place names the other document and its
entry or passage, its excerpt what differs. What staff choose stands in the finding too, and holds like every other one:
the new words are held back, or the old ones are, from the publish of the new ones on and until that is rolled back.

Source: F62, F69, F74.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import col, delete, or_, select, update

from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing, raise_counter

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from storage.engine import Session

OPEN, OLD, NEW, OUTDONE = "clash", "clash_old", "clash_new", "outdone"
"""Kinds of findings: a clash that is open, or of which both sides stay; one in which the old or the new words hold; and in
the other document what holds no more."""
KINDS = (OPEN, OLD, NEW, OUTDONE)
CHOICES = ("old", "new", "both", "open")
MOST_TOLD = 60
"""Clashes of a version."""
_ASKED = 8
_SHORT = 80
"""Characters of a passage that is about its heading and nothing else."""
_LABEL = re.compile(r"^[\W\d_]*([^\s:：]{2,12})[:：]\s*(\S.*)$")
_ROW = re.compile(r"^[^\s:：；;]{1,8}[:：]([^\s:：；;]{2,12})[；;]\s*(\S.*)$")
"""A row of a table as it is kept, 「项目：提货时间；安排：每天 17:00-21:00」: what stands first is what it is about."""
_NUMBER = re.compile(r"^第?[一二三四五六七八九十\d.]{1,4}[章节条、.)\s]+")  # zh: before a heading


@dataclass(frozen=True, slots=True)
class Words:
    """A chunk with whose it is: its document by id, name and title."""

    document: int
    name: str
    of: str
    entry: str
    kind: str
    title: str
    body: str
    asked: tuple[str, ...] = ()

    def claims(self) -> Iterator[tuple[str, str]]:
        """What it says of what: of its questions or its heading all, of a line's first words the rest of the line."""
        if self.kind == "entry":
            for question in self.asked[:_ASKED]:
                yield question, self.body
        elif len(self.body) <= _SHORT:
            yield _NUMBER.sub("", self.title.rpartition(" › ")[2]), self.body
        for line in self.body.splitlines():
            found = _ROW.match(line) or _LABEL.match(line)
            if found:
                yield found[1], found[2].replace("：", "： ")  # an hour behind a colon would be minutes


def version_id(session: Session, document: int, number: int) -> int:
    """The id of a version that is there."""
    of_it = select(DocumentVersion.id).where(DocumentVersion.document_id == document, DocumentVersion.number == number)
    return session.exec(of_it).one() or 0


def words(session: Session, chunks: Sequence[int]) -> dict[int, Words]:
    """Some chunks with whose they are, by id."""
    asked: dict[int, list[str]] = defaultdict(list)
    found: dict[int, Words] = {}
    for start in range(0, len(chunks), 500):
        part = chunks[start : start + 500]
        wanted = select(Phrasing.chunk_id, Phrasing.text).where(col(Phrasing.chunk_id).in_(part))
        for chunk, text in session.execute(wanted.order_by(col(Phrasing.id))):
            asked[chunk].append(text)
        for row, name, title, document in session.execute(
            select(Chunk, Document.name, Document.title, DocumentVersion.document_id)
            .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
            .join(Document, col(Document.id) == col(DocumentVersion.document_id))
            .where(col(Chunk.id).in_(part))
        ):
            found[row.id] = Words(
                document, name, title, row.entry, row.kind, row.title, row.body, tuple(asked.get(row.id, ()))
            )
    return found


# ---------------------------------------------------------------- what holds


def settle(session: Session, document: int) -> None:
    """Hold back what a document's published version takes the place of, and in it what others do; and nothing else.

    The document's own choices come first: words that it takes the place of take the place of none themselves.
    """
    chosen_of = (
        select(DocumentVersion.document_id)
        .join(Finding, col(Finding.version_id) == col(DocumentVersion.id))
        .where(Finding.kind == NEW, col(Finding.accepted_at).is_not(None), DocumentVersion.state == "published")
        .where(_about(document))
        .distinct()
    )
    both = [document, *sorted(set(session.exec(chosen_of)) - {document})]
    marks = [f"{one}#" for one in both]
    gone = session.exec(
        select(Finding).where(
            Finding.kind == OUTDONE, col(Finding.locator).in_(marks), col(Finding.accepted_at).is_(None)
        )
    ).all()
    if gone:
        freed = [one.chunk_id or 0 for one in gone]
        session.execute(delete(Finding).where(col(Finding.id).in_([one.id for one in gone])))
        let_go(session, freed)
    held = [_outdo(session, one) for one in both]
    if gone or any(held):
        raise_counter(session)


def _outdo(session: Session, document: int) -> bool:
    """Hold back what the choices of a document's published version say; whether there are any."""
    mark = f"{document}#"
    chosen = session.exec(
        select(Finding)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Finding.version_id))
        .join(Document, col(Document.id) == col(DocumentVersion.document_id))
        .where(
            DocumentVersion.document_id == document,
            DocumentVersion.state == "published",
            col(Document.removed_at).is_(None),
            Finding.kind == NEW,
            col(Finding.accepted_at).is_not(None),
        )
    ).all()
    for one in chosen:
        away = select(Finding.id).where(Finding.chunk_id == one.chunk_id, Finding.kind == OUTDONE)
        if session.exec(away.where(col(Finding.accepted_at).is_(None))).first() is not None:
            continue
        for old in _outdone(session, one):
            told = (
                select(Finding.id)
                .join(Chunk, col(Chunk.id) == col(Finding.chunk_id))
                .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
                .where(DocumentVersion.document_id == int(one.locator.partition("#")[0]))
                .where(Finding.kind == OUTDONE, Finding.locator == mark, Chunk.entry == old.entry)
                .where(Chunk.body == old.body, or_(Chunk.id == old.id, col(Finding.accepted_at).is_not(None)))
            )
            if session.exec(told).first() is None:
                made = Finding(version_id=old.version_id, chunk_id=old.id, kind=OUTDONE, severity="block", locator=mark)
                made.excerpt = one.excerpt
                session.add(made)
                session.flush()
                hold(session, [old.id or 0])
    return bool(chosen)


def _outdone(session: Session, chosen: Finding) -> list[Chunk]:
    """The passage of a place as it is published, and in drafts that say the same; an entry gets the new words instead.

    Words that nobody had written yet when the choice was made are none that it was made of.
    """
    document, _, entry = chosen.locator.partition("#")
    rows = session.exec(
        select(Chunk, DocumentVersion)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(DocumentVersion.document_id == int(document), Chunk.entry == entry, Chunk.kind == "passage")
    ).all()
    then = {chunk.body for chunk, version in rows if chosen.accepted_at and version.created_at <= chosen.accepted_at}
    live = {chunk.body for chunk, version in rows if version.state == "published"} & then
    return [chunk for chunk, version in rows if version.state in ("draft", "published") and chunk.body in live]


def _about(document: int) -> ColumnElement[bool]:
    """Findings whose place is in a document; with their kind it is few rows of an index (``ix_finding_place``)."""
    return col(Finding.locator).startswith(f"{document}#")


def lose(session: Session, document: int) -> None:
    """Take away what was found and chosen anywhere because of a document whose words go for good."""
    gone = session.exec(select(Finding).where(col(Finding.kind).in_(KINDS), _about(document))).all()
    if gone:
        freed = [one.chunk_id or 0 for one in gone]
        session.execute(delete(Finding).where(col(Finding.id).in_([one.id for one in gone])))
        let_go(session, freed)


def forget(session: Session, chunk: Chunk) -> None:
    """Take away what was found and chosen of words that are no more."""
    session.exec(delete(Finding).where(col(Finding.chunk_id) == chunk.id, col(Finding.kind).in_(KINDS)))


def hold(session: Session, chunks: Sequence[int]) -> None:
    """Let chunks answer nobody."""
    if chunks:
        session.execute(update(Chunk).where(col(Chunk.id).in_(list(chunks))).values(withheld=True))


def let_go(session: Session, chunks: Sequence[int]) -> None:
    """Let chunks answer again that nothing else holds back."""
    held = select(Finding.chunk_id).where(
        col(Finding.chunk_id).in_(list(chunks)), Finding.severity == "block", col(Finding.accepted_at).is_(None)
    )
    free = set(chunks) - set(session.exec(held))
    session.execute(update(Chunk).where(col(Chunk.id).in_(sorted(free))).values(withheld=False))


# ---------------------------------------------------------------- looking


def pairs(session: Session, document: int, number: int) -> list[dict[str, Any]]:
    """Both sides of each open clash of a version, as JSON values: what the new words are, what the old ones, and whose.

    With ``facts`` the old ones are what each group has told of itself: no document takes their place.
    """
    version = version_id(session, document, number)
    rows = session.exec(
        select(Finding)
        .where(Finding.version_id == version, Finding.kind == OPEN, col(Finding.accepted_at).is_(None))
        .order_by(col(Finding.id))
        .limit(MOST_TOLD)
    ).all()
    new = words(session, [one.chunk_id or 0 for one in rows])
    found = []
    for one in rows:
        other, _, entry = one.locator.partition("#")
        standing = (
            select(Chunk.id)
            .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
            .join(Document, col(Document.id) == col(DocumentVersion.document_id))
            .where(DocumentVersion.document_id == int(other), DocumentVersion.state == "published")
            .where(Chunk.entry == entry, col(Document.removed_at).is_(None))
        )
        old_id = session.exec(standing).first()
        old = words(session, [old_id]).get(old_id) if old_id else None
        mine = new.get(one.chunk_id or 0)
        if old is None or mine is None:
            continue
        found.append(
            {
                "id": one.id,
                "differs": one.excerpt,
                "facts": one.excerpt.endswith("}"),
                "new": {"entry": mine.entry, "kind": mine.kind, "title": mine.title, "body": mine.body},
                "old": {
                    "document": old.document,
                    "name": old.name,
                    "of": old.of,
                    "entry": old.entry,
                    "title": old.title,
                    "body": old.body,
                },
            }
        )
    return found
