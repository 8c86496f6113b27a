"""What the knowledge base is made of: documents, versions, chunks, phrasings; and the questions it could not answer.

These rows are the truth; the vector index and the keyword index are made from them and can be thrown away (DESIGN 6).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false
from sqlmodel import Field, SQLModel, select

from storage.columns import BigInt, day, document, pk, ref, utc
from storage.engine import Session


class Document(SQLModel, table=True):
    """A file or a set of question-and-answer entries, over all its versions.

    Attributes:
        name: the file's own name without folders; the same name in the same scope is the same document.
        scope: ``all``, ``region:ID`` or ``group:ID``: who may get answers from it; applied by code before ranking.
        audience: ``everybody``, or ``leaders``: only they are answered from it (manual, case library).
        owner: who answers for its rightness, as staff typed it.
        review_at: local day from which its owner is reminded to look through it; None = never.
        removed_at: taken out of every answer at once; kept for the record.
    """

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("name", "scope"),
        CheckConstraint("scope = 'all' OR scope LIKE 'region:%' OR scope LIKE 'group:%'", name="document_scope"),
        CheckConstraint("audience IN ('everybody', 'leaders')", name="document_audience"),
    )
    id: int | None = pk()
    name: str = Field(max_length=200)
    title: str = Field(default="", max_length=200)
    scope: str = Field(default="all", max_length=80)
    audience: str = Field(default="everybody", max_length=10, sa_column_kwargs={"server_default": "everybody"})
    owner: str = Field(default="", max_length=80)
    review_at: date | None = day(nullable=True)
    created_at: datetime = utc()
    removed_at: datetime | None = utc(nullable=True)


class DocumentVersion(SQLModel, table=True):
    """One state of a document's content; at most one of a document is published.

    Attributes:
        number: 1, 2, … within the document.
        state: ``draft`` (not answered from), ``published`` or ``retired`` (another version took its place).
        scanned_at: since when its findings are complete; a draft without it is still being looked through.
        archived_at: a retired one put away: no roll-back goes there by mistake; ``stage`` tells all of this in a word.
        digest: SHA-256 (hex) of the bytes taken in; adding the same bytes again makes no new version. Empty while its
            rows are being written.
        created_by, published_by: who, as shown; ``created_by_id``, ``published_by_id``: the person's id where it is one.
        valid_from, valid_until: answered from only within [from, until); None = open.
    """

    __tablename__ = "document_version"
    __table_args__ = (
        UniqueConstraint("document_id", "number"),
        CheckConstraint("state IN ('draft', 'published', 'retired')", name="document_version_state"),
        CheckConstraint("number >= 1", name="document_version_number"),
    )
    id: int | None = pk()
    document_id: int = ref("document.id")
    number: int
    state: str = Field(default="draft", max_length=10)
    digest: str = Field(max_length=64)
    created_at: datetime = utc()
    created_by: str = Field(default="", max_length=80, sa_column_kwargs={"server_default": ""})
    created_by_id: int | None = Field(default=None, nullable=True, sa_type=BigInt, index=True)
    scanned_at: datetime | None = utc(nullable=True)
    published_at: datetime | None = utc(nullable=True)
    published_by: str = Field(default="", max_length=80)
    published_by_id: int | None = Field(default=None, nullable=True, sa_type=BigInt, index=True)
    archived_at: datetime | None = utc(nullable=True)
    valid_from: datetime | None = utc(nullable=True)
    valid_until: datetime | None = utc(nullable=True)

    @property
    def stage(self) -> str:
        """``draft``, ``scanned``, ``published``, ``superseded`` or ``archived``."""
        if self.state == "retired":
            return "archived" if self.archived_at else "superseded"
        return "scanned" if self.state == "draft" and self.scanned_at else self.state


class Chunk(SQLModel, table=True):
    """An entry (question and answer) or a passage of a document: the unit that is found, shown and cited.

    Attributes:
        entry: the entry's own id, or the passage's place in its document; unique in a version.
        kind: ``entry`` or ``passage``.
        title: the entry's main question, or the passage's headings joined by `` › ``.
        body: the answer or the passage; may be empty for an entry; may hold ``{fact}`` placeholders.
        plain: the answer to give when a group lacks a fact that ``body`` names.
        locator: where a person finds it, as shown: a heading number, a page, a sheet.
        valid_from, valid_until: narrower than the version's where its own row says so; None = the version's.
        withheld: not answered from until somebody has looked at what the scan found in it.
    """

    __tablename__ = "chunk"
    __table_args__ = (
        UniqueConstraint("version_id", "entry"),
        CheckConstraint("kind IN ('entry', 'passage')", name="chunk_kind"),
    )
    id: int | None = pk()
    version_id: int = ref("document_version.id")
    ordinal: int
    entry: str = Field(max_length=120)
    kind: str = Field(max_length=10)
    title: str = Field(max_length=500)
    body: str = Field(default="")
    plain: str = Field(default="")
    facts: list[str] | None = document()
    category: str = Field(default="", max_length=80)
    source: str = Field(default="", max_length=200)
    locator: str = Field(default="", max_length=120)
    valid_from: datetime | None = utc(nullable=True)
    valid_until: datetime | None = utc(nullable=True)
    withheld: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class Finding(SQLModel, table=True):
    """What the scan of a version found, for staff to look at before it is published.

    Attributes:
        kind: a fixed word: ``injection``, ``hidden_text``, ``personal_data``, ``ad_law``, ``notes``, ``hidden_sheet``…
        severity: ``block`` (its chunk is withheld until accepted), ``warn`` or ``note``.
        excerpt: the words concerned, at most 120 characters, personal data masked.
        rewrote: of a clash whose new words went into an entry of another document: ``answer`` and ``plain`` that stood in
            its draft before, and what was ``wrote``; None = nothing was written.
        accepted_at: somebody has looked and lets it pass.
    """

    __tablename__ = "finding"
    __table_args__ = (
        CheckConstraint("severity IN ('block', 'warn', 'note')", name="finding_severity"),
        Index("ix_finding_place", "kind", "locator"),
    )
    id: int | None = pk()
    version_id: int = ref("document_version.id")
    chunk_id: int | None = ref("chunk.id", nullable=True)
    kind: str = Field(max_length=20)
    severity: str = Field(max_length=5)
    locator: str = Field(default="", max_length=120)
    excerpt: str = Field(default="", max_length=120)
    rewrote: dict[str, str] | None = document()
    accepted_at: datetime | None = utc(nullable=True)
    accepted_by: str = Field(default="", max_length=80)


class Phrasing(SQLModel, table=True):
    """One way to ask for an entry; the largest lever of retrieval (RETRIEVAL).

    Attributes:
        kind: ``question`` (the main one), ``alias`` (written with it) or ``learned`` (from a correction).
    """

    __tablename__ = "phrasing"
    __table_args__ = (CheckConstraint("kind IN ('question', 'alias', 'learned')", name="phrasing_kind"),)
    id: int | None = pk()
    chunk_id: int = ref("chunk.id")
    kind: str = Field(max_length=10)
    text: str = Field(max_length=500)


class KnowledgeVersion(SQLModel, table=True):
    """One row, id 1: a counter that every effective change raises, so that each process knows when to reload."""

    __tablename__ = "knowledge_version"
    __table_args__ = (CheckConstraint("id = 1", name="knowledge_version_single"),)
    id: int = Field(default=1, primary_key=True)
    counter: int = Field(default=0, sa_type=BigInt)


class Question(SQLModel, table=True):
    """A question that was handed over or not found: the unanswered queue. Personal data; erased with its member.

    Attributes:
        text: what was asked; emptied on erasure.
        state: ``open``, ``answered`` or ``expired``.
        relay: what the asker's channel needs so that the answer reaches the person; owned by the faq slice.
        score: confidence of the best candidate, 0 to 1.
    """

    __tablename__ = "question"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'answered', 'expired')", name="question_state"),
        Index("ix_question_open", "state", "group_id", "asked_at"),
    )
    id: int | None = pk()
    group_id: int | None = ref("chat_group.id", nullable=True)
    member_id: int | None = ref("member.id", nullable=True)
    text: str = Field(default="", max_length=500)
    state: str = Field(default="open", max_length=10, index=True)
    score: float = 0.0
    relay: dict[str, object] | None = document()
    asked_at: datetime = utc(index=True)
    reminded_at: datetime | None = utc(nullable=True)
    answered_at: datetime | None = utc(nullable=True)
    answered_by: int | None = ref("member.id", nullable=True, index=False)
    answer: str = Field(default="", max_length=2000)


def counter(session: Session) -> int:
    """The knowledge base's version counter; 0 before the first change."""
    row = session.get(KnowledgeVersion, 1)
    return row.counter if row else 0


def raise_counter(session: Session) -> int:
    """Marks an effective change (published, rolled back, removed, a phrasing learned); returns the new counter."""
    row = session.exec(select(KnowledgeVersion).where(KnowledgeVersion.id == 1).with_for_update()).first()
    if row is None:
        row = KnowledgeVersion(id=1, counter=0)
    row.counter += 1
    session.add(row)
    session.flush()
    return row.counter
