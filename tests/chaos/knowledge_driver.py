"""Adds, publishes, rolls back, rebuilds, removes, restores and erases without end, until it is killed.

``python -m tests.chaos.knowledge_driver DIRECTORY FILES SEED``; prints the name of each act before it begins.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from knowledge import loaders, requests
from knowledge.answering import open_answering
from knowledge.errors import KnowledgeRefusal
from knowledge.loaders.blocks import Entry, Loaded
from knowledge.settings import KnowledgeSettings
from storage.engine import open_database

ACTS = ("add", "add", "add", "add", "publish", "rollback", "rebuild", "remove", "restore", "erase")


def read(path: Path) -> Loaded:
    """A file of entries, read here and not in a child: the kills are for what is written."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Loaded(entries=[Entry(row["id"], row["question"], row["answer"], row["aliases"]) for row in rows])


def act(folder: Path, files: Path, seed: int) -> None:
    """Acts until killed."""
    chance = random.Random(seed)
    database = open_database(folder)
    answering = open_answering(database, folder, KnowledgeSettings())
    answering.reload()
    print("ready", flush=True)
    chosen = sorted(files.iterdir())
    loaders.load = lambda path, progress=None: read(path)
    while True:
        what = chance.choice(ACTS)
        request = {"action": what, "id": chance.randrange(1, 6), "confirmed": True}
        if what == "add":
            request |= {"paths": [str(chance.choice(chosen))], "publish": chance.random() < 0.5}
        print(what, flush=True)
        try:
            asyncio.run(requests.handle(answering, request, datetime.now(UTC)))
        except KnowledgeRefusal:
            continue


if __name__ == "__main__":
    act(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
