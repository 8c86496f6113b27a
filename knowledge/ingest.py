"""Documents into rows. Nothing is answered from until it is published (``lifecycle``).

Source: F69, F74; DESIGN 4 (long work goes in chunks, no function holds the writer above 50 ms).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlmodel import col, func, select, update

from knowledge import days, lifecycle, loaders, sweeping
from knowledge.errors import KnowledgeRefusal
from knowledge.incoming import Row, rows_of
from knowledge.lifecycle import Hand
from knowledge.scanning import Accepted, accepted, copies, record, told
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing, raise_counter

if TYPE_CHECKING:
    from storage.engine import Database, Session

STARTER = Path(__file__).resolve().parents[1] / "prompts" / "knowledge"
OPERATOR = Hand("cli")
Progress = Callable[[str, int, int], None]
"""Called with what is done (``page``, ``read``), how much of it, and how much there is."""
_BATCH = 40
_LINES = 400
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
        findings: what waits for somebody to look: severity → how many.
    """

    document: int
    version: int
    name: str
    chunks: int
    published: bool
    unchanged: bool
    warnings: tuple[str, ...]
    findings: dict[str, int] = field(default_factory=dict)


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
    zone: str = days.ZONE,
    progress: Progress | None = None,
) -> Added:
    """Takes a file in as a new version of the document of this name and scope, and looks through it.

    Args:
        database: Where the rows go; several short transactions, the last of which makes the version whole.
        path: The file.
        now: Aware instant.
        label: What it is called and whom it is for.
        hand: Who takes it in.
        publish: At once, by the same hand; else it is left a draft.
        zone: Whose days the file means where it says from when to when something holds.
        progress: Called with (``page``, pages read, pages in all) while a format with pages is read, then with (``read``,
            rows written, rows in all).

    Raises:
        KnowledgeRefusal: the file cannot be taken in (``loaders.load``), the scope is unknown, somebody else took the
            same document in meanwhile (``kb.document_overtaken``), or its publishing takes a second person: then it is
            there as a draft.
    """
    check_scope(label.scope)
    label = replace(label, name=(label.name or path.name)[:200])
    loaded = loaders.load(path, partial(progress, "page") if progress is not None else None)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = list(rows_of(loaded, path, zone))
    if not rows:
        raise KnowledgeRefusal("kb.document_no_text", name=path.name)
    title = (loaded.title or path.stem)[:200]
    sweeping.sweep(database, name=label.name, scope=label.scope)
    place = database.write_now(lambda session: _begin(session, label, title, digest, hand, now))
    if not place.whole:
        _write(database, place, rows, loaded, now, progress)
    document, version = place.document, place.version

    def close(session: Session) -> DocumentVersion:
        made = session.get_one(DocumentVersion, version) if place.whole else _unfinished(session, place)
        made.published_by = made.published_by if place.whole else ""
        made.digest = digest
        made.scanned_at = made.scanned_at or now
        session.add(made)
        session.flush()
        session.refresh(made)
        session.expunge(made)
        return made

    made = database.write_now(close)
    if publish and made.state != "published":
        database.write_now(lambda session: lifecycle.publish(session, document, hand, now))
    figures = database.read_now(lambda session: _figures(session, version))
    published = publish or made.state == "published"
    return Added(document, made.number, label.name, len(rows), published, place.whole, tuple(loaded.warnings), figures)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file goes.

    Attributes:
        whole: a whole version of these bytes is there already.
        mark: stands in the version while it is being written: SQLite gives the id of one that was swept away again.
    """

    document: int
    version: int
    name: str
    whole: bool
    mark: str = ""


def _begin(session: Session, label: Label, title: str, digest: str, hand: Hand, now: datetime) -> _Place:
    document = session.exec(select(Document).where(Document.name == label.name, Document.scope == label.scope)).first()
    if document is None:
        document = Document(name=label.name, title=title, scope=label.scope, created_at=now)
    back = document.removed_at is not None
    turned = bool(label.audience) and document.audience != label.audience
    document.title, document.owner, document.removed_at = title, label.owner or document.owner, None
    document.audience = label.audience or document.audience
    session.add(document)
    session.flush()
    assert document.id is not None
    if turned:
        raise_counter(session)
    newest = session.exec(
        select(DocumentVersion)
        .where(DocumentVersion.document_id == document.id, DocumentVersion.digest != "")
        .order_by(col(DocumentVersion.number).desc())
    ).first()
    if newest is not None and newest.digest == digest and newest.state != "retired":
        if back and newest.state == "published":
            raise_counter(session)
        return _Place(document.id, newest.id or 0, label.name, whole=True)
    if back:
        # It was taken out of every answer: what it said then does not come back by handing in something new.
        session.execute(
            update(DocumentVersion)
            .where(col(DocumentVersion.document_id) == document.id, col(DocumentVersion.state) == "published")
            .values(state="retired")
        )
    version = DocumentVersion(
        document_id=document.id,
        number=(newest.number if newest else 0) + 1,
        digest="",
        created_at=now,
        created_by=hand.name[:80],
        created_by_id=hand.person_id,
        valid_from=newest.valid_from if newest else None,
        valid_until=newest.valid_until if newest else None,
    )
    version.published_by = mark = secrets.token_hex(16)
    session.add(version)
    session.flush()
    return _Place(document.id, version.id or 0, label.name, whole=False, mark=mark)


def _unfinished(session: Session, place: _Place) -> DocumentVersion:
    """The version that is being written, unless a later change of the same document has swept it away."""
    made = session.get(DocumentVersion, place.version)
    if made is None or made.digest or made.published_by != place.mark:
        raise KnowledgeRefusal("kb.document_overtaken", name=place.name)
    return made


def _write(
    database: Database,
    place: _Place,
    rows: Sequence[Row],
    loaded: loaders.Loaded,
    now: datetime,
    progress: Progress | None,
) -> None:
    """Rows and findings of a version, some hundred at a time."""
    passed = database.read_now(lambda session: accepted(session, place.document))
    copied = copies([row.values["body"] for row in rows])
    kept = told(loaded.findings)
    for at, one in copied.items():
        rows[at].found.append(one)

    def write(session: Session, start: int, part: Sequence[Row]) -> None:
        _unfinished(session, place)
        _insert(session, place.version, start, part, passed, now)

    done = 0
    for part in _parts(rows):
        database.write_now(partial(write, start=done, part=part))
        done += len(part)
        if progress is not None:
            progress("read", done, len(rows))

    def write_rest(session: Session) -> None:
        _unfinished(session, place)
        record(session, place.version, [(None, where, one) for where, one in kept])

    if kept:
        database.write_now(write_rest)


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """As many rows at a time as stay below ``_BATCH`` and, with their phrasings, below ``_LINES``."""
    start = lines = 0
    for at, row in enumerate(rows):
        if at > start and (at - start >= _BATCH or lines + len(row.asked) > _LINES):
            yield rows[start:at]
            start, lines = at, 0
        lines += len(row.asked)
    yield rows[start:]


def _insert(
    session: Session,
    version: int,
    start: int,
    rows: Sequence[Row],
    passed: Accepted,
    now: datetime,
) -> None:
    values = [{**row.values, "version_id": version, "ordinal": start + at} for at, row in enumerate(rows)]
    made = session.execute(insert(Chunk).returning(col(Chunk.id), sort_by_parameter_order=True), values).scalars().all()
    asked = [
        {"chunk_id": chunk, "kind": kind, "text": text[:500]}
        for chunk, row in zip(made, rows, strict=True)
        for kind, text in row.asked
    ]
    session.execute(insert(Phrasing), asked)
    concerned = [
        (Chunk(id=chunk, version_id=version, **row.values), row.values["locator"] or row.values["entry"], one)
        for chunk, row in zip(made, rows, strict=True)
        for one in row.found
    ]
    record(session, version, concerned, passed, now)


def _figures(session: Session, version: int) -> dict[str, int]:
    """How many findings of each severity wait for somebody to look."""
    rows = session.execute(
        select(Finding.severity, func.count())
        .where(Finding.version_id == version, col(Finding.accepted_at).is_(None))
        .group_by(Finding.severity)
    )
    return {str(severity): int(count) for severity, count in rows}


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
    for folder, audience in (("faq", "everybody"), ("policies", "everybody"), ("leaders", "leaders")):
        for path in sorted((STARTER / folder).iterdir()):
            if path.suffix.lower() in loaders.SUFFIXES and path.name.lower() != "readme.md":
                if progress is not None:
                    progress(path.name)
                done.append(
                    add(
                        database,
                        path,
                        now=now,
                        label=Label(f"{folder}/{path.name}", audience=audience),
                        hand=Hand("starter"),
                        publish=publish,
                    )
                )
    return done
