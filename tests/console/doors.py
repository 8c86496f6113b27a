"""A house for tests of the doors: people, accounts, a clock that is set; and browsers that are in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyotp
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from console import passwords, second, sessions
from console.app import Console, create_app
from console.auth import Area, Role, Signer, Visitor, cookie_name
from console.outside import Outside
from engagement.clocks import SetClock
from engagement.entry import accounts
from engagement.kernel import Reply
from storage import entry
from storage.audit import AuditRow
from storage.engine import Database, Session
from storage.entry import Login
from storage.groups import Group, Identity, Member, Person, Region
from tests.console.browsers import Browser

NOW = datetime(2026, 11, 19, 3, 20, tzinfo=UTC)
SECRET = "a secret of the tests, long enough"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
PASSWORD = "correct horse battery"
SITE = "https://testserver"


def come_as(
    client: TestClient, database: Database, role: Role, person: int, *, strong: bool = False, demo: bool = False
) -> str:
    """Begin a session of a person and put its token into the client's cookies; returns the token."""
    console = client.app.state.console  # type: ignore[attr-defined]
    now: datetime = console.clock.now()
    area = Area.H5 if role is Role.RESIDENT else Area.CONSOLE

    def write(session: Session) -> str:
        _held, region = sessions.standing(session, person, role)
        who = Visitor(role, person, "", demo=demo, strong=strong, region_id=region)
        return sessions.begin(session, now, area, who, "Chrome")

    token = database.write_now(write)
    client.cookies.update({cookie_name(area.cookie, https=console.https): token})
    return token


def people(session: Session) -> None:
    """1 leads group 1 and is in 2; 2 is a resident of group 1."""
    session.add(Region(name="south"))
    for _ in range(2):
        session.add(Person(created_at=NOW))
    session.flush()
    for number in (1, 2):
        session.add(Group(channel="sim", external_id=str(number), name=f"g{number}", created_at=NOW))
    session.flush()
    for person, group, role in ((1, 1, "leader"), (1, 2, "member"), (2, 1, "member")):
        session.add(Member(group_id=group, person_id=person, role=role, name=f"邻居{person}", joined_at=NOW))
    for person in (1, 2):
        session.add(Identity(person_id=person, channel="sim", external_id=str(person), dm_open=True))


@cache
def _stored() -> str:
    """PASSWORD as an account keeps it; at full cost, once."""
    return passwords.hashed(PASSWORD)


class House:
    """The application with a clock that is set, and what was said in private."""

    def __init__(self, database: Database, *, demo: bool = False, outside: Outside | None = None) -> None:
        self.database = database
        self.clock = SetClock(NOW)
        self.told: list[tuple[int, int | None, Reply]] = []

        async def tell(person: int, group: int | None, reply: Reply) -> None:
            self.told.append((person, group, reply))

        self.app: FastAPI = create_app(
            Console(
                database, self.clock, None, SECRET, demo=demo, https=True, public_url=SITE, outside=outside, tell=tell
            )
        )

    def browser(self) -> TestClient:
        return Browser(self.app, SITE, follow_redirects=False)

    def account(self, name: str, role: str = "staff", region: str = "") -> int:
        """An account with a password; returns its person."""

        def write(session: Session) -> int:
            accounts.add(session, name, NOW, by=None, role=role, region=region)
            login = accounts.found(session, name)
            login.password = _stored()
            session.add(login)
            return login.person_id

        return self.database.write_now(write)

    def with_second(self, name: str, role: str = "staff") -> tuple[int, str, list[str]]:
        """An account with a second step; returns its person, the secret and the recovery codes."""
        person = self.account(name, role, "south")
        secret, codes, signer = second.new_secret(), second.new_codes(), Signer(SECRET)

        def write(session: Session) -> None:
            login = session.get_one(Login, person)
            login.second, login.second_since = second.sealed(signer, person, secret), NOW
            login.recovery = [second.code_hash(signer, person, one) for one in codes]
            session.add(login)

        self.database.write_now(write)
        return person, secret, codes

    def actions(self) -> list[str]:
        return self.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow).order_by("id"))])

    def code(self, secret: str) -> str:
        return pyotp.TOTP(secret).at(self.clock.now())


def token(client: TestClient, path: str = "/login") -> str:
    """The token of a browser's forms."""
    found = CSRF.search(client.get(path).text)
    assert found is not None
    return found.group(1)


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **more: str) -> Any:
    """Try a name and a password."""
    return client.post("/login", data={"csrf": token(client), "name": name, "password": password, **more})


def link(house: House, purpose: str, person: int, group: int | None = None) -> str:
    """Make a link for somebody; returns its path."""
    made = house.database.write_now(lambda s: entry.make_link(s, purpose, person, house.clock.now(), group_id=group))
    return f"/enter/{made}"
