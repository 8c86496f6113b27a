"""The knowledge base through kill -9, aimed at the middle of its writes: nothing half, nothing lost, nothing wrong.

A model of its own says what every act must come to (``knowledge_model``). After each kill the rows must be what the model
has after the acts that were told to be done, or a step of the one under way; the next process heals the index, each
published entry answers, nothing else does, and what was erased stands in no byte of the directory. Repeat a run with
``TUANTUAN_SEED``; the seed is printed. Source: FAULTS C11.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col
from sqlmodel import select as pick

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from bot.settings import Settings
from bot.verification import verify
from knowledge import soundness
from storage import migrate
from storage.documents import Chunk, Document, DocumentVersion, Phrasing
from storage.engine import Session, open_database
from tests.chaos.knowledge_driver import HANGS, INDEX, READ, WRITE, Places
from tests.chaos.knowledge_model import ACTS, Edition, Model, State
from tests.full import FULL

pytestmark = pytest.mark.chaos
ROOT = Path(__file__).resolve().parents[2]
SIZES = (3, 60, 150)
"""Entries of the files that are taken in; each entry of a file says which file, which edition and how many there are."""
ANYWHERE = -1
AIMS = (
    *((act, WRITE) for act in ("add", "publish", "erase", "rollback", "send", "remove", "add", "restore", "erase")),
    *((act, INDEX) for act in ("rebuild", "publish", "erase", "rollback", "add", "remove", "restore")),
    *((act, ANYWHERE) for act in ("add", "erase", "rebuild", "publish")),
    ("send", READ),
)
"""Which act is killed, and where; the order is shuffled."""
MOST_SECONDS = 40.0


def secret(edition: Edition) -> str:
    """A word that only this edition has."""
    return "zq" + hashlib.sha256(repr(edition).encode()).hexdigest()[:14]


def question(edition: Edition) -> str:
    return f"文档{edition[0]}的第0问，第{edition[1]}次？"


def write(files: Path, edition: Edition, size: int) -> None:
    document, number = edition
    lines = [
        json.dumps(
            {
                "id": f"d{document}e{at}",
                "question": question(edition) if at == 0 else f"文档{document}的第{at}问，第{number}次？",
                "aliases": [f"{document}号文件{at}条{number}回怎么说 {secret(edition)}"],
                "answer": f"{document}/{number}/{size}/{secret(edition)}",
                "edition": {"file": document, "number": number, "question": question(edition)},
            },
            ensure_ascii=False,
        )
        for at in range(size)
    ]
    fresh = files / f".{document}.new"
    fresh.write_text("\n".join(lines) + "\n", "utf-8")
    fresh.rename(files / f"{document}.jsonl")


def standing(session: Session) -> tuple[State, list[str]]:
    """The rows as the model has them; and whole versions that are not: of two editions, or with too few entries."""
    torn: list[str] = []
    found: State = {}
    for document in session.exec(pick(Document).order_by(col(Document.id))):
        whole = []
        for version in session.exec(
            pick(DocumentVersion)
            .where(DocumentVersion.document_id == document.id, DocumentVersion.digest != "")
            .order_by(col(DocumentVersion.number))
        ):
            chunks = session.exec(pick(Chunk.id, Chunk.body).where(Chunk.version_id == version.id)).all()
            asked = session.exec(pick(Phrasing.id).where(col(Phrasing.chunk_id).in_([one for one, _ in chunks]))).all()
            bodies = {body for _, body in chunks}
            parts = [int(one) for one in min(bodies, default="0/0/-1/").split("/")[:3]]
            if len(bodies) != 1 or len(chunks) != parts[2] or len(asked) != 2 * parts[2]:
                torn.append(f"version {version.id}: {len(chunks)} chunks, {len(asked)} phrasings, {sorted(bodies)}")
            whole.append((version.number, (parts[0], parts[1]), version.state))
        found[document.id or 0] = (document.name, document.removed_at is not None, tuple(whole))
    return found, torn


@dataclass(frozen=True)
class Look:
    """A directory as the next start will find it.

    Attributes:
        broken: what must never be, whatever was under way.
        left: chunks of versions that are not whole; ``behind``: vectors that are missing or too many.
    """

    state: State
    broken: list[str]
    left: int
    behind: int


def look(folder: Path) -> Look:
    """Looks at a copy: opened where it stands it would be recovered by us, and our locks are in the next process's way."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm", "owner.lock"))
    database = open_database(copy)
    try:
        state, torn = database.read_now(standing)
        left = database.read_now(soundness.unfinished).figure
        behind = database.read_now(lambda session: soundness.vectors(session, copy))[1]
    finally:
        database.close()
    torn += [f"{check.key} {check.wrong}" for check in verify(copy, Settings()) if not check.ok]
    shutil.rmtree(copy)
    return Look(state, torn, left, behind)


class Worker:
    """The driver, and what its children said."""

    def __init__(self, folder: Path, files: Path, scratch: Path) -> None:
        self.places = Places(scratch / "places")
        self.log = scratch / "log"
        self.child = 0
        self._said = b""
        (scratch / "tmp").mkdir()
        command = [sys.executable, "-W", "ignore", "-m", "tests.chaos.knowledge_driver"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(folder), str(files), str(scratch / "places")],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "TMPDIR": str(scratch / "tmp")},
            )
        assert self.hear() == {"ready": True}

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\n" not in self._said:
            ready = select.select([self._process.stdout], [], [], 2 * HANGS)[0]
            piece = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            assert piece, self.log.read_text("utf-8")[-5000:]
            self._said += piece
        line, _, self._said = self._said.partition(b"\n")
        heard: dict[str, Any] = json.loads(line)
        self.child = 0 if "status" in heard else heard.get("pid", self.child)
        return heard

    def rest(self) -> Iterator[dict[str, Any]]:
        """All that a child said before it died."""
        while "status" not in (heard := self.hear()):
            yield heard

    def aim(self, act: str, place: int, chance: random.Random) -> None:
        """Waits until the child is in the act and the place, and kills it within milliseconds."""
        until = time.monotonic() + MOST_SECONDS
        times = chance.choice((1, 1, 2, 3)) if act in ("add", "send", "erase") and place == WRITE else 1
        while time.monotonic() < until:
            if self.places.act == act and (
                place == ANYWHERE or (self.places.inside(place) and self.places.entered(place) >= times)
            ):
                break
            time.sleep(0.0001)
        longest = 0.3 if place in (ANYWHERE, READ) else 0.004
        time.sleep(chance.uniform(0.0, longest))
        os.kill(self.child, signal.SIGKILL)

    def where(self) -> tuple[str, frozenset[int]]:
        """The act and the places in which the child was at its death."""
        return self.places.act, frozenset(place for place in (WRITE, INDEX, READ) if self.places.inside(place))

    def close(self) -> None:
        """Ends the driver and, where a failure left one, its child."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()
        if self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)


def found_words(folder: Path, words: set[str]) -> list[str]:
    """Which words stand in which file, byte for byte."""
    wanted = [word.encode() for word in sorted(words)]
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        found += [f"{word.decode()} in {path.name}" for word in wanted if word in content]
    return found


def follow(model: Model, said: Iterator[dict[str, Any]], wrong: list[str]) -> list[Model]:
    """The model after the acts that were told to be done, and what the one under way may have come to."""
    under_way: dict[str, Any] | None = None
    for heard in said:
        if "begin" in heard:
            under_way = heard["begin"]
        elif "done" in heard:
            assert under_way is not None
            steps = model.steps(under_way)
            if heard["done"] != (steps is not None):
                wrong.append(f"{under_way}: {heard} with {model.state()}")
            if steps is not None:
                model.documents = steps[-1].documents
            under_way = None
        elif "answered" in heard:
            for asked, text in heard["answered"].items():
                wrong += answered_wrong(model, asked, text)
    return (model.steps(under_way) if under_way is not None else None) or [model]


def answered_wrong(model: Model, asked: str, text: str) -> list[str]:
    """What is wrong with an answer: not the published edition's own, or of one that is not published."""
    good = {secret(edition): question(edition) for edition in model.answering()}
    word = text.rpartition("/")[2]
    if asked in good.values():
        return [] if good.get(word) == asked else [f"{asked}: {text!r} instead of its own"]
    return [] if not word or word in good else [f"{asked}: {text!r} does not answer any more"]


def test_kill_9_in_the_middle_of_writes_leaves_nothing_half(tmp_path: Path) -> None:
    seed = int(os.environ.get("TUANTUAN_SEED", random.randrange(1 << 30)))
    kills = 50 if FULL else 4
    print(f"TUANTUAN_SEED={seed}")
    chance = random.Random(seed)
    folder, files = tmp_path / "data", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    database = open_database(folder)
    migrate.upgrade(database)
    database.close()
    model = Model()
    editions: set[Edition] = set()
    chosen = AIMS if FULL else [aim for aim in AIMS if aim[1] in (WRITE, INDEX)]
    aims = [aim for _ in range(kills // len(chosen) + 1) for aim in chance.sample(chosen, len(chosen))][:kills]
    for document in range(1, 5):
        editions.add((document, 0))
        write(files, (document, 0), 3)
    worker = Worker(folder, files, tmp_path)
    wrong: list[str] = []
    lost: list[str] = []
    hit: Counter[str] = Counter()
    left = behind = asked = 0
    try:
        for kill in range(kills + 1):
            act, place = aims[kill] if kill < kills else ("add", ANYWHERE)
            for document in range(1, 5):
                edition = (document, kill + 1)
                write(files, edition, chance.choice(SIZES))
                editions.add(edition)
            newest = sorted(editions, key=lambda one: one[1])[-50:]
            questions = [question(one) for one in sorted({*newest, *model.answering()})]
            worker.places.clear()
            worker.tell(
                json.dumps({"seed": seed + kill, "act": act, "first": chance.randrange(1, 5), "asked": questions})
            )
            healed = worker.hear()
            asked += len(questions)
            wrong += healing(look(folder), model, healed)
            for one, text in zip(questions, healed["answers"], strict=True):
                wrong += answered_wrong(model, one, text)
            for kept in (folder, tmp_path / "tmp"):
                wrong += found_words(kept, {secret(one) for one in model.gone()})
            if kill == kills:
                break
            worker.tell("go")
            worker.aim(act, place, chance)
            steps = follow(model, worker.rest(), wrong)
            died, places = worker.where()
            hit[describe(died, places)] += 1
            sys.stderr.write(f"kill {kill}: aimed at {act}:{place}, died in {describe(died, places)}\n")
            found = look(folder)
            wrong += found.broken
            fitting = [one for one in steps if one.state() == found.state]
            if not fitting:
                lost.append(f"kill {kill} in {died}: {found.state} is none of {[one.state() for one in steps]}")
                break
            model = fitting[-1]
            left, behind = left + found.left, behind + found.behind
        said = worker.log.read_text("utf-8")
    finally:
        worker.close()
    in_write = sum(count for where, count in hit.items() if "write" in where)
    in_index = sum(count for where, count in hit.items() if "index" in where)
    print(f"{sum(hit.values())} kills: {in_write} within a transaction, {in_index} within a change of the index")
    print(f"where: {dict(sorted(hit.items()))}")
    print(f"{left} chunks left over and swept, {behind} vectors behind and mended; {asked} questions asked after kills")
    print(*lost, *wrong, sep="\n")
    print(f"lost: {len(lost)}, wrong: {len(wrong)}; {len(model.gone())} erased editions looked for in every byte")
    assert lost == []
    assert wrong == []
    assert not [one for one in editions if secret(one) in said], "no word of a document stands in the log"
    assert in_write + in_index >= kills * 0.5, "the kills must meet writes"


def describe(act: str, places: frozenset[int]) -> str:
    inside = [name for place, name in ((WRITE, "write"), (INDEX, "index"), (READ, "read")) if place in places]
    return f"{act or 'between'}:{'+'.join(inside) or 'else'}"


def healing(found: Look, model: Model, healed: dict[str, Any]) -> list[str]:
    """What is wrong once the next process has opened the directory."""
    wrong = list(found.broken)
    if found.state != model.state():
        wrong.append(f"healing changed the rows: {found.state} instead of {model.state()}")
    if healed["degraded"] or found.behind:
        wrong.append("the index is not what the rows say")
    if found.left:
        wrong.append("chunks of unfinished versions are left after the sweep")
    return wrong


def test_every_act_is_aimed_at() -> None:
    assert {act for act, _ in AIMS} == set(ACTS)
