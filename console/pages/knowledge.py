"""知识库: what the bot answers from, and a bench to try a question on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlmodel import col, func, or_, select

from console.auth import Area, Visitor
from console.policy import CONSOLE, Allow
from console.scope import chosen, groups_of
from console.views import Views
from prompts.loader import texts
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, Question
from storage.engine import Session

router = APIRouter()
SHOWN = 60
LONGEST_QUESTION = 200
_STARTER = frozenset(key for key in texts().keys() if key.startswith("console.kb_starter_"))  # noqa: SIM118


@dataclass(frozen=True, slots=True)
class Row:
    """A document with its newest version."""

    id: int
    title: str
    name: str
    state: str
    version: int
    chunks: int
    owner: str
    at: datetime

    @property
    def kind(self) -> str:
        """What stands in its square: the file's ending."""
        ending = self.name.rpartition(".")[2].upper()
        known = "." in self.name and 0 < len(ending) <= 5 and ending.isalnum() and ending != "JSONL"
        return ending if known else "FAQ"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry or passage that a search found."""

    document: int
    entry: str
    title: str
    body: str
    category: str
    state: str
    phrasings: int = 0


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything the page shows."""

    documents: int
    published: int
    chunks: int
    open_questions: int
    rows: list[Row]
    found: list[Entry]
    more: bool


@router.get("/console/knowledge", dependencies=[Depends(Allow(Area.CONSOLE, CONSOLE))])
async def knowledge(request: Request, q: str = "", state: str = "") -> Response:
    """List documents, or what a search finds."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    words = q.strip()[:80]
    wanted = state if state in ("draft", "published", "retired") else ""
    shelf = await console.database.read(lambda s: _shelf(s, visitor, words, wanted))
    template = "knowledge_rows.html" if request.headers.get("hx-request") else "knowledge.html"
    return views.page(request, template, shelf=shelf, q=words, state=wanted, active="knowledge")


@router.get("/console/knowledge/{document}", dependencies=[Depends(Allow(Area.CONSOLE, CONSOLE))])
async def one_document(request: Request, document: int) -> Response:
    """Show a document's chunks as they were cut."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    row, entries = await console.database.read(lambda s: _document(s, visitor, document))
    if row is None:
        raise HTTPException(404)
    return views.page(request, "document.html", row=row, entries=entries, active="knowledge")


@router.get("/console/try", dependencies=[Depends(Allow(Area.CONSOLE, CONSOLE))])
async def bench(request: Request, q: str = "", group: str = "") -> Response:
    """Try a question: the answer as residents get it, the passages, how sure the bot is."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    question = q.strip()[:LONGEST_QUESTION]
    mine = await console.database.read(lambda s: groups_of(s, visitor))
    one = chosen(mine, group)
    answer = None
    if question and console.answering is not None:
        facts = dict(one.facts or {}) if one is not None else {}
        known = None if one is None else one.id
        answer = await console.answering.ask(question, now=console.clock.now(), group_id=known, facts=facts)
    template = "try_answer.html" if request.headers.get("hx-request") else "try.html"
    return views.page(
        request,
        template,
        q=question,
        groups=mine,
        group=one,
        answer=answer,
        ready=console.answering is not None,
        active="try",
    )


def shown_title(title: str) -> str:
    """Return a document's title; the starter base's files have a Chinese one in the texts."""
    key = f"console.kb_starter_{title}"
    return texts().raw(key) if key in _STARTER else title


def _scopes(session: Session, visitor: Visitor) -> list[str] | None:
    """Return the scopes of documents a visitor may read; None = all."""
    if visitor.role in ("staff", "admin"):
        return None
    return ["all", *(f"group:{group.id}" for group in groups_of(session, visitor))]


def _rows(session: Session, visitor: Visitor, document: int | None = None, state: str = "") -> list[Row]:
    newest = (
        select(DocumentVersion.document_id, func.max(DocumentVersion.number).label("number"))
        .group_by(col(DocumentVersion.document_id))
        .subquery()
    )
    chunks = select(Chunk.version_id, func.count().label("chunks")).group_by(col(Chunk.version_id)).subquery()
    query = (
        select(Document, DocumentVersion, func.coalesce(chunks.c.chunks, 0))
        .join(newest, newest.c.document_id == Document.id)
        .join(
            DocumentVersion,
            (col(DocumentVersion.document_id) == col(Document.id)) & (col(DocumentVersion.number) == newest.c.number),
        )
        .outerjoin(chunks, chunks.c.version_id == DocumentVersion.id)
        .where(col(Document.removed_at).is_(None))
        .order_by(col(DocumentVersion.created_at).desc(), col(Document.id))
        .limit(SHOWN * 4)
    )
    scopes = _scopes(session, visitor)
    if scopes is not None:
        query = query.where(col(Document.scope).in_(scopes), DocumentVersion.state == "published")
    if document is not None:
        query = query.where(Document.id == document)
    if state:
        query = query.where(DocumentVersion.state == state)
    return [
        Row(
            one.id or 0,
            shown_title(one.title or one.name),
            one.name,
            version.state,
            version.number,
            int(count),
            one.owner,
            version.published_at or version.created_at,
        )
        for one, version, count in session.exec(query)
    ]


def _shelf(session: Session, visitor: Visitor, words: str, state: str) -> Shelf:
    everything = _rows(session, visitor)
    mine = [group.id for group in groups_of(session, visitor)]
    open_questions = session.exec(
        select(func.count()).select_from(Question).where(Question.state == "open", col(Question.group_id).in_(mine))
    ).one()
    found: list[Entry] = []
    rows = [row for row in everything if not state or row.state == state]
    if words:
        found = _find(session, [row.id for row in rows], words)
        rows = [row for row in rows if words.lower() in row.title.lower() or words.lower() in row.name.lower()]
    return Shelf(
        len(everything),
        sum(row.state == "published" for row in everything),
        sum(row.chunks for row in everything),
        int(open_questions),
        rows[:SHOWN],
        found[:SHOWN],
        len(rows) > SHOWN or len(found) > SHOWN,
    )


def _find(session: Session, documents: list[int], words: str) -> list[Entry]:
    like = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    spoken = select(Phrasing.chunk_id).where(col(Phrasing.text).like(like, escape="\\"))
    newest = (
        select(func.max(DocumentVersion.id))
        .where(col(DocumentVersion.document_id).in_(documents))
        .group_by(col(DocumentVersion.document_id))
    )
    rows = session.exec(
        select(Chunk, DocumentVersion.document_id, DocumentVersion.state)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .where(
            col(DocumentVersion.id).in_(newest),
            or_(
                col(Chunk.title).like(like, escape="\\"),
                col(Chunk.body).like(like, escape="\\"),
                col(Chunk.id).in_(spoken),
            ),
        )
        .order_by(col(Chunk.id))
        .limit(SHOWN + 1)
    )
    return [Entry(document, one.entry, one.title, one.body, one.category, state) for one, document, state in rows]


def _document(session: Session, visitor: Visitor, document: int) -> tuple[Row | None, list[Entry]]:
    rows = _rows(session, visitor, document)
    if not rows:
        return None, []
    counts = select(Phrasing.chunk_id, func.count().label("n")).group_by(col(Phrasing.chunk_id)).subquery()
    found = session.exec(
        select(Chunk, func.coalesce(counts.c.n, 0))
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .outerjoin(counts, counts.c.chunk_id == Chunk.id)
        .where(DocumentVersion.document_id == document, DocumentVersion.number == rows[0].version)
        .order_by(col(Chunk.ordinal))
        .limit(400)
    )
    return rows[0], [
        Entry(document, one.entry, one.title, one.body, one.category or one.locator, rows[0].state, int(count))
        for one, count in found
    ]
