"""What staff ask of the knowledge base, as plain JSON in and out: the same for the command line and for a server.

Source: CONTRACT (``kb …``), F69.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select

from knowledge import evaluation, ingest, lifecycle
from knowledge.answer import Scope
from knowledge.answering import named_scope
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from storage.documents import Chunk, Document, DocumentVersion, Question
from storage.groups import Group

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from storage.engine import Database, Session

Progress = Callable[[str, int, int], None]
"""Called with a text key's last part (``read``, ``index``, ``ask``), what is done, and what there is."""

READ_ONLY = frozenset({"list", "show", "gaps"})
"""Actions that need the rows alone; neither embedder nor Chroma is opened for them."""


async def handle(
    answering: Answering, request: dict[str, Any], now: datetime, progress: Progress | None = None
) -> dict[str, Any]:
    """Does one request.

    Args:
        answering: Loaded, of the directory that this process owns.
        request: ``action`` and its arguments, as ``bot kb`` sends them.
        now: Aware instant.
        progress: For a bar; called from another thread.

    Raises:
        KnowledgeRefusal: bad input; nothing was changed.
    """
    action = request["action"]
    if action in READ_ONLY:
        return await asyncio.to_thread(read, answering.database, request)
    if action == "ask":
        scope, facts = await answering.database.read(lambda session: _asker(session, request.get("group")))
        answer = await answering.ask_within(str(request["question"]), scope, facts, now=now)
        return answer.document()
    return await asyncio.to_thread(_change, answering, request, now, progress or (lambda *_: None))


def read(database: Database, request: dict[str, Any]) -> dict[str, Any]:
    """Does one of the ``READ_ONLY`` requests."""
    actions: dict[str, Callable[[Session], dict[str, Any]]] = {
        "list": _list,
        "show": lambda session: _show(session, _number(request["id"])),
        "gaps": _gaps,
    }
    return database.read_now(actions[request["action"]])


def _asker(session: Session, group: object) -> tuple[Scope, dict[str, str]]:
    scope = named_scope(session, "group", str(group)) if group else Scope()
    row = session.get(Group, int(scope.group)) if scope.group.isdecimal() else None
    return scope, dict(row.facts or {}) if row is not None else {}


def _number(value: object) -> int:
    text = str(value)
    if not text.isdecimal() or len(text) > 18:
        raise KnowledgeRefusal("kb.document_unknown", id=text[:40])
    return int(text)


def _change(answering: Answering, request: dict[str, Any], now: datetime, progress: Progress) -> dict[str, Any]:
    database = answering.database
    hand = Hand(str(request.get("by") or "cli")[:80])

    def indexed(done: int, total: int) -> None:
        progress("index", done, total)

    match request["action"]:
        case "add":
            return _add(answering, request, now, hand, progress)
        case "eval":
            cases = evaluation.read_cases(Path(str(request["path"])))
            outcomes = evaluation.run(
                answering.base,
                database,
                cases,
                clock=time.perf_counter,
                now=now,
                progress=lambda done, total: progress("ask", done, total),
            )
            return evaluation.figures(outcomes)
        case "rebuild":
            answering.base.index.rebuild()
            answering.reload(indexed)
            return {"vectors": answering.base.index.size}
        case "publish":
            identity = _number(request["id"])
            version = database.write_now(lambda session: lifecycle.publish(session, identity, hand, now)).number
        case "rollback":
            identity, version = _number(request["id"]), _number(request["version"])
            database.write_now(lambda session: lifecycle.rollback(session, identity, version, hand, now))
        case "remove":
            identity, version = _number(request["id"]), 0
            database.write_now(lambda session: lifecycle.remove(session, identity, hand, now))
        case other:
            raise ValueError(f"unknown action {other!r}")
    answering.reload(indexed)
    return {"id": identity, "version": version}


def _add(
    answering: Answering, request: dict[str, Any], now: datetime, hand: Hand, progress: Progress
) -> dict[str, Any]:
    database = answering.database
    scope = ingest.check_scope(str(request.get("scope") or "all"))
    kind, _, name = scope.partition(":")
    if name:
        found = database.read_now(lambda session: named_scope(session, kind, name))
        scope = f"{kind}:{found.group if kind == 'group' else found.region}"
    chosen = ingest.files([Path(path) for path in request["paths"]])
    added: list[dict[str, Any]] = []
    refused: list[KnowledgeRefusal] = []
    for at, (path, document) in enumerate(chosen):
        progress("read", at, len(chosen))
        try:
            one = ingest.add(
                database,
                path,
                now=now,
                label=ingest.Label(document, scope, str(request.get("owner") or "")[:80]),
                hand=hand,
                publish=bool(request.get("publish")),
                progress=(lambda done, total: progress("read", done, total)) if len(chosen) == 1 else None,
            )
        except KnowledgeRefusal as refusal:
            refused.append(refusal)
            continue
        added.append(
            {
                "document": one.document,
                "version": one.version,
                "name": one.name,
                "chunks": one.chunks,
                "state": "published" if one.published else "draft",
                "unchanged": one.unchanged,
                "warnings": list(one.warnings),
            }
        )
    progress("read", len(chosen), len(chosen))
    if refused and not added:
        raise refused[0]
    if request.get("publish"):
        answering.reload(lambda done, total: progress("index", done, total))
    return {"added": added, "refused": [{"key": one.key, "values": one.values} for one in refused]}


def _list(session: Session) -> dict[str, Any]:
    counts = dict(session.exec(select(Chunk.version_id, func.count()).group_by(col(Chunk.version_id))).all())
    newest: dict[int, DocumentVersion] = {}
    for version in session.exec(
        select(DocumentVersion).where(DocumentVersion.digest != "").order_by(col(DocumentVersion.number))
    ):
        current = newest.get(version.document_id)
        if current is None or current.state != "published" or version.state == "published":
            newest[version.document_id] = version
    rows = session.exec(select(Document).where(col(Document.removed_at).is_(None)).order_by(col(Document.id)))
    return {
        "documents": [
            {
                "id": one.id,
                "name": one.name,
                "title": one.title,
                "scope": one.scope,
                "owner": one.owner,
                "version": newest[one.id].number,
                "state": newest[one.id].state,
                "chunks": counts.get(newest[one.id].id or 0, 0),
            }
            for one in rows
            if one.id in newest
        ]
    }


def _show(session: Session, identity: int) -> dict[str, Any]:
    document = session.get(Document, identity)
    if document is None:
        raise KnowledgeRefusal("kb.document_unknown", id=identity)
    versions = session.exec(
        select(DocumentVersion)
        .where(DocumentVersion.document_id == identity, DocumentVersion.digest != "")
        .order_by(col(DocumentVersion.number))
    ).all()
    shown = next((one for one in versions if one.state == "published"), versions[-1] if versions else None)
    chunks = (
        session.exec(select(Chunk).where(Chunk.version_id == shown.id).order_by(col(Chunk.ordinal))).all()
        if shown is not None
        else []
    )
    counts = dict(
        session.exec(
            select(Chunk.version_id, func.count())
            .where(col(Chunk.version_id).in_([one.id for one in versions]))
            .group_by(col(Chunk.version_id))
        ).all()
    )
    return {
        "id": identity,
        "name": document.name,
        "title": document.title,
        "scope": document.scope,
        "owner": document.owner,
        "removed": document.removed_at is not None,
        "versions": [
            {
                "number": one.number,
                "state": one.state,
                "chunks": counts.get(one.id or 0, 0),
                "created_at": one.created_at.isoformat(),
                "published_at": one.published_at.isoformat() if one.published_at else None,
                "published_by": one.published_by,
            }
            for one in versions
        ],
        "chunks": [
            {"entry": one.entry, "kind": one.kind, "title": one.title, "body": one.body, "locator": one.locator}
            for one in chunks
        ],
    }


def _gaps(session: Session) -> dict[str, Any]:
    rows = session.exec(select(Question).where(Question.state == "open").order_by(col(Question.id)).limit(500))
    return {
        "questions": [
            {"id": one.id, "group": one.group_id, "question": one.text, "asked_at": one.asked_at.isoformat()}
            for one in rows
        ]
    }
