"""What a declared policy does by itself: the group that a path names, and who looked at personal data."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI, Request
from sqlmodel import select
from starlette.testclient import TestClient

from console import policy
from console.app import Console, create_app
from console.auth import Area, Role
from console.policy import Allow
from engagement.clocks import SetClock
from storage import migrate
from storage.audit import AuditRow
from storage.engine import Database, Session, open_database
from storage.groups import Group, Identity, Member, Person, Region, RoleGrant
from tests.console.browsers import Browser
from tests.console.doors import come_as

NOW = datetime(2026, 11, 19, 3, 20, tzinfo=UTC)


@pytest.fixture
def database(data_dir: Path) -> Iterator[Database]:
    database = open_database(data_dir)
    migrate.upgrade(database)
    database.write_now(_people)
    yield database
    database.close()


def _people(session: Session) -> None:
    for name in ("south", "north"):
        session.add(Region(name=name))
    for _ in range(3):
        session.add(Person(created_at=NOW))
    session.flush()
    for number, region in ((1, 1), (2, 2)):
        session.add(Group(channel="sim", external_id=str(number), region_id=region, created_at=NOW))
    session.flush()
    session.add(Member(group_id=1, person_id=1, role="leader", joined_at=NOW))
    session.add(Member(group_id=2, person_id=1, role="leader", joined_at=NOW, left_at=NOW))
    session.add(Member(group_id=1, person_id=2, joined_at=NOW))
    for person in (1, 2):
        session.add(Identity(person_id=person, channel="sim", external_id=str(person)))
    for person, role, place in ((3, "staff", None), (3, "admin", None), (3, "manager", 2), (2, "manager", None)):
        session.add(RoleGrant(person_id=person, role=role, region_id=place, granted_at=NOW))


def application(database: Database) -> FastAPI:
    app = create_app(Console(database, SetClock(NOW), None, "a secret of the tests, long enough", demo=True))

    async def shown(request: Request) -> dict[str, int]:
        return {"group": request.state.group.id}

    seen = {"reads": "ledger.viewed"}
    app.get("/g/{group_id}", dependencies=[Depends(Allow(Area.CONSOLE, policy.ANYBODY_SIGNED_IN, **seen))])(shown)  # type: ignore[arg-type]
    app.get("/r/{group_id}", dependencies=[Depends(Allow(Area.H5, policy.RESIDENT, **seen))])(shown)  # type: ignore[arg-type]
    return app


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    with Browser(application(database), follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    ("role", "person", "path", "own", "foreign"),
    [
        (Role.STAFF, 3, "g", [1, 2], [3]),
        (Role.ADMIN, 3, "g", [1, 2], [3]),
        (Role.LEADER, 1, "g", [1], [2, 3]),
        (Role.MANAGER, 3, "g", [2], [1, 3]),
        (Role.MANAGER, 2, "g", [], [1, 2]),
        (Role.RESIDENT, 2, "r", [1], [2]),
        (Role.RESIDENT, 1, "r", [1], [2]),
    ],
)
def test_a_group_in_the_path_is_the_visitors_own_or_not_there(
    client: TestClient, database: Database, role: Role, person: int, path: str, own: list[int], foreign: list[int]
) -> None:
    come_as(client, database, role, person)
    assert [client.get(f"/{path}/{group}").json() for group in own] == [{"group": group} for group in own]
    assert {client.get(f"/{path}/{group}").status_code for group in [*foreign, "x", "-1", "9" * 30, "１"]} == {404}


def test_who_looked_is_written_before_it_is_shown(client: TestClient, database: Database) -> None:
    come_as(client, database, Role.LEADER, 1)
    assert client.get("/g/1").status_code == 200
    assert client.get("/g/2").status_code == 404
    rows = database.read_now(lambda s: list(s.exec(select(AuditRow))))
    assert [(row.action, row.actor_id, row.group_id) for row in rows] == [("ledger.viewed", 1, 1)]
    assert '"page": "/g/{group_id}"' in rows[0].details


def test_what_cannot_be_written_is_not_shown(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULTS E11."""

    def broken(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("storage.audit.record", broken)
    come_as(client, database, Role.LEADER, 1)
    answer = client.get("/g/1")
    assert answer.status_code == 503
    assert "暂时看不了" in answer.text


def test_a_page_about_a_group_is_never_open_to_all(database: Database) -> None:
    app = application(database)
    assert policy.undeclared(app) == []
    app.get("/open/{group_id}", dependencies=[Depends(Allow())])(lambda: "")
    app.get("/open/{group_id:int}/x", dependencies=[Depends(Allow())])(lambda: "")
    assert policy.undeclared(app) == ["/open/{group_id}", "/open/{group_id:int}/x"]


def test_personal_data_is_not_public() -> None:
    with pytest.raises(ValueError, match="personal"):
        Allow(reads="ledger.viewed")


def test_the_sets_hold_what_they_say() -> None:
    assert policy.LEADERS > policy.STAFF > policy.ADMIN
    assert Role.MANAGER not in policy.LEADERS
    assert set(Role) == policy.ANYBODY_SIGNED_IN | policy.RESIDENT


@pytest.mark.parametrize("header", [True, False])
def test_nobody_fills_the_disk_or_the_memory(database: Database, client: TestClient, header: bool) -> None:
    """What everybody may send is bounded, also with the token in the header: no files, a few fields, a megabyte."""
    token = client.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    headers, form = ({"X-CSRF-Token": token}, {}) if header else ({}, {"csrf": token})

    def chunks() -> Iterator[bytes]:
        yield f"csrf={token}&back=".encode()

    assert client.post("/large", headers=headers, data=form).status_code == 303
    assert client.post("/large", headers=headers, data=form, files={"f": ("x", b"x")}).status_code == 400
    assert client.post("/large", headers=headers, data={**form, "f": ["x"] * 100}).status_code == 400
    assert client.post("/large", headers=headers, data={**form, "f": ["x" * 300_000] * 4}).status_code == 413
    plain = {"content-type": "application/x-www-form-urlencoded", **headers}
    assert client.post("/large", headers=plain, content=chunks()).status_code == 411
