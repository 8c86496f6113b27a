"""The knowledge base through kill -9 in any act: a version is whole or not there, and the index heals (FAULTS C11).

Repeat a run with ``TUANTUAN_SEED``; the seed is printed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from bot.settings import Settings
from bot.verification import verify
from knowledge import soundness, sweeping
from knowledge.answering import open_answering
from knowledge.settings import KnowledgeSettings
from storage import migrate
from storage.documents import Chunk, Document, DocumentVersion, Phrasing
from storage.engine import Database, Session, open_database
from tests.chaos.knowledge_driver import ACTS

pytestmark = pytest.mark.chaos
ROOT = Path(__file__).resolve().parents[2]
SIZES = (3, 60, 150)
"""Entries of the files that are taken in; each entry of a file says which file, which edition and how many there are."""


def write(files: Path, document: int, edition: int, size: int) -> None:
    path = files / f"{document}.jsonl"
    lines = [
        json.dumps(
            {
                "id": f"e{at}",
                "question": f"文档{document}的第{at}问，第{edition}次？",
                "aliases": [f"{document}号文件{at}条{edition}回怎么说"],
                "answer": f"{document}/{edition}/{size}",
            },
            ensure_ascii=False,
        )
        for at in range(size)
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n", "utf-8")
    fresh.rename(path)


def torn(session: Session) -> list[str]:
    """Whole versions that are not: of two editions, with too few entries, or entries without their phrasings."""
    found = []
    for version in session.exec(select(DocumentVersion).where(DocumentVersion.digest != "")):
        chunks = session.exec(select(Chunk).where(Chunk.version_id == version.id)).all()
        bodies = {chunk.body for chunk in chunks}
        asked = session.exec(
            select(Phrasing.id).where(col(Phrasing.chunk_id).in_([chunk.id for chunk in chunks]))
        ).all()
        size = int(next(iter(bodies)).split("/")[2]) if bodies else -1
        if len(bodies) != 1 or len(chunks) != size or len(asked) != 2 * size:
            found.append(f"version {version.id}: {len(chunks)} chunks, {len(asked)} phrasings, {sorted(bodies)}")
    return found


def look(database: Database, folder: Path) -> tuple[int, int]:
    """What must hold right after a kill; returns (chunks left over, vectors behind)."""
    assert database.read_now(torn) == []
    assert [check.key for check in verify(folder, Settings()) if not check.ok] == []
    left = database.read_now(soundness.unfinished).figure
    return left, database.read_now(lambda session: soundness.vectors(session, folder))[1]


def heal(database: Database, folder: Path) -> None:
    """Opened again: the index is what the rows say, each published entry answers, nothing else does."""
    answering = open_answering(database, folder, KnowledgeSettings())
    try:
        answering.reload()
        assert not answering.base.degraded
    finally:
        answering.close()
    assert database.read_now(lambda session: soundness.vectors(session, folder))[1] == 0
    sweeping.sweep(database, before=datetime.now(UTC) + timedelta(hours=1))
    assert database.read_now(soundness.unfinished).figure == 0
    shells = database.read_now(
        lambda session: session.exec(select(Document).where(col(Document.name).startswith("#"))).all()
    )
    known = database.read_now(lambda session: set(session.exec(select(DocumentVersion.document_id))))
    assert not known & {one.id for one in shells}, "an erased document keeps nothing"


def test_kill_9_in_any_act_leaves_nothing_half(tmp_path: Path, chaos_short: bool) -> None:
    seed = int(os.environ.get("TUANTUAN_SEED", random.randrange(1 << 30)))
    kills = 3 if chaos_short else 50
    print(f"TUANTUAN_SEED={seed}")
    chance = random.Random(seed)
    folder, files = tmp_path / "data", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    database = open_database(folder)
    migrate.upgrade(database)
    acts: Counter[str] = Counter()
    left = behind = 0
    for kill in range(kills):
        for document in range(1, 5):
            write(files, document, kill * 10 + document, chance.choice(SIZES))
        command = [sys.executable, "-m", "tests.chaos.knowledge_driver", str(folder), str(files), str(seed + kill)]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        said = [worker.stdout.readline() for _ in range(chance.randrange(1, 7))]
        time.sleep(chance.uniform(0.0, 0.2))
        assert worker.poll() is None, "the worker ended by itself"
        os.kill(worker.pid, signal.SIGKILL)
        said += worker.communicate(timeout=10)[0].splitlines()
        acts[[one.strip() for one in said if one.strip() in ACTS][-1]] += 1
        one, other = look(database, folder)
        left, behind = left + one, behind + other
        if kill % 10 == 9 or kill == kills - 1:
            heal(database, folder)
    database.close()
    print(f"{kills} kills, in {dict(acts)}: {left} chunks left over and swept, {behind} vectors behind and mended")
