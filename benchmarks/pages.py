"""How long pages take at size: 5,000 groups and 3 million residents, over HTTP on loopback against `serve`.

    python -m bot bench pages --json [--short] [--data DIR] [--groups N] [--residents N]

The directory `DIR/pages-<residents>` is filled once and kept, so that a second run only measures. Groups belong to one region,
the worst case of its manager's pages; its eight weeks are sealed, some groups have a month of messages and of points. Each page
is asked for one after the other by somebody of its role; milliseconds are from sending to the last byte, p50 and p95, beside what
the program used of the CPU for one answer, which says more where others use the machine too. The goal is p95 ≤ 50 ms; ``over``
lists what misses it.

Source: F115, F128.
"""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from sqlmodel import col, select

from benchmarks import history, seed
from benchmarks.checkin import note
from benchmarks.processes import cpu_seconds, resident_megabytes
from console import sessions
from console.auth import Area, Role, Visitor
from engagement.calendar import local_day, week_start
from engagement.region import rules, service
from prompts.loader import texts
from storage.columns import micros
from storage.engine import Session, open_database
from storage.entry import Login
from storage.groups import Group, Member, Person, Region, RoleGrant
from tests.platforms.serving import Served, serving

GOAL_MS = 50.0
USUAL = 1000
"""The command's default number of residents, which stands for the measurement's own."""
CALM = 5
"""Times that it has hardly used its processor within two seconds."""
ZONE = "Asia/Shanghai"
SLOT = re.compile(r'"(month:[^"]+)"')
GROUP = "/console/groups/{group}"
PLAN = "/console/calendar/{plan}"
DOCUMENT = "/console/knowledge/{document}"
ROUTES: dict[Role, tuple[str, ...]] = {
    Role.MANAGER: (
        "/console/region",
        "/console/region/groups",
        "/console/region/groups?sort=-messages&size=large&page=3",
        "/console/region/groups?q=99",
        "/console/region/groups/{group}",
        "/console/region/export?kind=csv",
        "/console/me",
    ),
    Role.LEADER: (
        "/console/today",
        "/console/groups",
        GROUP,
        f"{GROUP}/ledger",
        f"{GROUP}/ledger?q=Sample+resident+1",
        f"{GROUP}/ledger?kind=adjust",
        f"{GROUP}/ledger?least=100",
        f"{GROUP}/activities",
        f"{GROUP}/facts",
        "/console/me",
        "/console/knowledge",
        DOCUMENT,
        "/console/try",
        "/console/moderation",
        "/console/moderation?tab=done",
        "/console/moderation/words",
    ),
    Role.STAFF: (
        "/console/today",
        "/console/groups",
        "/console/groups?q=99",
        "/console/groups?q=nothing",
        "/console/scopes?q=99",
        "/console/groups?after=2500",
        GROUP,
        f"{GROUP}/ledger",
        "/console/knowledge",
        "/console/knowledge?q=fruit",
        "/console/knowledge/new",
        "/console/knowledge/new?kind=entry",
        "/console/knowledge/usage",
        "/console/knowledge/similar?question={question}",
        "/console/knowledge/works",
        DOCUMENT,
        f"{DOCUMENT}/care",
        f"{DOCUMENT}/entry?entry={{entry}}",
        f"{DOCUMENT}/preview",
        f"{DOCUMENT}/versions",
        "/console/gaps",
        "/console/gaps?rows=1",
        "/console/gaps/entries?q=fruit",
        "/console/golden",
        "/console/golden/suggest",
        "/console/try?q={question}",
        "/console/calendar",
        "/console/calendar?month={before}",
        "/console/calendar/new",
        "/console/calendar/days/{day}",
        "/console/calendar/days/{day}/group?group={group}",
        PLAN,
        f"{PLAN}/effects",
        f"{PLAN}/beats/1/preview",
        "/console/pushes",
        "/console/pushes?days=14",
        "/console/pushes/board",
        "/console/moderation",
        "/console/moderation?tab=appeals",
        "/console/moderation?tab=done",
        "/console/moderation/words",
        "/console/moderation/words/export",
        "/console/words?tab=topics",
        "/console/words?tab=theme",
        "/console/words?tab=changed",
        "/console/words/preview?slot={slot}",
    ),
    Role.ADMIN: (
        "/console/accounts",
        "/console/audit",
        "/console/audit?action=points.given",
        "/console/audit?person=7",
        "/console/audit?day={before}-15",
        "/console/region",
        "/console/region/groups",
    ),
    Role.RESIDENT: ("/h5", "/h5/points", "/h5/month", "/h5/mine", "/h5/family", "/h5/ask"),
}
"""What is measured, by who asks for it; without a role: the landing page and the sign-in."""
PUBLIC = ("/", "/login", "/offline", "/open", "/open/privacy")


# ------------------------------------------------------------------ the data


def fill(folder: Path, groups: int, residents: int) -> float:
    """Fill a folder, unless it is; returns seconds."""
    started = time.monotonic()
    seed.fill(folder, groups=groups, residents=residents)
    connection = sqlite3.connect(folder / "tuantuan.db", isolation_level=None)
    try:
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-262144"):
            connection.execute(f"PRAGMA {pragma}")
        if connection.execute("SELECT count(*) FROM region").fetchone()[0] == 0:
            connection.execute("BEGIN IMMEDIATE")
            _regional(connection, residents // groups)
            _heard(connection)
            history.History(connection, _today(), datetime.now(UTC)).write()
            connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        history.freshen(connection, _today(), datetime.now(UTC))
        connection.execute("COMMIT")
    finally:
        connection.close()
    return time.monotonic() - started


def _today() -> date:
    return local_day(datetime.now(UTC), ZONE)


def _regional(connection: sqlite3.Connection, each: int) -> None:
    """One region with all groups, and the closed weeks of each."""
    connection.execute("INSERT INTO region (id, name) VALUES (1, 'Sample region')")
    connection.execute("UPDATE chat_group SET region_id = 1")
    chance = random.Random(1)
    ids = [row[0] for row in connection.execute("SELECT id FROM chat_group ORDER BY id")]
    newest = week_start(_today()) - service.WEEK

    def rows() -> Iterator[tuple[object, ...]]:
        for back in range(rules.WEEKS):
            week = (newest - back * service.WEEK).isoformat()
            for group in ids:
                people = rules.in_fives(each)
                checked = chance.randrange(0, max(1, each // 2))
                asked, gaps = chance.randrange(12), chance.randrange(8)
                messages = checked * chance.randrange(1, 30)
                behind = rules.behind_share(checked, each)
                yield (group, week, 1, people, each, checked, behind, messages, checked, asked, asked, gaps, gaps)

    connection.executemany(f"INSERT INTO group_week VALUES ({', '.join('?' * 13)})", rows())


def _heard(connection: sqlite3.Connection) -> None:
    """Messages of a month in the first groups."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    chance = random.Random(2)
    groups = [one for (one,) in connection.execute("SELECT id FROM chat_group WHERE id <= ?", (history.BUSY,))]
    connection.executemany(
        "INSERT INTO group_hour (group_id, hour, messages) VALUES (?, ?, ?)",
        (
            (group, micros(now - timedelta(hours=hour)), chance.randrange(1, 40))
            for group in groups
            for hour in range(24 * history.DAYS)
        ),
    )


def _people(session: Session, now: datetime) -> tuple[dict[Role, tuple[str, Area]], int]:
    """Seal the region's weeks and make one of each role; returns their sessions and the leader's group."""
    newest = week_start(_today()) - service.WEEK
    for back in range(rules.WEEKS):
        service.seal(session, service.Due(1, newest - back * service.WEEK, {}), now)
    group = session.get_one(Group, 1)
    assert session.get_one(Region, 1).id == group.region_id
    first, second = list(session.exec(select(Member).where(Member.group_id == 1).order_by(col(Member.id)).limit(2)))
    first.role = "leader"
    people = {Role.LEADER: first.person_id, Role.RESIDENT: second.person_id}
    for role in (Role.MANAGER, Role.STAFF, Role.ADMIN):
        made = Person(created_at=now)
        session.add(made)
        session.flush()
        people[role] = made.id or 0
        session.add(Login(person_id=people[role], name=f"bench-{role.value}-{people[role]}", made_at=now))
        region = 1 if role is Role.MANAGER else None
        session.add(RoleGrant(person_id=people[role], role=role.value, region_id=region, granted_at=now))
    session.flush()
    found = {}
    for role, person in people.items():
        area = Area.H5 if role is Role.RESIDENT else Area.CONSOLE
        who = Visitor(role, person, "", strong=True, region_id=1 if role is Role.MANAGER else None)
        found[role] = (sessions.begin(session, now, area, who, "bench"), area)
    return found, 1


# ------------------------------------------------------------------ the measurement


async def _settled(served: Served, seconds: float) -> None:
    """Wait until the program is at rest: at the start it plans for every group, and a little later opens the base's index."""
    until = time.monotonic() + seconds
    calm = 0
    while time.monotonic() < until:
        before = cpu_seconds(served.process.pid)
        await asyncio.sleep(2.0)
        calm = calm + 1 if cpu_seconds(served.process.pid) - before < 0.2 else 0
        if calm == CALM:
            return
    note("pages: the program is still at work")


async def _world(client: httpx.AsyncClient, folder: Path, group: int) -> dict[str, str | int]:
    """Return what stands in addresses; the base and the ready year came when the program first started."""
    connection = sqlite3.connect(f"file:{folder / 'tuantuan.db'}?mode=ro", uri=True)
    plan = "SELECT min(id) FROM calendar_plan WHERE key NOT LIKE 'bench-%'"
    try:
        found: dict[str, str | int] = {"group": group, "document": 1, "plan": connection.execute(plan).fetchone()[0]}
        entry = "SELECT c.entry FROM chunk c JOIN document_version v ON v.id = c.version_id WHERE v.document_id = 1"
        found["entry"] = connection.execute(entry).fetchone()[0]
    finally:
        connection.close()
    today = _today()
    found["day"], found["before"] = today.isoformat(), f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
    found["question"] = quote(texts().raw("console_bench.example_2"))
    slot = SLOT.search((await client.get("/console/words?tab=theme&month=11")).text)
    assert slot is not None
    found["slot"] = quote(slot.group(1))
    return found


async def _page(client: httpx.AsyncClient, pid: int, path: str, times: int) -> dict[str, float | int]:
    taken = []
    size = 0
    cpu = cpu_seconds(pid)
    for turn in range(times + 2):
        started = time.perf_counter()
        answer = await client.get(path)
        milliseconds = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code}")
        size = len(answer.content)
        if turn >= 2:
            taken.append(milliseconds)
    taken.sort()
    p95 = taken[min(len(taken) - 1, round(len(taken) * 0.95))]
    cpu = (cpu_seconds(pid) - cpu) / (times + 2) * 1000
    return {
        "p50_ms": round(taken[len(taken) // 2], 1),
        "p95_ms": round(p95, 1),
        "cpu_ms": round(cpu, 1),
        "kilobytes": size >> 10,
    }


async def measure(folder: Path, times: int, rest: float) -> dict[str, Any]:
    """Measure every page of the list in a filled folder."""
    now = datetime.now(UTC)
    database = open_database(folder)
    people, group = database.write_now(lambda session: _people(session, now))
    database.close()
    result: dict[str, Any] = {}
    settings = {"BOT_LOG_LEVEL": "WARNING"}
    async with serving(folder, settings, channels="web", seconds=180) as served:
        await _settled(served, rest)
        jobs: list[tuple[str, dict[str, str], tuple[str, ...]]] = [("public", {}, PUBLIC)]
        jobs += [(role.value, {people[role][1].cookie: people[role][0]}, paths) for role, paths in ROUTES.items()]
        staff, area = people[Role.STAFF]
        async with httpx.AsyncClient(base_url=served.url, cookies={area.cookie: staff}, timeout=60) as client:
            world = await _world(client, folder, group)
        for who, cookies, paths in jobs:
            async with httpx.AsyncClient(base_url=served.url, cookies=cookies, timeout=60) as client:
                for path in paths:
                    name = f"{who} {path}"
                    result[name] = await _page(client, served.process.pid, path.format(**world), times)
                    one = result[name]
                    note(f"pages: {name}: p50 {one['p50_ms']} ms, p95 {one['p95_ms']} ms, CPU {one['cpu_ms']} ms")
        megabytes = resident_megabytes(served.process.pid)
    over = [name for name, one in result.items() if one["p95_ms"] > GOAL_MS]
    return {"pages": result, "goal_ms": GOAL_MS, "over": over, "rss_mb": round(megabytes)}


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure; a short run has 200 groups and 20,000 residents.

    Args:
        data: where the filled folder is kept.
        groups: 0 = the measurement's own number.
        residents: :data:`USUAL` = the measurement's own number.
    """
    groups = groups or (200 if short else 5000)
    residents = (20_000 if short else 3_000_000) if residents == USUAL else max(residents, groups * 2)
    folder = data / f"pages-{residents}"
    folder.mkdir(parents=True, exist_ok=True)
    filled = fill(folder, groups, residents)
    size = (folder / "tuantuan.db").stat().st_size
    sys.stderr.write(f"pages: {groups} groups, {residents} residents, {size / 1e6:.0f} MB, filled in {filled:.0f} s\n")
    found = asyncio.run(measure(folder, 20 if short else 40, 20 if short else 120))
    return {
        "groups": groups,
        "residents": residents,
        "filled_seconds": round(filled, 1),
        "megabytes": size >> 20,
        **found,
    }
