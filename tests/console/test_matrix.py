"""Every route × six identities × own and other group: what docs/roles.md says is what happens.

The table is read from the written document and not from the code; a second, hand-written list says which roles may be let into a
room at all, so that a page which declares too much is noticed too.

Source: FAULTS E1, E4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from starlette.routing import Mount
from starlette.testclient import TestClient

from bot.main import Program
from bot.pages import Pages
from console import demo
from console.auth import Area, Role
from console.navigation import ROOMS as ROOMS_OF_THE_MENU
from storage.engine import Database, Session
from storage.groups import Group, Member, Region
from tests.console.browsers import Browser
from tests.console.doors import come_as
from tests.console.entering import LIVED as NOW

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| \**(GET|POST|PUT|PATCH|DELETE)\** \| `([^`]+)` \| ([^|]+) \| ([^|]*) \| ([^|]*) \|")
ROLES = {"居民": Role.RESIDENT, "团长": Role.LEADER, "区域经理": Role.MANAGER, "运营": Role.STAFF, "管理员": Role.ADMIN}
SIGNS_OUT = {"/logout", "/console/me/role"}

STAFF = {Role.STAFF, Role.ADMIN}
LEADERS = STAFF | {Role.LEADER}
ROOMS: tuple[tuple[str, set[Role]], ...] = (
    ("/console/accounts", {Role.ADMIN}),
    ("/console/audit", {Role.ADMIN}),
    ("/console/me", LEADERS | {Role.MANAGER}),
    ("/console/region", {Role.MANAGER, Role.ADMIN}),
    ("/console/calendar", STAFF),
    ("/console/pushes", STAFF),
    ("/console/moderation", LEADERS),
    ("/console/words", STAFF),
    ("/console/gaps", STAFF),
    ("/console/golden", STAFF),
    ("/console/knowledge", LEADERS),
    ("/console/", LEADERS),
    ("/console", LEADERS | {Role.MANAGER}),
    ("/h5", {Role.RESIDENT}),
)
"""Path's beginning → who may be let in there at most, the first that fits; written by hand."""
PUBLIC = {"/", "/login", "/login/code", "/demo/{who}", "/logout", "/large", "/theme", "/manifest.webmanifest", "/offline",
          "/sw.js", "/enter/{token}", "/door/wechat", "/h5/in/{key}", "/open", "/open/privacy"}  # fmt: skip
"""Everything that needs no session; written by hand."""

LINKED = {room.path for room in ROOMS_OF_THE_MENU} | {"/console/me", "/h5"}
"""What is linked on every page, with nothing behind the path: it is there for whoever may open it."""

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.timeout(300), pytest.mark.untraced]


@dataclass(frozen=True)
class Line:
    """A row of the document."""

    method: str
    path: str
    roles: frozenset[Role]
    demo_only: bool

    @property
    def area(self) -> Area:
        return Area.H5 if self.path.startswith("/h5") else Area.CONSOLE


def lines() -> list[Line]:
    found = []
    for row in ROW.finditer((ROOT / "docs/roles.md").read_text("utf-8")):
        method, path, who, _scope, _noted = row.groups()
        names = who.replace("（只在本机演示）", "").strip().split("、")
        roles = frozenset(ROLES[name] for name in names if name in ROLES)
        assert roles or names == ["不用登录"]
        found.append(Line(method, path, roles, "演示" in who))
    return found


LINES = lines()


@dataclass
class World:
    """The composed application, one person of each role, an own group and another one."""

    app: Any
    database: Database
    people: dict[Role, int]
    own: int
    other: int


@pytest.fixture(scope="module")
def world(community: Program) -> World:
    program = community
    mount = Pages(program, sim=False, web=True).routes()[-1]
    assert isinstance(mount, Mount)

    def people(session: Session) -> tuple[dict[Role, int], int, int]:
        found = {role: demo.person(session, role, "", NOW) or 0 for role in Role}
        leader = session.exec(select(Member).where(Member.person_id == found[Role.LEADER], Member.role == "leader"))
        own = leader.first()
        assert own is not None
        resident = session.exec(
            select(Member).where(Member.group_id == own.group_id, Member.role == "member", Member.name != "")
        ).first()
        assert resident is not None
        found[Role.RESIDENT] = resident.person_id
        north = Region(name="another region")
        session.add(north)
        session.flush()
        other = Group(channel="sim", external_id="other", name="other", region_id=north.id, created_at=NOW)
        session.add(other)
        session.flush()
        return found, own.group_id, other.id or 0

    found, own, other = program.database.write_now(people)
    return World(mount.app, program.database, found, own, other)


def filled(path: str, group: int) -> str:
    """A path with something in the place of its parameters."""
    known = {"group_id": str(group), "who": "leader", "token": "x" * 43, "day": "2026-11-20", "person_id": "999999"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: known.get(name.group(1), "999999"), path)


def ask(world: World, line: Line, role: Role | None, group: int, headers: dict[str, str] | None = None) -> Any:
    """Ask as somebody; returns the answer."""
    with Browser(world.app, follow_redirects=False, raise_server_exceptions=False) as client:
        if role is not None:
            come_as(client, world.database, role, world.people[role], demo=True)
        sent = {} if headers is None else headers
        if line.method != "GET" and headers is None:
            sent = {"x-csrf-token": token(client)}
        return client.request(line.method, filled(line.path, group), headers=sent)


def token(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/login").text)
    assert found is not None
    return found.group(1)


def to_login(answer: Any) -> bool:
    return bool(answer.status_code == 303 and answer.headers["location"].startswith("/login?"))


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.method} {line.path}")
def test_the_policy_that_is_written_is_what_happens(world: World, line: Line) -> None:
    for role in (None, *Role):
        for group in (world.own, world.other) if "{group_id" in line.path else (world.own,):
            answer = ask(world, line, role, group)
            where = (role, group == world.own, answer.status_code, answer.headers.get("location"))
            if not line.roles:
                assert answer.status_code not in (401, 403) or line.path == "/login", where
                assert not to_login(answer), where
                continue
            mine = role is not None and (role is Role.RESIDENT) == (line.area is Area.H5)
            if not mine:
                assert to_login(answer), where
            elif role not in line.roles:
                assert answer.status_code == 403, where
            elif group == world.other and "{group_id" in line.path and role not in STAFF:
                assert answer.status_code == 404, where
            else:
                assert answer.status_code not in (401, 403), where
                assert not to_login(answer), where
                assert answer.status_code < 500, where
                if line.path in LINKED:
                    assert answer.status_code != 404, where


@pytest.mark.parametrize(
    "line", [one for one in LINES if one.method != "GET"], ids=lambda line: f"{line.method} {line.path}"
)
def test_nothing_is_changed_without_the_pages_own_token(world: World, line: Line) -> None:
    """No token, another browser's token, the right token from another site."""
    role = next((one for one in Role if one in line.roles), None)
    with Browser(world.app, follow_redirects=False) as other:
        foreign = token(other)
    assert ask(world, line, role, world.own, {}).status_code == 403
    assert ask(world, line, role, world.own, {"x-csrf-token": foreign}).status_code == 403
    for origin in ("https://elsewhere.example", "null", "https://testserver.elsewhere.example"):
        with Browser(world.app, follow_redirects=False) as client:
            if role is not None:
                come_as(client, world.database, role, world.people[role], demo=True)
            sent = {"x-csrf-token": token(client), "origin": origin}
            assert client.request(line.method, filled(line.path, world.own), headers=sent).status_code == 403, origin
            sent = {"x-csrf-token": token(client), "sec-fetch-site": "cross-site"}
            assert client.request(line.method, filled(line.path, world.own), headers=sent).status_code == 403


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.method} {line.path}")
def test_a_room_lets_in_no_more_than_it_should(line: Line) -> None:
    if line.path in PUBLIC:
        assert not line.roles
        return
    allowed = next((roles for start, roles in ROOMS if line.path.startswith(start)), None)
    assert allowed is not None, f"{line.path}: say in ROOMS who may be let in"
    assert line.roles, line.path
    assert line.roles <= allowed, line.path


def test_sample_doors_are_closed_in_production() -> None:
    assert [line.path for line in LINES if line.demo_only] == ["/demo/{who}"]


def test_whoever_shows_names_or_points_says_so() -> None:
    """Pages that show residents of a group are noted in the trail; this list only grows."""
    written = (ROOT / "docs/roles.md").read_text("utf-8")
    noted = {row.group(2) for row in ROW.finditer(written) if row.group(5).strip()}
    assert {"/console/accounts", "/console/audit", "/console/audit/export"} <= noted
    assert {path for path in noted if not path.startswith("/console")} == set()
