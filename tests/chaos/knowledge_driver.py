"""Adds, sends, publishes, rolls back, rebuilds, removes, restores and erases without end, until it is killed.

``python -m tests.chaos.knowledge_driver DIRECTORY FILES PLACES`` imports everything once; for each line on its standard
input (``Turn``) it makes a child, which opens the directory, heals it, says so, waits for a line, and acts until it is
killed. ``PLACES`` is a file that both sides map: it says where the child is, and outlives it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import mmap
import os
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import func, select

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from engagement.curation import files as sending
from engagement.curation.access import Curator
from engagement.errors import Refusal
from knowledge import incoming, loaders, requests, scratch, sweeping
from knowledge.answer import Scope
from knowledge.answering import Answering, open_answering
from knowledge.embedding import WordVectorEmbedder
from knowledge.errors import KnowledgeRefusal
from knowledge.generation import Generation
from knowledge.index import VectorIndex
from knowledge.loaders.blocks import Entry, Loaded
from knowledge.settings import KnowledgeSettings
from storage.documents import Document
from storage.engine import open_database
from storage.writer import ThreadWriter
from tests.chaos.knowledge_model import ACTS

STAFF = Curator(1, True, None, "all")
WRITE, INDEX, READ = range(3)
"""Bytes of ``PLACES`` that are 1 while a transaction is open, the vector index is changed, or a sent file is read."""
ACT, TIMES, SIZE = 8, 16, 64
"""Bytes from which on the number of the act stands, and how often each place was entered in it (a byte each)."""


HANGS = 60.0
"""Seconds after which a child that still lives tells where it is."""


class Places:
    """Where the child is, in memory that outlives it.

    Args:
        path: Of ``SIZE`` bytes; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    def begin(self, act: int) -> None:
        """An act begins; 0 = none is under way."""
        self._map[TIMES : TIMES + 3] = bytes(3)
        self._map[ACT] = act

    def entered(self, place: int) -> int:
        """How often a place was entered in this act, 255 at most."""
        return self._map[TIMES + place]

    def inside(self, place: int) -> bool:
        """Whether it is there."""
        return bool(self._map[place])

    @property
    def act(self) -> str:
        """The act under way, empty = none."""
        return ("", *ACTS)[self._map[ACT]]

    def clear(self) -> None:
        """Forgets what the last child left."""
        self._map[:SIZE] = bytes(SIZE)

    def marked(self, place: int, action: Callable[..., Any]) -> Callable[..., Any]:
        """The same action, seen from outside."""

        def act(*arguments: Any, **named: Any) -> Any:
            outer = self._map[place]
            self._map[TIMES + place] = min(255, self._map[TIMES + place] + 1)
            self._map[place] = 1
            try:
                return action(*arguments, **named)
            finally:
                self._map[place] = outer

        return act


def read(path: Path) -> Loaded:
    """A file of entries, read here and not in a child: the kills are for what is written."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Loaded(
        title=rows[0]["aliases"][0],
        entries=[Entry(row["id"], row["question"], row["answer"], row["aliases"]) for row in rows],
    )


def watch(places: Places, files: Path) -> None:
    """Marks the places in the product's own functions, and takes in the files of ``files`` without a child."""
    ThreadWriter._batch = places.marked(WRITE, ThreadWriter._batch)  # type: ignore[method-assign]
    for owner, name in (
        (Generation, "add"),
        (Generation, "remove"),
        (Generation, "finished"),
        (VectorIndex, "rebuild"),
    ):
        setattr(owner, name, places.marked(INDEX, getattr(owner, name)))
    whole = places.marked(READ, loaders.load)
    loaders.load = lambda path, progress=None: read(path) if path.parent == files else whole(path)


TOLD = os.dup(1) if __name__ == "__main__" else 1
"""Where the other side listens; what the product logs goes to standard error instead."""


def say(**values: Any) -> None:
    """One line, out of the process before anything else happens."""
    os.write(TOLD, (json.dumps(values, ensure_ascii=False) + "\n").encode())


def answers(answering: Answering, asked: list[str]) -> list[str]:
    """What each question is answered, empty = not."""
    found = []
    for question in asked:
        answer = asyncio.run(answering.ask_within(question, Scope(), now=datetime.now(UTC)))
        found.append(answer.text if answer.decision == "answered" else "")
    return found


def send(answering: Answering, path: Path) -> dict[str, Any]:
    """A file as the chat takes it in: fetched, read in the real child process, a draft afterwards."""

    content = path.read_bytes()

    async def fetch(media_id: str, most: int) -> bytes:
        return content

    sent = sending.Sent(STAFF, path.name, "1", fetch, answering.database, "all", "", datetime.now(UTC), "kb_file:1")
    found = asyncio.run(sending.work(sent))
    if found.refusal is not None:
        raise Refusal(found.refusal.key)
    assert found.added is not None
    return {"id": found.added.document}


BEFORE = {"publish": "send", "rollback": "add", "restore": "remove", "remove": "add", "erase": "add"}
"""What is done to the same document before an act that is aimed at, so that it is seldom refused."""


def act(
    answering: Answering, what: str, chance: random.Random, files: list[Path], places: Places, identity: int = 0
) -> int:
    """One act on a document, of the last ones if none is named; told before and after, and what is answered next."""
    newest = answering.database.read_now(lambda session: session.exec(select(func.max(Document.id))).one()) or 0
    path = chance.choice(files)
    edition = json.loads(path.read_text("utf-8").partition("\n")[0])["edition"]
    told: dict[str, Any] = {"act": what, "id": identity or chance.randrange(max(1, newest - 4), newest + 2)}
    if what in ("add", "send"):
        told |= {"name": path.name, "edition": edition, "publish": what == "add" and chance.random() < 0.6}
    say(begin=told)
    places.begin(1 + ACTS.index(what))
    try:
        if what == "send":
            found = send(answering, path)
        else:
            request = {"action": what, "id": told["id"], "confirmed": True, "publish": told.get("publish")}
            request["paths"] = [str(path)]
            found = asyncio.run(requests.handle(answering, request, datetime.now(UTC)))
        identity = found["added"][0]["document"] if what == "add" else found.get("id", 0)
        say(done=True)
    except (KnowledgeRefusal, Refusal) as refusal:
        say(done=False, key=refusal.key)
    places.begin(0)
    asked = [edition["question"]] if what in ("add", "send") else []
    say(answered=dict(zip(asked, answers(answering, asked), strict=True)))
    return identity


def live(folder: Path, files: Path, turn: dict[str, Any], places: Places) -> None:
    """A child's life; one that hangs says where before the other side gives up."""
    faulthandler.dump_traceback_later(HANGS)
    chance = random.Random(turn["seed"])
    database = open_database(folder)
    answering = open_answering(database, folder, KnowledgeSettings())
    answering.reload()
    sweeping.sweep(database, before=datetime.now(UTC) + timedelta(hours=1))
    scratch.sweep()
    say(pid=os.getpid(), degraded=answering.base.degraded, answers=answers(answering, turn["asked"]))
    sys.stdin.readline()
    chosen = sorted(files.iterdir())
    for _ in range(turn["first"]):
        act(answering, chance.choice(ACTS), chance, chosen, places)
    while True:
        before = BEFORE.get(turn["act"])
        identity = act(answering, before, chance, chosen, places) if before and chance.random() < 0.8 else 0
        act(answering, turn["act"], chance, chosen, places, identity)


def main(folder: Path, files: Path, marks: Path) -> None:
    """Makes a child for each line."""
    import chromadb  # noqa: F401  (imported once for all children)
    import langchain_chroma  # noqa: F401

    os.dup2(2, 1)
    WordVectorEmbedder().embed(["暖一下"])
    list(incoming.rows_of(read(min(files.iterdir())), Path("x.jsonl"), "UTC"))
    places = Places(marks)
    watch(places, files)
    tempfile.tempdir = os.environ["TMPDIR"]
    say(ready=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(folder, files, json.loads(line), places)
            os._exit(0)
        say(status=os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
