"""What people with bad intent type, in every field, query and path of every route: no fault, no script, nowhere else, at once.

The strings are those of the shared folder; without it the tests say that they were skipped. Each string meets every kind of
place; with `make chaos` every string goes into every single place, which takes its time.

Source: FAULTS D1-D6, E4.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount
from starlette.testclient import TestClient

from bot.main import Program
from bot.pages import Pages
from console import demo
from console.auth import Area, Role
from console.policy import policy_of, routes_of
from storage.engine import Session
from storage.groups import Group, Member
from tests.console.browsers import Browser
from tests.console.doors import come_as
from tests.console.entering import LIVED as NOW
from tests.full import FULL, part

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.timeout(1800), pytest.mark.untraced]
EACH = 8
"""Strings that a place meets when not all of them do; the next place meets the next ones."""
SLOWEST = 1.0
"""Seconds of the processor, since others work on this machine too."""
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
SETTLED = {"/logout", "/console/me/role", "/console/me/sessions", "/h5/mine/sessions", "/console/me/password"}
"""Acts that would end the session that the test goes on with."""
FIELDS = (
    "name", "text", "say", "back", "q", "question", "answer", "texts", "scope", "group", "day", "time", "title", "other",
    "word", "how", "role", "region", "code", "password", "person", "slot", "topic", "act", "beat", "press", "key", "about",
)  # fmt: skip
"""Names of fields that forms of these pages have; a form is sent with all of them at once."""
QUERIES = (
    "q", "group", "state", "kind", "tab", "month", "day", "slot", "topic", "scope", "person", "action", "after", "before",
    "since", "until", "least", "most", "size", "sort", "lamp", "region", "page", "entry", "version", "question", "back", "to",
    "code", "state",
)  # fmt: skip
WORDS = {"value", "placeholder", "title", "alt", "aria-label", "data-label", "data-confirm"}
"""Attributes that are read and never followed."""
ONCE = re.compile(r'(name="(?:csrf|key)" value=")[\w-]+')
"""What is another on each page that is else the same: read once then."""
JS = re.compile(r"^\s*(?:javascript|vbscript|data:text/html)", re.IGNORECASE)


@pytest.fixture(scope="module")
def strings(shared: Path) -> list[str]:
    folder = shared / "data" / "abuse" / "web"
    if not folder.is_dir():
        pytest.skip("no data/abuse/web in the shared folder")
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return list(part(list(dict.fromkeys(json.loads(line)["text"] for line in lines)), 2))


class World:
    """The composed application, and a browser of each role."""

    def __init__(self, app: Any, clients: Mapping[Role | None, TestClient], group: int) -> None:
        self.app, self.clients, self.group = app, clients, group
        self.tokens = {role: token(client) for role, client in clients.items()}


def token(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/login").text)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def world(community: Program) -> Iterator[World]:
    program = community
    mount = Pages(program, sim=False, web=True).routes()[-1]
    assert isinstance(mount, Mount)
    people = program.database.write_now(lambda s: {role: demo.person(s, role, "", NOW) or 0 for role in Role})
    clients: dict[Role | None, TestClient] = {}
    for role in (None, *Role):
        clients[role] = Browser(mount.app, follow_redirects=False, raise_server_exceptions=False)
        if role is not None:
            come_as(clients[role], program.database, role, people[role], demo=True)
    yield World(mount.app, clients, 1)
    for client in clients.values():
        client.close()


# ---------------------------------------------------------------- what is looked for


class Scripts(HTMLParser):
    """Finds what would run on a page that should hold none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        own = str(given.get("src") or "").startswith("/static/") or given.get("type") == "application/json"
        if tag == "script" and not own:
            self.found.append(f"<script> {given}")
        if tag in ("iframe", "object", "embed", "base", "frame", "applet", "style"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            is_followed = name not in WORDS and value and JS.match(value)
            if name.startswith("on") or name in ("style", "srcdoc") or is_followed:
                self.found.append(f"<{tag} {name}={str(value)[:60]!r}>")


def runs(text: str) -> list[str]:
    return _runs(ONCE.sub(r"\1", text))


@lru_cache(maxsize=256)
def _runs(text: str) -> list[str]:
    parser = Scripts()
    parser.feed(text)
    return parser.found


def wrong(answer: Any, seconds: float) -> list[str]:
    """What is wrong with an answer to something bad."""
    found = []
    if answer.status_code >= 500 and answer.status_code != 503:
        found.append(f"status {answer.status_code}")
    if seconds > SLOWEST:
        found.append(f"{seconds:.1f} s")
    location = answer.headers.get("location", "")
    own = location.removeprefix("http://testserver")
    if location and (not own.startswith("/") or re.match(r"/[/\\\t\r\n]", own)):
        found.append(f"leads to {location[:80]!r}")
    if "html" in answer.headers.get("content-type", ""):
        found += runs(answer.text)
    return found


@pytest.mark.parametrize(
    "planted",
    [
        "<p><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href=' javascript:alert(1)'>x</a>",
        "<iframe src=/x>",
        "<svg/onload=alert(1)>",
        '<script src="//elsewhere/x.js"></script>',
    ],
)
def test_what_would_run_is_noticed(planted: str) -> None:
    assert runs(planted)
    assert not runs('<script defer src="/static/x.js"></script><p>&lt;script&gt;</p><a href="/x?q=javascript:1">x</a>')


# ---------------------------------------------------------------- every place


def places(world: World) -> Iterator[tuple[str, str, Role | None]]:
    """Yield (method, path, who may) of every route."""
    for route in routes_of(world.app.routes):
        if isinstance(route, APIRoute) and route.path not in SETTLED:
            policy = policy_of(route)
            assert policy is not None
            roles = [role for role in (Role.LEADER, Role.STAFF, Role.ADMIN, Role.MANAGER, Role.RESIDENT)
                     if role in policy.roles]  # fmt: skip
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, route.path, roles[0] if roles and policy.area in (Area.CONSOLE, Area.H5) else None


def filled(path: str, world: World, text: str | None) -> str:
    """A path with something in the place of its parameters: what there is, or a bad string in each."""
    known = {
        "group_id": str(world.group),
        "who": "nobody",
        "day": "2026-11-20",
        "room": "ledger",
        "act": "x",
        "how": "x",
    }
    return PARAMETER.sub(
        lambda found: known.get(found.group(1), "1") if text is None else quote(text[:300], safe="") or "x", path
    )


def ask(world: World, method: str, path: str, who: Role | None, **more: Any) -> list[str]:
    start = time.process_time()
    headers = {} if method == "GET" else {"x-csrf-token": world.tokens[who]}
    answer = world.clients[who].request(method, path, headers=headers, **more)
    return wrong(answer, time.process_time() - start)


def shares(strings: list[str], count: int) -> list[list[str]]:
    """Deal the strings out to so many places: all to each, or to each the next few, until all have been."""
    if FULL:
        return [strings] * count
    each = max(EACH, -(-len(strings) // max(count, 1)))
    going = cycle(strings)
    return [list(islice(going, each)) for _ in range(count)]


def requests(share: list[str]) -> int:
    """How many it takes: each carries nine strings or more, so that half as many bring each string several times."""
    return len(share) if FULL else -(-len(share) // 2)


def complain(found: Mapping[str, list[str]]) -> None:
    lines = [f"{where}: {sorted(set(what))[:4]}" for where, what in found.items() if what]
    assert not lines, "\n" + "\n".join(lines[:40])


def test_in_every_query(world: World, strings: list[str]) -> None:
    asked = [(path, who) for method, path, who in places(world) if method == "GET"]
    found: dict[str, list[str]] = {}
    for (path, who), share in zip(asked, shares(strings, len(asked)), strict=True):
        going = cycle(share)
        for first in range(requests(share)):
            query = (
                {name: next(going) for name in QUERIES[first % 2 :: 2]}
                if not FULL
                else dict.fromkeys(QUERIES, share[first])
            )
            found.setdefault(path, []).extend(ask(world, "GET", filled(path, world, None), who, params=query))
    complain(found)


def test_in_every_path(world: World, strings: list[str]) -> None:
    asked = [one for one in places(world) if PARAMETER.search(one[1])]
    found: dict[str, list[str]] = {}
    for (method, path, who), share in zip(asked, shares(strings, len(asked)), strict=True):
        for text in share:
            found.setdefault(path, []).extend(ask(world, method, filled(path, world, text), who))
    complain(found)


def test_in_every_field(world: World, strings: list[str]) -> None:
    asked = [one for one in places(world) if one[0] != "GET"]
    found: dict[str, list[str]] = {}
    for (method, path, who), share in zip(asked, shares(strings, len(asked)), strict=True):
        going = cycle(share)
        for first in range(requests(share)):
            form = {name: next(going) for name in FIELDS[first % 3 :: 3][:19]}
            found.setdefault(path, []).extend(ask(world, method, filled(path, world, None), who, data=form))
    complain(found)


def test_what_is_kept_is_shown_as_words(world: World, strings: list[str]) -> None:
    """As names of neighbours and groups, and as questions that wait."""
    database = world.app.state.console.database
    chosen = [text for text in strings if "<" in text][:60]

    def plant(session: Session) -> None:
        group = session.get_one(Group, world.group)
        group.name = chosen[0][:60]
        session.add(group)
        for number, text in enumerate(chosen):
            row = session.get(Member, number + 1)
            if row is not None:
                row.name = text[:32]
                session.add(row)

    before = database.read_now(lambda s: {row: s.get(Member, row).name for row in range(1, 61) if s.get(Member, row)})
    name = database.read_now(lambda s: s.get_one(Group, world.group).name)
    database.write_now(plant)
    found: dict[str, list[str]] = {}
    for method, path, who in places(world):
        if method == "GET":
            found[path] = ask(world, "GET", filled(path, world, None), who)

    def mend(session: Session) -> None:
        session.get_one(Group, world.group).name = name
        for row, was in before.items():
            session.get_one(Member, row).name = was

    database.write_now(mend)
    complain(found)


def test_a_scope_that_is_none_is_nobodys(world: World) -> None:
    for scope in ("http://elsewhere.example", "group:x", "region:٣", "a:b", ":", "group:" + "9" * 40):
        for path in ("/console/knowledge/new", "/console/knowledge", "/console/words", "/console/moderation/words"):
            assert not ask(world, "GET", path, Role.STAFF, params={"scope": scope, "kind": "entry"}), (path, scope)
