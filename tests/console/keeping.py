"""The console over an open knowledge base with a few entries in it, for the tests of its pages."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlmodel import select
from starlette.testclient import TestClient

from bot.main import Program
from console.app import Console, create_app
from console.works import Works
from engagement.clocks import SetClock
from knowledge import ingest
from knowledge.answer import Scope, Sight
from knowledge.answering import Answering, open_answering
from knowledge.settings import DocumentSettings, KnowledgeSettings
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person, RoleGrant
from tests import run_folder
from tests.bot.channels.test_sim import open_simulator

SECRET = "a secret of the tests, long enough"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
NOW = datetime(2026, 11, 19, 23, 20, tzinfo=UTC)
ENTRIES: list[dict[str, Any]] = [
    {
        "id": "pickup",
        "question": "几点能提货？",
        "aliases": ["什么时候可以拿货"],
        "answer": "下午三点到八点。",
        "category": "提货",
    },
    {
        "id": "spoiled",
        "question": "草莓烂了能退吗？",
        "aliases": ["水果坏了怎么办"],
        "answer": "拍照发群里，当天退。",
        "category": "售后",
    },
    {
        "id": "points",
        "question": "积分会过期吗？",
        "aliases": ["积分有效期"],
        "answer": "积分不会过期。",
        "category": "积分",
    },
]


class Desk:
    """A browser of a member of staff in front of the pages."""

    def __init__(self, client: TestClient, program: Program, answering: Answering, folder: Path) -> None:
        self.client, self.program, self.answering, self.folder = client, program, answering, folder
        self.group = 0

    @property
    def works(self) -> Works:
        """What does the long work."""
        found: Works = self.client.app.state.works  # type: ignore[attr-defined]
        return found

    def token(self) -> str:
        found = CSRF.search(self.client.get("/").text)
        assert found is not None
        return found.group(1)

    def sign_in(self, who: str) -> None:
        answer = self.client.post(f"/demo/{who}", data={"csrf": self.token()})
        assert answer.status_code == 303

    def get(self, path: str, status: int = 200, **params: str) -> str:
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == status, (path, answer.status_code)
        return answer.text

    def post(self, path: str, **data: str) -> Any:
        return self.client.post(path, data={"csrf": self.token(), **data})

    def do(self, deed: str, **fields: str) -> str:
        """Do a deed and return the page after it."""
        answer = self.post("/console/knowledge/do", deed=deed, **fields)
        assert answer.status_code == 303, answer.status_code
        return self.get(answer.headers["location"])

    def person(self) -> int:
        """Who is signed in."""
        found = self.read(
            lambda session: session.exec(select(RoleGrant.person_id).where(RoleGrant.role == "staff")).first()
        )
        assert found is not None
        return int(found)

    def read(self, look: Any) -> Any:
        return self.program.database.read_now(look)

    def write(self, change: Any) -> Any:
        return self.program.database.write_now(change)

    def add(
        self, rows: list[dict[str, Any]], name: str = "faq.jsonl", *, publish: bool = True, scope: str = "all"
    ) -> int:
        path = self.folder / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        label = ingest.Label(name, scope)
        added = ingest.add(self.program.database, path, now=NOW, label=label, publish=publish)
        self.answering.reload()
        return added.document


def group(session: Session, name: str = "阳光花园") -> int:
    """A group with a leader and a neighbour."""
    row = Group(channel="sim", external_id=name, name=name, created_at=NOW)
    session.add(row)
    session.flush()
    for person_name, role in (("李团长", "leader"), ("王阿姨", "member")):
        person = Person(created_at=NOW)
        session.add(person)
        session.flush()
        assert person.id is not None
        session.add(Member(group_id=row.id or 0, person_id=person.id, name=person_name, role=role, joined_at=NOW))
    session.flush()
    return row.id or 0


def asked(session: Session, group_id: int, *texts: str) -> list[int]:
    """Questions that nobody could answer."""
    rows = [Question(group_id=group_id, text=text, asked_at=NOW) for text in texts]
    session.add_all(rows)
    session.flush()
    return [row.id or 0 for row in rows]


def sight() -> Sight:
    """What a neighbour of no group in particular sees."""
    return Scope().sight(NOW)


def colleague(session: Session) -> None:
    """A second member of staff."""
    person = Person(created_at=NOW)
    session.add(person)
    session.flush()
    session.add(RoleGrant(person_id=person.id or 0, role="staff", granted_at=NOW))
    session.flush()


def only_region(session: Session, person_id: int, region_id: int) -> None:
    """Make a member of staff one of a region alone."""
    for row in session.exec(select(RoleGrant).where(RoleGrant.person_id == person_id)):
        row.region_id = region_id
        session.add(row)
    session.flush()


def sample_leader(session: Session, group_id: int) -> None:
    """Give the group's leader an account of the simulator, so that the demo door finds her."""
    member = session.exec(select(Member).where(Member.group_id == group_id, Member.role == "leader")).one()
    session.add(Identity(channel="sim", external_id="leader", person_id=member.person_id, name=member.name))
    session.flush()


@cache
def _filled() -> Path:
    folder = run_folder.path() / f"entries-{os.getpid()}"
    folder.mkdir()
    with opened(folder) as desk:
        desk.add(ENTRIES)
    return folder


@contextlib.contextmanager
def with_entries(folder: Path, **more: Any) -> Iterator[Desk]:
    """The same over an installation that has the entries; they are taken in once and copied."""
    shutil.copytree(_filled(), folder, dirs_exist_ok=True)
    with opened(folder, **more) as desk:
        yield desk


@contextlib.contextmanager
def opened(folder: Path, *, urls: bool = False, answers: bool = True, **more: Any) -> Iterator[Desk]:
    """The pages over an installation in a folder: a new one, or one that is there."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    program, simulator = open_simulator(data, SetClock(NOW))
    answering = open_answering(program.database, data, KnowledgeSettings(), DocumentSettings(urls=urls))
    given = answering if answers else None
    if "desk" in more:
        more["desk"] = more["desk"](program)
    console = Console(program.database, program.clock, given, SECRET, demo=True, works=data / "works", **more)
    app = create_app(console)
    try:
        with TestClient(app, follow_redirects=False) as client:
            yield Desk(client, program, answering, folder)
    finally:
        answering.close()
        simulator.close()
        program.close()
