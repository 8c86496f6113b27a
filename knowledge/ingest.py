"""Documents into rows. Nothing is answered from until it is published (``lifecycle``).

Source: F69, F74; DESIGN 4 (long work goes in chunks, no function holds the writer above 50 ms).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlmodel import col, delete, select

from knowledge import lifecycle, loaders
from knowledge.chunking import passages
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, raise_counter

if TYPE_CHECKING:
    from storage.engine import Database, Session

STARTER = Path(__file__).resolve().parents[1] / "prompts" / "knowledge"
OPERATOR = Hand("cli")
_BATCH = 40
_SCOPE = re.compile(r"all|(?:region|group):[^\s:]{1,60}")


@dataclass(frozen=True, slots=True)
class Label:
    """What a document is called, and whom it is for.

    Attributes:
        name: the file's own name by default; the same name in the same scope is the same document.
        scope: who may get answers from it.
        owner: who answers for it; empty = as it was.
        audience: ``everybody`` or ``leaders``; empty = as it was, a new one for everybody.
    """

    name: str = ""
    scope: str = "all"
    owner: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a file.

    Attributes:
        unchanged: the same bytes were there already; nothing was written.
        chunks: entries and passages of the version.
        warnings: codes of the loader.
    """

    document: int
    version: int
    name: str
    chunks: int
    published: bool
    unchanged: bool
    warnings: tuple[str, ...]


def files(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Files to take in with the name that each gets: its own, or its path within the folder that was named.

    Raises:
        KnowledgeRefusal: a path does not exist, or a folder holds nothing that can be read.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                one
                for one in path.rglob("*")
                if one.is_file() and one.suffix.lower() in loaders.SUFFIXES and not one.name.startswith((".", "~$"))
            )
            if not inside:
                raise KnowledgeRefusal("kb.folder_empty", name=path.name)
            found.extend((one, one.relative_to(path).as_posix()) for one in inside)
        elif path.exists():
            found.append((path, path.name))
        else:
            raise KnowledgeRefusal("kb.document_missing", name=path.name)
    return found


def check_scope(scope: str) -> str:
    """The scope, if it is ``all``, ``region:ID`` or ``group:ID``.

    Raises:
        KnowledgeRefusal: it is none of these.
    """
    if not _SCOPE.fullmatch(scope):
        raise KnowledgeRefusal("kb.scope_unknown", scope=scope[:80])
    return scope


def add(
    database: Database,
    path: Path,
    *,
    now: datetime,
    label: Label = Label(),
    hand: Hand = OPERATOR,
    publish: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Added:
    """Takes a file in as a new version of the document of this name and scope.

    Args:
        database: Where the rows go; several short transactions, the last of which makes the version whole.
        path: The file.
        now: Aware instant.
        label: What it is called and whom it is for.
        hand: Who takes it in.
        publish: At once, by the same hand; else it is left a draft.
        progress: Called with (rows written, rows in all).

    Raises:
        KnowledgeRefusal: the file cannot be taken in (``loaders.load``), or the scope is unknown.
    """
    check_scope(label.scope)
    label = replace(label, name=(label.name or path.name)[:200])
    loaded = loaders.load(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = list(_rows(loaded, path))
    if not rows:
        raise KnowledgeRefusal("kb.document_no_text", name=path.name)
    title = (loaded.title or path.stem)[:200]
    document, version, whole = database.write_now(lambda session: _begin(session, label, title, digest, hand, now))
    if not whole:
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            database.write_now(lambda session, part=part, start=start: _insert(session, version, start, part))  # type: ignore[misc]
            if progress is not None:
                progress(min(start + _BATCH, len(rows)), len(rows))

    def close(session: Session) -> tuple[int, bool]:
        made = session.get_one(DocumentVersion, version)
        made.digest = digest
        made.scanned_at = made.scanned_at or now
        session.add(made)
        session.flush()
        if publish and made.state != "published":
            lifecycle.publish(session, document, hand, now)
        return made.number, made.state == "published"

    number, published = database.write_now(close)
    return Added(document, number, label.name, len(rows), published, whole, tuple(loaded.warnings))


def _rows(loaded: loaders.Loaded, path: Path) -> Iterator[tuple[dict[str, Any], list[tuple[str, str]]]]:
    for entry in loaded.entries:
        asked = [("question", entry.question), *(("alias", alias) for alias in dict.fromkeys(entry.aliases))]
        yield (
            {
                "entry": entry.entry,
                "kind": "entry",
                "title": entry.question,
                "body": entry.answer,
                "plain": entry.plain,
                "facts": entry.facts,
                "category": entry.category,
                "source": entry.source,
                "locator": "",
            },
            asked,
        )
    taken = {entry.entry for entry in loaded.entries}
    for passage in passages(loaded.title or path.stem, loaded.blocks):
        if passage.entry not in taken:
            yield (
                {
                    "entry": passage.entry,
                    "kind": "passage",
                    "title": passage.title,
                    "body": passage.body,
                    "plain": "",
                    "facts": [],
                    "category": "",
                    "source": "",
                    "locator": passage.locator,
                },
                [("question", f"{passage.title} {passage.body[:120]}"[:500])],
            )


def _begin(session: Session, label: Label, title: str, digest: str, hand: Hand, now: datetime) -> tuple[int, int, bool]:
    """Document id, version id, and whether a whole version of these bytes is there already."""
    document = session.exec(select(Document).where(Document.name == label.name, Document.scope == label.scope)).first()
    if document is None:
        document = Document(name=label.name, title=title, scope=label.scope, created_at=now)
    back = document.removed_at is not None
    document.title, document.owner, document.removed_at = title, label.owner or document.owner, None
    document.audience = label.audience or document.audience
    session.add(document)
    session.flush()
    assert document.id is not None
    versions = session.exec(
        select(DocumentVersion).where(DocumentVersion.document_id == document.id).order_by(col(DocumentVersion.number))
    ).all()
    for unfinished in [one for one in versions if not one.digest]:
        _forget(session, unfinished)
    newest = max((one for one in versions if one.digest), key=lambda one: one.number, default=None)
    if newest is not None and newest.digest == digest and newest.state != "retired":
        if back and newest.state == "published":
            raise_counter(session)
        return document.id, newest.id or 0, True
    version = DocumentVersion(
        document_id=document.id,
        number=(newest.number if newest else 0) + 1,
        digest="",
        created_at=now,
        created_by=hand.name[:80],
        created_by_id=hand.person_id,
    )
    session.add(version)
    session.flush()
    return document.id, version.id or 0, False


def _forget(session: Session, version: DocumentVersion) -> None:
    """Takes out a version whose adding was cut off; nobody can have been answered from it."""
    chunks = select(Chunk.id).where(Chunk.version_id == version.id)
    session.exec(delete(Phrasing).where(col(Phrasing.chunk_id).in_(chunks)))
    session.exec(delete(Chunk).where(col(Chunk.version_id) == version.id))
    session.delete(version)
    session.flush()


def _insert(
    session: Session, version: int, start: int, rows: Sequence[tuple[dict[str, Any], list[tuple[str, str]]]]
) -> None:
    values = [{**row, "version_id": version, "ordinal": start + at} for at, (row, _) in enumerate(rows)]
    made = session.execute(insert(Chunk).returning(col(Chunk.id), sort_by_parameter_order=True), values).scalars().all()
    asked = [
        {"chunk_id": chunk, "kind": kind, "text": text[:500]}
        for chunk, (_, phrasings) in zip(made, rows, strict=True)
        for kind, text in phrasings
    ]
    session.execute(insert(Phrasing), asked)


def learn(session: Session, chunk: int, text: str) -> bool:
    """Adds a phrasing that a correction taught; False when the entry has it already.

    Raises:
        KnowledgeRefusal: no such entry.
    """
    entry = session.get(Chunk, chunk)
    if entry is None or entry.kind != "entry":
        raise KnowledgeRefusal("kb.entry_unknown", id=chunk)
    known = session.exec(select(Phrasing).where(Phrasing.chunk_id == chunk, Phrasing.text == text[:500])).first()
    if known is not None or not text.strip():
        return False
    session.add(Phrasing(chunk_id=chunk, kind="learned", text=text.strip()[:500]))
    session.flush()
    raise_counter(session)
    return True


def seed(
    database: Database, *, now: datetime, publish: bool = True, progress: Callable[[str], None] | None = None
) -> list[Added]:
    """Takes in the starter base that ships in prompts/knowledge; what is there already stays as it is.

    Args:
        database: Of a new data directory.
        now: Aware instant.
        publish: False leaves drafts (production).
        progress: Called with the name of each file before it is read.
    """
    done: list[Added] = []
    for folder in ("faq", "policies"):
        for path in sorted((STARTER / folder).iterdir()):
            if path.suffix.lower() in loaders.SUFFIXES and path.name.lower() != "readme.md":
                if progress is not None:
                    progress(path.name)
                done.append(
                    add(
                        database,
                        path,
                        now=now,
                        label=Label(f"{folder}/{path.name}"),
                        hand=Hand("starter"),
                        publish=publish,
                    )
                )
    return done
