"""One process with many made-up entries: load, memory, questions, an edit, a removal, groups with texts of their own.

    python -m benchmarks.knowledge_scale DIR ENTRIES GROUPS

Entries differ from each other by the thing, its maker and what is asked about it, so every question has one right answer
among many that share most of its words: kinder to nobody than a real base of this size, which has fewer near-duplicates.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import col

from benchmarks.processes import resident_megabytes
from knowledge import ingest, normalise
from knowledge.answer import Scope
from knowledge.answering import Answering, open_answering
from knowledge.settings import KnowledgeSettings
from storage import migrate
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, raise_counter
from storage.engine import Database, Session, open_database

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SEED = 7
PER_DOCUMENT = 500
ASKED = 400


def _words() -> dict[str, list[str]]:
    text = Path(__file__).with_name("knowledge_words.txt").read_text(encoding="utf-8")
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line and not line.startswith("#")}


def made_up(count: int, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Entries as a loader gives them, all different; the same for the same seed."""
    words = _words()
    whole = itertools.product(words["place"], words["kind"], words["thing"], range(len(words["ask"])))
    chance = random.Random(seed)
    pool = list(itertools.islice(whole, 4 * count)) if count < 50_000 else list(whole)
    for number, (place, kind, thing, ask) in enumerate(chance.sample(pool, count)):
        name = f"{place}{kind}{thing}"
        answer = words["answer"][(number * 7 + ask) % len(words["answer"])].replace("~", name)
        yield {"id": f"made.{number}", "question": words["ask"][ask].replace("~", name), "answer": answer}


def put_in(database: Database, name: str, scope: str, rows: list[dict[str, Any]]) -> None:
    """A published document with these entries, written at once."""

    def write(session: Session) -> None:
        document = Document(name=name, scope=scope, created_at=NOW)
        session.add(document)
        session.flush()
        assert document.id is not None
        version = DocumentVersion(document_id=document.id, number=1, state="published", digest="-", created_at=NOW)
        session.add(version)
        session.flush()
        values = [
            {
                "version_id": version.id,
                "ordinal": at,
                "entry": row["id"],
                "kind": "entry",
                "title": row["question"],
                "body": row["answer"],
                "facts": [],
            }
            for at, row in enumerate(rows)
        ]
        chunks = session.execute(insert(Chunk).returning(col(Chunk.id), sort_by_parameter_order=True), values).scalars()
        said = [
            {"chunk_id": chunk, "kind": "question", "text": row["question"]}
            for chunk, row in zip(chunks.all(), rows, strict=True)
        ]
        session.execute(insert(Phrasing), said)
        raise_counter(session)

    database.write_now(write)


def _slips(question: str, chance: random.Random) -> str:
    """As somebody types it: a greeting sometimes, a sign left out sometimes."""
    at = chance.randrange(len(question))
    shorter = question[:at] + question[at + 1 :] if chance.random() < 0.5 else question
    return shorter if chance.random() < 0.7 else normalise.canonical(shorter) + "?"


def _percentile(times: list[float], share: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))] * 1000, 2)


def _ask(answering: Answering, questions: list[tuple[str, str]], scope: Scope) -> dict[str, float]:
    sight = scope.sight(NOW)
    times: list[float] = []
    own: list[float] = []
    hits = 0
    for question, identity in questions:
        started, used = time.perf_counter(), time.thread_time()
        prepared = answering.database.read_now(
            lambda session, question=question: answering.base.prepare(session, question, sight)  # type: ignore[misc]
        )
        times.append(time.perf_counter() - started)
        own.append(time.thread_time() - used)
        hits += bool(prepared.candidates) and prepared.candidates[0].id == identity
    return {
        "p50_ms": _percentile(times, 0.5),
        "p99_ms": _percentile(times, 0.99),
        "p99_cpu_ms": _percentile(own, 0.99),
        "r1": round(hits / max(len(questions), 1), 4),
    }


def _edit(answering: Answering, folder: Path, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds from a publish of one changed entry among ``PER_DOCUMENT`` to its answer, and of a removal to its end."""
    path = folder / "edited.jsonl"
    changed = [{**rows[0], "answer": "9876543210"}, *rows[1:]]
    found: dict[str, float] = {}
    for name, content in (("first", rows), ("edited", changed)):
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content), encoding="utf-8")
        started = time.perf_counter()
        added = ingest.add(answering.database, path, now=NOW, publish=True)
        found[f"{name}_taken_in_seconds"] = round(time.perf_counter() - started, 3)
        found[f"{name}_answer_seconds"] = round(
            _ask(answering, [(rows[0]["question"], rows[0]["id"])], Scope())["p50_ms"] / 1000, 3
        )
    answering.reload()
    before = answering.base.index.size

    def remove(session: Session) -> None:
        session.get_one(Document, added.document).removed_at = NOW
        raise_counter(session)

    answering.database.write_now(remove)
    started = time.perf_counter()
    _ask(answering, [(rows[0]["question"], "")], Scope())
    while answering.base.index.size >= before and time.perf_counter() - started < 30:
        time.sleep(0.005)
    found["removed_from_vectors_seconds"] = round(time.perf_counter() - started, 3)
    return found


def measure(folder: Path, entries: int, groups: int) -> dict[str, Any]:
    """Everything, in this process."""
    import engagement.registry  # noqa: F401  (the tables of the slices register on import)

    database = open_database(folder)
    migrate.upgrade(database)
    chance = random.Random(SEED)
    rows = list(made_up(entries + PER_DOCUMENT))
    for start in range(0, entries, PER_DOCUMENT):
        put_in(database, f"made-{start}", "all", rows[start : start + PER_DOCUMENT])
    asked = [(_slips(row["question"], chance), row["id"]) for row in chance.sample(rows[:entries], min(ASKED, entries))]
    rows = rows[entries:]  # what is measured is the base's memory, not this program's
    own = _words()["own"]
    for group in range(1, groups + 1):
        texts = [
            {"id": f"own.{group}.{at}", "question": f"{group}{text}", "answer": f"{group}"}
            for at, text in enumerate(own)
        ]
        put_in(database, f"group-{group}", f"group:{group}", texts)
    started = time.perf_counter()
    answering = open_answering(database, folder, KnowledgeSettings())
    opened = time.perf_counter() - started
    keywords_mb = resident_megabytes(os.getpid())
    answering.base.patient = False
    started = time.perf_counter()
    answering.reload()
    filled = time.perf_counter() - started
    _ask(answering, asked[:20], Scope())
    found: dict[str, Any] = {
        "entries": entries,
        "groups": groups,
        "open_seconds": round(opened, 2),
        "open_mb": round(keywords_mb, 1),
        "vectors": answering.base.index.size,
        "vectors_a_second": round(answering.base.index.size / filled, 1),
        "questions": _ask(answering, asked, Scope()),
    }
    if groups:
        mine = str(groups // 2 + 1)
        others = [(f"{mine}{text}", f"own.{mine}.{at}") for at, text in enumerate(own)]
        found["group_questions"] = _ask(answering, (others + asked)[:ASKED], Scope(group=mine))
        found["group_own"] = _ask(answering, others, Scope(group=mine))
        vector = answering.base.index.embedder.embed([normalise.question(own[0])])[0]
        catalogue = answering.base.catalogue
        near = catalogue.nearest(answering.base.index.near(vector, 48, catalogue.own(Scope(group=mine).sight(NOW))))
        seen = catalogue.entries.seen(Scope(group=mine).sight(NOW))
        found["neighbours_in_sight"] = sum(bool(seen is None or seen[catalogue.entries.place(one)]) for one in near)
    found["edit"] = _edit(answering, folder, rows)
    answering.reload()
    found["rss_mb"] = round(resident_megabytes(os.getpid()), 1)
    found["most_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)
    answering.close()
    database.close()
    return found


if __name__ == "__main__":
    folder_, entries_, groups_ = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(Path(folder_), int(entries_), int(groups_))) + "\n")
